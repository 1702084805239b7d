"""Volumes: claims that are not there or not bound, classes, modes, capacity."""

import difflib
from collections.abc import Callable, Iterator
from typing import Any

from mcp_server.cluster.cause import DOWN, Cause, CauseType, Confidence
from mcp_server.cluster.objects import (
    Object,
    at,
    condition,
    is_true,
    key_of,
    labels,
    name_of,
    parts,
    quantity,
    selects,
    space_of,
    texts,
    words,
)  # fmt: skip
from mcp_server.cluster.patterns import Pattern
from mcp_server.cluster.world import Cluster, Event, is_ready

_MEANING = "Pods that use the claim wait for it and do not start."
_EXPLAINS = (*DOWN, "unscheduled", "mount_failed", "claim_unbound", "volume_node_conflict")

CLAIM = CauseType(
    code="claim_missing",
    text="volume {volume} names PersistentVolumeClaim {claim}, which does not exist in namespace {namespace} (similar: {near})",
    confirm="kubectl -n {namespace} get pvc {claim}",
    meaning=_MEANING, explains=_EXPLAINS,
)  # fmt: skip
CLASS = CauseType(
    code="storage_class_missing",
    text="the claim asks for StorageClass {name}, which does not exist (there are: {known})",
    confirm="kubectl get storageclass",
    meaning=_MEANING, explains=_EXPLAINS,
)  # fmt: skip
NO_DEFAULT = CauseType(
    code="no_default_storage_class",
    text="the claim names no StorageClass, the cluster has no default one, and no PersistentVolume fits",
    confirm="kubectl get storageclass: none is marked (default)",
    meaning=_MEANING, explains=_EXPLAINS,
)  # fmt: skip
MODE = CauseType(
    code="access_mode_unavailable",
    text="the claim asks for access mode {asked}; the volumes it could take offer {offered}",
    confirm="compare accessModes of the claim with those of PersistentVolume {volume}",
    meaning=_MEANING, explains=_EXPLAINS,
)  # fmt: skip
CAPACITY = CauseType(
    code="volume_too_small",
    text="the claim asks for {asked}; the largest volume it could take, {volume}, has {offered}",
    confirm="compare resources.requests.storage of the claim with capacity of PersistentVolume {volume}",
    meaning=_MEANING, explains=_EXPLAINS,
)  # fmt: skip
OTHER_CLASS = CauseType(
    code="storage_class_mismatch",
    text="the claim asks for class {asked}; the free volume {volume} has class {offered}",
    confirm="compare storageClassName of the claim with that of PersistentVolume {volume}",
    meaning=_MEANING, explains=_EXPLAINS,
)  # fmt: skip
VOLUME = CauseType(
    code="volume_missing",
    text="the claim is tied to PersistentVolume {volume}, which {why}",
    confirm="kubectl get pv {volume}: see its phase and claimRef",
    meaning=_MEANING, explains=_EXPLAINS,
)  # fmt: skip
SELECTOR = CauseType(
    code="volume_selector_unmatched",
    text="no PersistentVolume has the labels of the claim's selector",
    confirm="kubectl get pv --show-labels; compare with spec.selector of the claim",
    meaning=_MEANING, explains=_EXPLAINS,
)  # fmt: skip
LOST = CauseType(
    code="claim_lost",
    text="the claim is Lost: its PersistentVolume {volume} no longer exists",
    confirm="kubectl get pv {volume}; look for a backup before anything is deleted",
    meaning="The data are not reachable under this claim.", explains=_EXPLAINS,
)  # fmt: skip
PROVISION = CauseType(
    code="provisioning_failed",
    text="the provisioner of class {name} cannot make a volume: {why}",
    confirm="read the log of the provisioner (CSI controller); look at quota and permissions of the storage",
    meaning=_MEANING, explains=_EXPLAINS,
)  # fmt: skip
PROVISIONER = CauseType(
    code="provisioner_silent",
    text="the claim waits for provisioner {name}, which has not answered",
    confirm="see whether a controller for {name} runs (CSI driver pods), and whether a CSIDriver of that name is registered",
    meaning=_MEANING, severity="warning", explains=_EXPLAINS,
)  # fmt: skip
UNBOUND = CauseType(
    code="claim_unbound",
    text="the claim is {phase}: no volume is bound to it",
    confirm="kubectl describe the claim: its events name the reason",
    meaning=_MEANING, explains=(*DOWN, "unscheduled", "mount_failed"),
)  # fmt: skip
RESIZE = CauseType(
    code="resize_pending",
    text="the claim waits to be resized: {why}",
    confirm="see allowVolumeExpansion of the class; a restart of the pod may be needed for the filesystem",
    meaning="The volume keeps its old size until then.", severity="warning",
)  # fmt: skip

_NO_CLAIM = Pattern(r'persistentvolumeclaim "([^"]+)" not found')


def find(cluster: Cluster) -> Iterator[Cause]:
    """Claims, then pods that name one that is not there."""
    for claim in cluster.all("PersistentVolumeClaim"):
        yield from _claim(cluster, claim)
    for pod in cluster.all("Pod"):
        if not is_ready(pod) and words(pod, "status.phase") not in ("Succeeded", "Failed"):
            yield from _named(cluster, pod)


def _users(cluster: Cluster, claim: Object) -> list[Object]:
    name = name_of(claim)
    return [
        pod for pod in cluster.pods_in(space_of(claim))
        if any(words(item, "persistentVolumeClaim.claimName") == name for item in parts(pod, "spec.volumes"))
    ]  # fmt: skip


def _claim(cluster: Cluster, claim: Object) -> Iterator[Cause]:
    phase, bound = words(claim, "status.phase"), words(claim, "spec.volumeName")
    users = _users(cluster, claim)
    touches = [*map(key_of, users), *map(cluster.root, users)]
    events = cluster.events(claim)
    quotes = [
        event.line() for event in events if event.warning or event.reason in ("WaitForPodScheduled", "ExternalProvisioning")
    ][-3:]
    for kind in ("Resizing", "FileSystemResizePending", "ControllerResizeError", "NodeResizeError"):
        if phase == "Bound" and is_true(found := condition(claim, kind)):
            yield RESIZE.on(
                claim,
                "spec.resources.requests.storage",
                "high",
                touches=touches,
                why=f"{kind} {words(found, 'message')}".strip(),
                quotes=quotes,
            )
    if phase == "Lost":
        yield LOST.on(claim, "spec.volumeName", "high", touches=touches, quotes=quotes, volume=bound)
    if phase != "Pending":
        return

    def cause(kind: CauseType, field: str, sure: str = "high", **values: Any) -> Cause:
        confidence: Confidence = "high" if sure == "high" else "medium"
        return kind.on(claim, field, confidence, touches=touches, quotes=quotes, **values)

    yield cause(UNBOUND, "status.phase", phase=phase)
    asked = at(claim, "spec.storageClassName")
    default = next((item for item in cluster.all("StorageClass") if "true" in (
        labels(item, "metadata.annotations").get("storageclass.kubernetes.io/is-default-class"),
        labels(item, "metadata.annotations").get("storageclass.beta.kubernetes.io/is-default-class"))), None)  # fmt: skip
    failed = next(
        (event for event in reversed(events) if event.reason in ("ProvisioningFailed", "FailedBinding", "VolumeMismatch")), None
    )
    said = failed.message if failed else ""
    if bound:
        volume = cluster.get("PersistentVolume", "", bound)
        holder = words(volume, "spec.claimRef.name") if volume else ""
        if volume is None and cluster.knows("PersistentVolume"):
            yield cause(VOLUME, "spec.volumeName", volume=bound, why="does not exist")
        elif (
            volume is not None
            and holder
            and (words(volume, "spec.claimRef.namespace"), holder) != (space_of(claim), name_of(claim))
        ):
            yield cause(
                VOLUME,
                "spec.volumeName",
                volume=bound,
                why=f"belongs to claim {words(volume, 'spec.claimRef.namespace')}/{holder}",
            )
        elif volume is not None:
            yield from _fits(cluster, claim, [volume], cause, str(asked or ""))
    elif asked and (f'"{asked}" not found' in said or cluster.absent("StorageClass", "", str(asked))):
        fitting = [volume for volume in _free(cluster) if words(volume, "spec.storageClassName") == asked]
        if not fitting:
            yield cause(
                CLASS, "spec.storageClassName", name=str(asked), known=", ".join(cluster.names("StorageClass")[:8]) or "none"
            )
        yield from _fits(cluster, claim, fitting, cause, str(asked))
    elif failed and failed.reason == "ProvisioningFailed" and "no volume plugin matched" not in said:
        yield cause(PROVISION, "spec.storageClassName", name=str(asked or "(default)"), why=said)
    else:
        yield from _static(cluster, claim, cause, asked, default, events)


def _static(
    cluster: Cluster, claim: Object, cause: Callable[..., Cause], asked: object, default: Object | None, events: list[Event]
) -> Iterator[Cause]:
    """No provisioner failed: either one is silent, or a volume made by hand should fit and does not."""
    given = cluster.get("StorageClass", "", str(asked)) if asked else default
    provisioner = words(given, "provisioner")
    reasons = [event.reason for event in events if event.reason in ("WaitForFirstConsumer", "ExternalProvisioning")]
    first = words(given, "volumeBindingMode") == "WaitForFirstConsumer" or "WaitForFirstConsumer" in reasons
    waits = first and reasons[-1:] != ["ExternalProvisioning"]  # once a pod is placed, the provisioner is asked
    manual = not provisioner or provisioner == "kubernetes.io/no-provisioner"
    if manual:
        found = list(_fits(cluster, claim, _free(cluster), cause, str(asked or "")))
        yield from found
        if not found and not asked and default is None and cluster.knows("StorageClass"):
            yield cause(NO_DEFAULT, "spec.storageClassName")
    elif any(event.reason == "ExternalProvisioning" for event in events) and not waits:
        yield cause(PROVISIONER, "spec.storageClassName", sure="medium", name=provisioner)


def _free(cluster: Cluster) -> list[Object]:
    return [volume for volume in cluster.all("PersistentVolume") if words(volume, "status.phase") in ("Available", "")]


def _fits(cluster: Cluster, claim: Object, volumes: list[Object], cause: Callable[..., Cause], asked: str) -> Iterator[Cause]:
    """Why none of these volumes fits, by the volume that comes nearest."""
    if selector := at(claim, "spec.selector"):
        chosen = [volume for volume in volumes if selects(selector, labels(volume))]
        if volumes and not chosen:
            yield cause(SELECTOR, "spec.selector")
        volumes = chosen
    classed = [volume for volume in volumes if words(volume, "spec.storageClassName") == asked]
    if volumes and not classed:
        volume = volumes[0]
        yield cause(OTHER_CLASS, "spec.storageClassName", asked=asked or "(none)", volume=name_of(volume),
                    offered=words(volume, "spec.storageClassName") or "(none)")  # fmt: skip
    modes = texts(claim, "spec.accessModes")
    moded = [volume for volume in classed if set(modes) <= set(texts(volume, "spec.accessModes"))]
    if classed and not moded:
        yield cause(
            MODE,
            "spec.accessModes",
            asked=", ".join(modes),
            volume=name_of(classed[0]),
            offered=", ".join(sorted({mode for volume in classed for mode in texts(volume, "spec.accessModes")})),
        )
    size = quantity(at(claim, "spec.resources.requests.storage")) or 0.0
    sized = [volume for volume in moded if (quantity(at(volume, "spec.capacity.storage")) or 0.0) >= size]
    if moded and not sized:
        largest = max(moded, key=lambda volume: quantity(at(volume, "spec.capacity.storage")) or 0.0)
        yield cause(CAPACITY, "spec.resources.requests.storage", asked=str(at(claim, "spec.resources.requests.storage")),
                    volume=name_of(largest), offered=str(at(largest, "spec.capacity.storage")))  # fmt: skip


def _named(cluster: Cluster, pod: Object) -> Iterator[Cause]:
    space = space_of(pod)
    said = [event for event in cluster.events(pod) if _NO_CLAIM.search(event.message)]
    state = words(condition(pod, "PodScheduled"), "message")
    for index, volume in enumerate(parts(pod, "spec.volumes")):
        name = words(volume, "persistentVolumeClaim.claimName")
        if not name or cluster.get("PersistentVolumeClaim", space, name) is not None:
            continue
        quotes = [event.line() for event in said if f'"{name}"' in event.message][-1:]
        if not quotes and f'persistentvolumeclaim "{name}" not found' in state:
            quotes = [f"condition PodScheduled: {state}"]
        if quotes or cluster.absent("PersistentVolumeClaim", space, name):
            known = cluster.names("PersistentVolumeClaim", space)
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            near = (close[0] if close else ", ".join(known[:3])) or "none"
            key, field = cluster.mend(pod, f"volumes[{index}].persistentVolumeClaim.claimName")
            yield CLAIM.of(
                key,
                field,
                "high" if quotes else "medium",
                touches=[key_of(pod), ("PersistentVolumeClaim", space, name)],
                quotes=quotes,
                volume=words(volume, "name"),
                claim=name,
                namespace=space,
                near=near,
            )
