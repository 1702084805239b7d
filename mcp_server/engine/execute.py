"""Carrying out a plan: the only module that holds a Writer. It runs in the executor process and nowhere else.

The order of things, and why nothing runs twice: locks (this plan, this environment) → everything is checked here, from the
gate's own record → the plan is made afresh; another digest uses the approval up and ends it → the claim, one transaction →
each step: record, act, record, look → verify → or back, in reverse order, each step proven equal to what was read before.
What happens after the claim cannot be repeated: whoever comes later finds the claim and can only look, or take back.
"""

import importlib
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from mcp_server.core.clock import now
from mcp_server.core.errors import BadInput, Broken, Cancelled, CouldNotLook, NotApplicable, VeteranError
from mcp_server.core.plan import Execution, ExecutionState, Plan, PlannedStep, Proposal, Step
from mcp_server.core.settings import Settings
from mcp_server.core.text import one_line
from mcp_server.core.writer import Doing, World, WriteFailed
from mcp_server.engine.approvals import approved_now
from mcp_server.engine.executor_session import ExecutorSession
from mcp_server.engine.gate_store import Gate
from mcp_server.engine.operations import MODULES, SHIPPED, verbs
from mcp_server.engine.plan import make_plan, moved, reader_of, state_now
from mcp_server.engine.proposals import cancelled, proposal_of
from mcp_server.engine.session import Asking
from mcp_server.engine.taking_back import TAKE_BACK
from mcp_server.engine.verifying import Result, Say, after_interruption, verified

TOLD_S = 5.0
"""Seconds in which a state must be told as it is wanted: controllers follow what was written."""
_WRITERS = SHIPPED.parent / "targets" / "writers"


class Refused(Exception):
    """Nothing was changed, and nothing will be."""

    def __init__(self, sentence: str, moved: tuple[str, ...] = ()) -> None:
        self.sentence, self.moved = sentence, moved
        super().__init__(sentence)


@dataclass
class _Times:
    """Milliseconds of each part, for the record."""

    parts: dict[str, float] = field(default_factory=dict)
    _since: float = field(default_factory=time.monotonic)

    def lap(self, name: str) -> None:
        present = time.monotonic()
        self.parts[name] = round((present - self._since) * 1000, 1)
        self._since = present


def execute(settings: Settings, plan: str, say: Say) -> Result:
    """Carry out one approved plan. Refusals come back as a Result; raises Broken when the gate's record cannot be opened."""
    gate = Gate(settings, write=True)
    try:
        if sentence := gate.stopped():
            return Result("refused", sentence)
        if earlier := gate.executions(plan=plan):
            if earlier[0].state == "interrupted":
                return after_interruption(settings, gate, earlier[0], say)
            return Result(
                "refused", f"{plan} was carried out already ({earlier[0].id}, {earlier[0].state}); nothing runs twice"
            )
        proposal = proposal_of(settings, plan)
        with gate.working_on(plan, f"environment-{_name(proposal)}"):
            return _Executor(settings, gate, proposal, say).run()
    except Refused as refusal:
        return Result("refused", refusal.sentence, moved=refusal.moved)
    except (BadInput, NotApplicable, CouldNotLook, Cancelled) as error:
        return Result("refused", error.sentence())
    finally:
        gate.close()


def _name(proposal: Proposal) -> str:
    name = proposal.request.environment
    if not (name.isascii() and name.replace("-", "").replace("_", "").isalnum()):
        raise BadInput(f"`environment` is `{one_line(name, 60)}`, which is no name of one")
    return name


class _Executor:
    """One plan at work."""

    def __init__(self, settings: Settings, gate: Gate, proposal: Proposal, say: Say) -> None:
        self.settings, self.gate, self.proposal, self.say = settings, gate, proposal, say
        self.session = ExecutorSession(settings, gate)
        self.asking = Asking(incident=proposal.request.incident)
        self.times = _Times()

    def run(self) -> Result:
        """Plan afresh, check, claim, act."""
        name = self.proposal.id
        if cancelled(self.settings, name):
            raise Refused(f"{name} was taken back")
        approved = self.gate.approvals(name, self.proposal.digest)
        if not approved and self.settings.approvals.standing is None:  # before any look: without approval there is no work
            raise Refused(self.gate.why_not_approved(name, self.proposal.digest), ())
        self._progress("planning on fresh facts")
        plan = make_plan(self.session, self.gate, self.proposal.request, self.asking)
        self.times.lap("plan")
        if plan.digest == self.proposal.digest:
            return self._claimed(plan)
        if not approved:
            raise Refused(f"{name} is not the plan any more that was shown: the world moved. Plan again")
        return self._moved(plan)

    def _moved(self, plan: Plan) -> Result:
        """The world is not the one that was approved: the approval is used up, and what moved is shown."""
        what = tuple(moved(self.proposal.content, plan.content())[:20])
        text = (
            f"{self.proposal.id} is not the plan any more that was approved: the world moved. Plan again, and look what changed"
        )
        approvals = self.gate.approvals(self.proposal.id, self.proposal.digest)
        execution = self.gate.claim(self.proposal, plan, approvals, times_ms=self.times.parts, check=lambda: None)
        self.gate.state(execution, "refused", text, moved=list(what))
        return Result("refused", text, execution.id, moved=what)

    def _claimed(self, plan: Plan) -> Result:
        if failed := [item for item in plan.gates if not item.passed]:
            reasons = "; ".join(
                f"{item.gate} gate: {item.reason.told(lambda value: f'`{one_line(value, 80)}`')}" for item in failed
            )
            raise Refused(reasons)
        approvals, sentence = approved_now(self.gate, self.settings, self.proposal, plan)
        if sentence:
            raise Refused(sentence)

        def still() -> None:
            if sentence := self.gate.stopped():
                raise BadInput(sentence)
            if any(item.expires <= now() for item in approvals):
                raise BadInput("an approval expired while the plan was made afresh")

        wait = round((min(item.at for item in approvals) - self.proposal.at).total_seconds() * 1000, 1)
        execution = self.gate.claim(
            self.proposal, plan, approvals, times_ms=self.times.parts | {"approve": max(wait, 0.0)}, check=still
        )
        self.times.lap("claim")
        return _Work(self.session, self.gate, plan, execution, self.asking, self.say, self.times, self.settings).run()

    def _progress(self, text: str) -> None:
        self.say({"event": "progress", "text": text})


@dataclass
class _Work:
    """What happens after the claim."""

    session: ExecutorSession
    gate: Gate
    plan: Plan
    execution: Execution
    asking: Asking
    say: Say
    times: _Times
    settings: Settings
    at: int = 0
    """Number of the step under way."""
    unchanged: set[int] = field(default_factory=set)
    """Steps that failed and changed nothing."""
    standing: list[str] = field(default_factory=list)
    """How the parts of a step stand that failed half-way."""

    def run(self) -> Result:
        begun: list[PlannedStep] = []
        try:
            for planned in self.plan.steps:
                if sentence := self.gate.stopped():
                    return self._left(sentence, begun)
                if cancelled(self.settings, self.execution.plan):
                    return self._back("it was taken back while under way", begun)
                try:
                    self.gate.step(self.execution, planned.number, "started")
                except Broken as error:
                    return self._unrecorded(error, begun)
                begun.append(planned)
                if sentence := self._do(planned):
                    if stopped := self.gate.stopped():
                        return self._left(f"{stopped}; {sentence}", begun)
                    return self._back(sentence, begun)
            self.times.lap("execute")
            self.gate.state(self.execution, "verifying")
            sentence = verified(self.session, self.plan.verification, self.plan.environment.target, self.asking, self.say)
            self.times.lap("verify")
            if sentence:
                return self._back(sentence, begun)
            return self._end("done", "carried out and verified")
        except Broken as error:
            return self._unrecorded(error, begun)

    def _do(self, planned: PlannedStep) -> str:
        """Do one step and see that it did; empty when so, else the sentence of its failure."""
        self._step(planned.number, "started", planned.said.told(lambda value: f"`{one_line(value, 120)}`"))
        self.at = planned.number
        try:
            said = self._act(planned.step, planned.before)
            problem = self._differs(planned.step, planned.after)
            if problem:
                raise WriteFailed(f"{said}, but {problem}")
        except WriteFailed as failure:
            sentence = one_line(failure.sentence, 300)
            self.standing += failure.left
            if failure.sure:
                self.unchanged.add(planned.number)
        except VeteranError as error:
            sentence = f"it could not be seen whether it worked: {one_line(error.sentence(), 250)}"
        except Exception as error:  # noqa: BLE001 -- whatever a writer raises, its effect is unknown and it is taken back
            sentence = f"defect of the writer ({type(error).__name__}: {one_line(error, 200)}); its effect is open"
        else:
            self.gate.step(self.execution, planned.number, "done", said)
            self._step(planned.number, "done", said)
            return ""
        self.gate.step(self.execution, planned.number, "failed", sentence)
        self._step(planned.number, "failed", sentence)
        return f"step {planned.number} failed: {sentence}"

    def _act(self, step: Step, before: Mapping[str, JsonValue]) -> str:
        doing = Doing(
            environment=self.plan.environment, vault=Path(self.settings.gate_dir) / "vault", before=before,
            cancel=threading.Event(), note=self._note, stop=self._stop,
        )  # fmt: skip
        return str(writer(self.plan, step.verb)(step.arguments, doing))

    def _note(self, text: str) -> None:
        self.gate.step(self.execution, self.at, "noted", one_line(text, 300))
        self.say({"event": "progress", "text": text})

    def _stop(self) -> str:
        return self.gate.stopped() or ("it was taken back" if cancelled(self.settings, self.execution.plan) else "")

    def _differs(self, step: Step, wanted: Mapping[str, JsonValue]) -> str:
        """What of the state is not as wanted; empty when all is."""
        if not wanted:
            return ""
        state = self._told(step, wanted)
        wrong = [key for key, value in wanted.items() if state.get(key) != value]
        return ", ".join(f"{key} is `{one_line(state.get(key), 80)}` and not `{one_line(wanted[key], 80)}`" for key in wrong)

    def _told(self, step: Step, wanted: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
        """The state, once it is as wanted or `TOLD_S` are over; until then also a failed look that may be repeated is."""
        end = time.monotonic() + TOLD_S
        while True:
            try:
                state = self._state(step)
                if time.monotonic() > end or all(state.get(key) == value for key, value in wanted.items()):
                    return state
            except CouldNotLook as error:
                if not error.retry or time.monotonic() > end:
                    raise
            time.sleep(0.1)

    # --- back ----------------------------------------------------------------------------------------------------------

    def _back(self, why: str, begun: list[PlannedStep]) -> Result:
        """Take back what was begun, the last first; prove each equal to what was read before."""
        self.say({"event": "progress", "text": f"{why}; taking back"})
        self.gate.state(self.execution, "undoing", why)
        left = tuple([sentence for planned in reversed(begun) if (sentence := self._undo(planned))])
        left += tuple(self.standing) if left else ()
        self.times.lap("undo")
        if left:
            return self._end("left", why, left)
        return self._end("undone", f"{why}; taken back, and the state before was proven equal")

    def _undo(self, planned: PlannedStep) -> str:
        """Empty when proven; else what is left."""
        number, words = planned.number, planned.said.told(lambda value: f"`{one_line(value, 120)}`")
        if planned.undo is None and number in self.unchanged:
            return ""
        if planned.undo is None:
            return f"step {number} ({words}) was begun and cannot be taken back: {planned.lost}"
        wanted = {key: planned.before.get(key) for key in planned.restores}
        self.gate.step(self.execution, number, "undoing")
        try:
            # what failed may have changed nothing: then there is nothing to take back
            state = self._told(planned.step, {})
            if any(state.get(key) != value for key, value in wanted.items()):
                self._act(planned.undo, state)
            problem = self._differs(planned.step, wanted)
        except WriteFailed as failure:
            problem = one_line(failure.sentence, 300)
        except VeteranError as error:
            problem = f"the state could not be read: {one_line(error.sentence(), 250)}"
        except Exception as error:  # noqa: BLE001 -- see _do
            problem = f"defect of the writer ({type(error).__name__}: {one_line(error, 200)})"
        self.gate.step(self.execution, number, "undo_failed" if problem else "undone", problem)
        self._step(number, "failed" if problem else "undone", problem or "as before")
        if not problem:
            return ""
        back = planned.undo_said.told(lambda value: f"`{one_line(value, 120)}`") if planned.undo_said else planned.undo.verb
        return f"step {number} ({words}) could not be taken back: {problem}. By hand: {back}; then look that it is as before"

    def _state(self, step: Step) -> Mapping[str, JsonValue]:
        """What the step acts on, as it is now."""
        unit = verbs(self.plan.environment.kind)[step.verb]
        reader = reader_of(self.session, self.plan.environment.target, self.asking, unit.commands)
        return state_now(unit, step, reader, World(self.plan.environment, self.settings.services)).state

    # --- ends ----------------------------------------------------------------------------------------------------------

    def _left(self, why: str, begun: list[PlannedStep]) -> Result:
        """Stopped where it stands: what was changed stays as it is, and is named."""
        standing = [self._standing(planned) for planned in begun if planned.number not in self.unchanged]
        if not standing:
            return self._end("refused", why)
        return self._end("left", why, (*standing, *self.standing))

    def _unrecorded(self, error: Broken, begun: list[PlannedStep]) -> Result:
        """The record cannot be written: nothing more is done, because nobody could tell later what was."""
        why = f"the gate's record cannot be written ({one_line(error.message, 200)}); nothing more was done"
        left = tuple(self._standing(planned) for planned in begun)
        state: ExecutionState = "left" if left else "refused"
        with suppress(Broken):
            self.gate.state(self.execution, state, why, left=list(left), times_ms=self.times.parts)
        return Result(state, why, self.execution.id, left)

    def _standing(self, planned: PlannedStep) -> str:
        words = planned.said.told(lambda value: f"`{one_line(value, 120)}`")
        back = planned.undo_said.told(lambda value: f"`{one_line(value, 120)}`") if planned.undo_said else ""
        return f"step {planned.number} ({words}) was begun and stands; to take it back: {back or planned.lost}"

    def _end(self, state: ExecutionState, text: str, left: tuple[str, ...] = ()) -> Result:
        if left:
            text += f". {TAKE_BACK} with execution={self.execution.id} plans the way back"
        self.gate.state(self.execution, state, text, left=list(left), times_ms=self.times.parts)
        return Result(state, text, self.execution.id, left)

    def _step(self, number: int, state: str, text: str) -> None:
        self.say({"event": "step", "number": number, "of": len(self.plan.steps), "state": state, "text": text})


def writer(plan: Plan, verb: str) -> Callable[[Mapping[str, JsonValue], Doing], str]:
    """The function that does a verb in this kind of environment. Raises WriteFailed when there is none."""
    for name in MODULES[plan.environment.kind]:
        if (_WRITERS / f"{name}.py").is_file():
            module: Any = importlib.import_module(f"mcp_server.targets.writers.{name}")
            if verb in module.VERBS:
                found: Callable[[Mapping[str, JsonValue], Doing], str] = module.VERBS[verb]
                return found
    raise WriteFailed(f"{plan.environment.kind} has no writer for {verb}", sure=True)
