"""The timeline of an incident."""

import time
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, StringConstraints

from mcp_server.core.clock import When, now
from mcp_server.core.outcome import Coverage, Outcome, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.record import Incident, required
from mcp_server.surface.verb import Verb

if TYPE_CHECKING:
    from mcp_server.incident.happening import Happening
    from mcp_server.incident.timeline_view import View

Name = Annotated[str, StringConstraints(min_length=1, max_length=300)]


class Params(Parameters):
    """Which incident, which part of its story, in which form."""

    incident: str | None = Field(None, max_length=40, description="Incident (INC-n); default: the only open one, else the last")
    answers: bool = Field(False, description="Also list when each question was answered")
    sources: tuple[Name, ...] = Field((), max_length=20, description="Only these: git, packages, a diagnostic, a log's path …")
    kinds: tuple[Name, ...] = Field(
        (), max_length=8, description="Only these: change log alert finding action incident note answer"
    )
    component: str | None = Field(None, max_length=300, description="Only what names it")
    since: When | None = Field(None, description="Nothing older")
    until: When | None = Field(None, description="Nothing newer")
    severity: Literal["info", "warning", "critical"] | None = Field(None, description="Findings at least so severe")
    format: Literal["text", "markdown", "html", "svg"] = Field("text", description="html, svg: written to the reports folder")
    limit: int = Field(40, ge=1, le=500, description="At most so many lines, the newest ones")
    budget: int = Field(12_000, ge=500, le=50_000, description="Characters the answer may have")
    cursor: str | None = Field(None, max_length=4_096, description="From the last answer: goes on with the older lines")


VERB = Verb(
    summary="Changes, log onsets, findings, alerts, actions and notes in one order, UTC, with evidence and clock doubt.",
    group="diagnose",
    examples=({}, {"kinds": ["change", "log"], "since": "2h"}, {"format": "html"}),
)


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Fold the ledger."""
    from mcp_server.incident.timeline_page import Filters, filtered, kinds_of, page, statements
    from mcp_server.incident.timeline_view import clock_statements, view

    started = time.monotonic()
    incident = required(session.ledger, params.incident, closed_too=True)
    wanted = Filters(
        sources=params.sources, kinds=kinds_of(params.kinds), component=params.component, since=params.since,
        until=params.until, severity=params.severity,
    )  # fmt: skip
    whole = view(session, incident, looks=params.answers or "answer" in wanted.kinds)
    kept = filtered(whole.story, wanted)
    part = page(kept, wanted, limit=params.limit, budget=params.budget, cursor=params.cursor, incident=incident.id)
    said = list(clock_statements(whole.clocks))
    data: dict[str, object] = {
        "timeline": [item.as_data() for item in part.shown], "left_out": part.older + part.newer, "cursor": part.cursor,
        "events": len(whole.story), "matching": len(kept), "clocks": [item.model_dump(mode="json") for item in whole.clocks],
    }  # fmt: skip
    if params.format in ("html", "svg"):
        data["file"], told = _written(session, incident, whole, kept, params.format)
        said.append(told)
    elif params.format == "markdown":
        from mcp_server.incident.timeline_forms import table

        data["markdown"] = table(part.shown, first=part.older + 1)
        said += [item for item in statements(part) if item.evidence == () and "{count}" in item.text]
        said.append(Statement(text="as a markdown table", quotes=(str(data["markdown"]),)))
    else:
        said += statements(part)
    if not kept and whole.story:
        said.append(Statement(text="nothing of {count} happenings passes these filters", values={"count": len(whole.story)}))
    if whole.known.changes_outcome is None:
        said.append(Statement(text="changes were not looked for yet; triage or what_changed does"))
    return Outcome(
        name="timeline", target=incident.target, verdict="unknown" if whole.blind else "ok", at=now(),
        coverage=Coverage(looked=("ledger",), blind=whole.blind), incident=incident.id, statements=tuple(said),
        took_ms=round((time.monotonic() - started) * 1000, 1), data=data,
        budget=params.budget if params.format == "markdown" else None,
    )  # fmt: skip


def _written(session: Session, incident: Incident, whole: "View", kept: "list[Happening]", form: str) -> tuple[str, Statement]:
    """The drawing below `state_dir/reports`, replaced as a whole; its digest goes into the ledger."""
    import hashlib
    from pathlib import Path

    from mcp_server.incident.report import replace_file
    from mcp_server.incident.timeline_forms import as_page, as_svg

    text = (as_page if form == "html" else as_svg)(whole, kept)
    data = text.encode("utf8", "backslashreplace")
    path = Path(session.settings.state_dir, "reports", f"{incident.id}-timeline.{form}")
    replace_file(path, data)
    digest = hashlib.sha256(data).hexdigest()
    session.ledger.append("timeline.written", {"sha256": digest, "file": path.name}, incident=incident.id)
    return str(path), Statement(text="written: {path}", values={"path": str(path)})
