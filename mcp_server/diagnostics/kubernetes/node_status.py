"""Are the nodes well, and how full are they by what is requested?"""

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from mcp_server.cluster.objects import at, condition, mapping, name_of, parts, quantity, words
from mcp_server.core.clock import Moment
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.kubernetes_calls import ReadObjects
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import Finding, FindingType, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader
from mcp_server.core.text import bytes_text

PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")
SHOWN = 30


class Params(Parameters):
    """Which node, and from when on a node counts as full."""

    node: str | None = Field(None, max_length=253, pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", description="Only this node")

    full_percent: int = Field(95, ge=50, le=100, description="Percent requested of what a node has to give at which it is full")


class NodeFacts(Noun):
    """One node; requests are sums over its pods, in CPUs and bytes. Requests are None where pods could not be listed."""

    name: str
    ready: bool
    reason: str = ""
    message: str = ""
    since: Moment | None = None
    pressures: tuple[str, ...] = ()
    cordoned: bool = False
    taints: tuple[str, ...] = ()
    version: str = ""
    cpu: float = 0
    memory: float = 0
    most_pods: int = 0
    cpu_requested: float | None = None
    memory_requested: float | None = None
    pods: int | None = None


class ClusterNodes(Facts):
    """Every node."""

    nodes: tuple[NodeFacts, ...]
    evidence: str
    pods_evidence: str | None = None


NOT_READY = FindingType(
    code="not_ready",
    text="node {node} is not ready: {reason}",
    severity="critical",
    meaning="Its pods are not looked after; after some minutes they are replaced elsewhere, if there is room.",
    advice="See on the node whether the kubelet and the container runtime run and reach the API server.",
    explains=("rollout_status.stuck", "rollout_status.unfinished"),
)
PRESSURE = FindingType(
    code="pressure",
    text="node {node} reports {pressures}",
    severity="critical",
    meaning="The kubelet evicts pods and accepts no new ones.",
    advice="See on the node what uses it; compare with the requests of its pods.",
    explains=("rollout_status.stuck", "rollout_status.unfinished"),
)
FULL = FindingType(
    code="full",
    text="node {node} has {what} left to give: {requested} of {given} are requested",
    meaning="A pod that requests more than is left is not placed there.",
    advice="Compare requests with use; scale something down, lower requests or add a node.",
)
CORDONED = FindingType(
    code="cordoned",
    text="node {node} is cordoned: nothing new is placed there",
    severity="info",
    meaning="The others carry its share.",
    advice="Find out whether a drain or an upgrade is under way.",
)

DIAGNOSTIC = Diagnostic(
    question="Are the nodes ready, under pressure, cordoned, or full by requests?",
    area="kubernetes",
    facts=ClusterNodes,
    places=("k8s",),
    timeout_s=20.0,
    tool=False,
    examples=({}, {"full_percent": 90}),
    next=("kubernetes_diagnosis",),
)


def collect(reader: Reader, params: Params) -> ClusterNodes:
    """Nodes, then the pods of the whole cluster for what they request."""
    seen = reader.look(ReadObjects(resource="nodes", name=params.node, limit=5_000))
    if params.node and not seen.value.items:
        raise CouldNotLook(f"node {params.node}", "missing", "there is no node of that name")
    if seen.value.cut:
        reader.cut("nodes", "there are more than are read")
    asked: dict[str, list[float]] = {}
    pods_evidence = None
    with reader.part("pods of all namespaces"):
        pods = reader.look(
            ReadObjects(
                resource="pods",
                namespace="*",
                fields="status.phase!=Succeeded,status.phase!=Failed",
                limit=20_000,
                requests_only=True,
            )
        )
        pods_evidence = pods.evidence
        if pods.value.cut:
            reader.cut("pods of all namespaces", "requests are summed over a part of the pods only")
        for item in pods.value.items:
            sums = asked.setdefault(words(item, "spec.nodeName"), [0.0, 0.0, 0.0])
            for container in parts(item, "spec.containers"):
                sums[0] += quantity(at(container, "resources.requests.cpu")) or 0.0
                sums[1] += quantity(at(container, "resources.requests.memory")) or 0.0
            sums[2] += 1
    nodes = tuple(_node(obj, asked.get(name_of(obj), [0.0, 0.0, 0.0]) if pods_evidence else None) for obj in seen.value.items)
    return ClusterNodes(nodes=nodes, evidence=seen.evidence, pods_evidence=pods_evidence)


def _node(obj: dict[str, Any], asked: list[float] | None) -> NodeFacts:
    ready, given = condition(obj, "Ready"), mapping(obj, "status.allocatable")
    since: Any = words(ready, "lastTransitionTime") or None
    return NodeFacts(
        name=name_of(obj),
        ready=words(ready, "status") == "True",
        reason=words(ready, "reason"),
        message=words(ready, "message"),
        since=since,
        pressures=tuple(name for name in PRESSURES if words(condition(obj, name), "status") == "True"),
        cordoned=at(obj, "spec.unschedulable") is True,
        version=words(obj, "status.nodeInfo.kubeletVersion"),
        taints=tuple(f"{words(item, 'key')}:{words(item, 'effect')}" for item in parts(obj, "spec.taints"))[:20],
        cpu=quantity(given.get("cpu")) or 0,
        memory=quantity(given.get("memory")) or 0,
        most_pods=int(quantity(given.get("pods")) or 0),
        cpu_requested=round(asked[0], 3) if asked else None,
        memory_requested=asked[1] if asked else None,
        pods=int(asked[2]) if asked else None,
    )


def judge(facts: ClusterNodes, params: Params) -> Iterator[Finding]:
    """Not ready, under pressure, full, cordoned."""
    for node in facts.nodes:
        common: dict[str, Any] = {"component": f"Node {node.name}", "clues": (f"host:{node.name}",), "node": node.name}
        if not node.ready:
            reason = node.reason or "its kubelet does not say"
            yield NOT_READY.found(
                facts.evidence, at=node.since, quotes=(node.message,) if node.message else (), reason=reason, **common
            )
        if node.pressures:
            yield PRESSURE.found(facts.evidence, pressures=", ".join(node.pressures), **common)
        if node.cordoned:
            yield CORDONED.found(facts.evidence, **common)
        for what, requested, given in (("CPU", node.cpu_requested, node.cpu), ("memory", node.memory_requested, node.memory),
                                       ("pods", node.pods, node.most_pods)):  # fmt: skip
            if requested is not None and given and requested * 100 >= given * params.full_percent and facts.pods_evidence:
                shown = bytes_text if what == "memory" else lambda value: f"{value:g}"
                yield FULL.found(
                    facts.evidence,
                    facts.pods_evidence,
                    what=f"hardly any {what}",
                    requested=shown(requested),
                    given=shown(given),
                    **common,
                )


def show(facts: ClusterNodes, params: Params) -> Iterator[Statement]:
    """One line per node."""
    for node in facts.nodes[:SHOWN]:
        yield Statement(
            text="{node} ({version}): {pods} of {most} pods, {cpu} of {cpus} CPUs and {memory} of {memories} "
            "requested; taints {taints}",
            values={
                "node": node.name,
                "version": node.version,
                "pods": node.pods,
                "most": node.most_pods,
                "cpu": node.cpu_requested,
                "cpus": node.cpu,
                "memory": bytes_text(node.memory_requested) if node.memory_requested is not None else None,
                "memories": bytes_text(node.memory),
                "taints": ", ".join(node.taints) or "none",
            },
            evidence=(facts.evidence,),
        )
    if len(facts.nodes) > SHOWN:
        yield Statement(text="{count} more nodes are in the data", values={"count": len(facts.nodes) - SHOWN})
