"""Where a stretch of time lies in a log, by looking at few places of it.

A log is nearly in order. Places spread over it are looked at, and between two neighbours again wherever the window, with
a margin, may lie or the clock went back; only what lies between two places well outside the window, on the same side, is
left out. What is kept is then filtered record by record, so nothing outside is told and nothing is told twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mcp_server.core.source import ByteSource
from mcp_server.logs.bisection import HEAD, SECOND, At, Bisection
from mcp_server.logs.blocks import BLOCK, blocks, without_holes

__all__ = ["HEAD", "SECOND", "SLACK", "At", "Piece", "Ranges", "find_window", "moment_of", "nanoseconds", "pieces"]

SLACK = 60 * SECOND
"""Lines may stand this much too late or too early in the file and are still found."""
MAX_RECORD = 65_536
_SMALL = 2 << 20
"""A source that is not larger is filtered whole: exact in whatever order its lines are."""
_LEAF = 131_072
_SPREAD = 256
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def nanoseconds(moment: datetime) -> int:
    """An aware moment on the scale of `At`."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1_000


def moment_of(at: int) -> datetime:
    """The UTC moment, cut to microseconds."""
    return _EPOCH + timedelta(microseconds=at // 1_000)


@dataclass(frozen=True, slots=True)
class Ranges:
    """Byte ranges, ascending, that hold every record of a window, and more; `reads` is what finding them cost."""

    ranges: tuple[tuple[int, int | None], ...]
    reads: int = 0
    doubts: tuple[str, ...] = ()
    """Sentences for the answer: why more was kept, or what could be missed."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One record as bytes: a stamped line and the unstamped lines after it. `at` None: nothing stamped stood before."""

    start: int
    end: int
    at: int | None
    data: bytes
    cut: bool = False
    """Only a part of it is in `data`; `start` and `end` still cover all of it."""


def find_window(
    source: ByteSource,
    at: At,
    since: int | None,
    until: int | None,
    *,
    start: int = 0,
    end: int | None = None,
    slack: int = SLACK,
    small: int = _SMALL,
    leaf: int = _LEAF,
    spread: int = _SPREAD,
) -> Ranges:
    """Byte ranges that hold the records with since ≤ at ≤ until (nanoseconds). O(log n) reads where the source can seek.

    Exact while no line stands more than `slack` away from its place; a clock that went back further is found when it
    shows between two of `spread` places or near the window. A stream or a small source is kept whole.
    """
    end = source.size if end is None else end
    if end is None or end - start <= small or (since is None and until is None):
        return Ranges(((start, end),) if end is None or end > start else ())
    low = since if since is not None else -(1 << 100)
    high = until if until is not None else 1 << 100
    ranges, reads, doubts = Bisection(source, at, low, high, start, end, slack, leaf).run(spread)
    return Ranges(ranges, reads, doubts)


def pieces(
    source: ByteSource,
    at: At,
    since: int | None = None,
    until: int | None = None,
    *,
    start: int = 0,
    end: int | None = None,
    ranges: Ranges | None = None,
    max_record: int = MAX_RECORD,
    block: int = BLOCK,
    notes: list[str] | None = None,
) -> Iterator[Piece]:
    """Records inside the window, in the order of the file: none outside, none inside missing. Long ones are cut, and say so.

    `start` is a record's beginning. What must be said of the reading is added to `notes`.
    """
    found = ranges or find_window(source, at, since, until, start=start, end=end)
    if notes is not None:
        notes += found.doubts
    for low, high in found.ranges:
        if high is not None and high <= start:
            continue
        reached = max(low, start)
        for piece in _records(source, at, reached, high, max_record, block):
            reached = piece.end
            if _wanted(piece.at, since, until):
                yield piece
        if high is not None and reached < high and notes is not None:
            notes.append(f"{source.name} was truncated while it was read: it ended at byte {reached:,}")


def _wanted(at: int | None, since: int | None, until: int | None) -> bool:
    if at is None:
        return since is None and until is None
    return (since is None or since <= at) and (until is None or at <= until)


def _records(source: ByteSource, at: At, low: int, high: int | None, most: int, size: int) -> Iterator[Piece]:
    """All records of a range, whatever their time."""
    start, moment, held, reached = low, None, b"", low
    for block in blocks(source, low, high, size=size):
        data, length, begun = without_holes(block.data), block.length, reached - block.start
        place = begun if block.goes_on else 0
        if block.goes_on:
            place = data.find(b"\n", begun, length) + 1 or length
        while place < length:
            stop = data.find(b"\n", place, length) + 1 or length
            found = at(data[place : min(stop, place + HEAD)])
            if found is not None:
                if block.start + place > start:
                    text = held + data[begun : min(place, begun + most)]
                    yield Piece(start, block.start + place, moment, text[:most], block.start + place - start > most)
                start, moment, held, begun = block.start + place, found, b"", place
            place = stop
        if len(held) < most:
            held += data[begun : min(length, begun + most)]
        reached = block.end
    if reached > start:
        yield Piece(start, reached, moment, held[:most], reached - start > most)
