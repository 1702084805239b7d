"""API versions that a later server does not know any more, and admission webhooks nobody stands behind."""

from collections.abc import Iterator

from mcp_server.cluster.cause import Cause, CauseType
from mcp_server.cluster.objects import key_of, kind_of, labels, name_of, parts, words
from mcp_server.cluster.world import Cluster, is_ready, template_labels

DEPRECATED = CauseType(
    code="api_deprecated",
    text="it is kept in {version}, which is gone from Kubernetes {gone}; {instead} takes its place",
    confirm="look at the manifest or chart it is applied from; the server converts what is stored, not what is applied",
    meaning="The next apply against a newer server fails.", severity="info",
)  # fmt: skip
HOOK = CauseType(
    code="webhook_without_backend",
    text="webhook {webhook} refuses whatever it is asked about, because Service {service} has no ready pod "
    "(failurePolicy Fail)",
    confirm="create such an object with server-side dry-run; see why the pods behind {service} are not ready",
    meaning="What its rules name can neither be created nor changed.",
    explains=("webhook_unreachable", "pods_not_created"),
)

# (group/version, kind) → (the release that no longer serves it, what serves it now)
_GONE = {
    ("extensions/v1beta1", "Ingress"): ("1.22", "networking.k8s.io/v1"),
    ("networking.k8s.io/v1beta1", "Ingress"): ("1.22", "networking.k8s.io/v1"),
    ("extensions/v1beta1", "Deployment"): ("1.16", "apps/v1"),
    ("apps/v1beta1", "Deployment"): ("1.16", "apps/v1"),
    ("apps/v1beta2", "Deployment"): ("1.16", "apps/v1"),
    ("apps/v1beta1", "StatefulSet"): ("1.16", "apps/v1"),
    ("apps/v1beta2", "StatefulSet"): ("1.16", "apps/v1"),
    ("extensions/v1beta1", "DaemonSet"): ("1.16", "apps/v1"),
    ("apps/v1beta2", "DaemonSet"): ("1.16", "apps/v1"),
    ("extensions/v1beta1", "ReplicaSet"): ("1.16", "apps/v1"),
    ("extensions/v1beta1", "NetworkPolicy"): ("1.16", "networking.k8s.io/v1"),
    ("batch/v1beta1", "CronJob"): ("1.25", "batch/v1"),
    ("policy/v1beta1", "PodDisruptionBudget"): ("1.25", "policy/v1"),
    ("policy/v1beta1", "PodSecurityPolicy"): ("1.25", "Pod Security Admission"),
    ("discovery.k8s.io/v1beta1", "EndpointSlice"): ("1.25", "discovery.k8s.io/v1"),
    ("events.k8s.io/v1beta1", "Event"): ("1.25", "events.k8s.io/v1"),
    ("autoscaling/v2beta1", "HorizontalPodAutoscaler"): ("1.25", "autoscaling/v2"),
    ("autoscaling/v2beta2", "HorizontalPodAutoscaler"): ("1.26", "autoscaling/v2"),
    ("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition"): ("1.22", "apiextensions.k8s.io/v1"),
    ("admissionregistration.k8s.io/v1beta1", "ValidatingWebhookConfiguration"): ("1.22", "admissionregistration.k8s.io/v1"),
    ("admissionregistration.k8s.io/v1beta1", "MutatingWebhookConfiguration"): ("1.22", "admissionregistration.k8s.io/v1"),
    ("rbac.authorization.k8s.io/v1beta1", "Role"): ("1.22", "rbac.authorization.k8s.io/v1"),
    ("rbac.authorization.k8s.io/v1beta1", "RoleBinding"): ("1.22", "rbac.authorization.k8s.io/v1"),
    ("rbac.authorization.k8s.io/v1beta1", "ClusterRole"): ("1.22", "rbac.authorization.k8s.io/v1"),
    ("rbac.authorization.k8s.io/v1beta1", "ClusterRoleBinding"): ("1.22", "rbac.authorization.k8s.io/v1"),
    ("storage.k8s.io/v1beta1", "StorageClass"): ("1.22", "storage.k8s.io/v1"),
    ("storage.k8s.io/v1beta1", "CSIDriver"): ("1.22", "storage.k8s.io/v1"),
    ("scheduling.k8s.io/v1beta1", "PriorityClass"): ("1.22", "scheduling.k8s.io/v1"),
    ("coordination.k8s.io/v1beta1", "Lease"): ("1.22", "coordination.k8s.io/v1"),
    ("certificates.k8s.io/v1beta1", "CertificateSigningRequest"): ("1.22", "certificates.k8s.io/v1"),
    ("flowcontrol.apiserver.k8s.io/v1beta2", "FlowSchema"): ("1.29", "flowcontrol.apiserver.k8s.io/v1"),
    ("storage.k8s.io/v1beta1", "CSIStorageCapacity"): ("1.27", "storage.k8s.io/v1"),
    ("node.k8s.io/v1beta1", "RuntimeClass"): ("1.25", "node.k8s.io/v1"),
}


def find(cluster: Cluster) -> Iterator[Cause]:
    """Objects by the version they were applied or managed in; webhooks by the pods behind them."""
    for obj in cluster.objects:
        kind = kind_of(obj)
        # a stored object is served in whatever version it is asked for: only a manifest says what is applied
        used = [
            "" if words(obj, "metadata.uid") else words(obj, "apiVersion"),
            labels(obj, "metadata.annotations").get("veteran/applied-version", ""),
        ]
        version = next((item for item in used if (item, kind) in _GONE), "")
        if version:
            gone, instead = _GONE[version, kind]
            yield DEPRECATED.on(
                obj, "apiVersion", "high" if version == used[1] else "medium", version=version, gone=gone, instead=instead
            )
    for kind in ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"):
        for config in cluster.all(kind):
            for index, hook in enumerate(parts(config, "webhooks")):
                space, name = words(hook, "clientConfig.service.namespace"), words(hook, "clientConfig.service.name")
                service = cluster.get("Service", space, name)
                if (
                    not name
                    or words(hook, "failurePolicy") == "Ignore"
                    or not cluster.knows("Pod", space)
                    or not cluster.knows("Service", space)
                ):
                    continue
                selector = labels(service, "spec.selector") if service is not None else {}
                pods = cluster.selected(space, selector)
                if (service is not None and not selector) or any(map(is_ready, pods)):
                    continue
                makers = [
                    maker
                    for maker in cluster.makers_in(space)
                    if selector and all(template_labels(maker).get(key) == value for key, value in selector.items())
                ]
                yield HOOK.on(
                    config,
                    f"webhooks[{index}].clientConfig.service",
                    "high",
                    webhook=words(hook, "name") or name_of(config),
                    service=f"{space}/{name}",
                    touches=[("Service", space, name), *map(key_of, pods), *map(key_of, makers)],
                )
