"""Few noisy numbers compared robustly: bins, trimmed means, blocks, and a permutation test over instances. Pure functions.

Why these: series are short, autocorrelated and have outliers; instances are few. Blocks of time make the standard error honest
under autocorrelation; the trimmed mean survives outliers; the difference to unchanged instances at the same moment takes out
whatever hit all of them alike (a traffic spike, a slow database).
"""

import math
import random
import statistics
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, pairwise

BINS, BLOCKS, PERMUTATIONS = 400, 8, 1_000
ENOUGH = 3
"""Bins without which a stretch of time says nothing about itself."""

Binned = Mapping[int, float]
"""Bin number → mean of the values in it."""


def step_of(stamps: Iterable[Sequence[float]], begin: float, end: float) -> float:
    """Width of a bin in seconds: the usual distance between two points, and at most `BINS` bins in all."""
    gaps = [second - first for times in stamps for first, second in pairwise(times) if second > first]
    usual = statistics.median(gaps) if gaps else max(1.0, end - begin)
    return max(usual, (end - begin) / BINS, 1e-3)


def binned(points: Sequence[tuple[float, float]], origin: float, step: float) -> dict[int, float]:
    """Points onto the common grid; numbers that are none (NaN, infinite) are left out."""
    heaps: dict[int, list[float]] = {}
    for at, value in points:
        if math.isfinite(value) and math.isfinite(at):
            heaps.setdefault(math.floor((at - origin) / step), []).append(value)
    return {index: statistics.fmean(values) for index, values in heaps.items()}


def across(series: Sequence[Binned], *, few: bool = False) -> dict[int, float]:
    """The middle of several instances, bin by bin; the median from three on: one odd instance does not speak for all.

    With `few` the mean, in which a few sick instances show.
    """
    heaps: dict[int, list[float]] = {}
    for item in series:
        for index, value in item.items():
            heaps.setdefault(index, []).append(value)
    return {
        index: statistics.median(values) if len(values) > 2 and not few else statistics.fmean(values)
        for index, values in heaps.items()
    }


def middle(values: Sequence[float]) -> float:
    """Mean without the outermost tenth on each side, from five values on. Rare errors (mostly zeros) keep their plain mean."""
    if not values:
        return 0.0
    ordered = sorted(values)
    if ordered[len(ordered) // 2] == 0:
        return statistics.fmean(ordered)
    cut = len(ordered) // 10 or (1 if len(ordered) >= 5 else 0)
    return statistics.fmean(ordered[cut : len(ordered) - cut] if cut else ordered)


def error(values: Sequence[float], length: int | None = None) -> float:
    """Standard error of the middle of `length` such values (default: of these), from means of blocks in time.

    Neighbours resemble each other, blocks hardly do. Half of the estimate is robust, half sees outliers: neither noise nor one
    spike decides. Two or three blocks may be alike by chance: it is never less than the values' own scatter gives.
    """
    if len(values) < ENOUGH:
        return 0.0
    own, usual = statistics.stdev(values), statistics.median(values)
    steady = 1.4826 * statistics.median([abs(value - usual) for value in values])
    plain = (math.sqrt(own * steady) if steady else own) / math.sqrt(length or len(values))
    count = min(BLOCKS, max(2, len(values) // 3))
    edges = [round(index * len(values) / count) for index in range(count + 1)]
    blocks = [statistics.fmean(values[left:right]) for left, right in pairwise(edges) if right > left]
    if len(blocks) < 2:
        return plain
    wide, center = statistics.stdev(blocks), statistics.median(blocks)
    robust = 1.4826 * statistics.median([abs(block - center) for block in blocks])
    whole = max(1.0, (length or len(values)) * len(blocks) / len(values))
    return max(plain, (math.sqrt(robust * wide) if robust else wide) / math.sqrt(whole))


def steadied(values: Sequence[float]) -> list[float]:
    """The values without their straight trend: an effect that grows is an effect, not noise."""
    if len(values) < ENOUGH:
        return list(values)
    slope, intercept = statistics.linear_regression(range(len(values)), values)
    return [value - slope * index - intercept for index, value in enumerate(values)]


def turn(values: Sequence[float]) -> int | None:
    """Where a stretch of values turns most clearly from one level to another: the number of the first one of the new level.

    The split that explains most of the variance; values far outside are drawn in first, so that one spike is no turn.
    """
    if len(values) < 2 * ENOUGH:
        return None
    center = statistics.median(values)
    reach = 6 * (1.4826 * statistics.median([abs(value - center) for value in values]) or statistics.pstdev(values) / 3)
    drawn = [min(max(value, center - reach), center + reach) for value in values] if reach else list(values)
    whole, left, best, place = sum(drawn), 0.0, 0.0, None
    for count, value in enumerate(drawn[:-1], 1):
        left += value
        rest = len(drawn) - count
        if count >= ENOUGH and rest >= 2:
            gain = (left / count - (whole - left) / rest) ** 2 * count * rest / len(drawn)
            if gain > best:
                best, place = gain, count
    return place


def spread(values: Sequence[float]) -> float:
    """How far instances differ from each other without any reason: robust from four on, else the plain deviation."""
    if len(values) < 2:
        return 0.0
    if len(values) < 4:
        return statistics.stdev(values)
    return max(1.4826 * statistics.median([abs(item - statistics.median(values)) for item in values]), 1e-12)


def permuted(changed: Sequence[float], unchanged: Sequence[float]) -> float | None:
    """One-sided p: how often a random choice of as many instances stands out as much. Exact where that is cheap.

    None when fewer than ten choices exist: then no arrangement could be called rare.
    """
    size, everyone = len(changed), [*changed, *unchanged]
    if not changed or not unchanged or math.comb(len(everyone), size) < 10:
        return None
    whole, seen = sum(everyone), statistics.fmean(changed)
    picks: Iterable[Sequence[float]]
    if math.comb(len(everyone), size) <= PERMUTATIONS:
        picks = combinations(everyone, size)
    else:
        chance = random.Random(len(everyone))  # noqa: S311 -- the same answer every time, nothing secret
        picks = (chance.sample(everyone, size) for _ in range(PERMUTATIONS))
    rest, hits, count = len(everyone) - size, 0, 0
    gap = seen - (whole - sum(changed)) / rest
    for pick in picks:
        total, count = sum(pick), count + 1
        hits += total / size - (whole - total) / rest >= gap - 1e-12
    return max(hits, 1) / count
