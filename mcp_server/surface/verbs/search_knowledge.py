"""Search what is known before looking for it anew."""

from typing import Literal

from pydantic import Field

from mcp_server.core.outcome import Coverage, Outcome, Statement, Suggestion, Value
from mcp_server.core.parameters import Parameters
from mcp_server.core.text import is_safe_argument
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.knowledge_index import Hit
from mcp_server.incident.record import current
from mcp_server.surface.telling import Told, tell
from mcp_server.surface.verb import Verb


class Params(Parameters):
    """What is wrong, in anybody's words."""

    text: str = Field(
        min_length=2,
        max_length=8_000,
        description="Exact error text first; else a symptom, a service, a change: anybody's words",
    )
    source: Literal["playbook", "incident", "runbook", "commit", "trouble"] | None = Field(
        None, description="Only these; default: all"
    )
    limit: int = Field(8, ge=1, le=50, description="At most so many hits")


VERB = Verb(
    summary="Has this been seen before? Playbooks, incidents, runbooks, commits and known troubles, each hit with its reason.",
    group="incident",
    examples=(
        {"text": "FATAL: sorry, too many clients already"},
        {"text": "checkout is slow since the release", "source": "playbook"},
    ),
)


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Bring the index up to date, then search it."""
    asking.incident, notice = current(session.ledger, None)
    outcome = tell(session, asking, "search_knowledge", params, lambda: _search(session, params, asking), "knowledge")
    return outcome.model_copy(update={"notice": notice}) if notice and asking.incident else outcome


def _search(session: Session, params: Params, asking: Asking) -> Told:
    from mcp_server.incident.knowledge import named_services, refreshed

    index, blind = refreshed(session, asking)
    try:
        about = named_services(session, params.text)
        text = " ".join((params.text, *about))
        hits = index.search(text, limit=params.limit, sources=(params.source,) if params.source else ())
        counts = {source: len(index.states(source)) for source in ("playbook", "incident", "runbook", "commit", "trouble")}
    finally:
        index.close()
    looked = tuple(f"{count} {source}s" for source, count in counts.items() if count)
    empty = tuple(f"{source}s" for source, count in counts.items() if not count)
    statements = [_told(hit) for hit in hits]
    if not hits:
        statements.append(Statement(text="nothing known shares a telling word with it"))
    return Told(
        statements=tuple(statements), coverage=Coverage(looked=looked, empty=empty, blind=blind), next=tuple(_next(hits)),
        data={"hits": [hit.model_dump(mode="json") for hit in hits], "services": list(about)},
    )  # fmt: skip


def _told(hit: Hit) -> Statement:
    values: dict[str, Value] = {"source": hit.source, "name": hit.name, "title": hit.title, "where": hit.where}
    reasons: list[str] = []
    for key, items, text in (
        ("phrases", hit.phrases[:3], "it lists {phrases}"),
        ("run", (hit.run,) if hit.run else (), "its text holds {run}"),
        ("words", hit.words[:8], "shares {words}"),
        ("ideas", hit.ideas[:5], "speaks of {ideas}"),
        ("read", tuple(f"{word} as {near}" for word, near in hit.read_as.items())[:3], "reading {read}"),
    ):
        if items:
            values[key] = ", ".join(items)
            reasons.append(text)
    return Statement(text="{source} {name}: {title} (" + "; ".join(reasons) + "); read {where}", values=values)


def _next(hits: list[Hit]) -> list[Suggestion]:
    first = next((hit for hit in hits if hit.source == "playbook"), None)
    return [Suggestion(tool="triage", arguments={"playbook": first.name})] if first and is_safe_argument(first.name) else []
