"""Callers that give up first, over the whole map."""

from mcp_server.core.edge import Component, Edge, Relation
from mcp_server.engine.topology import Graph
from mcp_server.engine.topology_waits import MOST, inversions


def edge(a: str, b: str, wait_s: float | None = None, relation: Relation = "proxies") -> Edge:
    return Edge(
        source="t", dependent=Component(kind="service", name=a), dependency=Component(kind="service", name=b), observed=True,
        relation=relation, confidence=1, evidence=("E1",), timeout_ms=None if wait_s is None else round(wait_s * 1000),
    )  # fmt: skip


def told(*edges: Edge) -> list[str]:
    return [item.told().replace("service:", "") for item in inversions(Graph(edges))]


def test_a_caller_that_waits_less_than_the_next_call_may_take() -> None:
    assert told(edge("client", "front", 5), edge("front", "app", 30)) == ["client 5 s → front 30 s → app"]
    assert told(edge("client", "front", 30), edge("front", "app", 5)) == []
    assert told(edge("client", "front", 30), edge("front", "app", 30)) == []


def test_what_stands_behind_an_address_is_the_same_call() -> None:
    chain = [edge("nginx", "port", 5), edge("port", "gunicorn", relation="listens"), edge("gunicorn", "db", 30, "configured")]
    assert told(*chain) == ["nginx 5 s → port → gunicorn 30 s → db"]
    other = [edge("nginx", "port", 5), edge("port", "gunicorn", relation="connects"), edge("gunicorn", "db", 30, "configured")]
    assert told(*other) == [], "a call without a known limit may end earlier"


def test_the_widest_gap_comes_first_and_circles_end() -> None:
    edges = [edge("a", "b", 1), edge("b", "c", 9), edge("b", "d", 60), edge("d", "a", relation="listens"), edge("c", "b", 2)]
    assert told(*edges)[0] == "a 1 s → b 60 s → d"
    assert len(told(*edges)) == len(set(told(*edges)))


def test_a_large_map_is_bounded() -> None:
    edges = [edge(f"a{number}", "hub", 1) for number in range(400)] + [edge("hub", f"b{number}", 9) for number in range(400)]
    assert MOST <= len(told(*edges)) <= MOST + 400
