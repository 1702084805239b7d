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
    summary="Close an incident with a summary; warns when the quality gate is not met.",
    group="incident",
    examples=({"summary": "module added to the requirements, deployed, service answers 200"},),
)


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Close; what the quality gate misses is kept with the closing and said."""
    from mcp_server.incident.gates import standing, unmet_checks

    incident = record.required(session.ledger, params.incident)
    gaps = unmet_checks(session, standing(session, incident))
    closed = record.close_incident(session, incident, params.summary, gaps)
    at = closed.closed or now()
    said = Statement(
        text="{incident} closed at {at} after {minutes} min",
        values={"incident": closed.id, "at": stamp(at), "minutes": round((at - closed.opened).total_seconds() / 60, 1)},
    )
    return Outcome(
        name="close_incident", target=closed.target, verdict="ok", at=now(), incident=closed.id,
        statements=(said, *(Statement(text="quality gate: " + item) for item in gaps)),
        data={"incident": closed.model_dump(mode="json"), "missing": list(gaps)},
    )  # fmt: skip
