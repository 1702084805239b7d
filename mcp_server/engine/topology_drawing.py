"""The dependency map drawn: Mermaid text, and SVG that needs nothing else. Names from outside are data and are escaped."""

from collections.abc import Mapping, Sequence
from html import escape

from mcp_server.core.edge import Component, Edge
from mcp_server.core.text import one_line
from mcp_server.engine.topology import Graph

DRAWN = 150
"""Components drawn at most; more cannot be told apart."""
EDGES_DRAWN = 600
_W, _H, _GAP_X, _GAP_Y, _MARGIN, _LABEL = 196, 34, 76, 16, 24, 26
_COLOURS: Mapping[str, str] = {
    "service": "#dbe7ff", "process": "#def3df", "port": "#fff3c9", "unit": "#ece3fa", "file": "#eeeeee", "host": "#f3e6dc",
    "external": "#ffdfd8", "container": "#d8f0f0", "network": "#e8ecd4", "volume": "#e6e0d4",
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
    """A picture by layers, callers on the left, dependencies to the right; no script, no font, no address inside."""
    columns = _columns(graph)
    spot: dict[str, tuple[float, float]] = {}
    tallest = max((len(column) for column in columns), default=1)
    height = _MARGIN * 2 + _LABEL + tallest * (_H + _GAP_Y)
    for number, column in enumerate(columns):
        top = (height - _LABEL - len(column) * (_H + _GAP_Y) + _GAP_Y) / 2
        spot |= {
            item.key: (_MARGIN + number * (_W + _GAP_X), round(top + row * (_H + _GAP_Y), 1)) for row, item in enumerate(column)
        }
    width = _MARGIN * 2 + max(1, len(columns)) * (_W + _GAP_X) - _GAP_X
    kinds = sorted({item.kind for item in graph.components})
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {max(width, 90 * len(kinds) + 48)} {height:g}" role="img" '
        'font-family="system-ui, sans-serif" font-size="12">',
        "<title>Dependency map</title>",
        '<defs><marker id="a" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#667"/></marker></defs>',
        '<rect width="100%" height="100%" fill="#fff"/>',
        *(_line(edge, spot) for edge in graph.edges[:EDGES_DRAWN]),
        *(_box(item, spot[item.key], item == centre) for item in graph.components),
    ]
    for number, kind in enumerate(kinds):
        x = _MARGIN + number * 90
        parts.append(
            f'<rect x="{x}" y="{height - 26:g}" width="12" height="12" fill="{_COLOURS[kind]}" stroke="#667"/>'
            f'<text x="{x + 17}" y="{height - 16:g}" fill="#333">{kind}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def _columns(graph: Graph) -> list[list[Component]]:
    """Components by layer; inside a layer near those they are tied to (two passes over the mean place of neighbours)."""
    layers = graph.layers()
    columns: list[list[Component]] = [[] for _ in range(max(layers.values(), default=-1) + 1)]
    for item in graph.components:
        columns[layers[item.key]].append(item)
    near: dict[str, list[str]] = {item.key: [] for item in graph.components}
    for edge in graph.edges:
        near[edge.dependent.key].append(edge.dependency.key)
        near[edge.dependency.key].append(edge.dependent.key)
    for _ in range(2):
        row = {item.key: number / max(1, len(column)) for column in columns for number, item in enumerate(column)}
        for column in columns:
            mean = {item.key: sum(row[key] for key in near[item.key]) / max(1, len(near[item.key])) for item in column}
            column.sort(key=lambda item: (mean[item.key], item.key))
            row |= {item.key: number / max(1, len(column)) for number, item in enumerate(column)}
    return columns


def _line(edge: Edge, spot: Mapping[str, tuple[float, float]]) -> str:
    (x1, y1), (x2, y2) = spot[edge.dependent.key], spot[edge.dependency.key]
    y1, y2 = y1 + _H / 2, y2 + _H / 2
    if x1 == x2:  # members of a cycle stand one above the other
        x1, x2 = x1 + _W, x2 + _W
        return _path(f"M{x1:g} {y1:g}C{x1 + 60:g} {y1:g} {x2 + 60:g} {y2:g} {x2:g} {y2:g}", edge)
    skipped = abs(x2 - x1) / (_W + _GAP_X) - 1
    lift = min(48.0, 40 + 2 * skipped) if skipped >= 1 else 0.0  # over the boxes between, not behind them
    bend = 36.0 if x1 < x2 else -36.0
    x1, x2 = (x1 + _W, x2) if x1 < x2 else (x1, x2 + _W)
    return _path(f"M{x1:g} {y1:g}C{x1 + bend:g} {y1 - lift:g} {x2 - bend:g} {y2 - lift:g} {x2:g} {y2:g}", edge)


def _path(path: str, edge: Edge) -> str:
    dash = "" if edge.observed else ' stroke-dasharray="5 4"'
    colour = "#667" if edge.carries else "#bbc"
    told = f"{_title(edge.dependent)} → {_title(edge.dependency)}: {_on_edge(edge)} (confidence {edge.confidence:g})"
    return (
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.3"{dash} marker-end="url(#a)">'
        f"<title>{escape(one_line(told, 240))}</title></path>"
    )


def _box(item: Component, at: tuple[float, float], centre: bool) -> str:
    stroke = 'stroke="#c00" stroke-width="3"' if centre else 'stroke="#667"'
    text = one_line(_title(item), 400)
    shown = text if len(text) <= 28 else text[:27] + "…"
    return (
        f'<g><rect x="{at[0]:g}" y="{at[1]:g}" width="{_W}" height="{_H}" rx="5" fill="{_COLOURS[item.kind]}" {stroke}/>'
        f'<text x="{at[0] + 9:g}" y="{at[1] + 21:g}" fill="#111">{escape(shown)}</text>'
        f"<title>{escape(item.kind)} {escape(text)}</title></g>"
    )


def drawn_edges(edges: Sequence[Edge]) -> int:
    """How many edges a drawing leaves out."""
    return max(0, len(edges) - EDGES_DRAWN)
