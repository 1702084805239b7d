"""Lines → records. A record is what one log call wrote: its first line and the lines that belong to it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Literal

from mcp_server.logs.time import find_stamp, in_utc

Level = Literal["critical", "error", "warning", "info", "debug"]

MAX_LINE = 8_192
MAX_LINES = 400
MAX_RECORD = 65_536

_LEVELS: dict[str, Level] = {
    "emerg": "critical", "emergency": "critical", "alert": "critical", "crit": "critical", "critical": "critical",
    "fatal": "critical", "panic": "critical", "severe": "error", "error": "error", "err": "error", "warn": "warning",
    "warning": "warning", "notice": "info", "info": "info", "information": "info", "debug": "debug", "trace": "debug",
}  # fmt: skip
_WORD = "|".join(sorted(_LEVELS, key=len, reverse=True))
_LEVEL = re.compile(
    rf"[\[(](?:[a-z_]{{1,20}}:)?(?P<a>(?i:{_WORD}))[\])]|\b(?:level|severity|lvl)\"? ?[=:] ?\"?(?P<b>(?i:{_WORD}))\b"
    rf"|(?:^|[\s|:-])(?P<c>{_WORD.upper()})(?=[\s|:\]-])",
    re.ASCII,
)
_ACCESS = re.compile(r"\" (?P<status>[1-5]\d\d) (?:\d|-)", re.ASCII)
_TROUBLE = re.compile(r"Traceback \(most recent call last\)|^panic: |^Exception in thread |segfault at|Killed process", re.M)
_GOES_ON = re.compile(r"\s|Traceback \(|Caused by: |During handling of |The above exception |\.\.\. \d+ more|[})\]]")
_TRACE_END = re.compile(r"[A-Za-z_][\w.]{0,120}(?::|$)")
_RANK: tuple[Level, ...] = ("critical", "error", "warning", "info", "debug")


@dataclass(frozen=True, slots=True)
class Record:
    """One record. `at` is UTC, or None where the line carries no time; `cut` says that a part of `text` is missing."""

    text: str
    at: datetime | None = None
    level: Level | None = None
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Records:
    """Records of a stretch of text, oldest first. `head` is the cut first line that was dropped, unread."""

    records: tuple[Record, ...]
    head: str | None = None
    local_times: bool = False
    """Some stamps name no zone: their UTC time rests on the zone given."""


def split(text: str, *, starts_inside: bool = False, zone: tzinfo | None = None, reference: datetime | None = None) -> Records:
    """Records of `text`. With `starts_inside` the first line may be the end of a longer one and is dropped: half a
    line can hide what it means, and half a secret is not recognised as one. Never raises; every record is bounded.
    """
    head = None
    if starts_inside:
        head, _, text = text.partition("\n")
    groups, local = [], False
    for lines, moment in _grouped(text, reference):
        local = local or (moment is not None and moment.tzinfo is None)
        groups.append(_record(lines, in_utc(moment, zone)))
    return Records(tuple(groups), head, local)


def _grouped(text: str, reference: datetime | None) -> Iterator[tuple[list[str], datetime | None]]:
    lines: list[str] = []
    moment: datetime | None = None
    stamped = in_trace = False
    for raw in text.split("\n"):
        line = raw.removesuffix("\r")
        if not line and not lines:
            continue
        found = find_stamp(line, reference)
        # after a stamped line everything without a stamp belongs to it; in a log without stamps, what looks so
        ends_trace = in_trace and not stamped and bool(_TRACE_END.match(line))
        belongs = stamped or not line or ends_trace or bool(_GOES_ON.match(line))
        if line.startswith("Traceback (") and lines and not stamped:
            belongs = lines[0].startswith("Traceback (") or level_of(lines[0]) in ("critical", "error")
        follows = found is None and bool(lines) and belongs
        if lines and (not follows or len(lines) >= MAX_LINES):
            yield lines, moment
            lines, moment = [], moment if follows else None
        if not lines and not follows:
            moment, stamped, in_trace = found, found is not None, False
        lines.append(line)
        in_trace = not ends_trace and (in_trace or line.startswith("Traceback ("))
    if lines:
        yield lines, moment


def _record(lines: list[str], at: datetime | None) -> Record:
    while len(lines) > 1 and not lines[-1]:
        lines.pop()
    short = [line if len(line) <= MAX_LINE else line[:MAX_LINE] + f"… ({len(line) - MAX_LINE} more)" for line in lines]
    text = "\n".join(short)
    return Record(
        text[:MAX_RECORD], at, level_of(text), cut=len(text) > MAX_RECORD or any(len(line) > MAX_LINE for line in lines)
    )


def level_of(text: str) -> Level | None:
    """The level a record states: the weightiest of its lines' own; a trace is an error, an access log's 5xx too."""
    found: set[Level] = set()
    first, _, rest = text.partition("\n")
    if status := _ACCESS.search(first, 0, 2_000):
        found.add("error" if status["status"] >= "500" else "info")
    else:
        for line in (first, *rest.split("\n", 50)[:50]):
            if match := _LEVEL.search(line, 0, 200):
                found.add(_LEVELS[next(word for word in match.groups() if word).lower()])
        if _TROUBLE.search(text):
            found.add("error")
    return min(found, key=_RANK.index) if found else None


def weight(level: Level | None) -> int:
    """0 for the weightiest; a record without a level stands between warning and info."""
    return _RANK.index(level) * 2 if level else 5
