"""Lines that match, of several logs, by time: all are counted, as many as fit are shown."""

import heapq
from collections.abc import Iterator, Sequence

from mcp_server.core.log_calls import LogHits, LogRecord, SearchLog
from mcp_server.core.reader import Limits
from mcp_server.engine.log_leaves import Leaf, Leaves, Opener, moment_of, nanoseconds
from mcp_server.engine.scan_cursors import mark_of, places_of, query_of
from mcp_server.engine.scan_window import DOUBT, as_is, bounds_of, enough, inside, seen_of, window_of
from mcp_server.logs.cursor import write_cursor
from mcp_server.logs.expressions import UTF_8
from mcp_server.logs.pages import CURSOR_KEY, Redact, decoded, fits, record, wanted
from mcp_server.logs.quick import QuickStamps
from mcp_server.logs.search import Hit, Matcher, compile_patterns, search

_Begin = tuple[int, bytes]
"""The time of a record and its first line."""
_HEAD, _MOST_LINES = 4_096, 2_000
_BACK = 65_536
_LINE = 262_144
"""Bytes of a long line that are read to be shown."""


def search_logs(call: SearchLog, opener: Opener, limits: Limits, redact: Redact) -> LogHits:
    """All matching lines counted, the oldest shown. Raises BadInput for a pattern, CouldNotLook, Cancelled."""
    matchers = {UTF_8: _matcher(call, UTF_8)}
    with opener.open(predecessors=call.since is not None) as leaves:
        starts, rotated, _ = places_of(call, leaves.leaves)
        over = enough(opener, limits)
        found: list[list[tuple[int, int, Hit]]] = []
        counts, count, nexts = [0] * len(call.patterns), 0, list[int | None]()
        lasts, ends = list[int | None](), list[int]()
        for index, leaf in enumerate(leaves.leaves if not rotated else ()):
            keep = _Keep(leaf, call)
            encoding = (leaf.encoding.name if leaf.encoding.unit == 1 else None) or UTF_8
            if encoding not in matchers:
                matchers[encoding] = _matcher(call, encoding)
            matcher = matchers[encoding]
            ranges = window_of(leaf, call, leaves)
            seen = search(
                leaf.source, matcher, ranges=bounds_of(leaf, ranges), start=starts[index] if starts else 0, limit=call.limit,
                before=call.context, after=call.context, enough=over, keep=keep if keep.needed else None,
            )  # fmt: skip
            leaf.read += seen.end - seen.start
            count += seen.count
            counts = [one + two for one, two in zip(counts, seen.counts, strict=True)]
            for note in seen.notes:
                leaves.cut(leaf.name, note)
            if seen.stopped:
                leaves.cut(
                    leaf.name,
                    f"the time was spent at byte {seen.end:,}; what follows was not searched",
                    "go on with the cursor",
                )
            nexts.append(seen.next if seen.next is not None else seen.end if seen.stopped else None)
            ends.append(seen.end)
            found.append(_timed(leaf, seen.hits, index))
            lasts.append(keep.last)
        page, offsets = _page(call, leaves, found, nexts, redact)
        cursor = None
        if any(offset >= 0 for offset in offsets):
            cursor = write_cursor(
                [
                    mark_of(leaf, offset if offset >= 0 else end)
                    for leaf, offset, end in zip(leaves.leaves, offsets, ends, strict=True)
                ],
                query_of(call),
                CURSOR_KEY,
            )
        stamps = [at for hits in found for at, _, _ in hits if at >= 0]
        latest = [at for at in lasts if at is not None] + stamps
        known = all(more is None for more in nexts) or len(lasts) == len([at for at in lasts if at is not None])
        return LogHits(
            seen=seen_of(leaves, call), records=page, cursor=cursor, rotated=rotated, count=count, counts=tuple(counts),
            first=moment_of(min(stamps, default=None)), last=moment_of(max(latest, default=None)) if known else None,
        )  # fmt: skip


def _matcher(call: SearchLog, encoding: str) -> Matcher:
    return compile_patterns(call.patterns, regex=call.regex, ignore_case=call.ignore_case, encoding=encoding)


class _Keep:
    """Keeps lines of records in the window, of the level and with the fields; remembers the time of the last one."""

    def __init__(self, leaf: Leaf, call: SearchLog) -> None:
        self._leaf, self._call, self._stamps = leaf, call, QuickStamps(leaf.at)
        self._since, self._until = nanoseconds(call.since), nanoseconds(call.until)
        self._filters = call.level is not None or bool(call.fields)
        self.needed = self._since is not None or self._until is not None or self._filters
        self.last: int | None = None
        self._before: _Begin | None = None

    def __call__(self, data: bytes, places: Sequence[tuple[int, int]], open_head: bytes) -> Iterator[bool]:
        heads = [data[begin : min(stop, begin + _HEAD)] for begin, stop in places]
        if open_head and places and places[0][0] == 0:
            heads[0] = open_head
        known: tuple[int, _Begin | None] = (0, self._before)
        for (begin, _), head, at in zip(places, heads, self._stamps.of(heads), strict=True):
            record: _Begin | None = (at, head) if at is not None else self._record(data, begin, *known)
            known = (begin, record)
            yield self._wanted(*(record or (None, head)))

    def passed(self, data: bytes, length: int) -> None:
        """Remember which record the next block begins in."""
        self._before = self._record(data, length, 0, self._before) if data else None

    def _wanted(self, at: int | None, head: bytes) -> bool:
        if not inside(at, self._since, self._until):
            return False
        if self._filters and not wanted(decoded(head), self._call.level, self._call.fields):
            return False
        self.last = at if at is not None else self.last
        self._leaf.saw(at)
        return True

    def _record(self, data: bytes, place: int, low: int, known: "_Begin | None") -> "_Begin | None":
        """The line that began the record of a line without a time: the nearest with a time before it; `known` below `low`."""
        for _ in range(_MOST_LINES):
            if place <= low:
                return known
            begin = data.rfind(b"\n", 0, place - 1) + 1
            head = data[begin : min(place, begin + _HEAD)]
            if (at := self._leaf.at(head)) is not None:
                return at, head
            place = begin
        return known


def _timed(leaf: Leaf, hits: tuple[Hit, ...], index: int) -> list[tuple[int, int, Hit]]:
    """Hits with the time of their record: a line inside a trace takes it from the line that began the record."""
    timed, last = [], -1
    for hit in hits:
        at = leaf.at(hit.line[:4_096])
        if at is None and last < 0 and hit.start:
            low = max(0, hit.start - _BACK)
            stretch = leaf.source.read_at(low, hit.start - low).split(b"\n")
            at = next((found for found in map(leaf.at, reversed(stretch[1:])) if found is not None), None)
        last = at if at is not None else last
        leaf.saw(at)
        timed.append((last, index, hit))
    return timed


def _page(
    call: SearchLog, leaves: Leaves, found: list[list[tuple[int, int, Hit]]], nexts: list[int | None], redact: Redact
) -> tuple[tuple[LogRecord, ...], list[int]]:
    """Hits of all leaves by time, as many as fit; and for each leaf the offset to go on at, -1 where it is used up."""
    merged: list[tuple[int, int, Hit]] = []
    # a leaf whose hits were cut by the limit says nothing about what comes after its last one
    horizon = min((hits[-1][0] for hits, more in zip(found, nexts, strict=True) if more is not None and hits), default=None)
    for item in heapq.merge(*found, key=lambda item: item[0]):
        if len(merged) >= call.limit or (horizon is not None and item[0] > horizon):
            break
        merged.append(item)
    texts = [_hit_text(leaves.leaves[index], hit, redact) for _, index, hit in merged]
    doubts = [leaves.leaves[index].doubt_ms(at if at >= 0 else None, decoded(hit.line)) for at, index, hit in merged]
    shown = fits(texts, call.chars - DOUBT * any(doubts), newest=False)
    records = []
    for (at, index, hit), doubt_ms, whole, text in zip(merged, doubts, texts, shown, strict=False):
        records.append(
            record(
                index,
                text,
                moment_of(at) if at >= 0 else None,
                as_is,
                size=hit.end - hit.start,
                cut=hit.cut or text != whole,
                doubt_ms=doubt_ms,
            )
        )
    offsets = []
    for index in range(len(found)):
        mine = [hit for _, owner, hit in merged[: len(records)] if owner == index]
        left = found[index][len(mine) :]
        more = nexts[index]
        offsets.append(left[0][2].start if left else more if more is not None else -1)
    return tuple(records), offsets


def _hit_text(leaf: Leaf, hit: Hit, redact: Redact) -> str:
    """The line, with its neighbours where asked for; of a line too long to keep, its beginning."""
    line = leaf.source.read_at(hit.start, _LINE) if hit.cut and leaf.source.size is not None else hit.line
    around = [*hit.before, line.split(b"\n", 1)[0], *hit.after]
    return redact("\n".join(decoded(item) for item in around))
