"""dpkg's log (`2026-11-20 10:00:02 upgrade nginx:amd64 1.22.1-9 1.24.0-1`, local time) and apt's history of commands."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import cast

from mcp_server.logs.package_log import RESOLUTION, Action, Row, Zone

_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) ([a-z-]+)(?: (\S+))?(?: (\S+))?(?: (\S+))?.*")
_CHANGING = {"install", "upgrade", "remove", "purge"}
_WORDS = _CHANGING | {"status", "startup", "configure", "trigproc", "conffile", "disappear"}
_NONE = "<none>"


def rows(lines: Sequence[str], zone: Zone) -> Iterator[Row | None]:
    """See `package_log.Rows`. Of the two lines that dpkg writes for one removal with configuration, the first counts."""
    removed: set[str] = set()
    for number, text in enumerate(lines):
        match = _LINE.fullmatch(text)
        if match is None or "\0" in text or match[2] not in _WORDS or (match[2] in _CHANGING and match[5] is None):
            yield None
            continue
        try:
            at, doubt = zone.moment(match[1])
        except ValueError:
            yield None
            continue
        action, package, old, new = match.group(2, 3, 4, 5)
        if action not in _CHANGING or (action == "purge" and package in removed):
            yield Row(number, at, doubt, match[1])
            continue
        if action == "remove":
            removed.add(package)
        if action == "upgrade" and older(new, old):
            action = "downgrade"
        yield Row(
            number, at, doubt, match[1], cast(Action, action), package.split(":")[0],
            None if old == _NONE else old, None if new == _NONE else new,
        )  # fmt: skip


def apt_runs(lines: Sequence[str], zone: Zone) -> Iterator[tuple[datetime, datetime, str, int]]:
    """(start, end, command line, its line) of apt's runs, from /var/log/apt/history.log."""
    begins = [place for place, line in enumerate(lines) if line.startswith("Start-Date: ")]
    for begin, end in pairwise([*begins, len(lines)]):
        fields = dict(line.split(": ", 1) for line in lines[begin:end] if ": " in line)
        try:
            started = zone.moment(" ".join(fields["Start-Date"].split()))[0]
            ended = zone.moment(" ".join(fields.get("End-Date", fields["Start-Date"]).split()))[0]
            yield started - RESOLUTION, ended + RESOLUTION, fields["Commandline"], begin
        except (KeyError, ValueError):  # a run without a command line, or a damaged one
            continue


def older(new: str, old: str) -> bool:
    """Whether the version went down, by its numbers: enough to name a downgrade, unclear cases are upgrades."""
    numbers = [tuple(int(part) for part in re.findall(r"\d{1,9}", version.split("-")[0])) for version in (new, old)]
    return numbers[0] < numbers[1]
