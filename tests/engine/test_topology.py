"""The map as a graph: what is told of small ones by hand, and what holds for every one."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.core.edge import Component, Edge
from mcp_server.engine.topology import Graph, joined, resolve_component, strongly_connected


def thing(name: str) -> Component:
    kind, _, rest = name.partition(":")
    return Component(kind=kind, name=rest) if rest else Component(kind="service", name=name)


def edge(dependent: str, dependency: str, relation: str = "connects", **more: object) -> Edge:
    base = {"source": "t", "observed": True, "confidence": 1.0, "evidence": ("E1",)}
    return Edge.model_validate(
        base | {"dependent": thing(dependent), "dependency": thing(dependency), "relation": relation} | more
    )


CHAIN = [
    edge("site", "port:80", "listens"), edge("port:80", "process:nginx[7]", "listens"), edge("port:80", "port:8000", "proxies"),
    edge("port:8000", "process:gunicorn[9]", "listens"), edge("admin", "port:8000"),
    edge("process:gunicorn[9]", "external:db:5432"), edge("process:gunicorn[9]", "unit:shop.service", "managed"),
    edge("unit:shop.service", "process:gunicorn[9]", "runs"), edge("unit:shop.service", "unit:network.service", "orders"),
]  # fmt: skip


def keys(found: object) -> dict[str, int]:
    return {item.component.key: item.distance for item in found}  # type: ignore[attr-defined]


def test_victims_are_above_and_suspects_below() -> None:
    graph = Graph(CHAIN)
    assert keys(graph.victims(thing("port:8000"))) == {"port:80": 1, "service:admin": 1, "service:site": 2}
    below = graph.suspects(thing("port:8000"))
    assert keys(below) == {"process:gunicorn[9]": 1, "external:db:5432": 2, "unit:shop.service": 2}
    assert keys(graph.suspects(thing("port:8000"), depth=1)) == {"process:gunicorn[9]": 1}
    assert {item.component.key: graph.classes(item) for item in below} == {
        "process:gunicorn[9]": ("immediate", "shared"), "external:db:5432": ("transitive", "external"),
        "unit:shop.service": ("transitive", "infrastructure"),
    }  # fmt: skip


def test_an_order_of_starting_carries_no_failure_but_is_kept() -> None:
    graph = Graph(CHAIN)
    assert graph.victims(thing("unit:network.service")) == ()
    assert any(item.relation == "orders" for item in graph.touching(thing("unit:network.service")))


def test_a_unit_and_its_process_are_no_circle_but_real_circles_are_told() -> None:
    assert Graph(CHAIN).cycles() == ()
    ring = Graph([edge("a", "b"), edge("b", "c"), edge("c", "a"), edge("c", "d")])
    assert [[item.name for item in group] for group in ring.cycles()] == [["a", "b", "c"]]
    assert keys(ring.victims(thing("a"))) == {"service:c": 1, "service:b": 2}
    assert ring.layers()["service:a"] == ring.layers()["service:c"] == 0
    assert ring.layers()["service:d"] == 1


def test_the_same_edge_seen_twice_is_one_that_cites_both() -> None:
    one = edge("a", "b", observed=False, confidence=0.6, evidence=("E2",), timeout_ms=5_000)
    two = edge("a", "b", observed=True, confidence=1.0, evidence=("E1",), timeout_ms=1_000, count=3)
    (merged,) = Graph([one, two]).edges
    assert (merged.observed, merged.confidence, merged.evidence, merged.timeout_ms, merged.count) == (
        True, 1.0, ("E1", "E2"), 1_000, 3,
    )  # fmt: skip


def test_shared_counts_who_stands_on_it_directly() -> None:
    assert Graph(CHAIN).shared()[0] == (thing("port:8000"), 2)


def test_a_part_of_the_map_keeps_every_edge_between_its_members() -> None:
    part = Graph(CHAIN).around(thing("port:80"), 1)
    assert {item.key for item in part.components} == {"port:80", "service:site", "process:nginx[7]", "port:8000"}
    assert len(part.edges) == 3


def test_names_lead_to_where_hosts_says_and_else_to_their_resolution() -> None:
    given_edges = [
        edge("shop", "external:db.internal:5432", "configured"), edge("shop", "external:api.partner:443", "configured"),
        edge("host:db.internal", "host:127.0.0.1", "resolves", evidence=("E7",)),
        edge("host:name resolution", "external:10.0.0.2:53", "resolves", evidence=("E8",)),
        edge("host:never.called", "host:10.0.0.9", "resolves"),
    ]  # fmt: skip
    graph = Graph(joined(given_edges))
    assert "port:5432" in keys(graph.suspects(thing("external:db.internal:5432")))
    assert keys(graph.victims(thing("port:5432"))) == {"external:db.internal:5432": 1, "service:shop": 2}
    victims = keys(graph.victims(thing("external:10.0.0.2:53")))
    assert victims["external:api.partner:443"] == 3
    assert "external:db.internal:5432" not in victims, "it is written down and needs no name server"
    assert thing("host:never.called") not in graph


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("gunicorn", ["process:gunicorn[9]"]), ("pid:9", ["process:gunicorn[9]"]), ("shop", ["unit:shop.service"]),
        ("db", ["external:db:5432"]), ("site", ["service:site"]), ("nothing", []),
    ],
)  # fmt: skip
def test_a_component_is_found_by_what_a_person_calls_it(text: str, found: list[str]) -> None:
    assert [item.key for item in resolve_component(Graph(CHAIN), None, text)] == found


PAIRS = st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14)), max_size=60)


@given(PAIRS, st.integers(0, 14), st.randoms())
@settings(max_examples=150)
def test_what_holds_for_every_map(pairs: list[tuple[int, int]], start: int, chance: random.Random) -> None:
    edges = [edge(f"c{a}", f"c{b}") for a, b in pairs]
    graph = Graph(edges)
    shuffled = edges[:]
    chance.shuffle(shuffled)
    assert Graph(shuffled).edges == graph.edges, "the order in which edges come does not matter"
    reach = {a: {b for x, b in pairs if x == a and b != a} for a in range(15)}
    for _ in range(15):
        reach = {a: row | {c for b in row for c in reach[b]} for a, row in reach.items()}
    below = {item.component.name for item in graph.suspects(thing(f"c{start}"))}
    assert below == {f"c{b}" for b in reach[start] if b != start}, "below is exactly the closure"
    for number in range(15):
        above = {item.component.name for item in graph.victims(thing(f"c{number}"))}
        assert (f"c{start}" in above) == (f"c{number}" in below), "who stands on whom is one relation read both ways"
    in_cycles = {item.name for group in graph.cycles() for item in group}
    assert in_cycles == {f"c{a}" for a in range(15) if a in reach[a]}
    layers = graph.layers()
    for item in graph.edges:
        mutual = item.dependency.name in in_cycles and int(item.dependent.name[1:]) in reach[int(item.dependency.name[1:])]
        assert mutual or layers[item.dependent.key] < layers[item.dependency.key], "callers stand left of what they call"
    for item in graph.suspects(thing(f"c{start}")):
        assert graph.edges[item.edge].dependency == item.component
        assert graph.edges[item.edge].dependent == item.via


@given(PAIRS)
@settings(max_examples=100)
def test_groups_partition_the_nodes_and_come_after_those_below(pairs: list[tuple[int, int]]) -> None:
    below = [sorted({b for a, b in pairs if a == node}) for node in range(15)]
    groups = strongly_connected(below)
    assert sorted(node for group in groups for node in group) == list(range(15))
    place = {node: number for number, group in enumerate(groups) for node in group}
    assert all(place[b] <= place[a] for a in range(15) for b in below[a])


def test_a_chain_of_many_is_no_matter_of_recursion() -> None:
    graph = Graph(edge(f"c{number}", f"c{number + 1}") for number in range(5_000))
    assert len(graph.suspects(thing("c0"))) == 5_000
    assert graph.cycles() == ()
    assert max(graph.layers().values()) == 5_000
