"""Pods that find no node: resources, selectors, affinity, taints, ports, cordons, or nobody who schedules."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mcp_server.cluster.cause import DOWN, Cause, CauseType
from mcp_server.cluster.objects import (
    Object,
    at,
    condition,
    containers,
    key_of,
    labels,
    mapping,
    moment,
    name_of,
    parts,
    quantity,
    selects,
    space_of,
    texts,
    words,
)  # fmt: skip
from mcp_server.cluster.patterns import Pattern
from mcp_server.cluster.pods import scheduler_says
from mcp_server.cluster.world import Cluster

_MEANING = "The pod stays Pending: nothing of it runs."
_EXPLAINS = (*DOWN, "unscheduled")

TOO_LARGE = CauseType(
    code="request_too_large",
    text="the pod requests {asked} of {resource}, more than any node can ever give ({largest} on {node})",
    confirm="compare resources.requests with status.allocatable of the nodes and with the revision before",
    meaning=_MEANING, explains=(*_EXPLAINS, "cluster_full"),
)  # fmt: skip
FULL = CauseType(
    code="cluster_full",
    text="no node has enough {resource} left for the pod, which requests {asked}",
    confirm="add up the requests per node (kubectl describe nodes); then lower requests, scale something down or add a node",
    meaning=_MEANING, explains=_EXPLAINS,
)  # fmt: skip
SELECTOR = CauseType(
    code="node_selector_unmatched",
    text="no node has the label that nodeSelector asks for: {wanted}",
    confirm="kubectl get nodes --show-labels; nodes have for that key: {values}",
    meaning=_MEANING, explains=(*_EXPLAINS, "taint_not_tolerated", "cluster_full"),
)  # fmt: skip
AFFINITY = CauseType(
    code="node_affinity_unmatched",
    text="no node fits the required node affinity: {wanted}",
    confirm="compare the expressions with the labels of the nodes",
    meaning=_MEANING, explains=(*_EXPLAINS, "taint_not_tolerated", "cluster_full"),
)  # fmt: skip
POD_AFFINITY = CauseType(
    code="pod_affinity_unmatched",
    text="the required pod affinity finds no pod to stand beside: {wanted}",
    confirm="list pods with those labels, in the namespaces the term names",
    meaning=_MEANING, explains=(*_EXPLAINS, "taint_not_tolerated", "cluster_full"),
)  # fmt: skip
ANTI = CauseType(
    code="anti_affinity_blocks",
    text="the required pod anti-affinity leaves no node free: {wanted}; {nodes} nodes, {replicas} replicas wanted",
    confirm="count nodes without a pod of those labels; 'preferred' instead of 'required' lets pods share a node",
    meaning=_MEANING, explains=(*_EXPLAINS, "taint_not_tolerated", "cluster_full"),
)  # fmt: skip
TAINT = CauseType(
    code="taint_not_tolerated",
    text="the pod tolerates none of the taints that keep it from the nodes: {taints}",
    confirm="compare spec.tolerations with the taints (kubectl describe node); find out who set the taint and why",
    meaning=_MEANING, explains=(*_EXPLAINS, "cluster_full"),
)  # fmt: skip
CORDONED = CauseType(
    code="node_cordoned",
    text="{nodes} nodes are cordoned (unschedulable), and the pod finds no other: {names}",
    confirm="find out whether a drain is under way; kubectl uncordon brings a node back",
    meaning=_MEANING, explains=(*_EXPLAINS, "cluster_full", "taint_not_tolerated"),
)  # fmt: skip
SPREAD = CauseType(
    code="topology_spread_blocks",
    text="the topology spread constraint leaves no node: {wanted}",
    confirm="count pods per {topology}; a node without that label, or whenUnsatisfiable DoNotSchedule, keeps it out",
    meaning=_MEANING, explains=(*_EXPLAINS, "cluster_full"),
)  # fmt: skip
PORTS = CauseType(
    code="host_port_taken",
    text="the host port {ports} that the pod asks for is taken on every node that would do",
    confirm="look for other pods with hostPort {ports}; a Service does without host ports",
    meaning=_MEANING, explains=_EXPLAINS,
)  # fmt: skip
NODE = CauseType(
    code="node_missing",
    text="the pod is bound to node {node}, which does not exist",
    confirm="kubectl get node {node}; remove spec.nodeName, or name one of: {known}",
    meaning="No scheduler is asked and no kubelet takes it.", explains=DOWN,
)  # fmt: skip
SCHEDULER = CauseType(
    code="scheduler_silent",
    text="no scheduler has looked at the pod (schedulerName {scheduler}) although it has waited for {minutes} minutes",
    confirm="see whether a scheduler of that name runs, and whether kube-scheduler renews its Lease in kube-system",
    meaning=_MEANING, explains=DOWN,
)  # fmt: skip
NO_NODES = CauseType(
    code="no_nodes",
    text="there is no node at all that the scheduler could choose from",
    confirm="kubectl get nodes; see whether nodes have joined, and what a cluster autoscaler says of it",
    meaning=_MEANING, explains=_EXPLAINS,
)  # fmt: skip
GATED = CauseType(
    code="scheduling_gated",
    text="the pod waits for its scheduling gates to be removed: {gates}",
    confirm="find the controller that owns the gate",
    meaning=_MEANING, explains=DOWN,
)  # fmt: skip
UNSCHEDULED = CauseType(
    code="unscheduled",
    text="the pod finds no node",
    confirm="read the scheduler's message word by word; it counts the nodes for each reason",
    meaning=_MEANING, explains=DOWN,
)  # fmt: skip

_SHORT = Pattern(r"Insufficient ([\w./-]*\w)")
_LATE_S = 60.0
# what the node controller sets by itself: the node's own trouble is the cause then
OWN_TAINTS = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/", "node-role.kubernetes.io/")


@dataclass(frozen=True)
class _Waiting:
    """A pod without a node, and what the scheduler says of it."""

    pod: Object
    said: str
    quotes: list[str]


def find(cluster: Cluster) -> Iterator[Cause]:
    """One or more reasons per pod without a node: the scheduler counts nodes by reason; each may be the one to mend."""
    nodes = list(cluster.all("Node"))
    for pod in cluster.all("Pod"):
        if words(pod, "status.phase") not in ("Pending", "") or words(pod, "metadata.deletionTimestamp"):
            continue
        if bound := words(pod, "spec.nodeName"):
            if nodes and cluster.absent("Node", "", bound):
                yield _cause(cluster, NODE, _Waiting(pod, "", []), "nodeName", node=bound, known=_few(cluster.names("Node")))
            continue
        gates = [words(gate, "name") for gate in parts(pod, "spec.schedulingGates")]
        if gates:
            yield _cause(cluster, GATED, _Waiting(pod, "", []), "schedulingGates", gates=_few(gates))
            continue
        state = condition(pod, "PodScheduled")
        said, quote = scheduler_says(cluster, pod)
        if said:
            waiting = _Waiting(pod, said, [quote])
            found = list(_reasons(cluster, waiting, nodes))
            yield from found or [_cause(cluster, UNSCHEDULED, waiting, "", "medium")]
        elif (
            not state
            and (age := cluster.age(moment(pod, "metadata.creationTimestamp")))
            and age > _LATE_S
            and cluster.knows("Event", space_of(pod))
        ):
            yield _cause(
                cluster, SCHEDULER, _Waiting(pod, "", []), "schedulerName", "medium",
                scheduler=words(pod, "spec.schedulerName") or "default-scheduler", minutes=int(age // 60),
            )  # fmt: skip


def _reasons(cluster: Cluster, item: _Waiting, nodes: list[Object]) -> Iterator[Cause]:
    said, pod = item.said.split("preemption:")[0], item.pod
    for resource in dict.fromkeys(_SHORT.findall(said)):
        yield _resource(cluster, item, nodes, resource)
    if "no nodes available" in said:
        yield _cause(cluster, NO_NODES, item, "")
    if "Too many pods" in said:
        yield _cause(cluster, FULL, item, "", resource="pods", asked="1")
    named = "node affinity" in said.replace("volume node affinity", "") or "node selector" in said
    if named or (nodes and cluster.knows("Node", "")):  # the scheduler names the first reason of each node only
        yield from _selectors(cluster, item, nodes, named=named)
    together = "pod affinity/anti-affinity" in said  # older schedulers do not say which of the two
    if "pod affinity rules" in said or (together and at(pod, "spec.affinity.podAffinity")):
        wanted = _terms(pod, "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution")
        yield _cause(cluster, POD_AFFINITY, item, "affinity.podAffinity", wanted=wanted)
    if "anti-affinity rules" in said or (
        together and (at(pod, "spec.affinity.podAntiAffinity") or not at(pod, "spec.affinity"))
    ):
        key = cluster.root(pod)
        maker = cluster.get(*key)
        wanted = _terms(pod, "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution")
        yield _cause(
            cluster, ANTI, item, "affinity.podAntiAffinity", wanted=wanted, nodes=len(nodes) or None,
            replicas=at(maker, "spec.replicas") if isinstance(at(maker, "spec.replicas"), int) else None,
        )  # fmt: skip
    if "taint" in said:
        yield from _taints(cluster, item, nodes)
    if "unschedulable" in said.replace("node.kubernetes.io/unschedulable", "unschedulable"):
        cordoned = [name_of(node) for node in nodes if at(node, "spec.unschedulable") is True]
        count = re.search(r"(\d+) (?:node\(s\) were unschedulable|\S* ?unschedulable)", said)
        yield CORDONED.of(
            *_on_node(cluster, cordoned, item),
            "high" if cordoned else "medium",
            touches=[key_of(pod)],
            component=cluster.root(pod),
            quotes=item.quotes,
            nodes=len(cordoned) or (int(count[1]) if count else None),
            names=_few(cordoned) or "not seen",
        )
    if "topology spread" in said:
        constraints = parts(pod, "spec.topologySpreadConstraints")
        wanted = "; ".join(f"maxSkew {item.get('maxSkew')} over {words(item, 'topologyKey')}" for item in constraints)
        topology = ", ".join(words(item, "topologyKey") for item in constraints) or "topology"
        yield _cause(cluster, SPREAD, item, "topologySpreadConstraints", wanted=wanted or "see the event", topology=topology)
    if "free ports" in said:
        ports = [
            str(port.get("hostPort"))
            for _, spec in containers(mapping(pod, "spec"))
            for port in parts(spec, "ports")
            if port.get("hostPort")
        ]
        yield _cause(cluster, PORTS, item, "containers[].ports[].hostPort", ports=_few(ports) or "see the event")


def _on_node(cluster: Cluster, cordoned: list[str], item: _Waiting) -> tuple[tuple[str, str, str], str]:
    if cordoned:
        return ("Node", "", cordoned[0]), "spec.unschedulable"
    return cluster.mend(item.pod, "")


def _resource(cluster: Cluster, item: _Waiting, nodes: list[Object], resource: str) -> Cause:
    asked = sum(
        quantity((at(spec, "resources.requests") and mapping(spec, "resources.requests").get(resource))
                 or mapping(spec, "resources.limits").get(resource)) or 0.0
        for spec in parts(item.pod, "spec.containers")
    )  # fmt: skip
    given = [(quantity(mapping(node, "status.allocatable").get(resource)) or 0.0, name_of(node)) for node in nodes]
    shown = _amount(asked, resource) if asked else "(not told)"
    field = f"containers[{_asks(item.pod, resource)}].resources.requests.{resource}"
    if given and asked > max(given)[0]:
        largest, node = max(given)
        return _cause(
            cluster, TOO_LARGE, item, field, resource=resource, asked=shown, largest=_amount(largest, resource), node=node
        )
    return _cause(cluster, FULL, item, field, resource=resource, asked=shown)


def _asks(pod: Object, resource: str) -> int:
    """The container that asks for most."""
    asked = [quantity(mapping(spec, "resources.requests").get(resource)) or 0.0 for spec in parts(pod, "spec.containers")]
    return asked.index(max(asked)) if asked else 0


def _amount(value: float, resource: str) -> str:
    if resource in ("memory", "ephemeral-storage") or resource.startswith("hugepages"):
        for unit in ("", "Ki", "Mi", "Gi", "Ti"):
            if value < 1024 or unit == "Ti":
                return f"{value:.4g}{unit}"
            value /= 1024
    return f"{value:g}"


def _selectors(cluster: Cluster, item: _Waiting, nodes: list[Object], *, named: bool) -> Iterator[Cause]:
    """Labels that no node has; where the scheduler named a selector and all labels are there, that none has them together."""
    wanted = labels(item.pod, "spec.nodeSelector")
    lacking = (
        {key: value for key, value in wanted.items() if not any(labels(node).get(key) == value for node in nodes)}
        if nodes
        else wanted
    )
    for key, value in lacking.items():
        there = sorted({labels(node)[key] for node in nodes if key in labels(node)})
        yield _cause(
            cluster, SELECTOR, item, f"nodeSelector[{key}]", "high" if nodes else "medium", wanted=f"{key}={value}",
            values=_few(there) or "none",
        )  # fmt: skip
    if named and not wanted and not at(item.pod, "spec.affinity.nodeAffinity"):  # the pod itself was not seen
        yield _cause(cluster, SELECTOR, item, "nodeSelector", "medium", wanted="not told, see the event", values="not seen")
    if named and wanted and not lacking:
        together = ", ".join(f"{key}={value}" for key, value in wanted.items())
        yield _cause(
            cluster,
            SELECTOR,
            item,
            "nodeSelector",
            "medium",
            wanted=together,
            values="all of them, but no one free node has all",
        )
    way = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"
    terms = parts(item.pod, f"{way}.nodeSelectorTerms")
    fitting = [
        node
        for node in nodes
        if any(selects({"matchExpressions": parts(term, "matchExpressions")}, labels(node)) for term in terms)
    ]
    if terms and not fitting:
        told = "; ".join(
            _expression(part) for term in terms for part in parts(term, "matchExpressions") + parts(term, "matchFields")
        )
        yield _cause(cluster, AFFINITY, item, way.removeprefix("spec."), "high" if nodes else "medium", wanted=told)


def _expression(part: object) -> str:
    return f"{words(part, 'key')} {words(part, 'operator')} {', '.join(texts(part, 'values'))}".strip()


def _terms(pod: Object, way: str) -> str:
    told = []
    for term in parts(pod, way):
        match = ", ".join(f"{key}={value}" for key, value in labels(term, "labelSelector.matchLabels").items())
        match += "; ".join(_expression(part) for part in parts(term, "labelSelector.matchExpressions"))
        told.append(f"{match} per {words(term, 'topologyKey')}")
    return " and ".join(told) or "see the event"


def _taints(cluster: Cluster, item: _Waiting, nodes: list[Object]) -> Iterator[Cause]:
    tolerated = parts(item.pod, "spec.tolerations")
    blocking = {
        _taint(taint): name_of(node)
        for node in nodes
        for taint in parts(node, "spec.taints")
        if words(taint, "effect") in ("NoSchedule", "NoExecute") and not any(_tolerates(one, taint) for one in tolerated)
    }
    ours = {told: node for told, node in blocking.items() if not told.startswith(OWN_TAINTS)}
    in_message = [found.replace(": ", "=").rstrip("= ") for found in re.findall(r"\{([^}]*)\}", item.said)]
    taints = list(ours) or [found for found in in_message if not found.startswith(OWN_TAINTS)]
    if taints:
        yield _cause(cluster, TAINT, item, "tolerations", "high" if ours else "medium", taints=_few(taints))
    elif (blocking or in_message) and not _other_reasons(item.said):
        yield _cause(cluster, TAINT, item, "tolerations", "medium", taints=_few(list(blocking) or in_message))


def _other_reasons(said: str) -> bool:
    """Whether nodes are left out for other reasons too: a control plane's own taint is as it should be then."""
    return bool(
        re.search(
            r"Insufficient|affinity|selector|unschedulable|free ports|topology|volume", said.split("preemption:", maxsplit=1)[0]
        )
    )


def _taint(taint: object) -> str:
    value = words(taint, "value")
    return f"{words(taint, 'key')}{'=' + value if value else ''}:{words(taint, 'effect')}"


def _tolerates(one: object, taint: object) -> bool:
    if words(one, "effect") not in ("", words(taint, "effect")):
        return False
    if words(one, "operator") == "Exists":
        return words(one, "key") in ("", words(taint, "key"))
    return words(one, "key") == words(taint, "key") and words(one, "value") == words(taint, "value")


def _few(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _cause(cluster: Cluster, kind: CauseType, item: _Waiting, field: str, sure: str = "high", **values: Any) -> Cause:
    key, way = cluster.mend(item.pod, field)
    return kind.of(
        key, way.rstrip("."), "high" if sure == "high" else "medium", touches=[key_of(item.pod)], quotes=item.quotes,
        at=moment(condition(item.pod, "PodScheduled"), "lastTransitionTime"), **values,
    )  # fmt: skip
