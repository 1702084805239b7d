"""Whether it worked: looked at right after the last step, or later, where an executor was killed. Nothing is changed here."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from mcp_server.core.errors import Cancelled, CouldNotLook
from mcp_server.core.operation import Ask
from mcp_server.core.plan import ENDED, Execution, ExecutionState, Verification
from mcp_server.core.settings import Settings
from mcp_server.core.text import one_line
from mcp_server.engine.executor_session import ExecutorSession
from mcp_server.engine.gate_store import Gate
from mcp_server.engine.plan import ask_facts, fact_of
from mcp_server.engine.session import Asking
from mcp_server.engine.taking_back import TAKE_BACK

Say = Callable[[Mapping[str, JsonValue]], None]
"""Told about every line of the protocol (`mcp_server/executor.py`)."""
_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 2.0
"""Between two looks of a verification: longer each time, because every look is kept."""


@dataclass(frozen=True)
class Result:
    """How it ended."""

    state: ExecutionState
    text: str
    execution: str | None = None
    left: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()


def verified(session: ExecutorSession, wanted: Verification, target: str, asking: Asking, say: Say) -> str:
    """Ask until the answer is the expected one and stays so for `steady_s`; empty then, else a sentence."""
    say({"event": "progress", "text": f"verifying by {wanted.diagnostic}, at most {wanted.deadline_s:g} s"})
    asked = Ask(diagnostic=wanted.diagnostic, arguments=wanted.arguments)
    end, since = time.monotonic() + wanted.deadline_s, None  # type: float, float | None
    last, codes, pause = "unknown", (), _PAUSE_S  # type: str, tuple[str, ...], float
    while True:
        try:
            fact = fact_of(asked, ask_facts(session, [asked], target, asking)[0])
            last, codes = fact.verdict, fact.codes
        except (CouldNotLook, Cancelled):
            last = "unknown"
        moment = time.monotonic()
        since = (since or moment) if last == wanted.expect else None
        if since is not None and moment - since >= wanted.steady_s:
            return ""
        if moment > end:
            found = f" ({one_line(', '.join(codes), 160)})" if codes else ""
            return (
                f"not verified: {wanted.diagnostic} says {last}{found} after {wanted.deadline_s:g} s, expected {wanted.expect}"
            )
        time.sleep(min(pause, max(end - moment, 0.05)))
        pause = min(pause * 1.4, _LONGEST_PAUSE_S)


def after_interruption(settings: Settings, gate: Gate, execution: Execution, say: Say) -> Result:
    """An executor was killed here. Nothing is done again: it is looked whether it worked, and said what stands."""
    content = gate.content(execution.id)
    step = next((item for item in content["steps"] if item["number"] == execution.step), None)
    where = f"before its first step of {execution.steps}" if step is None else f"at step {execution.step} of {execution.steps}"
    say({"event": "progress", "text": f"{execution.id} of {execution.plan} was cut off {where}; looking how it stands"})
    with gate.working_on(execution.plan):
        present = next(item for item in gate.executions(plan=execution.plan) if item.id == execution.id)
        if present.state in ENDED:
            return Result("refused", f"{execution.plan} has ended meanwhile ({present.id}, {present.state})")
        if step is None:
            text = f"{execution.plan} was cut off before its first step; nothing was changed, and the approval is used up"
            gate.state(execution, "refused", text)
            return Result("refused", text, execution.id)
        session = ExecutorSession(settings, gate)
        wanted = Verification.model_validate(content["verification"])
        whole = len(execution.done) == execution.steps and not execution.undone
        problem = "not every step was done"
        if whole:
            problem = verified(session, wanted, str(content["environment"]["target"]), Asking(), say)
        if not problem:
            gate.state(execution, "done", "verified after it had been cut off")
            return Result("done", "verified after it had been cut off", execution.id)
        begun = [
            item for item in content["steps"] if item["number"] <= execution.step and item["number"] not in execution.undone
        ]
        left = tuple(
            f"step {item['number']} ({item['step']['verb']}) was begun"
            + (" and ended" if item["number"] in execution.done else _open(gate.noted(execution.id, item["number"])))
            for item in begun
        )
        text = f"cut off {where}; {problem}. {TAKE_BACK} with execution={execution.id} plans the way back"
        gate.state(execution, "left", text, left=list(left))
        return Result("left", text, execution.id, left)


def _open(noted: str) -> str:
    return "; whether it was done is open" + (f"; the last that it noted: {one_line(noted, 200)}" if noted else "")
