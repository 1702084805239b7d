"""Faults that the real control plane shows without a kubelet: each changes the healthy shop and waits until it is seen."""

from collections.abc import Callable
from typing import Any

from tests.cluster.manifests import container, meta
from tests.kubernetes_cluster import Cluster

Fault = Callable[[Cluster], None]
_DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments"
_STRATEGIC = "application/strategic-merge-patch+json"


def _events(cluster: Cluster, reason: str, words: str = "") -> list[dict[str, Any]]:
    found = cluster.call("GET", "/api/v1/namespaces/shop/events")["items"]
    return [item for item in found if item["reason"] == reason and words in item["message"]]


def pod_spec(change: dict[str, Any], replicas: int | None = None, name: str = "api") -> Callable[[Cluster], None]:
    """Patch the pod template of a Deployment."""

    def fault(cluster: Cluster) -> None:
        spec: dict[str, Any] = {"template": {"spec": change}, "strategy": {"rollingUpdate": {"maxSurge": 4}}}
        spec |= {"replicas": replicas} if replicas else {}
        cluster.patch(f"{_DEPLOYMENTS}/{name}", {"spec": spec}, _STRATEGIC)

    return fault


def unschedulable(change: dict[str, Any], words: str, replicas: int | None = None) -> Fault:
    """Pods of `api` that the scheduler refuses with these words."""

    def fault(cluster: Cluster) -> None:
        pod_spec(change, replicas)(cluster)
        cluster.until(lambda: _events(cluster, "FailedScheduling", words), f"FailedScheduling {words}")

    return fault


def refused(change: Callable[[Cluster], None], words: str) -> Fault:
    """Pods of `worker`, of which two more are asked for, that the API server refuses with these words."""

    def fault(cluster: Cluster) -> None:
        change(cluster)
        cluster.patch(f"{_DEPLOYMENTS}/worker", {"spec": {"replicas": 3}})
        cluster.until(lambda: _events(cluster, "FailedCreate", words), f"FailedCreate {words}")
        cluster.until(lambda: any(
            item["type"] == "ReplicaFailure" for item in cluster.call("GET", f"{_DEPLOYMENTS}/worker")["status"]["conditions"]
        ), "ReplicaFailure")  # fmt: skip

    return fault


def made(*objects: dict[str, Any]) -> Callable[[Cluster], None]:
    """Objects that are there from now on."""

    def fault(cluster: Cluster) -> None:
        for obj in objects:
            cluster.create(obj)

    return fault


def patched(path: str, change: Any) -> Fault:
    """A merge patch."""

    def fault(cluster: Cluster) -> None:
        cluster.patch(path, change)

    return fault


def endpoints_gone(path: str, change: Any, name: str) -> Fault:
    """A change of a Service after which its endpoints are empty."""

    def fault(cluster: Cluster) -> None:
        cluster.patch(path, change)
        cluster.until(
            lambda: not cluster.call("GET", f"/api/v1/namespaces/shop/endpoints/{name}").get("subsets"), "no endpoints"
        )

    return fault


def tainted(cluster: Cluster) -> None:
    """Both nodes are tainted; a new pod finds none."""
    for name in ("n1", "n2"):
        cluster.patch(f"/api/v1/nodes/{name}", {"spec": {"taints": [{"key": "team", "value": "data", "effect": "NoSchedule"}]}})
    cluster.patch(f"{_DEPLOYMENTS}/worker", {"spec": {"replicas": 2}})
    cluster.until(lambda: _events(cluster, "FailedScheduling", "taint"), "FailedScheduling")


def cordoned(cluster: Cluster) -> None:
    """Both nodes are cordoned; a new pod finds none."""
    for name in ("n1", "n2"):
        cluster.patch(f"/api/v1/nodes/{name}", {"spec": {"unschedulable": True}})
    cluster.patch(f"{_DEPLOYMENTS}/worker", {"spec": {"replicas": 2}})
    cluster.until(lambda: _events(cluster, "FailedScheduling", "unschedulable"), "FailedScheduling")


def stuck(cluster: Cluster) -> None:
    """An image that does not exist, past the deadline of the rollout."""
    cluster.patch(f"{_DEPLOYMENTS}/api", {"spec": {"progressDeadlineSeconds": 3}})
    pod_spec({"containers": [{"name": "app", "image": "reg.io/shop/api:1.5-typo"}]})(cluster)

    def newest() -> list[dict[str, Any]]:
        return [pod for pod in cluster.pods("shop", "app=api") if pod["spec"]["containers"][0]["image"].endswith("typo")]

    pod = cluster.until(newest, "a pod of the new revision")[0]
    image = pod["spec"]["containers"][0]["image"]
    told = (
        f'rpc error: code = NotFound desc = failed to pull and unpack image "{image}": failed to resolve reference: not found'
    )
    cluster.patch_status("shop", pod["metadata"]["name"], {
        "phase": "Pending",
        "conditions": [{"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "unready: [app]"}],
        "containerStatuses": [{
            "name": "app", "image": image, "imageID": "", "ready": False, "started": False, "restartCount": 0,
            "state": {"waiting": {"reason": "ErrImagePull", "message": told}},
        }],
    })  # fmt: skip
    cluster.until(
        lambda: any(
            item.get("reason") == "ProgressDeadlineExceeded"
            for item in cluster.call("GET", f"{_DEPLOYMENTS}/api")["status"]["conditions"]
        ),
        "ProgressDeadlineExceeded",
        40,
    )


def claim(change: dict[str, Any], **more: Any) -> Fault:
    """A second claim, and a pod that waits for it."""

    def fault(cluster: Cluster) -> None:
        for obj in more.get("objects", ()):
            cluster.create(obj)
        spec = {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "local",
            "resources": {"requests": {"storage": "5Gi"}},
        } | change
        cluster.create({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta("extra"), "spec": spec})
        pod_spec({"volumes": [{"name": "extra", "persistentVolumeClaim": {"claimName": "extra"}}]}, name="worker")(cluster)
        cluster.until(lambda: _events(cluster, "FailedScheduling", "PersistentVolumeClaim"), "FailedScheduling")

    return fault


def volume(name: str, **spec: Any) -> dict[str, Any]:
    """A volume made by hand."""
    default = {
        "capacity": {"storage": "10Gi"},
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "local",
        "hostPath": {"path": "/srv"},
    }
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": meta(name, None), "spec": default | spec}


def job(cluster: Cluster) -> None:
    """A Job that is ended by its deadline."""
    cluster.create({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": meta("report"),
        "spec": {
            "activeDeadlineSeconds": 1,
            "template": {"spec": {"restartPolicy": "Never", "containers": [container("report", "reg.io/shop/report:1", 9300)]}},
        },
    })  # fmt: skip
    cluster.until(
        lambda: cluster.call("GET", "/apis/batch/v1/namespaces/shop/jobs/report").get("status", {}).get("conditions"),
        "Failed",
        40,
    )


def budget(cluster: Cluster) -> None:
    """A budget that lets no pod of `web` go."""
    cluster.patch("/apis/policy/v1beta1/namespaces/shop/poddisruptionbudgets/web", {"spec": {"minAvailable": 2}})
    path = "/apis/policy/v1beta1/namespaces/shop/poddisruptionbudgets/web"
    cluster.until(lambda: cluster.call("GET", path)["status"].get("desiredHealthy") == 2, "the budget is counted")


def scaler(cluster: Cluster) -> None:
    """An autoscaler for a Deployment that is not there."""
    path = "/apis/autoscaling/v1/namespaces/shop/horizontalpodautoscalers/worker"
    cluster.patch(path, {"spec": {"scaleTargetRef": {"name": "workers"}}})
    beta = "/apis/autoscaling/v2beta2/namespaces/shop/horizontalpodautoscalers/worker"
    cluster.until(lambda: any(
        item.get("reason") == "FailedGetScale" for item in cluster.call("GET", beta)["status"].get("conditions") or []
    ), "FailedGetScale", 60)  # fmt: skip


def zero(cluster: Cluster) -> None:
    """Somebody scaled `cache` to nothing."""
    cluster.patch(f"{_DEPLOYMENTS}/cache", {"spec": {"replicas": 0}})

    def gone() -> bool:
        for pod in cluster.pods("shop", "app=cache"):  # no kubelet confirms that it has ended
            cluster.call("DELETE", f"/api/v1/namespaces/shop/pods/{pod['metadata']['name']}?gracePeriodSeconds=0")
        return cluster.call("GET", f"{_DEPLOYMENTS}/cache")["status"].get("replicas", 0) == 0

    cluster.until(gone, "no pod of cache")


_TERMS: dict[str, Any] = {"labelSelector": {"matchLabels": {"app": "api"}}, "topologyKey": "kubernetes.io/hostname"}
_NOBODY: dict[str, Any] = {"labelSelector": {"matchLabels": {"app": "gpu-daemon"}}, "topologyKey": "kubernetes.io/hostname"}
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_WEBHOOK: dict[str, Any] = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingWebhookConfiguration",
    "metadata": meta("policy", None),
    "webhooks": [
        {
            "name": "pods.policy.test",
            "failurePolicy": "Fail",
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "clientConfig": {"service": {"name": "policy", "namespace": "shop"}, "caBundle": ""},
            "timeoutSeconds": 1,
            "rules": [
                {
                    "apiGroups": [""],
                    "apiVersions": ["v1"],
                    "operations": ["CREATE"],
                    "resources": ["pods"],
                    "scope": "Namespaced",
                }
            ],
            "namespaceSelector": {},
        }
    ],
}

FAULTS: dict[str, Fault] = {
    "request_too_large": unschedulable(
        {"containers": [{"name": "app", "resources": {"requests": {"cpu": "64"}}}]}, "Insufficient cpu"
    ),
    "cluster_full": unschedulable(
        {"containers": [{"name": "app", "resources": {"requests": {"cpu": "3"}}}]}, "Insufficient cpu", 6
    ),
    "node_selector_unmatched": unschedulable({"nodeSelector": {"kubernetes.io/hostname": "extra-node"}}, "node"),
    "node_affinity_unmatched": unschedulable(
        {
            "affinity": {
                "nodeAffinity": {
                    _REQUIRED: {
                        "nodeSelectorTerms": [{"matchExpressions": [{"key": "gpu", "operator": "In", "values": ["a100"]}]}]
                    }
                }
            }
        },
        "node",
    ),
    "anti_affinity_blocks": unschedulable({"affinity": {"podAntiAffinity": {_REQUIRED: [_TERMS]}}}, "anti-affinity", 3),
    "pod_affinity_unmatched": unschedulable({"affinity": {"podAffinity": {_REQUIRED: [_NOBODY]}}}, "affinity"),
    "topology_spread_blocks": unschedulable(
        {
            "topologySpreadConstraints": [
                {
                    "maxSkew": 1,
                    "topologyKey": "rack",
                    "whenUnsatisfiable": "DoNotSchedule",
                    "labelSelector": {"matchLabels": {"app": "api"}},
                }
            ]
        },
        "topology",
    ),
    "host_port_taken": unschedulable(
        {"containers": [{"name": "app", "ports": [{"name": "main", "containerPort": 9000, "hostPort": 9000}]}]}, "ports", 3
    ),
    "taint_not_tolerated": tainted,
    "node_cordoned": cordoned,
    "quota_exceeded": refused(
        made({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta("small"), "spec": {"hard": {"pods": "7"}}}),
        "exceeded quota",
    ),
    "quota_needs_resources": refused(
        made({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta("cpu"), "spec": {"hard": {"limits.cpu": "8"}}}),
        "must specify",
    ),
    "limit_range_violated": refused(
        made(
            {
                "apiVersion": "v1",
                "kind": "LimitRange",
                "metadata": meta("large"),
                "spec": {"limits": [{"type": "Container", "min": {"memory": "256Mi"}}]},
            }
        ),
        "minimum memory",
    ),
    "service_account_missing": refused(pod_spec({"serviceAccountName": "workers"}, name="worker"), "not found"),
    "webhook_without_backend": refused(made(_WEBHOOK), "failed calling webhook"),
    "service_selector_mismatch": endpoints_gone(
        "/api/v1/namespaces/shop/services/api", {"spec": {"selector": {"app": "api-server"}}}, "api"
    ),
    "service_target_port_mismatch": patched(
        "/api/v1/namespaces/shop/services/api", {"spec": {"ports": [{"name": "main", "port": 9000, "targetPort": 9999}]}}
    ),
    "service_named_port_missing": endpoints_gone(
        "/api/v1/namespaces/shop/services/web", {"spec": {"ports": [{"name": "main", "port": 80, "targetPort": "http"}]}}, "web"
    ),
    "scaled_to_zero": zero,
    "rollout_stuck": stuck,
    "rollout_paused": patched(
        f"{_DEPLOYMENTS}/api", {"spec": {"paused": True, "template": {"metadata": {"annotations": {"build": "77"}}}}}
    ),
    "claim_missing": unschedulable({"volumes": [{"name": "x", "persistentVolumeClaim": {"claimName": "date"}}]}, "not found"),
    "storage_class_missing": claim({"storageClassName": "fast-ssd"}),
    "access_mode_unavailable": claim({"accessModes": ["ReadWriteMany"]}, objects=[volume("spare")]),
    "volume_too_small": claim({"resources": {"requests": {"storage": "50Gi"}}}, objects=[volume("spare")]),
    "storage_class_mismatch": claim({"storageClassName": ""}, objects=[volume("spare")]),
    "job_deadline": job,
    "pdb_blocks_eviction": budget,
    "hpa_target_missing": scaler,
    "ingress_backend_missing": patched(
        "/apis/networking.k8s.io/v1/namespaces/shop/ingresses/shop",
        {
            "spec": {
                "rules": [
                    {
                        "host": "shop.test",
                        "http": {
                            "paths": [
                                {
                                    "path": "/",
                                    "pathType": "Prefix",
                                    "backend": {"service": {"name": "wep", "port": {"number": 80}}},
                                }
                            ]
                        },
                    }
                ]
            }
        },
    ),
    "network_policy_blocks_ingress": made(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": meta("deny-cache"),
            "spec": {"podSelector": {"matchLabels": {"app": "cache"}}, "policyTypes": ["Ingress"]},
        }
    ),
    "called_service_missing": lambda cluster: cluster.call("DELETE", "/api/v1/namespaces/shop/services/cache"),
}
