"""Pods whose sandbox is not made: the network plugin, its addresses, the pause image, the runtime that is asked for."""

import re
from collections.abc import Iterator
from typing import Any

from mcp_server.cluster.cause import DOWN, Cause, CauseType
from mcp_server.cluster.objects import Object, key_of, words
from mcp_server.cluster.patterns import Pattern
from mcp_server.cluster.world import Cluster, Event, is_done, is_ready

_MEANING = "The pod gets no sandbox, so none of its containers starts."

NETWORK = CauseType(
    code="pod_network_failed",
    text="the network plugin cannot set up the pod on node {node}: {why}",
    confirm="look at the network plugin's pod on node {node} and at /etc/cni/net.d there; free addresses may be used up",
    meaning="The pod gets no address, so none of its containers starts.", explains=DOWN,
)  # fmt: skip
ADDRESSES = CauseType(
    code="pod_addresses_exhausted",
    text="node {node} has no address left for the pod: {why}",
    confirm="count the pods of the node against the size of its pod range or subnet; addresses of dead pods may not have been "
    "given back",
    meaning="The pod gets no address, so none of its containers starts.", explains=(*DOWN, "pod_network_failed"),
)  # fmt: skip
PAUSE = CauseType(
    code="sandbox_image_unavailable",
    text="node {node} cannot pull the image of the sandbox itself: {why}",
    confirm="pull that image on the node; compare sandbox_image in the runtime's settings with the mirror that is meant",
    meaning="Without the pause image no pod at all starts on the node.", explains=(*DOWN, "pod_network_failed"),
)  # fmt: skip
RUNTIME = CauseType(
    code="runtime_class_missing",
    text="the pod asks for RuntimeClass {name}, which {why}",
    confirm="kubectl get runtimeclass; the handler it names must stand in the runtime's settings on node {node}",
    meaning=_MEANING, explains=(*DOWN, "pods_not_created"),
)  # fmt: skip
OTHER = CauseType(
    code="sandbox_failed",
    text="the runtime of node {node} cannot make the pod's sandbox: {why}",
    confirm="read the log of the container runtime on node {node} around that time",
    meaning=_MEANING, explains=DOWN,
)  # fmt: skip

_ADDRESSES = Pattern(
    r"failed to assign an IP address|no (?:free )?IP addresses available|no available IPs?|failed to allocate .*(?:address|IP)"
    r"|IP(?:AM)? ?(?:pool)? (?:is )?exhausted|InsufficientCidrBlocks|ran out of IP|unable to allocate IP|range is full", re.I,
)  # fmt: skip
_PAUSE = Pattern(r"failed to (?:get|pull|start) sandbox image|creating pod sandbox.*pause image|pulling pause image", re.I)
_RUNTIME = Pattern(r"no runtime for \"([^\"]+)\" is configured|RuntimeHandler \"?([\w-]+)\"? not supported"
                   r"|failed to find runtime handler ([\w-]+)")  # fmt: skip
_NETWORK = Pattern(r"network|cni|plugin type|IPAM|deadline ?exceeded|flannel|calico|cilium|weave", re.I)
_SANDBOX = ("FailedCreatePodSandBox", "NetworkNotReady", "FailedPodSandBoxStatus")


def find(cluster: Cluster) -> Iterator[Cause]:
    """The newest word of a sandbox of every pod that has not started."""
    for pod in cluster.all("Pod"):
        if not is_ready(pod) and not is_done(pod):
            for event in cluster.events(pod, *_SANDBOX)[-1:]:
                yield _sandbox(cluster, pod, event)


def _sandbox(cluster: Cluster, pod: Object, event: Event) -> Cause:
    said, node = event.message, words(pod, "spec.nodeName") or "(unknown)"
    values: dict[str, Any] = {"quotes": [event.line()], "at": event.last, "node": node}
    if match := _RUNTIME.search(said):
        key, field = cluster.mend(pod, "runtimeClassName")
        handler = next(filter(None, match.groups()), "")
        name = words(pod, "spec.runtimeClassName") or handler
        return RUNTIME.of(key, field, "high", touches=[key_of(pod)], **values, name=name,
                          why=f"names the handler {handler}, which node {node} does not have")  # fmt: skip
    signs = ((PAUSE, _PAUSE), (ADDRESSES, _ADDRESSES), (NETWORK, _NETWORK))
    kind = next((kind for kind, pattern in signs if pattern.search(said)), OTHER)
    way = {PAUSE: "sandbox image", OTHER: "container runtime"}.get(kind, "network plugin")
    touches = [key_of(pod), cluster.root(pod)]
    return kind.of(("Node", "", node), way, "high", touches=touches, component=cluster.root(pod), **values, why=said)
