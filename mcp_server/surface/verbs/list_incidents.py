"""List incidents."""

from typing import Literal

from pydantic import Field

from mcp_server.core.clock import now, stamp
from mcp_server.core.outcome import Outcome, Statement, Suggestion
from mcp_server.core.parameters import Parameters
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.record import incidents
from mcp_server.surface.verb import Verb


class Params(Parameters):
    """Which incidents."""

    state: Literal["open", "closed", "all"] = Field("all", description="open, closed or all")
    limit: int = Field(20, ge=1, le=200, description="At most so many, newest first")


VERB = Verb(summary="List incidents, newest first.", tool=False, group="incident", examples=({}, {"state": "open"}))


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Fold the ledger."""
    found = [item for item in incidents(session.ledger) if params.state in ("all", item.state)][::-1]
    said = [
        Statement(
            text="{incident} {state} since {since}: {title}",
            values={"incident": item.id, "state": item.state, "since": stamp(item.closed or item.opened), "title": item.title},
        )
        for item in found[: params.limit]
    ]
    if len(found) > params.limit:
        said.append(Statement(text="{more} older ones are not shown; raise limit", values={"more": len(found) - params.limit}))
    if not found:
        said.append(Statement(text="the ledger holds no such incident"))
    return Outcome(
        name="list_incidents", target="ledger", verdict="ok", at=now(), statements=tuple(said),
        next=() if found else (Suggestion(tool="open_incident"),),
        data={"incidents": [item.model_dump(mode="json") for item in found[: params.limit]], "total": len(found)},
    )  # fmt: skip
