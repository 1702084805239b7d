"""Marks with words put into as few rows as they need, none upon another."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

CHAR = 6.7
"""Width of a letter of the drawing's font in pixels, about; fonts differ."""
ROWS = 6


class _Placed(Protocol):
    @property
    def x(self) -> float: ...

    @property
    def trigger(self) -> bool: ...

    @property
    def root(self) -> bool: ...


M = TypeVar("M", bound=_Placed)


@dataclass(frozen=True, slots=True)
class Box(Generic[M]):
    """The stretch of a row that a mark takes in one of its forms."""

    begin: float
    end: float
    mark: M


class _Row:
    """What is taken of a row, in order."""

    def __init__(self) -> None:
        self.begins: list[float] = []
        self.ends: list[float] = []

    def free(self, begin: float, end: float) -> bool:
        place = bisect_left(self.begins, begin)
        before = self.ends[place - 1] <= begin if place else True
        return before and (place == len(self.begins) or end <= self.begins[place])

    def take(self, begin: float, end: float) -> None:
        place = bisect_left(self.begins, begin)
        self.begins.insert(place, begin)
        self.ends.insert(place, end)


def packed(
    marks: Sequence[M], left: float, right: float, forms: Callable[[M], Iterable[Box[M]]]
) -> tuple[list[tuple[int, M]], list[list[M]], int]:
    """((row, mark in the form that fitted) …, heaps of marks that found no place, number of rows).

    The triggering change and the probable cause choose first, the others from left to right. A mark takes the best form
    that fits in any row before a worse one in the first row.
    """
    rows = [_Row()]
    placed: list[tuple[int, M]] = []
    homeless: list[M] = []
    for mark in sorted(marks, key=lambda item: (not (item.trigger or item.root), item.x)):
        found = _find(mark, rows, left, right, forms)
        if found is None:
            homeless.append(mark)
        else:
            row, box = found
            rows[row].take(box.begin, box.end)
            placed.append((row, box.mark))
    heaps: list[list[M]] = []
    for mark in homeless:
        if heaps and mark.x - heaps[-1][0].x < 30:
            heaps[-1].append(mark)
        else:
            heaps.append([mark])
    return placed, heaps, len(rows)


def _find(
    mark: M, rows: list[_Row], left: float, right: float, forms: Callable[[M], Iterable[Box[M]]]
) -> tuple[int, Box[M]] | None:  # fmt: skip
    inside = [box for box in forms(mark) if box.begin >= left - 30 and box.end <= right + 8]
    for box in inside:
        for index, row in enumerate(rows):
            if row.free(box.begin, box.end):
                return index, box
        if len(rows) < ROWS:
            rows.append(_Row())
            return len(rows) - 1, box
    return None
