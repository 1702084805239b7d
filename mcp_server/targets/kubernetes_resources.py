"""The resources of the API that are looked at: where each is served, in which versions, and who needs it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.text import one_line
from mcp_server.targets.kubernetes_wire import Wire


@dataclass(frozen=True)
class Resource:
    """One resource. `versions` are tried in order: an older server serves only an older one."""

    name: str
    kind: str
    versions: tuple[str, ...] = ("v1",)
    spaced: bool = True
    metadata: bool = False
    """Only its metadata are asked for."""
    optional: bool = False
    """Part of something that not every cluster has, or of little weight: not to be seen is no blind spot."""
    entrance: bool = False
    """Requests come in by it: where a cluster has it, not to be allowed to see it is a blind spot, as of an Ingress."""

    def may_fail(self, reason: str) -> bool:
        """Whether it is no blind spot that it was not seen for this reason."""
        return (self.optional and reason in ("missing", "denied")) or (self.entrance and reason == "missing")

    @property
    def group(self) -> str:
        """Its API group, empty for the core."""
        return self.versions[0].rpartition("/")[0]

    def path(self, version: str, space: str | None, name: str | None = None) -> str:
        """Where it is served."""
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        within = f"/namespaces/{space}" if space and self.spaced else ""
        return f"{root}{within}/{self.name}" + (f"/{name}" if name else "")


def _core(names: Mapping[str, str]) -> list[Resource]:
    return [Resource(name, kind) for name, kind in names.items()]


SPACED = (
    *_core(
        {
            "pods": "Pod",
            "services": "Service",
            "endpoints": "Endpoints",
            "configmaps": "ConfigMap",
            "events": "Event",
            "serviceaccounts": "ServiceAccount",
            "persistentvolumeclaims": "PersistentVolumeClaim",
            "resourcequotas": "ResourceQuota",
        }
    ),
    Resource("endpointslices", "EndpointSlice", ("discovery.k8s.io/v1", "discovery.k8s.io/v1beta1"), optional=True),
    Resource("secrets", "Secret", metadata=True),
    Resource("deployments", "Deployment", ("apps/v1",)),
    Resource("replicasets", "ReplicaSet", ("apps/v1",)),
    Resource("statefulsets", "StatefulSet", ("apps/v1",)),
    Resource("daemonsets", "DaemonSet", ("apps/v1",)),
    Resource("jobs", "Job", ("batch/v1",)),
    Resource("cronjobs", "CronJob", ("batch/v1", "batch/v1beta1")),
    Resource("ingresses", "Ingress", ("networking.k8s.io/v1", "networking.k8s.io/v1beta1", "extensions/v1beta1")),
    Resource("networkpolicies", "NetworkPolicy", ("networking.k8s.io/v1",)),
    Resource("poddisruptionbudgets", "PodDisruptionBudget", ("policy/v1", "policy/v1beta1")),
    Resource(
        "horizontalpodautoscalers", "HorizontalPodAutoscaler", ("autoscaling/v2", "autoscaling/v2beta2", "autoscaling/v1")
    ),
)
"""Of every namespace that is asked about."""

WIDE = (
    Resource("nodes", "Node", spaced=False),
    Resource("persistentvolumes", "PersistentVolume", spaced=False),
    Resource("namespaces", "Namespace", spaced=False),
    Resource("storageclasses", "StorageClass", ("storage.k8s.io/v1",), spaced=False),
    Resource("ingressclasses", "IngressClass", ("networking.k8s.io/v1",), spaced=False, optional=True),
    Resource("priorityclasses", "PriorityClass", ("scheduling.k8s.io/v1",), spaced=False, optional=True),
    Resource("apiservices", "APIService", ("apiregistration.k8s.io/v1",), spaced=False, optional=True),
    Resource(
        "validatingwebhookconfigurations",
        "ValidatingWebhookConfiguration",
        ("admissionregistration.k8s.io/v1",),
        spaced=False,
        optional=True,
    ),
    Resource(
        "mutatingwebhookconfigurations",
        "MutatingWebhookConfiguration",
        ("admissionregistration.k8s.io/v1",),
        spaced=False,
        optional=True,
    ),
    Resource(
        "certificatesigningrequests", "CertificateSigningRequest", ("certificates.k8s.io/v1",), spaced=False, optional=True
    ),
)
"""Of the cluster as a whole."""

SYSTEM = tuple(
    item
    for item in SPACED
    if item.name in ("pods", "services", "endpoints", "deployments", "daemonsets", "replicasets", "events")
)
"""Of kube-system too, whatever namespace is asked about: DNS, kube-proxy and the control plane stand there."""

LEASES = Resource("leases", "Lease", ("coordination.k8s.io/v1",), optional=True)

EXTRA = {
    "cert-manager.io": ("certificates",),
    "chaos-mesh.org": (
        "podchaos",
        "networkchaos",
        "stresschaos",
        "iochaos",
        "dnschaos",
        "httpchaos",
        "timechaos",
        "kernelchaos",
        "jvmchaos",
    ),
    "litmuschaos.io": ("chaosengines",),
    "argoproj.io": ("rollouts",),
    "gateway.networking.k8s.io": ("gateways",),
}
"""Resources of groups that some clusters have."""
ENTRANCES = {"gateway.networking.k8s.io": ("httproutes", "grpcroutes")}
"""Of such groups those that lead requests in, of every namespace that is asked about."""

REVISIONS = Resource("controllerrevisions", "ControllerRevision", ("apps/v1",))
KNOWN = {item.name: item for item in (*SPACED, *WIDE, LEASES, REVISIONS)}
SHORT = {
    "deploy": "deployments",
    "deployment": "deployments",
    "sts": "statefulsets",
    "statefulset": "statefulsets",
    "ds": "daemonsets",
    "daemonset": "daemonsets",
    "po": "pods",
    "pod": "pods",
    "svc": "services",
    "service": "services",
    "job": "jobs",
    "cronjob": "cronjobs",
    "cj": "cronjobs",
    "rs": "replicasets",
    "replicaset": "replicasets",
    "no": "nodes",
    "node": "nodes",
    "pvc": "persistentvolumeclaims",
    "pv": "persistentvolumes",
    "ing": "ingresses",
    "ingress": "ingresses",
    "cm": "configmaps",
    "configmap": "configmaps",
    "secret": "secrets",
    "hpa": "horizontalpodautoscalers",
    "pdb": "poddisruptionbudgets",
    "ns": "namespaces",
    "namespace": "namespaces",
    "sa": "serviceaccounts",
    "sc": "storageclasses",
    "netpol": "networkpolicies",
    "networkpolicy": "networkpolicies",
    "ep": "endpoints",
    "ev": "events",
}
"""As kubectl shortens them."""


def resource_of(text: str) -> Resource:
    """A resource by a name as kubectl takes it. Raises CouldNotLook naming those that are known."""
    name = text.lower().partition(".")[0]
    found = KNOWN.get(SHORT.get(name, name))
    if found is None:
        raise CouldNotLook(f"resource {one_line(text, 60)}", "refused", f"it is none of: {', '.join(sorted(KNOWN))}")
    return found


def listed(
    wire: Wire, resource: Resource, space: str | None, limits: Limits, *, most: int = 0, **query: Any
) -> Iterator[Mapping[str, Any]]:
    """Its objects, by the newest version that the server has. Raises CouldNotLook: missing where it serves none."""
    what = resource.name + (f" in {space}" if space and resource.spaced else "")
    left = limits.until()
    for number, version in enumerate(resource.versions):
        try:
            within = Limits(left(), limits.max_bytes, limits.cancel)
            for item in wire.items(resource.path(version, space), within, what, most=most, metadata=resource.metadata, **query):
                yield {**item, "kind": resource.kind, "apiVersion": version} if resource.metadata else item
            return
        except CouldNotLook as failure:
            if failure.reason != "missing" or number == len(resource.versions) - 1:
                raise


def extra_resources(wire: Wire, limits: Limits) -> list[Resource]:
    """Resources of further groups that this cluster has."""
    groups = wire.json("/apis", limits, "API groups").get("groups") or []
    found = []
    for group in groups:
        name = group.get("name")
        version = str((group.get("preferredVersion") or {}).get("groupVersion"))
        found += [Resource(item, "", (version,), optional=True) for item in EXTRA.get(name, ())]
        found += [Resource(item, "", (version,), entrance=True) for item in ENTRANCES.get(name, ())]
    return found
