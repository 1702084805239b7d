"""Pods and pod templates out of `kubectl describe`: containers, probes, environment, mounts, volumes, states."""

import re
from typing import Any

from mcp_server.cluster.described_text import Node, pairs, rows

_PROBE = re.compile(r"(?:(http-get|tcp-socket|grpc|exec) (?:(https?)://\S*?:([\w-]+)(/\S*)?|\S*?:([\w-]+)|\[(.*?)\])) ?(.*)")
_TIMES = {
    "delay": "initialDelaySeconds",
    "timeout": "timeoutSeconds",
    "period": "periodSeconds",
    "#failure": "failureThreshold",
}
_FROM = re.compile(r"<set to the key '([^']+)' (?:of|in) (config map|secret) '([^']+)'>")


def pod(top: Node) -> dict[str, Any]:
    """Specification and status of a pod."""
    conditions = [
        {"type": node.key.split()[0], "status": node.key.split()[1]}
        for node in rows(top.get("Conditions"))
        if len(node.key.split()) == 2
    ]
    status: dict[str, Any] = {
        "phase": top.text("Status").split()[0] if top.text("Status") else "",
        "reason": top.text("Reason"),
        "message": top.text("Message"),
        "conditions": conditions,
        "podIP": top.text("IP"),
    }
    for section, way in (("Init Containers", "initContainerStatuses"), ("Containers", "containerStatuses")):
        found = top.get(section)
        status[way] = [_state(node) for node in found.below] if found else []
    return {"spec": spec_of(top), "status": status}


def spec_of(top: Node) -> dict[str, Any]:
    """Specification of a pod, or of a template."""
    spec: dict[str, Any] = {"nodeName": top.text("Node").partition("/")[0], "serviceAccountName": top.text("Service Account")}
    for section, way in (("Init Containers", "initContainers"), ("Containers", "containers")):
        found = top.get(section)
        spec[way] = [_container(node) for node in found.below] if found else []
    spec["nodeSelector"] = pairs(top.lines("Node-Selectors"))
    spec["tolerations"] = [_toleration(line) for line in top.lines("Tolerations")]
    spec["volumes"] = [_volume(node) for node in (top.get("Volumes") or top).below if node.get("Type")]
    # an older kubectl tells numbers of ports only: a name that is not told may be there
    spec["portNamesUntold"] = not any(port.get("name") for item in spec["containers"] for port in item["ports"]) or ""
    return {key: value for key, value in spec.items() if value not in ("", [], {})}


def _container(node: Node) -> dict[str, Any]:
    out: dict[str, Any] = {"name": node.key, "image": node.text("Image")}
    ports = (node.text("Ports") or node.text("Port")).split(",")
    out["ports"] = [
        {"containerPort": int(match[1]), "protocol": match[2], **({"name": match[3]} if match[3] else {})}
        for text in ports if (match := re.match(r"\s*(\d+)/(\w+)(?: \(([\w-]+)\))?", text))
    ]  # fmt: skip
    for section, way in (("Command", "command"), ("Args", "args")):
        if argv := [line for line in node.lines(section) if line]:
            out[way] = argv
    resources = {
        section.lower(): {item.key: item.value for item in found.below}
        for section in ("Limits", "Requests")
        if (found := node.get(section))
    }
    out["resources"] = resources
    for section, way in (("Liveness", "livenessProbe"), ("Readiness", "readinessProbe"), ("Startup", "startupProbe")):
        if probe := _probe(node.text(section)):
            out[way] = probe
    env = []
    for item in (node.get("Environment") or Node("", "", 0)).below:
        match = _FROM.search(item.value)
        if match:
            ref = "configMapKeyRef" if match[2] == "config map" else "secretKeyRef"
            optional = "Optional: true" in item.value
            env.append({"name": item.key, "valueFrom": {ref: {"name": match[3], "key": match[1], "optional": optional}}})
        else:
            env.append({"name": item.key, "value": item.value})
    return out | {
        key: value for key, value in (("env", env), ("envFrom", _sources(node)), ("volumeMounts", _mounts(node))) if value
    }


def _sources(node: Node) -> list[dict[str, Any]]:
    """`NAME  ConfigMap  Optional: false` below `Environment Variables from`."""
    found = []
    for line in node.lines("Environment Variables from"):
        if match := re.match(r"(\S+)\s+(ConfigMap|Secret)\b(.*)", line):
            way = "configMapRef" if match[2] == "ConfigMap" else "secretRef"
            found.append({way: {"name": match[1], "optional": "Optional: true" in match[3]}})
    return found


def _mounts(node: Node) -> list[dict[str, Any]]:
    """`/data from data (rw,path="x")`."""
    found: list[dict[str, Any]] = []
    for line in node.lines("Mounts"):
        if match := re.match(r"(\S+) from (\S+) \((r[ow])(?:,path=\"([^\"]*)\")?", line):
            mount: dict[str, Any] = {"mountPath": match[1], "name": match[2], "readOnly": match[3] == "ro"}
            found.append(mount | ({"subPath": match[4]} if match[4] else {}))
    return found


def _probe(text: str) -> dict[str, Any] | None:
    match = _PROBE.match(text)
    if match is None:
        return None
    port = match[3] or match[5] or ""
    number: int | str = int(port) if port.isdecimal() else port
    out: dict[str, Any] = {}
    if match[1] == "http-get":
        out["httpGet"] = {"port": number, "path": match[4] or "/", "scheme": (match[2] or "http").upper()}
    elif match[1] == "exec":
        out["exec"] = {"command": (match[6] or "").split()}
    else:
        out["grpc" if match[1] == "grpc" else "tcpSocket"] = {"port": number}
    for name, value in re.findall(r"(delay|timeout|period|#failure)=(\d+)", match[7] or ""):
        out[_TIMES[name]] = int(value)
    return out


def _state(node: Node) -> dict[str, Any]:
    state, last = node.get("State"), node.get("Last State")
    restarts = node.text("Restart Count")
    out: dict[str, Any] = {
        "name": node.key,
        "ready": node.text("Ready") == "True",
        "restartCount": int(restarts) if restarts.isdecimal() else 0,
        "image": node.text("Image"),
    }
    for way, found in (("state", state), ("lastState", last)):
        if found is not None and found.value in ("Waiting", "Terminated", "Running"):
            code = found.text("Exit Code")
            inner: dict[str, Any] = {"reason": found.text("Reason"), "message": " ".join(found.lines("Message"))}
            if code.lstrip("-").isdecimal():
                inner["exitCode"] = int(code)
            out[way] = {found.value.lower(): inner}
    return out


def _toleration(line: str) -> dict[str, Any]:
    text, effect = line.partition(" for ")[0], ""
    if ":" in text:
        text, effect = text.split(":", 1)
    key, mark, value = text.partition("=")
    exists = not mark or "op=Exists" in line
    return {
        "key": key,
        "operator": "Exists" if exists else "Equal",
        "value": "" if exists else value,
        "effect": effect.split()[0] if effect else "",
    }


def _volume(node: Node) -> dict[str, Any]:
    kind = node.text("Type").split()[0] if node.text("Type") else ""
    out: dict[str, Any] = {"name": node.key}
    optional = node.text("Optional") == "true"
    if kind == "PersistentVolumeClaim":
        out["persistentVolumeClaim"] = {"claimName": node.text("ClaimName")}
    elif kind == "ConfigMap":
        out["configMap"] = {"name": node.text("Name"), "optional": optional}
    elif kind == "Secret":
        out["secret"] = {"secretName": node.text("SecretName"), "optional": optional}
    return out
