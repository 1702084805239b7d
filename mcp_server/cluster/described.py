"""`kubectl describe`, read back: an object of the documented shape as far as the text tells it, and its events."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_LINE = re.compile(r"( *)([^\s:][^:]*):(?: +(.*)|$)")
_PROBE = re.compile(r"(?:(http-get|tcp-socket|grpc|exec) (?:(https?)://\S*?:([\w-]+)(/\S*)?|\S*?:([\w-]+)|\[(.*?)\])) ?(.*)")
_TIMES = {
    "delay": "initialDelaySeconds",
    "timeout": "timeoutSeconds",
    "period": "periodSeconds",
    "#failure": "failureThreshold",
}
_FROM = re.compile(r"<set to the key '([^']+)' (?:of|in) (config map|secret) '([^']+)'>")


@dataclass
class Node:
    """A line with what is indented below it."""

    key: str
    value: str
    depth: int
    below: list["Node"] = field(default_factory=list)
    rest: list[str] = field(default_factory=list)

    def get(self, key: str) -> "Node | None":
        """The child of that name."""
        return next((node for node in self.below if node.key == key), None)

    def text(self, key: str) -> str:
        """The value of a child; empty for `<none>` and where there is no such child."""
        found = self.get(key)
        return "" if found is None or found.value in ("<none>", "<unset>", "<unknown>") else found.value

    def lines(self, key: str) -> list[str]:
        """The value of a child and the lines that go on with it."""
        found = self.get(key)
        if found is None:
            return []
        inner = [f"{node.key}: {node.value}".strip() for node in found.below]
        return [line for line in (found.value, *found.rest, *inner) if line and line != "<none>"]


def described(block: str, space: str) -> list[dict[str, Any]]:
    """The object and its events; the kind is told by the sections that only this kind has."""
    top = _tree(block)
    name = top.text("Name").split()[0] if top.text("Name") else ""
    kind = _kind(top)
    if not name or not kind:
        return []
    where = "" if kind in ("Node", "PersistentVolume", "StorageClass") else top.text("Namespace") or space or "default"
    meta: dict[str, Any] = {"name": name, "namespace": where, "labels": _pairs(top.lines("Labels"))}
    owner = top.text("Controlled By")
    if "/" in owner:
        meta["ownerReferences"] = [{"kind": owner.partition("/")[0], "name": owner.partition("/")[2], "controller": True}]
    obj: dict[str, Any] = {"kind": kind, "metadata": meta}
    obj |= {"Pod": _pod, "Service": _service, "Node": _node, "PersistentVolumeClaim": _claim}.get(kind, _workload)(top)
    return [obj, *_events(block, kind, where, name)]


def _tree(block: str) -> Node:
    top = Node("", "", -1)
    way = [top]
    for line in block.split("\nEvents:", 1)[0].splitlines():
        if not line.strip():
            continue
        match = _LINE.fullmatch(line)
        depth = len(line) - len(line.lstrip())
        if match is None or (depth > 20 and way[-1].depth < depth - 8):
            way[-1].rest.append(line.strip())
            continue
        while len(way) > 1 and way[-1].depth >= depth:
            way.pop()
        node = Node(match[2].strip(), (match[3] or "").strip(), depth)
        way[-1].below.append(node)
        way.append(node)
    return top


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
    ):
        if wanted <= keys:
            return kind
    return ""


def _pairs(lines: list[str]) -> dict[str, str]:
    return dict(part.strip().split("=", 1) for line in lines for part in line.split(",") if "=" in part)


def _pod(top: Node) -> dict[str, Any]:
    spec = _spec(top)
    conditions = [
        {"type": node.key.split()[0], "status": node.key.split()[1]}
        for node in _rows(top.get("Conditions"))
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
    return {"spec": spec, "status": status}


def _rows(node: Node | None) -> Iterator[Node]:
    """Lines of a section that are a table, as nodes."""
    for line in node.rest if node else ():
        yield Node(" ".join(line.split()), "", 0)


def _spec(top: Node) -> dict[str, Any]:
    spec: dict[str, Any] = {"nodeName": top.text("Node").partition("/")[0], "serviceAccountName": top.text("Service Account")}
    for section, way in (("Init Containers", "initContainers"), ("Containers", "containers")):
        found = top.get(section)
        spec[way] = [_container(node) for node in found.below] if found else []
    spec["nodeSelector"] = _pairs(top.lines("Node-Selectors"))
    spec["tolerations"] = [_toleration(line) for line in top.lines("Tolerations")]
    spec["volumes"] = [_volume(node) for node in (top.get("Volumes") or top).below if node.get("Type")]
    return {key: value for key, value in spec.items() if value not in ("", [], {})}


def _container(node: Node) -> dict[str, Any]:
    out: dict[str, Any] = {"name": node.key, "image": node.text("Image")}
    ports = (node.text("Ports") or node.text("Port")).split(",")
    out["ports"] = [
        {"containerPort": int(match[1]), "protocol": match[2]} for text in ports if (match := re.match(r"\s*(\d+)/(\w+)", text))
    ]
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
    return out | ({"env": env} if env else {})


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
            inner: dict[str, Any] = {"reason": found.text("Reason"), "message": found.text("Message")}
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


def _service(top: Node) -> dict[str, Any]:
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
            "selector": _pairs(top.lines("Selector")),
            "ports": ports,
        }
    }


def _workload(top: Node) -> dict[str, Any]:
    inner = top.get("Pod Template") or Node("", "", 0)
    template = {"metadata": {"labels": _pairs(inner.lines("Labels"))}, "spec": _spec(inner)}
    numbers = {
        word: int(count)
        for count, word in re.findall(r"(\d+) (desired|updated|total|available|unavailable)", top.text("Replicas"))
    }
    status: dict[str, Any] = {}
    spec: dict[str, Any] = {"template": template, "selector": {"matchLabels": _pairs(top.lines("Selector"))}}
    if "desired" in numbers:
        spec["replicas"] = numbers["desired"]
        status = {"readyReplicas": numbers.get("available", 0), "updatedReplicas": numbers.get("updated", numbers["desired"])}
    conditions = [row.key.split() for row in _rows(top.get("Conditions"))]
    status["conditions"] = [
        {"type": row[0], "status": row[1], "reason": row[2] if len(row) > 2 else ""}
        for row in conditions
        if len(row) >= 2 and row[0] != "Type"
    ]
    return {"spec": spec, "status": status}


def _node(top: Node) -> dict[str, Any]:
    taints = []
    for line in top.lines("Taints"):
        text, _, effect = line.partition(":")
        key, _, value = text.partition("=")
        taints.append({"key": key, "value": value, "effect": effect.strip()})
    conditions = []
    for row in (top.get("Conditions") or Node("", "", 0)).rest:
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


def _events(block: str, kind: str, space: str, name: str) -> Iterator[dict[str, Any]]:
    _, mark, told = block.partition("\nEvents:")
    for line in told.splitlines() if mark else ():
        match = re.match(r"\s+(Normal|Warning)\s+(\S+)\s+(.+?)\s{2,}(\S+(?: \S+)*?)\s{2,}(.*)", line)
        if match:
            count = re.search(r"x(\d+)", match[3])
            yield {
                "kind": "Event",
                "metadata": {"name": "told", "namespace": space},
                "type": match[1],
                "reason": match[2],
                "message": match[5].strip(),
                "count": int(count[1]) if count else 1,
                "involvedObject": {"kind": kind, "namespace": space, "name": name},
            }
