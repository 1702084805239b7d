"""What a diagnosis answers: causes of the namespace or workload asked for, and what they rest on."""

from collections.abc import Sequence

from mcp_server.cluster.diagnose import diagnose
from mcp_server.cluster.objects import Object, key_of, kind_of, name_of, shown, space_of
from mcp_server.cluster.revisions import differences, revisions
from mcp_server.cluster.world import Cluster, is_done, is_ready
from mcp_server.core.kubernetes_calls import Cause, DiagnosisSeen, Renewed
from mcp_server.core.log_calls import LogDoubt

MOST = 200
_DAY_S, _LATELY_S = 86_400.0, 7_200.0
_CLUSTER = ("", "kube-system", "kube-node-lease")


def seen_of(cluster: Cluster, space: str | None, workload: str | None, doubts: Sequence[LogDoubt]) -> DiagnosisSeen:
    """Causes as far as they concern what was asked. A family of causes that failed is a doubt of its own."""
    failed: list[str] = []
    causes = [item for item in diagnose(cluster, failed) if _concerns(item, space)]
    if workload:
        causes = [item for item in causes if _about(item, workload)]
    told = [*doubts, *(_defect(name) for name in failed)]
    if workload and not _there(cluster, space, workload):
        names = sorted({name_of(obj) for obj in cluster.workloads if space in (None, space_of(obj))})
        known = ", ".join(names[:20]) or "none"
        told.append(
            LogDoubt(what=f"workload {workload}", reason="missing", detail=f"there is none of that name; there are: {known}")
        )
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
        renewed=tuple(renewed(cluster, space, causes)),
        ready=sum(is_ready(pod) or is_done(pod) for pod in pods), logs=len(cluster.logs), doubts=tuple(told),
    )  # fmt: skip


def renewed(cluster: Cluster, space: str | None, causes: Sequence[Cause]) -> list[Renewed]:
    """Deployments with a template of the last day that something is wrong with, then those of the last hours."""
    sets: dict[str, list[Object]] = {}
    for obj in cluster.all("ReplicaSet"):
        sets.setdefault(space_of(obj), []).append(obj)
    hurt = {key for cause in causes for key in (cause.component, *cause.touches)}
    found = []
    for obj in cluster.all("Deployment"):
        if space not in (None, space_of(obj)):
            continue
        history = revisions(sets.get(space_of(obj), []), name_of(obj))
        if len(history) < 2 or history[0].created is None:
            continue
        key, age = shown(key_of(obj)), cluster.age(history[0].created)
        if age is not None and age < (_DAY_S if key in hurt else _LATELY_S):
            changed = differences(history[1].template, history[0].template)
            at, sick = history[0].created, key in hurt
            found.append((sick, at, Renewed(object=key, revision=history[0].number, at=at, changed=tuple(changed[:12]))))
    return [item for _, _, item in sorted(found, key=lambda told: (told[0], told[1]), reverse=True)[:20]]


def _there(cluster: Cluster, space: str | None, workload: str) -> bool:
    """Whether anything of that name was seen."""
    name = workload.rpartition("/")[2]
    return any(
        name_of(obj) == name and space in (None, space_of(obj), "") for obj in cluster.objects if kind_of(obj) != "Event"
    )


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
