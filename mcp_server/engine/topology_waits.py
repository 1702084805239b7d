"""Callers that give up before what they call, over the whole map: the time limits of its edges compared along every chain."""

from collections import deque
from collections.abc import Iterator, Sequence

from mcp_server.core.edge import Edge
from mcp_server.core.noun import Noun
from mcp_server.engine.topology import Graph

_SAME = ("listens", "runs", "managed", "declared")
"""Edges that lead to what stands behind an address, without a call in between."""
DEPTH, MOST = 6, 200


class Inversion(Noun):
    """`chain`: the edges from the impatient caller to the call that may take longer; the first and the last have limits."""

    chain: tuple[Edge, ...]

    @property
    def wait_ms(self) -> int:
        return self.chain[0].timeout_ms or 0

    @property
    def takes_ms(self) -> int:
        return self.chain[-1].timeout_ms or 0

    def told(self) -> str:
        """`site shop 5 s → port:8000 → process:gunicorn[7] 30 s → external:db:5432`, as data."""
        words = []
        for edge in self.chain:
            limit = f" {edge.timeout_ms / 1000:g} s" if edge.timeout_ms is not None else ""
            words.append(f"{edge.dependent.key}{limit}")
        return " → ".join([*words, self.chain[-1].dependency.key])


def inversions(graph: Graph) -> list[Inversion]:
    """Every pair of calls, one behind the other, of which the first waits for less time. The shortest chain of each pair."""
    below: dict[str, list[Edge]] = {}
    for edge in graph.edges:
        if edge.carries:
            below.setdefault(edge.dependent.key, []).append(edge)
    found: dict[tuple[str, str, str, int | None], Inversion] = {}
    for edge in graph.edges:
        for chain in _behind(edge, below) if edge.timeout_ms is not None and len(found) < MOST else ():
            pair = (edge.dependent.key, edge.dependency.key, chain[-1].dependency.key, chain[-1].timeout_ms)
            found.setdefault(pair, Inversion(chain=chain))
    return sorted(found.values(), key=lambda item: (item.wait_ms - item.takes_ms, item.told()))


def _behind(first: Edge, below: dict[str, list[Edge]]) -> Iterator[tuple[Edge, ...]]:
    """Chains from one call to the next calls behind it that may take longer; nothing is passed twice."""
    seen = {first.dependent.key, first.dependency.key}
    queue: deque[tuple[Edge, ...]] = deque([(first,)])
    while queue:
        chain: Sequence[Edge] = queue.popleft()
        for edge in below.get(chain[-1].dependency.key, ()):
            if edge.timeout_ms is not None:
                if edge.timeout_ms > (first.timeout_ms or 0):
                    yield (*chain, edge)
            elif edge.relation in _SAME and edge.dependency.key not in seen and len(chain) < DEPTH:
                seen.add(edge.dependency.key)
                queue.append((*chain, edge))
