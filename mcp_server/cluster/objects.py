"""Plain objects of the documented API shape, read without trusting it: what is not there, or of another kind, is None."""

import difflib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from mcp_server.cluster.patterns import Pattern

Object = Mapping[str, Any]
MIRROR = "kubernetes.io/config.mirror"
"""The annotation of a pod that a kubelet runs by itself, from a file."""
Key = tuple[str, str, str]
"""(kind, namespace, name); the namespace is empty for what has none."""

_QUANTITY = Pattern(r"([+-]?\d+(?:\.\d*)?|\.\d+)(e[+-]?\d+|E[+-]?\d+|[numkMGTPE]|[KMGTPE]i)?")
_SCALE = {
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60,
}  # fmt: skip


def at(node: Any, way: str) -> Any:
    """What stands at `spec.template.spec`; None where the way ends before."""
    for part in _parts(way):
        if type(node) is not dict and not isinstance(node, Mapping):  # the first is what JSON gives, and quick to see
            return None
        node = node.get(part)
    return node


@cache
def _parts(way: str) -> tuple[str, ...]:
    return tuple(way.split("."))


def words(node: Any, way: str) -> str:
    """Text at a place; empty where there is none."""
    found = at(node, way)
    return found if isinstance(found, str) else ""


def number(node: Any, way: str) -> int | None:
    """A whole number at a place."""
    found = at(node, way)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def mapping(node: Any, way: str) -> Mapping[str, Any]:
    """A mapping at a place; empty where there is none."""
    found = at(node, way)
    return found if isinstance(found, Mapping) else {}


def labels(node: Any, way: str = "metadata.labels") -> dict[str, str]:
    """Text by text at a place: labels, selectors, annotations."""
    return {str(key): str(value) for key, value in mapping(node, way).items() if isinstance(value, str | int | float)}


def parts(node: Any, way: str) -> list[Mapping[str, Any]]:
    """The mappings of a list at a place."""
    found = at(node, way)
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list | tuple) else []


def texts(node: Any, way: str) -> list[str]:
    """The texts of a list at a place."""
    found = at(node, way)
    return [str(item) for item in found if isinstance(item, str | int | float)] if isinstance(found, list | tuple) else []


def moment(node: Any, way: str) -> datetime | None:
    """A time at a place (RFC 3339); None for what is none."""
    found = words(node, way)
    if not found:
        return None
    try:
        read = datetime.fromisoformat(found)
    except ValueError:
        return None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)


def quantity(value: Any) -> float | None:
    """`500m` is 0.5, `1Gi` is 1073741824; None for what is no quantity."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    match = _QUANTITY.fullmatch(value.strip()) if isinstance(value, str) and len(value) < 60 else None
    if match is None:
        return None
    suffix = match[2] or ""
    if suffix in _SCALE:
        return float(match[1]) * _SCALE[suffix]
    try:
        return float(match[1] + suffix)
    except (ValueError, OverflowError):
        return None


def kind_of(obj: Object) -> str:
    """`Pod`, `Deployment`; empty where an object does not say."""
    return words(obj, "kind")


def name_of(obj: Object) -> str:
    """Its name."""
    return words(obj, "metadata.name")


def space_of(obj: Object) -> str:
    """Its namespace; empty for what has none."""
    return words(obj, "metadata.namespace")


def key_of(obj: Object) -> Key:
    """What tells an object from all others of a cluster."""
    return kind_of(obj), space_of(obj), name_of(obj)


def shown(key: Key) -> str:
    """`Deployment shop/api`, `Node worker-1`."""
    kind, space, name = key
    return f"{kind} {space}/{name}" if space else f"{kind} {name}"


def nearest(name: str, there: list[str]) -> str:
    """Which of these names is probably meant; empty where none is near."""
    return next(iter(difflib.get_close_matches(name, there, n=1, cutoff=0.6)), "")


def condition(obj: Object, kind: str) -> Mapping[str, Any]:
    """The condition of that type; empty where it is not told."""
    return next((item for item in parts(obj, "status.conditions") if item.get("type") == kind), {})


def is_true(item: Mapping[str, Any]) -> bool:
    """Whether a condition holds."""
    return item.get("status") == "True"


def containers(spec: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(`containers[0]`, container) of a pod's specification; init containers first, as they run."""
    for way in ("initContainers", "containers"):
        for index, item in enumerate(parts(spec, way)):
            yield f"{way}[{index}]", item


def statuses(pod: Object) -> Iterator[tuple[Mapping[str, Any], bool]]:
    """(status, whether it is of an init container) of every container of a pod."""
    for way, init in (("status.initContainerStatuses", True), ("status.containerStatuses", False)):
        for item in parts(pod, way):
            yield item, init


def matches(selector: Mapping[str, str], found: Mapping[str, str]) -> bool:
    """Whether labels satisfy an equality selector; an empty one selects nothing here."""
    return bool(selector) and all(found.get(key) == value for key, value in selector.items())


def selects(selector: Any, found: Mapping[str, str]) -> bool:
    """Whether labels satisfy a LabelSelector; an empty one selects everything, none at all nothing."""
    if not isinstance(selector, Mapping):
        return False
    wanted = labels(selector, "matchLabels")
    if any(found.get(key) != value for key, value in wanted.items()):
        return False
    return all(_expression(item, found) for item in parts(selector, "matchExpressions"))


def _expression(item: Mapping[str, Any], found: Mapping[str, str]) -> bool:
    key, operator, values = words(item, "key"), words(item, "operator"), texts(item, "values")
    has = found.get(key)
    if operator == "In":
        return has in values
    if operator == "NotIn":
        return has not in values
    if operator == "Exists":
        return key in found
    if operator == "DoesNotExist":
        return key not in found
    if (
        operator in ("Gt", "Lt")
        and has is not None
        and values
        and has.lstrip("-").isdecimal()
        and values[0].lstrip("-").isdecimal()
    ):
        return int(has) > int(values[0]) if operator == "Gt" else int(has) < int(values[0])
    return False
