"""The same event seen by two sources: told once, citing both; and what the two times say about their clocks."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import combinations

from pydantic import Field

from mcp_server.core.clock import Moment
from mcp_server.core.noun import Noun
from mcp_server.incident.happening import Happening, Sighting, in_order

SLACK = timedelta(seconds=2)
"""Two programs note one event within this, doubts apart."""
FAR = timedelta(hours=26)
"""No two clocks are believed to be further apart: a wrong zone is at most 14 hours off, 26 between two."""
NOTICE_MS = 500
BACK = 40
"""So many earlier events of one name are compared with each."""


class Skew(Noun):
    """How far the clock of `source` is ahead of the clock of `against`: between `low_ms` and `high_ms`. Negative: behind."""

    source: str
    against: str
    low_ms: int
    high_ms: int
    pairs: int
    how: str
    evidence: tuple[str, ...] = ()
    until: Moment | None = Field(None, description="only what is dated earlier is concerned: then the clock was set")

    def apart(self) -> bool:
        """Whether the two clocks certainly differ, by more than one program may be slower than another to note something."""
        return self.low_ms > NOTICE_MS or self.high_ms < -NOTICE_MS


def merged(happenings: Sequence[Happening], clocks: Sequence[Skew] | None = None) -> list[Happening]:
    """Without doubles. The more exact time stays; where the clocks of two sources are known to differ, that is allowed for.

    `clocks` is what `skews` says of them, where that is known already.
    """
    story = in_order(happenings)
    known = skews(story) if clocks is None else clocks
    offsets = {(skew.source, skew.against): (skew.low_ms + skew.high_ms) / 2 for skew in known if skew.apart()}
    gone: set[int] = set()
    extra: dict[int, list[int]] = {}
    for members in _by_name(story).values():
        for place, index in enumerate(members):
            for other in members[max(0, place - BACK) : place]:
                if index not in gone and other not in gone and _one_event(story[other], story[index], offsets):
                    stays, goes = (other, index) if story[other].doubt_ms <= story[index].doubt_ms else (index, other)
                    extra.setdefault(stays, []).extend([goes, *extra.pop(goes, [])])
                    gone.add(goes)
    return [
        _together(item, [story[other] for other in extra.get(index, ())])
        for index, item in enumerate(story)
        if index not in gone
    ]


def _by_name(story: Sequence[Happening]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for index, item in enumerate(story):
        for name in item.identity:
            found.setdefault(name, []).append(index)
    return {name: members for name, members in found.items() if len(members) > 1}


def _one_event(first: Happening, second: Happening, offsets: dict[tuple[str, str], float]) -> bool:
    """Whether two happenings of one name are one event: other sources, and times that agree within all doubt."""
    one, two = first.lane(), second.lane()
    if first.kind != second.kind or (one == two and first.kind != "alert"):  # of alerts one source may be asked twice
        return False
    ahead = offsets.get((one, two), -offsets.get((two, one), 0.0))
    apart = abs((first.at - second.at) / timedelta(milliseconds=1) - ahead)
    return apart <= first.doubt_ms + second.doubt_ms + SLACK / timedelta(milliseconds=1)


def _together(item: Happening, others: Sequence[Happening]) -> Happening:
    if not others:
        return item
    cited = tuple(dict.fromkeys(name for each in (item, *others) for name in each.statement.evidence))
    also = [Sighting(other.source, other.at, other.stamp, other.origin) for other in others]
    return replace(
        item, statement=item.statement.model_copy(update={"evidence": cited}), also=(*item.also, *also),
        severity=item.severity or next((other.severity for other in others if other.severity), None),
    )  # fmt: skip


def skews(story: Sequence[Happening]) -> list[Skew]:
    """For every two sources that saw the same events: how far apart their clocks are. The nearest of each pair is meant."""
    found: dict[tuple[str, str], list[tuple[float, float, tuple[str, ...]]]] = {}
    for members in _by_name(story).values():
        lanes: dict[str, list[Happening]] = {}
        for index in members:
            lanes.setdefault(story[index].lane(), []).append(story[index])
        for one, two in combinations(sorted(lanes), 2):
            if len(lanes[one]) == len(lanes[two]):  # else nobody can say which of them belong together
                for first, second in zip(lanes[one], lanes[two], strict=True):
                    if first.kind == second.kind and abs(first.at - second.at) <= FAR:
                        ahead = (first.at - second.at) / timedelta(milliseconds=1)
                        doubt = float(first.doubt_ms + second.doubt_ms)
                        found.setdefault((one, two), []).append((ahead, doubt, (*first.cites()[:1], *second.cites()[:1])))
    return [skew for (one, two), pairs in sorted(found.items()) for skew in _measured(one, two, pairs)]


def _measured(one: str, two: str, pairs: Sequence[tuple[float, float, tuple[str, ...]]]) -> Iterator[Skew]:
    """The band in which all pairs, or at least the middle half of them, agree. One pair far apart is two events."""
    ahead = [pair[0] for pair in pairs]
    middle = statistics.median(ahead)
    off = statistics.median([abs(value - middle) for value in ahead])
    doubt = statistics.median([pair[1] for pair in pairs])
    slack = SLACK / timedelta(milliseconds=1)
    if len(pairs) == 1 and abs(middle) > doubt + slack:
        return
    if off > max(doubt, slack):  # they do not agree among themselves: what they saw were other events
        return
    half = max(doubt, 1.4826 * off, 1.0) + (slack if len(pairs) == 1 else 0.0)
    cited = tuple(dict.fromkeys(name for pair in pairs[:4] for name in pair[2]))
    yield Skew(
        source=one, against=two, low_ms=round(middle - half), high_ms=round(middle + half), pairs=len(pairs),
        how="the same events seen by both", evidence=cited,
    )  # fmt: skip
