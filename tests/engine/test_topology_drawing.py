"""The drawings: well-formed whatever the names hold, nothing left out in silence."""

import re
import xml.etree.ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.core.edge import Component, Edge
from mcp_server.engine.topology import Graph
from mcp_server.engine.topology_drawing import DRAWN, chosen, mermaid, svg

NODE = re.compile(r'    n\d+\["[A-Za-z0-9 ._:/@#;-]*"\]:::[a-z]+')
LINE = re.compile(r"    n\d+ (-->|-\.->)\|[A-Za-z0-9 ._:/@#;-]+\| n\d+")


def edge(a: str, b: str, *, observed: bool = True) -> Edge:
    return Edge(
        source="t", dependent=Component(kind="service", name=a), dependency=Component(kind="external", name=b),
        relation="connects", observed=observed, confidence=1, evidence=("E1",),
    )  # fmt: skip


@given(st.lists(st.tuples(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20)), min_size=1, max_size=8))
@settings(max_examples=100)
def test_any_name_stays_a_name(pairs: list[tuple[str, str]]) -> None:
    graph = Graph(edge(a, b) for a, b in pairs)
    root = ET.fromstring(svg(graph, graph.components[0]))
    assert len(root.findall("{http://www.w3.org/2000/svg}g")) == len(graph.components)
    lines = mermaid(graph).splitlines()
    assert lines[0] == "flowchart LR"
    count = len(graph.components)
    assert all(NODE.fullmatch(line) for line in lines[1 : 1 + count])
    assert all(LINE.fullmatch(line) for line in lines[1 + count : 1 + count + len(graph.edges)])


def test_a_hostile_name_can_neither_end_its_label_nor_become_an_element() -> None:
    hostile = '"]; click n0 "javascript:alert(1)" <script>x</script>'
    graph = Graph([edge(hostile, "db:5432")])
    assert "<script" not in svg(graph)
    assert "click n0 #34;javascript" in mermaid(graph), "the quote that would end the label is a number"
    assert 'click n0 "' not in mermaid(graph)


def test_what_was_not_seen_at_work_is_dashed() -> None:
    seen, told = Graph([edge("a", "b")]), Graph([edge("a", "b", observed=False)])
    assert "stroke-dasharray" in svg(told)
    assert "stroke-dasharray" not in svg(seen)
    assert "-.->" in mermaid(told)
    assert "-.->" not in mermaid(seen)


def test_too_many_to_draw_are_counted_and_the_nearest_are_kept() -> None:
    graph = Graph([edge("centre", f"e{number}") for number in range(20)] + [edge(f"s{n}", f"x{n}") for n in range(200)])
    centre = Component(kind="service", name="centre")
    part, left = chosen(graph, centre)
    assert left == len(graph.components) - len(part.components) > 0
    assert len(part.components) <= DRAWN
    assert centre in part
    assert all(Component(kind="external", name=f"e{number}") in part for number in range(20))
    assert chosen(Graph([edge("a", "b")]))[1] == 0
