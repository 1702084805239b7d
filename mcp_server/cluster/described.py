"""`kubectl describe`, read back: an object of the documented shape as far as the text tells it, and its events."""

import re
from collections.abc import Iterator
from typing import Any

from mcp_server.cluster.described_kinds import KINDS
from mcp_server.cluster.described_pod import pod
from mcp_server.cluster.described_text import Node, pairs, tree


def described(block: str, space: str) -> list[dict[str, Any]]:
    """The object and its events; the kind is told by the sections that only this kind has."""
    top = tree(block)
    name = top.text("Name").split()[0] if top.text("Name") else ""
    kind = _kind(top)
    if not name or not kind:
        return []
    where = "" if kind in ("Node", "PersistentVolume", "StorageClass") else top.text("Namespace") or space or "default"
    meta: dict[str, Any] = {"name": name, "namespace": where, "labels": pairs(top.lines("Labels"))}
    owner = top.text("Controlled By")
    if "/" in owner:
        meta["ownerReferences"] = [{"kind": owner.partition("/")[0], "name": owner.partition("/")[2], "controller": True}]
    obj: dict[str, Any] = {"kind": kind, "metadata": meta}
    obj |= pod(top) if kind == "Pod" else KINDS[kind](top)
    events = list(_events(block, kind, where, name))
    if kind == "Job":
        _ended(obj, events)
    return [obj, *events]


def _ended(job: dict[str, Any], events: list[dict[str, Any]]) -> None:
    """A Job's condition is not described; its events say the same."""
    for event in events:
        if event["reason"] in ("BackoffLimitExceeded", "DeadlineExceeded", "PodFailurePolicy"):
            told = {"type": "Failed", "status": "True", "reason": event["reason"], "message": event["message"]}
            job["status"]["conditions"].append(told)


def _kind(top: Node) -> str:
    keys = {node.key for node in top.below}
    if "Containers" in keys and ("Node" in keys or "QoS Class" in keys):
        return "Pod"
    for kind, wanted in (
        ("Service", {"IP", "Endpoints"}),
        ("Service", {"Port", "TargetPort"}),
        ("Node", {"Allocatable"}),
        ("PersistentVolumeClaim", {"Used By", "Volume"}),
        ("PersistentVolumeClaim", {"StorageClass", "Volume", "Access Modes"}),
        ("DaemonSet", {"Desired Number of Nodes Scheduled"}),
        ("StatefulSet", {"Update Strategy", "Replicas"}),
        ("Deployment", {"StrategyType"}),
        ("Job", {"Parallelism"}),
        ("ReplicaSet", {"Replicas", "Pods Status", "Pod Template"}),
        ("HorizontalPodAutoscaler", {"Reference", "Max replicas"}),
        ("Ingress", {"Default backend", "Rules"}),
    ):
        if wanted <= keys:
            return kind
    return ""


def _events(block: str, kind: str, space: str, name: str) -> Iterator[dict[str, Any]]:
    _, mark, told = block.partition("\nEvents:")
    for line in told.splitlines() if mark else ():
        first, *rest = line.split(maxsplit=2) or [""]
        columns = re.split(r"\s{2,}", rest[1], maxsplit=2) if len(rest) == 2 else []
        if first in ("Normal", "Warning") and len(columns) == 3:
            age, _, message = columns
            count = re.search(r"x(\d+)", age)
            yield {
                "kind": "Event",
                "metadata": {"name": "told", "namespace": space},
                "type": first,
                "reason": rest[0],
                "message": message.strip(),
                "count": int(count[1]) if count else 1,
                "involvedObject": {"kind": kind, "namespace": space, "name": name},
            }
