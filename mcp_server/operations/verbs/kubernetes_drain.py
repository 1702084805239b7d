"""Planning half of an eviction: which pods of a node move, what nobody brings back, and which rules forbid it."""

from pydantic import JsonValue

from mcp_server.cluster.drain import Drain, drain_of, told
from mcp_server.core.errors import NotApplicable
from mcp_server.core.kubernetes_calls import ObjectsSeen, ReadObjects
from mcp_server.core.outcome import Statement
from mcp_server.core.reader import Reader, Seen
from mcp_server.core.text import one_line
from mcp_server.core.writer import Before, Undo, World
from mcp_server.operations.verbs.kubernetes_arguments import EvictionArguments

MOST = 20_000
_NAMED = 10


def evictable(reader: Reader, arguments: EvictionArguments, world: World) -> Before:
    """The pods that it moves, each by its uid. Raises NotApplicable where one would be lost and nobody accepted that, or
    where the server would refuse; CouldNotLook where anything could not be seen whole."""
    node = _whole(reader, ReadObjects(resource="nodes", name=arguments.node, limit=2))
    if not node.value.items:
        raise NotApplicable(f"there is no node {arguments.node}")
    here = _whole(reader, ReadObjects(resource="pods", namespace="*", fields=f"spec.nodeName={arguments.node}", limit=MOST))
    budgets = _whole(reader, ReadObjects(resource="poddisruptionbudgets", namespace="*", limit=MOST))
    everywhere = _whole(reader, ReadObjects(resource="pods", namespace="*", placed_only=True, limit=MOST))
    services = _whole(reader, ReadObjects(resource="services", namespace="*", limit=MOST))
    drain = drain_of(node.value.items[0], here.value.items, everywhere.value.items, budgets.value.items, services.value.items)
    _refused(drain, arguments)
    state: dict[str, JsonValue] = {
        "uid": drain.uid, "unschedulable": drain.cordoned, "pods": {item.key: item.uid for item in drain.moves},
    }  # fmt: skip
    touches = [f"host:{drain.node}"]
    for group in drain.groups:
        touches += [f"workload:{group.workload}", f"service:{group.workload.partition('/')[2]}"]
    evidence = (here.evidence, budgets.evidence, everywhere.evidence)
    return Before(
        state=state, touches=tuple(dict.fromkeys(touches)), evidence=evidence,
        record=(*_accepted(drain, here.evidence), *told(drain, here.evidence)),
    )  # fmt: skip


def _whole(reader: Reader, call: ReadObjects) -> Seen[ObjectsSeen]:
    seen = reader.look(call)
    if seen.value.cut:
        raise NotApplicable(f"{call.title()}: {seen.value.cut}; what is not seen whole is not drained")
    return seen


def _refused(drain: Drain, arguments: EvictionArguments) -> None:
    accepted = set(arguments.accept_loss_of)
    lost = [
        item for item in drain.moves
        if item.lost and not accepted & {item.key, f"{item.namespace}/{item.workload}"}
    ]  # fmt: skip
    if lost:
        shown = "; ".join(f"{item.key} ({item.lost})" for item in lost[:_NAMED])
        more = f"; and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
        names = " ".join(dict.fromkeys(f"{item.namespace}/{item.workload}" for item in lost[:_NAMED]))
        raise NotApplicable(
            f"a drain of {drain.node} would lose for good: {one_line(shown, 600)}{more}",
            f"save what they hold, or accept that loss by name: accept_loss_of={one_line(names, 300)}",
        )
    if doubly := [item for item in drain.moves if len(item.budgets) > 1]:
        raise NotApplicable(
            f"pod {doubly[0].key} is counted by several budgets ({one_line(', '.join(doubly[0].budgets), 200)}): "
            "the server evicts no such pod",
            "let one budget count it",
        )


def _accepted(drain: Drain, evidence: str) -> list[Statement]:
    """What is lost beyond memory, pod by pod: whoever approves must read it."""
    return [
        Statement(
            text="lost for good, as accepted: pod {pod}: {lost}", values={"pod": item.key, "lost": item.lost},
            evidence=(evidence,),
        )
        for item in drain.moves if item.lost
    ]  # fmt: skip


def emptied(arguments: EvictionArguments, was: Before) -> dict[str, JsonValue]:
    """No pod is left that moves."""
    return {"pods": {}}


def not_back(arguments: EvictionArguments, was: Before) -> Undo:
    """Nothing puts the pods back."""
    return Undo(
        lost="evicted pods have ended, and their controllers made others elsewhere; uncordoning lets new pods come, and does "
        "not bring these back"
    )


def said(arguments: EvictionArguments) -> Statement:
    """The act in words."""
    return Statement(
        text="evict the pods of node {node} one after the other, as their budgets allow, within {wait_s} s; accepted by name "
        "as lost for good: {loss}",
        values={
            "node": arguments.node, "wait_s": arguments.wait_s, "loss": ", ".join(arguments.accept_loss_of) or "nothing",
        },
    )  # fmt: skip
