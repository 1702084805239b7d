"""Search in bytes: fixed strings or regular expressions, any size, in time linear in the size.

A match is a line, as grep counts them. Counts are of everything searched; lines are returned up to a limit.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, repeat
from operator import itemgetter
from typing import Protocol

from mcp_server.core.source import ByteSource, is_same
from mcp_server.logs.blocks import BLOCK, HOLE, LONGEST, Block, blocks
from mcp_server.logs.matching import Matcher, Report, compile_patterns

__all__ = ["Found", "Hit", "Keep", "Matcher", "compile_patterns", "search"]

_SHOWN = 8_192
_CONTEXT = 65_536
"""Bytes before a block that are kept for context."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One matching line, without its line end. `start` is its offset, `which` the patterns (by number) it matches."""

    start: int
    end: int
    line: bytes
    which: tuple[int, ...]
    before: tuple[bytes, ...] = ()
    after: tuple[bytes, ...] = ()
    cut: bool = False
    """The line is longer than `max_line`: the part around the first match is in `line`."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search saw. `next` continues after the last hit returned; None when there is no more."""

    count: int
    counts: tuple[int, ...]
    """Matching lines, in all and per pattern, between `start` and `end`."""
    hits: tuple[Hit, ...]
    start: int
    end: int
    """Bytes really searched."""
    next: int | None = None
    stopped: bool = False
    """`enough` ended the search before the end: counts are of the part searched; go on at `end`."""
    notes: tuple[str, ...] = ()
    """Sentences for the answer: the file shrank or was replaced while it was read …"""


class Keep(Protocol):
    """Decides which matching lines count."""

    def __call__(self, data: bytes, places: Sequence[tuple[int, int]], open_head: bytes) -> Iterable[bool]:
        """For lines of a block, by begin and end without line end. `open_head`: where not empty, the block begins inside a
        line that is too long, which begins so."""
        ...

    def passed(self, data: bytes, length: int) -> None:
        """A block was searched; an empty one stands for a gap."""
        ...


def search(
    source: ByteSource,
    matcher: Matcher,
    *,
    ranges: Sequence[tuple[int, int]] | None = None,
    start: int = 0,
    limit: int = 50,
    before: int = 0,
    after: int = 0,
    max_line: int = _SHOWN,
    enough: Callable[[], bool] = lambda: False,
    keep: Keep | None = None,
    block: int = BLOCK,
    longest: int = LONGEST,
) -> Found:
    """Lines that match, from `start` on (a line's beginning), inside the ranges (default: the whole).

    `enough` is asked between blocks: True ends the search, which says so; it may raise Cancelled. `keep` decides on
    each matching line, by its time for instance; a line it refuses is not counted.
    """
    run = _Run(matcher, limit, before, after, max_line, keep)
    size, identity = source.size, source.identity()
    wanted: Sequence[tuple[int, int | None]] = [(0, size)] if ranges is None else ranges
    first, end, stopped, short = None, start, False, False
    for begin, high in wanted:
        low = max(begin, start)
        if high is not None and low >= high:
            continue
        first = low if first is None else first
        run.restart()
        for piece in blocks(source, low, high, size=block, longest=longest):
            if enough():
                stopped = True
                break
            run.take(piece)
            end = piece.end
        if stopped:
            break
        short = short or (high is not None and end < high)
    notes = run.notes()
    if short:
        notes.append(f"{source.name} was truncated while it was searched: it ended at byte {end:,}")
    elif not is_same(source, identity):
        notes.append(f"{source.name} was replaced while it was searched: the answer is about the file it was at first")
    return Found(
        run.count,
        tuple(run.counts),
        tuple(run.finished()),
        start if first is None else first,
        end,
        run.next,
        stopped,
        tuple(notes),
    )


class _Run:
    """The state of one search: counts, hits, and the lines around block borders."""

    def __init__(self, matcher: Matcher, limit: int, before: int, after: int, max_line: int, keep: Keep | None) -> None:
        self._matcher, self._limit, self._before, self._after = matcher, limit, before, after
        self._max_line, self._keep = max_line, keep
        self.count, self.counts = 0, [0] * len(matcher.patterns)
        self.next: int | None = None
        self._hits: list[Hit] = []
        self._waiting: list[tuple[int, list[bytes]]] = []
        self._tail = b""
        self._open: set[int] = set()
        self._open_head = b""
        self._torn = False

    def restart(self) -> None:
        """A new range begins: what stood before it is no context."""
        self._tail, self._open = b"", set()
        self._waiting.clear()
        if self._keep:
            self._keep.passed(b"", 0)

    def take(self, block: Block) -> None:
        """Count and keep the matching lines of one block."""
        if self._waiting:
            self._continue_after(block)
        if len(self.counts) == 1 and self._full() and not (block.torn or block.goes_on):
            count = self._matcher.count(block.data, block.length)
            self.count, self.counts[0] = self.count + count, self.counts[0] + count
            return
        found = self._matcher.lines(block.data, block.length)
        if block.torn or block.goes_on:
            self._torn = True
            found = self._of_one_line(block, found)
        if found:
            self._note(block, found)
        if self._keep:
            self._keep.passed(block.data, block.length)
        if self._before:
            self._tail = (self._tail + block.data[max(0, block.length - _CONTEXT) : block.length])[-_CONTEXT:]

    def _full(self) -> bool:
        """Whether nothing but the number of further matches is wanted."""
        return self._keep is None and len(self._hits) >= self._limit and self.next is not None

    def _of_one_line(self, block: Block, found: list[Report]) -> list[Report]:
        """Pieces of one long line count once per pattern."""
        first_end = block.data.find(b"\n", 0, block.length)
        first_end = block.length if first_end < 0 else first_end + 1
        if not block.goes_on:
            self._open = set()
            self._open_head = block.data[:4_096]
        kept = [told for told in found if told[2] > first_end or told[0] not in self._open]
        self._open = {told[0] for told in found if told[2] <= first_end} | self._open if block.torn else set()
        return kept

    def _note(self, block: Block, found: list[Report]) -> None:
        if self._full():
            self._count(found)
            return
        data, lines = block.data, [*_by_line(found)]
        places = [_place(data, end) for end, _ in lines]
        kept = self._keep(data, places, self._open_head if block.goes_on else b"") if self._keep else repeat(True)
        for (end, which), (begin, stop), wanted in zip(lines, places, kept, strict=False):
            if not wanted:
                continue
            self.count += 1
            for number in which:
                self.counts[number] += 1
            if len(self._hits) < self._limit:
                self._hit(block, begin, stop, end, tuple(sorted(which)))
            elif self.next is None:
                self.next = self._hits[-1].end if self._hits else block.start + begin

    def _count(self, found: list[Report]) -> None:
        if len(self.counts) == 1:
            self.count += len(found)
            self.counts[0] += len(found)
            return
        self.count += len({told[2] for told in found})
        for told in found:
            self.counts[told[0]] += 1

    def _hit(self, block: Block, begin: int, stop: int, end: int, which: tuple[int, ...]) -> None:
        data = block.data
        cut = stop - begin > self._max_line or (begin == 0 and block.goes_on) or block.torn
        line = data[begin:stop] if stop - begin <= self._max_line else self._around(data, begin, stop, which[0])
        hit = Hit(
            block.start + begin, block.start + end, line.removesuffix(b"\r"), which, self._lines_before(data, begin), (), cut
        )
        self._hits.append(hit)
        if self._after and not block.torn:
            after = _lines(data, end, block.length, self._after, self._max_line)
            if len(after) < self._after:
                self._waiting.append((len(self._hits) - 1, after))
            else:
                self._set_after(len(self._hits) - 1, after)

    def _around(self, data: bytes, begin: int, stop: int, which: int) -> bytes:
        """The part of a long line that shows its first match."""
        place = self._matcher.first_end(data[begin:stop], which)
        low = max(begin, min(begin + place - self._max_line // 2, stop - self._max_line))
        return data[low : low + self._max_line]

    def _lines_before(self, data: bytes, begin: int) -> tuple[bytes, ...]:
        if not self._before:
            return ()
        low = max(0, begin - _CONTEXT)
        text = data[low:begin] if low else self._tail + data[:begin]
        lines = text.split(b"\n")[:-1][-self._before :]
        return tuple(line[: self._max_line].removesuffix(b"\r") for line in lines)

    def _continue_after(self, block: Block) -> None:
        if block.goes_on:
            return
        still = []
        for index, lines in self._waiting:
            more = lines + _lines(block.data, 0, block.length, self._after - len(lines), self._max_line)
            if len(more) < self._after:
                still.append((index, more))
            else:
                self._set_after(index, more)
        self._waiting = still

    def _set_after(self, index: int, lines: list[bytes]) -> None:
        hit = self._hits[index]
        self._hits[index] = Hit(hit.start, hit.end, hit.line, hit.which, hit.before, tuple(lines), hit.cut)

    def finished(self) -> list[Hit]:
        """The hits, with what context there was."""
        for index, lines in self._waiting:
            self._set_after(index, lines)
        return self._hits

    def notes(self) -> list[str]:
        """What the answer must say."""
        return ["a very long line was searched in pieces: a match across two pieces is not seen"] if self._torn else []


def _by_line(found: list[Report]) -> Iterator[tuple[int, list[int]]]:
    """Where matching lines end, and the patterns that each of them matches."""
    for end, reports in groupby(found, key=itemgetter(2)):
        yield end, [told[0] for told in reports]


def _place(data: bytes, end: int) -> tuple[int, int]:
    """Begin and end of the line that ends there, without its line end."""
    stop = end - 1 if data[end - 1 : end] == b"\n" else end
    begin = data.rfind(b"\n", 0, stop) + 1
    if data.startswith(HOLE, begin):  # the log was truncated under its writer
        begin = stop - len(data[begin:stop].lstrip(b"\0"))
    return begin, stop


def _lines(data: bytes, start: int, stop: int, most: int, longest: int) -> list[bytes]:
    """At most `most` whole lines of data[start:stop], each cut at `longest` bytes."""
    found: list[bytes] = []
    while len(found) < most and start < stop:
        end = data.find(b"\n", start, stop)
        end = stop if end < 0 else end
        found.append(data[start : min(end, start + longest)].removesuffix(b"\r"))
        start = end + 1
    return found
