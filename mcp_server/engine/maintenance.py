"""Maintenance windows of the settings: announced work that was going on, or had just ended, when the trouble began."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal

from mcp_server.core.clock import Moment, stamp
from mcp_server.core.maintenance import MaintenanceSettings
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import Statement

JUST_ENDED = timedelta(hours=2)


class Announced(Noun):
    """One window as it stands to a moment."""

    start: Moment
    end: Moment
    what: str
    services: tuple[str, ...]
    state: Literal["under way", "just ended"]


def windows(declared: Sequence[MaintenanceSettings], service: str | None, moment: datetime) -> tuple[Announced, ...]:
    """Windows that cover the moment or ended just before it, those of other services left out; the nearest start first."""
    found = [
        Announced(
            start=begin, end=end, what=item.what, services=item.services, state="under way" if moment <= end else "just ended"
        )
        for item in declared
        for begin, end in filter(None, (item.around(moment),))
        if moment <= end + JUST_ENDED and (not item.services or service is None or service in item.services)
    ]
    return tuple(sorted(found, key=lambda item: item.start, reverse=True))


def windows_told(found: Sequence[Announced]) -> Iterator[Statement]:
    """One sentence each."""
    for item in found:
        yield Statement(
            text="announced maintenance was " + item.state + " at the onset: {what} ({services}), {start} to {end}",
            values={
                "what": item.what, "services": ", ".join(item.services) or "all services", "start": stamp(item.start),
                "end": stamp(item.end),
            },
        )  # fmt: skip
