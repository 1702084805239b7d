"""The timeline of an incident."""

from pydantic import Field

from mcp_server.core.clock import now
from mcp_server.core.outcome import Outcome, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.record import required
from mcp_server.surface.verb import Verb


class Params(Parameters):
    """Which incident, and how much."""

    incident: str | None = Field(None, max_length=40, description="Incident (INC-n); default: the only open one, else the last")
    answers: bool = Field(False, description="Also list when each question was answered")
    limit: int = Field(40, ge=1, le=500, description="At most so many lines, the newest ones")


VERB = Verb(
    summary="Changes, findings, notes and the record in one order, UTC, with evidence.",
    group="diagnose",
    examples=({}, {"answers": True}),
)


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Fold the ledger."""
    from mcp_server.incident.answers import answers
    from mcp_server.incident.timeline import lines, timeline

    incident = required(session.ledger, params.incident, closed_too=True)
    known = answers(session.ledger, incident, session.catalog.diagnostics)
    story = timeline(incident, known, looks=params.answers)
    shown = story[-params.limit :]
    said = list(lines(shown))
    if left := len(story) - len(shown):
        said.insert(0, Statement(text="{count} earlier lines are not shown; raise limit", values={"count": left}))
    if known.changes_outcome is None:
        said.append(Statement(text="changes were not looked for yet; triage or what_changed does"))
    return Outcome(
        name="timeline", target=incident.target, verdict="ok", at=now(), incident=incident.id, statements=tuple(said),
        data={"timeline": [item.model_dump(mode="json") for item in shown], "left_out": left},
    )  # fmt: skip
