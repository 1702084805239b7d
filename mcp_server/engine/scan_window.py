"""What all questions about logs share: the window, the time that is left, and what an answer rests on."""

from collections.abc import Callable

from mcp_server.core.clock import stamp
from mcp_server.core.log_calls import LogQuestion, LogSeen
from mcp_server.core.reader import Limits
from mcp_server.engine.log_leaves import Leaf, Leaves, Opener, nanoseconds
from mcp_server.logs.window import Ranges, find_window

LATE, DOUBT = 7, 160
"""Characters that an answer takes to mark a late record, and to say once what that means, or that times are in doubt."""


def seen_of(leaves: Leaves, call: LogQuestion) -> LogSeen:
    """What the answer rests on."""
    leaves.settle()
    return LogSeen(
        parts=tuple(leaf.part() for leaf in leaves.leaves), outside=tuple(leaves.outside), doubts=tuple(leaves.doubts),
        since=call.since, until=call.until,
    )  # fmt: skip


def enough(opener: Opener, limits: Limits, reserve: float = 0.15) -> Callable[[], bool]:
    """Whether so little time is left that the answer must be made. Raises Cancelled."""
    least = limits.timeout_s * reserve

    def over() -> bool:
        limits.check()
        return opener.left() < least

    return over


def window_of(leaf: Leaf, call: LogQuestion, leaves: Leaves) -> Ranges | None:
    """Where the window lies in a leaf; None for all of it."""
    since, until = nanoseconds(call.since), nanoseconds(call.until)
    for moment in filter(None, (call.since, call.until)):
        if leaf.unsure(moment):
            detail = f"its clock showed the hour around {stamp(moment)} twice; its records may lie on either side of that time"
            leaves.cut(leaf.name, detail, "ask for a window that does not begin or end in that hour")
    if (since is None and until is None) or leaf.source.size is None:
        return None
    found = find_window(leaf.source, leaf.at, since, until)
    for doubt in found.doubts:
        leaves.cut(leaf.name, doubt, "ask without since and until to see all of it")
    return found


def bounds_of(leaf: Leaf, ranges: Ranges | None) -> list[tuple[int, int]] | None:
    """The same as pairs of offsets."""
    return None if ranges is None else [(low, leaf.source.size or 0 if high is None else high) for low, high in ranges.ranges]


def inside(at: int | None, since: int | None, until: int | None) -> bool:
    """Whether a time lies in a window, or is none."""
    return at is None or ((since is None or at >= since) and (until is None or at <= until))


def as_is(text: str) -> str:
    """For texts that are already redacted."""
    return text
