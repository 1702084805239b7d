"""Many records → few shapes, and how they differ from those of a baseline."""

from itertools import islice

from mcp_server.core.log_calls import LogLevel, LogQuestion, LogShape, LogShapes, ShapesSeen
from mcp_server.core.reader import Limits
from mcp_server.engine.log_leaves import Leaves, Opener, nanoseconds
from mcp_server.engine.scan_records import last_hour, records_in
from mcp_server.engine.scan_window import seen_of
from mcp_server.logs.differences import compare
from mcp_server.logs.pages import Redact, kept
from mcp_server.logs.records import level_of
from mcp_server.logs.templates import Patterns, Shapes
from mcp_server.logs.trimming import headline

_EXAMPLE = 4_000


def shapes(call: LogShapes, opener: Opener, limits: Limits, redact: Redact) -> ShapesSeen:
    """Shapes of the window; where a baseline was named, only those that differ from it, the surest first."""
    since = call.since
    if since is None and call.until is None:
        since = last_hour(call, opener, limits)
    window = call.model_copy(update={"since": since})
    compared = call.baseline_since is not None
    with opener.again(window, 0.5 if compared else 1.0).open(predecessors=since is not None) as leaves:
        found, levels = _shapes(window, leaves, opener.again(window, 0.45 if compared else 0.9), limits)
        seen, span = seen_of(leaves, window), _seconds(window, leaves)
    result = {
        "seen": seen, "records": found.lines, "distinct": len(found.shapes), "beyond": found.other.count if found.other else 0,
        "degree": "basic" if found.other else "full",
        "why": "more shapes than can be held: the rest is only counted" if found.other else "",
    }  # fmt: skip
    if not compared:
        items = [
            LogShape(
                example=redact(kept(item.example, _EXAMPLE)), level=levels.get(item.text), count=item.count, first=item.since,
                last=item.until,
            )
            for item in found.shapes[: call.limit]
        ]  # fmt: skip
        return ShapesSeen.model_validate(result | {"shapes": tuple(items)})
    before = call.model_copy(update={"since": call.baseline_since, "until": call.baseline_until or since})
    again = opener.again(before)
    with again.open(predecessors=True) as leaves:
        other, _ = _shapes(before, leaves, again, limits)
        base, base_span = seen_of(leaves, before), _seconds(before, leaves)
    known = {item.text: item for item in (*other.shapes, *found.shapes)}
    items = []
    for one in compare(found, other, span, base_span)[: call.limit]:
        shape = known.get(one.text)
        items.append(
            LogShape(
                example=redact(kept(one.example, _EXAMPLE)), level=level_of(one.example), count=one.window,
                baseline=one.baseline, first=shape.since if shape else None, last=shape.until if shape else None,
                kind=one.kind, ratio=one.ratio,
            )
        )  # fmt: skip
    return ShapesSeen.model_validate(result | {"shapes": tuple(items), "baseline": base, "baseline_records": other.lines})


def _seconds(call: LogQuestion, leaves: Leaves) -> float:
    """Length of a window: as asked, else as its records tell."""
    firsts = [leaf.first for leaf in leaves.leaves if leaf.first is not None]
    lasts = [leaf.last for leaf in leaves.leaves if leaf.last is not None]
    since = nanoseconds(call.since) if call.since else min(firsts, default=0)
    until = min(nanoseconds(call.until) or 0, max(lasts, default=0)) if call.until else max(lasts, default=0)
    return max(1.0, ((until or 0) - (since or 0)) / 1_000_000_000)


def _shapes(call: LogQuestion, leaves: Leaves, opener: Opener, limits: Limits) -> tuple[Patterns, dict[str, LogLevel | None]]:
    found = Shapes()
    records = records_in(call, leaves, opener, limits)
    while chunk := list(islice(records, 5_000)):
        found.add([headline(item.text) for item in chunk], [item.at for item in chunk], examples=[item.text for item in chunk])
    result = found.result()
    return result, {item.text: level_of(item.example) for item in result.shapes}
