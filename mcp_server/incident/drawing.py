"""The timeline as a drawing: where each mark stands, a lane for every source. The template turns it into SVG."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from mcp_server.core.change import Change
from mcp_server.core.clock import stamp
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import Finding, Statement
from mcp_server.core.text import one_line
from mcp_server.incident.clocks import band_ms
from mcp_server.incident.drawing_rows import CHAR, Box, packed
from mcp_server.incident.happening import Happening
from mcp_server.incident.same import Skew

WIDTH, LEFT, RIGHT, TOP, ROW, PAD = 1240, 168, 26, 44, 25, 9
MARK, GAP = 9.5, 8
"""Half the size of a mark; the space between it and its words."""
WORDS = (42, 24, 12)
"""Longest label, and the shorter forms that are tried where it does not fit."""
MANY, BIN, TALL = 60, 7, 40
"""A lane with more than this is drawn as bars, each of this width, the highest so tall."""
LANES = 18
_SCALE_S = 20.0
_TICKS = (
    (30 * 86400, "30 d"), (7 * 86400, "7 d"), (86400, "24 h"), (6 * 3600, "6 h"), (3600, "1 h"), (600, "10 min"),
    (120, "2 min"), (30, "30 s"),
)  # fmt: skip
_GROUPS = {"change": 0, "alert": 1, "log": 2, "finding": 3, "action": 4, "incident": 5, "note": 5, "answer": 6}
_ONE_LANE = {"finding": "checks", "action": "actions", "incident": "record", "note": "record", "answer": "answers"}
"""Kinds of which all sources share a lane."""


class Mark(Noun):
    """One happening; `number` is its row in the table. Everything in pixels of the viewBox."""

    x: float
    y: float
    number: int
    kind: str
    title: str
    text: str = ""
    text_x: float = 0
    left: bool = False
    """The words stand before the mark."""
    trigger: bool = False
    root: bool = False
    band: tuple[float, float] | None = None
    """Where the clocks allow it to be: from, to."""
    until: float | None = None


class Bar(Noun):
    """Many happenings of a crowded lane, or those that found no place (`more`)."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    count: int
    title: str
    more: bool = False


class Tick(Noun):
    """A line of the time axis: how far from the onset, and when that is."""

    x: float
    label: str
    clock: str = ""
    onset: bool = False


class Lane(Noun):
    """A named row of marks."""

    top: float
    height: float
    name: str
    kind: str
    count: int


class Drawing(Noun):
    """Everything the template needs."""

    width: int = WIDTH
    height: float
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    onset_x: float
    axis_y: float
    marks: tuple[Mark, ...]
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    lanes: tuple[Lane, ...]
    link: tuple[float, float, float, float] | None = None
    """From the triggering change to the probable cause."""
    left_out: int = 0


def draw(
    happenings: Sequence[Happening], onset: datetime, trigger: Change | None = None, *, root: Finding | None = None,
    clocks: Sequence[Skew] = (),
) -> Drawing:  # fmt: skip
    """Place the marks. Time runs logarithmically away from the onset, because what matters is close to it.

    A lane for every source; changes first, what they may have caused below. Words stand beside a mark where there is room.
    """
    shown = [(number, item) for number, item in enumerate(happenings, 1)]
    place = _scale([item for _, item in shown], onset)
    y, lanes, marks, bars = float(TOP), list[Lane](), list[Mark](), list[Bar]()
    rows, view = _lanes(shown), _View(onset, trigger, root, clocks)
    for (kind, name), members in rows[:LANES]:
        if len(members) > MANY:
            height = float(TALL)
            bars += _crowd(
                [(place((item.at - onset).total_seconds()), number) for number, item in members], kind, y + PAD + TALL
            )
            special = [_mark(number, item, place, view) for number, item in members if view.special(item)]
            marks += [item.model_copy(update={"y": y + PAD + TALL / 2, "text": ""}) for item in special]
        else:
            made = [_mark(number, item, place, view) for number, item in members]
            placed, heaps, count = packed(made, LEFT + 4, WIDTH - RIGHT, _boxes)
            height = count * ROW
            marks += [item.model_copy(update={"y": y + PAD + ROW * (row + 0.5)}) for row, item in placed]
            bars += [_more(heap, y + PAD + height) for heap in heaps]
            height += 9 if heaps else 0
        lanes.append(Lane(top=y, height=height + 2 * PAD, name=_name(name), kind=kind, count=len(members)))
        y += height + 2 * PAD
    return Drawing(
        height=y + 50, onset_x=place(0), axis_y=y, marks=tuple(marks), bars=tuple(bars), lanes=tuple(lanes),
        ticks=tuple(_ticks(place, onset)), link=_link(marks), left_out=sum(len(members) for _, members in rows[LANES:]),
    )  # fmt: skip


def _lanes(shown: Iterable[tuple[int, Happening]]) -> list[tuple[tuple[str, str], list[tuple[int, Happening]]]]:
    def lane(pair: tuple[int, Happening]) -> tuple[int, str, str]:
        kind = pair[1].kind
        return _GROUPS[kind], "incident" if kind == "note" else kind, _ONE_LANE.get(kind, pair[1].lane())

    return [((key[1], key[2]), list(members)) for key, members in groupby(sorted(shown, key=lane), key=lane)]


def _scale(items: Sequence[Happening], onset: datetime) -> Callable[[float], float]:
    """Seconds from the onset → pixels."""
    times = [(moment - onset).total_seconds() for item in items for moment in (item.at, item.until) if moment]
    low, high = min([*map(_bend, times), -1.0]), max([*map(_bend, times), 1.0])
    begin, span = LEFT + 24, WIDTH - LEFT - RIGHT - 48
    return lambda seconds: round(begin + max(0.0, min(1.0, (_bend(seconds) - low) / (high - low))) * span, 1)


@dataclass(frozen=True)
class _View:
    """What the marks are seen against."""

    onset: datetime
    trigger: Change | None
    root: Finding | None
    clocks: Sequence[Skew]

    def is_trigger(self, item: Happening) -> bool:
        return self.trigger is not None and item.at == self.trigger.at and _says(item, self.trigger.summary)

    def is_root(self, item: Happening) -> bool:
        return self.root is not None and item.at == (self.root.at or item.at) and _says(item, self.root)

    def special(self, item: Happening) -> bool:
        return self.is_trigger(item) or self.is_root(item)


def _says(item: Happening, statement: Statement) -> bool:
    return item.statement.text == statement.text and item.statement.values == statement.values


def _mark(number: int, item: Happening, place: Callable[[float], float], view: _View) -> Mark:
    seconds = (item.at - view.onset).total_seconds()
    before, after = band_ms(item, view.clocks)
    low, high = place(seconds - before / 1000), place(seconds + after / 1000)
    doubt = f" ±{item.doubt_ms} ms" if item.doubt_ms else ""
    return Mark(
        x=place(seconds), y=0, number=number, kind=item.kind, trigger=view.is_trigger(item), root=view.is_root(item),
        title=f"{number}  {stamp(item.at)}{doubt}  {item.kind}: {one_line(item.label, 120)}",
        text=one_line(item.label, WORDS[0]),
        band=(low, high) if high - low > 3 else None,
        until=place((item.until - view.onset).total_seconds()) if item.until and item.until > item.at else None,
    )  # fmt: skip


def _boxes(mark: Mark) -> Iterable[Box[Mark]]:
    """The forms in which a mark may stand, the best first: words after it, before it, shorter, none."""
    x, until = mark.x, max(mark.x, mark.until or 0, mark.band[1] if mark.band else 0)
    begin = min(mark.x, mark.band[0] if mark.band else mark.x) - MARK - 3
    for most in WORDS:
        text = one_line(mark.text, most)
        wide = GAP + CHAR * len(text) * (1.1 if mark.trigger or mark.root else 1)  # these are bold
        if text:
            yield Box(
                begin, max(until, x + MARK + wide + 6), mark.model_copy(update={"text": text, "text_x": x + MARK + GAP - 2})
            )
            shifted = {"text": text, "text_x": x - MARK - GAP + 2, "left": True}
            yield Box(min(begin, x - MARK - wide - 6), until + MARK + 3, mark.model_copy(update=shifted))
    yield Box(begin, until + MARK + 3, mark.model_copy(update={"text": ""}))


def _crowd(places: Sequence[tuple[float, int]], kind: str, floor: float) -> list[Bar]:
    """Bars of how many there were, tall by the logarithm."""
    bins: dict[int, list[int]] = {}
    for x, number in places:
        bins.setdefault(int(x // BIN), []).append(number)
    most = math.log1p(max(map(len, bins.values())))
    made = []
    for index, numbers in sorted(bins.items()):
        tall = round(TALL * math.log1p(len(numbers)) / most, 1)
        title = f"{len(numbers):,} of kind {kind}: rows {numbers[0]} to {numbers[-1]}"
        made.append(Bar(x=index * BIN, y=floor - tall, width=BIN - 1, height=tall, kind=kind, count=len(numbers), title=title))
    return made


def _more(heap: Sequence[Mark], y: float) -> Bar:
    numbers = f"{len(heap)} more: rows {heap[0].number} to {heap[-1].number}"
    return Bar(x=heap[0].x - 14, y=y + 2, width=28, height=7, kind=heap[0].kind, count=len(heap), title=numbers, more=True)


def _link(marks: Sequence[Mark]) -> tuple[float, float, float, float] | None:
    first = next((mark for mark in marks if mark.trigger), None)
    last = next((mark for mark in marks if mark.root), None)
    return (first.x, first.y + MARK, last.x, last.y - MARK) if first and last and last.y > first.y else None


def _ticks(place: Callable[[float], float], onset: datetime) -> list[Tick]:
    """Ticks whose labels do not touch, the onset and what is near to it first."""
    out = [Tick(x=place(0), label="onset", clock=stamp(onset)[11:19], onset=True)]
    edge_low, edge_high = LEFT + 24, WIDTH - RIGHT - 24
    for seconds, label in sorted(_TICKS):
        for sign in (-1, 1):
            x = place(sign * seconds)
            if edge_low < x < edge_high and all(abs(x - other.x) >= 66 for other in out):
                at = onset + timedelta(seconds=sign * seconds)
                clock = f"{at:%H:%M:%S}" if at.date() == onset.date() else f"{at:%b %d %H:%M}"
                out.append(Tick(x=x, label=("−" if sign < 0 else "+") + label, clock=clock))
    return sorted(out, key=lambda item: item.x)


def _bend(seconds: float) -> float:
    return math.copysign(math.log1p(abs(seconds) / _SCALE_S), seconds)


def _name(lane: str) -> str:
    """A lane's name: of a path, the end that tells it apart."""
    text = one_line(lane, 200).replace("_", " ") if not lane.startswith("/") else "/".join(one_line(lane, 200).split("/")[-2:])
    return text if len(text) <= 22 else "…" + text[-21:]
