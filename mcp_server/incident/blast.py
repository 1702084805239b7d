"""Who is hurt when one component fails, who can hurt it, and how each is now: seen in this look, found in this incident,
or unknown."""

from collections.abc import Mapping, Sequence
from typing import Literal

from mcp_server.core.edge import Component, Edge, component_of
from mcp_server.core.errors import BadInput
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import Coverage, Finding, FindingType
from mcp_server.core.settings import ServiceSettings
from mcp_server.core.text import one_line
from mcp_server.engine.dependencies import Mapped
from mcp_server.engine.probing import Probe
from mcp_server.engine.topology import Graph, Reached, resolve_component

State = Literal["up", "down", "troubled", "unknown"]
NOBODY = "listening_ports.nobody_listens"
SURE = 0.8
"""What only stands in some file is not called down because nothing listens: it may be a remainder."""


class Health(Noun):
    """How a component is now. `why` is ours; `code` the finding it rests on; `connections` were open at the look."""

    state: State
    why: str
    code: str | None = None
    connections: int | None = None
    evidence: tuple[str, ...] = ()
    took_ms: float | None = None
    """How long its answer to a cheap check took."""


class Touched(Noun):
    """One component of a blast radius and how it hangs on the centre."""

    component: Component
    distance: int
    via: Component
    edge: Edge
    classes: tuple[str, ...]
    health: Health


class Blast(Noun):
    """Both directions, the nearest first."""

    centre: Component
    health: Health
    hurt: tuple[Touched, ...]
    """Above: they stand on it."""
    can_hurt: tuple[Touched, ...]
    """Below: it stands on them."""
    findings: tuple[Finding, ...]


def find_component(graph: Graph, text: str, services: Mapping[str, ServiceSettings]) -> Component:
    """The component a person means. Raises BadInput naming what would be valid, when none or several fit."""
    found = resolve_component(graph, component_of(text, services), text)
    if len(found) == 1:
        return found[0]
    if found:
        named = ", ".join(f"`{one_line(item.key, 80)}`" for item in found[:12])
        raise BadInput(f"`component` is `{one_line(text, 80)}`, which may be any of {len(found)}: {named}", "name one of them")
    most = sorted(graph.components, key=lambda item: (-graph.users(item), item.key))
    known = ", ".join(f"`{one_line(item.key, 60)}`" for item in most[:12]) or "none"
    raise BadInput(
        f"`component` is `{one_line(text, 80)}`; it should be one of the {len(graph.components)} in the map, such as {known}",
        "dependency_map lists them; declare what cannot be seen with depends_on under [services.NAME]",
    )


def unseen(found: Blast) -> list[Component]:
    """What the look for the map says nothing of, the nearest first: there a cheap check may tell."""
    around = sorted((*found.can_hurt, *found.hurt), key=lambda item: item.distance)
    states = {found.centre: found.health.state} | {item.component: item.health.state for item in around}
    return [item for item, state in states.items() if state == "unknown"]


def blast(
    mapped: Mapped, centre: Component, depth: int, findings: Sequence[Finding], nobody: FindingType,
    probes: Mapping[str, Probe] | None = None,
) -> Blast:  # fmt: skip
    """Pure: from the map, the incident's findings, the type of finding for a port without a listener, and what cheap checks
    saw just now."""
    graph, made = mapped.graph, dict[str, Finding]()

    def health(component: Component) -> Health:
        seen = _health(mapped, component, findings, nobody, made)
        asked = (probes or {}).get(component.key)
        if asked is None or seen.state in ("troubled", "down"):
            return seen
        cited = tuple(dict.fromkeys((*asked.evidence, *seen.evidence)))[:4]
        return Health(state=asked.state, why=asked.why, connections=seen.connections, evidence=cited, took_ms=asked.took_ms)

    def touched(item: Reached) -> Touched:
        return Touched(
            component=item.component, distance=item.distance, via=item.via, edge=graph.edges[item.edge],
            classes=graph.classes(item), health=health(item.component),
        )  # fmt: skip

    own = health(centre)
    below = tuple(touched(item) for item in graph.suspects(centre, depth))
    above = tuple(touched(item) for item in graph.victims(centre, depth))
    return Blast(centre=centre, health=own, hurt=above, can_hurt=below, findings=tuple(made.values()))


def _health(
    mapped: Mapped, component: Component, findings: Sequence[Finding], nobody: FindingType, made: dict[str, Finding]
) -> Health:
    clues = clues_of(component)
    for finding in findings:
        if finding.component in (component.key, component.name) or clues & set(finding.clues):
            made.setdefault(f"{finding.code} {finding.component}", finding)
            return Health(state="troubled", why="a finding of this incident", code=finding.code, evidence=finding.evidence)
    return _seen(mapped, component, nobody, made)


def _seen(mapped: Mapped, component: Component, nobody: FindingType, made: dict[str, Finding]) -> Health:
    """What the look for the map itself shows: who listens, who runs, who is connected."""
    edges = mapped.graph.touching(component)
    connections = sum(edge.count or 0 for edge in edges if edge.dependency == component) or None
    observed = [edge for edge in edges if edge.observed]
    cited = tuple(dict.fromkeys(name for edge in observed for name in edge.evidence))[:4]
    serving = any(edge.dependent == component and edge.relation == "listens" for edge in observed)
    if component.kind in ("port", "file") and serving:
        return Health(state="up", why="it listens", connections=connections, evidence=cited)
    if component.kind == "process" and observed:
        return Health(state="up", why="it runs", connections=connections, evidence=cited)
    if component.kind == "unit" and any(edge.relation == "runs" and edge.dependent == component for edge in observed):
        return Health(state="up", why="its process runs", evidence=cited)
    if component.kind == "external" and connections:
        return Health(state="up", why="connections to it are open", connections=connections, evidence=cited)
    sockets, proofs = mapped.by_source.get("sockets", (Coverage(), ()))
    if component.kind == "port" and component.name.isdecimal() and "sockets" in sockets.looked and proofs:
        if max(edge.confidence for edge in edges) >= SURE and any(edge.dependency == component for edge in edges):
            finding = nobody.found(
                *proofs[:4], component=f"port {component.name}", clues=(component.key,), port=int(component.name)
            ).model_copy(update={"code": NOBODY})
            made.setdefault(component.key, finding)
        return Health(state="down", why="nothing listens", evidence=proofs[:4])
    return Health(state="unknown", why="not looked at")


def clues_of(component: Component) -> set[str]:
    """The typed traces under which findings and changes name it."""
    if component.kind == "process":
        return {f"pid:{component.name.rpartition('[')[2].rstrip(']')}"}
    if component.kind == "file":
        return {f"path:{component.name}"}
    return {component.key} if component.kind in ("port", "unit", "container", "workload") else set()
