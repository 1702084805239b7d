"""Running questions. Here, and only here, an error becomes `unknown`; "ok" is earned by `verdict_of` alone."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from mcp_server.core.address import SHAPES
from mcp_server.core.calls import Call, StatFile, Which
from mcp_server.core.clock import now
from mcp_server.core.declare import ChangeUnit, DiagnosticUnit, Need
from mcp_server.core.edge import EdgeUnit
from mcp_server.core.errors import BadInput, Cancelled, CouldNotLook, NotApplicable
from mcp_server.core.outcome import BlindSpot, Finding, Outcome, Statement, Suggestion, Verdict, verdict_of
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Limits
from mcp_server.core.text import one_line
from mcp_server.engine.places import Place, can_ask, resolve
from mcp_server.engine.reader import EvidenceReader
from mcp_server.engine.session import Asking, Session
from mcp_server.engine.together import together


@dataclass(frozen=True)
class Question:
    """A diagnostic with its checked parameters."""

    unit: DiagnosticUnit
    params: Parameters

    @classmethod
    def of(cls, session: Session, name: str, arguments: Mapping[str, Any]) -> "Question":
        """Check the name and the arguments. Raises BadInput."""
        unit = session.catalog.diagnostic(name)
        return cls(unit, unit.params.parse(arguments))


def ask(session: Session, question: Question, target: str, asking: Asking) -> Outcome:
    """One question on one place."""
    return ask_all(session, [question], target, asking)[0]


def ask_all(session: Session, questions: Sequence[Question], target: str, asking: Asking) -> list[Outcome]:
    """Several questions at once, each with its own deadline; the answers come in the order of the questions.

    Raises Cancelled when the caller goes away, BadInput for a target that does not exist or is of a kind that a question
    is not for.
    """
    place = resolve(target, session.settings.read, session.settings.logs, session.redactor, asking.standard_input)
    for question in questions:
        if not can_ask(question.unit.spec.places, place):
            raise elsewhere(session, question.unit, place)
    return together(
        [(question.unit.name, partial(_ask, session, question, place, asking)) for question in questions], asking,
        parallel=session.settings.limits.parallel, what="questions answered",
    )  # fmt: skip


def elsewhere(session: Session, unit: DiagnosticUnit, place: Place) -> BadInput:
    """The sentence for a question that is not for this kind of place."""
    there = [name for name, other in session.catalog.diagnostics.items() if can_ask(other.spec.places, place)]
    kinds = " and ".join(unit.spec.places)
    forms = "; ".join(SHAPES[kind].form for kind in unit.spec.places if kind in SHAPES)
    named = f"Name one: {forms} (`places` lists the contexts). " if forms else ""
    return BadInput(
        f"{unit.name} is for {kinds} places; `target` is `{one_line(place.address, 80)}`, a {place.where.kind} place",
        f"{named}There you can ask: {', '.join(there) or 'nothing yet'}",
    )


def door(session: Session, place: Place, unit: DiagnosticUnit | ChangeUnit | EdgeUnit, asking: Asking) -> EvidenceReader:
    """A reader for one unit on one place: its limits and its deadline count from now."""
    limits = session.settings.limits
    own = Limits(limits.look_s, limits.output_bytes, asking.cancel)
    own.check()
    return EvidenceReader(
        place, session.ledger, session.redactor, own, asker=unit.name, commands=unit.spec.commands,
        deadline=time.monotonic() + min(limits.call_s, unit.spec.timeout_s), incident=asking.incident,
        patterns=session.settings.logs.patterns,
    )  # fmt: skip


def _ask(session: Session, question: Question, place: Place, asking: Asking) -> Outcome:
    unit, params = question.unit, question.params
    reader = door(session, place, unit, asking)
    call = session.began(unit.name, place.address, params.model_dump(mode="json"), asking.incident)
    at, started = now(), time.monotonic()
    statements: tuple[Statement, ...] = ()
    findings: tuple[Finding, ...] = ()
    facts: Any = None
    verdict: Verdict | None = None
    try:
        preflight(reader, unit.spec.needs)
        seen = unit.collect(reader, params)
        facts = seen.model_dump(mode="json")
        findings = tuple(_named(unit.name, finding) for finding in unit.judge(seen, params))
        statements = tuple(unit.show(seen, params))
    except Cancelled:
        session.ended(call, "cancelled")
        raise
    except NotApplicable as reason:
        verdict, statements = "not_applicable", (Statement(text="{reason}", values={"reason": reason.sentence()}),)
    except CouldNotLook as failure:
        reader.missed(failure.what, failure)
    except Exception as error:  # noqa: BLE001 -- a defect of ours must not look like health
        reader.blind(unit.name, f"failed: defect in this diagnostic ({type(error).__name__}: {error})", "report it")
    coverage = reader.coverage()
    outcome = Outcome(
        name=unit.name, target=place.address, verdict=verdict or verdict_of(findings, coverage), at=at,
        took_ms=round((time.monotonic() - started) * 1000, 1), incident=asking.incident, statements=statements,
        findings=findings, coverage=coverage, evidence=tuple(reader.evidence), data=facts,
        budget=getattr(params, "budget", None) if unit.spec.paged else None,
        next=tuple(Suggestion(tool=name) for name in unit.spec.next) if findings else (),
    )  # fmt: skip
    return record(session, outcome, call)


def record(session: Session, outcome: Outcome, call: int) -> Outcome:
    """Keep an outcome in the ledger, redacted once more; it comes back with its id."""
    clean = session.redactor.data(outcome.model_dump(mode="json"))
    entry = session.ledger.append("outcome", {"call": call, "outcome": clean}, incident=outcome.incident)
    return Outcome.model_validate(clean | {"id": f"{session.ledger.mark}R{entry.seq}"})


def _named(diagnostic: str, finding: Finding) -> Finding:
    return finding.model_copy(update={"code": f"{diagnostic}.{finding.code}"})


def preflight(reader: EvidenceReader, needs: tuple[Need, ...]) -> None:
    """Raises CouldNotLook for the first thing that is not there. Programs and files are a host's: elsewhere none is needed."""
    for need in needs if reader.where.kind == "local" else ():
        if missing := unmet(reader, need):
            raise CouldNotLook(missing.what, "missing", missing.reason, missing.remedy)


def unmet(reader: EvidenceReader, need: Need) -> BlindSpot | None:
    """None when the need is met; else what is missing and the remedy."""
    call: Call[Any] = Which(program=need.name) if need.kind == "binary" else StatFile(path=need.name)
    try:
        answer = reader.look(call).value
    except CouldNotLook as failure:
        return BlindSpot(what=need.name, reason=f"{failure.reason}: {failure.detail}", remedy=failure.remedy or need.remedy)
    if need.kind == "binary" and answer.path is None:
        return BlindSpot(what=f"program {need.name}", reason="not installed", remedy=need.remedy)
    return None
