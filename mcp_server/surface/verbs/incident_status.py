"""Where an incident stands."""

from pydantic import Field

from mcp_server.core.clock import now, stamp
from mcp_server.core.outcome import Outcome, Statement, Suggestion
from mcp_server.core.parameters import Parameters
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.record import required
from mcp_server.surface.verb import Verb


class Params(Parameters):
    """Which incident."""

    incident: str | None = Field(None, max_length=40, description="Incident (INC-n); default: the only open one, else the last")


VERB = Verb(summary="Say where an incident stands: state, answers so far, what is still missing.", group="incident")


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Fold the ledger."""
    from mcp_server.incident.gates import standing, unmet_checks

    incident = required(session.ledger, params.incident, closed_too=True)
    stands = standing(session, incident)
    known = stands.known
    minutes = ((incident.closed or now()) - incident.opened).total_seconds() / 60
    said = [
        Statement(
            text="{incident} is {state}: {title}; severity {severity}; onset {onset}; opened {opened}, {minutes} min",
            values={
                "incident": incident.id, "state": incident.state, "title": incident.title,
                "severity": incident.severity or "not set", "onset": stamp(incident.onset), "opened": stamp(incident.opened),
                "minutes": round(minutes, 1),
            },
        ),
        Statement(
            text="{questions} questions answered, {findings} findings, {changes} changes, {notes} notes",
            values={
                "questions": len(known.outcomes), "findings": len(known.findings()), "changes": len(known.changes),
                "notes": len(incident.notes),
            },
        ),
    ]  # fmt: skip
    if incident.summary:
        said.append(Statement(text="closed with: {summary}", values={"summary": incident.summary}))
    gaps = unmet_checks(session, stands)
    said += [Statement(text="still missing: " + item) for item in gaps]
    after = () if incident.state == "closed" else (Suggestion(tool="report" if known.triage else "triage"),)
    return Outcome(
        name="incident_status", target=incident.target, verdict="ok", at=now(), incident=incident.id, statements=tuple(said),
        next=after, data={"incident": incident.model_dump(mode="json"), "missing": list(gaps)},
    )  # fmt: skip
