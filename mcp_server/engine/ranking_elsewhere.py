"""Trouble where a change cannot reach: then something else is at work, and what its own component shows says less.

*Outside*: components that neither need the changed one nor are needed by it got worse at the same moment, and about as much: a
network, a vendor, a crowd. *Machines*: single instances fell sick in several components, and not those that have a change.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from mcp_server.engine.ranking_blast import Blast, instances_with
from mcp_server.engine.ranking_data import Candidate
from mcp_server.engine.ranking_metrics import Metric, Observations, metrics, noise_of, part
from mcp_server.engine.ranking_series import ENOUGH, middle

JUST_BEFORE, ODD = 300.0, 5.0
"""Seconds before the onset that are neither before nor after; how far beyond its noise a sick instance stands out."""
WORSE, AS_MUCH, MORE = 3.0, 0.5, 1.5
"""Shift, in units of noise, from which a component counts as worse; the part of the change's own effect that is as much; and
what can not have come from it where nobody knows who calls whom: what is passed on does not grow."""


@dataclass(frozen=True)
class Elsewhere:
    """All components, seen from one change at a time."""

    observed: Observations
    changes: Sequence[Candidate]
    onset: float

    def outside(self, change: Candidate, seen: Blast) -> dict[str, float]:
        """Components that got worse with this one and cannot have got it from there, or given it to there; how many times as
        much as it did."""
        effect = abs(seen.after - seen.before)
        if not effect:  # silence has no size
            return {}
        near = {*self.observed.above(change.component), *self.observed.below(change.component), change.component}
        worse = {
            name: self.observed.step(name, seen.at, seen.metric) / effect
            for name in self.observed.by_component
            if name not in near and self.observed.shift(name, seen.at) >= WORSE
        }
        drawn = self._drawn if change.component in self._drawn else frozenset()
        return {name: times for name, times in worse.items() if times >= (AS_MUCH if name in drawn else MORE)}

    def machines(self, change: Candidate) -> list[str]:
        """Other components of which single instances fell sick at the onset that are not just those with a change."""
        return [name for name in self._odd if name != change.component]

    @cached_property
    def _drawn(self) -> frozenset[str]:
        """Components of which somebody knows whom they call, or who calls them."""
        return frozenset({*self.observed.edges, *(name for names in self.observed.edges.values() for name in names)})

    @cached_property
    def _odd(self) -> tuple[str, ...]:
        return tuple(name for name in self.observed.by_component if self._is_odd(name))

    def _is_odd(self, component: str) -> bool:
        own = self.observed.by_component[component]
        sick = {name for metric in metrics(own, self.onset, None) for name in _sick(metric)}
        return bool(sick) and sick not in [instances_with(item, own) for item in self.changes if item.component == component]


def _sick(metric: Metric) -> list[str]:
    """Instances that got clearly worse than their siblings did at bin 0; what lies just before it is left out."""
    if metric.sense == 0 or metric.weight < 1 or len(metric.bins) < 3:
        return []
    gap = metric.first(JUST_BEFORE)
    steps: dict[str, tuple[float, float]] = {}
    for name, bins in metric.bins.items():
        before, after = part(bins, None, -gap), part(bins, 0, None)
        if len(before) >= ENOUGH and len(after) >= ENOUGH:
            noise = math.hypot(noise_of(before, after), metric.floor(before))
            steps[name] = metric.bad(middle(after) - middle(before)), noise
    if len(steps) < 3:
        return []
    usual = statistics.median([step for step, _ in steps.values()])
    clear = [name for name, (step, noise) in steps.items() if (step - usual) / noise >= ODD and step > 2 * max(usual, 0.0)]
    return clear if len(clear) <= len(steps) / 2 else []
