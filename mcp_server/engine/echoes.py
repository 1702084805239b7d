"""The same hour a day, a week and a month before the onset: certificates, batch jobs, rotations and schedules recur.

Only sources that saw something near the onset are asked again, each for three short windows: the cost does not grow with the
history. What could not be seen there is said, and takes nothing from the answer about the window that was asked for.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mcp_server.core.change import Change, Window
from mcp_server.core.outcome import BlindSpot, Statement, Value

PERIODS: Mapping[str, tuple[timedelta, timedelta]] = {
    "24 h": (timedelta(hours=24), timedelta(minutes=20)), "7 d": (timedelta(days=7), timedelta(minutes=30)),
    "30 d": (timedelta(days=30), timedelta(minutes=45)),
}  # fmt: skip
"""How far back, and how much around that moment: schedules shift by days of the month more than by days."""
NEAR = timedelta(hours=2)
"""A source that saw nothing within this before the onset has nothing that could recur now."""


@dataclass(frozen=True)
class Echo:
    """One look back."""

    period: str
    window: Window
    changes: tuple[Change, ...]
    blind: tuple[BlindSpot, ...]


def windows(onset: datetime, asked: Window) -> Iterator[tuple[str, Window]]:
    """The three windows, without what the asked one covers already."""
    for period, (back, around) in PERIODS.items():
        since, until = onset - back - around, min(onset - back + around, asked.since)
        if since < until:
            yield period, Window(since=since, until=until)


def sources_to_ask(changes: Sequence[Change], onset: datetime) -> frozenset[str]:
    """Those that saw something shortly before the onset. Commits do not recur, and nobody schedules them."""
    return frozenset(item.source for item in changes if onset - NEAR <= item.at <= onset and item.source != "git")


def look_back(
    onset: datetime, asked: Window, changes: Sequence[Change], ask: Callable[[frozenset[str], Window], Sequence[Echo]]
) -> tuple[Echo, ...]:
    """`ask(sources, window)` gives what these sources saw in that window, as echoes whose period is filled in here."""
    sources = sources_to_ask(changes, onset)
    found = []
    for period, window in windows(onset, asked) if sources else ():
        parts = ask(sources, window)
        found.append(
            Echo(
                period, window,
                tuple(item for part in parts for item in part.changes if window.since <= item.at <= window.until),
                tuple(spot for part in parts for spot in part.blind),
            )
        )  # fmt: skip
    return tuple(found)


NOTHING = "what recurs: no change in the same hour 24 h, 7 d and 30 d before the onset"


def told(echoes: Sequence[Echo], now: Sequence[Change]) -> Iterator[Statement]:
    """One sentence for each look back that showed something: how much happened then, and what of it happened again now."""
    again = {key(change) for change in now}
    for echo in echoes:
        if not (echo.changes or echo.blind):
            continue
        same = sorted({change.component for change in echo.changes if key(change) in again})
        cited = tuple(dict.fromkeys(name for change in echo.changes for name in change.summary.evidence))[:6]
        text = f"{echo.period} before the onset: {{count}} changes in the same hour"
        values: dict[str, Value] = {"count": len(echo.changes)}
        if same:
            text += ", of which these happened again: {again}"
            values["again"] = ", ".join(same[:6]) + (f" and {len(same) - 6} more" if len(same) > 6 else "")
        if echo.blind:
            text += "; not seen there: {blind}"
            values["blind"] = ", ".join(dict.fromkeys(spot.what for spot in echo.blind))[:200]
        yield Statement(text=text, values=values, evidence=cited)


def key(change: Change) -> tuple[str, str, str]:
    """What makes two changes the same thing happening again."""
    return change.source, change.kind, change.component
