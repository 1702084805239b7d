"""Planning: a request and the facts as they are become a Plan. It looks, works out, and changes nothing.

Made by the server, to be shown, and by the executor, to be carried out: from the same request, files, settings and facts
the same digest comes out. What is only shown beside (blast radius, recent changes) is worked out in `incident/prospect.py`.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from mcp_server.core.calls import Process, ReadProcesses
from mcp_server.core.clock import now
from mcp_server.core.environment import Environment
from mcp_server.core.errors import BadInput
from mcp_server.core.operation import Ask, KindSpec, Operation, filled
from mcp_server.core.outcome import Coverage, Outcome, Statement
from mcp_server.core.plan import Fact, Plan, PlannedStep, Request, Step, Verification
from mcp_server.core.reader import Limits
from mcp_server.core.text import one_line
from mcp_server.core.writer import Before, VerbUnit, World
from mcp_server.engine.approval_policy import requirement
from mcp_server.engine.environments import environment_of
from mcp_server.engine.four_gates import communication, monitoring, rollback, safety
from mcp_server.engine.gate_store import Gate
from mcp_server.engine.operations import operation_of, verbs
from mcp_server.engine.places import resolve
from mcp_server.engine.protection import Protected, protected
from mcp_server.engine.reader import EvidenceReader
from mcp_server.engine.run import Question, ask_all
from mcp_server.engine.session import Asking, Session
from mcp_server.engine.signing import genuine_authority
from mcp_server.engine.taking_back import TAKE_BACK, taking_back
from mcp_server.engine.tried import tried_elsewhere


def make_plan(session: Session, gate: Gate | None, request: Request, asking: Asking) -> Plan:
    """The plan for a request. `gate` is None where nothing was ever approved here.

    Raises BadInput for a request that cannot be (unknown names, a kind that cannot do it, a protected target),
    NotApplicable where there is nothing to act on, CouldNotLook where a state cannot be seen: what is not seen is not changed.
    """
    settings = session.settings
    local = reader_of(session, "local", asking, ())
    environment = environment_of(settings, request.environment, local)
    operation = taking_back(gate, request, environment) if request.operation == TAKE_BACK else None
    operation = operation or operation_of(settings.gate.operations, request.operation)
    spec = _spec(operation, environment)
    parameters = _parameters(session, operation, request)
    request = request.model_copy(update={"parameters": parameters})
    world = World(environment, settings.services)
    units = verbs(environment.kind)
    reader = reader_of(
        session, environment.target, asking, tuple({name for step in spec.steps for name in units[step.verb].commands})
    )
    steps: list[PlannedStep] = []
    values = dict(parameters)
    for number, step in enumerate(spec.steps, 1):
        unit = units[step.verb]
        # what is taken back was settled when it was planned the first time
        settled = step.arguments if operation.name == TAKE_BACK else unit.settle(filled(step.arguments, parameters), world)
        values = dict(settled) | values
        steps.append(plan_step(number, unit, settled, reader, world, steps, keep=step.undo == "none"))
    seen = local.look(ReadProcesses()) if environment.target == "local" else None
    guarded = _guarded(session, gate, steps, seen.value.processes if seen else ())
    verification = Verification(
        diagnostic=spec.verify.diagnostic, arguments=filled(spec.verify.arguments, values), expect=spec.verify.expect,
        deadline_s=spec.verify.deadline_s, steady_s=spec.verify.steady_s,
    )  # fmt: skip
    asked = [Ask(diagnostic=item.diagnostic, arguments=filled(item.arguments, values)) for item in spec.facts]
    asked.append(Ask(diagnostic=verification.diagnostic, arguments=verification.arguments))
    asked = [item for index, item in enumerate(asked) if item not in asked[:index]]
    outcomes = ask_facts(session, asked, environment.target, asking)
    facts = [fact_of(item, outcome) for item, outcome in zip(asked, outcomes, strict=True)]
    needed = requirement(
        environment, operation.risk, approvers=operation.approvers, suspicious=request.suspicious, protected=bool(guarded)
    )
    return Plan(
        request=request, declaration=operation.digest, summary=operation.summary, environment=environment, risk=operation.risk,
        steps=tuple(steps), facts=tuple(facts), verification=verification, cooldown_s=operation.cooldown_s,
        gates=(
            safety(operation, environment, steps, facts, gate), rollback(operation, steps),
            monitoring(facts[-1] if asked[-1].diagnostic == verification.diagnostic else _of(facts, verification)),
            communication(operation, environment, request),
        ),
        requirement=needed, made=now(), coverage=_coverage(outcomes, reader),
        tried=tried_elsewhere(settings, gate, operation, environment, steps),
        waiting=Statement(text="{cost}", values={"cost": operation.waiting}) if operation.waiting else None,
    )  # fmt: skip


def reader_of(session: Session, target: str, asking: Asking, commands: tuple[str, ...]) -> EvidenceReader:
    """A read door for planning; the deadline of the whole counts from now."""
    settings = session.settings
    place = resolve(target, settings.read, settings.logs, session.redactor)
    limits = Limits(settings.limits.look_s, settings.limits.output_bytes, asking.cancel)
    return EvidenceReader(
        place, session.ledger, session.redactor, limits, asker="plan", commands=commands,
        deadline=time.monotonic() + settings.limits.call_s, incident=asking.incident, patterns=settings.logs.patterns,
    )  # fmt: skip


def plan_step(
    number: int, unit: VerbUnit, settled: Mapping[str, JsonValue], reader: EvidenceReader, world: World,
    earlier: Sequence[PlannedStep] = (), *, keep: bool = False,
) -> PlannedStep:  # fmt: skip
    """One step with its state before and its undo. `keep`: it is declared as one that is not taken back.

    Its state before is what is seen now, changed as far as the `earlier` steps will have changed the same component.
    """
    arguments = unit.arguments.parse(settled)
    was = unit.before(reader, arguments, world)
    for step in earlier:
        if step.touches[:1] == was.touches[:1]:
            was = was.model_copy(update={"state": {**was.state, **{k: v for k, v in step.after.items() if k in was.state}}})
    undo = unit.undo(arguments, was)
    said = None
    if keep:
        undo = undo.model_copy(update={"step": None, "restores": (), "lost": undo.lost or "this step is not taken back"})
    elif undo.step is not None:
        back = verbs(world.environment.kind)[undo.step.verb]
        said = back.describe(back.arguments.parse(dict(undo.step.arguments)))
    return PlannedStep(
        number=number, step=Step(verb=unit.name, arguments=arguments.model_dump(mode="json")), said=unit.describe(arguments),
        before=was.state, after=unit.after(arguments, was), touches=was.touches, undo=undo.step, undo_said=said,
        restores=undo.restores, record=was.record, lost=undo.lost, evidence=was.evidence,
    )  # fmt: skip


def state_now(unit: VerbUnit, step: Step, reader: EvidenceReader, world: World) -> Before:
    """The state of what a step acts on, as it is now."""
    return unit.before(reader, unit.arguments.parse(dict(step.arguments)), world)


def ask_facts(session: Session, asked: Sequence[Ask], target: str, asking: Asking) -> list[Outcome]:
    """The answers of these diagnostics now. Raises BadInput for arguments that they refuse."""
    return ask_all(session, [Question.of(session, item.diagnostic, item.arguments) for item in asked], target, asking)


def fact_of(asked: Ask, outcome: Outcome) -> Fact:
    """An answer as a fact: what stays the same as long as the world does."""
    return Fact(
        diagnostic=asked.diagnostic, arguments=asked.arguments, verdict=outcome.verdict,
        codes=tuple(sorted({f"{item.code} {item.component or ''}".strip() for item in outcome.findings})),
        evidence=(*((outcome.id,) if outcome.id else ()), *outcome.evidence),
    )  # fmt: skip


def moved(then: Mapping[str, Any], present: Mapping[str, Any], above: str = "") -> list[str]:
    """Where two plans differ, one sentence each: what is data stands between backticks, one line, cut."""
    found: list[str] = []
    for key in sorted({*then, *present}):
        old, new, name = then.get(key), present.get(key), f"{above}{key}"
        if old == new:
            continue
        if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
            old, new = ({str(index + 1): item for index, item in enumerate(part)} for part in (old, new))
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += moved(old, new, f"{name}.")
        else:
            found.append(f"{one_line(name, 80)} was `{one_line(old, 80)}`, is `{one_line(new, 80)}`")
    return found


def _spec(operation: Operation, environment: Environment) -> KindSpec:
    if environment.kind in operation.kinds:
        return operation.kinds[environment.kind]
    why = operation.refused.get(environment.kind, f"it is described for {', '.join(operation.kinds)} only")
    raise BadInput(f"{operation.name} cannot be done in {environment.name}, an environment of kind {environment.kind}: {why}")


def _parameters(session: Session, operation: Operation, request: Request) -> dict[str, JsonValue]:
    """Checked values, defaults included; those that would be redacted are refused: the executor would act on a mask."""
    values: dict[str, JsonValue] = operation.record().parse(request.parameters).model_dump(mode="json")
    for name, value in values.items():
        if isinstance(value, str) and operation.parameters[name].type in ("name", "path") and ".." in value:
            raise BadInput(f"`{name}` is `{one_line(value, 60)}`; `..` has no place in it")
    if session.redactor.data(values) != values:
        raise BadInput(
            "a parameter looks like a secret; what is secret can be neither shown nor kept, so it cannot be approved"
        )
    told = session.redactor.text(request.told)
    if told != request.told:
        raise BadInput("`told` looks like a secret", "say who was told, and where")
    return values


def _guarded(
    session: Session, gate: Gate | None, steps: Sequence[PlannedStep], processes: Sequence[Process]
) -> tuple[Protected, ...]:  # fmt: skip
    """Protected targets among what is touched, all of them allowed by two people. Raises BadInput otherwise."""
    found = protected(sorted({name for step in steps for name in step.touches}), processes, session.settings)
    for item in found:
        if item.own:
            raise BadInput(f"`{one_line(item.name, 80)}` is protected: {item.why}; nobody can allow that here")
    names = [item.name for item in found]
    if names and not (gate and gate.authorised(names, lambda word: genuine_authority(session.settings, word))):
        raise BadInput(
            f"`{one_line(names[0], 80)}` is protected: {found[0].why}",
            f"two different people must allow it by signature, by name: {', '.join(one_line(name, 80) for name in names[:5])}; "
            "scripts/incident_response/approve.py --help says how",
        )
    return found


def _of(facts: Sequence[Fact], verification: Verification) -> Fact:
    return next(
        item for item in facts if item.diagnostic == verification.diagnostic and item.arguments == verification.arguments
    )


def _coverage(outcomes: Sequence[Outcome], reader: EvidenceReader) -> Coverage:
    parts = [reader.coverage(), *(item.coverage for item in outcomes)]
    return Coverage(
        looked=tuple(dict.fromkeys(item for part in parts for item in part.looked)),
        empty=tuple(dict.fromkeys(item for part in parts for item in part.empty)),
        blind=tuple(dict.fromkeys(item for part in parts for item in part.blind)),
        cut=tuple(dict.fromkeys(item for part in parts for item in part.cut)),
    )
