"""Metrics of a component on a common grid: which way is bad, what is no news, and how far one shifted at a moment."""

import math
import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from mcp_server.engine.ranking_data import Series
from mcp_server.engine.ranking_series import ENOUGH, Binned, across, binned, error, middle, steadied, step_of

SENSES: tuple[tuple[str, int, float], ...] = (
    (r"success|availab|apdex|healthy|\bup\b|goodput", -1, 1.0),
    (r"err|fail|5xx|4xx|exception|timeout|drop|reject|refus|abort|retr(?:y|ies|ans)|crash|restart|lost|panic", 1, 1.0),
    (r"latenc|duration|response|elapsed|delay|(?:\b|_)rtt?(?:\b|_)|p\d\d|percentile|slow|_ms\b|wait", 1, 1.0),
    (r"queue|lag|backlog|pending|saturat|throttl|block|depth", 1, 0.8),
    (r"cpu|mem|rss|heap|gc\b|disk|swap|\bfd|thread|connection|socket|\bio|load", 1, 0.6),
    (r"rps|qps|tps|throughput|request|calls|traffic|workload|count|rate|bytes|network", 0, 0.4),
)
"""Name of a metric → which way is bad (0: either) and how directly users feel it. The first that fits decides."""
UNKNOWN_SENSE = (0, 0.7)
COUNTED = re.compile(r"err|fail|5xx|4xx|exception|timeout|reject|refus|abort", re.I)
SHARE = re.compile(r"ratio|percent|pct|share|fraction|rate|per_?request|%", re.I)
REQUESTS = re.compile(r"^(?!.*(?:dur|lat|time|_ms|size|bytes|success)).*(?:request|calls|rps|qps|tps|throughput|hits)", re.I)
"""Names of counted errors, of what is a share already, and of counted requests."""
RELATIVE, ABSOLUTE = 0.05, 0.01
"""Differences of this part of the level, or of the metric's range, are no news whatever their noise says."""
BURSTS, BURSTS_SEEN = 0.25, 20
"""Part of the bins afterwards outside what 98 % of those before were; bins before without which that is not known."""
CROWD = 1.2
"""Traffic that grew by less is an ordinary day."""
LOOK_BACK = 24 * 3600.0
"""Seconds of past that count."""


@dataclass(frozen=True)
class Metric:
    """One metric of one component on a grid whose bin 0 begins at the moment asked about; bins by instance."""

    label: str
    sense: int
    weight: float
    toward: str
    step: float
    bins: Mapping[str, Mapping[int, float]]
    waiting: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    """What instances that have the change showed while they had it not yet, or no longer: until then they are unchanged ones.
    Their past stands before it."""
    alive: frozenset[str] = frozenset()
    """Instances that report after the moment asked about, whatever their version then."""

    def first(self, seconds: float) -> int:
        """The bin so many seconds after bin 0 began."""
        return max(0, math.floor(seconds / self.step))

    def floor(self, level: Sequence[float]) -> float:
        """A difference that is no news: a part of the level, or of the metric's range here."""
        values = sorted(abs(value) for item in self.bins.values() for value in item.values())
        usual = statistics.median([abs(value) for value in level]) if level else 0.0
        return max(RELATIVE * usual, ABSOLUTE * (values[int(len(values) * 0.95)] if values else 0.0), 1e-9)

    def bad(self, difference: float) -> float:
        """The difference, positive where it is for the worse."""
        return abs(difference) if self.sense == 0 else self.sense * difference


@dataclass
class Observations:
    """Series by component, with the shifts that several comparisons need."""

    series: Sequence[Series]
    edges: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    _shifts: dict[tuple[str, float], float] = field(default_factory=dict)
    _steps: dict[tuple[str, float], dict[str, float]] = field(default_factory=dict)
    _above: dict[str, frozenset[str]] = field(default_factory=dict)

    @cached_property
    def by_component(self) -> dict[str, list[Series]]:
        """Series of each component."""
        found: dict[str, list[Series]] = {}
        for item in per_request(self.series):
            found.setdefault(item.component, []).append(item)
        return found

    def below(self, component: str) -> list[str]:
        """Observed components that this one needs, directly or through others."""
        found = dict.fromkeys(self.edges.get(component, ()))
        pending = list(found)
        for name in pending:
            new = [item for item in self.edges.get(name, ()) if item not in found]
            found |= dict.fromkeys(new)
            pending += new
        return [name for name in found if name in self.by_component and name != component]

    def above(self, component: str) -> frozenset[str]:
        """Components that need this one, directly or through others: what it breaks reaches them."""
        if component not in self._above:
            found = {component}
            pending = [component]
            for name in pending:
                new = [caller for caller, callees in self.edges.items() if name in callees and caller not in found]
                found.update(new)
                pending += new
            self._above[component] = frozenset(found - {component})
        return self._above[component]

    def shift(self, component: str, at: float) -> float:
        """How much a component as a whole got worse at a moment, in units of its noise; 0 where that cannot be told."""
        self._look(component, at)
        return self._shifts[component, at]

    def step(self, component: str, at: float, metric: str) -> float:
        """How much one metric of a component as a whole got worse at a moment, in its own unit; 0 where it is not observed."""
        self._look(component, at)
        return self._steps[component, at].get(metric, 0.0)

    def traffic(self, component: str, at: float) -> float:
        """How clearly more requests came to a component from a moment on, in units of their noise; 0 where that is not seen."""
        grown = [0.0]
        for metric in metrics(self.by_component.get(component, []), at, None):
            if metric.sense == 0 and REQUESTS.search(metric.label):
                moved = step_up(metric, across(list(metric.bins.values()), few=True), 0)
                if moved is not None and moved[2] > moved[1] * CROWD:
                    grown.append(moved[0])
        return max(grown)

    def _look(self, component: str, at: float) -> None:
        if (component, at) in self._shifts:
            return
        shift, steps = 0.0, dict[str, float]()
        for metric in metrics(self.by_component.get(component, []), at, None):
            moved = step_up(metric, across(list(metric.bins.values()), few=True), 0) if metric.sense else None
            if moved is not None:
                shift = max(shift, metric.weight * moved[0])
                steps[metric.label] = metric.bad(moved[2] - moved[1])
        self._shifts[component, at], self._steps[component, at] = shift, steps


def sense_of(metric: str) -> tuple[int, float]:
    """Which way is bad, and how directly users feel it."""
    name = metric.lower()
    return next(((way, weight) for pattern, way, weight in SENSES if re.search(pattern, name)), UNKNOWN_SENSE)


def metrics(own: Sequence[Series], at: float, having: set[tuple[str, str]] | None) -> Iterator[Metric]:
    """Each metric on its grid. An instance that gets the change in place keeps its past; what it shows afterwards without the
    change (it was not its turn yet, or the change was taken back) stands apart, in `waiting`."""
    names = {name for name, _ in having or ()}
    groups: dict[tuple[str, str], list[Series]] = {}
    for item in own:
        groups.setdefault((item.metric, item.toward), []).append(item)
    for (name, toward), members in groups.items():
        way, weight = sense_of(name)
        whole = whole_of([value for item in members for _, value in item.points]) if way < 0 else None
        kept: dict[str, list[tuple[float, float]]] = {}
        apart: dict[str, list[tuple[float, float]]] = {}
        for item in members:
            late = having is not None and item.instance in names and (item.instance, item.version) not in having
            recent = [
                point if whole is None else (point[0], whole - point[1]) for point in item.points if point[0] >= at - LOOK_BACK
            ]
            kept.setdefault(item.instance, []).extend(point for point in recent if not (late and point[0] >= at))
            if late and any(point[0] >= at for point in recent):
                apart.setdefault(item.instance, []).extend(point for point in recent if point[0] >= at)
        stamps = [sorted(when for when, _ in points) for points in kept.values() if points]
        if stamps:
            step = step_of(stamps, min(times[0] for times in stamps), max(times[-1] for times in stamps))
            bins = {instance: binned(points, at, step) for instance, points in kept.items() if points}
            waiting = {
                instance: {index: value for index, value in bins.get(instance, {}).items() if index < 0}
                | binned(points, at, step)
                for instance, points in apart.items()
            }
            alive = frozenset(item.instance for item in members if any(when >= at for when, _ in item.points))
            label = (name if whole is None else f"{whole:g} - {name}") + (f" toward {toward}" if toward else "")
            yield Metric(label, way if whole is None else 1, weight, toward, step, bins, waiting, alive)


def whole_of(values: Sequence[float]) -> float | None:
    """1 or 100 for shares of what went well: their rest is what users feel, 98 % to 95 % is more than twice as bad."""
    numbers = [value for value in values if math.isfinite(value)]
    if not numbers or min(numbers) < 0:
        return None
    most = max(numbers)
    return 1.0 if most <= 1 else 100.0 if 50 < most <= 100 else None


def per_request(series: Sequence[Series]) -> list[Series]:
    """Counts of errors divided by the requests of the same instance and moments, where both are there: more users make more
    errors, not a larger share of them. Everything else as it is."""
    requests = {
        (item.component, item.instance, item.version): dict(item.points)
        for item in series
        if REQUESTS.search(item.metric) and not COUNTED.search(item.metric) and not item.toward
    }
    out = []
    for item in series:
        traffic = requests.get((item.component, item.instance, item.version))
        if traffic and not item.toward and COUNTED.search(item.metric) and not SHARE.search(item.metric):
            points = tuple((at, value / traffic[at]) for at, value in item.points if traffic.get(at, 0) > 0)
            if len(points) * 2 > len(item.points):
                out.append(item.model_copy(update={"metric": f"{item.metric} per request", "points": points}))
                continue
        out.append(item)
    return out


def step_up(metric: Metric, bins: Binned, first: int) -> tuple[float, float, float] | None:
    """(shift for the worse in units of noise, before, after), or None where one side is too short."""
    before, after = part(bins, None, 0), part(bins, first, None)
    if len(before) < ENOUGH or len(after) < ENOUGH:
        return None
    was, became = middle(before), middle(after)
    quiet = math.hypot(error(before), error(before, len(after)))
    noise = math.hypot(quiet if _bursts(metric, before, after) else noise_of(before, after), metric.floor(before))
    return metric.bad(became - was) / noise, was, became


def _bursts(metric: Metric, before: Sequence[float], after: Sequence[float]) -> bool:
    """Whether it is bad for a good part of the time afterwards as it hardly ever was before: then what it is in between (stages
    of a release, a fault that comes and goes, the time after it was undone) is no noise."""
    if not metric.sense or len(before) < BURSTS_SEEN:
        return False
    usual = sorted(metric.sense * value for value in before)
    edge = usual[math.ceil(len(usual) * 0.98) - 1] + metric.floor(before)
    return sum(metric.sense * value > edge for value in after) >= max(ENOUGH, BURSTS * len(after))


def noise_of(before: Sequence[float], after: Sequence[float]) -> float:
    """Standard error of the difference. The noise afterwards may be larger (it grows with the level), never smaller."""
    return math.hypot(error(before), max(error(before, len(after)), error(steadied(after))))


def part(bins: Binned, begin: int | None, end: int | None) -> list[float]:
    """Values of the bins from `begin` up to, not including, `end`, in order of time."""
    return [bins[index] for index in sorted(bins) if (begin is None or index >= begin) and (end is None or index < end)]
