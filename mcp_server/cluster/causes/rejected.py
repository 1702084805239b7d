"""Pods that their node ended or did not take: evicted, preempted, refused at the door, past their deadline."""

from collections.abc import Iterator

from mcp_server.cluster.cause import DOWN, Cause, CauseType
from mcp_server.cluster.objects import Object, key_of, moment, name_of, number, words
from mcp_server.cluster.patterns import Pattern
from mcp_server.cluster.world import Cluster

EVICTED = CauseType(
    code="pod_evicted",
    text="{count} of its pods were evicted: {why}",
    confirm="compare requests and limits with the use; see whether the node was short of memory or disk at that time",
    meaning="A pod that uses more than it requests goes first when a node runs short.", severity="warning", explains=DOWN,
)  # fmt: skip
STORAGE = CauseType(
    code="ephemeral_storage_exceeded",
    text="{count} of its pods were evicted for writing more than they may to the node's disk: {why}",
    confirm="see what it writes outside of volumes (logs, caches, temporary files); compare with the limit named",
    meaning="Whoever exceeds a limit of ephemeral storage is evicted, however much space the node has.",
    explains=(*DOWN, "crash_loop"),
)  # fmt: skip
PREEMPTED = CauseType(
    code="pod_preempted",
    text="a pod was removed to make room for one of higher priority",
    confirm="compare the PriorityClasses of both; see whether the nodes have room for both",
    meaning="The workload runs with fewer pods until there is room.", severity="warning", explains=DOWN,
)  # fmt: skip
REFUSED = CauseType(
    code="pod_rejected_by_node",
    text="the kubelet of node {node} refused the pod after it was scheduled ({reason}): {why}",
    confirm="compare what the pod asks for with what the node allows now: devices, resources, labels, sysctls, profiles",
    meaning="The pod is Failed and never starts; its controller may make the next one for the same end.",
    explains=(*DOWN, "crash_loop", "job_backoff"),
)  # fmt: skip
DEADLINE = CauseType(
    code="pod_deadline",
    text="the pod was ended after its activeDeadlineSeconds of {seconds} s",
    confirm="compare how long it needs; a pod of a lasting program should have no deadline",
    meaning="The kubelet kills the pod, however well it is.", severity="warning", explains=(*DOWN, "crash_loop"),
)  # fmt: skip

_OWN_LIMIT = Pattern(
    r"ephemeral local storage usage exceeds|exceeded its local ephemeral storage limit|EmptyDir volume .* exceeds"
)
_VOLUME = Pattern(r"EmptyDir volume \"([^\"]+)\"")
_GATES = Pattern(
    r"UnexpectedAdmissionError|OutOf\w+|NodeAffinity|NodePorts|NodeName|NodeUnschedulable|TaintToleration|SysctlForbidden|AppArmor"
    r"|PodOSSelectorNodeLabelDoesNotMatch|PodOSNotSupported|InvalidNodeInfo|TopologyAffinityError|UnsupportedPodLevelResources"
    r"|ResourceAllocationFailed|VolumeAttachmentLimitExceeded|InitContainersRestartPolicyForbidden|SupplementalGroupsPolicyNotSupported"
    r"|PodLevelResourcesNotAdmittedReason|NodeShutdown"
)
_DAY_S, _HOUR_S = 86_400.0, 3_600.0


def find(cluster: Cluster) -> Iterator[Cause]:
    """Pods by the reason that stands in their status, and by events of what is gone."""
    evicted: dict[tuple[str, str, str], list[Object]] = {}
    for pod in cluster.all("Pod"):
        age = cluster.age(moment(pod, "metadata.creationTimestamp"))
        reason = words(pod, "status.reason")
        if not reason or (age is not None and age > _DAY_S):
            continue
        if reason == "Evicted":
            evicted.setdefault(cluster.root(pod), []).append(pod)
        elif words(pod, "status.phase") == "Failed" and not cluster.replaced(pod):
            yield from _ended(cluster, pod, reason)
    for root, pods in evicted.items():
        yield _eviction(cluster, root, pods)
    yield from _preemptions(cluster)


def _ended(cluster: Cluster, pod: Object, reason: str) -> Iterator[Cause]:
    why = words(pod, "status.message")
    quotes = [f"pod {name_of(pod)}: {reason}: {why}"]
    if reason == "DeadlineExceeded":
        key, field = cluster.mend(pod, "activeDeadlineSeconds")
        yield DEADLINE.of(key, field, "high", touches=[key_of(pod)], quotes=quotes,
                          seconds=number(pod, "spec.activeDeadlineSeconds"))  # fmt: skip
    elif _GATES.fullmatch(reason):
        key, field = cluster.mend(pod, "")
        yield REFUSED.of(key, field, "high", touches=[key_of(pod)], quotes=quotes, reason=reason, why=why,
                         node=words(pod, "spec.nodeName") or "(unknown)")  # fmt: skip


def _eviction(cluster: Cluster, root: tuple[str, str, str], pods: list[Object]) -> Cause:
    newest = max(pods, key=lambda pod: words(pod, "metadata.creationTimestamp"))
    why = words(newest, "status.message")
    quotes = [f"pod {name_of(pod)}: Evicted: {words(pod, 'status.message')}" for pod in pods[:2]]
    kind, way = EVICTED, "containers[].resources"
    if _OWN_LIMIT.search(why):
        kind, way = STORAGE, "containers[].resources.limits.ephemeral-storage"
        if match := _VOLUME.search(why):
            way = f"volumes[{match[1]}].emptyDir.sizeLimit"
    key, field = cluster.mend(newest, way)
    return kind.of(
        key, field, "high", touches=[*map(key_of, pods), root], component=root, quotes=quotes, count=len(pods), why=why
    )


def _preemptions(cluster: Cluster) -> Iterator[Cause]:
    for event in cluster.every_event():
        age = cluster.age(event.last)
        if event.reason == "Preempted" and (age is None or age < _HOUR_S):
            pod = {"kind": "Pod", "metadata": {"namespace": event.about[1], "name": event.about[2]}}
            yield PREEMPTED.of(event.about, "spec.priority", "high", quotes=[event.line()], at=event.last,
                               component=cluster.root(cluster.get(*event.about) or pod))  # fmt: skip
