"""The records of one log as batches, one or a few for each block, ready to be merged with those of other logs."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise, repeat
from operator import ne
from typing import Any, NamedTuple

from mcp_server.core.source import ByteSource
from mcp_server.logs.blocks import Block, blocks, without_holes
from mcp_server.logs.columns import Columns
from mcp_server.logs.forms import Form
from mcp_server.logs.quick import QuickStamps
from mcp_server.logs.window import MAX_RECORD, At, Ranges


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


@dataclass(slots=True)
class Batch:
    """Records of one source in order. `keys` of batches of the same form can be compared: moments, where there is no form.

    `rows` tells the records from a place to another in full, which costs more than their text.
    """

    form: Form | None
    keys: list[Any]
    last: int
    """The moment of the last one."""
    texts: list[bytes]
    rows: Callable[[int, int], list[Merged]]
    first: int = 0
    """The place of the first of `keys` and `texts` in `rows`."""

    def full(self) -> list[Merged]:
        """The records in full."""
        return self.rows(self.first, self.first + len(self.keys))

    def without_last(self) -> "Batch":
        """All but the last record."""
        keys = self.keys[:-1]
        last = 0 if not keys else self.form.moment(keys[-1]) if self.form else keys[-1]
        return Batch(self.form, keys, last, self.texts[:-1], self.rows, self.first)

    def moments(self) -> list[int]:
        """The moments that they are sorted by, which can be compared with those of any other batch."""
        return self.keys if self.form is None else self.form.moments(self.keys)


def batch_of(rows: list[Merged]) -> Batch:
    """Records in full as a batch by their moments."""
    keys = [row.key for row in rows]
    return Batch(None, keys, keys[-1] if keys else 0, [row.data for row in rows], lambda start, end: rows[start:end])


class Held:
    """A batch of which a part was told."""

    def __init__(self, batch: Batch) -> None:
        self._batch, self._place = batch, 0
        self.last = batch.last

    def upto(self, bound: "Held", *, ties: bool) -> Batch:
        """What stands before the last record of `bound`, or at the same time where ties count; it is told then."""
        batch, start = self._batch, self._place
        bisect = bisect_right if ties else bisect_left
        if batch.form == bound._batch.form:
            self._place = bisect(batch.keys, bound._batch.keys[-1], start)
        else:
            self._place = bisect(batch.keys, bound.last, start, key=batch.form.moment if batch.form else None)
        keys, texts = batch.keys[start : self._place], batch.texts[start : self._place]
        return Batch(batch.form, keys, batch.last, texts, batch.rows, batch.first + start)

    def told(self) -> bool:
        """Whether nothing is left."""
        return self._place == len(self._batch.keys)


class Feed:
    """The records of one source, a block at a time, in bounded memory. `floor`: no key is earlier."""

    def __init__(
        self,
        number: int,
        source: ByteSource,
        at: At,
        window: tuple[int | None, int | None],
        floor: int,
        notes: list[str] | None,
    ) -> None:
        self._number, self._source, self._notes = number, source, notes
        self._stamps, self._columns = QuickStamps(at), Columns(at)
        self._since, self._until = window
        self._all = window == (None, None)
        self._floor = floor
        self._open: tuple[int, int | None, bytes] | None = None
        """The last record seen, which may go on in the next block: its start, its moment, its bytes."""
        self._read: list[int | None] = []
        """The moments of the lines looked at last, where they were read."""

    def batches(self, found: Ranges, start: int, size: int) -> Iterator[Batch]:
        """Everything from `start` on that is inside the ranges; never an empty batch."""
        for low, high in found.ranges:
            if high is not None and high <= start:
                continue
            reached = max(low, start)
            for block in blocks(self._source, reached, high, size=size):
                yield from (batch for batch in self._block(block, reached) if batch.keys)
                reached = block.end
            if (batch := self._last(reached)).keys:
                yield batch
            if high is not None and reached < high and self._notes is not None:
                self._notes.append(f"{self._source.name} was truncated while it was read: it ended at byte {reached:,}")

    def _block(self, block: Block, reached: int) -> Iterator[Batch]:
        whole = not block.goes_on and reached <= block.start
        text = block.data[: block.length] if whole else block.data[reached - block.start : block.length]
        text = without_holes(text)
        lines = text.splitlines(keepends=True) if b"\r" not in text else _lines(text)
        begin = max(reached, block.start)
        if block.goes_on and lines:  # the rest of a line that is too long
            self._more(lines[0])
            begin, text = begin + len(lines[0]), text[len(lines.pop(0)) :]
        if not lines:
            return
        before, found, self._read = self._open, None, []
        if _long(text):
            pass
        elif before and _lone(before, begin):  # nothing belongs to it, if this block begins with a record
            lines, begin = [before[2], *lines], before[0]
            found = self._in_order(lines, before[2] + text, begin, self._floor)
            if found is None:
                begin += len(lines.pop(0))
        else:
            floor = self._floor if before is None else max(self._floor, before[1] or self._floor)
            found = self._in_order(lines, text, begin, floor)
            if found and before:
                yield batch_of(self._finish(begin))
        if found is None:
            yield from self._of_any_kind(lines, begin)
            return
        batch, self._floor, moment = found
        self._open = (block.end - len(lines[-1]), moment, lines[-1])
        yield batch.without_last()

    def _last(self, end: int) -> Batch:
        """What was open at the end of a range."""
        if self._open and self._open[1] is not None and _lone(self._open, end):
            found = self._in_order([self._open[2]], self._open[2], self._open[0], self._floor)
            if found:
                self._open = None
                return found[0]
        return batch_of(self._finish(end))

    def _in_order(self, lines: list[bytes], text: bytes, begin: int, floor: int) -> tuple[Batch, int, int] | None:
        """Lines (of this text) that are a record each, inside the window; the latest moment, and that of the last one."""
        form: Form | None = None
        if found := self._columns.keys(lines, text):
            form, keys, written, first, earliest, latest = found
            last = latest if keys is written else form.moment(written[-1])
        else:
            moments = self._read = self._stamps.of(lines)
            if None in moments or moments != sorted(moments):  # type: ignore[type-var]
                return None
            keys = written = moments  # type: ignore[assignment]
            first, earliest, latest, last = moments[0], moments[0], moments[-1], moments[-1]  # type: ignore[assignment]
        inside = (self._since is None or earliest >= self._since) and (self._until is None or latest <= self._until)
        if not (self._all or inside) or first < floor:
            return None
        rows = _Lines(self._number, begin, lines, form.moments if form else list, keys, written).rows
        return Batch(form, keys, latest, lines, rows), latest, last

    def _of_any_kind(self, lines: list[bytes], begin: int) -> Iterator[Batch]:
        """Records of any kind: lines without a time belong to the record before them, late ones stay where they are."""
        moments = self._read[-len(lines) :] or self._stamps.of(lines)
        starts = [place for place, moment in enumerate(moments) if moment is not None]
        if not starts or not self._all or (self._open is None and starts[0]):
            yield batch_of(self._one_by_one(lines, moments, begin))
            return
        for line in lines[: starts[0]]:
            self._more(line)
            begin += len(line)
        yield batch_of(self._finish(begin))
        texts = [lines[one] if two - one == 1 else b"".join(lines[one:two]) for one, two in pairwise([*starts, len(lines)])]
        if max(map(len, texts)) > MAX_RECORD:
            yield batch_of(self._one_by_one(lines[starts[0] :], moments[starts[0] :], begin))
            return
        times: list[Any] = list(map(moments.__getitem__, starts))
        keys = list(accumulate(times[:-1], max, initial=self._floor))[1:]
        self._open = (begin + sum(map(len, texts[:-1])), times[-1], texts[-1])
        if keys:
            self._floor = keys[-1]
            yield Batch(None, keys, keys[-1], texts[:-1], _Lines(self._number, begin, texts[:-1], list, keys, times).rows)

    def _one_by_one(self, lines: list[bytes], moments: list[int | None], begin: int) -> list[Merged]:
        """The same, one after the other: where a window ends, or records are too long to be told whole."""
        rows: list[Merged] = []
        places = accumulate(map(len, lines), initial=begin)
        for line, moment, place in zip(lines, moments, places, strict=False):
            if moment is None and self._open is not None:
                self._more(line)
            else:
                rows += self._finish(place)
                self._open = (place, moment, line)
        return rows

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


class _Lines:
    """Records one behind the other; told in full when somebody asks."""

    def __init__(
        self, number: int, begin: int, lines: list[bytes], moments: Callable[[Any], list[int]], keys: Any, times: Any,
    ) -> None:  # fmt: skip
        """`moments` reads what they are sorted by from `keys`, and their own moments from `times`."""
        self._number, self._begin, self._lines, self._moments, self._keys = number, begin, lines, moments, keys
        self._times = times
        self._rows: list[Merged] = []

    def rows(self, start: int, end: int) -> list[Merged]:
        """The records from one place to another."""
        if not self._rows:
            moments = self._moments(self._keys)
            ends = list(accumulate(map(len, self._lines), initial=self._begin))
            times = moments if self._times is self._keys else self._moments(self._times)
            made = zip(
                moments, repeat(self._number), ends, ends[1:], times, self._lines, map(ne, moments, times), repeat(False),
                strict=False,
            )  # fmt: skip
            self._rows = list(map(tuple.__new__, repeat(Merged), made))
        return self._rows[start:end]


def _lone(record: tuple[int, int | None, bytes], end: int) -> bool:
    """Whether a record that ends there is one line, and all of it is at hand."""
    start, _, data = record
    return len(data) == end - start <= MAX_RECORD and b"\n" not in data[:-1]


def _long(text: bytes) -> bool:
    """Whether a line may be longer than a record: such a one fills a window of half the length."""
    half = MAX_RECORD // 2
    return any(text.find(b"\n", place, place + half) < 0 for place in range(0, len(text) - half + 1, half))


def _lines(text: bytes) -> list[bytes]:
    """Lines with their ends; a lone carriage return ends none."""
    lines = [line + b"\n" for line in text.split(b"\n")]
    if text.endswith(b"\n"):
        lines.pop()
    else:
        lines[-1] = lines[-1][:-1]
    return lines
