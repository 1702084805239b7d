"""Nodes in trouble, and requests of theirs that wait."""

import re
from collections.abc import Iterator

from mcp_server.cluster.cause import DOWN, Cause, CauseType
from mcp_server.cluster.objects import Object, at, condition, key_of, moment, name_of, parts, words
from mcp_server.cluster.patterns import Pattern
from mcp_server.cluster.world import Cluster

_ALL = (
    *DOWN,
    "taint_not_tolerated",
    "node_cordoned",
    "stuck_terminating",
    "pod_evicted",
    "crash_loop",
    "cluster_full",
    "daemonset_short",
)

NOT_READY = CauseType(
    code="node_not_ready",
    text="the node is not ready since {since}: {why} ({pods} pods are bound to it)",
    confirm="see on the node whether the kubelet and the container runtime run and reach the API server (journalctl -u "
    "kubelet)",
    meaning="Its pods are not looked after; after some minutes they are replaced elsewhere.",
    explains=_ALL,
)
RUNTIME = CauseType(
    code="node_network_not_ready",
    text="the node's network or container runtime is not ready: {why}",
    confirm="look at the network plugin's pod on the node, at /etc/cni/net.d and at the runtime's log",
    meaning="No new pod can start there.", explains=(*_ALL, "node_not_ready", "pod_network_failed"),
)  # fmt: skip
PRESSURE = CauseType(
    code="node_pressure",
    text="the node is short of {what}: {why}",
    confirm="see on the node what uses it (df, free, number of processes); images and logs count for disk",
    meaning="The kubelet evicts pods and accepts no new ones.", explains=_ALL,
)  # fmt: skip
PROBLEM = CauseType(
    code="node_problem",
    text="the node reports {condition}: {why}",
    confirm="read the kernel's log of the node (journalctl -k) around that time",
    meaning="A watcher on the node has seen something that its pods will feel.",
    explains=(*_ALL, "container_not_killed", "container_not_created"),
)  # fmt: skip
MEMORY = CauseType(
    code="node_out_of_memory",
    text="the kernel ran out of memory on the node as a whole and killed a process: {why}",
    confirm="compare the sum of requests with what the node uses (kubectl describe node, free); see which pods have no limit",
    meaning="Whoever is killed then need not be who used too much.", severity="warning", explains=("pod_evicted",),
)  # fmt: skip
GC = CauseType(
    code="node_image_gc_failed",
    text="the kubelet cannot free disk space on the node: {why}",
    confirm="see on the node what fills the disk of the container runtime (df, du); images in use cannot be removed",
    meaning="When the disk is full, pods are evicted and no image can be pulled.", severity="warning",
    explains=("node_pressure", "pod_evicted", "image_no_space"),
)  # fmt: skip
CORDONED = CauseType(
    code="node_left_cordoned",
    text="the node has been cordoned for {hours} hours",
    confirm="find out whether a drain or an upgrade is under way; kubectl uncordon brings it back",
    meaning="Nothing new is placed there; the others carry its share.", severity="info",
)  # fmt: skip
LEASE = CauseType(
    code="kubelet_silent",
    text="its kubelet has not renewed its Lease for {seconds} s",
    confirm="see whether the kubelet runs and reaches the API server (journalctl -u kubelet on the node)",
    meaning="The node is declared not ready when this lasts.", explains=_ALL,
)  # fmt: skip
CSR = CauseType(
    code="certificate_request_pending",
    text="a certificate request of {who} ({signer}) has waited for approval for {minutes} minutes",
    confirm="kubectl describe csr; see whether the approver runs",
    meaning="When the present certificate runs out, the one who asks is shut out.",
    severity="warning",
    explains=("node_not_ready",),
)

_PRESSURES = {"MemoryPressure": "memory", "DiskPressure": "disk space", "PIDPressure": "process ids"}
_NETWORK = Pattern(r"cni|network plugin|NetworkReady|container runtime|PLEG|RuntimeReady", re.I)
_PROBLEM = Pattern(r"Deadlock|ReadonlyFilesystem|Frequent\w+Restart|Unhealthy$|Problem$|Corrupt|Shutdown$|CperHardware")
_TOLD = ((MEMORY, ("SystemOOM", "OOMKilling"), 1), (GC, ("ImageGCFailed", "FreeDiskSpaceFailed"), 2))
"""Causes that events of a node tell: their reasons, and how often they must be told."""
_RECENT_S = 3_600.0
_LEASE_S = 120.0
_CORDON_S = 86_400.0
_CSR_S = 600.0


def find(cluster: Cluster) -> Iterator[Cause]:
    """Nodes by their conditions and leases, requests by their age."""
    for node in cluster.all("Node"):
        yield from _node(cluster, node)
    for request in cluster.all("CertificateSigningRequest"):
        age = cluster.age(moment(request, "metadata.creationTimestamp"))
        if not parts(request, "status.conditions") and age is not None and age > _CSR_S:
            yield CSR.on(
                request,
                "status.conditions",
                "high",
                who=words(request, "spec.username"),
                signer=words(request, "spec.signerName"),
                minutes=int(age // 60),
            )


def _node(cluster: Cluster, node: Object) -> Iterator[Cause]:
    name = name_of(node)
    pods = cluster.pods_on(name)
    touches = [*map(key_of, pods), *dict.fromkeys(cluster.root(pod) for pod in pods)]
    ready = condition(node, "Ready")
    quotes = [
        event.line()
        for event in cluster.events(node)
        if event.warning or event.reason in ("NodeNotReady", "NodeHasDiskPressure")
    ][-2:]
    why = words(ready, "message") or words(ready, "reason")
    if ready and words(ready, "status") != "True":
        since = words(ready, "lastTransitionTime") or "an unknown time"
        said = [f"condition Ready={words(ready, 'status')}: {words(ready, 'reason')}: {words(ready, 'message')}", *quotes]
        yield NOT_READY.on(
            node,
            "status.conditions[Ready]",
            "high",
            touches=touches,
            quotes=said,
            at=moment(ready, "lastTransitionTime"),
            since=since,
            why=why,
            pods=len(pods),
        )
        if _NETWORK.search(why):
            yield RUNTIME.on(node, "status.conditions[Ready]", "high", touches=touches, quotes=said, why=why)
    for kind, what in _PRESSURES.items():
        found = condition(node, kind)
        if words(found, "status") == "True":
            said = [f"condition {kind}=True: {words(found, 'reason')}: {words(found, 'message')}", *quotes]
            yield PRESSURE.on(
                node,
                f"status.conditions[{kind}]",
                "high",
                touches=touches,
                quotes=said,
                at=moment(found, "lastTransitionTime"),
                what=what,
                why=words(found, "message"),
            )
    for found in parts(node, "status.conditions"):
        if words(found, "status") == "True" and _PROBLEM.search(words(found, "type")):
            said = [f"condition {words(found, 'type')}=True: {words(found, 'reason')}: {words(found, 'message')}", *quotes]
            yield PROBLEM.on(
                node,
                f"status.conditions[{words(found, 'type')}]",
                "medium",
                touches=touches,
                quotes=said,
                at=moment(found, "lastTransitionTime"),
                condition=words(found, "type"),
                why=words(found, "message"),
            )
    for form, reasons, often in _TOLD:
        for event in cluster.events(node, *reasons)[-1:]:
            age = cluster.age(event.last)
            if event.count >= often and (age is None or age < _RECENT_S):
                yield form.on(
                    node,
                    "status.allocatable",
                    "medium",
                    touches=touches,
                    quotes=[event.line()],
                    at=event.last,
                    why=event.message,
                )
    network = condition(node, "NetworkUnavailable")
    if words(network, "status") == "True":
        yield RUNTIME.on(
            node,
            "status.conditions[NetworkUnavailable]",
            "high",
            touches=touches,
            why=words(network, "message"),
            quotes=[f"condition NetworkUnavailable=True: {words(network, 'message')}"],
        )
    lease = cluster.get("Lease", "kube-node-lease", name)
    silent = cluster.age(moment(lease, "spec.renewTime")) if lease is not None else None
    if silent is not None and silent > _LEASE_S and words(ready, "status") in ("True", ""):
        yield LEASE.on(node, "Lease kube-node-lease spec.renewTime", "medium", touches=touches, seconds=int(silent))
    if at(node, "spec.unschedulable") is True:
        taint = next(
            (item for item in parts(node, "spec.taints") if words(item, "key") == "node.kubernetes.io/unschedulable"), {}
        )
        age = cluster.age(moment(taint, "timeAdded"))
        if age is not None and age > _CORDON_S:
            yield CORDONED.on(node, "spec.unschedulable", "high", hours=int(age // 3600))
