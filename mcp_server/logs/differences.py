"""An incident window against its baseline, shape by shape."""

from dataclasses import dataclass
from math import exp, log
from typing import Literal, get_args

from mcp_server.logs.merging import merge
from mcp_server.logs.templates import Patterns, Shape

Kind = Literal["new", "spiking", "rare", "fading", "vanished"]
_KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Difference:
    """One shape that is not as in the baseline. `window` and `baseline` are counts, `ratio` that of the rates."""

    kind: Kind
    text: str
    example: str
    window: int
    baseline: int
    ratio: float
    doubt: float


def compare(window: Patterns, baseline: Patterns, window_s: float, baseline_s: float) -> tuple[Difference, ...]:
    """What is different in the window, the surest first.

    Under "nothing changed" each of a shape's n = w + b lines falls into the window with p = window_s / (window_s +
    baseline_s). `doubt` bounds the chance of a share as far from p as w / n is, by exp(-n KL(w/n ‖ p)) (Chernoff), which
    is safe for small counts, times the number of shapes compared (so many chances to be misled).

    new: never in the baseline; vanished: only there; spiking, fading: rates at least twice apart; each only with a doubt
    below 5 %, else the shape is `rare` (three lines or fewer in all, at least one in the window) or not mentioned. A new
    shape with few lines is thus rare, marked by `baseline == 0`. `ratio` is that of the rates, with half a line added
    to both counts.
    """
    moved = merge([shape.text for side in (window, baseline) for shape in side.shapes])
    counts: dict[str, list[int]] = {}
    known: dict[str, Shape] = {}
    for side, patterns in enumerate((baseline, window)):
        for shape in patterns.shapes:
            text = moved.get(shape.text, shape.text)
            counts.setdefault(text, [0, 0])[side] += shape.count
            known[text] = shape if side or text not in known else known[text]
    here_s, there_s = max(window_s, 1e-3), max(baseline_s, 1e-3)
    share = here_s / (here_s + there_s)
    found = []
    for text, (there, here) in counts.items():
        doubt = min(1.0, _chance(here, here + there, share) * len(counts))
        ratio = (here + 0.5) / here_s / ((there + 0.5) / there_s)
        if kind := _kind(here, there, ratio, doubt):
            found.append(Difference(kind, text, known[text].example, here, there, round(ratio, 3), doubt))
    return tuple(sorted(found, key=lambda item: (_KINDS.index(item.kind), item.doubt, -item.window, item.text)))


def _kind(here: int, there: int, ratio: float, doubt: float) -> Kind | None:
    if doubt < 0.05:
        if not there:
            return "new"
        if not here:
            return "vanished"
        if ratio >= 2 or ratio <= 0.5:
            return "spiking" if ratio >= 2 else "fading"
    return "rare" if here and here + there <= 3 else None


def _chance(here: int, total: int, share: float) -> float:
    seen = here / total
    distance = (seen * log(seen / share) if seen else 0.0) + ((1 - seen) * log((1 - seen) / (1 - share)) if seen < 1 else 0.0)
    return exp(-total * max(0.0, distance))
