"""Diagnosis of a cluster of 5,000 pods and 500 Services from recorded objects: time, memory, size of the answer.

Each figure comes from a process of its own, asked through the script's door, as a person or an assistant would ask.
`python -m bench.kubernetes`.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SERVICES, PODS_EACH, NODES = 500, 10, 100
_STAMP = "2026-11-20T10:00:00Z"


def _pod(name: str, space: str, app: str, number: int, sick: bool) -> dict[str, Any]:
    """A pod about as large as a real one."""
    env = [{"name": f"SETTING_{index}", "value": f"value {index} of {app}"} for index in range(12)]
    state: dict[str, Any] = {"running": {"startedAt": _STAMP}}
    if sick:
        state = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"}}
    times = {"lastTransitionTime": _STAMP}
    return {
        "metadata": {
            "name": name,
            "namespace": space,
            "uid": f"{number:032x}",
            "creationTimestamp": _STAMP,
            "labels": {"app": app, "tier": "backend"},
            "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{app}-7c9f8d6b5", "uid": "u", "controller": True}
            ],
            "managedFields": [
                {"manager": "kubelet", "operation": "Update", "time": _STAMP, "fieldsV1": {"f:status": {"f:conditions": {}}}}
            ],
        },
        "spec": {
            "nodeName": f"node-{number % NODES}",
            "serviceAccountName": "default",
            "restartPolicy": "Always",
            "containers": [
                {
                    "name": "app",
                    "image": f"reg.io/{app}:1.0",
                    "ports": [{"name": "http", "containerPort": 8080}],
                    "env": env,
                    "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
                    "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 10},
                    "volumeMounts": [
                        {"name": "token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": True}
                    ],
                }
            ],
            "volumes": [{"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}],
            "tolerations": [
                {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            ],
        },
        "status": {
            "phase": "Running",
            "podIP": f"10.{number // 62_500}.{number // 250 % 250}.{number % 250}",
            "startTime": _STAMP,
            "conditions": [
                {"type": kind, "status": "False" if sick and "Ready" in kind else "True", **times}
                for kind in ("Initialized", "Ready", "ContainersReady", "PodScheduled")
            ],
            "containerStatuses": [
                {
                    "name": "app",
                    "ready": not sick,
                    "restartCount": 9 if sick else 0,
                    "image": f"reg.io/{app}:1.0",
                    "state": state,
                    "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": _STAMP}} if sick else {},
                }
            ],
        },
    }


def write(folder: Path) -> int:
    """A recorded cluster, one workload in fifty of it broken; its size in bytes."""
    lists: dict[str, list[dict[str, Any]]] = {
        "Pod": [],
        "Service": [],
        "Deployment": [],
        "Endpoints": [],
        "Node": [],
        "Event": [],
    }
    for index in range(SERVICES):
        app, space, broken = f"app-{index}", f"team-{index % 25}", index % 50 == 0
        meta = {"name": app, "namespace": space, "creationTimestamp": _STAMP}
        pods = [_pod(f"{app}-7c9f8d6b5-{copy:05}", space, app, index * PODS_EACH + copy, broken) for copy in range(PODS_EACH)]
        lists["Pod"] += pods
        lists["Service"].append(
            {"metadata": meta, "spec": {"selector": {"app": app}, "ports": [{"port": 80, "targetPort": "http"}]}}
        )
        template = {
            "metadata": {"labels": {"app": app, "tier": "backend"}},
            "spec": {"containers": pods[0]["spec"]["containers"]},
        }
        ready = 0 if broken else PODS_EACH
        lists["Deployment"].append(
            {
                "metadata": {**meta, "generation": 1},
                "spec": {"replicas": PODS_EACH, "selector": {"matchLabels": {"app": app}}, "template": template},
                "status": {
                    "observedGeneration": 1,
                    "replicas": PODS_EACH,
                    "readyReplicas": ready,
                    "updatedReplicas": PODS_EACH,
                },
            }
        )
        addresses = [] if broken else [{"ip": pod["status"]["podIP"]} for pod in pods]
        lists["Endpoints"].append(
            {"metadata": meta, "subsets": [{"addresses": addresses, "ports": [{"port": 8080}]}] if addresses else []}
        )
        if broken:
            lists["Event"].append(
                {
                    "metadata": {"name": f"e{index}", "namespace": space},
                    "reason": "BackOff",
                    "type": "Warning",
                    "count": 40,
                    "lastTimestamp": _STAMP,
                    "message": "Back-off restarting failed container",
                    "involvedObject": {"kind": "Pod", "namespace": space, "name": pods[0]["metadata"]["name"]},
                }
            )
    for index in range(NODES):
        lists["Node"].append(
            {
                "metadata": {"name": f"node-{index}", "labels": {"kubernetes.io/hostname": f"node-{index}"}},
                "status": {
                    "allocatable": {"cpu": "16", "memory": "64Gi", "pods": "110"},
                    "conditions": [{"type": "Ready", "status": "True"}],
                },
            }
        )
    size = 0
    for kind, items in lists.items():
        text = json.dumps({"apiVersion": "v1", "kind": f"{kind}List", "items": items}, indent=1)
        (folder / f"{kind.lower()}s.json").write_text(text, encoding="utf8")
        size += len(text)
    return size


def rows() -> Iterator[tuple[str, str, str]]:
    """(what, figure, promise)."""
    with tempfile.TemporaryDirectory(prefix="kubernetes") as scratch:
        folder = Path(scratch, "dump")
        folder.mkdir()
        size = write(folder)
        seconds, memory, answer, causes = measured(folder, Path(scratch, "state"))
    size_text = f"{size / 1_048_576:.0f} MiB of JSON"
    yield f"cluster of 5,000 pods, 500 Services: diagnosis ({size_text})", f"{seconds:.1f} s", "<= 5 s, start included"
    yield f"cluster of 5,000 pods: memory ({causes} causes told)", f"{memory:.0f} MiB", "<= 400 MB"
    yield "cluster of 5,000 pods: size of the answer", f"{answer:,} characters", "< 6,000, cursor for the rest"


def measured(folder: Path, state: Path) -> tuple[float, float, int, int]:
    """(seconds, MiB, characters of the answer, causes found) of one question in a process of its own."""
    script = Path(__file__).resolve().parent.parent / "scripts/diagnostics/kubernetes_diagnosis.py"
    environment = os.environ | {"VETERAN_STATE_DIR": str(state), "VETERAN_LIMITS_LOOK_S": "60", "VETERAN_LIMITS_CALL_S": "60"}
    argv = [sys.executable, str(script), "--dump", str(folder)]
    began = time.perf_counter()
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment) as process:
        assert process.stdout is not None
        told = process.stdout.read().decode()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    if "FINDING" not in told:
        raise RuntimeError(f"no finding: {told[:500]}")
    return seconds, used.ru_maxrss / 1024, len(told), told.count("- critical:")


def main() -> None:
    """Print the figures."""
    for what, figure, promise in rows():
        print(f"  {what:<76}{figure:>18}   {promise}")


if __name__ == "__main__":
    main()
