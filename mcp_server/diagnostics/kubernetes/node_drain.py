"""Is a node drained, and if not: what would a drain move, what would be lost, and which budgets stand in its way?"""

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from mcp_server.cluster.drain import SHOWN, Drain, drain_of, told
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.kubernetes_calls import ReadObjects
from mcp_server.core.outcome import Finding, FindingType, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader

MOST = 20_000


class Params(Parameters):
    """Which node."""

    node: str = Field(max_length=253, pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", description="Name of the node")


class DrainFacts(Facts):
    """The node as a drain sees it."""

    drain: Drain
    evidence: str
    budgets_evidence: str | None = None


SCHEDULABLE = FindingType(
    code="schedulable",
    text="node {node} is not cordoned: pods may be placed on it",
    severity="info",
    meaning="It is not drained, or not any more.",
    advice="Cordon it, or drain it, if it is to be left by its pods.",
)
OCCUPIED = FindingType(
    code="occupied",
    text="{count} pods on node {node} would be moved by a drain",
    severity="info",
    meaning="They end when the node does.",
    advice="See below what is lost with them and which budgets guard them.",
)
ENDING = FindingType(
    code="ending",
    text="{count} pods on node {node} are being ended",
    severity="info",
    meaning="Each is given its grace period; a drain is done once they are gone.",
    advice="Ask again; kubernetes_diagnosis names finalizers that hold a pod.",
)
LOST = FindingType(
    code="lost",
    text="pod {pod} on node {node} would be lost with what it holds: {lost}",
    meaning="A drain ends it, and nothing brings it or its data back.",
    advice="Save what it holds, or name it in accept_loss_of when the drain is planned.",
)
NEVER = FindingType(
    code="budget_never",
    text="budget {budget} never allows {count} pods on node {node} to be evicted: {rule}",
    meaning="A drain waits for it in vain.",
    advice="Add a replica or loosen the budget first.",
)
DIAGNOSTIC = Diagnostic(
    question="Is a node drained, and what stands in the way of it?",
    area="kubernetes",
    facts=DrainFacts,
    places=("k8s",),
    timeout_s=20.0,
    tool=False,
    examples=({"node": "worker-1"},),
    next=("node_status", "kubernetes_diagnosis"),
)


def collect(reader: Reader, params: Params) -> DrainFacts:
    """The node and its pods; then what lies beyond it, each a part that may fail alone."""
    nodes = reader.look(ReadObjects(resource="nodes", name=params.node, limit=2))
    if not nodes.value.items:
        raise CouldNotLook(f"node {params.node}", "missing", "there is no node of that name")
    here = reader.look(ReadObjects(resource="pods", namespace="*", fields=f"spec.nodeName={params.node}", limit=MOST))
    if here.value.cut:
        reader.cut(f"pods on {params.node}", "there are more than are read")
    found: dict[str, Any] = {}
    evidence: dict[str, str] = {}
    for what, call in (
        ("poddisruptionbudgets", ReadObjects(resource="poddisruptionbudgets", namespace="*", limit=MOST)),
        ("services", ReadObjects(resource="services", namespace="*", limit=MOST)),
        ("pods", ReadObjects(resource="pods", namespace="*", placed_only=True, limit=MOST)),
    ):
        with reader.part(f"{what} of all namespaces"):
            seen = reader.look(call)
            found[what], evidence[what] = seen.value.items, seen.evidence
            if seen.value.cut:
                reader.cut(f"{what} of all namespaces", "there are more than are read")
    drain = drain_of(
        nodes.value.items[0], here.value.items, found.get("pods"), found.get("poddisruptionbudgets"), found.get("services")
    )
    return DrainFacts(drain=drain, evidence=here.evidence, budgets_evidence=evidence.get("poddisruptionbudgets"))


def judge(facts: DrainFacts, params: Params) -> Iterator[Finding]:
    """What is left on it and what stands in the way; nothing once it is cordoned and empty."""
    drain, evidence = facts.drain, facts.evidence
    common: dict[str, Any] = {"component": f"Node {drain.node}", "clues": (f"host:{drain.node}",), "node": drain.node}
    if not drain.cordoned:
        yield SCHEDULABLE.found(evidence, **common)
    if drain.moves:
        names = tuple(item.key for item in drain.moves[:SHOWN])
        yield OCCUPIED.found(evidence, quotes=names, count=len(drain.moves), **common)
    if drain.ending:
        yield ENDING.found(evidence, quotes=drain.ending[:SHOWN], count=len(drain.ending), **common)
    for item in [item for item in drain.moves if item.lost][:SHOWN]:
        clues = (f"workload:{item.namespace}/{item.workload}",)
        yield LOST.found(evidence, component=f"Pod {item.key}", clues=clues, pod=item.key, node=drain.node, lost=item.lost)
    for budget in [item for item in drain.budgets or () if item.never][:SHOWN]:
        yield NEVER.found(
            evidence, *([facts.budgets_evidence] if facts.budgets_evidence else []),
            component=f"PodDisruptionBudget {budget.name}", budget=budget.name, rule=budget.rule, count=budget.pods,
            node=drain.node,
        )  # fmt: skip


def show(facts: DrainFacts, params: Params) -> Iterator[Statement]:
    """What moves, workload by workload; what is behind which service; which budgets count it; what stays."""
    yield from told(facts.drain, facts.evidence)
    if (left := sum(bool(item.lost) for item in facts.drain.moves) - SHOWN) > 0:
        yield Statement(text="{count} more pods that would be lost are not shown", values={"count": left})
