"""Shapes of records as quotes in an answer: counts and times on one line, the example below, as wide as all can be."""

from collections.abc import Sequence
from datetime import UTC

from mcp_server.core.clock import stamp
from mcp_server.core.log_calls import LogPart, LogShape
from mcp_server.logs.pages import cost, shortened
from mcp_server.logs.trimming import condense

_WIDTHS = (2_000, 1_200, 800, 500, 350, 260, 200, 150, 110)


def when(item: LogShape) -> str:
    """`2026-11-20T10:31:07.412Z to …` or an empty text."""
    if item.first is None:
        return ""
    return stamp(item.first) + (f" to {stamp(item.last)}" if item.last and item.last > item.first else "")


def doubt_ms(item: LogShape, parts: Sequence[LogPart]) -> int:
    """How far off the first time of a shape may be: of several zones that its logs may be in, the worst."""
    from mcp_server.logs.time import doubt_of
    from mcp_server.logs.zones import iana

    if item.first is None:
        return 0
    zones = {part.zone for part in parts if part.zone} or {"UTC"}  # UTC shows no hour twice
    return max(doubt_of(item.example, iana(zone) or UTC, item.first) for zone in zones)


def lead(item: LogShape) -> str:
    """`×12 error 2026-…Z to …Z [nginx.upstream_refused]`."""
    parts = [f"×{item.count:,}", item.level or "", when(item), f"[{item.known}]" if item.known else ""]
    return " ".join(part for part in parts if part)


def as_quotes(items: Sequence[LogShape], budget: int) -> tuple[list[LogShape], list[str]]:
    """As many items as fit, each as wide as all can be; and their quotes."""
    for width in _WIDTHS:
        quotes = [quote(item, width) for item in items]
        if sum(map(cost, quotes)) <= budget:
            return list(items), quotes
    shown: list[LogShape] = []
    quotes = []
    for item in items:
        text = quote(item, _WIDTHS[-1])
        if cost(text) > budget:
            if shown:
                break
            text = shortened(text, max(budget, 60))  # one at least
        budget -= cost(text)
        shown.append(item)
        quotes.append(text)
    return shown, quotes


def quote(item: LogShape, width: int) -> str:
    """Its counts and times on one line, its example below."""
    return f"{lead(item)}\n{shortened(condense(item.example, width), width + 40)}"
