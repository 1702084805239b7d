"""Write the report of an incident."""

from pydantic import Field

from mcp_server.core.clock import now
from mcp_server.core.outcome import Outcome, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.record import required
from mcp_server.surface.verb import Verb


class Params(Parameters):
    """Which incident."""

    incident: str | None = Field(None, max_length=40, description="Incident (INC-n); default: the only open one, else the last")


VERB = Verb(
    summary="Write the report: markdown and one HTML page with the timeline drawn. Every sentence cites.", group="incident"
)


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Build from the ledger, write both files, name them."""
    from mcp_server.incident.report import build, write

    at = now()
    incident = required(session.ledger, params.incident, closed_too=True)
    built = build(session, incident)
    paths = write(session, built)
    files = Statement(text="written: {markdown} and {html}", values={"markdown": paths["md"], "html": paths["html"]})
    missing = tuple(Statement(text="quality gate: " + item) for item in built.gate)
    return Outcome(
        name="report", target=incident.target, verdict="ok", at=at, took_ms=(now() - at).total_seconds() * 1000,
        incident=incident.id, statements=(*built.summary, files, *missing),
        data={"markdown": paths["md"], "html": paths["html"], "head": built.head},
    )  # fmt: skip
