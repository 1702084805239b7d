"""Blast shape: did only the instances with the change fail?

For each change the instances of its component that have it are compared with those that have not, at the same moments, and
each with its own past (difference in differences); what hits both alike is not the change. Where every instance has the
change, its shift is compared with the shifts of the other components instead, and a component whose own dependency shifted as
much is excused. Differences count in units of their noise, and a small relative difference never counts much.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mcp_server.engine.ranking_data import Candidate, Series
from mcp_server.engine.ranking_metrics import REQUESTS, Metric, Observations, metrics, noise_of, part, step_up
from mcp_server.engine.ranking_series import ENOUGH, Binned, across, middle, permuted, spread, turn

STRANGERS = 0.10
"""Assumed difference between instances, as part of the level, where too few are there to see it."""
SETTLED = 600.0
"""Seconds before the onset that a difference must stand to be called older than it."""
LOOKS, CHANCE, HALVED = 0.7, 0.1, 0.5
"""Metrics move together, so their looks are not all paid; a p above CHANCE halves what the effect says."""
ALONE, EXCUSED, SILENT, MOVED, QUIET = 0.6, 1.5, 6.0, 3.0, 300.0
"""Before-after alone says less than a comparison; a dependency's shift excuses so much of one's own; z of instances that
stopped reporting; z from which unchanged instances count as hit too; seconds without effect that speak against a change."""
LOOK_BACK_BINS, BLUR, BLUR_BINS = 120, 20.0, 1.5
"""Bins before the change among which a turn is looked for; how exactly a turn can be placed: seconds, and bins."""


@dataclass(frozen=True)
class Blast:
    """The comparison that stands out most. `z` is the effect in units of its noise, after the number of looks is paid for."""

    z: float
    metric: str
    how: str
    changed: int
    unchanged: int
    before: float
    after: float
    p: float | None = None
    shared: bool = False
    """Whether the unchanged instances shifted as well."""
    earlier: bool = False
    """Whether the difference was there well before the onset."""
    alone: bool = False
    """Whether there was no instance without the change to compare with."""
    gap: float | None = None
    """Seconds from the change to where the metric turned; negative when it turned before."""
    blur: float = 0.0
    """How exactly that can be told, in seconds."""
    crowd: bool = False
    """Whether the traffic grew as well."""
    at: float = 0.0
    """The moment that before and after lie apart at, in seconds since 1970."""


def blast(change: Candidate, observed: Observations, onset: float, doubt: float) -> Blast | str:
    """The clearest difference that the change makes, or in words why nothing can be compared."""
    own = observed.by_component.get(change.component)
    if not own:
        return "no observations of {component}"
    at = change.at.timestamp()
    own = _split(change, own) if change.taken else own
    with_it = _having(change, own)
    if not with_it:
        return "no observed instance of {component} has this change"
    found = [
        replace(seen, at=at + start * metric.step)
        for metric in metrics(own, at, with_it)
        for start in dict.fromkeys((0, metric.first(onset - doubt - at)))  # with the change, or only with the onset
        if (seen := _compare(metric, {name for name, _ in with_it}, start, change, observed))
    ]
    if not found:
        return "too few observations of {component} after the change"
    clearest: dict[str, Blast] = {}
    for item in found:
        if item.metric not in clearest or item.z > clearest[item.metric].z:
            clearest[item.metric] = item
    ordered = sorted(clearest.values(), key=lambda item: -item.z)
    paid = math.sqrt(2 * math.log(len(ordered))) * LOOKS  # what the largest of so many looks reaches by chance
    z = ordered[0].z - paid + 0.2 * sum(max(0.0, item.z - paid) for item in ordered[1:3])
    return replace(ordered[0], z=max(0.0, z), shared=any(item.shared for item in found))


def instances_with(change: Candidate, own: Sequence[Series]) -> set[str]:
    """Names of the instances of its component that have the change, or had it."""
    return {name for name, _ in _having(change, _split(change, own) if change.taken else own)}


_GOT = "+ the change"


def _split(change: Candidate, own: Sequence[Series]) -> list[Series]:
    """Series cut where their instance got the change, and where it was taken back."""
    out = []
    ends = change.reverted_at.timestamp() if change.reverted_at else math.inf
    for item in own:
        begin = change.taken[item.instance].timestamp() if item.instance in change.taken else math.inf
        with_it = tuple(point for point in item.points if begin <= point[0] < ends)
        rest = tuple(point for point in item.points if not begin <= point[0] < ends)
        out += [item.model_copy(update={"points": rest})] if rest else []
        out += [item.model_copy(update={"points": with_it, "version": item.version + _GOT})] if with_it else []
    return out


def _having(change: Candidate, own: Sequence[Series]) -> set[tuple[str, str]]:
    """(instance, version) that have the change: as named, else by version, else by a version first seen after it, else all."""
    everyone = {(item.instance, item.version) for item in own}
    if change.taken:
        return {key for key in everyone if key[1].endswith(_GOT)}
    if change.instances:
        named = set(change.instances)
        return {key for key in everyone if key[0] in named and (not change.version or key[1] in ("", change.version))}
    if change.version and (fit := {key for key in everyone if key[1] == change.version}):
        return fit
    first: dict[str, float] = {}
    for item in own:
        first[item.version] = min([first.get(item.version, math.inf), *(at for at, _ in item.points)])
    late = {name for name, begin in first.items() if begin >= change.at.timestamp() - change.doubt_ms / 1000 - 60}
    if len(first) > 1 and late != set(first):
        return {key for key in everyone if key[1] in late}
    return everyone


def _compare(metric: Metric, names: set[str], first: int, change: Candidate, observed: Observations) -> Blast | None:
    changed = [bins for name, bins in metric.bins.items() if name in names]
    unchanged = [bins for name, bins in metric.bins.items() if name not in names]
    waiting = list(metric.waiting.values())
    if not changed:
        return None
    if not any(index >= first for bins in changed for index in bins):
        past = any(index < 0 for bins in changed for index in bins) and not names & metric.alive
        if past and metric.sense and any(index >= first for bins in unchanged for index in bins):
            return Blast(SILENT, metric.label, "the changed instances fell silent", len(changed), len(unchanged), 0, 0)
        return None
    if any(index >= first for bins in unchanged for index in bins):
        return _against(metric, changed, [*unchanged, *waiting], first)
    alone = _alone(metric, changed, first, change, observed)
    turned = _turn(metric, [*changed, *waiting], first)
    both = across(waiting).keys() & across(changed).keys()
    if turned is not None and sum(index >= max(first, turned) for index in both) >= ENOUGH:
        return _against(metric, changed, waiting, first)  # some had it and some not yet while things were bad
    return alone


def _turn(metric: Metric, instances: Sequence[Binned], first: int) -> int | None:
    """The bin in which the instances turned: the middle one of their turns, or the earliest ones' where these lie apart."""
    turns = []
    for bins in instances:
        kept = [index for index in sorted(bins) if index >= -LOOK_BACK_BINS]
        place = turn([bins[index] for index in kept])
        if place is not None:
            turns.append(kept[place])
    if not turns:
        return None
    turns.sort()
    middle_one, early = turns[len(turns) // 2], turns[len(turns) // 4]
    # the first ones' where a release goes in stages; none is in a stage before it
    return middle_one if middle_one - early <= 2 or early < 0 <= middle_one else early


def _against(metric: Metric, changed: Sequence[Binned], unchanged: Sequence[Binned], first: int) -> Blast | None:
    """Changed with unchanged instances, bin by bin; with the difference they had before, where the changed ones have a past."""
    changed, unchanged = _levelled(metric, changed, unchanged)
    with_it, without = across(changed), across(unchanged)
    gap = {index: with_it[index] - without[index] for index in sorted(with_it.keys() & without.keys())}
    after, before = part(gap, first, None), part(gap, None, 0)
    if not after or (len(after) < ENOUGH and (len(changed) < 2 or len(unchanged) < 2)):
        return None
    past = len(before) >= ENOUGH
    own = [[_own(bins, first, past) for bins in side] for side in (changed, unchanged)]
    ours, theirs = ([value for value in side if value is not None] for side in own)
    level = list(without.values())
    usual = statistics.median([abs(value) for value in level])
    between = spread(theirs) if len(theirs) > 2 else 0.0 if past else max(spread(theirs), STRANGERS * usual)
    effect = middle(after) - (middle(before) if past else 0.0)
    noise = math.sqrt(
        noise_of(before if past else [], after) ** 2 + metric.floor(level) ** 2
        + between**2 * (1 / len(changed) + 1 / len(unchanged))
    )  # fmt: skip
    sign = metric.sense or (1 if effect >= 0 else -1)
    p = permuted([sign * value for value in ours], [sign * value for value in theirs])
    z = metric.weight * metric.bad(effect) / noise * (HALVED if p is not None and p > CHANCE else 1.0)
    moved = step_up(metric, without, first)
    between_times = part(gap, 0, first)
    earlier = len(between_times) >= ENOUGH and first * metric.step > SETTLED and effect != 0
    earlier = earlier and (middle(between_times) - (middle(before) if past else 0.0)) / effect >= 0.8
    how = "changed against unchanged instances" + (", each with its past" if past else "")
    levels = middle(part(without, first, None)), middle(part(with_it, first, None))
    hit = moved is not None and moved[0] * metric.weight >= MOVED
    return Blast(z, metric.label, how, len(changed), len(unchanged), *levels, p, hit, earlier)


def _levelled(
    metric: Metric, changed: Sequence[Binned], unchanged: Sequence[Binned]
) -> tuple[Sequence[Binned], Sequence[Binned]]:  # fmt: skip
    """All instances brought to one past level, where all have a past: what hits all alike does so in proportion."""
    levels = [middle(past) if len(past := part(bins, None, 0)) >= ENOUGH else 0.0 for bins in (*changed, *unchanged)]
    usual = statistics.median(levels)
    if min(levels) <= max(usual / 5, metric.floor(levels)):
        return changed, unchanged
    scaled = [
        {index: value * usual / level for index, value in bins.items()}
        for bins, level in zip((*changed, *unchanged), levels, strict=True)
    ]
    return scaled[: len(changed)], scaled[len(changed) :]


def _alone(metric: Metric, changed: Sequence[Binned], first: int, change: Candidate, observed: Observations) -> Blast | None:
    """Every instance has the change: its own past, against what moved all components and what its dependencies did."""
    moved = step_up(metric, across(changed), first)
    if moved is None or (metric.sense == 0 and moved[2] > moved[1] and REQUESTS.search(metric.label)):
        return None  # more users are not what a release does
    at = change.at.timestamp() + first * metric.step
    own, size = moved[0] * metric.weight, metric.bad(moved[2] - moved[1])
    victims = observed.above(change.component)  # what moved them may have come from here: they are no measure
    others = [observed.shift(name, at) for name in observed.by_component if name != change.component and name not in victims]
    everywhere = max(0.0, statistics.median(others)) if others else 0.0
    needs = observed.below(change.component)
    below = max((observed.shift(name, at) for name in needs), default=0.0)
    passed_on = max((observed.step(name, at, metric.label) for name in needs), default=0.0) / size if size > 0 else 0.0
    left = own - max(everywhere, EXCUSED * below, own * passed_on if below >= MOVED else 0.0)
    whole = across(changed)
    wait, quiet = first * metric.step, step_up(metric, {index: value for index, value in whole.items() if index < first}, 0)
    if wait > QUIET and quiet is not None and quiet[0] * metric.weight < left / 5:
        left *= HALVED  # it ran quietly until the onset, and there is no instance without it to compare with
    how = "all instances have it: before against after" + (", less what moved the others" if others else "")
    turned = _turn(metric, changed, first)
    return Blast(
        max(0.0, left) * ALONE * (0.6 if metric.toward else 1.0), metric.label, how, len(changed), 0, *moved[1:], alone=True,
        gap=None if turned is None else turned * metric.step, blur=max(BLUR, BLUR_BINS * metric.step),
        crowd=observed.traffic(change.component, at) > MOVED,
    )  # fmt: skip


def _own(bins: Binned, first: int, past: bool) -> float | None:
    """One instance's own after, less its own before where the comparison has one."""
    after, before = part(bins, first, None), part(bins, None, 0)
    if not after or (past and not before):
        return None
    return middle(after) - (middle(before) if past else 0.0)
