"""Pods that find no node for what they bring along: volumes that are elsewhere or too many, claims of devices."""

import re
from collections.abc import Iterator
from typing import Any

from mcp_server.cluster.cause import DOWN, Cause, CauseType
from mcp_server.cluster.objects import Object, condition, key_of, moment, name_of, parts, space_of, words
from mcp_server.cluster.patterns import Pattern
from mcp_server.cluster.pods import scheduler_says
from mcp_server.cluster.world import Cluster, Event

_MEANING = "The pod stays Pending: nothing of it runs."
_EXPLAINS = (*DOWN, "unscheduled", "claim_unbound")

VOLUME = CauseType(
    code="volume_node_conflict",
    text="the pod's volume lives where the pod may not run (volume node affinity conflict)",
    confirm="compare nodeAffinity of the PersistentVolume with the pod's own selectors and the zones of the nodes",
    meaning=_MEANING, explains=_EXPLAINS,
)  # fmt: skip
NO_VOLUME = CauseType(
    code="no_volume_to_bind",
    text="its class {name} makes no volumes by itself, and no free PersistentVolume fits on a node where the pod may run",
    confirm="kubectl get pv: compare class, size, access modes and nodeAffinity of those Available; one Released must be "
    "cleared of its claimRef first",
    meaning="The claim is bound only when somebody makes a volume for it.", explains=_EXPLAINS,
)  # fmt: skip
SPACE = CauseType(
    code="storage_capacity_short",
    text="no node where the pod may run has enough free storage of class {name} for the claim's {asked}",
    confirm="kubectl get csistoragecapacities -A; compare with the claim's request",
    meaning="The driver makes no volume that it has no room for.", explains=_EXPLAINS,
)  # fmt: skip
MANY = CauseType(
    code="volume_limit_of_node",
    text="no node takes a further volume: each has as many attached as its driver allows",
    confirm="compare the number of attached volumes (kubectl get volumeattachment) with kubectl get csinode -o yaml",
    meaning=_MEANING, explains=_EXPLAINS,
)  # fmt: skip
DELETED = CauseType(
    code="claim_being_deleted",
    text="PersistentVolumeClaim {claim} is being deleted, and a claim under deletion takes no new pod",
    confirm="kubectl get pvc {claim} -o yaml: see deletionTimestamp, finalizers, and which pod still uses it",
    meaning="The claim goes when its last pod is gone; until then no new pod may use it.", explains=_EXPLAINS,
)  # fmt: skip
DEVICE = CauseType(
    code="resource_claim_blocked",
    text="the pod's claim of a device cannot be met: {why}",
    confirm="kubectl get resourceclaims,resourceclaimtemplates,deviceclasses,resourceslices; see whether the driver runs on "
    "the nodes",
    meaning="A pod with a ResourceClaim is placed only where its devices are.", explains=_EXPLAINS,
)  # fmt: skip

_CLAIM = Pattern(r'persistentvolumeclaim "([^"]+)" is being deleted')
_DEVICE = Pattern(
    r"resource ?claim|resourceclaimtemplate|cannot allocate all claims|device class|DeviceClass|requested device not available",
    re.I,
)
_CONFLICT = Pattern(r"volume node affinity conflict|no available volume zone|volume zone")
_FULL = Pattern(r"max volume count|node\(s\) exceed(?:ed)? .*volume")


def find(cluster: Cluster) -> Iterator[Cause]:
    """What the scheduler says of pods without a node, as far as it is about what they bring along."""
    for pod in cluster.all("Pod"):
        if words(pod, "status.phase") not in ("Pending", "") or words(pod, "spec.nodeName"):
            continue
        made = cluster.events(pod, "FailedResourceClaimCreation")[-1:]
        said, quote = scheduler_says(cluster, pod)
        if said or made:
            yield from _reasons(cluster, pod, said.split("preemption:")[0], quote, made)


def _reasons(cluster: Cluster, pod: Object, said: str, quote: str, made: list[Event]) -> Iterator[Cause]:
    def cause(kind: CauseType, field: str, *more: str, **values: Any) -> Cause:
        key, way = cluster.mend(pod, field)
        at = moment(condition(pod, "PodScheduled"), "lastTransitionTime")
        return kind.of(key, way, "high", touches=[key_of(pod)], quotes=[*more, quote], at=at, **values)

    if _CONFLICT.search(said):
        yield cause(VOLUME, "volumes")
    if _FULL.search(said):
        yield cause(MANY, "volumes")
    if match := _CLAIM.search(said):
        yield cause(DELETED, "volumes", claim=match[1])
    if made:
        yield cause(DEVICE, "resourceClaims", made[0].line(), why=made[0].message)
    elif _DEVICE.search(said):
        yield cause(DEVICE, "resourceClaims", why=said)
    for kind, sign in ((NO_VOLUME, "didn't find available persistent volumes"), (SPACE, "not have enough free storage")):
        for claim in _pending(cluster, pod) if sign in said else ():
            name = words(claim, "spec.storageClassName") or "(the default)"
            values: dict[str, Any] = {"name": name}
            if kind is SPACE:
                values["asked"] = words(claim, "spec.resources.requests.storage") or "request"
            touches = [key_of(pod), cluster.root(pod)]
            yield kind.on(claim, "spec.storageClassName", "high", touches=touches, quotes=[quote], **values)


def _pending(cluster: Cluster, pod: Object) -> list[Object]:
    """Claims of the pod that are not bound; one that was not seen is taken as it is named."""
    found: list[Object] = []
    for volume in parts(pod, "spec.volumes"):
        name = words(volume, "persistentVolumeClaim.claimName")
        claim = cluster.get("PersistentVolumeClaim", space_of(pod), name)
        if claim is not None and words(claim, "status.phase") == "Pending":
            found.append(claim)
        elif name and claim is None and not cluster.knows("PersistentVolumeClaim", space_of(pod)):
            found.append({"kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": space_of(pod)}})
    return sorted(found, key=name_of)
