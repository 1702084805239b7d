"""The objects of a cluster as causes ask for them: by name, by owner, by selector, with their events and logs."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from mcp_server.cluster.objects import (
    Key,
    Object,
    at,
    condition,
    is_true,
    key_of,
    kind_of,
    labels,
    mapping,
    matches,
    moment,
    name_of,
    number,
    parts,
    quantity,
    selects,
    space_of,
    words,
)  # fmt: skip
from mcp_server.cluster.patterns import Pattern

TEMPLATES = {
    "Deployment": "spec.template", "StatefulSet": "spec.template", "DaemonSet": "spec.template", "ReplicaSet": "spec.template",
    "ReplicationController": "spec.template", "Job": "spec.template", "CronJob": "spec.jobTemplate.spec.template",
    "Rollout": "spec.template",
}  # fmt: skip
"""Kinds that make pods, and where their template stands."""
_HASHED = Pattern(r"(.+)-[a-f0-9]{6,10}|(.+)-[bcdfghjklmnpqrstvwxz2456789]{6,10}")
_CONTAINER = Pattern(r"spec\.(?:initContainers|containers|ephemeralContainers)\{([^}]+)\}")
ANY = "*"
SAID = 4_000
"""Characters of a message, or of a line of a log, that are read: patterns must not run long on what somebody writes."""


@dataclass(frozen=True)
class Event:
    """One event. `last` is when it was last seen; `container` is the container it is about, where it says so."""

    reason: str
    message: str
    warning: bool
    count: int
    last: datetime | None
    about: Key
    container: str = ""

    def line(self) -> str:
        """As it is quoted."""
        often = f" (x{self.count})" if self.count > 1 else ""
        return f"event {self.reason}{often}: {self.message}"


@dataclass(frozen=True)
class LogText:
    """The end of what a container wrote; `previous` is what it wrote before its last restart."""

    namespace: str
    pod: str
    container: str
    text: str
    previous: bool = False


@dataclass
class Cluster:
    """Everything that was seen. `complete` says of which kinds, in which namespaces (or `*`), all objects were seen."""

    objects: list[Object]
    logs: list[LogText] = field(default_factory=list)
    complete: set[tuple[str, str]] = field(default_factory=set)
    now: datetime | None = None

    def __post_init__(self) -> None:
        self._kinds: dict[str, dict[tuple[str, str], Object]] = defaultdict(dict)
        events = []
        for obj in self.objects:
            if kind_of(obj) == "Event":
                events.append(obj)
            elif name_of(obj):
                self._kinds[kind_of(obj)][space_of(obj), name_of(obj)] = obj
        self._events: dict[Key, list[Event]] = defaultdict(list)
        for event in map(_event, events):
            self._events[event.about].append(event)
        for told in self._events.values():
            told.sort(key=lambda event: event.last.timestamp() if event.last else 0)

    # --- by name ----------------------------------------------------------------------------------------------------

    def all(self, kind: str) -> Iterable[Object]:
        """Every object of a kind."""
        return self._kinds[kind].values() if kind in self._kinds else ()

    def get(self, kind: str, space: str, name: str) -> Object | None:
        """An object, where it was seen."""
        return self._kinds[kind].get((space, name)) if kind in self._kinds else None

    def absent(self, kind: str, space: str, name: str) -> bool:
        """Whether it is certain that there is no such object: not seen, although all of them were."""
        return self.get(kind, space, name) is None and self.knows(kind, space)

    def knows(self, kind: str, space: str = "") -> bool:
        """Whether all objects of that kind in that namespace were seen."""
        return (kind, space) in self.complete or (kind, ANY) in self.complete

    def names(self, kind: str, space: str = "") -> list[str]:
        """Names of a kind in a namespace, to say what would be valid."""
        return sorted(name for where, name in self._kinds.get(kind, {}) if where == space)

    # --- events and logs --------------------------------------------------------------------------------------------

    def events(self, obj: Object | Key, *reasons: str) -> list[Event]:
        """Events about an object, oldest first, of these reasons or all."""
        found = self._events.get(obj if isinstance(obj, tuple) else key_of(obj), [])
        return [event for event in found if not reasons or event.reason in reasons]

    def every_event(self) -> Iterator[Event]:
        """All events."""
        for told in self._events.values():
            yield from told

    @cached_property
    def _written(self) -> dict[tuple[str, str], list[LogText]]:
        found: dict[tuple[str, str], list[LogText]] = defaultdict(list)
        for log in self.logs:
            found[log.namespace, log.pod].append(log)
        return found

    def log(self, pod: Object, container: str = "") -> list[str]:
        """Lines of a pod's container, or of all: the previous run first, newest last. Empty where none was read."""
        found = self._written.get((space_of(pod), name_of(pod)), [])
        chosen = [item for item in found if not container or item.container in (container, "")]
        return [line[:SAID] for item in sorted(chosen, key=lambda item: not item.previous) for line in item.text.splitlines()]

    # --- owners -----------------------------------------------------------------------------------------------------

    def root(self, obj: Object) -> Key:
        """The workload on top: the Deployment of a pod, the CronJob of a job; the object itself where nothing owns it."""
        key, seen = key_of(obj), 0
        current: Object | None = obj
        while current is not None and seen < 8:
            owner = _owner(current)
            if not owner:
                break
            key = (words(owner, "kind"), key[1] if words(owner, "kind") != "Node" else "", words(owner, "name"))
            current, seen = self.get(*key), seen + 1
        if key[0] == "ReplicaSet" and self.get(*key) is None:  # its own owner is not told; the name tells
            match = _HASHED.fullmatch(key[2])
            if match:
                return "Deployment", key[1], match[1] or match[2]
        return key

    def mend(self, pod: Object, way: str) -> tuple[Key, str]:
        """What must be mended for a pod's field: the template of its workload, where one makes it; else the pod."""
        key = self.root(pod)
        if key[0] in TEMPLATES:
            return key, f"{TEMPLATES[key[0]]}.spec.{way}"
        return key_of(pod), f"spec.{way}"

    @cached_property
    def workloads(self) -> list[Object]:
        """Whatever makes pods and is made by nothing, and pods that nothing makes."""
        found = [obj for kind in TEMPLATES for obj in self.all(kind) if not parts(obj, "metadata.ownerReferences")]
        return found + [pod for pod in self.all("Pod") if not parts(pod, "metadata.ownerReferences")]

    @cached_property
    def _pods_of(self) -> dict[Key, list[Object]]:
        found: dict[Key, list[Object]] = defaultdict(list)
        for pod in self.all("Pod"):
            found[self.root(pod)].append(pod)
        return found

    def pods_of(self, key: Key) -> list[Object]:
        """The pods under a workload."""
        return self._pods_of.get(key, [])

    def replaced(self, pod: Object) -> bool:
        """Whether a pod that ended is no matter any more: its Job is complete, or its workload has all the pods it wants."""
        if words(pod, "status.phase") != "Failed":
            return False
        owner = _owner(pod)
        maker = self.get(words(owner, "kind"), space_of(pod), words(owner, "name"))
        if words(owner, "kind") == "Job":
            return maker is not None and is_true(condition(maker, "Complete"))
        root = self.root(pod)
        wanted = number(self.get(*root) or {}, "spec.replicas")
        return root != key_of(pod) and wanted is not None and sum(map(is_ready, self.pods_of(root))) >= wanted

    # --- selectors --------------------------------------------------------------------------------------------------

    @cached_property
    def _labelled(self) -> dict[tuple[str, str, str], list[Object]]:
        found: dict[tuple[str, str, str], list[Object]] = defaultdict(list)
        for pod in self.all("Pod"):
            for name, value in labels(pod).items():
                found[space_of(pod), name, value].append(pod)
        return found

    def selected(self, space: str, selector: Mapping[str, str]) -> list[Object]:
        """Pods with all these labels."""
        if not selector:
            return []
        name, value = min(selector.items(), key=lambda item: len(self._labelled.get((space, *item), ())))
        return [pod for pod in self._labelled.get((space, name, value), []) if matches(selector, labels(pod))]

    def pods_in(self, space: str) -> list[Object]:
        """All pods of a namespace."""
        return self._in.get(space, [])

    @cached_property
    def _in(self) -> dict[str, list[Object]]:
        found: dict[str, list[Object]] = defaultdict(list)
        for pod in self.all("Pod"):
            found[space_of(pod)].append(pod)
        return found

    @cached_property
    def _makers(self) -> dict[str, list[Object]]:
        found: dict[str, list[Object]] = defaultdict(list)
        for obj in self.workloads:
            found[space_of(obj)].append(obj)
        return found

    def makers_in(self, space: str) -> list[Object]:
        """The workloads of a namespace."""
        return self._makers.get(space, [])

    def makers(self, space: str, selector: Mapping[str, str]) -> list[Object]:
        """Workloads whose pods would have all these labels."""
        return [obj for obj in self.makers_in(space) if matches(selector, template_labels(obj))]

    @cached_property
    def _on(self) -> dict[str, list[Object]]:
        found: dict[str, list[Object]] = defaultdict(list)
        for pod in self.all("Pod"):
            found[words(pod, "spec.nodeName")].append(pod)
        return found

    def pods_on(self, node: str) -> list[Object]:
        """Pods bound to a node."""
        return self._on.get(node, [])

    @cached_property
    def _leading(self) -> dict[str, list[tuple[Object, dict[str, str]]]]:
        found: dict[str, list[tuple[Object, dict[str, str]]]] = defaultdict(list)
        for service in self.all("Service"):
            found[space_of(service)].append((service, labels(service, "spec.selector")))
        return found

    def services_of(self, maker: Object) -> list[Object]:
        """Services that lead to the pods of a workload."""
        have = template_labels(maker)
        return [service for service, selector in self._leading.get(space_of(maker), []) if matches(selector, have)]

    def chosen(self, space: str, selector: Any) -> list[Object]:
        """Pods that a LabelSelector selects."""
        return [pod for pod in self.pods_in(space) if selects(selector, labels(pod))]

    @cached_property
    def places(self) -> int:
        """How many pods all nodes together can hold; 0 where that is not told."""
        return sum(int(quantity(at(node, "status.allocatable.pods")) or 0) for node in self.all("Node"))

    # --- time -------------------------------------------------------------------------------------------------------

    @cached_property
    def clock(self) -> datetime | None:
        """Now; for what was recorded, the newest time that stands in it."""
        if self.now:
            return self.now
        times = [event.last for event in self.every_event() if event.last]
        for obj in self.objects:
            times += [
                told
                for told in (moment(obj, "metadata.creationTimestamp"), moment(obj, "spec.renewTime"),
                             *(moment(item, "lastTransitionTime") for item in parts(obj, "status.conditions")))
                if told
            ]  # fmt: skip
        return max(times, default=None)

    def age(self, since: datetime | None) -> float | None:
        """Seconds from then to now; None where either is not known."""
        return (self.clock - since).total_seconds() if self.clock and since else None


def _owner(obj: Object) -> Mapping[str, Any]:
    """What made it; empty where nothing did."""
    return next((item for item in parts(obj, "metadata.ownerReferences") if item.get("controller") is not False), {})


def _event(obj: Object) -> Event:
    about = mapping(obj, "involvedObject") or mapping(obj, "regarding")
    last = next(
        (found for way in ("series.lastObservedTime", "lastTimestamp", "deprecatedLastTimestamp", "eventTime", "firstTimestamp")
         if (found := moment(obj, way))), None,
    )  # fmt: skip
    count = number(obj, "series.count") or number(obj, "count") or number(obj, "deprecatedCount") or 1
    within = _CONTAINER.fullmatch(words(about, "fieldPath"))
    message = (words(obj, "message") or words(obj, "note"))[:SAID]
    return Event(
        words(obj, "reason"), message, words(obj, "type") == "Warning", count, last,
        (words(about, "kind"), words(about, "namespace"), words(about, "name")),
        within[1] if within else "",
    )  # fmt: skip


def template(obj: Object) -> Mapping[str, Any]:
    """The pod template of a workload; a pod is its own."""
    way = TEMPLATES.get(kind_of(obj))
    return mapping(obj, way) if way else obj


def template_labels(obj: Object) -> dict[str, str]:
    """Labels that a workload's pods have."""
    return labels(template(obj))


def spec_way(obj: Object) -> str:
    """Where the specification of its pods stands: `spec.template.spec`, or `spec` of a pod."""
    way = TEMPLATES.get(kind_of(obj))
    return f"{way}.spec" if way else "spec"


def is_ready(pod: Object) -> bool:
    """Whether a pod takes requests."""
    return is_true(condition(pod, "Ready")) and not words(pod, "metadata.deletionTimestamp")


def is_done(pod: Object) -> bool:
    """Whether a pod ended as it should."""
    return words(pod, "status.phase") == "Succeeded"
