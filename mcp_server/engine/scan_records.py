"""The records of a window, oldest first, with their level; of more than time allows, the newest part."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from mcp_server.core.log_calls import LogLevel, LogQuestion
from mcp_server.core.reader import Limits
from mcp_server.core.source import Entries
from mcp_server.core.text import amount, bytes_text
from mcp_server.engine.log_leaves import Leaf, Leaves, Opener, lines_of, moment_of, nanoseconds
from mcp_server.engine.scan_window import enough, window_of
from mcp_server.logs.pages import decoded, kept, wanted
from mcp_server.logs.records import level_of, records_of
from mcp_server.logs.templates import Shapes
from mcp_server.logs.trimming import headline
from mcp_server.logs.window import Piece, Ranges, pieces

SMALL = 50_331_648
"""A log up to this size is summarised whole where no window was named."""
HOUR = timedelta(hours=1)
_PROBE = 524_288
_AT_ONCE = 4_194_304
"""Up to so much is read without a trial of how fast that goes here and now."""


@dataclass(frozen=True, slots=True)
class Said:
    """One record."""

    text: str
    at: datetime | None
    level: LogLevel | None


def last_hour(call: LogQuestion, opener: Opener, limits: Limits) -> datetime | None:
    """Where the last hour begins by the newest record of the log; None where the log is small or tells no time."""
    with opener.open(predecessors=False, count=1) as leaves:
        newest = [at for at in map(_newest, leaves.leaves) if at is not None]
        entries = any(isinstance(leaf.source, Entries) for leaf in leaves.leaves)
        if not newest or (sum(leaf.source.size or SMALL for leaf in leaves.leaves) <= SMALL and not entries):
            return None
        moment = moment_of(max(newest))
        return moment - HOUR if moment else None


def _newest(leaf: Leaf) -> int | None:
    size = leaf.source.size
    if size is None:
        return None
    low = max(0, size - _PROBE)
    lines = [*lines_of(leaf.source.read_at(low, size - low))][1 if low else 0 :]
    return max((at for at in map(leaf.at, lines) if at is not None), default=None)


def records_in(call: LogQuestion, leaves: Leaves, opener: Opener, limits: Limits) -> Iterator[Said]:
    """Records of the window, oldest first; of more than time allows, the newest part, and that is said."""
    over = enough(opener, limits, 0.1)
    plans = [(leaf, window_of(leaf, call, leaves)) for leaf in leaves.leaves]
    starts = _affordable(plans, opener, leaves)
    for (leaf, ranges), start in zip(plans, starts, strict=True):
        if start is None:
            continue
        since, until = nanoseconds(call.since), nanoseconds(call.until)
        leaf.records = 0
        for count, piece in enumerate(
            _lines(leaf, start) if leaf.timeless else pieces(leaf.source, leaf.at, since, until, start=start, ranges=ranges)
        ):
            if count % 512 == 0 and over():
                leaves.cut(leaf.name, f"the time was spent after {amount(count, 'record')}", "narrow since and until")
                return
            leaf.read = max(leaf.read, piece.end - start)
            leaf.saw(piece.at)
            text = decoded(piece.data)
            level = level_of(text)
            if not text or not wanted(text, call.level, call.fields, level):
                continue
            leaf.records += 1
            yield Said(text, moment_of(piece.at), level)
        if leaf.timeless and start + leaf.read + 33_554_432 < (leaf.source.size or 0):
            leaves.cut(leaf.name, "what follows a line without an end was not read", "look at it with log_tail")


def _lines(leaf: Leaf, start: int) -> Iterator[Piece]:
    """Records of a log without times: lines, with the traces that belong to them by their looks."""
    assert leaf.stamps is not None
    place = start

    def lines() -> Iterator[str]:
        nonlocal place
        rest = b""
        while data := leaf.source.read_at(place + len(rest), 1_048_576):
            *whole, rest = (rest + data).split(b"\n")
            for line in whole:
                place += len(line) + 1
                yield kept(decoded(line[:65_536]), 8_000)
            if len(rest) > 33_554_432:  # a line without an end: its beginning is told, the rest is passed over
                yield kept(decoded(rest[:65_536]), 8_000)
                return
        if rest:
            yield kept(decoded(rest[:65_536]), 8_000)

    for item in records_of(lines(), leaf.stamps):
        yield Piece(place, place, None, item.text.encode("utf8", "replace"))


def _affordable(plans: list[tuple[Leaf, Ranges | None]], opener: Opener, leaves: Leaves) -> list[int | None]:
    """Offsets at which to begin in each leaf so that the newest part is read in time; None for a leaf left out."""
    sizes = [_span(leaf, ranges) for leaf, ranges in plans]
    if sum(high - low for low, high in sizes) <= _AT_ONCE:
        return [low for low, _ in sizes]
    room = _speed(plans) * max(0.5, opener.left() * 0.4)
    starts: list[int | None] = []
    for (leaf, _), (low, high) in zip(reversed(plans), reversed(sizes), strict=True):
        take = min(high - low, int(room))
        room -= take
        if take >= high - low or leaf.source.size is None:
            starts.append(low)
        elif take <= 0:
            starts.append(None)
            leaves.cut(
                leaf.name,
                f"{bytes_text(high - low)} of the window were not read: too much for the time",
                "narrow since and until",
            )
        else:
            starts.append(_line_start(leaf, high - take, low, high))
            leaves.cut(
                leaf.name, f"only the newest {bytes_text(take)} of {bytes_text(high - low)} in the window were read",
                "narrow since and until to see the rest",
            )  # fmt: skip
    return starts[::-1]


def _span(leaf: Leaf, ranges: Ranges | None) -> tuple[int, int]:
    if ranges is None:
        return 0, leaf.source.size or 0
    if not ranges.ranges:
        return 0, 0
    end = ranges.ranges[-1][1]
    return ranges.ranges[0][0], (leaf.source.size or 0) if end is None else end


def _line_start(leaf: Leaf, offset: int, low: int, high: int) -> int:
    """The beginning of the next line from `offset` on; `low` where there is none before `high`."""
    found = leaf.source.read_at(offset, 1_048_576).find(b"\n")
    return offset + found + 1 if found >= 0 and offset + found + 1 < high else low


def _speed(plans: list[tuple[Leaf, Ranges | None]]) -> float:
    """Bytes a second that reading and shaping takes here and now, tried on a stretch."""
    leaf, ranges = max(plans, key=lambda plan: plan[0].source.size or 0)
    low, high = _span(leaf, ranges)
    start = _line_start(leaf, max(low, high - 2 * _PROBE), low, high)
    begun, trial = time.monotonic(), Shapes(1_000)
    tried = list(islice(pieces(leaf.source, leaf.at, start=start, end=high), 5_000))
    texts = [decoded(piece.data) for piece in tried]
    for text in texts:
        level_of(text)
    trial.add(map(headline, texts))
    return sum(piece.end - piece.start for piece in tried) / max(time.monotonic() - begun, 1e-4)
