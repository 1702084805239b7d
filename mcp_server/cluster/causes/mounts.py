"""Volumes that are there and do not arrive: attached elsewhere, no driver, wrong host path, mounts that fail or collide."""

import re
from collections.abc import Iterator
from typing import Any

from mcp_server.cluster.cause import DOWN, Cause, CauseType
from mcp_server.cluster.objects import Key, Object, key_of, parts, space_of, words
from mcp_server.cluster.patterns import Pattern
from mcp_server.cluster.pods import Container, of_pod
from mcp_server.cluster.world import Cluster, is_ready

_MEANING = "Pods that use the volume wait for it and do not start."
_STARTS = (*DOWN, "container_not_created", "mount_failed", "crash_loop")

OCCUPIED = CauseType(
    code="volume_occupied",
    text="the volume is in use elsewhere, and its mode admits one node or pod only: {why}",
    confirm="find the pod that still holds it (kubectl get volumeattachment); with strategy RollingUpdate and ReadWriteOnce"
    " old and new pods block each other",
    meaning="The new pod waits until the old one has let go of it.", explains=(*DOWN, "mount_failed", "unscheduled"),
)  # fmt: skip
DRIVER = CauseType(
    code="csi_driver_missing",
    text="the CSI driver {name} is not registered on node {node}",
    confirm="see whether the driver's DaemonSet has a ready pod on that node; kubectl get csinode {node}",
    meaning=_MEANING, explains=(*DOWN, "mount_failed"),
)  # fmt: skip
HOST_PATH = CauseType(
    code="host_path_wrong",
    text="the host path {path} is not on the node, or is not what its type says",
    confirm="look at {path} on node {node}; compare with hostPath.type, or with spec.local.path of the PersistentVolume",
    meaning=_MEANING, explains=(*DOWN, "mount_failed"),
)  # fmt: skip
SUBPATH = CauseType(
    code="sub_path_failed",
    text="a subPath of container {container} cannot be prepared: {why}",
    confirm="compare subPath of the volumeMount with what the volume holds; mounting a file over a folder fails too",
    meaning=_MEANING, explains=_STARTS,
)  # fmt: skip
COLLIDES = CauseType(
    code="mount_path_conflict",
    text="the mount at {path} of container {container} fails: one side is a file, the other a folder",
    confirm="compare mountPath with what the image has there; subPath with the name of a key mounts that key as one file, "
    "and only if the volume holds it",
    meaning="A folder cannot be mounted onto a file, nor a file onto a folder.", explains=_STARTS,
)  # fmt: skip
MOUNT = CauseType(
    code="mount_failed",
    text="volume {volume} cannot be mounted: {why}",
    confirm="read the event; for network storage look at server, export and rights from node {node}",
    meaning=_MEANING, explains=DOWN,
)  # fmt: skip

_OCCUPIED = Pattern(r"Multi-Attach error|already (?:used by|attached|mounted by)|is in use|ReadWriteOncePod", re.I)
_DRIVER = Pattern(
    r"driver name (\S+) not found in the list of registered CSI drivers|CSINode \S+ does not contain driver (\S+)"
)
_HOST_PATH = Pattern(
    r"hostPath type check failed: (\S+)|initialization failed for volume \"[^\"]+\" : path \"([^\"]+)\" does not exist"
)
_VOLUME = Pattern(r'for volume "([^"]+)"|unmounted volumes=\[([^\]]*)\]|for volumeMount "([^"]+)"')
_SUBPATH = Pattern(
    r"failed to (?:prepare|create) subPath|subPath.*(?:not found|no such file)|^missing value for \"", re.I | re.S
)
_COLLIDES = Pattern(
    r"mounting .*?to rootfs at \\?\"([^\"\\]+)\\?\".*?(?:not a directory|is a directory)"
    r"|not a directory.*Are you trying to mount a directory", re.I | re.S,
)  # fmt: skip
_NAMED_ELSEWHERE = Pattern(
    r"(?:configmap|secret)s? \"[^\"]+\" not found|references non-existent|object \"[^\"]+\"/\"[^\"]+\" not registered"
    r"|persistentvolumeclaim \"[^\"]+\" not found", re.I,
)  # fmt: skip
"""What other families tell with the object that is missing."""


def find(cluster: Cluster) -> Iterator[Cause]:
    """What events say of volumes, then what containers say that were to be started with them."""
    for pod in cluster.all("Pod"):
        if not is_ready(pod) and words(pod, "status.phase") not in ("Succeeded", "Failed"):
            yield from _mounts(cluster, pod)
            for item in of_pod(pod):
                if not item.ready:
                    yield from _starts(cluster, item)


def _mounts(cluster: Cluster, pod: Object) -> Iterator[Cause]:
    node = words(pod, "spec.nodeName") or "(unknown)"
    reasons = ("FailedMount", "FailedAttachVolume", "FailedMapVolume", "Failed", "FailedScheduling")
    for event in cluster.events(pod, *reasons):
        said = event.message
        if (event.reason == "Failed" and not _SUBPATH.search(said)) or (
            event.reason == "FailedScheduling" and not ("ReadWriteOncePod" in said and not words(pod, "spec.nodeName"))
        ):
            continue
        found = _VOLUME.search(said)
        volume = next(iter((found[1] or found[2] or found[3] or "").split()), "") if found else ""
        key, field = cluster.mend(pod, f"volumes[{_index(cluster, pod, volume)}]")

        def cause(kind: CauseType, field: str = field, **values: Any) -> Cause:
            return kind.of(key, field, "high", touches=[key_of(pod)], quotes=[event.line()], at=event.last, **values)  # noqa: B023 -- used at once

        if _OCCUPIED.search(said):
            yield cause(OCCUPIED, why=said)
        elif match := _DRIVER.search(said):
            yield cause(DRIVER, name=match[1] or match[2], node=node)
        elif match := _HOST_PATH.search(said):
            yield cause(HOST_PATH, field=f"{field}.hostPath" if match[1] else field, path=match[1] or match[2], node=node)
        elif _SUBPATH.search(said):
            yield cause(SUBPATH, container=_of_sub_path(pod), why=said)
        elif not _NAMED_ELSEWHERE.search(said):
            yield cause(MOUNT, volume=volume or "(see the event)", why=said, node=node)


def _starts(cluster: Cluster, item: Container) -> Iterator[Cause]:
    """The runtime's words at the start: they stand in the container's state, also where the events are gone."""
    said = item.message or item.last_words
    if match := _COLLIDES.search(said):
        mounts = parts(item.spec, "volumeMounts")
        index = next((index for index, mount in enumerate(mounts) if words(mount, "mountPath") == match[1]), None)
        field = f"volumeMounts[{'' if index is None else index}].mountPath"
        yield _cause(cluster, COLLIDES, item, field, path=match[1] or "(see the quote)")
    elif _SUBPATH.search(said):
        yield _cause(cluster, SUBPATH, item, "volumeMounts[].subPath", why=said)


def _cause(cluster: Cluster, kind: CauseType, item: Container, field: str, **values: Any) -> Cause:
    key, way = item.mend(cluster, field)
    quotes = [item.state(), item.end()]
    return kind.of(key, way, "high", touches=[key_of(item.pod)], quotes=quotes, at=item.ended_at, container=item.name, **values)


def _of_sub_path(pod: Object) -> str:
    return next(
        (
            words(item, "name")
            for item in parts(pod, "spec.containers")
            if any("subPath" in mount for mount in parts(item, "volumeMounts"))
        ),
        "",
    )


def _index(cluster: Cluster, pod: Object, volume: str) -> str:
    """Where the volume stands in the pod: events name it as the pod does, or as the PersistentVolume behind its claim."""
    for index, item in enumerate(parts(pod, "spec.volumes")):
        claim: Key = ("PersistentVolumeClaim", space_of(pod), words(item, "persistentVolumeClaim.claimName"))
        if volume and volume in (words(item, "name"), words(cluster.get(*claim) or {}, "spec.volumeName")):
            return str(index)
    return ""
