"""Containers that do not stay up: memory, hooks, init containers, ports, and what is left when nothing else is told."""

import re
from collections.abc import Iterator

from mcp_server.cluster.addresses import asked_hosts
from mcp_server.cluster.cause import DOWN, Cause, CauseType
from mcp_server.cluster.dependency import service_of
from mcp_server.cluster.objects import (
    Key,
    Object,
    at,
    containers,
    key_of,
    labels,
    mapping,
    moment,
    number,
    parts,
    space_of,
    texts,
    words,
)
from mcp_server.cluster.pods import Container, cause_on, every_container, of_pod
from mcp_server.cluster.world import Cluster, spec_way, template

OOM = CauseType(
    code="oom_killed",
    text="container {container} was killed for using more memory than its limit of {limit} ({restarts} restarts)",
    confirm="compare its use before the end (kubectl top pod, container_memory_working_set_bytes) with the limit, and"
    " both with the revision before",
    meaning="The kernel ends it whenever it reaches the limit; what it did is lost.",
    explains=(*DOWN, "crash_loop", "liveness_kills", "init_container_fails"),
)
COMPLETES = CauseType(
    code="exits_at_once",
    text="container {container} ends with success again and again ({restarts} restarts): its command is no lasting program",
    confirm="read its log, and compare command and args with the revision before",
    meaning="A container that ends is started again, whatever its exit code, unless it belongs to a Job.",
    explains=(*DOWN, "crash_loop"),
)  # fmt: skip
HOOK = CauseType(
    code="lifecycle_hook_failed",
    text="the {hook} hook of container {container} fails, so the container is killed",
    confirm="run the hook's command in the image by hand",
    meaning="A container whose postStart hook fails never counts as started.",
    explains=(*DOWN, "crash_loop", "container_not_created"),
)  # fmt: skip
INIT = CauseType(
    code="init_container_fails",
    text="init container {container} fails (exit code {exit}, {restarts} restarts), so the pod's own containers never start",
    confirm="read its log: kubectl logs with -c {container} --previous",
    meaning="Containers start only after every init container has ended with success.", explains=DOWN,
)  # fmt: skip
INIT_WAITS = CauseType(
    code="init_container_waits",
    text="init container {container} has been running for {minutes} minutes, so the pod's own containers never start",
    confirm="read its log and command: what does it wait for?",
    meaning="Containers start only after every init container has ended with success.", severity="warning", explains=DOWN,
)  # fmt: skip
SIDECAR_PORT = CauseType(
    code="port_taken_in_pod",
    text="containers {container} and {other} of one pod both use port {port}; all containers of a pod share one address",
    confirm="look for 'address already in use' in the log of the one that restarts; give one of them another port",
    meaning="The second one to start cannot listen.", explains=(*DOWN, "crash_loop", "address_in_use"),
)  # fmt: skip
LOOP = CauseType(
    code="crash_loop",
    text="container {container} ends soon after each start: exit code {exit} ({meaning}), {restarts} restarts",
    confirm="read the log of the previous run from its first line: kubectl logs with -c {container} --previous",
    meaning="The program itself gives up; its own last words are the best evidence.", explains=DOWN,
)  # fmt: skip

_EXITS = {
    1: "the program's own error", 2: "wrong usage, or the program's own error", 126: "not executable", 127: "command not found",
    128: "invalid exit", 129: "SIGHUP", 130: "SIGINT", 132: "SIGILL", 134: "SIGABRT: it aborted itself",
    137: "SIGKILL: killed from outside", 139: "SIGSEGV: a crash", 143: "SIGTERM: asked to stop", 255: "the program's own error",
}  # fmt: skip
_RECENT_S = 3_600.0
_LONG_S = 300.0


def find(cluster: Cluster) -> Iterator[Cause]:
    """Causes of every container that is not up."""
    for item in every_container(cluster):
        if item.ended == "OOMKilled" and _matters(cluster, item):
            yield cause_on(
                cluster,
                OOM,
                item,
                "resources.limits.memory",
                limit=str(at(item.spec, "resources.limits.memory") or "(that of the node: none is set)"),
                restarts=item.restarts,
            )
        if item.init and not _sidecar(item.spec):
            yield from _init(cluster, item)
        elif _loops(cluster, item):
            if item.exit == 0:
                yield cause_on(cluster, COMPLETES, item, "command", restarts=item.restarts)
            yield cause_on(
                cluster,
                LOOP,
                item,
                "",
                exit=item.exit,
                restarts=item.restarts,
                meaning=_EXITS.get(item.exit, "a signal" if (item.exit or 0) > 128 else "the program's own error")
                if item.exit is not None
                else "unknown",
            )
        yield from _hooks(cluster, item)
    yield from _shared_ports(cluster)


def _loops(cluster: Cluster, item: Container) -> bool:
    if item.waiting == "CrashLoopBackOff":
        return True
    ended = words(item.pod, "status.phase") == "Failed" or (not item.ready and item.restarts > 0)
    return (
        ended
        and item.exit is not None
        and not item.waiting
        and words(item.pod, "status.reason") not in ("Evicted", "NodeLost")
        and _matters(cluster, item)
        and item.ended != "OOMKilled"
    )


def _matters(cluster: Cluster, item: Container) -> bool:
    """Whether its last end is a matter of now: it is not ready, or ended within the last hour."""
    if not item.ready:
        return True
    age = cluster.age(item.ended_at)
    return age is None or age < _RECENT_S


def _hooks(cluster: Cluster, item: Container) -> Iterator[Cause]:
    """A hook that fails is told by an event of the pod; which container it is of, by what is declared."""
    for event in cluster.events(item.pod, "FailedPostStartHook")[-1:]:
        if at(item.spec, "lifecycle.postStart") is not None and not item.ready:
            yield cause_on(cluster, HOOK, item, "lifecycle.postStart", hook="postStart", event=event.message)


def _sidecar(spec: Object) -> bool:
    """Whether an init container is one that runs beside the others, and is started again like them."""
    return words(spec, "restartPolicy") == "Always"


def _waits_for(cluster: Cluster, item: Container) -> list[Key]:
    """Services and workloads that its command asks for."""
    needs: list[Key] = []
    for host in asked_hosts(" ".join((*texts(item.spec, "command"), *texts(item.spec, "args")))):
        service = service_of(cluster, space_of(item.pod), host)
        if service is not None:
            needs += [key_of(service), *map(key_of, cluster.makers(space_of(service), labels(service, "spec.selector")))]
    return needs


def _init(cluster: Cluster, item: Container) -> Iterator[Cause]:
    needs = _waits_for(cluster, item)
    if item.waiting == "CrashLoopBackOff" or (item.exit not in (0, None) and not item.ready):
        field = "command" if at(item.spec, "command") else ""
        yield cause_on(cluster, INIT, item, field, needs=needs, exit=item.exit, restarts=item.restarts)
        return
    running = next(
        (status for status in parts(item.pod, "status.initContainerStatuses") if words(status, "name") == item.name), {}
    )
    age = cluster.age(moment(running, "state.running.startedAt"))
    if age and age > _LONG_S:
        field = "command" if at(item.spec, "command") else ""
        yield cause_on(cluster, INIT_WAITS, item, field, sure="medium", needs=needs, minutes=int(age // 60))


def _shared_ports(cluster: Cluster) -> Iterator[Cause]:
    """Two containers of a template that declare, or are told on their command line to use, one port."""
    for obj in cluster.workloads:
        taken: dict[tuple[int, str], str] = {}
        every = sorted(containers(mapping(template(obj), "spec")), key=lambda pair: pair[0].startswith("init"))
        for way, spec in every:
            if way.startswith("init") and not _sidecar(spec):
                continue
            for place, port in enumerate(parts(spec, "ports")):
                value, protocol = number(port, "containerPort"), words(port, "protocol") or "TCP"
                if value is None:
                    continue
                first = taken.setdefault((value, protocol), words(spec, "name"))
                if first != words(spec, "name"):
                    pods = cluster.pods_of(key_of(obj))
                    quotes = [
                        f"log: {line}"
                        for pod in pods
                        for line in cluster.log(pod)
                        if re.search(r"address already in use|EADDRINUSE|bind\(\)", line, re.I)
                    ]
                    sick = any(not item.ready for pod in pods for item in of_pod(pod))
                    if pods and not quotes and not sick:
                        continue  # it works: one of them does not listen there
                    yield SIDECAR_PORT.on(
                        obj,
                        f"{spec_way(obj)}.{way}.ports[{place}].containerPort",
                        "high" if quotes else "medium",
                        touches=map(key_of, pods),
                        quotes=quotes,
                        container=words(spec, "name"),
                        other=first,
                        port=value,
                    )
