"""Triage an incident."""

from pydantic import Field

from mcp_server.core.outcome import Outcome
from mcp_server.core.parameters import Parameters
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.record import required
from mcp_server.surface.fit import brief, fit
from mcp_server.surface.verb import Verb


class Params(Parameters):
    """Which incident, and optionally by which playbook."""

    incident: str | None = Field(None, max_length=40, description="Incident (INC-n); default: the only open one")
    service: str | None = Field(None, max_length=60, description="Declared service; default: the incident's, else the only one")
    symptom: str | None = Field(
        None, max_length=200, description="Words that pick the playbook, such as: 502; default: the title"
    )
    playbook: str | None = Field(None, max_length=60, description="Run this playbook and nothing else")


VERB = Verb(
    summary="Ask everything the fitting playbook asks, at once; then what changed; then the probable cause.",
    group="diagnose",
    examples=({}, {"symptom": "502"}),
)


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Plan, ask, explain; the answer is shortened to the limit, and says so."""
    from mcp_server.incident import triage as work

    incident = required(session.ledger, params.incident)
    doing = work.plan(session, incident, service=params.service, symptom=params.symptom, playbook=params.playbook)
    outcome, _ = work.triage(session, doing, asking)
    return fit(brief(outcome), session.settings.limits.answer_chars)
