"""apk's log (apk-tools 3): a line "Running `apk add x` at 2026-11-20 10:00:02" (UTC), then what that run did."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from mcp_server.logs.package_log import RESOLUTION, Action, Row, Zone

_RUN = re.compile(r"Running `(.{0,100000})` at (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)")
_DONE = re.compile(
    r"\(\s*\d+/\d+\) (Installing|Upgrading|Downgrading|Replacing|Reinstalling|Purging) (\S+) \((\S+)(?: -> (\S+))?\)"
)
_ACTIONS: dict[str, Action] = {
    "Installing": "install", "Upgrading": "upgrade", "Downgrading": "downgrade", "Replacing": "reinstall",
    "Reinstalling": "reinstall", "Purging": "remove",
}  # fmt: skip
_RUNS = timedelta(minutes=1)
"""How long a run may take: what it did came after its beginning."""
_TORN = re.compile("[\0\ufffd]")


def rows(lines: Sequence[str], zone: Zone) -> Iterator[Row | None]:
    """See `package_log.Rows`. Everything is dated by the beginning of its run; lines before the first run tell no time."""
    utc, begun, command = Zone(UTC), "", ""
    at: datetime | None = None
    doubt: timedelta = RESOLUTION
    for number, text in enumerate(lines):
        if run := _RUN.fullmatch(text):
            try:
                at, doubt = utc.moment(run[2])
            except ValueError:
                at = None
                yield None
                continue
            command, begun, doubt = run[1][:1_000], run[2], doubt + _RUNS
            yield Row(number, at, doubt, begun)
        elif text.startswith("Running `") or _TORN.search(text):
            at = None  # what follows belongs to a run whose time cannot be read
            yield None
        elif (done := _DONE.match(text)) and at is not None:
            action, versions = _ACTIONS[done[1]], (done[3], done[4] or done[3])
            old = None if action == "install" else versions[0]
            new = None if action == "remove" else versions[1]
            yield Row(number, at, doubt, begun, action, done[2], old, new, command)
