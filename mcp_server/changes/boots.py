"""When was the host booted, was its clock set, and where did the journal lose messages?"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from mcp_server.core.change import Change, Window
from mcp_server.core.clock import stamp
from mcp_server.core.declare import ChangeSource, Scope
from mcp_server.core.journal import Journal
from mcp_server.core.journal_calls import JournalEntry
from mcp_server.core.outcome import Statement, Value
from mcp_server.core.reader import Reader
from mcp_server.core.text import amount

CHANGE_SOURCE = ChangeSource(question="When was the host booted, was its clock set, and where did the journal lose messages?")

_BEGAN, _ENDED = "f77379a8490b408bbe5f6940505a777b", "d93fb3c9c24d451a97cea615ce59c00b"
_SHUTDOWN = "98268866d1d54a499c4e98921d93bc40"
_CLOCK_SET, _ZONE_SET = "c7a787079b354eaaa9e77b371893cd27", "45f82f4aef7a4bbf942ce861d1f20990"
_RESUMED = "8811e6df2a8e40f58a94cea26f8ebf14"
_DROPPED, _MISSED = "a596d6fe7bfa4994828e72309e95d61e", "e9bf28e6e834481bb6f48f548ad13606"
_KINDS = (_BEGAN, _ENDED, _SHUTDOWN, _CLOCK_SET, _ZONE_SET, _RESUMED, _DROPPED, _MISSED)
MATCHES = (
    ("_UID=0", *(f"MESSAGE_ID={name}" for name in _KINDS)),
    ("SYSLOG_IDENTIFIER=systemd-resolved", "MESSAGE=Clock change detected. Flushing caches."),
    ("SYSLOG_IDENTIFIER=systemd-journald", "MESSAGE=Time jumped backwards, rotating."),
    *((f"SYSLOG_IDENTIFIER={name}",) for name in ("chronyd", "ntpd", "systemd-timesyncd")),
)
_STEPPED = ("stepped", "jumped", "time reset", "step time server", "Clock change", "clock time unset", "Changed local time")
BOOTS = 6
STARTING = 900
"""Seconds within which a machine that boots has started its journal."""
STEP = timedelta(seconds=2)
SLEW = 0.0006
"""A clock that is only made to go faster or slower gains at most half a thousandth."""
NEAR = timedelta(seconds=30)


class Step(NamedTuple):
    """The clock was set by `by` at some moment between two entries of one boot."""

    after: JournalEntry
    entry: JournalEntry
    by: timedelta


def collect(reader: Reader, window: Window, scope: Scope) -> Iterator[Change]:
    """Boots, steps of the clock and changes of the zone inside the window."""
    with reader.part("journal"):
        journal = Journal(reader, window, scope.journal)
        seen = journal.entries(MATCHES, fields=("MESSAGE", "MESSAGE_ID", "SYSLOG_IDENTIFIER"), what="boots and clock changes")
        entries = seen.value.entries
        newest = journal.last(window)
        series = [*([journal.before] if journal.before else []), *entries, *([newest] if newest else [])]
        evidence = (journal.evidence, seen.evidence)
        boots = list(_boots(journal, window, series, entries, evidence))
        clock = [*_steps(series, entries, evidence), *_zones(entries, evidence)]
        yield from (*boots, *clock)
        _lost(reader, entries)
        if not boots:
            reader.empty("boots: none in the window")
        if not clock:
            reader.empty("clock: not set in the window, as far as the journal shows")


def _boots(
    journal: Journal, window: Window, series: Sequence[JournalEntry], entries: Sequence[JournalEntry], evidence: tuple[str, ...]
) -> Iterator[Change]:  # fmt: skip
    """Each boot that began inside the window: by its own clock, which starts at nought with it."""
    firsts: dict[str, JournalEntry] = {}
    for entry in series:
        firsts.setdefault(entry.boot, entry)
    for boot, first in list(firsts.items())[-BOOTS:]:
        at = first.at - timedelta(seconds=first.uptime_s)
        if first.get("MESSAGE_ID") == _BEGAN and first.uptime_s > STARTING:
            at = first.at  # a container was booted: its clock is that of the machine below
        if not window.since <= at <= window.until:
            continue
        text, values = "the host was booted", {}
        last = journal.last(Window(since=window.since, until=first.at - timedelta(milliseconds=1))) or journal.before
        orderly = [item for item in entries if item.boot != boot and item.at <= first.at and _orderly(item)]
        if last is not None and last.boot != boot:
            silent = max(0, int((at - last.at).total_seconds()))
            text, values = text + "; the last entry before it is {silent} s older", {"silent": silent}
            if not orderly and not _orderly(last):
                text += ", and no orderly shutdown was noted"
        yield Change(
            source="boots", kind="boot", classes=("runtime", "infrastructure"), at=at, doubt_ms=1_000, stamp=first.stamp,
            component="host", reference=boot[:12],
            summary=Statement(text=text, values=dict[str, Value](values), evidence=evidence, at=at),
        )  # fmt: skip


def _orderly(entry: JournalEntry) -> bool:
    return entry.get("MESSAGE_ID") in (_ENDED, _SHUTDOWN)


def steps(series: Sequence[JournalEntry]) -> Iterator[Step]:
    """Where the time of day and the boot's own clock moved apart by more than any slewing explains.

    A host that slept shows the same, forward: the boot's clock stands still then; where it says so, it is no step.
    """
    last: dict[str, JournalEntry] = {}
    for entry in sorted(series, key=lambda item: item.uptime_s):
        before = last.get(entry.boot)
        last[entry.boot] = entry
        if before is None or not entry.boot:
            continue
        ran = timedelta(seconds=entry.uptime_s - before.uptime_s)
        by = (entry.at - before.at) - ran
        if abs(by) > STEP + ran * SLEW and not (by > STEP and entry.get("MESSAGE_ID") == _RESUMED):
            yield Step(before, entry, by)


def _steps(series: Sequence[JournalEntry], entries: Sequence[JournalEntry], evidence: tuple[str, ...]) -> Iterator[Change]:
    said = [item for item in entries if _says_step(item)]
    explained: set[int] = set()
    for step in steps(series):
        begin, end = step.after.uptime_s, step.entry.uptime_s + NEAR.total_seconds()
        own = [(index, item) for index, item in enumerate(said) if item.boot == step.entry.boot]
        inside = [index for index, item in own if begin <= item.uptime_s <= end]
        explained.update(inside)
        told = said[inside[0]] if inside else None
        apart = step.entry.uptime_s - step.after.uptime_s
        at, doubt = (told.at, 1_000) if told else (step.entry.at, int(apart * 1_000))
        way = "back" if step.by < timedelta() else "forward, or the host slept,"
        text = f"the clock was set {way} by {{by_s}} s"
        values: dict[str, Value] = {"by_s": round(abs(step.by.total_seconds()), 1)}
        if told:
            text, values = text + ": {said}", values | {"said": told.get("MESSAGE")[:200]}
        yield _clock(text, values, at, doubt, step.entry.stamp, evidence)
    for index, item in enumerate(said):
        near = [other for other in said[:index] if abs(item.at - other.at) <= NEAR]
        if index not in explained and not near:
            yield _clock("the clock was set: {said}", {"said": item.get("MESSAGE")[:200]}, item.at, 0, item.stamp, evidence)


def _says_step(entry: JournalEntry) -> bool:
    return entry.get("MESSAGE_ID") == _CLOCK_SET or any(word in entry.get("MESSAGE") for word in _STEPPED)


def _zones(entries: Sequence[JournalEntry], evidence: tuple[str, ...]) -> Iterator[Change]:
    for entry in entries:
        if entry.get("MESSAGE_ID") == _ZONE_SET:
            said: dict[str, Value] = {"said": entry.get("MESSAGE")[:200]}
            yield _clock("the zone of local times was changed: {said}", said, entry.at, 0, entry.stamp, evidence)


def _clock(
    text: str, values: dict[str, Value], at: datetime, doubt_ms: int, source_stamp: str, evidence: tuple[str, ...]
) -> Change:  # fmt: skip
    return Change(
        source="boots", kind="clock", classes=("infrastructure",), at=at, doubt_ms=doubt_ms, stamp=source_stamp,
        component="clock", summary=Statement(text=text, values=values, evidence=evidence, at=at),
    )  # fmt: skip


def _lost(reader: Reader, entries: Sequence[JournalEntry]) -> None:
    """Messages that journald says it dropped or missed are not in any answer that rests on the journal."""
    lost = [item for item in entries if item.get("MESSAGE_ID") in (_DROPPED, _MISSED)]
    if lost:
        often = amount(len(lost), "time")
        reader.cut(
            f"journal: messages were dropped or missed {often} between {stamp(lost[0].at)} and {stamp(lost[-1].at)}",
            "raise RateLimitBurst= in journald.conf; what was dropped is gone",
        )
