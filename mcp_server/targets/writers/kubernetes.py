"""Kubernetes: one patch or deletion, tried first as a server-side dry-run, bound to the object as it was planned on."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import JsonValue

from mcp_server.core.text import one_line
from mcp_server.core.writer import Doing, WriteFailed
from mcp_server.targets.kubernetes_resources import KNOWN
from mcp_server.targets.writers.kubernetes_drain import evict
from mcp_server.targets.writers.kubernetes_object import STRATEGIC, Held

RESTARTED = "kubectl.kubernetes.io/restartedAt"
_OWN = ("pod-template-hash",)


def _workload(arguments: Mapping[str, JsonValue], doing: Doing) -> Held:
    return Held(doing, str(arguments["resource"]), str(arguments["namespace"]), str(arguments["name"]))


def _restart(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    found = _workload(arguments, doing)
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    found.patch({"spec": {"template": {"metadata": {"annotations": {RESTARTED: stamp}}}}})
    return "the template was stamped anew: pods are replaced one after the other"


def _undo(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    """The template of a ReplicaSet, whole: what was added since goes, by a JSON patch of the template alone."""
    found = _workload(arguments, doing)
    # on the way back the ReplicaSet is named; what a revision's number goes to is another one by then
    name = str(arguments.get("replicaset") or doing.before.get("goes_to") or "")
    known = KNOWN["replicasets"]
    kept = found.read(known.path(known.versions[0], str(arguments["namespace"]), name))
    owners = (kept.get("metadata") or {}).get("ownerReferences") or []
    if not any(owner.get("uid") == found.uid for owner in owners):
        raise WriteFailed(f"ReplicaSet {one_line(name, 80)} belongs to another workload", sure=True)
    template = json.loads(json.dumps((kept.get("spec") or {}).get("template") or {}))
    for label in _OWN:
        (template.get("metadata") or {}).get("labels", {}).pop(label, None)
    body = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": found.version},
        {"op": "replace", "path": "/spec/template", "value": template},
    ]  # fmt: skip
    for dry in (True, False):
        found.wire.write("PATCH", found.path, body, doing, "application/json-patch+json", dry=dry)
    return f"the template is that of ReplicaSet {one_line(name, 120)}"


def _scale(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    found = _workload(arguments, doing)
    found.patch({"spec": {"replicas": arguments["replicas"]}})
    return f"{arguments['replicas']} replicas are wanted now"


def _image(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    found = _workload(arguments, doing)
    change = {"spec": {"template": {"spec": {"containers": [{"name": arguments["container"], "image": arguments["image"]}]}}}}
    found.patch(change, STRATEGIC)
    return "the template names the image: pods are replaced one after the other"


def _paused(value: bool) -> Any:
    def act(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
        found = _workload(arguments, doing)
        found.patch({"spec": {"paused": value}})
        return "the rollout is paused" if value else "the rollout goes on"

    return act


def _cordon(value: bool) -> Any:
    def act(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
        found = Held(doing, "nodes", None, str(arguments["node"]))
        found.patch({"spec": {"unschedulable": value or None}})
        return "nothing new is placed on the node" if value else "pods may be placed on the node again"

    return act


def _delete(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    found = Held(doing, "pods", str(arguments["namespace"]), str(arguments["pod"]))
    owners = (found.now.get("metadata") or {}).get("ownerReferences") or []
    if not any(owner.get("controller") is True and owner.get("kind") != "Node" for owner in owners):
        raise WriteFailed("the pod belongs to no controller: nothing would make it anew", sure=True)
    found.delete()
    return "the pod is being ended; its controller makes another"


VERBS: dict[str, Any] = {
    "restart_rollout": _restart,
    "undo_rollout": _undo,
    "scale_workload": _scale,
    "set_image": _image,
    "pause_rollout": _paused(True),
    "resume_rollout": _paused(False),
    "cordon_node": _cordon(True),
    "uncordon_node": _cordon(False),
    "evict_pods": evict,
    "delete_pod": _delete,
}
