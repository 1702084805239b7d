"""`dependency_map`: who stands on whom, as text, Mermaid or a picture."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from mcp_server.core.address import SPELLED, parse
from mcp_server.core.edge import Component, Edge
from mcp_server.core.outcome import Outcome, Statement, Value
from mcp_server.core.parameters import Parameters
from mcp_server.core.text import amount
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.record import current, find
from mcp_server.surface.telling import Told, tell
from mcp_server.surface.verb import Verb

if TYPE_CHECKING:
    from mcp_server.engine.topology import Graph
    from mcp_server.engine.topology_waits import Inversion

VERB = Verb(
    summary="Who stands on whom: sockets, units, nginx, configuration, names and declarations as one map",
    group="diagnose",
    examples=({}, {"component": "shop", "depth": 2}, {"format": "svg"}),
)
KEPT = 2_000


class Params(Parameters):
    """Which part of the map, in which form."""

    component: str | None = Field(
        None, min_length=1, max_length=300, description="Centre: service, port:N, unit:NAME, program, HOST:PORT; default: all"
    )
    target: str | None = Field(None, max_length=300, description=f"{SPELLED}; default: the incident's, else local")
    incident: str | None = Field(None, max_length=40, description="Incident it belongs to (INC-n); default: the only open one")
    depth: int = Field(3, ge=1, le=50, description="Edges followed from `component` in each direction")
    format: Literal["text", "mermaid", "svg"] = Field("text", description="svg is written to the reports folder")
    limit: int = Field(40, ge=1, le=500, description="Edges listed; the rest is counted")


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Ask every source of edges now, join them, and give the map the form asked for."""
    from mcp_server.engine.dependencies import dependencies
    from mcp_server.engine.topology_drawing import chosen, drawn_edges, mermaid, svg
    from mcp_server.engine.topology_waits import inversions
    from mcp_server.incident.blast import find_component

    asking.incident, notice = current(session.ledger, params.incident)
    incident = find(session.ledger, asking.incident) if asking.incident else None
    target = str(parse(params.target or (incident.target if incident else "local")))

    def work() -> Told:
        mapped = dependencies(session, target, asking)
        graph, centre = mapped.graph, None
        if params.component is not None:
            centre = find_component(graph, params.component, session.settings.services)
            graph = graph.around(centre, params.depth)
        impatient = inversions(graph)
        said = [_summary(graph, mapped.evidence), *_remarks(graph), *_waits(impatient)]
        data = _data(graph, centre)
        data["gives_up_first"] = [item.told() for item in impatient[:50]]
        if params.format == "text":
            said += _edges(graph, params.limit)
        else:
            drawn, left = chosen(graph, centre)
            if left or drawn_edges(drawn.edges):
                text = "drawn in part: {count} components and {edges} edges are left out; name a `component`"
                said.append(Statement(text=text, values={"count": left, "edges": drawn_edges(drawn.edges)}))
            if params.format == "mermaid":
                data["mermaid"] = mermaid(drawn, centre)
                said.append(Statement(text="as Mermaid", quotes=(data["mermaid"],)))
            else:
                data["svg"] = _write(session, asking, svg(drawn, centre), centre)
                said.append(Statement(text="written: {path}", values={"path": data["svg"]}))
        return Told(statements=tuple(said), coverage=mapped.coverage, evidence=mapped.evidence, data=data)

    outcome = tell(session, asking, "dependency_map", params, work, target)
    return outcome.model_copy(update={"notice": notice}) if notice else outcome


def _summary(graph: "Graph", evidence: tuple[str, ...]) -> Statement:
    kinds = Counter(item.kind for item in graph.components)
    counted = ", ".join(amount(kinds[kind], kind, "processes" if kind == "process" else None) for kind in sorted(kinds))
    observed = sum(edge.observed for edge in graph.edges)
    return Statement(
        text=f"{amount(len(graph.components), 'component')} ({counted or 'none'}), {amount(len(graph.edges), 'edge')}: "
        "{observed} observed, {written} written down or declared",
        values={"observed": observed, "written": len(graph.edges) - observed}, evidence=evidence[:12],
    )  # fmt: skip


def _remarks(graph: "Graph") -> Iterator[Statement]:
    for item, users in graph.shared()[:8]:
        yield Statement(text="shared: {users} components stand on {component}", values={"users": users, "component": item.key})
    for group in graph.cycles()[:5]:
        names = ", ".join(item.key for item in group[:6]) + (" …" if len(group) > 6 else "")
        yield Statement(text="stand on each other: {names}", values={"names": names})


def _waits(impatient: "Sequence[Inversion]") -> Iterator[Statement]:
    """Callers that give up before what they call, the widest gap first."""
    for item in impatient[:5]:
        proofs = tuple(dict.fromkeys(name for edge in item.chain for name in edge.evidence))
        yield Statement(
            text="gives up first: waits {wait_s} s for what may take {takes_s} s: {chain}", evidence=proofs[:6],
            values={"wait_s": item.wait_ms / 1000, "takes_s": item.takes_ms / 1000, "chain": item.told()},
        )  # fmt: skip
    if len(impatient) > 5:
        yield Statement(text="{count} more callers that give up first are in the data", values={"count": len(impatient) - 5})


def _edges(graph: "Graph", limit: int) -> Iterator[Statement]:
    for edge in graph.edges[:limit]:
        yield _edge(edge)
    if len(graph.edges) > limit:
        text = "{count} more edges; raise `limit`, name a `component`, or see the data"
        yield Statement(text=text, values={"count": len(graph.edges) - limit})


def _edge(edge: Edge) -> Statement:
    values: dict[str, Value] = {"dependent": edge.dependent.key, "dependency": edge.dependency.key}
    how = "" if edge.observed else f", not seen at work (confidence {edge.confidence:g})"
    if edge.timeout_ms is not None:
        how += ", waits {wait_s} s"
        values["wait_s"] = edge.timeout_ms / 1000
    if edge.count:
        how += ", {count} connections"
        values["count"] = edge.count
    if edge.detail:
        how += ", {detail}"
        values["detail"] = edge.detail
    return Statement(text=f"{{dependent}} → {{dependency}}: {edge.relation}{how}", values=values, evidence=edge.evidence[:6])


def _data(graph: "Graph", centre: Component | None) -> dict[str, object]:
    return {
        "centre": centre.key if centre else None, "components": len(graph.components), "edge_count": len(graph.edges),
        "edges": [edge.model_dump(mode="json") for edge in graph.edges[:KEPT]],
        "cycles": [[item.key for item in group] for group in graph.cycles()[:50]],
    }  # fmt: skip


def _write(session: Session, asking: Asking, text: str, centre: Component | None) -> str:
    """Below `state_dir/reports`, replaced as a whole; its digest goes into the ledger. Returns the path."""
    from mcp_server.incident.report import replace_file

    whole = centre.key if centre else "all"
    slug = re.sub(r"[^a-z0-9]+", "-", whole.lower()).strip("-")[:40]
    mark = hashlib.sha256(whole.encode("utf8", "backslashreplace")).hexdigest()[:6]
    path = Path(session.settings.state_dir, "reports", f"{asking.incident or 'host'}-map-{slug}-{mark}.svg")
    data = text.encode("utf8", "backslashreplace")
    replace_file(path, data)
    digest = hashlib.sha256(data).hexdigest()
    session.ledger.append("map.written", {"sha256": digest, "file": path.name}, incident=asking.incident)
    return str(path)
