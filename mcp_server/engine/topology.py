"""Who stands on whom, as a graph: pure functions over edges, iterative, deterministic, at home with cycles.

`victims` are above a component (they are hurt when it fails), `suspects` below it (they can hurt it). An edge that is an
order of starting and nothing more carries no failure; it is kept, and not followed.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence

from mcp_server.core.edge import Component, Edge, EdgeClass, endpoint, is_here, split_address
from mcp_server.core.noun import Noun

INFRASTRUCTURE = ("unit", "host", "file", "network", "volume")
"""Kinds that carry services without being one."""


class Reached(Noun):
    """A component and how it is reached: `distance` edges away, first through `via`, by `edge` (a place in the graph)."""

    component: Component
    distance: int
    via: Component
    edge: int


class Graph:
    """Edges merged and indexed. Components and edges have places in `components` and `edges`, in a fixed order."""

    def __init__(self, edges: Iterable[Edge]) -> None:
        """The order of `edges` does not matter: what is equal but for its evidence is one edge citing all of it."""
        merged: dict[tuple[str, str, str], list[Edge]] = {}
        for edge in edges:
            if edge.dependent != edge.dependency:
                merged.setdefault((edge.dependent.key, edge.dependency.key, edge.relation), []).append(edge)
        self.edges: tuple[Edge, ...] = tuple(_merged(merged[key]) for key in sorted(merged))
        known = {item.key: item for edge in self.edges for item in (edge.dependent, edge.dependency)}
        self.components: tuple[Component, ...] = tuple(known[key] for key in sorted(known))
        self._place = {item.key: number for number, item in enumerate(self.components)}
        self._below: list[list[tuple[int, int]]] = [[] for _ in self.components]
        self._above: list[list[tuple[int, int]]] = [[] for _ in self.components]
        self._touching: list[list[int]] = [[] for _ in self.components]
        for number, edge in enumerate(self.edges):
            dependent, dependency = self._place[edge.dependent.key], self._place[edge.dependency.key]
            self._touching[dependent].append(number)
            self._touching[dependency].append(number)
            if edge.carries:
                self._below[dependent].append((dependency, number))
                self._above[dependency].append((dependent, number))

    def __contains__(self, component: Component) -> bool:
        return component.key in self._place

    def suspects(self, component: Component, depth: int | None = None) -> tuple[Reached, ...]:
        """Everything it stands on, nearest first; at most `depth` edges away."""
        return self._reach(component, self._below, depth)

    def victims(self, component: Component, depth: int | None = None) -> tuple[Reached, ...]:
        """Everything that stands on it, nearest first: who is hurt when it fails."""
        return self._reach(component, self._above, depth)

    def _reach(
        self, start: Component, following: Sequence[Sequence[tuple[int, int]]], depth: int | None
    ) -> tuple[Reached, ...]:
        if start.key not in self._place:
            return ()
        begin = self._place[start.key]
        seen, found, queue = {begin}, list[Reached](), deque([(begin, 0)])
        while queue:
            here, distance = queue.popleft()
            if depth is not None and distance >= depth:
                continue
            for other, edge in following[here]:
                if other not in seen:
                    seen.add(other)
                    queue.append((other, distance + 1))
                    found.append(
                        Reached(
                            component=self.components[other], distance=distance + 1, via=self.components[here], edge=edge
                        )
                    )  # fmt: skip
        return tuple(sorted(found, key=lambda item: (item.distance, item.component.key)))

    def touching(self, component: Component) -> tuple[Edge, ...]:
        """Every edge that begins or ends at it, orders of starting included."""
        place = self._place.get(component.key)
        return () if place is None else tuple(self.edges[number] for number in self._touching[place])

    def users(self, component: Component) -> int:
        """How many components stand on it directly."""
        return len({other for other, _ in self._above[self._place[component.key]]}) if component in self else 0

    def needs(self, component: Component) -> int:
        """How many components it stands on directly."""
        return len({other for other, _ in self._below[self._place[component.key]]}) if component in self else 0

    def shared(self) -> tuple[tuple[Component, int], ...]:
        """What two or more components stand on directly, with their number, the most used first."""
        counted = ((item, self.users(item)) for item in self.components)
        return tuple(sorted(((item, count) for item, count in counted if count > 1), key=lambda pair: (-pair[1], pair[0].key)))

    def classes(self, reached: Reached) -> tuple[EdgeClass, ...]:
        """How a dependency looks from where it was reached; several may hold at once."""
        found: list[EdgeClass] = ["immediate" if reached.distance == 1 else "transitive"]
        if self.users(reached.component) > 1:
            found.append("shared")
        if reached.component.kind == "external":
            found.append("external")
        if reached.component.kind in INFRASTRUCTURE:
            found.append("infrastructure")
        return tuple(found)

    def around(self, component: Component, depth: int) -> "Graph":
        """The part of the map within `depth` edges above and below it, with every edge between its members."""
        members = {component.key}
        members |= {item.component.key for item in (*self.suspects(component, depth), *self.victims(component, depth))}
        return Graph(edge for edge in self.edges if edge.dependent.key in members and edge.dependency.key in members)

    def cycles(self) -> tuple[tuple[Component, ...], ...]:
        """Groups whose members all stand on each other. A unit and its own process always do, and are not told."""
        below = [[other for other, edge in row if self.edges[edge].relation != "managed"] for row in self._below]
        groups = [sorted(group) for group in strongly_connected(below) if len(group) > 1]
        return tuple(tuple(self.components[place] for place in group) for group in sorted(groups))

    def layers(self) -> dict[str, int]:
        """A row for each component, by key: 0 for what nothing stands on; members of a cycle share a row."""
        below = [[other for other, _ in row] for row in self._below]
        group_of: dict[int, int] = {}
        groups = strongly_connected(below)
        for number, group in enumerate(groups):
            group_of |= dict.fromkeys(group, number)
        depth = [0] * len(groups)
        for number in range(len(groups) - 1, -1, -1):  # the last group found is one that no other stands below
            for place in groups[number]:
                for other in below[place]:
                    if group_of[other] != number:
                        depth[group_of[other]] = max(depth[group_of[other]], depth[number] + 1)
        return {item.key: depth[group_of[place]] for place, item in enumerate(self.components)}


def strongly_connected(below: Sequence[Sequence[int]]) -> list[list[int]]:
    """Tarjan's groups of nodes that reach each other, without recursion; a group comes after all groups below it."""
    index, low = [-1] * len(below), [0] * len(below)
    on_stack, stack, groups, count = [False] * len(below), list[int](), list[list[int]](), 0
    for root in range(len(below)):
        if index[root] >= 0:
            continue
        work = [(root, 0)]
        while work:
            node, at = work.pop()
            if at == 0:
                index[node] = low[node] = count
                count += 1
                stack.append(node)
                on_stack[node] = True
            for position in range(at, len(below[node])):
                other = below[node][position]
                if index[other] < 0:
                    work += [(node, position + 1), (other, 0)]
                    break
                if on_stack[other]:
                    low[node] = min(low[node], index[other])
            else:
                if low[node] == index[node]:
                    group = list[int]()
                    while not group or group[-1] != node:
                        group.append(stack.pop())
                        on_stack[group[-1]] = False
                    groups.append(group)
                if work:
                    parent = work[-1][0]
                    low[parent] = min(low[parent], low[node])
    return groups


def _merged(same: Sequence[Edge]) -> Edge:
    """One edge for several: seen wins over written down, all evidence is cited, the shortest wait counts."""
    if len(same) == 1:
        return same[0]
    best = max(same, key=lambda edge: (edge.observed, edge.confidence, edge.source, edge.detail))
    waits = [edge.timeout_ms for edge in same if edge.timeout_ms is not None]
    counts = [edge.count for edge in same if edge.count is not None]
    return best.model_copy(
        update={
            "evidence": tuple(sorted({item for edge in same for item in edge.evidence})),
            "timeout_ms": min(waits, default=None), "count": max(counts, default=None),
            "confidence": max(edge.confidence for edge in same),
        }
    )  # fmt: skip


RESOLUTION = "name resolution"
"""What `host:` components stand on that are written down nowhere here; the source of names makes its other edges."""


def joined(edges: Iterable[Edge]) -> list[Edge]:
    """The edges, and those that follow from several of them: an address stands on its name, a name on its resolution.

    A name that /etc/hosts gives to this host leads to the port here; one given to another address leads there. Names that
    no edge leads to are left out.
    """
    given = sorted(edges, key=lambda edge: (edge.dependent.key, edge.dependency.key, edge.relation, edge.source))
    written: dict[str, list[Edge]] = {}
    asked = False
    for edge in given:
        if edge.relation == "resolves" and edge.dependent.kind == "host":
            written.setdefault(edge.dependent.name, []).append(edge)
            asked |= edge.dependent.name == RESOLUTION
    outside = {item.key: item for edge in given for item in (edge.dependent, edge.dependency) if item.kind == "external"}
    derived = [edge for key in sorted(outside) for edge in _named(outside[key], written, asked)]
    used = {RESOLUTION, *(edge.dependency.name for edge in derived)}
    # a name that nobody here calls belongs to no map
    return [*(edge for edge in given if edge.relation != "resolves" or edge.dependent.name in used), *derived]


def _named(item: Component, written: Mapping[str, Sequence[Edge]], asked: bool) -> Iterator[Edge]:
    parts = split_address(item.name)
    if parts is None or not any(ch.isalpha() for ch in parts[0]) or ":" in parts[0]:
        return  # an address of digits needs no name
    host = Component(kind="host", name=parts[0])

    def follows(dependent: Component, dependency: Component, confidence: float, evidence: tuple[str, ...]) -> Edge:
        return Edge(
            source="names", dependent=dependent, dependency=dependency, relation="resolves", observed=False,
            confidence=confidence, evidence=evidence, detail="follows from the name",
        )  # fmt: skip

    told = written.get(parts[0], ())
    yield follows(item, host, 0.9, tuple(name for edge in told for name in edge.evidence))
    for edge in told:
        address = edge.dependency.name
        far = endpoint(f"[{address}]:{parts[1]}" if ":" in address and not is_here(address) else f"{address}:{parts[1]}")
        if is_here(address):
            far = Component(kind="port", name=str(parts[1]))
        if far is not None and far != item:
            yield follows(item, far, 0.9, edge.evidence)
    if not told and asked:
        cited = tuple(dict.fromkeys(name for edge in written[RESOLUTION] for name in edge.evidence))
        yield follows(host, Component(kind="host", name=RESOLUTION), 0.6, cited)


def resolve_component(graph: Graph, wanted: Component | None, text: str) -> list[Component]:
    """What `text` means in this map: exactly `wanted` where it is there, else everything whose name begins with it.

    `gunicorn` finds `gunicorn[812]`; several may fit, and the caller decides.
    """
    if wanted is not None and wanted in graph:
        return [wanted]
    lowered = text.casefold()
    if lowered.startswith("pid:"):
        return [item for item in graph.components if item.kind == "process" and item.name.endswith(f"[{lowered[4:]}]")]
    names = [(item, item.name.casefold()) for item in graph.components]
    exact = [item for item, name in names if name in (lowered, f"site {lowered}", f"{lowered}.service")]
    return exact or [item for item, name in names if name.startswith((f"{lowered}[", f"{lowered}:"))]
