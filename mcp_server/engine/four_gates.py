"""The four gates before a plan can be approved by anybody: safety, rollback, monitoring, communication.

Each says why. A gate never asks a person: what only a person can judge stands in the plan, for whoever approves.
"""

from collections.abc import Sequence
from datetime import timedelta

from mcp_server.core.clock import now, stamp
from mcp_server.core.environment import PROTECTIONS, Environment
from mcp_server.core.operation import Operation
from mcp_server.core.outcome import Statement, Value
from mcp_server.core.plan import Execution, Fact, GateResult, PlannedStep, Request
from mcp_server.engine.gate_store import Gate
from mcp_server.engine.operations import verbs
from mcp_server.engine.taking_back import TAKE_BACK


def safety(
    operation: Operation, environment: Environment, steps: Sequence[PlannedStep], facts: Sequence[Fact], gate: Gate | None
) -> GateResult:
    """Was everything seen, does nothing forbid it, is nothing half done on the same, is there something to do?"""
    units = verbs(environment.kind)

    def refused(text: str, **values: Value) -> GateResult:
        return GateResult(gate="safety", passed=False, reason=Statement(text=text, values=values))

    for fact in facts:
        if fact.verdict == "unknown":
            return refused(
                "{question} could not be answered in full: what is not seen is not changed", question=fact.diagnostic
            )
        standing = [code for code in fact.codes if code.split(" ")[0] in operation.gates.safety.forbidden]
        if standing:
            return refused("a finding forbids it: {finding}", finding=standing[0])
    if all(units[step.step.verb].idempotent and step.after.items() <= step.before.items() for step in steps):
        return refused("it is as wanted already: there is nothing to do")
    touches = components(steps)
    if gate is not None and (left := _unfinished(gate, environment, touches, operation)):
        return refused(
            "{execution} of {plan} was cut off at step {step} and touches the same: finish that first",
            execution=left.id, plan=left.plan, step=left.step,
        )  # fmt: skip
    if gate is not None and operation.cooldown_s:
        since = now() - timedelta(seconds=operation.cooldown_s)
        if recent := gate.recent(operation.name, environment.name, touches, since):
            return refused(
                "{execution} did the same at {at}; {seconds} s must pass between two", execution=recent[-1].id,
                at=stamp(recent[-1].started), seconds=operation.cooldown_s,
            )  # fmt: skip
    return GateResult(
        gate="safety", passed=True,
        reason=Statement(text="the state before was seen in full; nothing protected is touched; no equal act just before"),
    )  # fmt: skip


def components(steps: Sequence[PlannedStep]) -> list[str]:
    """What is acted on, without what only tells what it is: a process number, a program that others run too."""
    return sorted({name for step in steps for name in step.touches if not name.startswith(("pid:", "program:"))})


def _unfinished(gate: Gate, environment: Environment, touches: Sequence[str], operation: Operation) -> Execution | None:
    if operation.name == TAKE_BACK:
        return None
    wanted = set(touches)
    return next(
        (item for item in gate.interrupted() if item.environment == environment.name and wanted & set(item.touches)), None
    )


def rollback(operation: Operation, steps: Sequence[PlannedStep]) -> GateResult:
    """Can each step be taken back, or does the operation accept the loss in words?"""
    lost = [step for step in steps if step.undo is None]
    values: dict[str, Value] = {}
    accepted = operation.gates.rollback.accept_loss
    if not lost:
        text = "each step can be taken back, and what proves it was read before"
        if parts := list(dict.fromkeys(step.lost for step in steps if step.lost)):
            text, values = text + "; not brought back: {loss}", {"loss": "; ".join(parts)}
    elif accepted:
        text, values = "not everything can be taken back: {loss} — accepted by the operation: {accepted}", {
            "loss": lost[0].lost, "accepted": accepted,
        }  # fmt: skip
    else:
        text, values = "step {step} cannot be taken back: {loss}", {"step": lost[0].number, "loss": lost[0].lost}
    return GateResult(gate="rollback", passed=not lost or bool(accepted), reason=Statement(text=text, values=values))


def monitoring(fact: Fact) -> GateResult:
    """Does the question that will verify it answer now?"""
    seen = fact.verdict in ("ok", "finding")
    text = "{question} answers now ({verdict}), so it will show whether it worked"
    if not seen:
        text = "{question} answers {verdict} now: nobody would see whether it worked"
    reason = Statement(text=text, values={"question": fact.diagnostic, "verdict": fact.verdict}, evidence=fact.evidence[:4])
    return GateResult(gate="monitoring", passed=seen, reason=reason)


def communication(operation: Operation, environment: Environment, request: Request) -> GateResult:
    """Was somebody told, where that is wanted?"""
    start = operation.gates.communication.tell_from
    needed = start != "never" and PROTECTIONS.index(environment.protection) >= PROTECTIONS.index(start)
    values: dict[str, Value] = {}
    if not needed:
        text, values = "nobody need be told in {protection}", {"protection": environment.protection}
    elif request.told:
        text, values = "the caller says to have told: {told}", {"told": request.told}
    else:
        text, values = "nobody was told; give `told`: who knows of it, and where. To be told here: {tell}", {
            "tell": ", ".join(environment.tell) or "whoever depends on it",
        }  # fmt: skip
    passed = not needed or bool(request.told)
    return GateResult(gate="communication", passed=passed, reason=Statement(text=text, values=values))
