"""Records the shop, healthy and broken, on the real control plane: python -m tests.cluster.record FOLDER

What a kubelet would say is patched by hand; everything else is what kube-apiserver, scheduler and controllers made of it.
"""

import copy
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mcp_server.cluster.slim import slim
from tests.cluster.faults import FAULTS
from tests.cluster.manifests import NODE_STATUS, SHOP, SYSTEM, node
from tests.kubernetes_cluster import Cluster, control_plane

LISTS = (
    "/api/v1/nodes", "/api/v1/persistentvolumes", "/api/v1/namespaces", "/apis/storage.k8s.io/v1/storageclasses",
    "/apis/networking.k8s.io/v1/ingressclasses", "/apis/scheduling.k8s.io/v1/priorityclasses",
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
)  # fmt: skip
SPACED = (
    "/api/v1/{}pods", "/api/v1/{}services", "/api/v1/{}endpoints", "/api/v1/{}configmaps", "/api/v1/{}secrets",
    "/api/v1/{}serviceaccounts", "/api/v1/{}persistentvolumeclaims", "/api/v1/{}resourcequotas", "/api/v1/{}limitranges",
    "/api/v1/{}events", "/apis/apps/v1/{}deployments", "/apis/apps/v1/{}replicasets", "/apis/apps/v1/{}statefulsets",
    "/apis/apps/v1/{}daemonsets", "/apis/batch/v1/{}jobs", "/apis/batch/v1beta1/{}cronjobs",
    "/apis/networking.k8s.io/v1/{}ingresses", "/apis/networking.k8s.io/v1/{}networkpolicies",
    "/apis/policy/v1beta1/{}poddisruptionbudgets", "/apis/autoscaling/v2beta2/{}horizontalpodautoscalers",
)  # fmt: skip


def make_ready(cluster: Cluster, space: str, skip: Callable[[dict[str, Any]], bool] = lambda pod: False) -> None:
    """Say of every scheduled pod that it runs and is ready."""
    for number, pod in enumerate(cluster.pods(space)):
        if not pod["spec"].get("nodeName") or skip(pod) or pod.get("status", {}).get("phase") == "Running":
            continue
        started = pod["metadata"]["creationTimestamp"]
        ready = [
            {"type": kind, "status": "True", "lastTransitionTime": started}
            for kind in ("Initialized", "Ready", "ContainersReady")
        ]
        cluster.patch_status(
            space,
            pod["metadata"]["name"],
            {
                "phase": "Running",
                "podIP": f"10.1.{len(space)}.{number + 10}",
                "podIPs": [{"ip": f"10.1.{len(space)}.{number + 10}"}],
                "startTime": started,
                "conditions": [*ready, {"type": "PodScheduled", "status": "True", "lastTransitionTime": started}],
                "containerStatuses": [
                    {
                        "name": item["name"],
                        "image": item["image"],
                        "imageID": "",
                        "ready": True,
                        "started": True,
                        "restartCount": 0,
                        "state": {"running": {"startedAt": started}},
                    }
                    for item in pod["spec"]["containers"]
                ],
            },
        )


def settle(cluster: Cluster, space: str, skip: Callable[[dict[str, Any]], bool] = lambda pod: False) -> None:
    """Wait until every Deployment has its pods, all of them say that they are ready, and the controllers have seen it."""

    def done() -> bool:
        make_ready(cluster, space, skip)
        found = cluster.call("GET", f"/apis/apps/v1/namespaces/{space}/deployments")["items"]
        return all(item["status"].get("observedGeneration") == item["metadata"]["generation"]
                   and item["status"].get("readyReplicas", 0) == item["spec"]["replicas"] for item in found) and all(
            pod["status"].get("phase") == "Running" for pod in cluster.pods(space)
        ) and all(
            item["status"]["numberReady"] == item["status"]["desiredNumberScheduled"] > 0
            for item in cluster.call("GET", f"/apis/apps/v1/namespaces/{space}/daemonsets")["items"]
        )  # fmt: skip

    cluster.until(done, f"the pods of {space} are ready", 40)


def dump(cluster: Cluster, path: Path) -> None:
    """All lists in one file, as one `kubectl get -o json` after the other writes them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    answers = (_stripped(cluster.call("GET", place.format(""))) for place in (*LISTS, *SPACED))
    path.write_text("".join(json.dumps(answer, separators=(",", ":"), sort_keys=True) + "\n" for answer in answers))


def _stripped(answer: dict[str, Any]) -> dict[str, Any]:
    """Reduced as every object is that is looked at; what the cluster makes for itself in other namespaces is left out."""
    kind = answer["kind"].removesuffix("List")
    few = ("Secret", "ServiceAccount", "Event")
    kept = [
        slim({"kind": kind, "apiVersion": answer["apiVersion"], **item})
        for item in answer["items"]
        if item["metadata"].get("namespace", "shop") == "shop"
        or (item["metadata"].get("namespace") == "kube-system" and kind not in few)
    ]
    return {"apiVersion": answer["apiVersion"], "kind": answer["kind"], "items": kept}


def prepare(cluster: Cluster) -> None:
    """Nodes and kube-system."""
    for name in ("n1", "n2"):
        cluster.create(node(name))
        beat(cluster, name)
    for obj in SYSTEM:
        cluster.create(copy.deepcopy(obj))
    settle(cluster, "kube-system")


def beat(cluster: Cluster, name: str) -> None:
    """The kubelet's word that its node is well."""
    from datetime import UTC, datetime

    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    status = copy.deepcopy(NODE_STATUS)
    for item in status["conditions"]:
        item |= {"lastHeartbeatTime": stamp, "lastTransitionTime": stamp}
    cluster.patch(f"/api/v1/nodes/{name}/status", {"status": status})


def record(folder: Path) -> None:
    """The healthy shop, then each fault in a shop of its own (the namespace is made anew)."""
    for name, fault in {"healthy": None, **FAULTS}.items():
        if (folder / f"{name}.json").exists():
            continue
        with tempfile.TemporaryDirectory(prefix="plane") as scratch, control_plane(Path(scratch)) as cluster:
            cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
            cluster.until(lambda: cluster.call("GET", "/api/v1/namespaces/shop/serviceaccounts/default"), "the default account")
            prepare(cluster)
            for obj in SHOP:
                cluster.create(copy.deepcopy(obj))
            settle(cluster, "shop")
            try:
                if fault is not None:
                    fault(cluster)
            except AssertionError as error:
                print(name, "was not seen:", error, flush=True)
                continue
            dump(cluster, folder / f"{name}.json")
            print(name, flush=True)


if __name__ == "__main__":
    record(Path(sys.argv[1]))
