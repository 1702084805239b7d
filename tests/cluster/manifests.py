"""A small shop as manifests: what the healthy recording and every broken one are made from."""

from typing import Any

Manifest = dict[str, Any]


def meta(name: str, space: str | None = "shop", labels: dict[str, str] | None = None) -> Manifest:
    """Metadata of an object."""
    out: Manifest = {"name": name}
    out |= {"namespace": space} if space else {}
    return out | ({"labels": labels} if labels else {})


def probe(path: str, port: int | str) -> Manifest:
    """An HTTP probe."""
    return {"httpGet": {"path": path, "port": port}, "periodSeconds": 10, "failureThreshold": 3}


def container(name: str, image: str, port: int, **more: Any) -> Manifest:
    """A container with one port and modest resources."""
    return {
        "name": name, "image": image, "ports": [{"name": "main", "containerPort": port}],
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}}, **more,
    }  # fmt: skip


def deployment(name: str, spec: Manifest, replicas: int = 1, space: str = "shop", **more: Any) -> Manifest:
    """A Deployment whose pods carry the label app=NAME."""
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta(name, space, {"app": name}),
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": spec}, **more,
        },
    }  # fmt: skip


def service(name: str, port: int, target: int | str, space: str = "shop", selector: dict[str, str] | None = None) -> Manifest:
    """A Service for the pods of the same name."""
    return {
        "apiVersion": "v1", "kind": "Service", "metadata": meta(name, space),
        "spec": {"selector": selector or {"app": name}, "ports": [{"name": "main", "port": port, "targetPort": target}]},
    }  # fmt: skip


def node(name: str, **more: Any) -> Manifest:
    """A node with 4 CPUs and 8 GiB; its status is patched, as a kubelet would."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": meta(name, None, {"kubernetes.io/hostname": name, "zone": "a"}),
        "spec": more,
    }


NODE_STATUS: Manifest = {
    "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}, "capacity": {"cpu": "4", "memory": "8Gi", "pods": "110"},
    "conditions": [
        {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status"},
        {"type": "MemoryPressure", "status": "False", "reason": "KubeletHasSufficientMemory", "message": "sufficient memory"},
        {"type": "DiskPressure", "status": "False", "reason": "KubeletHasNoDiskPressure", "message": "no disk pressure"},
        {"type": "PIDPressure", "status": "False", "reason": "KubeletHasSufficientPID", "message": "sufficient PID"},
    ],
}  # fmt: skip

COREFILE = (
    ".:53 {\n    errors\n    health\n    kubernetes cluster.local in-addr.arpa ip6.arpa {\n       pods insecure\n"
    "       fallthrough in-addr.arpa ip6.arpa\n    }\n    forward . /etc/resolv.conf\n    cache 30\n    loop\n    reload\n}\n"
)

SYSTEM: list[Manifest] = [
    deployment("coredns", {"containers": [container("coredns", "coredns:1.8", 53)]}, 1, "kube-system"),
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("coredns", "kube-system"), "data": {"Corefile": COREFILE}},
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta("kube-dns", "kube-system"),
        "spec": {
            "clusterIP": "10.0.0.10",
            "selector": {"k8s-app": "kube-dns"},
            "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}],
        },
    },
    {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": meta("kube-proxy", "kube-system"),
        "spec": {
            "selector": {"matchLabels": {"k8s-app": "kube-proxy"}},
            "template": {
                "metadata": {"labels": {"k8s-app": "kube-proxy"}},
                "spec": {
                    "containers": [{"name": "kube-proxy", "image": "kube-proxy:1.20"}],
                    "tolerations": [{"operator": "Exists"}],
                },
            },
        },
    },
]
SYSTEM[0]["spec"]["selector"]["matchLabels"] = {"k8s-app": "kube-dns"}
SYSTEM[0]["spec"]["template"]["metadata"]["labels"] = {"k8s-app": "kube-dns"}
SYSTEM[0]["spec"]["template"]["spec"]["containers"][0]["ports"] = [{"name": "dns", "containerPort": 53, "protocol": "UDP"}]

SHOP: list[Manifest] = [
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("settings"), "data": {"mode": "live", "theme": "dark"}},
    {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": meta("database"),
        "stringData": {"user": "shop", "password": "not-told"},
    },
    {"apiVersion": "v1", "kind": "Secret", "metadata": meta("shop-tls"), "stringData": {"tls.crt": "-", "tls.key": "-"}},
    {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta("api")},
    {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": meta("data-0", None),
        "spec": {
            "capacity": {"storage": "10Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "local",
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {"path": "/srv/data"},
        },
    },
    {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": meta("local", None),
        "provisioner": "kubernetes.io/no-provisioner",
    },
    {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": meta("data"),
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "local", "resources": {"requests": {"storage": "5Gi"}}},
    },
    deployment(
        "web",
        {
            "containers": [
                container(
                    "web",
                    "reg.io/shop/web:2.0",
                    8080,
                    readinessProbe=probe("/ready", 8080),
                    livenessProbe=probe("/live", "main"),
                    env=[{"name": "API_URL", "value": "http://api:9000"}],
                )
            ]
        },
        2,
    ),
    deployment(
        "api",
        {
            "serviceAccountName": "api",
            "containers": [
                container(
                    "app",
                    "reg.io/shop/api:1.4",
                    9000,
                    command=["/bin/api"],
                    readinessProbe=probe("/ready", 9000),
                    env=[
                        {"name": "DATABASE", "value": "db.shop.svc.cluster.local:5432"},
                        {"name": "CACHE_ADDR", "value": "cache:6379"},
                        {"name": "MODE", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "mode"}}},
                        {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "database", "key": "password"}}},
                    ],
                )
            ],
        },
        2,
    ),
    deployment("cache", {"containers": [container("cache", "redis:7", 6379, command=["cache-server"])]}),
    deployment("worker", {"containers": [container("worker", "reg.io/shop/worker:1.4", 9100, command=["/bin/worker"])]}),
    {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": meta("db"),
        "spec": {
            "replicas": 1,
            "serviceName": "db",
            "selector": {"matchLabels": {"app": "db"}},
            "template": {
                "metadata": {"labels": {"app": "db"}},
                "spec": {
                    "containers": [container("db", "postgres:15", 5432, volumeMounts=[{"name": "data", "mountPath": "/data"}])],
                    "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
                },
            },
        },
    },
    service("web", 80, "main"),
    service("api", 9000, 9000),
    service("cache", 6379, 6379),
    service("db", 5432, 5432),
    {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": meta("nginx", None),
        "spec": {"controller": "k8s.io/ingress-nginx"},
    },
    {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": meta("shop"),
        "spec": {
            "ingressClassName": "nginx",
            "tls": [{"hosts": ["shop.test"], "secretName": "shop-tls"}],
            "rules": [
                {
                    "host": "shop.test",
                    "http": {
                        "paths": [
                            {
                                "path": "/",
                                "pathType": "Prefix",
                                "backend": {"service": {"name": "web", "port": {"number": 80}}},
                            },
                            {
                                "path": "/api",
                                "pathType": "Prefix",
                                "backend": {"service": {"name": "api", "port": {"number": 9000}}},
                            },
                        ]
                    },
                }
            ],
        },
    },
    {
        "apiVersion": "policy/v1beta1",
        "kind": "PodDisruptionBudget",
        "metadata": meta("web"),
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
    },
    {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": meta("db"),
        "spec": {
            "podSelector": {"matchLabels": {"app": "db"}},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "api"}}}], "ports": [{"port": 5432}]}],
        },
    },
    {
        "apiVersion": "autoscaling/v1",
        "kind": "HorizontalPodAutoscaler",
        "metadata": meta("worker"),
        "spec": {
            "minReplicas": 1,
            "maxReplicas": 4,
            "targetCPUUtilizationPercentage": 80,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "worker"},
        },
    },
]
