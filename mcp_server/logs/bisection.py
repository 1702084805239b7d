"""The search behind a window: places looked at, what lies between them, and what must be kept. O(log n) reads."""

from collections.abc import Callable, Iterator
from itertools import pairwise

from mcp_server.core.source import ByteSource
from mcp_server.core.text import amount, bytes_text
from mcp_server.logs.blocks import BLOCK, without_holes

At = Callable[[bytes], int | None]
"""The moment of a line in nanoseconds since 1970 UTC; None where it carries none. Never raises. Gets at most `HEAD` bytes."""

HEAD = 2_048
SECOND = 1_000_000_000
_MOST_READS = 2_000
_PROBE = 8_192
_FARTHEST = 1 << 18
_MOST_LINES = 1_000
"""How far a look goes on for the next stamp, in bytes and in lines without one."""
_PATIENCE = 20_000
"""Lines without a stamp that are looked at in all while spreading."""
_NO_ORDER = 10
"""One pair of neighbours in so many going backwards: such a log is in no order."""

Point = tuple[int, int]
"""Offset of a line that carries a time, and the time."""


class Bisection:
    """One search for a window: places looked at, and what is kept between them."""

    def __init__(self, source: ByteSource, at: At, since: int, until: int, start: int, end: int, slack: int, leaf: int) -> None:
        self._source, self._at, self._start, self._end = source, at, start, end
        self._since, self._until, self._slack, self._leaf = since, until, slack, leaf
        self._reads = self._jumps = self._blank = 0
        self._disorder = self._open_head = self._open_end = self._gave_up = False
        self._silent: list[tuple[int, int]] = []
        self._kept: list[tuple[int, int]] = []

    def run(self, spread: int) -> tuple[tuple[tuple[int, int], ...], int, tuple[str, ...]]:
        """Byte ranges, the number of reads, and sentences about what is doubtful."""
        points = self._points(spread)
        if not points:
            return ((self._start, self._end),), self._reads, ("no line looked at carries a time; all of it was read",)
        if self._open_head and self._since <= points[0][1] + self._slack:
            self._kept.append((self._start, points[0][0]))
        backwards = sum(one[1] - two[1] > self._slack for one, two in pairwise(points))
        if backwards > 2 and backwards * _NO_ORDER > len(points):
            self._disorder = True
            return ((self._start, self._end),), self._reads, tuple(self._doubts())
        for pair in pairwise(points):
            self._between(*pair)
        if self._open_end or self._touches(points[-1][1], points[-1][1], self._slack):
            self._kept.append((points[-1][0], self._end))
        return tuple(_joined(self._kept)), self._reads, tuple(self._doubts())

    def _points(self, spread: int) -> list[Point]:
        """Times at places spread evenly, and the last one of all, ascending by offset."""
        size = self._end - self._start
        points: list[Point] = []
        for number in range(spread):
            offset = self._start + size * number // spread
            if (points and points[-1][0] >= offset) or self._blank > _PATIENCE:
                continue
            found = self._look(offset, self._end)
            self._open_head = self._open_head or (number == 0 and self._gave_up)
            if found and (not points or found[0] > points[-1][0]):
                points.append(found)
        last = self._last(points[-1][0] if points else self._start)
        if last and (not points or last[0] > points[-1][0]):
            points.append(last)
        return points

    def _between(self, first: Point, second: Point) -> None:
        pending = [(first, second)]
        while pending:
            one, two = pending.pop()
            low, high = min(one[1], two[1]), max(one[1], two[1])
            jump = one[1] - two[1] > self._slack
            if not jump and not self._touches(low, high, self._slack + high - low):
                continue
            inside = not jump and low >= self._since - self._slack and high <= self._until + self._slack
            if not inside and two[0] - one[0] > self._leaf and self._reads < _MOST_READS:
                middle = self._split(one, two)
                if middle is not None:
                    pending += [(middle, two), (one, middle)]
                    continue
            self._jumps += jump
            if jump or self._reads >= _MOST_READS or self._touches(low, high, self._slack):
                self._kept.append((one[0], two[0]))

    def _split(self, one: Point, two: Point) -> Point | None:
        """A stamped line about in the middle; None when there is none to be seen: the stretch stays whole."""
        place = two[0]
        while place - one[0] > self._leaf:
            place = (one[0] + place) // 2
            found = self._look(place, two[0])
            if found is not None and one[0] < found[0] < two[0]:
                return found
            if found is None and two[0] - place > self._leaf:
                self._silent.append((one[0], two[0]))
                return None
        return None

    def _touches(self, low: int, high: int, margin: int) -> bool:
        return low - margin <= self._until and high + margin >= self._since

    def _look(self, offset: int, end: int) -> Point | None:
        """The first stamped line that begins at `offset` or after it and before `end`; None when none is near."""
        self._gave_up = False
        place, inside = max(self._start, offset - 1), offset > self._start  # a line end before `offset` makes it a beginning
        want, stop, patience = _PROBE, min(end, offset + _FARTHEST), self._blank + _MOST_LINES
        while place < stop and self._blank < patience:
            data = without_holes(self._source.read_at(place, want))
            self._reads += 1
            final, at = place + len(data) >= self._end, 0
            while at < len(data) and (inside or place + at < end) and self._blank < patience:
                line_end = data.find(b"\n", at)
                if not inside:
                    if line_end < 0 and len(data) - at < HEAD and not final:
                        break  # read again from here
                    moment = self._at(data[at : min(at + HEAD, line_end if line_end >= 0 else len(data))])
                    if moment is not None:
                        return place + at, moment
                    self._blank += 1
                inside = line_end < 0
                at = len(data) if inside else line_end + 1
            if not at:  # it ends here
                return None
            place, want = place + at, min(want * 4, BLOCK)
        self._gave_up = place < end
        return None

    def _last(self, after: int) -> Point | None:
        """The last stamped line, looked for from the end backwards."""
        length, found = _PROBE * 2, None
        while True:
            place = max(after, self._end - length)
            while (seen := self._look(place, self._end)) is not None:
                found, place = seen, seen[0] + 1
            if found or length >= _FARTHEST or self._end - length <= after:
                break
            length *= 4
        self._open_end = self._gave_up or (found is None and self._end - length > after)
        if self._open_end:
            self._silent.append((place, self._end))
        return found

    def _doubts(self) -> Iterator[str]:
        if self._jumps:
            yield (
                f"times go back by more than {self._slack // SECOND} s at {amount(self._jumps, 'place')}; what lies around "
                "was read as well"
            )
        if self._silent:
            total = sum(high - low for low, high in set(self._silent))
            yield f"{bytes_text(total)} carry no times that could be seen; what may belong to the window was read"
        if self._disorder:
            yield "times are in no order: all of it was read"
        elif self._reads >= _MOST_READS:
            yield f"times are in doubtful order: after {_MOST_READS:,} looks more was read than the window needs"


def _joined(ranges: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    yield from merged
