"""Concurrent releases of microservices, observed per instance: plain JSON as somebody else would feed it.

Built without a look at the ranker's numbers. Noise is autocorrelated with outliers; load moves everything together; one in
four cases has a disturbance that no release made; releases reach new instances beside the old ones, some old ones in place, or
all at once; the fault comes at once, slowly, or late; callers suffer from what they call.
"""

import math
import random
from dataclasses import dataclass, field
from typing import Any

STEP, BEFORE, AFTER = 30, 120, 60
"""Seconds between points; points before the first release window ends; points after the fault begins."""
EPOCH = 1_780_000_000
KPIS = {
    "latency_p95_ms": (40, 400),
    "error_ratio": (0.001, 0.01),
    "cpu_percent": (15, 45),
    "memory_mb": (200, 900),
    "rps": (20, 200),
}
NAMES = ("front", "cart", "checkout", "payment", "catalog", "search", "ads", "mail", "stock", "users", "ship", "rates")


@dataclass
class Release:
    service: str
    at: float
    mode: str
    version: str
    instances: list[str] = field(default_factory=list)


@dataclass
class Case:
    data: dict[str, Any]
    guilty: str | None
    newest: str
    about: str


def case(chance: random.Random) -> Case:
    """One incident with one to six releases at about the same time."""
    services = list(NAMES[: chance.randint(6, len(NAMES))])
    edges = [(services[chance.randrange(index)], services[index]) for index in range(1, len(services))]
    edges += [tuple(sorted(chance.sample(services, 2), key=services.index)) for _ in range(chance.randint(0, 5))]  # type: ignore[misc]
    fault_at = EPOCH + BEFORE * STEP
    released = chance.sample(services, chance.randint(1, 6))
    innocent = chance.random() < 0.2
    guilty = None if innocent else released[0]
    releases = {}
    for name in released:
        at = fault_at - chance.uniform(-240, 1_500)
        releases[name] = Release(
            name, at, chance.choice(("beside", "beside", "some in place", "all")), f"v{chance.randint(2, 90)}"
        )
    shape = chance.choice(("at once", "at once", "slowly", "late"))
    if guilty:
        releases[guilty].at = fault_at - (chance.uniform(0, 20) if shape != "late" else chance.uniform(200, 1_200))
    broken = guilty or chance.choice([name for name in services if name not in released] or services)
    kpis = chance.choice(
        (("latency_p95_ms",), ("error_ratio",), ("latency_p95_ms", "error_ratio"), ("cpu_percent", "latency_p95_ms"))
    )
    size = {
        "latency_p95_ms": chance.uniform(1.4, 6),
        "error_ratio": chance.uniform(6, 60),
        "cpu_percent": chance.uniform(1.3, 2.2),
    }
    sick = _callers(broken, edges)
    shared = chance.uniform(1.3, 2.5) if innocent or chance.random() < 0.25 else 1.0
    shared_at = fault_at + (0 if innocent and chance.random() < 0.5 else chance.uniform(-1_800, 900))
    wave, tide = chance.uniform(0.05, 0.25), chance.uniform(1_800, 7_200)
    observations = []
    for name in services:
        release = releases.get(name)
        old = [f"{name}-{chance.randrange(16**5):05x}" for _ in range(chance.randint(2, 5))]
        new: dict[str, str] = {}
        if release and release.mode == "beside":
            fresh = [f"{name}-{chance.randrange(16**5):05x}" for _ in range(chance.randint(1, 4))]
            new = dict.fromkeys(fresh, "new")
        elif release:
            count = len(old) if release.mode == "all" else chance.randint(1, len(old) - 1)
            new = dict.fromkeys(chance.sample(old, count), "in place")
        if release:
            release.instances = list(new)
        base = {kpi: math.exp(chance.uniform(math.log(low), math.log(high))) for kpi, (low, high) in KPIS.items()}
        benign = {"cpu_percent": chance.uniform(0.9, 1.15), "memory_mb": chance.uniform(0.85, 1.2)}
        for instance in dict.fromkeys([*old, *new]):
            own = {kpi: math.exp(chance.gauss(0, 0.06)) for kpi in KPIS}
            drift = dict.fromkeys(KPIS, 0.0)
            rows: dict[tuple[str, str], list[list[float]]] = {}
            for index in range(BEFORE + AFTER):
                at = EPOCH + index * STEP
                has = release is not None and instance in new and at >= release.at
                if new.get(instance) == "new" and not has:
                    continue
                load = (1 + wave * math.sin(at / tide * 2 * math.pi)) * (shared if shared_at <= at < shared_at + 1_500 else 1)
                for kpi in KPIS:
                    drift[kpi] = 0.7 * drift[kpi] + chance.gauss(0, 0.08)
                    value = base[kpi] * own[kpi] * math.exp(drift[kpi])
                    value *= load if kpi in ("rps", "cpu_percent") else load**0.7 if kpi == "latency_p95_ms" else 1
                    if kpi == "error_ratio":
                        value *= load**1.5 * chance.choice((0, 0, 0.5, 1, 2, 3))
                    if has and release:
                        value *= benign.get(kpi, 1)
                        if at - release.at < 120 and kpi in ("latency_p95_ms", "cpu_percent"):
                            value *= 1.4  # warming up
                    age = at - fault_at
                    if age >= 0 and kpi in kpis:
                        grown = min(1.0, age / 900) if shape == "slowly" else 1.0
                        if name == broken and (has if guilty else True):
                            value *= 1 + (size[kpi] - 1) * grown
                        elif name in sick and kpi != "cpu_percent":
                            value *= 1 + (size[kpi] - 1) * grown * sick[name]
                    if chance.random() < 0.01:
                        value *= chance.uniform(2, 5)
                    if chance.random() < 0.02:
                        continue
                    version = release.version if has and release else "v1"
                    rows.setdefault((kpi, version), []).append([at, round(value, 5)])
            observations += [
                {"component": name, "instance": instance, "version": version, "metric": kpi, "points": points}
                for (kpi, version), points in rows.items()
            ]
    order = list(releases.values())
    chance.shuffle(order)
    changes = [
        {"id": item.service, "at": item.at, "component": item.service, "kind": "release", "version": item.version}
        for item in order
    ]
    data = {
        "onset": fault_at + chance.uniform(0, 300), "onset_doubt_ms": 120_000, "changes": changes, "observations": observations,
        "edges": [list(edge) for edge in edges],
        "symptoms": [{"text": "alert: requests are slow or fail", "component": "front"}],
    }  # fmt: skip
    newest = max(order, key=lambda item: item.at).service
    about = f"{shape} {kpis} {', '.join(f'{item.service}:{item.mode}' for item in order)} shared={shared:.1f}"
    return Case(data, guilty, newest, about)


def _callers(broken: str, edges: list[tuple[str, str]]) -> dict[str, float]:
    """Who suffers besides the broken one, and how much of it reaches them."""
    found, pending = {broken: 1.0}, [broken]
    for name in pending:
        for caller, callee in edges:
            if callee == name and caller not in found:
                found[caller] = found[name] * 0.7
                pending.append(caller)
    return {name: part for name, part in found.items() if name != broken}
