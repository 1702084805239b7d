"""What package managers write about themselves: one row for each thing done, whoever did it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Literal

from mcp_server.core.clock import to_utc

RESOLUTION = timedelta(seconds=1)

DATABASES: dict[str, tuple[str, ...]] = {
    "dpkg": ("/var/lib/dpkg/status",),
    "rpm": (
        "/var/lib/rpm/rpmdb.sqlite", "/usr/lib/sysimage/rpm/rpmdb.sqlite", "/var/lib/rpm/Packages",
        "/usr/lib/sysimage/rpm/Packages.db", "/var/lib/rpm/Packages.db",
    ),
    "apk": ("/lib/apk/db/installed", "/usr/lib/apk/db/installed"),
    "pacman": ("/var/lib/pacman/local",),
}  # fmt: skip
"""By manager, files whose presence shows that it is here."""

Action = Literal["install", "upgrade", "downgrade", "reinstall", "remove", "purge"]


@dataclass(frozen=True)
class Zone:
    """The zone in which a host writes local times, and how far off it may be."""

    info: tzinfo
    doubt: timedelta = RESOLUTION

    def moment(self, text: str) -> tuple[datetime, timedelta]:
        """A stamp as UTC, with its doubt: an hour that comes twice in autumn is in doubt by that hour.

        A stamp that names its offset is in no doubt. Raises ValueError for what is no stamp.
        """
        local = datetime.fromisoformat(text)
        if local.tzinfo is not None:
            return to_utc(local), RESOLUTION
        local = local.replace(tzinfo=self.info)
        twice = abs((local.replace(fold=1).utcoffset() or timedelta()) - (local.utcoffset() or timedelta()))
        return to_utc(local), self.doubt + twice


@dataclass(frozen=True)
class Row:
    """One line understood. Without an action it tells only that the log goes back so far."""

    line: int
    at: datetime
    doubt: timedelta
    stamp: str
    action: Action | None = None
    package: str = ""
    old: str | None = None
    new: str | None = None
    command: str | None = None
    unfinished: Literal["failed", "open"] | None = None
    """Its manager did not note that it was done: the run failed, or has no end."""


Rows = Callable[[Sequence[str], Zone], Iterator[Row | None]]
"""Reads lines of one manager's log in their order; None for a line that is damaged."""
