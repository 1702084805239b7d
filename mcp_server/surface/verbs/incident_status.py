"""Where an incident stands."""

from pydantic import Field

from mcp_server.core.clock import now
from mcp_server.core.outcome import Outcome, Statement, Suggestion
from mcp_server.core.parameters import Parameters
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.record import required
from mcp_server.surface.verb import Verb


class Params(Parameters):
    """Which incident."""

    incident: str | None = Field(None, max_length=40, description="Incident (INC-n); default: the only open one, else the last")


VERB = Verb(
    summary="Where an incident stands, in ten lines: cause, stages, clock, next update, whom to bring in, what is missing.",
    group="incident",
)


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Fold the ledger."""
    from mcp_server.incident.escalation import clock
    from mcp_server.incident.gates import standing, unmet_checks
    from mcp_server.incident.handoff import spoken, ten_lines

    incident = required(session.ledger, params.incident, closed_too=True)
    stands = standing(session, incident)
    time = clock(session, incident, spoken(stands))
    said = ten_lines(session, incident, stands, time)
    if incident.summary:
        said.append(Statement(text="closed with: {summary}", values={"summary": incident.summary}))
    gaps = unmet_checks(session, stands)
    said += [Statement(text="missing before it can be closed: " + item) for item in gaps]
    after = () if incident.state == "closed" else (Suggestion(tool="report" if stands.known.triage else "triage"),)
    return Outcome(
        name="incident_status", target=incident.target, verdict="ok", at=now(), incident=incident.id, statements=tuple(said),
        next=after,
        data={
            "incident": incident.model_dump(mode="json"), "missing": list(gaps), "clock": time.model_dump(mode="json"),
        },
    )  # fmt: skip
