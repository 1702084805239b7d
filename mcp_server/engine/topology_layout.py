"""Where boxes and lines of a map stand: layers from left to right, lines led around the boxes between. Pure and deterministic.

An edge over several layers gets a free place in each of them, so that it passes between boxes, not behind them.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mcp_server.engine.topology import Graph

BOX_W, BOX_H, GAP_X, GAP_Y, LANE = 204.0, 44.0, 92.0, 14.0, 10.0
"""Size of a box, distances between boxes, height that a passing line takes."""
SWEEPS = 8

Point = tuple[float, float]


@dataclass
class Layout:
    """Upper left corners of boxes by component key; for each edge the points it passes, from box to box."""

    spots: dict[str, Point] = field(default_factory=dict)
    routes: list[list[Point]] = field(default_factory=list)
    width: float = BOX_W
    height: float = BOX_H


def layout(graph: Graph, most_edges: int) -> Layout:
    """Places for all components and the first `most_edges` edges; 0/0 is the upper left corner."""
    layers = graph.layers()
    columns: list[list[str]] = [[] for _ in range(max(layers.values(), default=-1) + 1)]
    for item in graph.components:
        columns[layers[item.key]].append(item.key)
    near: dict[str, list[str]] = {item.key: [] for item in graph.components}
    passing: list[list[str]] = []
    for number, edge in enumerate(graph.edges[:most_edges]):
        begin, end = sorted((edge.dependent.key, edge.dependency.key), key=lambda key: layers[key])
        chain = [begin]
        for layer in range(layers[begin] + 1, layers[end]):
            name = f"\0{number}.{layer}"
            columns[layer].append(name)
            near[name] = []
            chain.append(name)
        chain.append(end)
        for one, other in itertools.pairwise(chain):
            near[one].append(other)
            near[other].append(one)
        passing.append(chain if begin == edge.dependent.key else chain[::-1])
    rows = _ordered(columns, near)
    middles = _levelled(rows, near)
    top = min((middles[name] - _tall(name) / 2 for column in rows for name in column), default=0.0)
    made = Layout(width=max(1, len(rows)) * (BOX_W + GAP_X) - GAP_X)
    x_of = {name: number * (BOX_W + GAP_X) for number, column in enumerate(rows) for name in column}
    for item in graph.components:
        made.spots[item.key] = (x_of[item.key], round(middles[item.key] - BOX_H / 2 - top, 1))
    made.height = max((spot[1] + BOX_H for spot in made.spots.values()), default=BOX_H)
    for edge, chain in zip(graph.edges, passing, strict=False):
        made.routes.append(_route(chain, x_of, middles, top, same=layers[edge.dependent.key] == layers[edge.dependency.key]))
    made.height = max([made.height, *(point[1] for route in made.routes for point in route)])
    return made


def _tall(name: str) -> float:
    return LANE if name.startswith("\0") else BOX_H


def _ordered(columns: Sequence[list[str]], near: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Each column near to what it is tied to in its neighbours: sweeps to the right and back, the mean place decides."""
    rows = [sorted(column) for column in columns]
    for sweep in range(SWEEPS):
        order = range(len(rows)) if sweep % 2 == 0 else range(len(rows) - 1, -1, -1)
        place = {name: number / max(1, len(column) - 1) for column in rows for number, name in enumerate(column)}
        for index in order:
            mean = {name: _mean([place[other] for other in near[name]], place[name]) for name in rows[index]}
            rows[index].sort(key=lambda name: (mean[name], name))
            place |= {name: number / max(1, len(rows[index]) - 1) for number, name in enumerate(rows[index])}
    return rows


def _levelled(rows: Sequence[Sequence[str]], near: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """The middle of each place: as level with its neighbours as its column allows."""
    middles: dict[str, float] = {}
    for column in rows:
        y = 0.0
        for name in column:
            middles[name] = y + _tall(name) / 2
            y += _tall(name) + GAP_Y
        shift = y / 2
        middles |= {name: middles[name] - shift for name in column}
    for sweep in range(SWEEPS):
        for column in rows if sweep % 2 == 0 else rows[::-1]:
            wanted = [_mean([middles[other] for other in near[name]], middles[name]) for name in column]
            middles |= dict(zip(column, _apart(column, wanted), strict=True))
    return middles


def _apart(column: Sequence[str], wanted: Sequence[float]) -> list[float]:
    """The wanted places pushed apart, half of the pushing downwards and half upwards."""
    down, up = list(wanted), list(wanted)
    for index in range(1, len(column)):
        gap = (_tall(column[index - 1]) + _tall(column[index])) / 2 + GAP_Y
        down[index] = max(down[index], down[index - 1] + gap)
    for index in range(len(column) - 2, -1, -1):
        gap = (_tall(column[index + 1]) + _tall(column[index])) / 2 + GAP_Y
        up[index] = min(up[index], up[index + 1] - gap)
    return [(one + other) / 2 for one, other in zip(down, up, strict=True)]


def _route(
    chain: Sequence[str], x_of: Mapping[str, float], middles: Mapping[str, float], top: float, *, same: bool
) -> list[Point]:
    first, last = chain[0], chain[-1]
    y1, y2 = round(middles[first] - top, 1), round(middles[last] - top, 1)
    if same:  # members of a circle stand one above the other: the line leaves and comes back on the right
        return [(x_of[first] + BOX_W, y1), (x_of[last] + BOX_W, y2)]
    right = x_of[first] < x_of[last]
    points = [(x_of[first] + (BOX_W if right else 0.0), y1)]
    for name in chain[1:-1]:
        y = round(middles[name] - top, 1)
        points += [(x_of[name] + (0.0 if right else BOX_W), y), (x_of[name] + (BOX_W if right else 0.0), y)]
    return [*points, (x_of[last] + (0.0 if right else BOX_W), y2)]


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
