"""The dependency map drawn: Mermaid text, and SVG that needs nothing else. Names from outside are data and are escaped."""

import itertools
from collections.abc import Mapping, Sequence
from html import escape

from mcp_server.core.edge import Component, Edge
from mcp_server.core.text import one_line
from mcp_server.engine.topology import Graph
from mcp_server.engine.topology_layout import BOX_H, BOX_W, Point, layout
from mcp_server.engine.topology_waits import inversions

DRAWN = 150
"""Components drawn at most; more cannot be told apart."""
EDGES_DRAWN = 600
_MARGIN, _LABEL, NAME = 28, 34, 24
"""Space around, space for the legend; letters of a name that fit into a box (of a path its end tells it apart)."""
_COLOURS: Mapping[str, str] = {
    "service": "#dbe7ff", "process": "#def3df", "port": "#fff3c9", "unit": "#ece3fa", "file": "#eeeeee", "host": "#f3e6dc",
    "external": "#ffdfd8", "container": "#d8f0f0", "network": "#e8ecd4", "volume": "#e6e0d4",
    "workload": "#d8f0f0",
}  # fmt: skip
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 ._:/@-")


def chosen(graph: Graph, centre: Component | None = None) -> tuple[Graph, int]:
    """The part that is drawn, and how many components are left out: the nearest to `centre`, else the most connected."""
    if len(graph.components) <= DRAWN:
        return graph, 0
    if centre is not None and centre in graph:
        near = {item.component.key: item.distance for item in (*graph.suspects(centre), *graph.victims(centre))}
        near[centre.key] = 0
        order = sorted(graph.components, key=lambda item: (near.get(item.key, len(near) + 1), item.key))
    else:
        order = sorted(graph.components, key=lambda item: (-graph.users(item) - graph.needs(item), item.key))
    kept = {item.key for item in order[:DRAWN]}
    part = Graph(edge for edge in graph.edges if edge.dependent.key in kept and edge.dependency.key in kept)
    return part, len(graph.components) - len(part.components)


def mermaid(graph: Graph, centre: Component | None = None) -> str:
    """`flowchart LR`, callers on the left. Dashed lines are written down and were not seen."""
    place = {item.key: number for number, item in enumerate(graph.components)}
    lines = ["flowchart LR"]
    lines += [f'    n{place[item.key]}["{_mermaid_text(_title(item))}"]:::{item.kind}' for item in graph.components]
    for edge in graph.edges[:EDGES_DRAWN]:
        arrow = "-->" if edge.observed else "-.->"
        lines.append(f"    n{place[edge.dependent.key]} {arrow}|{_mermaid_text(_on_edge(edge))}| n{place[edge.dependency.key]}")
    kinds = sorted({item.kind for item in graph.components})
    lines += [f"    classDef {kind} fill:{_COLOURS[kind]},stroke:#555,color:#111" for kind in kinds]
    if centre is not None and centre.key in place:
        lines.append(f"    style n{place[centre.key]} stroke:#c00,stroke-width:3px")
    return "\n".join(lines)


def _mermaid_text(text: str) -> str:
    """Text that can neither end the label nor be read as markup: every other sign as its number."""
    return "".join(ch if ch in _PLAIN else f"#{ord(ch)};" for ch in one_line(text, 60))


def _title(item: Component) -> str:
    return item.name if item.kind in ("process", "unit", "external", "file") else f"{item.kind} {item.name}"


def _on_edge(edge: Edge) -> str:
    wait = "" if edge.timeout_ms is None else f" {edge.timeout_ms / 1000:g}s"
    return edge.relation + (f" {edge.count}x" if edge.count else "") + wait


def svg(graph: Graph, centre: Component | None = None) -> str:
    """A picture by layers, callers on the left, dependencies to the right; light and dark; no script, no font, no address."""
    plan = layout(graph, EDGES_DRAWN)
    late = {id(item.chain[0]) for item in inversions(graph)}
    kinds = sorted({item.kind for item in graph.components})
    width = max(plan.width, 108.0 * len(kinds) + 250) + 2 * _MARGIN
    height = plan.height + 2 * _MARGIN + _LABEL
    lines = [
        _line(edge, [(x + _MARGIN, y + _MARGIN) for x, y in route], late=id(edge) in late)
        for edge, route in zip(graph.edges, plan.routes, strict=False)
    ]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="map" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        f'height="{height:g}" role="img" font-family="system-ui, \'Segoe UI\', Roboto, Arial, sans-serif" font-size="12.5">',
        "<title>Dependency map</title>", f"<style>{_STYLE}</style>",
        '<defs><marker id="a" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path class="tip" d="M0 0.5 8 4 0 7.5z"/></marker></defs>',
        f'<rect class="paper" width="{width:g}" height="{height:g}"/>', *(line for line, _ in lines),
        *(_box(item, plan.spots[item.key], item == centre) for item in graph.components),
        *(label for _, label in lines if label),
    ]  # fmt: skip
    y = height - 22
    for number, kind in enumerate(kinds):
        x = _MARGIN + number * 108
        parts.append(
            f'<rect class="{kind} stripe" x="{x}" y="{y - 10:g}" width="12" height="12" rx="3"/>'
            f'<text class="soft" x="{x + 18}" y="{y:g}">{kind}</text>'
        )
    x = _MARGIN + len(kinds) * 108
    told = "dashed: written down, not seen at work" + (" · red: gives up before what it calls" if late else "")
    parts.append(f'<text class="soft" x="{x + 8}" y="{y:g}">{told}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _line(edge: Edge, points: Sequence[Point], *, late: bool) -> tuple[str, str]:
    """The line, and the words on it."""
    dash = "" if edge.observed else ' stroke-dasharray="5 4"'
    kind = "line late" if late else "line" if edge.carries else "line order"
    told = f"{_title(edge.dependent)} → {_title(edge.dependency)}: {_on_edge(edge)} (confidence {edge.confidence:g})"
    path, middle = _curve(points)
    words = " ".join(
        part
        for part in (
            f"{edge.timeout_ms / 1000:g} s" if edge.timeout_ms is not None else "",
            f"{edge.count}×" if edge.count else "",
        )
        if part
    )
    label = ""
    if words:
        wide = 7 * len(words) + 8
        label = (
            f'<rect class="paper" x="{middle[0] - wide / 2:g}" y="{middle[1] - 8:g}" width="{wide}" height="15" rx="4"/>'
            f'<text class="{"on late" if late else "on"}" x="{middle[0]:g}" y="{middle[1] + 4:g}" '
            f'text-anchor="middle">{words}</text>'
        )
    line = f'<path class="{kind}" d="{path}"{dash} marker-end="url(#a)"><title>{escape(one_line(told, 240))}</title></path>'
    return line, label


def _curve(points: Sequence[Point]) -> tuple[str, Point]:
    """A smooth line through the points, and the middle of its first bend, where words do not meet other words."""
    (x1, y1), (x2, y2) = points[0], points[-1]
    if len(points) == 2 and x1 == x2:
        bend = 34 + min(40.0, abs(y2 - y1) / 6)
        return f"M{x1:g} {y1:g}C{x1 + bend:g} {y1:g} {x2 + bend:g} {y2:g} {x2:g} {y2:g}", (x1 + bend * 0.75, (y1 + y2) / 2)
    path = f"M{x1:g} {y1:g}"
    for index, ((ax, ay), (bx, by)) in enumerate(itertools.pairwise(points)):
        bend = (bx - ax) / 2
        path += f"L{bx:g} {by:g}" if index % 2 else f"C{ax + bend:g} {ay:g} {bx - bend:g} {by:g} {bx:g} {by:g}"
    (ax, ay), (bx, by) = points[0], points[1]
    return path, (ax + (bx - ax) * 0.42, ay + (by - ay) * 0.36)


def _box(item: Component, at: Point, centre: bool) -> str:
    x, y = at[0] + _MARGIN, at[1] + _MARGIN
    text = one_line(item.name, 400)
    shown = text if len(text) <= NAME else "…" + text[1 - NAME :] if item.kind == "file" else text[: NAME - 1] + "…"
    return (
        f'<g><rect class="box{" centre" if centre else ""}" x="{x:g}" y="{y:g}" width="{BOX_W:g}" height="{BOX_H:g}" rx="8"/>'
        f'<rect class="{item.kind} stripe" x="{x + 7:g}" y="{y + 8:g}" width="4" height="{BOX_H - 16:g}" rx="2"/>'
        f'<text class="kind" x="{x + 19:g}" y="{y + 16:g}">{item.kind}</text>'
        f'<text class="name" x="{x + 19:g}" y="{y + 33:g}">{escape(shown)}</text>'
        f"<title>{escape(item.kind)} {escape(text)}</title></g>"
    )


_DARK: Mapping[str, str] = {
    "service": "#7aa7ff", "process": "#6fca8a", "port": "#e6c453", "unit": "#b798ea", "file": "#9aa3ad", "host": "#d3a27a",
    "external": "#ff8f7d", "container": "#62c7c7", "network": "#b6c26a", "volume": "#c2ab84",
}  # fmt: skip
_LIGHT: Mapping[str, str] = {
    "service": "#3b74e0", "process": "#2f9a55", "port": "#c79a12", "unit": "#8457cf", "file": "#78828d", "host": "#b07743",
    "external": "#d9503b", "container": "#1f9c9c", "network": "#8a9634", "volume": "#96793f",
}  # fmt: skip
_STYLE = (
    ".map{--p:#fff;--b:#fff;--i:#1d2126;--s:#6b737d;--l:#c9ced6;--e:#7b8593;--r:#c0271d}"
    ".map .paper{fill:var(--p)}.map .box{fill:var(--b);stroke:var(--l);stroke-width:1.2}"
    ".map .centre{stroke:var(--r);stroke-width:2.6}.map .name{fill:var(--i);font-weight:600}"
    ".map .kind{fill:var(--s);font-size:10px;letter-spacing:.04em}.map .soft{fill:var(--s);font-size:11.5px}"
    ".map .line{fill:none;stroke:var(--e);stroke-width:1.35}.map .order{stroke:var(--l)}"
    ".map .late{stroke:var(--r);stroke-width:1.8}"
    ".map .tip{fill:var(--e)}.map .on{fill:var(--s);font-size:10.5px;font-weight:600}.map text.late{fill:var(--r);stroke:none}"
    + "".join(f".map .{kind}.stripe{{fill:{colour}}}" for kind, colour in _LIGHT.items())
    + "@media (prefers-color-scheme:dark){"
    ".map{--p:#15181c;--b:#1f242a;--i:#e7e5e0;--s:#9aa3ad;--l:#3a414a;--e:#79838f;--r:#ff8a80}"
    + "".join(f".map .{kind}.stripe{{fill:{colour}}}" for kind, colour in _DARK.items())
    + "}"
)


def drawn_edges(edges: Sequence[Edge]) -> int:
    """How many edges a drawing leaves out."""
    return max(0, len(edges) - EDGES_DRAWN)
