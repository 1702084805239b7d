"""The probable cause, with everything for and against it."""

from pydantic import Field

from mcp_server.core.clock import now
from mcp_server.core.outcome import BlindSpot, Coverage, Outcome, Suggestion, verdict_of
from mcp_server.core.parameters import Parameters
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.record import required
from mcp_server.surface.fit import fit
from mcp_server.surface.verb import Verb


class Params(Parameters):
    """Which incident."""

    incident: str | None = Field(None, max_length=40, description="Incident (INC-n); default: the only open one, else the last")


VERB = Verb(
    summary="Hypotheses with evidence for, against and not yet looked at, from all answers so far; asks nothing new.",
    group="diagnose",
)


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Diagnose from the ledger; answers given after the triage count as well."""
    from mcp_server.incident.gates import standing
    from mcp_server.incident.said import explained

    incident = required(session.ledger, params.incident, closed_too=True)
    stands = standing(session, incident)
    diagnosis = stands.diagnosis
    roots = tuple(item.root for item in diagnosis.hypotheses)
    blind = tuple(
        BlindSpot(what=f"{item.ask}: {item.what}", reason=item.reason, remedy=item.remedy) for item in diagnosis.not_yet
    )
    looked = tuple(dict.fromkeys(item.name for item in stands.known.outcomes if item.verdict in ("ok", "finding")))
    coverage = Coverage(looked=looked, blind=blind)
    outcome = Outcome(
        name="probable_cause", target=incident.target, verdict=verdict_of(roots, coverage), at=now(), incident=incident.id,
        findings=(), statements=tuple(explained(diagnosis)), coverage=coverage,
        next=(Suggestion(tool="report" if stands.known.triage else "triage"),), data=diagnosis.model_dump(mode="json"),
    )  # fmt: skip
    return fit(outcome, session.settings.limits.answer_chars)
