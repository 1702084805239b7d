"""Hand over to a specialist: whom, why, and everything known in one file."""

from pydantic import Field

from mcp_server.core.outcome import Coverage, Outcome, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.record import required
from mcp_server.surface.telling import Told, tell
from mcp_server.surface.verb import Verb


class Params(Parameters):
    """Whose trouble it is."""

    area: str | None = Field(
        None, max_length=40, description="Area of forms/escalation.md; default: what the incident speaks of"
    )
    incident: str | None = Field(None, max_length=40, description="Incident (INC-n); default: the only open one, else the last")


VERB = Verb(
    summary="Which specialist to bring in, and the bundle for them: state, findings, ruled out, dark, timeline. Sends nothing.",
    group="incident",
    examples=({}, {"area": "database"}),
)


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Raises BadInput with the areas for one that does not exist."""
    incident = required(session.ledger, params.incident, closed_too=True)
    asking.incident = incident.id
    return tell(session, asking, "hand_off", params, lambda: _hand_off(session, params, incident.id), incident.target)


def _hand_off(session: Session, params: Params, name: str) -> Told:
    from mcp_server.incident.escalation import fitting, matrix, row_of
    from mcp_server.incident.gates import standing
    from mcp_server.incident.handoff import spoken, write
    from mcp_server.incident.record import find

    incident = find(session.ledger, name)
    fit = fitting(matrix(session)[0], spoken(standing(session, incident)))
    row = row_of(session, params.area) if params.area else fit[0]
    path = write(session, incident, row)
    return Told(
        statements=(
            Statement(text="bring in {who}: {why}", values={"who": row.who, "why": row.why}),
            Statement(text="the bundle is in {path}; nothing was sent", values={"path": str(path)}),
        ),
        coverage=Coverage(looked=("the incident's record", "forms/escalation.md")),
        data={"area": row.area, "who": row.who, "path": str(path)},
    )  # fmt: skip
