"""Open an incident."""

from pydantic import Field

from mcp_server.core.address import SPELLED
from mcp_server.core.clock import When, now, stamp
from mcp_server.core.outcome import Outcome, Statement, Suggestion
from mcp_server.core.parameters import Parameters
from mcp_server.engine.session import Asking, Session
from mcp_server.incident import record
from mcp_server.surface.verb import Verb


class Params(Parameters):
    """What is known when the page comes."""

    title: str = Field(min_length=3, max_length=200, description="What users or alerts say, such as: shop answers 502")
    target: str = Field("local", max_length=300, description=f"Where to look: {SPELLED}")
    service: str | None = Field(None, max_length=60, description="Declared service concerned; default: the only declared one")
    onset: When | None = Field(None, description="When it began: ISO 8601 with a zone, or an age (15m); default: now")
    severity: record.SeverityLevel | None = Field(None, description="SEV1 all down … SEV4 cosmetic")


VERB = Verb(
    summary="Open an incident: keep a record, load the rules, check the tools, find similar incidents and playbooks.",
    group="incident",
    examples=({"title": "shop answers 502", "onset": "15m", "severity": "SEV2"},),
)


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Open, then validate; what could not be validated is said and does not stop anything."""
    from mcp_server.incident.playbooks import library
    from mcp_server.incident.said import receipt_statements
    from mcp_server.incident.validation import validate

    at = now()
    library(session.catalog)  # a damaged document stops here, before anything is opened
    incident = record.open_incident(session, **params.model_dump())
    receipts = validate(session, incident, asking)
    opened = Statement(
        text="{incident} opened: {title}; onset {onset}; target {target}",
        values={"incident": incident.id, "title": incident.title, "onset": stamp(incident.onset), "target": incident.target},
    )
    return Outcome(
        name="open_incident", target=incident.target, verdict="ok", at=at, incident=incident.id,
        took_ms=(now() - at).total_seconds() * 1000, statements=(opened, *receipt_statements(receipts)),
        next=(Suggestion(tool="triage", arguments={"incident": incident.id}),),
        data={"incident": incident.model_dump(mode="json"), "receipts": receipts.model_dump(mode="json")},
    )  # fmt: skip
