"""Triage: the steps of the fitting playbooks asked together, then the changes, then the causes; one answer."""

import time
from collections.abc import Sequence
from datetime import timedelta

from mcp_server.core.change import Window
from mcp_server.core.clock import now
from mcp_server.core.errors import BadInput, Cancelled
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import BlindSpot, Coverage, Finding, Outcome, Statement, Suggestion, verdict_of
from mcp_server.core.settings import ServiceSettings
from mcp_server.core.text import one_line
from mcp_server.engine.places import can_ask, resolve
from mcp_server.engine.run import Question, ask_all, record
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.answers import ALERTS, TRIAGE, answers, past_causes
from mcp_server.incident.causes import Diagnosis, diagnose
from mcp_server.incident.first_alert import first_alert, onset_by
from mcp_server.incident.pages import pages, refused
from mcp_server.incident.playbooks import Asked, Playbook, asked, context_of, named, route
from mcp_server.incident.record import Incident
from mcp_server.incident.recurrence import recurrence
from mcp_server.incident.said import diagnosis_statements

CHANGES_BEFORE = timedelta(hours=24)
RUNNABLE = ("workflow", "checklist", "flow")


class Plan(Noun):
    """What a triage is going to do."""

    incident: Incident
    service: str | None
    playbooks: tuple[Playbook, ...]
    target: str


def plan(session: Session, incident: Incident, *, service: str | None, symptom: str | None, playbook: str | None) -> Plan:
    """Choose service and documents: a named playbook, else what the symptom or the title is routed to.

    Without a name, the incident's service, else the only declared one. Raises BadInput for names that do not exist.
    """
    declared = session.settings.services
    chosen = session.service(service) or incident.service or (next(iter(declared)) if len(declared) == 1 else None)
    found = pages(session)
    if playbook:
        books: tuple[Playbook, ...] = (named(found, playbook),)
    else:
        routed = route(found, f"{symptom or ''} {incident.title}" if symptom else incident.title)
        books = tuple(routed[kind] for kind in RUNNABLE if kind in routed)
    return Plan(incident=incident, service=chosen, playbooks=books, target=incident.target)


def triage(session: Session, doing: Plan, asking: Asking) -> tuple[Outcome, Diagnosis]:
    """Carry the plan out. The outcome is `ok` only when every step was asked and everything asked was seen."""
    incident, at, started = doing.incident, now(), time.monotonic()
    asking.incident = incident.id
    names = [book.name for book in doing.playbooks]
    call = session.began(TRIAGE, doing.target, {"playbooks": names, "service": doing.service}, incident.id)
    declared = session.settings.services.get(doing.service) if doing.service else None
    steps = list(asked(doing.playbooks, context_of(incident, doing.service, declared, session.settings.monitoring)))
    unasked, questions = _questions(session, steps, doing.target)
    try:
        outcomes = [outcome for target, some in questions.items() for outcome in ask_all(session, some, target, asking)]
        changes = _changes(session, doing, declared, asking, outcomes)
    except Cancelled:
        session.ended(call, "cancelled")
        raise
    known = answers(session.ledger, incident, session.catalog.diagnostics)
    earlier = past_causes(session.ledger, incident)
    diagnosis = diagnose(incident, known.model_copy(update={"triage": None}), session.catalog.finding_types(), earlier)
    parts = (*map(compact, outcomes), compact(changes))
    findings = (*_findings(diagnosis), *(item for item in known.alerts() if item.code.endswith(".fires")))
    unasked += tuple(BlindSpot(what=page.path, reason=page.reason, remedy="mend the page") for page in refused(session))
    coverage = _coverage(parts, unasked)
    data = {
        "playbooks": names, "service": doing.service, "unasked": [spot.model_dump() for spot in unasked],
        "diagnosis": diagnosis.model_dump(mode="json"),
    }  # fmt: skip
    outcome = Outcome(
        name=TRIAGE, target=doing.target, verdict=verdict_of(findings, coverage), at=at, incident=incident.id,
        took_ms=round((time.monotonic() - started) * 1000, 1), findings=findings, parts=parts, coverage=coverage,
        statements=_said(session, incident, diagnosis), evidence=tuple(item for part in parts for item in part.evidence),
        next=_next(outcomes, diagnosis), data=data,
    )  # fmt: skip
    return record(session, outcome, call), diagnosis


def _said(session: Session, incident: Incident, diagnosis: Diagnosis) -> tuple[Statement, ...]:
    """The diagnosis, and whether this cause was there before."""
    best = diagnosis.probable
    again = recurrence(session.ledger, incident, (best.root.code, best.root.component or "") if best else None)
    return (*diagnosis_statements(diagnosis), *([again.told()] if again else []))


def _questions(
    session: Session, steps: Sequence[Asked], target: str
) -> tuple[tuple[BlindSpot, ...], dict[str, list[Question]]]:  # fmt: skip
    """Steps that cannot be asked, as blind spots, and the others by place, checked. A declared value may still be unusable."""
    unasked, questions = list[BlindSpot](), dict[str, list[Question]]()
    places = {target: resolve(target, session.settings.read)}
    for step in steps:
        if step.blind:
            unasked.append(step.blind)
            continue
        try:
            question, there = Question.of(session, step.ask, step.arguments), step.target or target
            if there not in places:
                places[there] = resolve(there, session.settings.read)
            if not can_ask(question.unit.spec.places, places[there]):
                reason = f"not asked: it is a question for {' and '.join(question.unit.spec.places)} places"
                unasked.append(BlindSpot(what=step.ask, reason=reason, remedy="ask it with the target of the host concerned"))
                continue
            questions.setdefault(there, []).append(question)
        except BadInput as error:
            remedy = "correct the service's declaration in the settings file"
            unasked.append(BlindSpot(what=step.ask, reason=f"not asked: {one_line(error, 300)}", remedy=remedy))
    return tuple(unasked), questions


def compact(outcome: Outcome) -> Outcome:
    """A part as triage carries it: verdict, evidence and what was not seen; the whole answer stays in the ledger as R<n>."""
    return outcome.model_copy(update={"statements": (), "data": None, "next": (), "notice": ""})


def _changes(
    session: Session, doing: Plan, declared: ServiceSettings | None, asking: Asking, outcomes: Sequence[Outcome]
) -> Outcome:  # fmt: skip
    """Every change source over the day before the onset and up to now, ranked by what the answers so far found."""
    from mcp_server.engine.ranking_data import symptom_of
    from mcp_server.engine.what_changed import KEPT, scope_of, what_changed

    seen = [finding for outcome in outcomes if outcome.name in ALERTS for finding in outcome.findings]
    onset = onset_by(doing.incident, first_alert(doing.incident, seen))
    window = Window(since=onset - CHANGES_BEFORE, until=max(resolve(doing.target, session.settings.read).now(), onset))
    found = [finding for outcome in outcomes if outcome.name not in ALERTS for finding in outcome.findings]
    symptoms = [symptom_of(finding) for finding in found]
    return what_changed(
        session, doing.target, window, scope_of(declared, doing.service, (), ()), onset, asking, limit=KEPT, symptoms=symptoms,
        history=past_causes(session.ledger, doing.incident),
    )  # fmt: skip


def _findings(diagnosis: Diagnosis) -> tuple[Finding, ...]:
    """Roots first, then what agrees with them, then symptoms; each once."""
    ordered = [item.root for item in diagnosis.hypotheses]
    ordered += [finding for item in diagnosis.hypotheses for finding in (*item.agreeing, *item.symptoms)]
    return tuple({id(item): item for item in ordered}.values())


def _coverage(parts: Sequence[Outcome], unasked: tuple[BlindSpot, ...]) -> Coverage:
    """All parts together. An answer of `unknown` without a named blind spot would still be one."""
    blind = [spot.model_copy(update={"what": f"{part.name}: {spot.what}"}) for part in parts for spot in part.coverage.blind]
    cut = [spot.model_copy(update={"what": f"{part.name}: {spot.what}"}) for part in parts for spot in part.coverage.cut]
    named_parts = {spot.what.split(":", 1)[0] for spot in (*blind, *cut)}
    blind += [
        BlindSpot(what=part.name, reason="answered unknown", remedy=f"read {part.id}")
        for part in parts
        if part.verdict == "unknown" and part.name not in named_parts
    ]
    looked = tuple(part.name for part in parts if part.verdict in ("ok", "finding"))
    return Coverage(looked=looked, blind=(*unasked, *blind), cut=tuple(cut))


def _next(outcomes: Sequence[Outcome], diagnosis: Diagnosis) -> tuple[Suggestion, ...]:
    """Calls of ours that lead on: the details of the cause, then what the root's diagnostic suggests."""
    if diagnosis.probable is None:
        return (Suggestion(tool="timeline"),) if diagnosis.state != "nothing" else ()
    asker = diagnosis.probable.root.code.split(".")[0]
    own = [item for outcome in outcomes if outcome.name == asker for item in outcome.next]
    asked_already = {outcome.name for outcome in outcomes} | {"what_changed"}
    more = [item for item in own if item.tool not in asked_already]
    return (Suggestion(tool="probable_cause"), Suggestion(tool="report"), *more[:2])
