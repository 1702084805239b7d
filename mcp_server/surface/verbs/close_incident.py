"""Close an incident."""

from pydantic import Field

from mcp_server.core.clock import now, stamp
from mcp_server.core.outcome import Outcome, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.engine.session import Asking, Session
from mcp_server.incident import record
from mcp_server.surface.verb import Verb


class Params(Parameters):
    """How it ended."""

    summary: str = Field(min_length=10, max_length=4_000, description="What happened, what ended it, what remains to be done")
    incident: str | None = Field(None, max_length=40, description="Incident (INC-n); default: the only open one")


VERB = Verb(
    summary="Close an incident with a summary; refused while the quality gate is not met, unless a person skipped it.",
    group="incident",
    examples=({"summary": "module added to the requirements, deployed, service answers 200"},),
)


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Raises BadInput naming what the quality gate misses; a person alone may close all the same (`skip_gate.py quality`)."""
    from mcp_server.core.errors import BadInput
    from mcp_server.incident.gates import QUALITY, standing, unmet_checks
    from mcp_server.incident.recurrence import recurrence
    from mcp_server.incident.stages import SKIP, skipped

    incident = record.required(session.ledger, params.incident)
    gaps = () if incident.closed else unmet_checks(session, standing(session, incident))
    if gaps and not skipped(session.ledger, incident, QUALITY):
        raise BadInput(
            f"{incident.id} cannot be closed: {'; '.join(gaps)}",
            f"meet it; or a person closes it all the same, with a reason: {SKIP} {QUALITY}, then this again",
        )
    closed = record.close_incident(session, incident, params.summary, gaps)
    at = closed.closed or now()
    said = Statement(
        text="{incident} closed at {at} after {minutes} min",
        values={"incident": closed.id, "at": stamp(at), "minutes": round((at - closed.opened).total_seconds() / 60, 1)},
    )
    again = recurrence(session.ledger, closed)
    return Outcome(
        name="close_incident", target=closed.target, verdict="ok", at=now(), incident=closed.id,
        statements=(
            said, *(Statement(text="closed all the same, a person skipped the gate: " + item) for item in gaps),
            *([again.told()] if again else []),
        ),
        data={"incident": closed.model_dump(mode="json"), "missing": list(gaps)},
    )  # fmt: skip
