"""Many lines → few shapes, with counts, first and last, and one example each."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from mcp_server.logs.masking import Masker, keys
from mcp_server.logs.merging import merge

LIMIT = 20_000
"""Shapes held at a time; further ones are counted together."""
OTHER = "(other shapes)"
MAX_EXAMPLE = 4_000
_CHUNK = 10_000
_NEVER = (None, None)


@dataclass(frozen=True, slots=True)
class Shape:
    """Lines of one shape. `first` and `last` are indexes of lines, `since` and `until` the earliest and latest time given.

    `example` is the first line, cut at MAX_EXAMPLE characters.
    """

    text: str
    count: int
    first: int
    last: int
    example: str
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Patterns:
    """Shapes, the most frequent first. `other` counts lines whose shapes came after LIMIT was reached, else None."""

    shapes: tuple[Shape, ...]
    lines: int
    other: Shape | None = None


@dataclass(slots=True)
class _Seen:
    """What is known of a shape while lines still come."""

    count: int
    first: int
    last: int
    example: str
    since: datetime | None = None
    until: datetime | None = None

    def add(self, count: int, first: int, last: int, example: str, since: datetime | None, until: datetime | None) -> None:
        self.count += count
        if first < self.first:
            self.first, self.example = first, example
        self.last = max(self.last, last)
        if since and (self.since is None or since < self.since):
            self.since = since
        if until and (self.until is None or until > self.until):
            self.until = until

    def take(self, other: "_Seen") -> None:
        self.add(other.count, other.first, other.last, other.example, other.since, other.until)

    def shape(self, text: str) -> Shape:
        return Shape(text, self.count, self.first, self.last, self.example, self.since, self.until)


class Shapes:
    """Counts shapes of lines that come in pieces. The result does not depend on how the lines are cut into pieces.

    Up to `limit` shapes it does not depend on their order either (but for `first`, `last` and the example). When the
    limit is reached, shapes that differ in one variable word are merged at once; when that no longer makes room, lines
    of further new shapes are counted in `other`.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = max(1, limit)
        self._masker = Masker()
        self._found: dict[str, _Seen] = {}
        self._moved: dict[str, str] = {}
        self._other: _Seen | None = None
        self._full = False
        self._lines = 0

    def add(
        self,
        lines: Iterable[str],
        times: Iterable[datetime | None] | None = None,
        places: Iterable[int] | None = None,
        examples: Iterable[str] | None = None,
    ) -> None:
        """Count these lines. The others, where given, are as long: `places` stand for the index of each line (ascending
        over all calls), `examples` are shown in its stead.
        """
        rest, *others = (iter(many) if many is not None else None for many in (lines, times, places, examples))
        while rest and (chunk := list(islice(rest, _CHUNK))):
            clock, at, shown = (None if other is None else list(islice(other, len(chunk))) for other in others)
            self._add(chunk, clock, at or range(self._lines, self._lines + len(chunk)), shown or chunk)  # type: ignore[arg-type]

    def result(self) -> Patterns:
        """The shapes so far, those that differ in one variable word merged."""
        merged = _merged(self._found, merge(self._found))
        shapes = [seen.shape(text) for text, seen in merged.items()]
        shapes.sort(key=lambda shape: (-shape.count, shape.text))
        return Patterns(tuple(shapes), self._lines, self._other.shape(OTHER) if self._other else None)

    def _add(
        self, chunk: list[str], times: list[datetime | None] | None, places: Sequence[int], examples: Sequence[str]
    ) -> None:
        found = keys(chunk)
        counts = Counter(found)
        self._lines += len(chunk)
        last = dict(zip(found, places, strict=True))
        first = dict(zip(reversed(found), range(len(found) - 1, -1, -1), strict=True))
        spans = _spans(found, times) if times else {}
        shapes = self._masker.shapes(counts)
        for key, count in counts.items():  # in the order of their first line
            at = first[key]
            since, until = spans.get(key, _NEVER)
            seen = self._seen(shapes[key])
            if seen is None:
                self._put(shapes[key], _Seen(count, places[at], last[key], examples[at][:MAX_EXAMPLE], since, until))
            else:
                seen.add(count, places[at], last[key], seen.example, since, until)  # the first line comes first

    def _seen(self, text: str) -> _Seen | None:
        return self._found.get(self._moved.get(text, text) if self._moved else text)

    def _put(self, text: str, seen: _Seen) -> None:
        if len(self._found) >= self._limit and not self._full:
            self._make_room()
        if known := self._seen(text):
            known.take(seen)
        elif len(self._found) < self._limit:
            self._found[text] = seen
        elif self._other:
            self._other.take(seen)
        else:
            self._other = seen

    def _make_room(self) -> None:
        before, moved = len(self._found), merge(self._found)
        self._found = _merged(self._found, moved)
        self._moved = (self._moved if len(self._moved) < 5 * self._limit else {}) | moved
        self._moved = {old: moved.get(new, new) for old, new in self._moved.items()}
        # another attempt costs a pass over all shapes: none where the last one gained next to nothing
        self._full = len(self._found) > 0.9 * before


def groups(lines: Sequence[str]) -> list[Hashable]:
    """For every line the shape it belongs to, among these lines."""
    if not lines:
        return []
    found = keys(lines)
    shapes = Masker().shapes(dict.fromkeys(found))
    moved = merge(shapes.values())
    ends = {key: moved.get(text, text) for key, text in shapes.items()}
    return [ends[key] for key in found]


def _merged(found: dict[str, _Seen], moved: dict[str, str]) -> dict[str, _Seen]:
    merged: dict[str, _Seen] = {}
    for old, seen in found.items():
        text = moved.get(old, old)
        if known := merged.get(text):
            known.take(seen)
        else:
            merged[text] = replace(seen)
    return merged


def _spans(found: list[str], times: list[datetime | None]) -> dict[str, tuple[datetime, datetime]]:
    spans: dict[str, tuple[datetime, datetime]] = {}
    for key, moment in zip(found, times, strict=False):
        if moment is None:
            continue
        span = spans.get(key)
        if span is None:
            spans[key] = (moment, moment)
        elif moment < span[0]:
            spans[key] = (moment, span[1])
        elif moment > span[1]:
            spans[key] = (span[0], moment)
    return spans
