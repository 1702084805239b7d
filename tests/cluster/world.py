"""Cases of causes: the healthy shop as it was recorded, with the changes that a case names in few words.

spec       {app: {path: value}}      in the template of the workload and in its pods
states     {app: {container: {…}}}   what a kubelet says of the first pod's container: waiting, message, restarts, last, running
unready    [app]                     all its pods are not ready
unplaced   {app: message}            its first pod has no node, and the scheduler says why
events     [[Kind/name, reason, message, count?]]
logs, previous  {app: text}          of the first pod's first container
said       [[namespace, pod, container, text]]   of any pod, the run before
set        [[Kind/name, path, value]]
add        [object]                  namespace shop where it names none
remove     [Kind/name]               or Pod/app=NAME for all its pods
"""

import copy
import gzip
import json
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from mcp_server.cluster.dump import read_dump
from mcp_server.cluster.objects import kind_of, name_of, space_of
from mcp_server.cluster.world import ANY, Cluster, LogText

RECORDED = Path(__file__).parent / "recorded"
LATER = timedelta(minutes=10)
_WIDE = ("Node", "PersistentVolume", "StorageClass", "Namespace", "IngressClass", "PriorityClass", "APIService", "Certificate",
         "CertificateSigningRequest", "ValidatingWebhookConfiguration")  # fmt: skip
_COMPLETE = (
    "Pod",
    "Service",
    "Endpoints",
    "ConfigMap",
    "Secret",
    "ServiceAccount",
    "PersistentVolumeClaim",
    "Event",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "Node",
    "PersistentVolume",
    "StorageClass",
    "IngressClass",
    "Ingress",
    "Namespace",
)


@cache
def recorded(name: str) -> str:
    """The text of a recording."""
    return gzip.decompress((RECORDED / f"{name}.json.gz").read_bytes()).decode()


def cluster_of(name: str) -> Cluster:
    """A recording as it was, ten minutes after its newest time."""
    cluster = read_dump([(f"{name}.json", recorded(name))]).cluster()
    assert cluster.clock is not None
    return Cluster(cluster.objects, [], cluster.complete | {(kind, ANY) for kind in _COMPLETE}, cluster.clock + LATER)


@cache
def _healthy() -> tuple[str, datetime]:
    cluster = cluster_of("healthy")
    assert cluster.now is not None
    return json.dumps(cluster.objects), cluster.now


class World:
    """The healthy shop, changed."""

    def __init__(self) -> None:
        text, self.now = _healthy()
        self.objects: list[dict[str, Any]] = json.loads(text)
        self.logs: list[LogText] = []

    def change(self, what: dict[str, Any]) -> Cluster:
        """Apply the changes of a case, in the order in which the words stand in this module's description."""
        for app, values in (what.get("spec") or {}).items():
            for path, value in values.items():
                self._spec(app, path, value)
        for app, states in (what.get("states") or {}).items():
            self._states(self.pods(app)[0], states)
        for app in what.get("unready") or ():
            for pod in self.pods(app):
                _unready(pod)
            self._short(app, 0)
        for app, message in (what.get("unplaced") or {}).items():
            self._unplaced(app, message)
        for about, reason, message, *count in what.get("events") or ():
            self._event(about, reason, message, *count)
        for way, previous in (("logs", False), ("previous", True)):
            for app, text in (what.get(way) or {}).items():
                pod = self.pods(app)[0]
                self.logs.append(LogText("shop", name_of(pod), pod["spec"]["containers"][0]["name"], text, previous))
        for space, name, container, text in what.get("said") or ():
            self.logs.append(LogText(space, name, container, text, previous=True))
        for about, path, value in what.get("set") or ():
            _put(self.get(about), path, self._times(value))
        for obj in what.get("add") or ():
            self._add(obj)
        for about in what.get("remove") or ():
            self._remove(about)
        complete = {(kind, ANY) for kind in _COMPLETE} - {(kind, ANY) for kind in what.get("unseen") or ()}
        return Cluster(self.objects, self.logs, complete, self.now)

    def pods(self, app: str) -> list[dict[str, Any]]:
        """Pods of a workload, by their label."""
        labels = ({"app": app}, {"k8s-app": app})
        return sorted((obj for obj in self.objects if kind_of(obj) == "Pod" and obj["metadata"].get("labels") in
                       [{**label, **_hash(obj)} for label in labels]), key=name_of)  # fmt: skip

    def get(self, about: str) -> dict[str, Any]:
        """`Kind/name` of the shop or of the cluster, `Kind/namespace/name`, or `Pod/app=NAME`: the first."""
        kind, _, name = about.partition("/")
        if name.startswith("app="):
            return self.pods(name.removeprefix("app="))[0]
        space, _, name = name.rpartition("/")
        space = space or ("" if kind in _WIDE else "shop")
        return next(obj for obj in self.objects if (kind_of(obj), space_of(obj), name_of(obj)) == (kind, space, name))

    def _spec(self, app: str, path: str, value: Any) -> None:
        makers = [
            obj for obj in self.objects if name_of(obj) == app and kind_of(obj) in ("Deployment", "StatefulSet", "DaemonSet")
        ]
        for obj in makers:
            _put(obj, f"spec.template.spec.{path}", value)
        for pod in self.pods(app):
            _put(pod, f"spec.{path}", value)

    def _states(self, pod: dict[str, Any], states: dict[str, Any]) -> None:
        named: list[dict[str, Any]] = []
        phase = "Running"
        for name, told in states.items():
            if "waiting" in told:
                state: dict[str, Any] = {"waiting": {"reason": told["waiting"], "message": told.get("message", "")}}
                phase = "Running" if told["waiting"] == "CrashLoopBackOff" else "Pending"
            elif "ended" in told:
                state = {"terminated": _ended(told["ended"], self.now)}
            else:
                state = {"running": {"startedAt": _stamp(self.now - timedelta(seconds=told.get("running", 600)))}}
            status = {"name": name, "ready": bool(told.get("ready")), "restartCount": told.get("restarts", 0), "state": state}
            if "last" in told:
                status["lastState"] = {"terminated": _ended(told["last"], self.now)}
            named.append(status)
        inits = {item["name"] for item in pod["spec"].get("initContainers") or ()}
        ready = all(item["ready"] for item in named if item["name"] not in inits)
        if any(item["name"] in inits and not item["ready"] for item in named):
            phase, ready = "Pending", False
        pod["status"]["containerStatuses"] = [item for item in named if item["name"] not in inits]
        pod["status"]["initContainerStatuses"] = [item for item in named if item["name"] in inits]
        pod["status"]["phase"] = phase
        if not ready:
            _unready(pod)
            self._short(pod["metadata"]["labels"].get("app", ""), -1)

    def _short(self, app: str, ready: int) -> None:
        for obj in self.objects:
            if name_of(obj) == app and kind_of(obj) in ("Deployment", "StatefulSet"):
                before = obj["status"].get("readyReplicas", 0)
                obj["status"]["readyReplicas"] = max(0, before - 1) if ready < 0 else ready

    def _unplaced(self, app: str, message: str) -> None:
        pod = self.pods(app)[0]
        pod["spec"].pop("nodeName", None)
        unplaced = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
        pod["status"] = {"phase": "Pending", "conditions": [unplaced]}
        self._event(f"Pod/app={app}", "FailedScheduling", message)
        self._short(app, -1)

    def _event(self, about: str, reason: str, message: str, count: int = 3) -> None:
        try:
            obj = self.get(about)
            kind, space, name = kind_of(obj), space_of(obj), name_of(obj)
        except StopIteration:
            kind, _, name = about.partition("/")
            space = "shop"
        self.objects.append(
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": f"e{len(self.objects)}", "namespace": space or "default"},
                "involvedObject": {"kind": kind, "namespace": space, "name": name},
                "reason": reason,
                "message": message,
                "count": count,
                "type": "Normal"
                if reason in ("Pulling", "Scheduled", "Started", "ScalingReplicaSet", "WaitForFirstConsumer")
                else "Warning",
                "lastTimestamp": _stamp(self.now - timedelta(seconds=60)),
            }
        )

    def _add(self, obj: dict[str, Any]) -> None:
        obj = self._times(copy.deepcopy(obj))
        if isinstance(obj["metadata"], str):
            obj["metadata"] = {"name": obj["metadata"]}
        if kind_of(obj) not in _WIDE:
            obj["metadata"].setdefault("namespace", "shop")
        obj["metadata"].setdefault("uid", "u")
        self.objects.append(obj)

    def _remove(self, about: str) -> None:
        all_of = about.startswith("Pod/app=")
        gone = self.pods(about.removeprefix("Pod/app=")) if all_of else [self.get(about)]
        self.objects = [obj for obj in self.objects if not any(obj is item for item in gone)]

    def _times(self, value: Any) -> Any:
        """`-300s` is the moment 300 seconds ago."""
        if isinstance(value, dict):
            return {key: self._times(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._times(item) for item in value]
        if isinstance(value, str) and value.startswith(("-", "+")) and value.endswith("s") and value[1:-1].isdecimal():
            return _stamp(self.now + timedelta(seconds=int(value[:-1])))
        return value


def _hash(pod: dict[str, Any]) -> dict[str, str]:
    names = ("pod-template-hash", "controller-revision-hash", "statefulset.kubernetes.io/pod-name", "pod-template-generation")
    return {key: value for key, value in pod["metadata"].get("labels", {}).items() if key in names}


def _unready(pod: dict[str, Any]) -> None:
    kept = [item for item in pod["status"].get("conditions", []) if item["type"] not in ("Ready", "ContainersReady")]
    pod["status"]["conditions"] = [*kept, {"type": "Ready", "status": "False", "reason": "ContainersNotReady"}]
    for item in pod["status"].get("containerStatuses", []):
        item.setdefault("ready", False)


def _ended(told: dict[str, Any], now: datetime) -> dict[str, Any]:
    at = now - timedelta(seconds=told.get("ago", 60))
    return {
        "exitCode": told.get("exit", 1),
        "reason": told.get("reason", "Error"),
        "message": told.get("message", ""),
        "finishedAt": _stamp(at),
    }


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _put(node: Any, path: str, value: Any) -> None:
    parts = path.split(".")
    for part in parts[:-1]:
        node = node[int(part)] if isinstance(node, list) else node.setdefault(part.replace("~", "."), {})
    last = parts[-1].replace("~", ".")
    if isinstance(node, list):
        node[int(last)] = value
    elif value is None:
        node.pop(last, None)
    else:
        node[last] = value
