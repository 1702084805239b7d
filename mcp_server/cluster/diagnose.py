"""All causes over one cluster: found by family, told once per workload, what others explain folded under them."""

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType, ModuleType

from mcp_server.cluster import causes, sayings
from mcp_server.cluster.cause import CALLS, Cause, CauseType
from mcp_server.cluster.world import Cluster

_WEIGHT = {"critical": 0, "warning": 1, "info": 2}
_SILENT = frozenset(("service_no_ready_endpoints", *CALLS))
"""Who explains one of these explains those who call."""
_ANSWERED = "clients_refused"
"""What a server says of its clients is seen better from where they are."""
_SURE = {"high": 0, "medium": 1, "low": 2}


@cache
def families() -> tuple[ModuleType, ...]:
    """Every file of `causes/`, in name order."""
    return tuple(importlib.import_module(f"{causes.__name__}.{item.name}") for item in pkgutil.iter_modules(causes.__path__))


@cache
def cause_types() -> Mapping[str, CauseType]:
    """Every cause that can be found, by its code. Raises ValueError for a code declared twice."""
    known: dict[str, CauseType] = {}
    spoken = [importlib.import_module(f"{sayings.__name__}.{item.name}") for item in pkgutil.iter_modules(sayings.__path__)]
    for family in (*families(), *spoken):
        for kind in vars(family).values():
            if isinstance(kind, CauseType) and known.setdefault(kind.code, kind) is not kind:
                raise ValueError(f"{family.__name__}: the code {kind.code} is declared twice")
    return MappingProxyType(known)


def diagnose(cluster: Cluster, failed: list[str] | None = None) -> list[Cause]:
    """Causes, those that explain others first. A family that fails is named in `failed`; the others are still told."""
    found: list[Cause] = []
    for family in families():
        try:
            found += family.find(cluster)
        except Exception as error:
            if failed is None:
                raise
            failed.append(f"{family.__name__.rsplit('.', 1)[-1]} ({type(error).__name__}: {error})")
    return fold(merged(found))


def merged(found: Iterable[Cause]) -> list[Cause]:
    """The same cause on many pods of one workload is told once, with all that it touches."""
    kept: dict[tuple[object, ...], Cause] = {}
    for item in found:
        alike = item.object.startswith("Pod ") and item.object != item.component
        place = (item.code, item.component, item.field, "" if alike else item.object)
        before = kept.get(place)
        if before is None:
            kept[place] = item
            continue
        first, other = (item, before) if _order(item) < _order(before) else (before, item)
        kept[place] = first.model_copy(
            update={
                "touches": tuple(dict.fromkeys((*first.touches, *other.touches))),
                "others": first.others + other.others + (first.object != other.object or first.object == first.component),
            }
        )
    return list(kept.values())


def fold(found: list[Cause]) -> list[Cause]:
    """Roots, weightiest first, each with its consequences: what its declaration explains on anything that it touches,
    and whoever calls what it touches."""
    kinds = cause_types()
    touching: dict[str, set[int]] = {}
    calling: dict[str, set[int]] = {}
    for index, item in enumerate(found):
        for key in item.touches:
            touching.setdefault(key, set()).add(index)
        for key in item.needs:
            calling.setdefault(key, set()).add(index)
    above: dict[int, int] = {}
    for index, item in sorted(enumerate(found), key=lambda pair: _order(pair[1])):
        for other in sorted(other for key in item.needs for other in touching.get(key, ()) if found[other].code == _ANSWERED):
            if other not in above and not _above(above, index, other):
                above[other] = index
        explained = kinds[item.code].explains
        if not explained:
            continue
        near = {other for key in item.touches for other in touching[key] if found[other].code in explained}
        if _SILENT.intersection(explained):
            own = set(item.touches)
            near |= {other for key in item.touches for other in calling.get(key, ()) if own.isdisjoint(found[other].touches)}
        for other in sorted(near - {index}):
            if other not in above and not _above(above, index, other):
                above[other] = index
    below: dict[int, list[int]] = {}
    for other in above:
        below.setdefault(_root(above, other), []).append(other)
    roots = []
    for index, item in enumerate(found):
        if index not in above:
            told = tuple(f"{found[other].object}: {found[other].code}" for other in sorted(below.get(index, [])))
            roots.append(item.model_copy(update={"explains": told}))
    return sorted(roots, key=lambda item: (*_order(item), -len(item.explains), -item.others, item.object))


def told(cause: Cause) -> str:
    """A cause as one sentence, without its quotes; for tests and for text."""
    kind = cause_types()[cause.code]
    values = {**cause.values, "object": cause.object, "field": cause.field, "confidence": cause.confidence}
    return kind.finding().text.format_map(values)


def _order(cause: Cause) -> tuple[int, int]:
    return _WEIGHT[cause.severity], _SURE[cause.confidence]


def _above(above: Mapping[int, int], index: int, other: int) -> bool:
    """Whether `other` is already above `index`."""
    while index in above:
        index = above[index]
        if index == other:
            return True
    return False


def _root(above: Mapping[int, int], index: int) -> int:
    while index in above:
        index = above[index]
    return index
