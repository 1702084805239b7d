"""A message about the incident, drafted from facts for one audience. It sends nothing."""

from typing import Literal

from pydantic import Field

from mcp_server.core.outcome import Outcome, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.record import required
from mcp_server.surface.telling import Told, tell
from mcp_server.surface.verb import Verb


class Params(Parameters):
    """For whom."""

    audience: Literal["engineers", "leadership", "support", "legal"] = Field("engineers", description="Who reads it")
    incident: str | None = Field(None, max_length=40, description="Incident (INC-n); default: the only open one, else the last")


VERB = Verb(
    summary="Draft the next message to engineers, leadership, support or legal: facts only, no promised times. Sends nothing.",
    group="incident",
    examples=({"audience": "leadership"},),
)


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Draft, and note that an update was drafted: the update clock starts anew."""
    incident = required(session.ledger, params.incident, closed_too=True)
    asking.incident = incident.id
    return tell(session, asking, "draft_update", params, lambda: _draft(session, params, incident.id), incident.target)


def _draft(session: Session, params: Params, name: str) -> Told:
    from mcp_server.core.outcome import Coverage
    from mcp_server.incident.communication import draft
    from mcp_server.incident.escalation import DRAFTED
    from mcp_server.incident.gates import standing
    from mcp_server.incident.record import find
    from mcp_server.incident.severity import assessments, levels

    incident = find(session.ledger, name)
    known = assessments(session.ledger, incident.id)
    level = levels(session)[incident.severity] if incident.severity else None
    percent = known[-1].body.get("users_percent") if known else None
    found = draft(params.audience, standing(session, incident), level, percent)
    session.ledger.append(DRAFTED, {"audience": params.audience}, incident=incident.id)
    dark = [Statement(text="not in it, because nobody knows: " + item) for item in found.not_known]
    return Told(
        statements=(found.subject, *found.lines, *dark), coverage=Coverage(looked=("the incident's record",)),
        evidence=tuple(dict.fromkeys(item for line in found.lines for item in line.evidence)),
        data=found.model_dump(mode="json"),
    )  # fmt: skip
