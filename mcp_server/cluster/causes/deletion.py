"""What should be gone and is not: finalizers nobody removes, namespaces that do not end."""

from collections.abc import Iterator

from mcp_server.cluster.cause import Cause, CauseType
from mcp_server.cluster.objects import Object, key_of, kind_of, moment, number, parts, space_of, texts, words
from mcp_server.cluster.world import Cluster

FINALIZER = CauseType(
    code="finalizer_hangs",
    text="it has been under deletion for {minutes} minutes, and its finalizers are still there: {finalizers}",
    confirm="find the controller that owns {finalizers} and read its log; removing a finalizer by hand leaves behind "
    "what it guards",
    meaning="It is gone only when every finalizer has been removed by its owner.",
    severity="warning",
    explains=("namespace_stuck", "stuck_terminating"),
)
NAMESPACE = CauseType(
    code="namespace_stuck",
    text="the namespace has been Terminating for {minutes} minutes: {why}",
    confirm="list what is left in it, with its finalizers; see whether every APIService is available",
    meaning="Nothing can be created in it, and it does not go.", severity="warning", explains=(),
)  # fmt: skip
TERMINATING = CauseType(
    code="stuck_terminating",
    text="the pod has been Terminating for {minutes} minutes, past its grace period of {grace} s",
    confirm="see whether node {node} and its kubelet answer; a volume that cannot be unmounted holds a pod too",
    meaning="A StatefulSet makes no successor, and a ReadWriteOnce volume stays taken, until it is gone.", severity="warning",
    explains=("volume_occupied", "statefulset_blocked", "replicas_unavailable"),
)  # fmt: skip

NOT_KILLED = CauseType(
    code="container_not_killed",
    text="the kubelet of node {node} cannot end the pod's containers: {why}",
    confirm="look on node {node} for a process in uninterruptible sleep (state D), a hung mount, or a runtime that hangs",
    meaning="The pod stays until the runtime has ended it, and what it holds stays taken.", severity="warning",
    explains=("stuck_terminating", "volume_occupied", "statefulset_blocked", "replicas_unavailable", "pod_unready"),
)  # fmt: skip

_LATE_S = 120.0
_OFTEN = 3
_BY_DESIGN = ("kubernetes.io/pvc-protection", "kubernetes.io/pv-protection", "foregroundDeletion", "orphan")


def find(cluster: Cluster) -> Iterator[Cause]:
    """Everything with a deletionTimestamp that is older than a deletion takes."""
    for pod in cluster.all("Pod"):
        for event in cluster.events(pod, "FailedKillPod")[-1:]:
            if event.count >= _OFTEN and words(pod, "metadata.deletionTimestamp"):
                yield NOT_KILLED.on(
                    pod, "metadata.deletionTimestamp", "high", component=cluster.root(pod), at=event.last, why=event.message,
                    node=words(pod, "spec.nodeName") or "(none)", quotes=[event.line()],
                )  # fmt: skip
    for obj in cluster.objects:
        since = moment(obj, "metadata.deletionTimestamp")
        if since is None:
            continue
        age = cluster.age(since)
        grace = number(obj, "metadata.deletionGracePeriodSeconds") or 0
        if age is None or age < _LATE_S:  # the stamp already holds the grace period
            continue
        minutes = int(age // 60)
        if kind_of(obj) == "Namespace":
            yield _namespace(obj, minutes)
        elif finalizers := texts(obj, "metadata.finalizers"):
            yield _finalizer(cluster, obj, finalizers, minutes)
        elif kind_of(obj) == "Pod":
            yield TERMINATING.on(
                obj,
                "metadata.deletionTimestamp",
                "high",
                component=cluster.root(obj),
                at=since,
                minutes=minutes,
                grace=grace,
                node=words(obj, "spec.nodeName") or "(none)",
                quotes=[event.line() for event in cluster.events(obj) if event.warning][-2:],
            )


def _finalizer(cluster: Cluster, obj: Object, finalizers: list[str], minutes: int) -> Cause:
    users = []
    if kind_of(obj) == "PersistentVolumeClaim":
        name = words(obj, "metadata.name")
        users = [
            pod
            for pod in cluster.pods_in(space_of(obj))
            if any(words(item, "persistentVolumeClaim.claimName") == name for item in parts(pod, "spec.volumes"))
        ]
    owned = [name for name in finalizers if name not in _BY_DESIGN] or finalizers
    return FINALIZER.on(
        obj,
        "metadata.finalizers",
        "high" if owned != finalizers or not users else "medium",
        touches=[*map(key_of, users), ("Namespace", "", space_of(obj))],
        minutes=minutes,
        finalizers=", ".join(owned),
        at=moment(obj, "metadata.deletionTimestamp"),
        quotes=[f"pod {words(pod, 'metadata.name')} still uses it" for pod in users[:2]],
    )


def _namespace(obj: Object, minutes: int) -> Cause:
    telling = [item for item in parts(obj, "status.conditions") if item.get("status") == "True"]
    why = (
        "; ".join(words(item, "message") for item in telling)
        or f"finalizers {', '.join(texts(obj, 'spec.finalizers') + texts(obj, 'metadata.finalizers'))}"
    )
    quotes = [f"condition {words(item, 'type')}: {words(item, 'message')}" for item in telling]
    return NAMESPACE.on(
        obj, "status.conditions", "high", minutes=minutes, why=why, quotes=quotes, at=moment(obj, "metadata.deletionTimestamp")
    )
