"""A log within a character budget: every distinct error and every rare other record, with counts and onset.

Records are grouped by shape; what is shown is one record of each, verbatim. They must come redacted: a long record is
cut, and half a secret is not recognised as one. When time or memory run short the analysis steps down: full (shapes
of everything) → rules (shapes of records in trouble only) → basic (trouble counted, few kept).
"""

import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from itertools import islice
from typing import Literal, Protocol

from mcp_server.core.clock import stamp
from mcp_server.core.text import amount
from mcp_server.logs.telling import WEIGHTS, Entry, rank
from mcp_server.logs.templates import LIMIT, MAX_EXAMPLE, Shapes
from mcp_server.logs.trimming import condense, headline, trouble

Mode = Literal["full", "rules", "basic"]
MIN_BUDGET = 200
_CHUNK = 2_000
"""Records between two looks at the clock."""
_CALM = ("info", "debug")
_PER_SHAPE = 40_000
"""Bytes that a shape with its example may hold, once for each of five levels."""
_BASIC_KEPT = 20
_WIDTHS = (2_000, 1_200, 800, 500, 350, 260, 200, 150)
_NARROW = 90
_TITLE, _LAST = 40, 220


@cache
def _failed() -> re.Pattern[str]:
    """An answer of 500 and above: numbers have no part in a shape, so such records are told apart before."""
    return re.compile(r"\" 5\d\d |\bstatus(?:[_ -]?code)?\"? ?[:=] ?\"?5\d\d\b", re.ASCII | re.I)


class Said(Protocol):
    """A record, as far as it matters here."""

    @property
    def text(self) -> str: ...
    @property
    def at(self) -> datetime | None: ...
    @property
    def level(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Summary:
    """`text` is never longer than the budget. `left_out` says in words what it does not show, `why` why not `full`."""

    text: str
    mode: Mode
    why: str
    records: int
    shown: tuple[Entry, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(slots=True)
class _Read:
    """What was gathered. One collection of shapes per level: a warning is not the error of the same words."""

    limit: int
    mode: Mode
    why: str
    records: int = 0
    passed: int = 0
    stopped: bool = False
    since: datetime | None = None
    until: datetime | None = None
    shapes: dict[str | None, Shapes] = field(default_factory=dict)
    whole: list[str] | None = field(default_factory=list)
    size: int = 0
    basic: int = 0


def summarise(
    records: Iterable[Said],
    budget: int,
    *,
    known: Callable[[str], str | None] | None = None,
    seconds: float = 20.0,
    memory: int = 256 * 1024 * 1024,
    clock: Callable[[], float] = time.monotonic,
) -> Summary:
    """The most telling records within `budget` characters (at least MIN_BUDGET).

    `known` names the trouble that a text is, if it is a known one; it is asked once per shape, of at most MAX_ASKED.
    `seconds` bounds the reading of records (then the rest is not read, and the summary says so), `memory` what is held,
    in bytes.
    """
    budget = max(budget, MIN_BUDGET)
    read = _gather(records, budget, seconds, memory, clock)
    if read.whole is not None and not read.why:
        text = f"{_head(read)}; all of it:\n" + "\n".join(read.whole)
        if len(text) <= budget:
            return Summary(text, read.mode, read.why, read.records)
    entries = rank(read.shapes, known)
    return _render(read, entries, budget)


def _gather(records: Iterable[Said], budget: int, seconds: float, memory: int, clock: Callable[[], float]) -> _Read:
    limit = min(LIMIT, memory // _PER_SHAPE)
    mode: Mode = "full" if limit >= 500 else "rules" if limit >= 50 else "basic"
    why = "" if mode == "full" else f"{memory:,} bytes of memory allow {amount(limit, 'shape')}"
    read, begun, rest = _Read(max(limit, 1), mode, why), clock(), iter(records)
    while chunk := list(islice(rest, _CHUNK)):
        spent = clock() - begun
        if spent > seconds:
            read.stopped = True
            read.why = f"the time of {seconds:g} s was spent after {amount(read.records, 'record')}; the rest was not read"
            break
        for step, share in (("rules", 0.6), ("basic", 0.85)):
            if spent > share * seconds and (read.mode, step) in {("full", "rules"), ("full", "basic"), ("rules", "basic")}:
                read.mode = "rules" if step == "rules" else "basic"
                read.why = f"{share:.0%} of {seconds:g} s were spent at record {read.records:,}"
        _take(read, chunk, budget)
    return read


def _take(read: _Read, chunk: Sequence[Said], budget: int) -> None:
    parts: dict[str | None, list[tuple[int, Said]]] = {}
    failed = _failed() if _failed().search("\n".join([record.text[:2_000] for record in chunk])) else None
    for place, record in enumerate(chunk, start=read.records):
        if at := record.at:
            read.since = at if read.since is None or at < read.since else read.since
            read.until = at if read.until is None or at > read.until else read.until
        level = "info" if record.level in _CALM else record.level if record.level in WEIGHTS else None
        if failed and level not in WEIGHTS and failed.search(record.text, 0, 2_000):
            level = "error"
        if read.mode != "full" and level not in WEIGHTS and not trouble().search(record.text, 0, 500):
            read.passed += 1
            continue
        if read.mode == "basic":
            read.basic += 1
            if read.basic > _BASIC_KEPT:
                continue
        parts.setdefault(level, []).append((place, record))
    read.records += len(chunk)
    for level, found in parts.items():
        shapes = read.shapes.setdefault(level, Shapes(read.limit))
        texts = [record.text for _, record in found]
        shown = [condense(text, MAX_EXAMPLE) if len(text) > MAX_EXAMPLE else text for text in texts]
        shapes.add(map(headline, texts), [record.at for _, record in found], [place for place, _ in found], shown)
    if read.whole is not None:
        read.size += sum(len(record.text) + 1 for record in chunk)
        read.whole = [*read.whole, *(record.text for record in chunk)] if read.size <= budget else None


def _render(read: _Read, entries: list[Entry], budget: int) -> Summary:
    head = _head(read)
    total = max(1, sum(entry.shape.count for entry in entries))
    bad = [entry for entry in entries if entry.trouble]
    rare = [entry for entry in entries if not entry.trouble and entry.shape.count <= max(3, total // 500)]
    usual = [entry for entry in entries if not entry.trouble and entry.shape.count > max(3, total // 500)]
    usual.sort(key=lambda entry: -entry.shape.count)
    room = max(0, budget - len(head) - 1 - _LAST)
    context = room // 10 if usual else 0
    shown_bad, cost = _fit(bad, room * 6 // 10 if rare else room - context)
    shown_rare, cost_rare = _fit(rare, room - cost - context)
    if len(shown_bad) < len(bad):  # what the rare did not need
        shown_bad, cost = _fit(bad, room - cost_rare - context)
    shown_usual, _ = _fit(usual, room - cost - cost_rare, (200, 120, 80), masked=True)
    lines = [head]
    parts = (("trouble", shown_bad, bad), ("rare", shown_rare, rare), ("usual, masked", shown_usual, usual))
    for title, shown, of in parts:
        if shown:
            lines.append(f"{title} ({len(shown)} of {amount(len(of), 'shape')}):")
            lines += [line for _, line in shown] if shown is shown_usual else _newest_first(shown)
    left = _left_out(read, (bad, rare, usual), (shown_bad, shown_rare, shown_usual))
    if left:
        lines.append("left out: " + "; ".join(left))
    entries_shown = tuple(entry for _, shown, _ in parts for entry, _ in shown)
    return Summary("\n".join(lines)[:budget], read.mode, read.why, read.records, entries_shown, tuple(left))


def _fit(
    entries: list[Entry], room: int, widths: Sequence[int] = _WIDTHS, masked: bool = False
) -> tuple[list[tuple[Entry, str]], int]:
    """As many as fit, the best first, each as wide as all can be; and the characters used.

    Where not all fit, the best take six tenths of the room, and the others are shown more narrowly.
    """
    room -= _TITLE
    sure = entries[: max(0, room // 40)]  # more cannot fit
    lines: list[str] = []
    for width in widths:
        lines = [_line(entry, width, masked) for entry in sure]
        if sum(map(len, lines)) + len(lines) <= room:
            break
    shown: list[tuple[Entry, str]] = []
    used = 0
    every = sum(map(len, lines)) + len(lines) <= room
    for entry, wide in zip(sure, lines, strict=True):
        line = wide if every or used <= 0.6 * room else _line(entry, _NARROW, masked)
        if used + len(line) + 1 <= room:
            shown.append((entry, line))
            used += len(line) + 1
    return shown, used + _TITLE if shown else 0


def _line(entry: Entry, width: int, masked: bool) -> str:
    shape = entry.shape
    if shape.since and shape.until:
        when = stamp(shape.since) + (f" to {stamp(shape.until)}" if shape.until > shape.since else "")
    else:
        when = f"record {shape.first + 1:,}" + (f" to {shape.last + 1:,}" if shape.count > 1 else "")
    marks = "".join(f" [{mark}]" for mark in (entry.level, entry.known) if mark)
    text = shape.text if masked and shape.text[0] != "{" else shape.example
    return f"×{shape.count:,} {when}{marks}\n  " + condense(text, width).replace("\n", "\n  ")


def _newest_first(shown: list[tuple[Entry, str]]) -> list[str]:
    """Onsets close together are one episode: the newest episode first, in each what came first, for it may be the cause."""
    timed = all(entry.shape.since for entry, _ in shown)
    order = sorted(
        shown, key=lambda one: (stamp(one[0].shape.since) if timed and one[0].shape.since else "", one[0].shape.first)
    )
    starts = [one[0].shape.since.timestamp() if timed and one[0].shape.since else float(one[0].shape.first) for one in order]
    gap = max((starts[-1] - starts[0]) / 20, 60.0) if starts else 0.0
    episodes: list[list[str]] = []
    for place, (_, line) in enumerate(order):
        if place == 0 or starts[place] - starts[place - 1] > gap:
            episodes.append([])
        episodes[-1].append(line)
    return [line for episode in reversed(episodes) for line in episode]


def _head(read: _Read) -> str:
    span = f", {stamp(read.since)} to {stamp(read.until)}" if read.since and read.until else ""
    why = f" ({read.why})" if read.why else ""
    return f"{amount(read.records, 'record')}{span}; analysis: {read.mode}{why}"


def _left_out(read: _Read, all_: Sequence[list[Entry]], shown: Sequence[list[tuple[Entry, str]]]) -> list[str]:
    left = []
    for name, entries, kept in zip(("in trouble", "rare", "usual"), all_, shown, strict=True):
        if missing := len(entries) - len(kept):
            count = sum(entry.shape.count for entry in entries) - sum(entry.shape.count for entry, _ in kept)
            left.append(f"{amount(missing, 'shape')} {name} ({amount(count, 'record')})")
    others = [found.result().other for found in read.shapes.values()]
    if beyond := sum(other.count for other in others if other):
        left.append(f"{amount(beyond, 'record')} of shapes beyond the limit of {read.limit:,}")
    if read.passed:
        left.append(f"{amount(read.passed, 'record')} without signs of trouble were not grouped")
    if read.basic > _BASIC_KEPT:
        left.append(f"{amount(read.basic - _BASIC_KEPT, 'record')} in trouble were only counted")
    if read.stopped:
        left.append("the records after that were not read")
    return left
