"""How bad is it, and how often must people hear."""

from pydantic import Field

from mcp_server.core.clock import now, stamp
from mcp_server.core.outcome import BlindSpot, Coverage, Outcome, Statement, Suggestion
from mcp_server.core.parameters import Parameters
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.record import required
from mcp_server.surface.telling import Told, tell
from mcp_server.surface.verb import Verb


class Params(Parameters):
    """What is known of who is hurt; leave out what nobody knows."""

    users_percent: float | None = Field(
        None, ge=0, le=100, description="Share of users hurt, counted or measured; never a guess"
    )
    key_function: bool | None = Field(None, description="A key function is hurt: paying, signing in")
    data_breach: bool = Field(False, description="Data was exposed")
    danger: bool = Field(False, description="People are in danger")
    workaround: bool | None = Field(None, description="Users have a way round")
    cosmetic: bool = Field(False, description="Nothing but looks")
    incident: str | None = Field(None, max_length=40, description="Incident (INC-n); default: the only open one")


VERB = Verb(
    summary="Severity with its reasons, from what is known; then who to tell and when the next update is due.",
    group="incident",
    examples=({"users_percent": 60, "key_function": True}, {"cosmetic": True}),
)


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Classify, keep it, and say what would change it."""
    incident = required(session.ledger, params.incident)
    asking.incident = incident.id
    return tell(session, asking, "assess_severity", params, lambda: _assess(session, params, incident.id), incident.target)


def _assess(session: Session, params: Params, name: str) -> Told:
    from mcp_server.incident.gates import standing
    from mcp_server.incident.record import find
    from mcp_server.incident.severity import ENTRY, Impact, classify, levels, next_update, refusal_in

    incident = find(session.ledger, name)
    service = session.settings.services.get(incident.service or "")
    seen = standing(session, incident).known.outcomes
    impact = Impact.model_validate(params.model_dump(exclude={"incident"}))
    found = classify(impact, refusal_in(seen, service.url if service else None))
    row = levels(session)[found.level]
    body = {"level": found.level, "users_percent": found.users_percent, "impact": impact.model_dump(mode="json")}
    session.ledger.append(ENTRY, body, incident=incident.id)
    said = [item.model_copy(update={"text": f"{found.level}: {item.text}"}) for item in found.reasons]
    said.append(
        Statement(
            text="acknowledge within {minutes} min; the next update is due {due}; tell: {tell}",
            values={"minutes": row.acknowledge_min, "due": stamp(next_update(row, now())), "tell": row.tell},
        )
    )
    said += [Statement(text="it may change once it is known: " + question) for question in found.open_questions]
    blind = [
        BlindSpot(what=question, reason="nobody said", remedy="state it and ask again") for question in found.open_questions
    ]
    return Told(
        statements=tuple(said), coverage=Coverage(looked=("what was stated", "answers so far"), cut=tuple(blind)),
        evidence=tuple(item for reason in found.reasons for item in reason.evidence),
        next=(Suggestion(tool="draft_update"),), data=found.model_dump(mode="json"),
    )  # fmt: skip
