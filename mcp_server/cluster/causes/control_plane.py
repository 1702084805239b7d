"""The cluster's own parts: scheduler, controllers, kube-proxy, aggregated APIs."""

from collections.abc import Iterator

from mcp_server.cluster.cause import CALLS, DOWN, Cause, CauseType
from mcp_server.cluster.objects import Object, condition, key_of, labels, moment, name_of, number, parts, words
from mcp_server.cluster.world import Cluster, is_ready

_SYSTEM = "kube-system"

COMPONENT = CauseType(
    code="control_plane_down",
    text="{part} does not run: {why}",
    confirm="look at its static pod's manifest on the control plane node and at its log (crictl logs)",
    meaning="What it does for the whole cluster is not done: see what it explains.",
    explains=(
        *DOWN,
        "crash_loop",
        "scheduler_silent",
        "lease_not_renewed",
        "controllers_silent",
        "endpoints_not_written",
        "pods_not_created",
    ),
)
LEASE = CauseType(
    code="lease_not_renewed",
    text="{part} has not renewed its Lease for {seconds} s: it does not run, or has no way to the API server",
    confirm="kubectl -n kube-system get lease {part}, and its pods' logs",
    meaning="Without it nothing of its kind is done in the whole cluster.",
    explains=(*DOWN, "scheduler_silent", "controllers_silent", "endpoints_not_written"),
)  # fmt: skip
PROXY = CauseType(
    code="kube_proxy_missing",
    text="kube-proxy runs on {ready} of {wanted} nodes: {why}",
    confirm="kubectl -n kube-system describe daemonset kube-proxy; on a node without it, Service addresses do not answer",
    meaning="On nodes without it new or changed Services do not work.", explains=(*CALLS, "daemonset_short", "crash_loop"),
)  # fmt: skip
CONTROLLERS = CauseType(
    code="controllers_silent",
    text="its latest change (generation {generation}) has not been taken up for {minutes} minutes: observedGeneration "
    "is {observed}",
    confirm="see whether kube-controller-manager renews its Lease in kube-system",
    meaning="Whoever should act on the object does not.",
    explains=DOWN,
)
API = CauseType(
    code="apiservice_unavailable",
    text="the aggregated API {name} is not available: {why}",
    confirm="see whether the Service {service} behind it has ready endpoints and a current certificate",
    meaning="Requests for that API fail; deleting namespaces and garbage collection hang as well.",
    explains=("namespace_stuck", "hpa_no_metrics"),
)  # fmt: skip

_PARTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd", "cloud-controller-manager")
_LEASES = ("kube-scheduler", "kube-controller-manager")
_LEASE_S = 60.0
_LATE_S = 180.0


def find(cluster: Cluster) -> Iterator[Cause]:
    """Static pods, leases, kube-proxy, generations, aggregated APIs."""
    for pod in cluster.pods_in(_SYSTEM):
        name = next((part for part in _PARTS if labels(pod).get("component") == part), "")
        if name and not is_ready(pod) and not any(is_ready(other) for other in cluster.selected(_SYSTEM, {"component": name})):
            why = words(condition(pod, "Ready"), "message") or words(pod, "status.phase")
            yield COMPONENT.on(
                pod, "status", "high", component=("Component", "", name), touches=_everything(cluster, name), why=why, part=name
            )
    for name in _LEASES:
        lease = cluster.get("Lease", _SYSTEM, name)
        silent = cluster.age(moment(lease, "spec.renewTime")) if lease is not None else None
        if silent is not None and silent > _LEASE_S:
            yield LEASE.on(
                lease or {},
                "spec.renewTime",
                "high",
                component=("Component", "", name),
                touches=_everything(cluster, name),
                seconds=int(silent),
                part=name,
            )
    yield from _proxy(cluster)
    for kind in ("Deployment", "StatefulSet", "DaemonSet"):
        for obj in cluster.all(kind):
            yield from _generation(cluster, obj)
    for obj in cluster.all("APIService"):
        state = condition(obj, "Available")
        if words(state, "status") == "False":
            service = (words(obj, "spec.service.namespace"), words(obj, "spec.service.name"))
            yield API.on(
                obj,
                "status.conditions[Available]",
                "high",
                touches=[("Service", *service)],
                name=name_of(obj),
                why=words(state, "message"),
                service="/".join(service),
                quotes=[f"condition Available=False: {words(state, 'reason')}: {words(state, 'message')}"],
            )


def _everything(cluster: Cluster, name: str) -> list[tuple[str, str, str]]:
    """Whom it hurts: pods without a node for the scheduler, every workload for the controllers."""
    if name == "kube-scheduler":
        waiting = [
            pod for pod in cluster.all("Pod") if words(pod, "status.phase") == "Pending" and not words(pod, "spec.nodeName")
        ]
        return [*map(key_of, waiting), *map(cluster.root, waiting), ("Component", "", name)]
    return [*map(key_of, cluster.workloads), ("Component", "", name)]


def _proxy(cluster: Cluster) -> Iterator[Cause]:
    proxy = cluster.get("DaemonSet", _SYSTEM, "kube-proxy")
    if proxy is None:
        return
    wanted, ready = number(proxy, "status.desiredNumberScheduled") or 0, number(proxy, "status.numberReady") or 0
    nodes = len(list(cluster.all("Node")))
    selector = ", ".join(f"{key}={value}" for key, value in labels(proxy, "spec.template.spec.nodeSelector").items())
    touches = [key_of(pod) for pod in cluster.pods_of(key_of(proxy))]
    if nodes and wanted < nodes and wanted == 0:
        yield PROXY.on(proxy, "spec.template.spec.nodeSelector", "high", touches=touches, ready=ready, wanted=nodes,
                       why=f"its nodeSelector {selector or '(none)'} admits {wanted} nodes")  # fmt: skip
    elif ready < wanted:
        yield PROXY.on(
            proxy, "status.numberReady", "high", touches=touches, ready=ready, wanted=wanted, why="its pods are not ready"
        )


def _generation(cluster: Cluster, obj: Object) -> Iterator[Cause]:
    """Only where it is known when the specification was last changed: a snapshot may fall between the change and its uptake."""
    wanted, seen = number(obj, "metadata.generation"), number(obj, "status.observedGeneration")
    changed = max((told for item in parts(obj, "metadata.managedFields") if (told := moment(item, "time"))), default=None)
    age = cluster.age(changed)
    if wanted is None or (seen is not None and seen >= wanted) or age is None or age < _LATE_S:
        return
    yield CONTROLLERS.on(
        obj, "status.observedGeneration", "high", generation=wanted, observed=seen, minutes=int(age // 60),
        touches=map(key_of, cluster.pods_of(key_of(obj))),
    )  # fmt: skip
