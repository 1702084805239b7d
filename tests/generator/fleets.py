"""Concurrent releases in a fleet of services, simulated from how services work, as somebody else's monitoring would show them.

A second generator beside `releases.py`, and independent of it: here nothing is multiplied into a curve. Users arrive,
requests are spread over instances, each has a capacity and queues as it fills, a call fails with its callees unless a retry
saves it, and errors are counted one by one, so that small fleets are as noisy as real ones. Releases go out by canary, in
stages, one by one or all at once, and some are taken back. What the ranker weighs is not known here.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

WORDS = (
    "api", "auth", "basket", "bill", "feed", "geo", "img", "mailer", "price", "quota", "reco", "stock", "tax", "user",
)  # fmt: skip
NOON = 1_790_000_000
FAULTS = ("errors", "errors", "slow", "leak", "few errors", "crash", "late")
CALM = ("spike", "vendor", "machine", "nothing to do with it", "slow database")
STYLES = (
    ("http_5xx_ratio", "latency_p99_seconds"),
    ("errors_per_minute", "request_duration_ms", "requests_per_minute"),
    ("success_rate", "response_time_p95"),
    ("error_count", "requests_total"),
    ("grpc_failures_ratio", "rpc_latency_p50", "heap_used_mb"),
)
"""What different monitoring calls and keeps; a case has one style."""


def timed(style: tuple[str, ...]) -> bool:
    """Whether it keeps times."""
    return any("latency" in name or "duration" in name or "time" in name for name in style)


@dataclass
class Rollout:
    """A release: when each instance got the version, and when it was taken back."""

    service: str
    version: str
    begin: float
    how: str
    taken: dict[str, float] = field(default_factory=dict)
    undone: float | None = None


@dataclass
class Service:
    """Instances that share the load."""

    name: str
    calls: list[str]
    instances: list[str]
    capacity: float
    base_ms: float
    slip: float
    """Share of requests that fail without any reason."""
    retry: float
    """Share of failed calls that are saved by calling again."""
    own: dict[str, float] = field(default_factory=dict)


@dataclass
class Fleet:
    """One case: what the ranker is fed, and the truth."""

    data: dict[str, Any]
    guilty: str | None
    newest: str
    about: str


def fleet(seed: str) -> Fleet:
    """The case of this seed."""
    chance = random.Random(seed)
    return _Simulation(chance).run(innocent=chance.random() < 0.25)


class _Simulation:
    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.tick = chance.choice((10, 15, 30, 60))
        self.length = chance.uniform(3_000, 9_000)
        self.fault_at = NOON + self.length * chance.uniform(0.55, 0.8)
        self.services = self._services()
        self.callers = [name for name in self.services if not any(name in item.calls for item in self.services.values())]

    def _services(self) -> dict[str, Service]:
        pick = self.chance
        names = [f"svc-{word}" for word in pick.sample(WORDS, pick.randint(4, 12))]
        made = {}
        for place, name in enumerate(names):
            below = names[place + 1 :]
            calls = pick.sample(below, min(len(below), pick.choice((0, 1, 1, 2, 3))))
            count = pick.choice((2, 3, 4, 4, 6, 8))
            made[name] = Service(
                name, calls, [f"{name}-{number}" for number in range(count)], 0, pick.uniform(4, 90),
                pick.choice((0.0, 0.0005, 0.002, 0.01)), pick.choice((0.0, 0.0, 0.5, 0.8)),
            )  # fmt: skip
            made[name].own = {instance: math.exp(pick.gauss(0, 0.08)) for instance in made[name].instances}
        self.load = self._usual(made)
        for name, item in made.items():  # somebody sized each service for what it gets
            item.capacity = self.load[name] / len(item.instances) / pick.uniform(0.3, 0.6)
        return made

    def _usual(self, services: dict[str, Service]) -> dict[str, float]:
        load = dict.fromkeys(services, 0.0)
        for name, item in services.items():
            load[name] = load[name] or self.chance.uniform(40, 400)  # users come to whoever nobody calls
            for callee in item.calls:
                load[callee] += load[name] * self.chance.choice((0.3, 1.0))
        return load

    def run(self, *, innocent: bool) -> Fleet:
        pick = self.chance
        released = pick.sample(list(self.services), min(len(self.services), pick.choice((1, 2, 2, 3, 4, 5, 6))))
        rollouts = {name: self._rollout(name) for name in released}
        fault, guilty = pick.choice(CALM if innocent else FAULTS), None
        if not innocent:
            guilty = released[0]
            self._make_guilty(rollouts[guilty], fault)
        self.size = pick.uniform(0.03, 0.08) if fault == "few errors" else pick.uniform(0.15, 0.9)
        self.slower = pick.uniform(1.5, 6)
        broken = guilty or pick.choice([name for name in self.services if name not in released] or list(self.services))
        machine = {pick.choice(item.instances) for item in self.services.values() if pick.random() < 0.6}
        # what nobody measures nobody notices: a slow service is seen where times are kept
        style = pick.choice([item for item in STYLES if fault not in ("slow", "leak", "slow database") or timed(item)])
        points: dict[tuple[str, str, str, str], list[list[float]]] = {}
        first_alarm = None
        outage = NOON + pick.uniform(0, self.length)
        lost = {instance: pick.choice((0.0, 0.02, 0.15)) for item in self.services.values() for instance in item.instances}
        at = float(NOON)
        end = NOON + self.length
        while at < end:
            state = self._step(at, fault, guilty, broken, machine, rollouts)
            failing = max((state[name]["failed"] for name in self.callers), default=0.0)
            if at >= self.fault_at and first_alarm is None and (failing > 0.02 or at > self.fault_at + 240):
                first_alarm = at
                end = min(end, at + pick.uniform(180, 1_500))  # then somebody asks
            for name, item in self.services.items():
                for instance in item.instances:
                    if pick.random() < lost[instance] or (outage < at < outage + 4 * self.tick and pick.random() < 0.8):
                        continue
                    seen = self._seen(name, instance, state, style, at)
                    version = self._version(rollouts.get(name), instance, at)
                    for metric, value in seen:
                        points.setdefault((name, instance, version, metric), []).append([at, value])
            at += self.tick
        return self._case(
            rollouts, guilty, points, (first_alarm or self.fault_at) + pick.uniform(0, 90), end, f"{fault} {broken}"
        )

    def _rollout(self, name: str) -> Rollout:
        pick, item = self.chance, self.services[name]
        begin = self.fault_at + pick.choice((-2_400, -900, -300, -120, -30, 20)) * pick.uniform(0.6, 1.4)
        roll = Rollout(name, f"{pick.randint(1, 9)}.{pick.randint(0, 30)}.{pick.randint(1, 9)}", begin,
                       pick.choice(("canary", "stages", "stages", "at once", "rolling")))  # fmt: skip
        order = pick.sample(item.instances, len(item.instances))
        waits = {"canary": [0.0, *[pick.uniform(900, 4_000)] * (len(order) - 1)],
                 "stages": [pick.uniform(200, 900) * (place * 3 // len(order)) for place in range(len(order))],
                 "at once": [pick.uniform(0, 5) for _ in order],
                 "rolling": [pick.uniform(20, 60) * place for place in range(len(order))]}[roll.how]  # fmt: skip
        roll.taken = {instance: begin + wait for instance, wait in zip(order, waits, strict=True)}
        if pick.random() < 0.12:
            roll.undone = begin + pick.uniform(300, 1_500)
        return roll

    def _make_guilty(self, roll: Rollout, fault: str) -> None:
        """The fault begins with the first instance; a late one with its hour, or with what was collected until then."""
        wait = self.chance.uniform(300, 1_200) if fault in ("late", "leak") else self.chance.uniform(0, 40)
        shift = self.fault_at - wait - roll.begin
        roll.begin += shift
        roll.taken = {instance: at + shift for instance, at in roll.taken.items()}
        roll.undone = self.fault_at + self.chance.uniform(600, 1_500) if self.chance.random() < 0.2 else None

    @staticmethod
    def _version(roll: Rollout | None, instance: str, at: float) -> str:
        if roll is None or at < roll.taken[instance] or (roll.undone and at >= roll.undone):
            return "base"
        return roll.version

    def _step(
        self, at: float, fault: str, guilty: str | None, broken: str, machine: set[str], rollouts: dict[str, Rollout]
    ) -> dict[str, dict[str, Any]]:
        """Load from the top down, then failures and times from the bottom up."""
        pick = self.chance
        day = 1 + 0.25 * math.sin((at - NOON) / 5_000)
        spike = pick.uniform(1.6, 2.4) if fault == "spike" and at >= self.fault_at else 1.0
        crowd = day * spike * math.exp(pick.gauss(0, 0.05))
        load = {name: usual * crowd for name, usual in self.load.items()}
        state: dict[str, dict[str, Any]] = {}
        for name in reversed(list(self.services)):
            item = self.services[name]
            saved = 1 - item.retry
            below = 1 - math.prod(1 - state[callee]["failed"] * saved for callee in item.calls)
            waits = sum(state[callee]["ms"] for callee in item.calls)
            each: dict[str, tuple[float, float, float, float]] = {}
            for instance in item.instances:
                share = load[name] / len(item.instances) * math.exp(pick.gauss(0, 0.08))
                full = min(0.97, share / item.capacity)
                ms = item.base_ms * item.own[instance] / (1 - full) * math.exp(pick.gauss(0, 0.12)) + waits
                fails = item.slip + (max(0.0, share / item.capacity - 0.97) if share > item.capacity * 0.97 else 0)
                heap = 300 * item.own[instance] + pick.gauss(0, 6)
                has = guilty == name and self._version(rollouts[name], instance, at) != "base"
                since = at - self.fault_at
                if since >= 0:
                    if has:
                        fails, ms, heap, share = self._sick(fault, since, fails, ms, heap, share)
                    elif fault == "vendor" and name == broken:
                        fails += self.size
                    elif fault == "slow database" and name == broken:
                        ms *= self.slower
                    elif fault == "machine" and instance in machine:
                        fails, ms = fails + self.size * 0.6, ms * 2
                    elif fault == "nothing to do with it" and name in self.callers:
                        fails += self.size * 0.4
                if has and since < 0 and fault == "leak":
                    heap += (at - rollouts[name].begin) * 0.2
                each[instance] = (share, 1 - (1 - min(1.0, fails)) * (1 - below), ms, heap)
            total = sum(value[0] for value in each.values()) or 1e-9
            failed = sum(value[0] * value[1] for value in each.values()) / total
            state[name] = {"failed": failed, "ms": sum(value[0] * value[2] for value in each.values()) / total, "each": each}
        return state

    def _sick(
        self, fault: str, since: float, fails: float, ms: float, heap: float, share: float
    ) -> tuple[float, float, float, float]:
        if fault in ("errors", "few errors", "late"):
            return fails + self.size, ms, heap, share
        if fault == "slow":
            return fails, ms * self.slower, heap, share
        if fault == "leak":
            grown = min(1.0, since / 900)
            return fails + self.size * grown**2, ms * (1 + self.slower * grown), heap + 400 * grown, share
        alive = self.chance.random() > 0.5  # crash: it comes and goes
        return fails + (0.1 if alive else 0.8), ms, heap, share if alive else share * 0.2

    def _seen(
        self, name: str, instance: str, state: dict[str, dict[str, Any]], style: tuple[str, ...], at: float
    ) -> Iterator[tuple[str, float]]:
        share, failed, ms, heap = state[name]["each"][instance]
        requests = max(0, round(self.chance.gauss(share * self.tick, math.sqrt(share * self.tick))))
        errors = sum(self.chance.random() < failed for _ in range(requests)) if requests < 60 else round(
            min(requests, max(0.0, self.chance.gauss(requests * failed, math.sqrt(requests * failed * (1 - failed)))))
        )  # fmt: skip
        if self.chance.random() < 0.004:
            ms *= self.chance.uniform(3, 20)  # a pause of its collector
        for metric in style:
            if metric in ("http_5xx_ratio", "grpc_failures_ratio"):
                yield metric, round(errors / requests, 5) if requests else 0.0
            elif metric == "success_rate":
                yield metric, round(100 * (1 - errors / requests), 3) if requests else 100.0
            elif metric == "errors_per_minute":
                yield metric, round(errors * 60 / self.tick, 2)
            elif metric == "error_count":
                yield metric, errors
            elif metric in ("requests_per_minute", "requests_total"):
                yield metric, round(requests * (60 / self.tick if "minute" in metric else 1), 2)
            elif metric == "heap_used_mb":
                yield metric, round(heap, 1)
            else:
                yield metric, round(ms / 1000 if "seconds" in metric else ms, 4)

    def _case(
        self, rollouts: dict[str, Rollout], guilty: str | None, points: dict[tuple[str, str, str, str], list[list[float]]],
        onset: float, end: float, about: str,
    ) -> Fleet:  # fmt: skip
        pick = self.chance
        labelled, named = pick.random() < 0.75, pick.random() < 0.4
        rows = pick.random() < 0.3
        if labelled and pick.random() < 0.2:  # monitoring that knows versions and no instances
            points = _by_version(points)
            named = False
        observations: list[dict[str, Any]] = []
        for (name, instance, version, metric), series in points.items():
            head = {"component": name, "metric": metric} | ({"version": version} if labelled else {})
            head |= {"instance": instance} if instance else {}
            if rows:
                observations += [head | {"at": at, "value": value} for at, value in series]
            else:
                observations.append(head | {"points": series})
        changes = []
        for roll in pick.sample(list(rollouts.values()), len(rollouts)):
            change: dict[str, Any] = {"id": roll.service, "at": roll.begin, "component": roll.service, "kind": "release"}
            if labelled:
                change["version"] = roll.version
            if named or not labelled:
                reached = [instance for instance, at in roll.taken.items() if at <= end]
                change["instances"] = reached or list(roll.taken)[:1]
            if roll.undone and roll.undone < end:
                change["reverted_at"] = roll.undone
            changes.append(change)
        data: dict[str, Any] = {"onset": onset, "changes": changes, "observations": observations}
        if pick.random() < 0.8:
            data["edges"] = [[name, callee] for name, item in self.services.items() for callee in item.calls]
        if pick.random() < 0.5:
            data["onset_doubt_ms"] = pick.choice((30_000, 120_000))
        newest = max(rollouts.values(), key=lambda roll: (roll.begin <= onset, roll.begin)).service
        how = ", ".join(f"{roll.service}:{roll.how}{'↶' if roll.undone else ''}" for roll in rollouts.values())
        return Fleet(data, guilty, newest, f"{about} [{how}] every {self.tick} s, labelled={labelled} named={named}")


def _by_version(
    points: dict[tuple[str, str, str, str], list[list[float]]],
) -> dict[tuple[str, str, str, str], list[list[float]]]:
    """The mean over the instances of a version at each moment."""
    heaps: dict[tuple[str, str, str, str], dict[float, list[float]]] = {}
    for (name, _, version, metric), series in points.items():
        heap = heaps.setdefault((name, "", version, metric), {})
        for at, value in series:
            heap.setdefault(at, []).append(value)
    return {key: [[at, sum(values) / len(values)] for at, values in sorted(heap.items())] for key, heap in heaps.items()}
