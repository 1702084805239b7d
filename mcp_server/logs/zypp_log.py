"""zypper's history: `2026-11-20 10:00:02|install|nginx|1.21.5-3.1|x86_64|root@web1|repo|…|`, local time."""

import re
from collections.abc import Iterator, Sequence

from mcp_server.logs.package_log import Action, Row, Zone

_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\|([a-z]+) *\|(.*)")
_ACTIONS: dict[str, Action] = {"install": "install", "remove": "remove"}


def rows(lines: Sequence[str], zone: Zone) -> Iterator[Row | None]:
    """See `package_log.Rows`. An upgrade is written as an install of the new version; the old one is not named."""
    command: str | None = None
    for number, text in enumerate(lines):
        if text.startswith("#"):  # output of scripts
            continue
        match = _LINE.fullmatch(text)
        fields = match[3].split("|") if match else []
        try:
            at, doubt = zone.moment(match[1]) if match else (None, None)
        except ValueError:
            at = doubt = None
        if match is None or at is None or doubt is None or "\0" in text:
            yield None
            continue
        if match[2] == "command":
            command = " ".join(word.strip("'") for word in fields[1:2])[:1_000] or None
            command = command.replace("' '", " ") if command else None
        action = _ACTIONS.get(match[2])
        if action is None:
            yield Row(number, at, doubt, match[1])
        elif len(fields) < 2 or not fields[0]:
            yield None
        else:
            old, new = (None, fields[1]) if action == "install" else (fields[1], None)
            yield Row(number, at, doubt, match[1], action, fields[0], old, new, command)
