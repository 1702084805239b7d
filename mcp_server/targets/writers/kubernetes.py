"""Kubernetes: one patch or deletion, tried first as a server-side dry-run, bound to the object as it was planned on."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from weakref import finalize

from pydantic import JsonValue

from mcp_server.core.address import parse
from mcp_server.core.errors import CouldNotLook, VeteranError
from mcp_server.core.reader import Limits
from mcp_server.core.text import one_line
from mcp_server.core.writer import Doing, WriteFailed
from mcp_server.targets.kubernetes_config import server_of
from mcp_server.targets.kubernetes_resources import KNOWN
from mcp_server.targets.kubernetes_wire import Wire

RESTARTED = "kubectl.kubernetes.io/restartedAt"
_MERGE, _STRATEGIC = "application/merge-patch+json", "application/strategic-merge-patch+json"
_OWN = ("pod-template-hash",)


class WritingWire(Wire):
    """A wire that may also patch and delete the one object that a verb names."""

    def check(self, method: str, path: str) -> None:
        """See `Wire.check`."""
        if method not in ("PATCH", "DELETE"):
            super().check(method, path)

    def write(self, method: str, path: str, body: Any, doing: Doing, kind: str, *, dry: bool) -> None:
        """One request. Raises WriteFailed: nothing was changed where the server refused it."""
        query = {"dryRun": "All"} if dry else {}
        limits = Limits(doing.timeout_s, cancel=doing.cancel)
        try:
            status, answer = self.exchange(
                method, path, limits, "write", query=query, body=json.dumps(body).encode(), content=kind
            )
        except CouldNotLook as failure:
            raise WriteFailed(
                f"{failure.what}: {failure.detail}", sure=dry or failure.reason in ("unreachable", "refused")
            ) from None
        if status >= 300:
            raise WriteFailed(f"the server answered {status}: {_said(answer)}", sure=True)


def _said(body: bytes) -> str:
    try:
        told = json.loads(body)
    except ValueError:
        return one_line(body[:200].decode("utf8", "replace"), 200)
    return one_line(told.get("message") if isinstance(told, dict) else told, 300)


class _Object:
    """The one object that a verb acts on, read anew and compared with what was planned on."""

    def __init__(self, doing: Doing, resource: str, space: str | None, name: str) -> None:
        self.doing = doing
        try:
            self.wire = WritingWire(server_of(parse(doing.environment.target).parts[0]))
        except VeteranError as error:
            raise WriteFailed(error.sentence(), sure=True) from None
        finalize(self, self.wire.close)  # whatever becomes of the act
        known = KNOWN[resource]
        self.path = known.path(known.versions[0], space, name)
        self.now = self.read(self.path)
        meta = self.now.get("metadata") or {}
        if meta.get("uid") != doing.before.get("uid"):
            raise WriteFailed(f"{name} is another object than the one that was planned on", sure=True)
        self.version = str(meta.get("resourceVersion"))
        self.uid = str(meta.get("uid"))

    def read(self, path: str) -> Mapping[str, Any]:
        """An object as it is."""
        try:
            answer: Mapping[str, Any] = self.wire.json(
                path, Limits(self.doing.timeout_s, cancel=self.doing.cancel), "state before the act"
            )
        except VeteranError as error:
            raise WriteFailed(error.sentence(), sure=True) from None
        return answer

    def patch(self, change: Mapping[str, Any], kind: str = _MERGE, path: str = "") -> None:
        """Dry-run, then for good; both only while nobody else has written since it was read."""
        meta = dict(change.get("metadata") or {}) | {"resourceVersion": self.version}
        body = {**change, "metadata": meta}
        for dry in (True, False):
            self.wire.write("PATCH", path or self.path, body, self.doing, kind, dry=dry)

    def delete(self) -> None:
        """Dry-run, then for good, bound to this very object."""
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": self.uid, "resourceVersion": self.version},
        }
        for dry in (True, False):
            self.wire.write(
                "DELETE", self.path, body | ({"dryRun": ["All"]} if dry else {}), self.doing, "application/json", dry=dry
            )


def _workload(arguments: Mapping[str, JsonValue], doing: Doing) -> _Object:
    return _Object(doing, str(arguments["resource"]), str(arguments["namespace"]), str(arguments["name"]))


def _restart(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    found = _workload(arguments, doing)
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    found.patch({"spec": {"template": {"metadata": {"annotations": {RESTARTED: stamp}}}}})
    return "the template was stamped anew: pods are replaced one after the other"


def _undo(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    """The template of a ReplicaSet, whole: what was added since goes, by a JSON patch of the template alone."""
    found = _workload(arguments, doing)
    name = str(doing.before.get("goes_to") or arguments.get("replicaset") or "")
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
    found.patch(change, _STRATEGIC)
    return "the template names the image: pods are replaced one after the other"


def _paused(value: bool) -> Any:
    def act(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
        found = _workload(arguments, doing)
        found.patch({"spec": {"paused": value}})
        return "the rollout is paused" if value else "the rollout goes on"

    return act


def _cordon(value: bool) -> Any:
    def act(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
        found = _Object(doing, "nodes", None, str(arguments["node"]))
        found.patch({"spec": {"unschedulable": value or None}})
        return "nothing new is placed on the node" if value else "pods may be placed on the node again"

    return act


def _delete(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    found = _Object(doing, "pods", str(arguments["namespace"]), str(arguments["pod"]))
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
    "delete_pod": _delete,
}
