"""Add a note to an incident."""

from pydantic import Field

from mcp_server.core.clock import now
from mcp_server.core.outcome import Outcome, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.record import add_note, required
from mcp_server.surface.verb import Verb


class Params(Parameters):
    """The note and where it belongs."""

    text: str = Field(min_length=1, max_length=4_000, description="What was seen, decided or done, and by which role")
    incident: str | None = Field(None, max_length=40, description="Incident (INC-n); default: the only open one")


VERB = Verb(
    summary="Write down what was seen, decided or done; it stands in the timeline and the report.",
    group="incident",
    examples=({"text": "traffic moved to the second site"},),
)


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Keep the note."""
    incident = required(session.ledger, params.incident, closed_too=params.incident is not None)
    entry = add_note(session, incident, params.text)
    said = Statement(text="note {entry} kept in {incident}", values={"entry": entry, "incident": incident.id})
    return Outcome(name="add_note", target=incident.target, verdict="ok", at=now(), incident=incident.id, statements=(said,))
