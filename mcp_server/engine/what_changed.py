"""What changed: every source of change over one window, on one clock, the most probable cause first, each with its reasons.

A change is no finding: it is `ok` to have changes, and `unknown` when any source could not be looked at in full.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from mcp_server.core.change import Change, Window
from mcp_server.core.clock import now, stamp
from mcp_server.core.declare import ChangeUnit, Scope
from mcp_server.core.errors import BadInput, Cancelled, CouldNotLook, NotApplicable
from mcp_server.core.outcome import BlindSpot, Coverage, Outcome, Statement, Value, verdict_of
from mcp_server.core.settings import ServiceSettings
from mcp_server.engine.echoes import NOTHING, Echo, look_back
from mcp_server.engine.echoes import told as echoes_told
from mcp_server.engine.folding import bursts, merge
from mcp_server.engine.maintenance import windows, windows_told
from mcp_server.engine.places import Place, can_ask, resolve
from mcp_server.engine.ranking import rank, reasons
from mcp_server.engine.ranking_data import Past, Ranked, Ranking, Symptom
from mcp_server.engine.run import door, preflight, record
from mcp_server.engine.session import Asking, Session
from mcp_server.engine.snapshot import last_good
from mcp_server.engine.together import together

Side = Literal["before", "after", "future"]

KEPT = 200
"""Changes kept in an answer's data; more are counted."""
AHEAD = timedelta(seconds=60)
ENDPOINTS = 10
"""Declared services whose address is asked when none is named."""


@dataclass(frozen=True)
class _Seen:
    changes: tuple[Change, ...]
    coverage: Coverage
    evidence: tuple[str, ...]


def scope_of(service: ServiceSettings | None, name: str | None, folders: Sequence[str], pythons: Sequence[str]) -> Scope:
    """Where to look: what the service declares, then what the caller named, each once."""
    declared = [service.root, *service.folders] if service else []
    if service and service.nginx:
        declared.append(service.nginx.rpartition("/")[0] or "/")
    environments = [service.python] if service else []
    return Scope(
        folders=tuple(dict.fromkeys(folder.rstrip("/") or "/" for folder in (*declared, *folders) if folder)),
        pythons=tuple(dict.fromkeys(python for python in (*environments, *pythons) if python)),
        service=name,
        urls=(service.url,) if service and service.url else (),
        container=service.container if service else None,
    )


def what_changed(
    session: Session, target: str, window: Window, scope: Scope, onset: datetime | None, asking: Asking, *, limit: int = 40,
    symptoms: Sequence[Symptom] = (), history: Sequence[Past] = (),
) -> Outcome:  # fmt: skip
    """Ask every source at once; the answer is in the ledger. Raises BadInput for a target that does not exist, Cancelled.

    `symptoms` are what is known to be wrong; without any the order rests on time and kind alone, and nobody is named.
    """
    place = resolve(target, session.settings.read)
    settings = session.settings
    presented = [service.url for service in settings.services.values() if service.url] if scope.service is None else []
    scope = replace(
        scope, journal=scope.journal or settings.logs.journal, onset=onset, feeds=scope.feeds or settings.changes.feeds,
        urls=scope.urls or tuple(dict.fromkeys(presented))[:ENDPOINTS],
        last_good=scope.last_good or last_good(session, place, window),
    )  # fmt: skip
    arguments = {
        "since": stamp(window.since), "until": stamp(window.until), "folders": list(scope.folders),
        "pythons": list(scope.pythons), "service": scope.service, "onset": stamp(onset) if onset else None, "limit": limit,
    }  # fmt: skip
    call = session.began("what_changed", place.address, arguments, asking.incident)
    at, started = now(), time.monotonic()
    units, unasked = _sources(session, place, scope)
    try:
        seen = together(
            [(unit.name, partial(_ask, session, there, unit, window, scope, asking)) for unit, there in units], asking,
            parallel=session.settings.limits.parallel, what="sources of change asked",
        )  # fmt: skip
    except Cancelled:
        session.ended(call, "cancelled")
        raise
    coverage = _together([item.coverage for item in seen])
    coverage = coverage.model_copy(update={"blind": (*coverage.blind, *unasked)})
    verdict = verdict_of((), coverage)
    telling = [clue for symptom in symptoms for clue in symptom.clues]
    told = bursts(merge(change for item in seen for change in item.changes), telling)
    echoes = _look_back(session, units, window, scope, told, onset, asking) if onset else ()
    ranking = rank(
        told, onset or window.until, symptoms=symptoms, history=history, unseen=[spot.what for spot in coverage.blind],
        earlier=[change for echo in echoes for change in echo.changes],
    )  # fmt: skip
    changes, scores = ordered(told, ranking, onset or window.until, place.now())
    evidence = tuple(dict.fromkeys(name for item in seen for name in item.evidence))
    shown = changes[:limit]
    if len(changes) > limit:
        rest = BlindSpot(
            what=f"{len(changes) - limit} of {len(changes)} changes are not listed", reason="the answer's limit",
            remedy=f"ask with limit={min(len(changes), KEPT)}, or a narrower window with since=… until=…",
        )  # fmt: skip
        coverage = coverage.model_copy(update={"cut": (*coverage.cut, rest)})
    statements = tuple(_said(change, scores[index], onset, place.now()) for index, change in enumerate(shown))
    if symptoms and changes:
        statements = (_concluded(ranking, told, evidence), *statements)
    statements = (*statements, *echoes_told(echoes, changes))
    announced = windows_told(windows(settings.maintenance, scope.service, onset or window.until))
    if echoes and not any(echo.changes or echo.blind for echo in echoes):
        coverage = coverage.model_copy(update={"empty": (*coverage.empty, NOTHING)})
    outcome = Outcome(
        name="what_changed", target=place.address, verdict=verdict, at=at,
        took_ms=round((time.monotonic() - started) * 1000, 1), incident=asking.incident,
        statements=(*announced, *(statements or (_nothing(window, verdict == "ok", evidence),))), coverage=coverage,
        evidence=evidence,
        data={
            "window": window.model_dump(mode="json"), "onset": stamp(onset) if onset else None, "seen": len(changes),
            "changes": [change.model_dump(mode="json") for change in changes[:KEPT]],
            "ranking": [item.model_dump(mode="json", exclude={"index", "id"}) for item in scores[:KEPT]],
            "named": next((n for n, item in enumerate(scores[:KEPT]) if ranking.named == item.id), None),
            "echoes": [
                {"period": echo.period, "changes": [item.model_dump(mode="json") for item in echo.changes[:KEPT]]}
                for echo in echoes
            ],
        },
    )  # fmt: skip
    return record(session, outcome, call)


def _sources(session: Session, place: Place, scope: Scope) -> tuple[list[tuple[ChangeUnit, Place]], tuple[BlindSpot, ...]]:
    """Every source that can be asked, with the place to ask it at: the service's container has a place of its own."""
    places, blind = [place], list[BlindSpot]()
    if scope.container and place.address == "local":
        try:
            places.append(resolve(scope.container, session.settings.read))
        except BadInput as error:
            blind.append(BlindSpot(what=f"changes at {scope.container}", reason=error.message, remedy=error.remedy))
    if not any(can_ask(unit.spec.places, place) for unit in session.catalog.changes.values()):
        blind.append(BlindSpot(what="changes", reason=f"no source of change looks at {place.where.kind} places"))
    units = session.catalog.changes.values()
    return [(unit, there) for unit in units for there in places if can_ask(unit.spec.places, there)], tuple(blind)


def _look_back(
    session: Session, units: Sequence[tuple[ChangeUnit, Place]], window: Window, scope: Scope, told: Sequence[Change],
    onset: datetime, asking: Asking,
) -> tuple[Echo, ...]:  # fmt: skip
    """The hours a day, a week and a month before the onset, of the sources that saw something near to it."""

    def ask(sources: frozenset[str], then: Window) -> list[Echo]:
        asked = [(unit, there) for unit, there in units if unit.name in sources]
        seen = together(
            [(unit.name, partial(_ask, session, there, unit, then, scope, asking)) for unit, there in asked], asking,
            parallel=session.settings.limits.parallel, what="sources of change asked for an earlier hour",
        )  # fmt: skip
        return [Echo("", then, item.changes, (*item.coverage.blind, *item.coverage.cut)) for item in seen]

    return look_back(onset, window, told, ask)


def _ask(session: Session, place: Place, unit: ChangeUnit, window: Window, scope: Scope, asking: Asking) -> _Seen:
    """One source. What it told before it failed is kept, and the failure with it."""
    reader = door(session, place, unit, asking)
    changes: list[Change] = []
    applies = True
    try:
        preflight(reader, unit.spec.needs)
        changes.extend(unit.collect(reader, window, scope))
    except Cancelled:
        raise
    except (CouldNotLook, NotApplicable) as failure:
        if isinstance(failure, CouldNotLook):
            reader.missed(failure.what, failure)
        else:
            applies = False  # that is certain, so it is no blind spot
            reader.empty(f"{unit.name}: {failure.sentence()}")
    except Exception as error:  # noqa: BLE001 -- a defect of ours must not look like health
        reader.blind(unit.name, f"failed: defect in this source of change ({type(error).__name__}: {error})", "report it")
    coverage = reader.coverage()
    if applies and not (coverage.looked or coverage.blind or coverage.cut):
        reader.blind(unit.name, "looked at nothing", "name what to look at with folders=… pythons=…")
    return _Seen(tuple(changes), reader.coverage(), tuple(reader.evidence))


def _together(parts: Iterable[Coverage]) -> Coverage:
    parts = list(parts)
    return Coverage(
        looked=tuple(dict.fromkeys(item for part in parts for item in part.looked)),
        empty=tuple(dict.fromkeys(item for part in parts for item in part.empty)),
        blind=tuple(dict.fromkeys(item for part in parts for item in part.blind)),
        cut=tuple(dict.fromkeys(item for part in parts for item in part.cut)),
    )


def ordered(
    changes: Sequence[Change], ranking: Ranking, onset: datetime, present: datetime
) -> tuple[list[Change], list[Ranked]]:  # fmt: skip
    """Before the onset by rank; then after it, the nearest first; last what is dated in the future. With their scores."""
    ranks = {"before": 0, "after": 1, "future": 2}
    found = sorted(ranking.changes, key=lambda item: ranks[_side(changes[item.index], onset, present)])
    return [changes[item.index] for item in found], found


def order(changes: Iterable[Change], onset: datetime, present: datetime) -> list[Change]:
    """The order when nothing is known of the symptom: by time and kind."""
    given = list(changes)
    return ordered(given, rank(given, onset), onset, present)[0]


def _concluded(ranking: Ranking, changes: Sequence[Change], evidence: tuple[str, ...]) -> Statement:
    """Which change explains what is wrong, or that none does."""
    best = ranking.best()
    if best is None:
        asked = [item for item in ranking.unseen if not item.endswith("(no observations)")]
        unseen = "; not looked at: {unseen}" if asked else ""
        values: dict[str, Value] = {"unseen": ", ".join(asked)[:300]} if asked else {}
        return Statement(text="no observed change explains this" + unseen, values=values, evidence=evidence[:6])
    summary = changes[best.index].summary
    return summary.model_copy(update={"text": "the change that explains it best: " + summary.text, "quotes": ()})


def _side(change: Change, onset: datetime, present: datetime) -> Side:
    """Where a change lies; one that doubt may put before the onset is not called later."""
    if change.at > present + AHEAD:
        return "future"
    return "after" if change.at - timedelta(milliseconds=change.doubt_ms) > onset else "before"


def _said(change: Change, ranked: Ranked, onset: datetime | None, present: datetime) -> Statement:
    summary = change.summary
    side = _side(change, onset, present) if onset else "future" if change.at > present + AHEAD else "before"
    mark = {
        "before": "", "after": "after the onset, so not its cause: ",
        "future": "dated in the future, so a clock is wrong and its true time is not known: ",
    }[side]  # fmt: skip
    doubt = " (time in doubt by {doubt_s} s)" if change.doubt_ms > 60_000 and side != "future" else ""
    values = summary.values | ({"doubt_s": change.doubt_ms // 1000} if doubt else {})
    scored = ""
    if side == "before" and onset and ranked.parts:
        told, more = reasons(ranked)
        scored, values = " — score {score}: " + told, {**values, "score": ranked.score, **more}
    return summary.model_copy(update={"text": mark + summary.text + doubt + scored, "values": values, "at": change.at})


def _nothing(window: Window, certain: bool, evidence: tuple[str, ...]) -> Statement:
    text = (
        "no change seen between {since} and {until}; files removed, processes ended and Python packages removed before an "
        "install would not show"
    )
    if not certain:
        text = "nothing seen between {since} and {until} where a look was possible; what was not looked at may have changed"
    return Statement(text=text, values={"since": stamp(window.since), "until": stamp(window.until)}, evidence=evidence[:12])
