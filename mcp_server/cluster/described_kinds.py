"""Services, workloads, nodes, claims, autoscalers and Ingresses out of `kubectl describe`."""

import re
from collections.abc import Callable
from typing import Any

from mcp_server.cluster.described_pod import spec_of
from mcp_server.cluster.described_text import Node, pairs, rows

_ROUTE = re.compile(r"(?:([^\s/]\S*)\s{2,})?(/\S*)?\s*([a-z0-9][a-z0-9.-]*):([\w-]+) \(")
_ABSENT = re.compile(r'<error: (?:services|endpoints) "[^"]+" not found>')


def _service(top: Node) -> dict[str, Any]:
    """What it selects and where its ports lead; `untold` endpoints are those of the line that says that there are none."""
    ports: list[dict[str, Any]] = []
    for node in top.below:
        if node.key == "Port":
            match = re.search(r"(\d+)/(\w+)", node.value)
            if match:
                ports.append(
                    {"name": node.value.split()[0].replace("<unset>", ""), "port": int(match[1]), "protocol": match[2]}
                )
        elif node.key == "TargetPort" and ports:
            target = node.value.partition("/")[0]
            ports[-1]["targetPort"] = int(target) if target.isdecimal() else target
    return {
        "spec": {
            "type": top.text("Type"),
            "clusterIP": top.text("IP"),
            "selector": pairs(top.lines("Selector")),
            "ports": ports,
            "toldEmpty": bool(top.get("Endpoints")) and not top.text("Endpoints"),
        }
    }


def _workload(top: Node) -> dict[str, Any]:
    inner = top.get("Pod Template") or Node("", "", 0)
    template = {"metadata": {"labels": pairs(inner.lines("Labels"))}, "spec": spec_of(inner)}
    numbers = {
        word: int(count)
        for count, word in re.findall(r"(\d+) (desired|updated|total|available|unavailable)", top.text("Replicas"))
    }
    status: dict[str, Any] = {}
    spec: dict[str, Any] = {"template": template, "selector": {"matchLabels": pairs(top.lines("Selector"))}}
    if "desired" in numbers:
        spec["replicas"] = numbers["desired"]
        status = {"readyReplicas": numbers.get("available", 0), "updatedReplicas": numbers.get("updated", numbers["desired"])}
    conditions = [row.key.split() for row in rows(top.get("Conditions"))]
    status["conditions"] = [
        {"type": row[0], "status": row[1], "reason": row[2] if len(row) > 2 else ""}
        for row in conditions
        if len(row) >= 2 and row[0] != "Type"
    ]
    return {"spec": spec, "status": status}


def _set(top: Node) -> dict[str, Any]:
    """A ReplicaSet: `Replicas: 0 current / 3 desired`."""
    out = _workload(top)
    if match := re.match(r"(\d+) current / (\d+) desired", top.text("Replicas")):
        out["spec"]["replicas"] = int(match[2])
        out["status"]["replicas"] = int(match[1])
    return out


def _job(top: Node) -> dict[str, Any]:
    """A Job: `Pods Statuses: 0 Active (0 Ready) / 0 Succeeded / 3 Failed`."""
    out = _workload(top)
    numbers = {
        word.lower(): int(count) for count, word in re.findall(r"(\d+) (Active|Succeeded|Failed)", top.text("Pods Statuses"))
    }
    for key, way in (("Backoff Limit", "backoffLimit"), ("Active Deadline Seconds", "activeDeadlineSeconds")):
        if match := re.match(r"(\d+)", top.text(key)):
            out["spec"][way] = int(match[1])
    out["status"] |= numbers
    return out


def _scaler(top: Node) -> dict[str, Any]:
    """A HorizontalPodAutoscaler: its target, bounds and conditions."""
    kind, _, name = top.text("Reference").partition("/")
    bounds = {
        way: int(top.text(key))
        for key, way in (("Min replicas", "minReplicas"), ("Max replicas", "maxReplicas"))
        if top.text(key).isdecimal()
    }
    pods = re.search(r"(\d+) current", next((node.value for node in top.below if node.key.endswith(" pods")), ""))
    status: dict[str, Any] = {"conditions": _conditions(top)} | ({"currentReplicas": int(pods[1])} if pods else {})
    return {"spec": {"scaleTargetRef": {"kind": kind, "name": name}, **bounds}, "status": status}


def _conditions(top: Node) -> list[dict[str, Any]]:
    """A table of Type, Status, Reason and Message, in which columns are two spaces apart."""
    found = []
    for line in (top.get("Conditions") or Node("", "", 0)).raw:
        cells = re.split(r"\s{2,}", line.strip(), maxsplit=3)
        if len(cells) >= 3 and cells[1] in ("True", "False", "Unknown"):
            found.append(
                {"type": cells[0], "status": cells[1], "reason": cells[2], "message": cells[3] if len(cells) > 3 else ""}
            )
    return found


def _ingress(top: Node) -> dict[str, Any]:
    """An Ingress: hosts stand alone or before their first path, backends as `NAME:PORT (addresses)`."""
    rules: list[dict[str, Any]] = []
    missing: list[str] = []
    section = top.get("Rules")
    for line in section.raw if section else ():
        match = _ROUTE.match(line)
        if match is None:
            if re.fullmatch(r"[\w.*-]+", line.strip()) and line.strip() not in ("Host", "----"):
                rules.append({"host": line.strip(), "http": {"paths": []}})
            continue
        if not rules or match[1]:
            rules.append({"host": "" if match[1] in (None, "*") else match[1], "http": {"paths": []}})
        if _ABSENT.match(line, match.end()):
            missing.append(match[3])
        port = {"number": int(match[4])} if match[4].isdecimal() else {"name": match[4]}
        rules[-1]["http"]["paths"].append({"path": match[2] or "/", "backend": {"service": {"name": match[3], "port": port}}})
    tls = [{"secretName": line.split()[0]} for line in top.lines("TLS") if "terminates" in line]
    spec: dict[str, Any] = {"rules": rules, "tls": tls, "toldMissing": missing}
    return {"spec": spec | ({"ingressClassName": top.text("Ingress Class")} if top.text("Ingress Class") else {})}


def _node(top: Node) -> dict[str, Any]:
    taints = []
    for line in top.lines("Taints"):
        text, _, effect = line.partition(":")
        key, _, value = text.partition("=")
        taints.append({"key": key, "value": value, "effect": effect.strip()})
    conditions = []
    for row in (top.get("Conditions") or Node("", "", 0)).raw:
        cells = re.split(r"\s{2,}", row.strip())
        if len(cells) >= 5 and cells[0] != "Type" and cells[1] in ("True", "False", "Unknown"):
            conditions.append({"type": cells[0], "status": cells[1], "reason": cells[-2], "message": cells[-1]})
    given = {node.key: node.value for node in (top.get("Allocatable") or Node("", "", 0)).below}
    return {
        "spec": {"taints": taints, "unschedulable": top.text("Unschedulable") == "true"},
        "status": {"conditions": conditions, "allocatable": given},
    }


def _claim(top: Node) -> dict[str, Any]:
    modes = {"RWO": "ReadWriteOnce", "ROX": "ReadOnlyMany", "RWX": "ReadWriteMany", "RWOP": "ReadWriteOncePod"}
    wanted = [modes.get(mode.strip(), mode.strip()) for mode in top.text("Access Modes").split(",") if mode.strip()]
    return {
        "spec": {"storageClassName": top.text("StorageClass"), "volumeName": top.text("Volume"), "accessModes": wanted},
        "status": {"phase": top.text("Status").split()[0] if top.text("Status") else ""},
    }  # fmt: skip


KINDS: dict[str, Callable[[Node], dict[str, Any]]] = {
    "Service": _service, "Node": _node, "PersistentVolumeClaim": _claim, "ReplicaSet": _set, "Job": _job, "Ingress": _ingress,
    "HorizontalPodAutoscaler": _scaler, "Deployment": _workload, "StatefulSet": _workload, "DaemonSet": _workload,
}  # fmt: skip
"""How each kind is read, but pods."""
