"""Several logs on one clock: every line of each, none rewritten, in bounded memory.

Each source is read block by block. What lies before the earliest end of all blocks held is sorted and told, so that at
most one block of every source is held. Records of one source keep their order, whatever their stamps say.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate, chain, repeat
from operator import itemgetter
from typing import NamedTuple

from mcp_server.core.source import ByteSource
from mcp_server.logs.blocks import Block, blocks
from mcp_server.logs.quick import QuickStamps
from mcp_server.logs.window import MAX_RECORD, At, Ranges, find_window

_BLOCK = 262_144
_FIRST = -(1 << 100)


class Merged(NamedTuple):
    """One record of one source. Records of one source keep their order.

    `late` says that its stamp is earlier than one before it in its own source: it stands where the source has it.
    """

    key: int
    """The moment it is sorted by: its own or, where that is earlier or missing, that of the records before it."""
    source: int
    start: int
    end: int
    at: int | None
    data: bytes
    late: bool = False
    cut: bool = False


def merge(
    sources: Sequence[ByteSource],
    ats: Sequence[At],
    *,
    since: int | None = None,
    until: int | None = None,
    ranges: Sequence[Ranges | None] | None = None,
    starts: Sequence[int] | None = None,
    floor: int | None = None,
    block: int = _BLOCK,
    notes: list[str] | None = None,
) -> Iterator[Merged]:
    """All records of all sources by time; ties go to the source named first.

    To continue an earlier answer give for each source the `end` of its last record told as `starts`, and the last `key`
    of all as `floor`. What must be said of the reading is added to `notes`.
    """
    feeds = []
    for number, (source, at) in enumerate(zip(sources, ats, strict=True)):
        found = (ranges[number] if ranges else None) or find_window(source, at, since, until)
        if notes is not None:
            notes += found.doubts
        begin = starts[number] if starts else 0
        feed = _Feed(number, source, at, (since, until), _FIRST if floor is None else floor, notes)
        feeds.append(feed.rows(found, begin, block))
    return chain.from_iterable(_slabs(feeds))


def _slabs(feeds: list[Iterator[list[Merged]]]) -> Iterator[list[Merged]]:
    """Records that nothing to come can precede, again and again until all are told."""
    held: list[list[Merged]] = [[] for _ in feeds]
    open_feeds = set(range(len(feeds)))
    while True:
        for number in sorted(open_feeds):
            if not held[number]:
                held[number] = next(feeds[number], [])
                if not held[number]:
                    open_feeds.discard(number)
        if not open_feeds:
            break
        bound = min((held[number][-1].key, number) for number in open_feeds)
        ready: list[Merged] = []
        for number in sorted(open_feeds):
            rows = held[number]
            # a tie goes to the source named first, which may have more of them in its next block
            place = _place(rows, bound[0], ties=number <= bound[1])
            ready += rows[:place]
            held[number] = rows[place:]
        ready.sort(key=itemgetter(0))
        yield ready


def _place(rows: list[Merged], bound: int, *, ties: bool) -> int:
    """How many rows stand before `bound`, or at it where ties count."""
    low, high = 0, len(rows)
    while low < high:
        middle = (low + high) // 2
        if rows[middle][0] < bound or (ties and rows[middle][0] == bound):
            low = middle + 1
        else:
            high = middle
    return low


class _Feed:
    """The records of one source as rows, a list for each block."""

    def __init__(
        self,
        number: int,
        source: ByteSource,
        at: At,
        window: tuple[int | None, int | None],
        floor: int,
        notes: list[str] | None,
    ) -> None:
        self._number, self._source, self._stamps, self._notes = number, source, QuickStamps(at), notes
        self._since, self._until = window
        self._all = window == (None, None)
        self._floor = floor
        self._open: tuple[int, int | None, bytes] | None = None
        """The last record seen, which may go on in the next block: its start, its moment, its bytes."""

    def rows(self, found: Ranges, start: int, size: int) -> Iterator[list[Merged]]:
        """Rows from `start` on, whatever is inside the ranges; never an empty list."""
        for low, high in found.ranges:
            if high is not None and high <= start:
                continue
            reached = max(low, start)
            for block in blocks(self._source, reached, high, size=size):
                rows = self._block(block, reached)
                reached = block.end
                if rows:
                    yield rows
            if rows := self._finish(reached):
                yield rows
            if high is not None and reached < high and self._notes is not None:
                self._notes.append(f"{self._source.name} was truncated while it was read: it ended at byte {reached:,}")

    def _block(self, block: Block, reached: int) -> list[Merged]:
        text = (
            block.data[reached - block.start : block.length]
            if block.goes_on or reached > block.start
            else block.data[: block.length]
        )
        lines = text.splitlines(keepends=True) if b"\r" not in text else _lines(text)
        begin = max(reached, block.start)
        rows: list[Merged] = []
        if block.goes_on and lines:  # the rest of a line that is too long
            self._more(lines[0])
            begin += len(lines.pop(0))
        if not lines:
            return rows
        moments = self._stamps.of(lines)
        ends = list(accumulate(map(len, lines), initial=begin))
        if None not in moments and self._whole(moments):
            rows += self._finish(begin)
            number, last = self._number, len(lines) - 1
            made = zip(
                moments, repeat(number), ends, ends[1:], moments, lines[:last], repeat(False), repeat(False), strict=False
            )
            rows += map(tuple.__new__, repeat(Merged), made)
            self._floor = max(self._floor, moments[last - 1] or 0) if last else self._floor
            self._open = (ends[last], moments[last], lines[last])
            return rows
        for line, moment, place in zip(lines, moments, ends, strict=False):
            if moment is None and self._open is not None:
                self._more(line)
            else:
                rows += self._finish(place)
                self._open = (place, moment, line)
        return rows

    def _whole(self, moments: list[int | None]) -> bool:
        """All in order, all inside the window."""
        ordered = moments == sorted(moments)  # type: ignore[type-var]
        first, last = moments[0] or 0, moments[-1] or 0
        inside = self._all or ((self._since is None or first >= self._since) and (self._until is None or last <= self._until))
        before = self._open[1] if self._open else None
        return ordered and inside and first >= max(self._floor, before if before is not None else self._floor)

    def _more(self, line: bytes) -> None:
        if self._open is None:
            return
        start, moment, data = self._open
        if len(data) <= MAX_RECORD:
            self._open = (start, moment, data + line[: MAX_RECORD + 1])

    def _finish(self, end: int) -> list[Merged]:
        """The record that was open, now that its end is known."""
        if self._open is None:
            return []
        start, moment, data = self._open
        self._open = None
        inside = self._all or (
            moment is not None
            and (self._since is None or moment >= self._since)
            and (self._until is None or moment <= self._until)
        )
        if not inside:
            return []
        late = moment is not None and moment < self._floor
        self._floor = max(self._floor, moment) if moment is not None else self._floor
        cut = end - start > MAX_RECORD
        return [Merged(self._floor, self._number, start, end, moment, data[:MAX_RECORD] if cut else data, late, cut)]


def _lines(text: bytes) -> list[bytes]:
    """Lines with their ends; a lone carriage return ends none."""
    lines = [line + b"\n" for line in text.split(b"\n")]
    if text.endswith(b"\n"):
        lines.pop()
    else:
        lines[-1] = lines[-1][:-1]
    return lines
