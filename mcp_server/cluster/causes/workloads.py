"""Deployments, StatefulSets and DaemonSets: scaled to nothing, stuck, paused, without pods, or updated all at once."""

from collections.abc import Iterator

from mcp_server.cluster.cause import CALLS, UNREADY, Cause, CauseType
from mcp_server.cluster.objects import (
    Object,
    at,
    condition,
    key_of,
    kind_of,
    labels,
    moment,
    name_of,
    number,
    parts,
    selects,
    space_of,
    texts,
    words,
)  # fmt: skip
from mcp_server.cluster.world import Cluster, is_done, is_ready, spec_way, template, template_labels

ZERO = CauseType(
    code="scaled_to_zero",
    text="it is scaled to 0 replicas (Services that lead to it: {services}; autoscalers, which do not act on 0: {scalers})",
    confirm="find out who scaled it and why: managedFields, events, an autoscaler or a schedule",
    meaning="Nothing of it runs, as somebody asked for.",
    explains=(
        "service_no_ready_endpoints",
        "service_selector_mismatch",
        "ingress_no_ready_backend",
        "webhook_unreachable",
        "apiservice_unavailable",
        "hpa_no_metrics",
        "pdb_blocks_eviction",
        *CALLS,
    ),
)
STUCK = CauseType(
    code="rollout_stuck",
    text="its rollout does not proceed: {updated} of {wanted} pods are updated, {ready} are ready",
    confirm="kubectl rollout status, then look at the newest pods; kubectl rollout history names the revision before",
    meaning="Old pods may still serve; the change that was wanted is not in force.",
    explains=("replicas_unavailable", "pod_unready"),
)  # fmt: skip
SHORT = CauseType(
    code="replicas_unavailable",
    text="{ready} of {wanted} pods are ready",
    confirm="describe one of the pods that is not ready",
    meaning="It serves with less than it should, or not at all.", severity="warning",
    explains=("pod_unready", "service_no_ready_endpoints", "ingress_no_ready_backend", "route_no_ready_backend"),
)  # fmt: skip
UNREADY_POD = CauseType(
    code="pod_unready",
    text="the pod is {phase} and not ready, for a reason that is not told: {why}",
    confirm="describe the pod, and read the kubelet's log on node {node}",
    meaning="It gets no requests.", severity="warning",
)  # fmt: skip
PAUSED = CauseType(
    code="rollout_paused",
    text="its rollout is paused: changes of the template are not carried out",
    confirm="compare the template with that of the newest ReplicaSet; kubectl rollout resume lets it proceed",
    meaning="What was changed since is not in force.", severity="warning", explains=("rollout_stuck",),
)  # fmt: skip
DAEMONS = CauseType(
    code="daemonset_short",
    text="it runs ready on {ready} of {wanted} nodes",
    confirm="list its pods by node; look at the one that is not ready",
    meaning="What it does per node is not done there.", severity="warning", explains=("pod_unready",),
)  # fmt: skip
NOWHERE = CauseType(
    code="daemonset_nowhere",
    text="no node fits it: its node selector {selector} and affinity leave none of {nodes} nodes",
    confirm="compare nodeSelector and affinity with the labels of the nodes",
    meaning="It runs nowhere.", severity="warning",
)  # fmt: skip
BLOCKED = CauseType(
    code="statefulset_blocked",
    text="pod {pod} is not ready, and with OrderedReady no later pod is made or updated",
    confirm="mend {pod} first; a pod of a broken revision must be deleted by hand after the template is mended",
    meaning="StatefulSets go one pod at a time.",
    severity="warning",
    explains=("replicas_unavailable", "rollout_stuck", "pod_unready"),
)
GOVERNING = CauseType(
    code="governing_service_missing",
    text="its governing Service {service} does not exist, so its pods have no names of their own in DNS",
    confirm="kubectl -n {namespace} get service {service}; it should be headless (clusterIP None)",
    meaning="Members that look for each other by name do not find each other.", severity="warning", explains=CALLS,
)  # fmt: skip
AT_ONCE = CauseType(
    code="update_takes_all_down",
    text="its update strategy lets all {wanted} pods be down at once ({strategy}), and none is ready now",
    confirm="compare maxUnavailable and maxSurge with those of the revision before",
    meaning="A broken revision replaces all good pods before anybody notices.",
)  # fmt: skip
OVERLAP = CauseType(
    code="selectors_overlap",
    text="its selector also selects the pods of {other}: two controllers count the same pods as theirs",
    confirm="compare spec.selector of both; it cannot be changed, so one of them must be made anew",
    meaning="Autoscalers, budgets and Services that use that selector count the pods of both.", severity="warning",
)  # fmt: skip
PROGRAM = CauseType(
    code="wrong_program",
    text="container {container} starts {program}, which is what {other} starts; its own name and the others' habit "
    "suggest {expected}",
    confirm="compare command with that of the revision before, and the log's first lines with what {expected} writes",
    meaning="A program that runs well may still be the wrong one.",
    explains=CALLS,
)
ENORMOUS = CauseType(
    code="replicas_enormous",
    text="it asks for {wanted} replicas, more than its {nodes} nodes can hold ({places} pods at most)",
    confirm="find out who set the number; compare with the revision before",
    meaning="The controllers and the scheduler are kept busy with pods that can never run.",
    explains=("cluster_full", *UNREADY),
)

_GRACE_S = 60.0


def find(cluster: Cluster) -> Iterator[Cause]:
    """Every workload by its numbers; every pod that nothing else speaks of."""
    for obj in cluster.workloads:
        kind = kind_of(obj)
        if kind in ("Deployment", "StatefulSet", "ReplicaSet", "ReplicationController", "Rollout"):
            yield from _replicas(cluster, obj)
        if kind == "StatefulSet":
            yield from _stateful(cluster, obj)
        if kind == "DaemonSet":
            yield from _daemons(cluster, obj)
    yield from _overlaps(cluster)
    yield from _programs(cluster)
    for pod in cluster.all("Pod"):
        yield from _unready(cluster, pod)


def _replicas(cluster: Cluster, obj: Object) -> Iterator[Cause]:
    key, wanted = key_of(obj), number(obj, "spec.replicas")
    wanted = 1 if wanted is None else wanted
    ready, updated = number(obj, "status.readyReplicas") or 0, number(obj, "status.updatedReplicas") or 0
    pods = cluster.pods_of(key)
    services = cluster.services_of(obj)
    if wanted == 0:
        hpas = [
            name_of(item)
            for item in cluster.all("HorizontalPodAutoscaler")
            if words(item, "spec.scaleTargetRef.name") == key[2] and space_of(item) == key[1]
        ]
        yield ZERO.on(
            obj,
            "spec.replicas",
            "high" if services else "medium",
            touches=map(key_of, services),
            severity=None if services else "info",
            services=", ".join(map(name_of, services)) or "none",
            scalers=", ".join(hpas) or "none",
            quotes=[event.line() for event in cluster.events(obj, "ScalingReplicaSet")][-1:],
        )
        return
    touches = [*map(key_of, pods), *map(key_of, services)]
    known = "status" in obj and at(obj, "status") != {}
    progressing = condition(obj, "Progressing")
    if at(obj, "spec.paused") is True:
        yield PAUSED.on(obj, "spec.paused", "high", touches=touches, severity="info" if updated >= wanted else None)
    if cluster.places and wanted > cluster.places:
        nodes = len(list(cluster.all("Node")))
        yield ENORMOUS.on(obj, "spec.replicas", "high", touches=touches, wanted=wanted, nodes=nodes, places=cluster.places)
    if words(progressing, "reason") == "ProgressDeadlineExceeded":
        yield STUCK.on(
            obj,
            "status.conditions[Progressing]",
            "high",
            touches=touches,
            at=moment(progressing, "lastUpdateTime"),
            wanted=wanted,
            ready=ready,
            updated=updated,
            quotes=[f"condition Progressing=False: ProgressDeadlineExceeded: {words(progressing, 'message')}"],
        )
    settled = cluster.age(
        moment(condition(obj, "Available"), "lastTransitionTime") or moment(obj, "metadata.creationTimestamp")
    )
    if known and ready < wanted and (settled is None or settled > _GRACE_S or words(progressing, "status") == "False"):
        yield SHORT.on(
            obj,
            "status.readyReplicas",
            "high",
            touches=touches,
            wanted=wanted,
            ready=ready,
            severity="critical" if not ready else None,
        )
        strategy = str(at(obj, "spec.strategy.rollingUpdate.maxUnavailable"))
        if (strategy == "100%" or (strategy.isdecimal() and int(strategy) >= wanted and wanted > 1)) and not ready:
            yield AT_ONCE.on(
                obj,
                "spec.strategy.rollingUpdate.maxUnavailable",
                "medium",
                severity="warning",
                touches=touches,
                wanted=wanted,
                strategy=f"maxUnavailable {strategy}",
            )


def _stateful(cluster: Cluster, obj: Object) -> Iterator[Cause]:
    space, service = space_of(obj), words(obj, "spec.serviceName")
    if service and cluster.absent("Service", space, service):
        yield GOVERNING.on(
            obj, "spec.serviceName", "high", service=service, namespace=space, touches=map(key_of, cluster.pods_of(key_of(obj)))
        )
    pods = sorted(cluster.pods_of(key_of(obj)), key=lambda pod: (len(name_of(pod)), name_of(pod)))
    wanted = number(obj, "spec.replicas") or 1
    first = next((pod for pod in pods if not is_ready(pod)), None)
    if first is not None and words(obj, "spec.podManagementPolicy") != "Parallel" and len(pods) < wanted:
        yield BLOCKED.on(obj, "spec.podManagementPolicy", "high", pod=name_of(first), touches=map(key_of, pods))


def _daemons(cluster: Cluster, obj: Object) -> Iterator[Cause]:
    wanted, ready = number(obj, "status.desiredNumberScheduled"), number(obj, "status.numberReady") or 0
    touches = [key_of(pod) for pod in cluster.pods_of(key_of(obj))]
    nodes = list(cluster.all("Node"))
    if wanted and ready < wanted:
        yield DAEMONS.on(obj, "status.numberReady", "high", touches=touches, wanted=wanted, ready=ready)
    elif wanted == 0 and nodes:
        chosen = labels(template(obj), "spec.nodeSelector")
        fits = any(all(labels(node).get(key) == value for key, value in chosen.items()) for node in nodes)
        # one that waits for hardware nobody has is as it should be
        if (not fits and any(key in labels(node) for key in chosen for node in nodes)) or (
            not fits and space_of(obj) != "kube-system"
        ):
            yield NOWHERE.on(obj, f"{spec_way(obj)}.nodeSelector", "medium", touches=touches, nodes=len(nodes),
                             selector=", ".join(f"{key}={value}" for key, value in chosen.items()) or "(none)")  # fmt: skip


def _overlaps(cluster: Cluster) -> Iterator[Cause]:
    makers = [obj for obj in cluster.workloads if kind_of(obj) in ("Deployment", "StatefulSet", "DaemonSet")]
    by_space: dict[str, list[Object]] = {}
    for obj in makers:
        by_space.setdefault(space_of(obj), []).append(obj)
    for group in by_space.values():
        if len(group) > 150:
            continue  # every pair is compared
        for obj in group:
            for other in group:
                if other is not obj and selects(at(obj, "spec.selector"), template_labels(other)):
                    yield OVERLAP.on(
                        obj, "spec.selector", "high", other=f"{kind_of(other)} {name_of(other)}", touches=[key_of(other)]
                    )
                    break


def _programs(cluster: Cluster) -> Iterator[Cause]:
    """A container that starts what its neighbour starts, where most containers start a program of their own name."""
    spaces: dict[str, list[tuple[Object, str, str, str]]] = {}
    for obj in cluster.workloads:
        for index, container in enumerate(parts(template(obj), "spec.containers")):
            command = texts(container, "command")
            program = command[0].rpartition("/")[2] if command else ""
            if program:
                spaces.setdefault(space_of(obj), []).append(
                    (obj, words(container, "name"), program, f"containers[{index}].command")
                )
    for found in spaces.values():
        own = [item for item in found if _named_for(item[0], item[1], item[2])]
        if len(own) < 3 or len(own) * 2 < len(found):
            continue
        for obj, named, program, way in found:
            other = next((item for item in own if item[2] == program and item[0] is not obj), None)
            if other is not None and not _named_for(obj, named, program):
                yield PROGRAM.on(
                    obj,
                    f"{spec_way(obj)}.{way}",
                    "medium",
                    container=named,
                    program=program,
                    other=name_of(other[0]),
                    expected=name_of(obj),
                    touches=[
                        *map(key_of, cluster.pods_of(key_of(obj))),
                        *(
                            key_of(item)
                            for item in cluster.all("Service")
                            if space_of(item) == space_of(obj) and name_of(item) == name_of(obj)
                        ),
                    ],
                )


def _named_for(obj: Object, container: str, program: str) -> bool:
    return any(program and (program in name or name in program) for name in (name_of(obj), container) if name)


def _unready(cluster: Cluster, pod: Object) -> Iterator[Cause]:
    if (
        is_ready(pod)
        or is_done(pod)
        or words(pod, "metadata.deletionTimestamp")
        or "status" not in pod
        or cluster.replaced(pod)
    ):
        return
    age = cluster.age(moment(pod, "metadata.creationTimestamp"))
    ready = condition(pod, "Ready")
    if age is not None and age < _GRACE_S and words(pod, "status.phase") in ("Pending", "Running"):
        return
    if words(pod, "status.reason") == "Evicted" or not words(pod, "status.phase") or cluster.root(pod)[0] in ("Job", "CronJob"):
        return
    key, _ = cluster.mend(pod, "")
    why = words(ready, "message") or words(pod, "status.message") or words(pod, "status.reason") or "no condition says why"
    events = [event.line() for event in cluster.events(pod) if event.warning][-3:]
    yield UNREADY_POD.on(pod, "status.conditions[Ready]", "low", component=key, phase=words(pod, "status.phase"), why=why,
                         node=words(pod, "spec.nodeName") or "(none)", quotes=events)  # fmt: skip
