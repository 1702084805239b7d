"""A plan and an execution in words: the same text for the client, the terminal and whoever approves."""

from collections.abc import Iterator, Mapping

from mcp_server.core.clock import stamp
from mcp_server.core.outcome import Statement, Value
from mcp_server.core.plan import Execution, Plan
from mcp_server.core.text import one_line


def plan_statements(plan: Plan) -> Iterator[Statement]:
    """Everything that a person needs to say yes or no, the most important first."""
    yield Statement(
        text="{headline} — {summary}; risk {risk}",
        values={"headline": plan.headline(), "summary": plan.summary, "risk": plan.risk},
    )
    if plan.environment.detected:
        yield Statement(
            text="the environment is not declared: {kind} was seen, and the strictest protection is assumed; "
            "declare [environments.NAME] in the settings",
            values={"kind": plan.environment.kind},
        )
    for step in plan.steps:
        yield Statement(
            text=f"step {step.number}: {step.said.text}; before: {{state}}",
            values={**step.said.values, "state": _state(step.before)}, evidence=step.evidence,
        )  # fmt: skip
        yield from step.record
        if step.undo_said is not None:
            text, values = f"  undo {step.number}: {step.undo_said.text}", step.undo_said.values
            if step.lost:
                text, values = text + "; not brought back: {lost}", {**values, "lost": step.lost}
            yield Statement(text=text, values=values)
        else:
            yield Statement(text=f"  undo {step.number}: none; " + "{lost}", values={"lost": step.lost})
    for fact in plan.facts:
        yield Statement(
            text="before: {question} says {verdict} {codes}",
            values={"question": fact.diagnostic, "verdict": fact.verdict, "codes": one_line(", ".join(fact.codes), 300)},
            evidence=fact.evidence,
        )  # fmt: skip
    check = plan.verification
    yield Statement(
        text="verified by {question} {arguments}: {expect} within {deadline} s, steady for {steady} s",
        values={
            "question": check.diagnostic, "arguments": _state(check.arguments), "expect": check.expect,
            "deadline": check.deadline_s, "steady": check.steady_s,
        },
    )  # fmt: skip
    for gate in plan.gates:
        yield Statement(
            text=f"{gate.gate} gate {'passed' if gate.passed else 'FAILED'}: {gate.reason.text}", values=gate.reason.values,
            evidence=gate.reason.evidence,
        )  # fmt: skip
    yield from plan.blast
    if plan.changes:
        yield Statement(text="changes of the last 24 h:")
    yield from plan.changes
    if plan.tried is not None:
        yield plan.tried
    if plan.waiting is not None:
        yield Statement(text=f"cost of waiting: {plan.waiting.text}", values=plan.waiting.values)
    for number, reason in enumerate(plan.requirement.reasons):
        yield Statement(text="  and: {reason}" if number else "approval needed: {reason}", values={"reason": reason})


def execution_statement(execution: Execution) -> Statement:
    """One execution in one sentence."""
    values: dict[str, Value] = {
        "id": execution.id, "plan": execution.plan, "operation": execution.operation, "environment": execution.environment,
        "state": execution.state, "at": stamp(execution.started), "step": execution.step, "steps": execution.steps,
        "said": execution.said,
    }  # fmt: skip
    text = "{id}: {operation} of {plan} in {environment}, begun {at}: {state}"
    if execution.state == "interrupted":
        text += ": its executor was killed at step {step} of {steps}"
    elif execution.said:
        text += " — {said}"
    if execution.times_ms and execution.ended:
        text += " ({times})"
        values["times"] = ", ".join(f"{name} {ms / 1000:.1f} s" for name, ms in execution.times_ms.items())
    return Statement(text=text, values=values, evidence=(execution.id,))


def _state(state: Mapping[str, object]) -> str:
    return one_line(", ".join(f"{key}={value}" for key, value in state.items() if value is not None), 300) or "none"
