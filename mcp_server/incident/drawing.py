"""The timeline as a drawing: where each mark stands. The template turns it into SVG."""

import math
from collections.abc import Sequence
from datetime import datetime

from mcp_server.core.change import Change
from mcp_server.core.clock import stamp
from mcp_server.core.noun import Noun
from mcp_server.incident.timeline import Happening

WIDTH, LEFT, RIGHT, TOP, LANE, ROW = 1000, 104, 24, 34, 46, 20
STACK, TOUCH = 5, 22
LANES = {"change": "changes", "finding": "findings", "incident": "record"}
"""Notes share the lane of the record."""
_SCALE_S = 20.0
_TICKS = (
    (7 * 86400, "7 d"), (86400, "24 h"), (6 * 3600, "6 h"), (3600, "1 h"), (600, "10 min"), (120, "2 min"), (30, "30 s"),
)  # fmt: skip


class Mark(Noun):
    """One happening on the drawing; `label` is its row in the table, or how many more stand there."""

    x: float
    y: float
    label: str
    kind: str
    trigger: bool
    title: str
    more: bool = False


class Tick(Noun):
    """A line of the time axis."""

    x: float
    label: str
    onset: bool = False


class Lane(Noun):
    """A named row of marks."""

    y: float
    name: str


class Drawing(Noun):
    """Everything the template needs, in pixels of the viewBox."""

    width: int = WIDTH
    height: float
    left: int = LEFT
    right: int = WIDTH - RIGHT
    onset_x: float
    axis_y: float
    marks: tuple[Mark, ...]
    ticks: tuple[Tick, ...]
    lanes: tuple[Lane, ...]


def draw(happenings: Sequence[Happening], onset: datetime, trigger: Change | None) -> Drawing:
    """Place the marks. Time runs logarithmically away from the onset, because what matters is close to it.

    Marks that would touch stand one above the other, at most `STACK` of them; the rest of such a heap is a number.
    """
    shown = [(number, item) for number, item in enumerate(happenings, 1) if item.kind != "answer"]
    offsets = [_bend((item.at - onset).total_seconds()) for _, item in shown] or [0.0]
    low, high = min(*offsets, -1.0), max(*offsets, 1.0)
    span = WIDTH - LEFT - RIGHT - 40

    def place(seconds: float) -> float:
        return round(LEFT + 20 + (_bend(seconds) - low) / (high - low) * span, 1)

    marks: list[Mark] = []
    lanes: list[Lane] = []
    y = float(TOP)
    for lane, name in LANES.items():
        own = []
        for number, item in shown:
            if (item.kind if item.kind in LANES else "incident") == lane:
                hit = trigger is not None and item.kind == "change" and item.statement == trigger.summary
                title = f"{number}  {stamp(item.at)}  {item.kind}"
                x = place((item.at - onset).total_seconds())
                own.append(Mark(x=x, y=0, label=str(number), kind=item.kind, trigger=hit, title=title))
        heaps = [_lowered(heap) for heap in _heaps(own)]
        rows = max((len(heap) for heap in heaps), default=1)
        height = LANE + ROW * (rows - 1)
        lanes.append(Lane(y=y + height / 2, name=name))
        for heap in heaps:
            top = y + height / 2 - ROW * (len(heap) - 1) / 2
            marks += [mark.model_copy(update={"y": top + ROW * row}) for row, mark in enumerate(heap)]
        y += height
    ticks = [Tick(x=place(0), label="onset", onset=True)]
    for seconds, label in _TICKS:
        ticks += [
            Tick(x=place(sign * seconds), label=("−" if sign < 0 else "+") + label)
            for sign in (-1, 1)
            if low <= _bend(sign * seconds) <= high and abs(place(sign * seconds) - place(0)) > 44
        ]
    return Drawing(
        height=y + 34, onset_x=place(0), axis_y=y, marks=tuple(marks), ticks=tuple(_apart(ticks)), lanes=tuple(lanes)
    )


def _heaps(marks: Sequence[Mark]) -> list[list[Mark]]:
    """Marks in order of time, those that would touch together, all of a heap at its first mark's place."""
    heaps: list[list[Mark]] = []
    for mark in marks:
        if heaps and mark.x - heaps[-1][0].x < TOUCH:
            heaps[-1].append(mark.model_copy(update={"x": heaps[-1][0].x}))
        else:
            heaps.append([mark])
    return heaps


def _lowered(heap: list[Mark]) -> list[Mark]:
    """At most `STACK` marks, the triggering change among them; the last one counts those left out."""
    if len(heap) <= STACK:
        return heap
    first = sorted(heap, key=lambda mark: not mark.trigger)[: STACK - 1]
    kept = [mark for mark in heap if mark in first]
    left = [mark for mark in heap if mark not in first]
    numbers = f"{left[0].label} to {left[-1].label}"
    return [*kept, Mark(x=heap[0].x, y=0, label=f"+{len(left)}", kind=heap[0].kind, trigger=False, title=numbers, more=True)]


def _bend(seconds: float) -> float:
    return math.copysign(math.log1p(abs(seconds) / _SCALE_S), seconds)


def _apart(ticks: Sequence[Tick]) -> list[Tick]:
    """Ticks whose labels do not touch; the onset always stays."""
    out: list[Tick] = []
    for tick in sorted(ticks, key=lambda item: (not item.onset, item.x)):
        if all(abs(tick.x - other.x) >= 52 for other in out):
            out.append(tick)
    return sorted(out, key=lambda item: item.x)
