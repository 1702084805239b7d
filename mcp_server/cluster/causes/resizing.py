"""Pods that were to be given other resources in place, and were not."""

from collections.abc import Iterator

from mcp_server.cluster.cause import Cause, CauseType
from mcp_server.cluster.objects import condition, is_true, key_of, moment, words
from mcp_server.cluster.world import Cluster

RESIZE = CauseType(
    code="resize_not_done",
    text="its new resources are not in force ({reason}): {why}",
    confirm="compare spec.containers[].resources with status.containerStatuses[].resources, and with what node {node} has left",
    meaning="The container runs on with what it had before.", severity="warning",
)  # fmt: skip

_LATE_S = 120.0


def find(cluster: Cluster) -> Iterator[Cause]:
    """Pods whose resize waits, cannot be met, or failed."""
    for pod in cluster.all("Pod"):
        for kind in ("PodResizePending", "PodResizeInProgress"):
            state = condition(pod, kind)
            age = cluster.age(moment(state, "lastTransitionTime"))
            slow = kind == "PodResizePending" or words(state, "reason") == "Error"
            if is_true(state) and slow and (age is None or age > _LATE_S or words(state, "reason") in ("Infeasible", "Error")):
                why = words(state, "message")
                yield RESIZE.on(
                    pod, "spec.containers[].resources", "high", component=cluster.root(pod), touches=[key_of(pod)],
                    at=moment(state, "lastTransitionTime"), reason=words(state, "reason") or kind, why=why,
                    node=words(pod, "spec.nodeName") or "(none)", quotes=[f"condition {kind}: {words(state, 'reason')}: {why}"],
                )  # fmt: skip
