"""pacman's log: `[2026-11-20T10:00:02+0100] [ALPM] upgraded openssl (3.4.0-1 -> 3.4.1-1)`; older ones wrote local minutes."""

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta

from mcp_server.logs.package_log import Action, Row, Zone

_LINE = re.compile(r"\[(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:?\d\d)?)\] (?:\[([A-Z-]+)\] )?(.*)")
_DONE = re.compile(r"(installed|upgraded|downgraded|reinstalled|removed) (\S+) \((\S+)(?: -> (\S+))?\)")
_WORD = re.compile(r"(installed|upgraded|downgraded|reinstalled|removed) ")
_RUN = re.compile(r"Running '(.{1,1000})'")
_ACTIONS: dict[str, Action] = {
    "installed": "install", "upgraded": "upgrade", "downgraded": "downgrade", "reinstalled": "reinstall", "removed": "remove",
}  # fmt: skip
_MINUTE = timedelta(minutes=1)


def rows(lines: Sequence[str], zone: Zone) -> Iterator[Row | None]:
    """See `package_log.Rows`. The command that pacman noted last is the one that did it."""
    command: str | None = None
    for number, text in enumerate(lines):
        match = _LINE.fullmatch(text)
        try:
            at, doubt = zone.moment(match[1]) if match else (None, None)
        except ValueError:
            at = doubt = None
        half = match and match[2] == "ALPM" and _WORD.match(match[3]) and not _DONE.fullmatch(match[3])
        if match is None or at is None or doubt is None or half or "\0" in text:
            yield None
            continue
        doubt += _MINUTE if match[1].count(":") == 1 else timedelta()
        if match[2] == "PACMAN" and (run := _RUN.fullmatch(match[3])):
            command = run[1]
        done = _DONE.fullmatch(match[3]) if match[2] in ("ALPM", None) else None
        if done is None:
            yield Row(number, at, doubt, match[1])
            continue
        action, versions = _ACTIONS[done[1]], (done[3], done[4] or done[3])
        old = None if action == "install" else versions[0]
        new = None if action == "remove" else versions[1]
        yield Row(number, at, doubt, match[1], action, done[2], old, new, command)
