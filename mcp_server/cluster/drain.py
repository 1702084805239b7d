"""What a drain of one node moves, what it leaves, what is lost with it, and which budgets stand in its way. Pure."""

from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import Field

from mcp_server.cluster.budgets import allowed_now, guards, never_allows, rule_of
from mcp_server.cluster.objects import (
    MIRROR,
    Object,
    at,
    condition,
    is_true,
    labels,
    mapping,
    matches,
    name_of,
    parts,
    space_of,
    words,
)
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import Statement

HASH = "pod-template-hash"
SHOWN = 20
Stays = Literal["daemon", "static", "finished"]


class Moved(Noun):
    """One pod that a drain evicts."""

    namespace: str
    name: str
    uid: str
    owner: str = Field("", description="its controller, such as `ReplicaSet api-7d8f9`; empty: nothing makes it anew")
    workload: str = Field("", description="name of what makes it: the Deployment's, where the ReplicaSet is one's")
    scratch: tuple[str, ...] = Field((), description="its emptyDir volumes, which end with it")
    budgets: tuple[str, ...] = Field((), description="names of the budgets that count it")

    @property
    def key(self) -> str:
        """`shop/api-7d8f9-x2x9k`."""
        return f"{self.namespace}/{self.name}"

    @property
    def lost(self) -> str:
        """What is lost with it beyond what it holds in memory; empty where nothing is."""
        if not self.owner:
            return "no controller makes it anew"
        return f"emptyDir {', '.join(self.scratch)}" if self.scratch else ""


class Group(Noun):
    """The pods of one workload on the node, and where others of it are."""

    workload: str = Field(description="`shop/api`")
    owner: str
    pods: int
    names: tuple[str, ...] = Field((), description="names of some of these pods")
    elsewhere: int | None = Field(description="ready pods of it on other nodes; None where that was not seen")
    nodes: tuple[str, ...] = Field((), description="names of some of these nodes")


class Budget(Noun):
    """A budget that counts a pod which moves."""

    name: str = Field(description="`shop/api`")
    rule: str
    allowed: int | None
    pods: int = Field(description="pods on the node that it counts")
    never: bool


class Behind(Noun):
    """A Service some of whose pods move: who calls it meets the others meanwhile."""

    name: str
    moved: int
    elsewhere: int


class Drain(Noun):
    """One node as a drain sees it. Budgets, services and other nodes are None where they were not seen."""

    node: str
    uid: str
    cordoned: bool
    moves: tuple[Moved, ...] = ()
    ending: tuple[str, ...] = Field((), description="pods that are being deleted already")
    stays: dict[Stays, int] = {}
    groups: tuple[Group, ...] = ()
    budgets: tuple[Budget, ...] | None = ()
    services: tuple[Behind, ...] | None = ()


def drain_of(
    node: Object,
    here: Sequence[Object],
    everywhere: Sequence[Object] | None,
    budgets: Sequence[Object] | None,
    services: Sequence[Object] | None,
) -> Drain:
    """From the node, its pods in full, and of the whole cluster: pods (owner, labels, node, readiness), budgets, services."""
    moves: list[tuple[Moved, Object]] = []
    ending: list[str] = []
    stays: dict[Stays, int] = {}
    for pod in sorted(here, key=lambda item: (space_of(item), name_of(item))):
        if why := _stays(pod):
            stays[why] = stays.get(why, 0) + 1
        elif words(pod, "metadata.deletionTimestamp"):
            ending.append(f"{space_of(pod)}/{name_of(pod)}")
        else:
            moves.append((_moved(pod, budgets or ()), pod))
    others = None if everywhere is None else [
        pod for pod in everywhere
        if words(pod, "spec.nodeName") not in ("", name_of(node)) and is_true(condition(pod, "Ready"))
        and not words(pod, "metadata.deletionTimestamp")
    ]  # fmt: skip
    return Drain(
        node=name_of(node), uid=words(node, "metadata.uid"), cordoned=at(node, "spec.unschedulable") is True,
        moves=tuple(item for item, _ in moves), ending=tuple(ending), stays=stays, groups=_groups(moves, others),
        budgets=None if budgets is None else tuple(_budgets(moves, budgets)),
        services=None if services is None or others is None else tuple(_services(moves, others, services)),
    )  # fmt: skip


def _stays(pod: Object) -> Stays | None:
    """Why a drain leaves it: a DaemonSet places its pods on cordoned nodes too, the kubelet runs static ones by itself."""
    owner = controller(pod)
    if words(pod, "status.phase") in ("Succeeded", "Failed"):
        return "finished"
    if MIRROR in mapping(pod, "metadata.annotations") or words(owner, "kind") == "Node":
        return "static"
    return "daemon" if words(owner, "kind") == "DaemonSet" else None


def controller(pod: Object) -> Object:
    """The owner that makes it anew; empty where there is none."""
    return next((item for item in parts(pod, "metadata.ownerReferences") if item.get("controller") is True), {})


def workload_of(pod: Object) -> str:
    """Name of the workload: a Deployment calls its ReplicaSets NAME-HASH, and their pods carry the hash."""
    name = words(controller(pod), "name") or name_of(pod)
    return name.removesuffix(f"-{labels(pod)[HASH]}") if HASH in labels(pod) else name


def _moved(pod: Object, budgets: Sequence[Object]) -> Moved:
    owner = controller(pod)
    return Moved(
        namespace=space_of(pod), name=name_of(pod), uid=words(pod, "metadata.uid"), workload=workload_of(pod),
        owner=f"{words(owner, 'kind')} {words(owner, 'name')}" if owner else "",
        scratch=tuple(words(item, "name") for item in parts(pod, "spec.volumes") if "emptyDir" in item),
        budgets=tuple(name_of(item) for item in budgets if guards(item, pod)),
    )  # fmt: skip


def _groups(moves: Sequence[tuple[Moved, Object]], others: Sequence[Object] | None) -> tuple[Group, ...]:
    found: dict[tuple[str, str], list[Moved]] = {}
    for item, _ in moves:
        found.setdefault((item.namespace, item.workload), []).append(item)
    out: list[Group] = []
    for (space, workload), items in found.items():
        alike = None if others is None else [
            pod for pod in others if items[0].owner and (space_of(pod), workload_of(pod)) == (space, workload)
        ]  # fmt: skip
        out.append(Group(
            workload=f"{space}/{workload}", owner=items[0].owner, pods=len(items), names=tuple(item.name for item in items[:5]),
            elsewhere=None if alike is None else len(alike),
            nodes=tuple(sorted({words(pod, "spec.nodeName") for pod in alike or ()})[:5]),
        ))  # fmt: skip
    return tuple(out)


def _budgets(moves: Sequence[tuple[Moved, Object]], budgets: Sequence[Object]) -> Iterator[Budget]:
    for budget in budgets:
        if count := sum(guards(budget, pod) for _, pod in moves):
            yield Budget(
                name=f"{space_of(budget)}/{name_of(budget)}", rule=rule_of(budget), allowed=allowed_now(budget), pods=count,
                never=never_allows(budget),
            )  # fmt: skip


def _services(moves: Sequence[tuple[Moved, Object]], others: Sequence[Object], services: Sequence[Object]) -> list[Behind]:
    moving = [pod for _, pod in moves]
    out = []
    for service in services:
        if count := len(_behind(service, moving)):
            elsewhere = len(_behind(service, others))
            out.append(Behind(name=f"{space_of(service)}/{name_of(service)}", moved=count, elsewhere=elsewhere))
    return out


def _behind(service: Object, pods: Sequence[Object]) -> list[Object]:
    chosen, space = labels(service, "spec.selector"), space_of(service)
    return [pod for pod in pods if space_of(pod) == space and matches(chosen, labels(pod))]


def told(drain: Drain, evidence: str) -> Iterator[Statement]:
    """What moves, workload by workload, and where others of it run; services; budgets; what stays. At most `SHOWN` of each."""
    groups = [group for group in drain.groups if group.owner]
    for group in groups[:SHOWN]:
        alone = "; nobody does its work until one is ready elsewhere" if group.elsewhere == 0 else ""
        yield Statement(
            text="{workload} ({owner}) has {pods} pods that move: {names}; ready on other nodes: {elsewhere} ({nodes})" + alone,
            values={
                "workload": group.workload, "owner": group.owner, "pods": group.pods,
                "names": ", ".join(group.names) + (", …" if group.pods > len(group.names) else ""),
                "elsewhere": "not seen" if group.elsewhere is None else group.elsewhere,
                "nodes": ", ".join(group.nodes) or "none",
            },
            evidence=(evidence,),
        )  # fmt: skip
    for service in (drain.services or ())[:SHOWN]:
        yield Statement(
            text="service {service}: {moved} of the pods behind it move; ready ones on other nodes: {elsewhere}",
            values={"service": service.name, "moved": service.moved, "elsewhere": service.elsewhere},
            evidence=(evidence,),
        )
    for budget in (drain.budgets or ())[:SHOWN]:
        text = "budget {budget} ({rule}) counts {pods} of them; evictions that it allows now: {now}"
        now = "not counted yet" if budget.allowed is None else budget.allowed
        yield Statement(
            text=text + ("; it never allows one" if budget.never else ""),
            values={"budget": budget.name, "rule": budget.rule, "pods": budget.pods, "now": now},
            evidence=(evidence,),
        )
    if drain.ending:
        yield Statement(
            text="{count} pods on node {node} are being ended already; a drain is done once they are gone",
            values={"count": len(drain.ending), "node": drain.node}, quotes=drain.ending[:SHOWN], evidence=(evidence,),
        )  # fmt: skip
    left = {"workloads": len(groups), "services": len(drain.services or ()), "budgets": len(drain.budgets or ())}
    for what, count in left.items():
        if count > SHOWN:
            yield Statement(text="{count} more {what} are not shown", values={"count": count - SHOWN, "what": what})
    yield Statement(
        text="left on node {node}: {daemon} of DaemonSets, {static} static, {finished} finished",
        values={"node": drain.node, **{kind: drain.stays.get(kind, 0) for kind in ("daemon", "static", "finished")}},
        evidence=(evidence,),
    )
