"""`plan_action`: what a change would do, bound to the facts as they are. It changes nothing."""

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from mcp_server.core.errors import BadInput, CouldNotLook
from mcp_server.core.outcome import Coverage, Finding, FindingType, Outcome, Statement, Suggestion
from mcp_server.core.parameters import Parameters
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.record import current, find
from mcp_server.surface.telling import Told, tell
from mcp_server.surface.verb import Verb

VERB = Verb(
    summary="Plan a change, without making it: steps, undo, gates, approval needed. Without `operation`: what there is",
    group="change",
    examples=({}, {"operation": "restart_service", "parameters": {"service": "shop"}, "told": "#ops, 10:31"}),
)
GATE_FAILED = FindingType(
    code="gate_failed",
    text="the {gate} gate fails: nobody can approve this plan as it is",
    severity="warning",
    meaning="One of the four gates (safety, rollback, monitoring, communication) does not let it through.",
    advice="Its reason stands beside it; mend that and plan again.",
)


class Params(Parameters):
    """Which operation, where, on what."""

    operation: str | None = Field(None, max_length=60, description="Name of the operation; left out: all are listed")
    environment: str | None = Field(None, max_length=40, description="Declared environment; default: the only one")
    parameters: dict[str, Any] = Field({}, max_length=40, description="The operation's own parameters")
    told: str = Field("", max_length=300, description="Who was told of it, and where")
    incident: str | None = Field(None, max_length=40, description="Incident it belongs to (INC-n); default: the only open one")
    look_around: bool = Field(True, description="Also show who stands on it, and recent changes")


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Plan on fresh facts; the proposal is kept and handed to the executor, which trusts nothing of it."""
    asking.incident, notice = current(session.ledger, params.incident)
    if params.operation is None:
        return tell(session, asking, "plan_action", params, lambda: _listing(session), "operations")
    name = params.operation

    def work() -> Told:
        from mcp_server.engine.gate_store import Gate
        from mcp_server.engine.plan import make_plan
        from mcp_server.engine.proposals import propose
        from mcp_server.incident.prospect import prospect
        from mcp_server.surface.plan_words import plan_statements

        if asking.incident:
            find(session.ledger, asking.incident)
        request = request_of(session, name, params, asking.incident)
        gate = None
        try:
            gate = Gate(session.settings)
        except CouldNotLook as failure:
            if failure.reason != "missing":
                raise
        try:
            plan = make_plan(session, gate, request, asking)
        finally:
            if gate is not None:
                gate.close()
        if params.look_around:
            plan = prospect(session, plan, asking)
        failed = [item for item in plan.gates if not item.passed]
        evidence = tuple(dict.fromkeys(item for step in plan.steps for item in step.evidence)) or ("plan",)
        proposal = propose(session, plan)
        onward = Suggestion(tool="execute_action", arguments={"plan": proposal.id}, why="asks a person first")
        head = Statement(text="plan {plan}, digest {digest}", values={"plan": proposal.id, "digest": plan.digest})
        return Told(
            statements=(
                head, *plan_statements(plan), *steering(session, asking.incident),
                *(() if failed else how_to_approve(proposal.id, plan.requirement.level)),
            ),
            findings=tuple(_finding(item.gate, evidence) for item in failed), coverage=plan.coverage, evidence=evidence,
            next=() if failed else (onward,),
            data={"plan": proposal.id, "digest": plan.digest, "content": plan.model_dump(mode="json")},
        )  # fmt: skip

    outcome = tell(session, asking, "plan_action", params, work, "plan")
    return outcome.model_copy(update={"notice": notice}) if notice else outcome


def request_of(session: Session, operation: str, params: Params, incident: str | None) -> Any:
    """The request, with the environment that is meant where none was named. Raises BadInput where that is open."""
    from mcp_server.core.plan import Request
    from mcp_server.engine.instructions import suspicions

    declared = list(session.settings.environments)
    if params.environment is None and len(declared) > 1:
        raise BadInput(f"`environment` is needed, because several are declared: {', '.join(declared)}")
    environment = params.environment or (declared[0] if declared else "local")
    return Request(
        operation=operation, environment=environment, parameters=params.parameters, incident=incident, told=params.told,
        severity=find(session.ledger, incident).severity if incident else None,
        suspicious=bool(suspicions(session.ledger, incident)),
    )  # fmt: skip


def steering(session: Session, incident: str | None) -> Iterator[Statement]:
    """What in this incident's evidence reads like instructions, so that a person looks before saying yes."""
    from mcp_server.engine.instructions import suspicions

    found: dict[str, list[str]] = {}
    for item in suspicions(session.ledger, incident):
        found.setdefault(item.family, []).append(item.evidence)
    for family, evidence in list(found.items())[:5]:
        yield Statement(text="  text in the evidence {family}", values={"family": family}, evidence=tuple(evidence[:4]))


def how_to_approve(plan: str, level: int) -> tuple[Statement, ...]:
    """What a person does next; a model cannot do it."""
    ways = {
        1: "execute_action asks in the client's dialog; or at a terminal: scripts/incident_response/approve.py {plan}",
        2: "execute_action asks in the client's dialog, and at a terminal: scripts/incident_response/approve.py {plan}; "
        "or one signature there",
        3: "a person signs it at a terminal: scripts/incident_response/approve.py {plan}",
        4: "two people sign it, each at a terminal: scripts/incident_response/approve.py {plan}",
    }
    return (Statement(text="to approve: " + ways[level], values={"plan": plan}),)


def _finding(gate: str, evidence: tuple[str, ...]) -> Finding:
    return GATE_FAILED.found(*evidence[:4], gate=gate).model_copy(update={"code": f"plan_action.{GATE_FAILED.code}"})


def _listing(session: Session) -> Told:
    from mcp_server.engine.operations import operations

    known = operations(session.settings.gate.operations)
    declared = session.settings.environments
    statements = [
        Statement(
            text="{name} ({risk}; {kinds}): {summary}; parameters: {parameters}",
            values={
                "name": item.name, "risk": item.risk, "kinds": ", ".join(item.kinds), "summary": item.summary,
                "parameters": ", ".join(item.parameters) or "none",
            },
        )
        for item in known.values()
    ]  # fmt: skip
    places = ", ".join(f"{name} ({item.kind}, {item.protection})" for name, item in declared.items())
    statements.append(
        Statement(text="environments: {places}", values={"places": places or "none declared; this host counts as production"})
    )
    return Told(statements=tuple(statements), coverage=Coverage(looked=(f"{len(known)} operations",)))
