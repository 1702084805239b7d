"""The dependency map at 10,000 components and 50,000 edges: time and memory. `python -m bench.topology`.

A quarter of the edges closes circles, and a few components are used by thousands, as a database or a name server is.
"""

import random
import resource
import time
from collections.abc import Callable

from mcp_server.core.edge import Component, Edge
from mcp_server.engine.topology import Graph, joined
from mcp_server.engine.topology_drawing import chosen, mermaid, svg
from mcp_server.engine.topology_waits import inversions

COMPONENTS, EDGES = 10_000, 50_000


def edges(components: int = COMPONENTS, count: int = EDGES, seed: int = 1) -> list[Edge]:
    """A system in layers with circles and hubs; the same seed gives the same system."""
    chance = random.Random(seed)
    kinds = ("service", "process", "port", "unit", "external")
    things = [Component(kind=kinds[number % 5], name=f"c{number}") for number in range(components)]
    pairs: set[tuple[int, int]] = {(number, number // 2) for number in range(1, components)}  # everybody has a neighbour
    while len(pairs) < count:
        one = chance.randrange(components)
        other = chance.randrange(20) if chance.random() < 0.1 else chance.randrange(components)
        if one != other:
            pairs.add((one, other) if chance.random() < 0.25 else (max(one, other), min(one, other)))
    return [
        Edge(
            source="bench", dependent=things[one], dependency=things[other], relation="connects", observed=one % 3 > 0,
            confidence=0.9, evidence=(f"E{one % 100}",), timeout_ms=one % 7 * 1000 if one % 3 == 0 else None,
        )
        for one, other in sorted(pairs)
    ]  # fmt: skip


def figures() -> list[tuple[str, float, str]]:
    """(what, seconds, remark) for each step on one map."""
    rows: list[tuple[str, float, str]] = []

    def timed(what: str, work: Callable[[], object], remark: Callable[[object], str] = lambda _: "") -> object:
        began = time.perf_counter()
        result = work()
        rows.append((what, time.perf_counter() - began, remark(result)))
        return result

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    made = edges()
    graph = Graph(made)
    timed("join and index", lambda: Graph(joined(made)))
    hub = graph.shared()[0][0]
    timed("blast radius of the most used", lambda: (graph.victims(hub), graph.suspects(hub)), lambda _: hub.key)
    timed("map around it, depth 3", lambda: graph.around(hub, 3))
    timed("shared dependencies", graph.shared, lambda found: f"{len(found)}")  # type: ignore[arg-type]
    timed("circles", graph.cycles, lambda found: f"{len(found)}")  # type: ignore[arg-type]
    timed("layers", graph.layers)
    timed("callers that give up first", lambda: inversions(graph), lambda found: f"{len(found)}")  # type: ignore[arg-type]
    drawn = chosen(graph, hub)[0]
    timed("SVG of what is drawn", lambda: svg(drawn, hub), lambda text: f"{len(str(text)):,} B")
    timed("Mermaid of what is drawn", lambda: mermaid(drawn, hub), lambda text: f"{len(str(text)):,} B")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    rows.append(("memory, edges included", 0.0, f"{grown / 1024:.0f} MiB"))
    return rows


def main() -> None:
    """Print the figures."""
    print(f"dependency map, {COMPONENTS:,} components and {EDGES:,} edges")
    for what, seconds, remark in figures():
        print(f"  {what:<34}{seconds * 1000:>9.0f} ms  {remark}" if seconds else f"  {what:<34}{'':>12}  {remark}")


if __name__ == "__main__":
    main()
