"""Which shapes of a log tell most: by level, rarity, words, known troubles, and what else begins near them."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from math import log

from mcp_server.logs.templates import Shape, Shapes
from mcp_server.logs.trimming import trouble, turn

WEIGHTS = {"critical": 4.0, "error": 3.0, "warning": 1.5}
MAX_ASKED = 5_000
"""Shapes of which it is asked whether they are a known trouble, the likely ones first."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One shape worth showing. `level` is the records' own, None where they state none; `known` names a known trouble."""

    shape: Shape
    level: str | None
    trouble: bool
    score: float
    known: str | None = None


def rank(found: dict[str | None, Shapes], known: Callable[[str], str | None] | None = None) -> list[Entry]:
    """Every shape of every level with its score, the most telling first."""
    shapes = [(level, shape) for level, shapes_ in found.items() for shape in shapes_.result().shapes if shape.text]
    total = max(2, sum(shape.count for _, shape in shapes))
    likely = sorted(shapes, key=lambda one: (one[0] not in WEIGHTS, one[1].count))[:MAX_ASKED] if known else []
    named = {id(shape): known(shape.example) for _, shape in likely if known}
    onsets = sorted(shape.first for level, shape in shapes if level in ("critical", "error"))
    firsts = sorted(shape.first for _, shape in shapes)
    entries = []
    for level, shape in shapes:
        name = named.get(id(shape))
        words = bool(trouble().search(shape.example, 0, 2_000))
        rarity = log(total / shape.count) / log(total)  # 1: once; 0: all of them
        near = 0.5 if _within(onsets, shape.first, max(50, total // 200)) else 0.0
        crowd = 0.15 * min(6, log(1 + _within(firsts, shape.first, 50)))  # a start-up says much at once
        score = 2 * rarity + near - crowd + (2.0 if name else 0.0)
        if level not in WEIGHTS:
            score += (1.0 if words else 0.0) + (0.7 if turn().search(shape.text, 0, 2_000) else 0.0)
        else:
            score += WEIGHTS[level] + (0.5 if words else 0.0)
        in_trouble = level in ("critical", "error") or name is not None or (level == "warning" and rarity > 0.2)
        in_trouble = in_trouble or (level is None and words and rarity > 0.2)
        entries.append(Entry(shape, level, in_trouble, score, name))
    return sorted(entries, key=lambda entry: (-entry.score, entry.shape.first, entry.shape.text))


def _within(places: list[int], place: int, reach: int) -> int:
    return bisect_right(places, place + reach) - bisect_left(places, place - reach)
