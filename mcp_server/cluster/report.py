"""What a diagnosis answers: causes of the namespace or workload asked for, and what they rest on."""

from collections.abc import Sequence

from mcp_server.cluster.diagnose import diagnose
from mcp_server.cluster.objects import kind_of, space_of
from mcp_server.cluster.world import Cluster, is_done, is_ready
from mcp_server.core.kubernetes_calls import Cause, DiagnosisSeen
from mcp_server.core.log_calls import LogDoubt

MOST = 200
_CLUSTER = ("", "kube-system", "kube-node-lease")


def seen_of(cluster: Cluster, space: str | None, workload: str | None, doubts: Sequence[LogDoubt]) -> DiagnosisSeen:
    """Causes as far as they concern what was asked. A family of causes that failed is a doubt of its own."""
    failed: list[str] = []
    causes = [item for item in diagnose(cluster, failed) if _concerns(item, space)]
    if workload:
        causes = [item for item in causes if _about(item, workload)]
    told = [*doubts, *(_defect(name) for name in failed)]
    if len(causes) > MOST:
        told.append(
            LogDoubt(
                what=f"{len(causes) - MOST} further causes",
                reason="cut",
                detail="only so many are told",
                remedy="name a namespace or a workload",
            )
        )
    counts: dict[str, int] = {}
    for obj in cluster.objects:
        if space in (None, space_of(obj)) or not space_of(obj):
            counts[kind_of(obj)] = counts.get(kind_of(obj), 0) + 1
    pods = [pod for pod in cluster.all("Pod") if space in (None, space_of(pod))]
    return DiagnosisSeen(
        causes=tuple(causes[:MOST]), counts=counts, namespaces=(space,) if space else (), pods=len(pods),
        ready=sum(is_ready(pod) or is_done(pod) for pod in pods), logs=len(cluster.logs), doubts=tuple(told),
    )  # fmt: skip


def _defect(family: str) -> LogDoubt:
    return LogDoubt(
        what=f"causes of the family {family}", reason="failed", detail="defect in this diagnostic", remedy="report it"
    )


def _concerns(cause: Cause, space: str | None) -> bool:
    """Of the namespace asked for, or of the cluster as a whole: that may be why."""
    return (
        space is None
        or cause.namespace == space
        or cause.namespace in _CLUSTER
        or any(f" {space}/" in key for key in cause.touches)
    )


def _about(cause: Cause, workload: str) -> bool:
    name = workload.rpartition("/")[2]
    keys = (cause.object, cause.component, *cause.touches)
    return any(key.rpartition("/")[2] == name for key in keys) or (cause.object.startswith("Node ") and bool(cause.explains))
