"""Recorded objects: what `kubectl get -o json|yaml`, `cluster-info dump` and support bundles leave behind, and plain text."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from mcp_server.cluster.objects import kind_of, mapping, name_of, space_of, words
from mcp_server.cluster.slim import slim
from mcp_server.cluster.world import ANY, Cluster, LogText

_PLURALS = {
    "pods": "Pod",
    "services": "Service",
    "deployments": "Deployment",
    "replicasets": "ReplicaSet",
    "statefulsets": "StatefulSet",
    "daemonsets": "DaemonSet",
    "jobs": "Job",
    "cronjobs": "CronJob",
    "events": "Event",
    "nodes": "Node",
    "endpoints": "Endpoints",
    "configmaps": "ConfigMap",
    "secrets": "Secret",
    "ingress": "Ingress",
    "ingresses": "Ingress",
    "namespaces": "Namespace",
    "pvcs": "PersistentVolumeClaim",
    "persistentvolumeclaims": "PersistentVolumeClaim",
    "pvs": "PersistentVolume",
    "persistentvolumes": "PersistentVolume",
    "storage-classes": "StorageClass",
    "storageclasses": "StorageClass",
    "network-policy": "NetworkPolicy",
    "networkpolicies": "NetworkPolicy",
    "serviceaccounts": "ServiceAccount",
    "resource-quota": "ResourceQuota",
    "resourcequotas": "ResourceQuota",
    "limitranges": "LimitRange",
    "pod-disruption-budgets": "PodDisruptionBudget",
    "poddisruptionbudgets": "PodDisruptionBudget",
    "hpa": "HorizontalPodAutoscaler",
    "horizontalpodautoscalers": "HorizontalPodAutoscaler",
    "leases": "Lease",
    "replicationcontrollers": "ReplicationController",
    "replication-controllers": "ReplicationController",
    "daemon-sets": "DaemonSet",
    "endpointslices": "EndpointSlice",
}
"""How files and folders are called that hold one kind."""
_ALWAYS = {"ConfigMap": "kube-root-ca.crt", "ServiceAccount": "default"}
"""What every namespace has: a list without it is no whole list."""
_START = re.compile(
    r"^==== START logs for container (\S+) of pod ([^/\s]+)/(\S+) ====\n(.*?)^==== END logs[^\n]*$", re.M | re.S
)
_SPACELESS = ("Node", "PersistentVolume", "StorageClass", "Namespace", "IngressClass", "PriorityClass", "CSIDriver")
MAX_OBJECTS = 200_000
LOG_CHARS = 65_536
"""Kept of each log."""


@dataclass
class Dump:
    """What was found. `unread` names files that hold neither objects, nor text of kubectl, nor a log."""

    objects: list[Mapping[str, Any]] = field(default_factory=list)
    logs: list[LogText] = field(default_factory=list)
    lists: set[tuple[str, str]] = field(default_factory=set)
    asked: list[LogText] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    texts: int = 0
    over: bool = False

    def cluster(self, now: datetime | None = None) -> Cluster:
        """The objects, and which kinds are whole."""
        known = {(kind_of(obj), space_of(obj), name_of(obj)) for obj in self.objects}
        complete = {
            (kind, space) for kind, space in self.lists
            if kind not in _ALWAYS or (kind, space, _ALWAYS[kind]) in known
        }  # fmt: skip
        complete |= {(kind, ANY) for kind, space in complete if kind in _SPACELESS}
        return Cluster(self.objects, self.logs, complete, now)


def read_dump(files: Iterable[tuple[str, str]]) -> Dump:
    """Every file by what it holds, whatever it is called; logs are matched to pods at the end, when all pods are known."""
    dump = Dump()
    left: list[tuple[str, str]] = []
    for name, text in files:
        before = len(dump.lists)
        if not _objects(name, text, dump) and len(dump.lists) == before and not _described(text, dump):
            left.append((name, text))
    pods = {name_of(obj): space_of(obj) for obj in dump.objects if kind_of(obj) == "Pod"}
    containers = {name_of(obj): [words(item, "name") for item in (*_list(obj, "initContainers"), *_list(obj, "containers"))]
                  for obj in dump.objects if kind_of(obj) == "Pod"}  # fmt: skip
    dump.logs += _placed(dump.asked, pods, containers)
    for name, text in left:
        log = _log(name, text, pods, containers)
        if log is not None:
            dump.logs.append(log)
        elif text.strip():
            dump.unread.append(name)
    return dump


def _list(pod: Mapping[str, Any], way: str) -> list[Mapping[str, Any]]:
    found = mapping(pod, "spec").get(way)
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def _objects(name: str, text: str, dump: Dump) -> bool:
    found = False
    if "==== START logs for container" in text:
        for match in _START.finditer(text):
            found = True
            dump.logs.append(LogText(match[2], match[3], match[1], _end(match[4])))
        text = _START.sub("", text)
    for document in documents(name, text):
        for obj in _unfold(name, document, dump):
            found = True
            if len(dump.objects) >= MAX_OBJECTS:
                dump.over = True
                return True
            dump.objects.append(slim(obj))
    return found


def documents(name: str, text: str) -> Iterator[Any]:
    """Every JSON or YAML document of a text; nothing for what is neither."""
    start = text.lstrip()[:1]
    if start in ("{", "["):
        decoder, at = json.JSONDecoder(), 0
        while at < len(text):
            while at < len(text) and text[at].isspace():
                at += 1
            if at >= len(text):
                return
            try:
                document, at = decoder.raw_decode(text, at)
            except (ValueError, RecursionError):
                break
            yield document
        if at:
            return
    if not re.search(r"^(?:- )?\s*(?:kind|items|apiVersion):", text, re.M):
        return
    yield from _yaml(text)


def _yaml(text: str) -> Iterator[Any]:
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]  # times stay text, as in JSON
        yaml_implicit_resolvers = {
            key: [item for item in found if item[0] != "tag:yaml.org,2002:timestamp"]
            for key, found in base.yaml_implicit_resolvers.items()
        }

    try:
        yield from yaml.load_all(text, Loader=Loader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return


def _unfold(name: str, node: Any, dump: Dump, inferred: str = "") -> Iterator[Mapping[str, Any]]:
    """The objects of a document: one, a list of a kind, or an array; the file's name tells the kind where nothing else does."""
    if isinstance(node, list):
        for item in node:
            yield from _unfold(name, item, dump, inferred or _kind_of_file(name))
        _whole(name, [item for item in node if isinstance(item, Mapping)], inferred or _kind_of_file(name), dump)
        return
    if not isinstance(node, Mapping):
        return
    kind, items = kind_of(node), node.get("items")
    if isinstance(items, list) and (kind.endswith("List") or not kind):
        inner = kind.removesuffix("List")
        version = node.get("apiVersion")
        told = []
        for item in items:
            if isinstance(item, Mapping):
                full = item if item.get("kind") else {"kind": inner or _kind_of_file(name), "apiVersion": version, **item}
                told.append(full)
                yield full
        _whole(name, told, inner or _kind_of_file(name), dump)
    elif kind and name_of(node):
        yield node
    elif inferred and name_of(node):
        yield {"kind": inferred, **node}


def _whole(name: str, items: list[Mapping[str, Any]], kind: str, dump: Dump) -> None:
    """A list is taken as all of its kind in the namespaces that it shows; an empty one in that of its folder or file."""
    if len(items) == 1 and not kind:
        return  # `kubectl get a b -o json` makes a list of what was named
    for item in items:
        dump.lists.add((kind_of(item) or kind, space_of(item)))
    if not items and kind:
        dump.lists.add((kind, _space_of_file(name) or (ANY if kind in _SPACELESS else "")))


def _kind_of_file(name: str) -> str:
    for part in reversed(re.split(r"[/\\]", name)):
        stem = part.partition(".")[0].lower()
        if stem in _PLURALS:
            return _PLURALS[stem]
        if stem.removesuffix("-list") in _PLURALS:
            return _PLURALS[stem.removesuffix("-list")]
    return ""


def _space_of_file(name: str) -> str:
    """`shop` of `shop/pods.json` and of `pods/shop.json`; empty where the name does not say."""
    pieces = re.split(r"[/\\]", name)
    stem, folder = pieces[-1].partition(".")[0], pieces[-2] if len(pieces) > 1 else ""
    if stem.lower() in _PLURALS:
        return folder
    return stem if folder.lower() in _PLURALS else ""


def _described(text: str, dump: Dump) -> bool:
    from mcp_server.cluster.told import read_text

    told = read_text(text)
    if told.objects or told.logs:
        dump.texts += 1
        dump.objects += [slim(obj) for obj in told.objects]
        dump.lists |= told.lists
        dump.asked += [replace(log, text=_end(log.text)) for log in told.logs]
    return bool(told.objects or told.logs)


def _placed(asked: Iterable[LogText], pods: Mapping[str, str], containers: Mapping[str, list[str]]) -> Iterator[LogText]:
    """Logs that were asked for by the name of a pod, or of a workload: then of one of its pods."""
    for log in asked:
        name = log.pod if log.pod in pods else next((pod for pod in sorted(pods) if pod.startswith(f"{log.pod}-")), "")
        if name:
            inner = containers.get(name, [])
            known = log.container if log.container in inner else inner[0] if len(inner) == 1 else ""
            yield LogText(pods[name], name, known or log.container, log.text, log.previous)


def _end(text: str) -> str:
    """The end of a log: causes stand there, and many look at it."""
    return text if len(text) <= LOG_CHARS else text[-LOG_CHARS:].partition("\n")[2]


def _log(name: str, text: str, pods: Mapping[str, str], containers: Mapping[str, list[str]]) -> LogText | None:
    """A log by the pod that its path names: the longest name wins, for one may begin with another."""
    path = name.replace("\\", "/")
    found = max((pod for pod in pods if pod and pod in path), key=len, default="")
    if not found:
        return None
    rest = path[path.rfind(found) + len(found) :]
    container = max(
        (item for item in containers.get(found, []) if item and re.search(rf"(?<![\w-]){re.escape(item)}(?![a-z0-9])", rest)),
        key=len,
        default="",
    )
    if not container and len(containers.get(found, [])) == 1:
        container = containers[found][0]
    return LogText(pods[found], found, container, _end(text), previous="previous" in rest.lower() or "prev" in rest.lower())
