"""Keeps what a healthy host consists of, so that `diff_snapshot` can say later what is different."""

from typing import Annotated

from pydantic import Field, StringConstraints

from mcp_server.core.address import SPELLED
from mcp_server.core.errors import BadInput
from mcp_server.core.outcome import Outcome, Statement, Suggestion
from mcp_server.core.parameters import Parameters
from mcp_server.core.text import amount
from mcp_server.engine.places import can_ask, resolve
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.record import current
from mcp_server.surface.telling import Told, tell
from mcp_server.surface.verb import Verb

VERB = Verb(
    summary="Keep a healthy state (packages, units, files' digests, sysctl, ports, certificates …) in one file",
    group="record",
    tool=False,
    examples=({}, {"name": "before-release-42", "folders": ["/srv/shop"]}),
)

Absolute = Annotated[str, StringConstraints(pattern=r"^/[^\x00]*$", max_length=4_096)]


class Params(Parameters):
    """What to keep, and under which name."""

    name: str | None = Field(
        None, max_length=61, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="File name; default: place and time"
    )
    target: str = Field("local", max_length=300, description=SPELLED)
    service: str | None = Field(None, max_length=60, description="Declared service, for its folders")
    folders: tuple[Absolute, ...] = Field((), max_length=20, description="Further folders of files to compare")
    pythons: tuple[Absolute, ...] = Field((), max_length=20, description="Virtual environments")


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Writes below the state folder. Raises BadInput for a place that cannot be looked at, or a name that is taken."""
    from mcp_server.engine.snapshot import keep, take
    from mcp_server.engine.what_changed import scope_of

    place = resolve(params.target, session.settings.read, session.settings.logs, session.redactor)
    if not can_ask(("local",), place):
        raise BadInput(f"`target` is a {place.where.kind} place; snapshots are taken of local places and recordings of them")
    service = session.service(params.service)
    scope = scope_of(session.settings.services[service] if service else None, service, params.folders, params.pythons)
    asking.incident, notice = current(session.ledger, None)

    def work() -> Told:
        taken, coverage, evidence = take(session, place, scope, asking)
        name = params.name or f"{place.where.kind}-{taken.at:%Y%m%dT%H%M%S}.{taken.at.microsecond // 1000:03d}Z"
        path, size = keep(session, taken, name)
        kept = Statement(
            text="snapshot {name} of {target} kept in {path} ({size} bytes)",
            values={"name": name, "target": place.address, "path": str(path), "size": size},
        )
        counts = tuple(
            Statement(
                text="{part}: {items}" + ("" if part.whole else ", not all of them"),
                values={"part": kind, "items": amount(len(part.items), "thing")}, evidence=part.evidence[:12],
            )
            for kind, part in taken.parts.items()
        )  # fmt: skip
        again = Suggestion(tool="diff_snapshot", arguments={"name": name})
        return Told(
            statements=(kept, *counts), coverage=coverage, evidence=evidence, next=(again,),
            data={"name": name, "path": str(path), "items": {kind: len(part.items) for kind, part in taken.parts.items()}},
        )  # fmt: skip

    outcome = tell(session, asking, "snapshot", params, work, place.address)
    return outcome.model_copy(update={"notice": notice}) if notice else outcome
