"""Objects out of text: what `kubectl describe` and the tables of `kubectl get` tell; less than objects, but often all."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from mcp_server.cluster.described import described
from mcp_server.cluster.world import SAID, LogText

_PROMPT = re.compile(
    r"(?:\S{0,60}[ ~]{0,3}\S{0,60}[$#%>➜❯] {0,3})?(?:sudo )?(?:kubectl|k|oc) +(?:-\S+ +\S+ +)?"
    r"(?:get|describe|logs?|events|top|apply|create)\b|```"
)
"""A command line, with a prompt before it or none; the end of a fenced block."""
_COMMAND = re.compile(r"\b(?:kubectl|k|oc)\b[^\n]*?(?:\s-n[ =]?|\s--namespace[ =])([a-z0-9-]+)")
_HEADER = re.compile(r"^(?:NAMESPACE\s+)?(?:NAME\s+\S|LAST SEEN\s|LASTSEEN\s|FIRST ?SEEN\s)", re.M)
_CELL = re.compile(r"\S+(?: \S+)*")
_TYPES = {
    "po": "Pod",
    "pod": "Pod",
    "svc": "Service",
    "service": "Service",
    "deploy": "Deployment",
    "deployment": "Deployment",
    "deployment.apps": "Deployment",
    "rs": "ReplicaSet",
    "replicaset": "ReplicaSet",
    "replicaset.apps": "ReplicaSet",
    "sts": "StatefulSet",
    "statefulset": "StatefulSet",
    "statefulset.apps": "StatefulSet",
    "ds": "DaemonSet",
    "daemonset": "DaemonSet",
    "daemonset.apps": "DaemonSet",
    "job": "Job",
    "job.batch": "Job",
    "cronjob": "CronJob",
    "cronjob.batch": "CronJob",
    "node": "Node",
    "pvc": "PersistentVolumeClaim",
    "persistentvolumeclaim": "PersistentVolumeClaim",
    "persistentvolume": "PersistentVolume",
    "ingress": "Ingress",
    "ingress.networking.k8s.io": "Ingress",
    "horizontalpodautoscaler": "HorizontalPodAutoscaler",
    "endpoints": "Endpoints",
    "horizontalpodautoscaler.autoscaling": "HorizontalPodAutoscaler",
    "configmap": "ConfigMap",
    "secret": "Secret",
    "namespace": "Namespace",
}
_WAITING = re.compile(
    r"(?:Init:)?(CrashLoopBackOff|ImagePullBackOff|ErrImagePull|ErrImageNeverPull|InvalidImageName|Create\w+Error"
    r"|RunContainerError|StartError|PodInitializing|ContainerCreating)"
)
_MADE = re.compile(r"(.+-[a-f0-9]{6,10})-[a-z0-9]{5}")
_NAME = re.compile(r"[a-z0-9][a-z0-9.:-]{0,252}")
_LOGS = re.compile(r"\b(?:kubectl|k|oc)\b(.*\slogs?\s.*)")
_VALUED = (
    "-n", "--namespace", "-c", "--container", "--tail", "--since", "-l", "--selector", "-o", "--output", "--sort-by", "-L",
    "--context", "--kubeconfig", "--cluster",
)  # fmt: skip
_FILTER = re.compile(r"\|| (?:-l|--selector|--field-selector)")
_COMMAND_CHARS = 500
"""Of a line, how much may be a command: what is searched for commands must not run long on what somebody writes."""
Row = dict[str, str]


@dataclass
class Told:
    """What a text holds: objects, kinds that are whole, and logs by the pod or workload that was asked for."""

    objects: list[dict[str, Any]] = field(default_factory=list)
    lists: set[tuple[str, str]] = field(default_factory=set)
    logs: list[LogText] = field(default_factory=list)


def read_text(text: str) -> Told:
    """What stands in it; nothing where it is none of kubectl's."""
    told = Told()
    objects, lists = told.objects, told.lists
    space = command = ""
    for part in _blocks(text):
        first, _, rest = part.partition("\n")
        first = first[:_COMMAND_CHARS]
        match = _COMMAND.search(first)
        space, block = (match[1], rest) if match else (space, part)
        commanded = bool(match or _PROMPT.match(first))
        command = first if commanded else command
        if _HEADER.match(block):
            found = list(_table(block, space or "default"))
            objects += found
            if not _narrowed(command):
                lists |= {(obj["kind"], obj["metadata"].get("namespace", "")) for obj in found if obj["kind"] != "Event"}
        elif re.match(r"Name:\s+\S", block):
            objects += described(block, space)
        elif rest.strip() and (asked := _LOGS.search(first)):
            told.logs += _log(asked[1], rest, space or "default")
        if rest.strip() or not commanded:  # it spoke for what stands right below it
            command = ""
    return told


def _narrowed(command: str) -> bool:
    """Whether it asked for some of a kind only: then what its table lacks may exist. No command: the table as it stands."""
    if _FILTER.search(command):
        return True
    words = command.partition(" get ")[2].split()
    values = {after for before, after in pairwise(words) if before in _VALUED}
    names = [word for word in words if not word.startswith("-") and word not in values]
    return len(names) > 1 or any("/" in name for name in names)


def _log(arguments: str, text: str, space: str) -> Iterator[LogText]:
    """The log that a pasted command asked for: `logs [-p] [-c CONTAINER] POD|KIND/NAME`."""
    words = arguments.split()
    values = {before: word for before, word in pairwise(words) if before in _VALUED}
    container = values.get("-c") or values.get("--container") or ""
    container = container or next((word.partition("=")[2] for word in words if word.startswith("--container=")), "")
    skipped = set(values.values())
    names = [word for word in words if not word.startswith("-") and word not in skipped and word not in ("logs", "log")]
    names = [word.rpartition("/")[2] for word in names if _NAME.fullmatch(word.rpartition("/")[2])]
    if names:
        previous = any(word in ("-p", "--previous", "--previous=true") for word in words)
        yield LogText(space, names[0], container or (names[1] if len(names) > 1 else ""), text, previous)


def _blocks(text: str) -> Iterator[str]:
    """Parts of a text that stand for themselves: a command line, a table, one described object."""
    current: list[str] = []
    for line in (whole[:SAID] for whole in text.splitlines()):
        head = line[:_COMMAND_CHARS]
        starts = bool(_COMMAND.search(head) or _PROMPT.match(head) or _HEADER.match(head) or re.match(r"Name:\s+\S", head))
        alone = len(current) == 1 and _COMMAND.search(current[0][:_COMMAND_CHARS])
        if starts and current and not alone:
            yield "\n".join(current)
            current = []
        current.append(line)
        if not line.strip() and current and _HEADER.match(current[0]):
            yield "\n".join(current)
            current = []
    if current:
        yield "\n".join(current)


def _table(block: str, space: str) -> Iterator[dict[str, Any]]:
    lines = [line for line in block.splitlines() if line.strip()]
    heads = [(match.start(), match[0]) for match in re.finditer(r"\S+(?: (?!\s)\S+)*", lines[0])]
    names = [name for _, name in heads]
    ends = [start for start, _ in heads[1:]] + [100_000]
    for line in lines[1:]:
        cells = re.split(r"\s{2,}", line.strip())
        row = {name: line[start:end].strip() for (start, name), end in zip(heads, ends, strict=True)}
        if len(cells) == len(names):  # also where a paste has moved the columns
            row = dict(zip(names, cells, strict=True))
        if len(_CELL.findall(line)) and not row.get("NAME") and "REASON" not in row:
            continue
        where = row.get("NAMESPACE") or space
        kind, _, name = row.get("NAME", "").rpartition("/")
        if "REASON" in names and ("OBJECT" in names or "KIND" in names):
            yield _event(row, where)
        elif made := _row(_TYPES.get(kind) or _guess(names), name, row, where):
            yield made


def _guess(names: list[str]) -> str:
    have = set(names)
    for kind, wanted in (
        ("Pod", {"READY", "STATUS", "RESTARTS"}),
        ("Service", {"CLUSTER-IP", "PORT(S)"}),
        ("Deployment", {"UP-TO-DATE", "AVAILABLE", "READY"}),
        ("DaemonSet", {"DESIRED", "CURRENT", "READY", "NODE SELECTOR"}),
        ("ReplicaSet", {"DESIRED", "CURRENT", "READY"}),
        ("Node", {"STATUS", "ROLES", "VERSION"}),
        ("PersistentVolumeClaim", {"STATUS", "VOLUME", "ACCESS MODES"}),
        ("Endpoints", {"ENDPOINTS"}),
        ("StorageClass", {"PROVISIONER"}),
        ("StatefulSet", {"READY", "AGE"}),
        ("Namespace", {"STATUS", "AGE"}),
        ("ConfigMap", {"DATA", "AGE"}),
    ):
        if wanted <= have:
            return "Secret" if kind == "ConfigMap" and "TYPE" in have else kind
    return ""


def _row(kind: str, name: str, row: Row, space: str) -> dict[str, Any] | None:
    obj: dict[str, Any] = {"kind": kind, "metadata": {"name": name, "namespace": space}}
    if not kind or not _NAME.fullmatch(name):
        return None
    if kind == "Pod":
        told = dict(part.split("=", 1) for part in row.get("LABELS", "").split(",") if "=" in part)
        obj["metadata"] |= {"labels": told} if told else {"untold": True}
        if match := _MADE.fullmatch(name):  # its owner is not told; the name tells
            obj["metadata"]["ownerReferences"] = [{"kind": "ReplicaSet", "name": match[1], "controller": True}]
        return obj | _pod(row)
    if kind == "Service":
        ports = [_port(text) for text in row["PORT(S)"].split(",") if _port(text)]
        selector = dict(part.split("=", 1) for part in row.get("SELECTOR", "").split(",") if "=" in part)
        return obj | {"spec": {"type": row["TYPE"], "clusterIP": row["CLUSTER-IP"], "ports": ports, "selector": selector}}
    if kind in ("Deployment", "StatefulSet"):
        ready, _, wanted = row["READY"].partition("/")
        if not (ready.isdecimal() and wanted.isdecimal()):
            return None
        updated = int(row["UP-TO-DATE"]) if row.get("UP-TO-DATE", "").isdecimal() else int(wanted)
        return obj | {"spec": {"replicas": int(wanted)}, "status": {"readyReplicas": int(ready), "updatedReplicas": updated}}
    if kind in ("DaemonSet", "ReplicaSet"):
        if not row["READY"].isdecimal():
            return None
        if kind == "ReplicaSet":
            return None  # its Deployment says the same
        return obj | {"status": {"desiredNumberScheduled": int(row["DESIRED"]), "numberReady": int(row["READY"])}}
    if kind == "Node":
        return _node(name, row)
    if kind == "PersistentVolumeClaim":
        return obj | {
            "spec": {"storageClassName": row.get("STORAGECLASS", ""), "volumeName": row.get("VOLUME", "")},
            "status": {"phase": row["STATUS"]},
        }
    if kind == "StorageClass":
        return {"kind": kind, "metadata": {"name": name.split(maxsplit=1)[0]}, "provisioner": row["PROVISIONER"]}
    return obj if kind in ("Namespace", "ConfigMap", "Secret") else None


def _node(name: str, row: Row) -> dict[str, Any]:
    states = row["STATUS"].split(",")
    ready = {"Ready": "True", "NotReady": "False"}.get(states[0], "Unknown")
    return {
        "kind": "Node", "metadata": {"name": name}, "spec": {"unschedulable": "SchedulingDisabled" in states},
        "status": {"conditions": [{"type": "Ready", "status": ready, "message": f"STATUS {row['STATUS']}"}]},
    }  # fmt: skip


def _pod(row: Row) -> dict[str, Any]:
    status, (ready, _, wanted) = row["STATUS"], row["READY"].partition("/")
    restarts = re.match(r"\d+", row["RESTARTS"])
    waiting = _WAITING.search(status)
    up = ready == wanted and status == "Running"
    phase = {"Running": "Running", "Completed": "Succeeded", "Pending": "Pending", "Error": "Failed", "Evicted": "Failed"}.get(
        status, "Running" if waiting and "Init" not in status and "Image" not in status and "Creat" not in status else "Pending"
    )
    node = row.get("NODE", "")
    state: dict[str, Any] = {"name": "(of the pod)", "ready": up, "restartCount": int(restarts[0]) if restarts else 0}
    if waiting and waiting[1] not in ("ContainerCreating", "PodInitializing"):
        state["state"] = {"waiting": {"reason": waiting[1]}}
    if "OOMKilled" in status:
        state["lastState"] = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
    out: dict[str, Any] = {
        "spec": {} if node in ("", "<none>") else {"nodeName": node},
        "status": {
            "phase": phase,
            "conditions": [{"type": "Ready", "status": "True" if up else "False", "message": f"STATUS {status}"}],
            ("initContainerStatuses" if status.startswith("Init:") else "containerStatuses"): [state],
        },
    }
    if status == "Evicted":
        out["status"] |= {"reason": "Evicted", "message": "STATUS Evicted"}
    return out


def _port(text: str) -> dict[str, Any] | None:
    match = re.fullmatch(r"\s*(\d+)(?::(\d+))?/(TCP|UDP|SCTP)\s*", text)
    # where it leads is not told in a table
    return {"port": int(match[1]), "protocol": match[3], "targetPort": None} if match else None


def _event(row: Row, space: str) -> dict[str, Any]:
    kind, _, name = (row.get("OBJECT") or f"{row.get('KIND', '')}/{row.get('NAME', '')}").partition("/")
    count = re.search(r"x(\d+)", row.get("LAST SEEN", "") + row.get("COUNT", ""))
    within = row.get("SUBOBJECT", "")
    about = {"kind": _TYPES.get(kind.lower(), kind.capitalize()), "name": name, "namespace": space, "fieldPath": within}
    if about["kind"] in ("Node", "Namespace", "PersistentVolume"):
        about["namespace"] = ""
    return {
        "kind": "Event", "metadata": {"name": "told", "namespace": space}, "involvedObject": about, "reason": row["REASON"],
        "type": row.get("TYPE") or "Warning", "message": row.get("MESSAGE", ""), "count": int(count[1]) if count else 1,
    }  # fmt: skip
