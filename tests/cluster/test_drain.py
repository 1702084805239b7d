"""What a drain moves and which budgets guard it, told from plain objects."""

from typing import Any

import pytest

from mcp_server.cluster.budgets import allowed_now, guards, never_allows, rule_of
from mcp_server.cluster.drain import SHOWN, drain_of, told
from mcp_server.diagnostics.kubernetes.node_drain import DrainFacts, Params, judge, show

NODE = {"metadata": {"name": "n1", "uid": "u"}, "spec": {}}


def pod(name: str, node: str = "n1", owner: str = "ReplicaSet", ready: bool = True, **more: Any) -> dict[str, Any]:
    owners = [{"kind": owner, "name": "api-5f7", "controller": True}] if owner else []
    labels = {"app": "api"} | ({"pod-template-hash": "5f7"} if owner == "ReplicaSet" else {})
    meta = {"name": name, "namespace": "shop", "uid": f"uid-{name}", "labels": labels, "ownerReferences": owners}
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": str(ready)}]}
    return {"metadata": meta | more.pop("metadata", {}), "spec": {"nodeName": node} | more, "status": status}


def budget(version: str = "policy/v1", selector: Any = None, **rule: Any) -> dict[str, Any]:
    chosen = {"matchLabels": {"app": "api"}} if selector is None else selector
    return {
        "apiVersion": version, "metadata": {"name": "api", "namespace": "shop", "generation": 2},
        "spec": {"selector": chosen} | rule,
        "status": {"observedGeneration": 2, "disruptionsAllowed": 1, "expectedPods": 2, "desiredHealthy": 1},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("version", "selector", "counts"),
    [
        ("policy/v1", None, True), ("policy/v1beta1", None, True), ("policy/v1", {}, True), ("policy/v1beta1", {}, False),
        ("policy/v1", {"matchLabels": {"app": "other"}}, False), ("policy/v1", "nothing", False),
        ("policy/v1", {"matchExpressions": [{"key": "app", "operator": "In", "values": ["api", "web"]}]}, True),
    ],
)  # fmt: skip
def test_whom_a_budget_counts(version: str, selector: Any, counts: bool) -> None:
    assert guards(budget(version, selector), pod("a")) is counts
    elsewhere = pod("a", metadata={"namespace": "other"})
    assert guards(budget(version, selector), elsewhere) is False


@pytest.mark.parametrize(
    ("rule", "status", "never"),
    [
        ({"minAvailable": 1}, {}, False), ({"minAvailable": 2}, {}, True), ({"minAvailable": "100%"}, {}, True),
        ({"minAvailable": "60%"}, {"desiredHealthy": 2}, True), ({"maxUnavailable": 1}, {}, False),
        ({"maxUnavailable": 0}, {}, True), ({"maxUnavailable": "0%"}, {}, True),
        ({"minAvailable": 1}, {"expectedPods": 0}, False), ({"minAvailable": 1}, {"expectedPods": None}, False),
    ],
)  # fmt: skip
def test_a_budget_that_never_gives_way(rule: dict[str, Any], status: dict[str, Any], never: bool) -> None:
    made = budget(**rule)
    made["status"] |= status
    assert never_allows(made) is never
    assert rule_of(made) == " ".join(map(str, *rule.items()))


def test_a_budget_that_was_changed_has_not_counted_yet() -> None:
    made = budget(minAvailable=1)
    assert allowed_now(made) == 1
    made["metadata"]["generation"] = 3
    assert allowed_now(made) is None
    assert allowed_now({}) is None


def test_what_moves_what_stays_and_what_is_lost() -> None:
    here = [
        pod("a"), pod("b", owner=""), pod("agent", owner="DaemonSet"), pod("static", owner="Node"),
        pod("mirror", owner="", metadata={"annotations": {"kubernetes.io/config.mirror": "1"}}),
        pod("done") | {"status": {"phase": "Succeeded"}}, pod("going", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}),
        pod("scratch", owner="StatefulSet", volumes=[{"name": "data", "emptyDir": {}}, {"name": "conf", "configMap": {}}]),
    ]  # fmt: skip
    elsewhere = [
        pod("c", "n2"), pod("d", "n3", ready=False), pod("e", ""),
        pod("f", "n2", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}),
    ]  # fmt: skip
    service = {"metadata": {"name": "api", "namespace": "shop"}, "spec": {"selector": {"app": "api"}}}
    found = drain_of(NODE, here, [*here, *elsewhere], [budget(minAvailable=1)], [service])
    assert [item.name for item in found.moves] == ["a", "b", "scratch"]
    assert {item.name: item.lost for item in found.moves} == {
        "a": "", "b": "no controller makes it anew", "scratch": "emptyDir data",
    }  # fmt: skip
    assert (found.ending, found.stays) == (("shop/going",), {"daemon": 1, "static": 2, "finished": 1})
    group = next(item for item in found.groups if item.workload == "shop/api")
    assert (group.pods, group.elsewhere, group.nodes) == (1, 1, ("n2",))
    assert found.budgets is not None
    assert (found.budgets[0].pods, found.budgets[0].never) == (3, False)
    assert found.services is not None
    assert (found.services[0].moved, found.services[0].elsewhere) == (3, 1)
    said = [item.told(str) for item in told(found, "E1")]
    assert "shop/api (ReplicaSet api-5f7) has 1 pods that move: a; ready on other nodes: 1 (n2)" in said


def test_what_is_not_shown_is_counted() -> None:
    found = drain_of(NODE, [pod(f"p{number}", owner="") for number in range(SHOWN + 3)], [], [], [])
    facts, params = DrainFacts(drain=found, evidence="E1"), Params(node="n1")
    assert len([item for item in judge(facts, params) if item.code.endswith("lost")]) == SHOWN
    assert "3 more pods that would be lost are not shown" in [item.told(str) for item in show(facts, params)]


def test_what_was_not_seen_is_not_counted_as_none() -> None:
    found = drain_of(NODE, [pod("a")], None, None, [])
    assert (found.budgets, found.services, found.groups[0].elsewhere) == (None, None, None)
    assert any("ready on other nodes: not seen" in item.told(str) for item in told(found, "E1"))
