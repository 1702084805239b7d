"""Everything that a diagnosis asks a cluster for, in parallel, page by page, each object reduced as soon as it is there."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mcp_server.cluster.objects import kind_of, name_of, parts, space_of, words
from mcp_server.cluster.patterns import Pattern
from mcp_server.cluster.slim import slim
from mcp_server.cluster.world import ANY, Cluster, LogText, is_done, is_ready
from mcp_server.core.clock import now
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.log_calls import LogDoubt
from mcp_server.core.reader import Limits
from mcp_server.core.text import one_line
from mcp_server.targets.kubernetes_resources import LEASES, SPACED, SYSTEM, WIDE, Resource, extra_resources, listed
from mcp_server.targets.kubernetes_wire import Wire

PARALLEL = 8
MAX_PODS = 20_000
LOG_LINES, LOG_BYTES, LOG_S = 100, 30_000, 900
UNWELL, WELL = 40, 40
"""Containers whose logs are read: of pods that are not well, and of those that are."""
_SYSTEM = "kube-system"
_BENIGN = Pattern(r"previous terminated container|waiting to start|is not valid for pod|not found|ContainerCreating")


@dataclass
class Gathered:
    """What was listed, and what was not."""

    objects: list[dict[str, Any]] = field(default_factory=list)
    complete: set[tuple[str, str]] = field(default_factory=set)
    failures: list[tuple[Resource, str, CouldNotLook]] = field(default_factory=list)
    logs: list[LogText] = field(default_factory=list)
    clock: datetime | None = None
    """The cluster's own clock: ages are told by it, not by ours."""
    version: str = ""

    def cluster(self) -> Cluster:
        """As the causes ask for it."""
        return Cluster(list(self.objects), self.logs, self.complete, self.clock or now())

    def doubts(self) -> tuple[LogDoubt, ...]:
        """One for each reason: what is denied together is allowed by one rule."""
        grouped: dict[tuple[str, str, str], list[tuple[Resource, CouldNotLook]]] = {}
        for resource, space, failure in self.failures:
            if not resource.may_fail(failure.reason):
                grouped.setdefault(
                    (failure.reason, space, failure.detail if failure.reason not in ("denied",) else ""), []
                ).append((resource, failure))
        return tuple(_doubt(space, found) for (_, space, _), found in grouped.items())


def _doubt(space: str, found: Sequence[tuple[Resource, CouldNotLook]]) -> LogDoubt:
    names, failure = [resource.name for resource, _ in found], found[0][1]
    what = ", ".join(names) + (f" in {space}" if space and space != ANY else "")
    if failure.reason != "denied" or failure.remedy.startswith("log in"):
        return LogDoubt(what=what, reason=failure.reason, detail=failure.detail, remedy=failure.remedy)
    return LogDoubt(
        what=what,
        reason="denied",
        detail=f"the account may not list them: {failure.detail}",
        remedy=rule([item for item, _ in found], space),
    )


def rule(resources: Sequence[Resource], space: str) -> str:
    """One RBAC rule set that allows to list these, to be pasted."""
    if not resources:
        return ""
    groups: dict[str, list[str]] = {}
    for resource in resources:
        groups.setdefault(resource.group, []).append(resource.name)
    rules = ", ".join(
        f'{{apiGroups: ["{group}"], resources: {json.dumps(names)}, verbs: ["get", "list"]}}' for group, names in groups.items()
    )
    where = "ClusterRole" if space in ("", ANY) else f"Role of namespace {space}"
    return f"bind a {where} with rules: [{rules}]"


def gather(wire: Wire, space: str | None, limits: Limits, *, logs: bool, workload: str | None = None) -> Gathered:
    """Objects of a namespace, or of all, and what they stand on. Raises CouldNotLook where nothing answers at all."""
    left = limits.until()
    gathered = Gathered()
    version = wire.json("/version", Limits(min(left(), 3.0), limits.max_bytes, limits.cancel), "API server")
    gathered.clock, gathered.version = wire.clock, one_line(version.get("gitVersion") or "", 60)
    wanted: list[tuple[Resource, str | None]] = [(item, space) for item in SPACED] + [(item, None) for item in WIDE]
    if space not in (None, _SYSTEM):
        wanted += [(item, _SYSTEM) for item in SYSTEM]
    wanted += [(LEASES, _SYSTEM), (LEASES, "kube-node-lease")]
    try:  # groups that not every cluster has
        # an experiment may lie in another namespace than what it breaks
        extra = extra_resources(wire, Limits(left(), limits.max_bytes, limits.cancel))
        wanted += [(item, space if item.entrance else None) for item in extra]
    except CouldNotLook as unanswered:
        gathered.failures.append((Resource("API groups", "", optional=True), "", unanswered))

    def one(pair: tuple[Resource, str | None]) -> tuple[list[dict[str, Any]], CouldNotLook | None]:
        resource, where = pair
        within = Limits(max(0.1, left() * 0.9), limits.max_bytes, limits.cancel)
        found: list[dict[str, Any]] = []
        try:
            found.extend(slim(item) for item in listed(wire, resource, where, within, most=MAX_PODS))
        except CouldNotLook as failure:
            return found, failure
        return found, None

    for (resource, where), (found, failure) in zip(wanted, _together(one, wanted), strict=True):
        gathered.objects += found
        if failure is None:
            gathered.complete.add((resource.kind, (where or ANY) if resource.spaced else ANY))
        else:
            gathered.failures.append((resource, (where or ANY) if resource.spaced else "", failure))
    if space is not None:
        _must_be(wire, space, gathered, Limits(left(), limits.max_bytes, limits.cancel))
    if space not in (None, _SYSTEM):
        _dns(wire, gathered, Limits(left(), limits.max_bytes, limits.cancel))
    if logs:
        _logs(wire, gathered, space, Limits(left() * 0.6, limits.max_bytes, limits.cancel))
    return gathered


def _must_be(wire: Wire, space: str, gathered: Gathered, limits: Limits) -> None:
    """Raises CouldNotLook for a namespace that does not exist: an empty list of it would look like health."""
    if any(space_of(obj) == space for obj in gathered.objects):
        return
    names = sorted(name_of(obj) for obj in gathered.objects if kind_of(obj) == "Namespace")
    if space not in names:
        must_be(wire, space, limits, f"there are: {', '.join(names[:30])}" if names else "")


def must_be(wire: Wire, space: str, limits: Limits, known: str = "") -> None:
    """Raises CouldNotLook for a namespace that does not exist; one that may not be asked for is taken as it is."""
    try:
        wire.json(f"/api/v1/namespaces/{space}", limits, f"namespace {space}")
    except CouldNotLook as failure:
        if failure.reason == "missing":
            raise CouldNotLook(
                f"namespace {space}", "missing", f"there is no such namespace{'; ' + known if known else ''}"
            ) from None


def _together(work: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    with ThreadPoolExecutor(PARALLEL) as pool:
        return list(pool.map(work, items))


def _dns(wire: Wire, gathered: Gathered, limits: Limits) -> None:
    """The configuration of cluster DNS, which may be wrong for one namespace only."""
    try:
        gathered.objects.append(
            slim(
                {
                    "kind": "ConfigMap",
                    **wire.json(f"/api/v1/namespaces/{_SYSTEM}/configmaps/coredns", limits, "CoreDNS configuration"),
                }
            )
        )
    except CouldNotLook as failure:
        if failure.reason != "missing":
            gathered.failures.append((Resource("configmaps", "ConfigMap"), _SYSTEM, failure))


def _logs(wire: Wire, gathered: Gathered, space: str | None, limits: Limits) -> None:
    """Ends of logs: of what is not well both runs; where one namespace is asked, also one pod of each workload that is."""
    left = limits.until()
    pods = [obj for obj in gathered.objects if kind_of(obj) == "Pod" and not is_done(obj) and space in (None, space_of(obj))]
    unwell = [pod for pod in pods if not is_ready(pod)]
    unwell += [
        obj
        for obj in gathered.objects
        if kind_of(obj) == "Pod" and space_of(obj) == _SYSTEM and space != _SYSTEM and not is_ready(obj)
    ]
    asked: list[tuple[dict[str, Any], str, bool]] = []
    for pod in unwell[:UNWELL]:
        for status in (*parts(pod, "status.initContainerStatuses"), *parts(pod, "status.containerStatuses")):
            name = words(status, "name")
            if status.get("restartCount"):
                asked.append((pod, name, True))
            if not words(status, "state.waiting.reason"):
                asked.append((pod, name, False))
    if space is not None:
        seen: set[tuple[str, ...]] = set()
        for pod in pods:
            owner = tuple(words(item, "name") for item in parts(pod, "metadata.ownerReferences")) or (name_of(pod),)
            if is_ready(pod) and owner not in seen and len(seen) < WELL:
                seen.add(owner)
                asked += [(pod, words(item, "name"), False) for item in parts(pod, "spec.containers")]

    def one(item: tuple[dict[str, Any], str, bool]) -> LogText | CouldNotLook | None:
        pod, container, previous = item
        path = f"/api/v1/namespaces/{space_of(pod)}/pods/{name_of(pod)}/log"
        query: dict[str, Any] = {"container": container, "tailLines": LOG_LINES, "limitBytes": LOG_BYTES}
        query |= {"previous": "true"} if previous else ({"sinceSeconds": LOG_S} if is_ready(pod) else {})
        within = Limits(max(0.1, left()), limits.max_bytes, limits.cancel)
        try:
            content, _ = wire.text(path, within, f"log of pod {name_of(pod)}", LOG_BYTES + 1_000, **query)
        except CouldNotLook as failure:
            return None if _BENIGN.search(failure.detail) else failure  # a run that left no log is no blind spot
        return LogText(space_of(pod), name_of(pod), container, content.decode("utf8", "replace"), previous)

    denied = False
    for told in _together(one, asked[: UNWELL * 2 + WELL]):
        if isinstance(told, LogText):
            gathered.logs.append(told)
        elif told is not None and not denied:
            denied = True
            gathered.failures.append((Resource("pods/log", "Log"), space or ANY, told))
