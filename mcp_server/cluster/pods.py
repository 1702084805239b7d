"""What containers wait for and how they ended, and who calls whom: views that several families share."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mcp_server.cluster.cause import Cause, CauseType, Confidence
from mcp_server.cluster.objects import (
    Key,
    Object,
    condition,
    containers,
    key_of,
    labels,
    mapping,
    moment,
    name_of,
    number,
    parts,
    space_of,
    statuses,
    words,
)
from mcp_server.cluster.patterns import Pattern
from mcp_server.cluster.world import SAID, Cluster, is_done, template, template_labels

_TELLING = Pattern(r"error|fatal|panic|exception|fail|denied|refused|cannot|can't|unable|missing|invalid|not found", re.I)


@dataclass(frozen=True)
class Container:
    """One container as its status tells it; `way` is where its specification stands in the pod's."""

    pod: Object
    name: str
    way: str
    spec: Mapping[str, Any]
    init: bool
    ready: bool
    restarts: int
    waiting: str
    message: str
    ended: str
    exit: int | None
    last_words: str
    ended_at: datetime | None

    def mend(self, cluster: Cluster, field: str) -> tuple[Key, str]:
        """The object and field to mend for something of this container."""
        return cluster.mend(self.pod, f"{self.way}.{field}" if field else self.way)

    def state(self) -> str:
        """Its state as it is quoted; empty where there is nothing to say."""
        if self.waiting:
            return f"container {self.name} waiting: {self.waiting}" + (f": {self.message}" if self.message else "")
        return ""

    def end(self) -> str:
        """How it ended, as it is quoted."""
        if not self.ended and self.exit is None:
            return ""
        end = f"container {self.name} terminated: {self.ended or 'unknown'}, exit code {self.exit}, restarts {self.restarts}"
        return end + (f": {self.last_words}" if self.last_words else "")


def every_container(cluster: Cluster) -> Iterator[Container]:
    """Containers with a status of every pod that has not ended as it should."""
    for pod in cluster.all("Pod"):
        if not is_done(pod) and not cluster.replaced(pod):
            yield from of_pod(pod)


def of_pod(pod: Object) -> Iterator[Container]:
    """Containers of one pod that have a status."""
    known = {words(spec, "name"): (way, spec) for way, spec in containers(mapping(pod, "spec"))}
    for status, init in statuses(pod):
        name = words(status, "name")
        way, spec = known.get(name, ("initContainers" if init else "containers", {}))
        ended = mapping(status, "state.terminated") or mapping(status, "lastState.terminated")
        yield Container(
            pod=pod, name=name, way=way, spec=spec, init=init, ready=status.get("ready") is True,
            restarts=number(status, "restartCount") or 0, waiting=words(status, "state.waiting.reason"),
            message=words(status, "state.waiting.message")[:SAID], ended=words(ended, "reason"), exit=number(ended, "exitCode"),
            last_words=words(ended, "message")[:SAID], ended_at=moment(ended, "finishedAt"),
        )  # fmt: skip


def last_words(cluster: Cluster, item: Container, most: int = 4) -> list[str]:
    """The lines of its log that tell most: the last that sound like trouble, else simply the last."""
    lines = [line for line in cluster.log(item.pod, item.name) if line.strip()]
    telling = [line for line in lines[-60:] if _TELLING.search(line)]
    return [f"log: {line}" for line in (telling or lines)[-most:]]


def cause_on(cluster: Cluster, kind: CauseType, item: Container, field: str, sure: Confidence = "high", **values: Any) -> Cause:
    """A cause on a container that does not start or stay up, with all that is said of how it ended."""
    key, way = item.mend(cluster, field)
    events = [event.line() for event in cluster.events(item.pod, "Failed", "FailedPostStartHook", "BackOff")][-2:]
    return kind.of(
        key, way, sure, touches=[key_of(item.pod)], at=item.ended_at, container=item.name,
        quotes=[item.state(), item.end(), *last_words(cluster, item), *events], **values,
    )  # fmt: skip


def scheduler_says(cluster: Cluster, pod: Object) -> tuple[str, str]:
    """(why the pod has no node, as it is quoted); both empty where the scheduler has not said."""
    events = cluster.events(pod, "FailedScheduling")
    said = events[-1].message if events else words(condition(pod, "PodScheduled"), "message")
    return said, events[-1].line() if events else f"condition PodScheduled: {said}" if said else ""


def running(item: Container) -> bool:
    """Whether nothing is wrong with it now."""
    return item.ready and not item.waiting


def refusals(cluster: Cluster, service: Object) -> list[str]:
    """Log lines of anybody in the namespace that could not connect to this Service."""
    name, address = name_of(service), words(service, "spec.clusterIP")
    found = []
    for pod in cluster.pods_in(space_of(service)):
        for line in cluster.log(pod)[-80:]:
            if "refused" in line.lower() and (
                re.search(rf"(?<![\w-]){re.escape(name)}[.:]", line) or (address and address != "None" and address in line)
            ):
                found.append(f"log of {name_of(pod)}: {line}")
                break
        if len(found) == 2:
            break
    return found


def leads(service: Object, maker: Object) -> bool:
    """Whether a Service leads to the pods of a workload."""
    selector = labels(service, "spec.selector")
    return bool(selector) and all(template_labels(maker).get(key) == value for key, value in selector.items())


def calls_names(maker: Object) -> bool:
    """Whether its settings hold names of hosts; one that calls addresses only needs no DNS."""
    return any(
        re.search(r"[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)*:\d{2,5}|://[a-z]", str(env.get("value")).lower())
        for container in parts(template(maker), "spec.containers") for env in parts(container, "env")
    )  # fmt: skip
