"""What the containers of pods wrote, this run or the one before, as the kubelet kept it (`GET …/pods/NAME/log`)."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from mcp_server.cluster.objects import kind_of, name_of, parts, space_of, words
from mcp_server.cluster.world import Cluster
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.output import Output, OutputAsked
from mcp_server.core.reader import Limits
from mcp_server.core.text import bytes_text, one_line
from mcp_server.targets.kubernetes_resources import KNOWN, SHORT, listed
from mcp_server.targets.kubernetes_wire import Wire

NEWEST = 100_000
MAX_CONTAINERS = 100
_PARALLEL = 8


def outputs(wire: Wire, space: str | None, workload: str | None, asked: OutputAsked, limits: Limits) -> list[Output]:
    """The output of every container of the place. Raises CouldNotLook where nothing at all could be read."""
    if space is None:
        raise CouldNotLook(
            "output of containers", "refused", "a whole cluster has too many", "name a namespace: k8s://CONTEXT/NAMESPACE"
        )
    left = limits.until()
    found = chosen(wire, space, workload, Limits(left(), limits.max_bytes, limits.cancel))
    if asked.name is not None:
        found = [(pod, name) for pod, name in found if asked.name in (name, name_of(pod), f"{name_of(pod)}/{name}")]
        if not found:
            raise CouldNotLook(
                f"container {one_line(asked.name, 80)}", "missing", "no pod or container of that name at this place"
            )
    if asked.run == "previous":
        found = [(pod, name) for pod, name in found if _restarted(pod, name)]
        if not found:
            raise CouldNotLook("previous output", "missing", "no container at this place was restarted")
    share = asked.most_bytes // max(1, len(found[:MAX_CONTAINERS]))

    def one(item: tuple[Mapping[str, Any], str]) -> Output | CouldNotLook:
        try:
            return _output(wire, *item, asked, Limits(max(0.1, left()), limits.max_bytes, limits.cancel), share)
        except CouldNotLook as failure:
            return failure

    with ThreadPoolExecutor(_PARALLEL) as pool:
        told = list(pool.map(one, found[:MAX_CONTAINERS]))
    read = [item for item in told if isinstance(item, Output)]
    failures = [item for item in told if isinstance(item, CouldNotLook)]
    if not read:
        raise failures[0] if failures else CouldNotLook("output of containers", "missing", "no pod at this place")
    read[0].doubts += failures
    if len(found) > MAX_CONTAINERS:
        read[0].doubts.append(
            CouldNotLook(
                f"{len(found) - MAX_CONTAINERS} further containers", "cut", "only so many are read at once", "name a workload"
            )
        )
    return read


def chosen(wire: Wire, space: str, workload: str | None, limits: Limits) -> list[tuple[Mapping[str, Any], str]]:
    """(pod, container) of the pods of a place, oldest pod first. Raises CouldNotLook where a workload does not exist."""
    left = limits.until()
    objects = list(listed(wire, KNOWN["pods"], space, limits, most=5_000))
    if workload is not None:
        kind, _, name = workload.rpartition("/")
        wanted = SHORT.get(kind.lower(), kind.lower())
        resource = KNOWN.get(wanted) if kind else None
        for more in ("replicasets", "jobs"):
            if wanted not in ("pods", "replicasets"):
                objects += listed(wire, KNOWN[more], space, Limits(left(), limits.max_bytes, limits.cancel))
        cluster = Cluster(objects)
        pods = [
            pod
            for pod in cluster.all("Pod")
            if (
                name in (name_of(pod), cluster.root(pod)[2])
                and (resource is None or resource.kind in ("Pod", cluster.root(pod)[0]))
            )
            or any(words(owner, "name") == name for owner in parts(pod, "metadata.ownerReferences"))
        ]
        if not pods:
            there = sorted({cluster.root(pod)[2] for pod in cluster.all("Pod")})[:20]
            raise CouldNotLook(
                f"pods of {one_line(workload, 80)}",
                "missing",
                f"namespace {space} has none; it has pods of: {', '.join(there) or 'nothing'}",
            )
    else:
        pods = [obj for obj in objects if kind_of(obj) == "Pod"]
    pods.sort(key=lambda pod: words(pod, "metadata.creationTimestamp"))
    return [
        (pod, words(item, "name"))
        for pod in pods
        for way in ("spec.initContainers", "spec.containers")
        for item in parts(pod, way)
    ]


def _restarted(pod: Mapping[str, Any], name: str) -> bool:
    states = (*parts(pod, "status.initContainerStatuses"), *parts(pod, "status.containerStatuses"))
    return any(words(item, "name") == name and item.get("restartCount") for item in states)


def _output(wire: Wire, pod: Mapping[str, Any], container: str, asked: OutputAsked, limits: Limits, most: int) -> Output:
    named = f"{name_of(pod)}/{container}" + (" (previous)" if asked.run == "previous" else "")
    tail = asked.newest if asked.newest is not None else NEWEST if asked.until is None else None
    query: dict[str, Any] = {"container": container, "timestamps": "true"}
    query |= {"tailLines": tail} if tail is not None else {}
    query |= {"previous": "true"} if asked.run == "previous" else {}
    query |= {"sinceTime": asked.since.strftime("%Y-%m-%dT%H:%M:%SZ")} if asked.since else {}
    path = f"/api/v1/namespaces/{space_of(pod)}/pods/{name_of(pod)}/log"
    content, early = wire.text(path, limits, f"output of {named}", max(65_536, most), **query)
    lines = [line for line in content.split(b"\n") if line]
    stopped = f"only the first {bytes_text(most)} were read; narrow the window with since" if early else None
    count = len(lines)
    if asked.since or asked.until:
        lines = [line for line in lines if _within(line, asked.since, asked.until)]
    limited = tail is not None and count >= tail
    if limited and asked.newest is None:
        stopped = stopped or f"only the newest {NEWEST:,} lines were read"
    return Output(named, lines, stopped, limited)


def _within(line: bytes, since: datetime | None, until: datetime | None) -> bool:
    """By the kubelet's stamp; a line without one belongs to what came before."""
    try:
        at = datetime.fromisoformat(line.partition(b" ")[0].decode("ascii"))
    except ValueError:
        return True
    return not ((since and at < since) or (until and at > until))
