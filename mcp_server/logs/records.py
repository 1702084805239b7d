"""Lines → records. A record is what one log call wrote: its first line and the lines that belong to it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo

from mcp_server.core.clock import to_utc
from mcp_server.logs.severity import Level, level_of, weight
from mcp_server.logs.stamps import StampReader

__all__ = ["MAX_LINE", "MAX_LINES", "MAX_RECORD", "Level", "Record", "Records", "level_of", "records_of", "split", "weight"]

MAX_LINE = 8_192
MAX_LINES = 400
MAX_RECORD = 65_536
_SAMPLE = 200
_TRACE = ("Traceback (", "panic: ", "Exception in thread ", "Unhandled exception", "goroutine ", "Uncaught ", "fatal error: ")
_GOES_ON = re.compile(
    r"\s|Traceback \(|Caused by: |Suppressed: |During handling of |The above exception |\.\.\. \d+ more|[})\]]"
    r"|--- End of |#\d{1,4} [/{\[]|Stack trace:|\d+: 0x|stack backtrace:|note: run with "
)
_GO_ON = re.compile(r"goroutine \d+ \[|created by |exit status \d|\[signal |[\w./*()\[\]{}-]{1,200}\(.{0,400}\)$")
_TRACE_END = re.compile(r"[A-Za-z_][\w.]{0,120}(?::|$)")
# a trace that a container runtime or a syslog stamped line by line, and what databases and PHP write below an error
_CARRIED = re.compile(
    r"(?:std(?:out|err) [FP]|\]:|[A-Za-z0-9_./-]:|[0-9Z]|\|) "
    r"(?:\s{1,16}(?:at [\w$.<(/]|File \"|from /|\.\.\. \d+ more|\^|[\w.]{1,80}\()"
    r"|\tat |Caused by: |PHP Stack trace:|PHP {2,5}\d{1,3}\. |(?:DETAIL|HINT|CONTEXT|STATEMENT|QUERY|LOCATION): {2})"
)
_CARRIER = 300


@dataclass(frozen=True, slots=True)
class Record:
    """One record. `at` is UTC, or None where the line carries no time; `cut` says that a part of `text` is missing."""

    text: str
    at: datetime | None = None
    level: Level | None = None
    cut: bool = False
    backwards: bool = False
    """Its time lies before that of the record above it; kept as it is."""
    line: int = 0
    """The number of its first line in what was read, from 0."""


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
    reader = StampReader(zone=zone, reference=reference)
    reader.learn(text[: _SAMPLE * 2_000].split("\n", _SAMPLE)[:_SAMPLE])
    records = tuple(records_of(text.split("\n"), reader))
    return Records(records, head, reader.report().zone in ("source", "host"))


def records_of(lines: Iterable[str], reader: StampReader) -> Iterator[Record]:
    """Records of a stream of lines, oldest first, as they end; at most one record is held. Never raises, all bounded."""
    before: datetime | None = None
    for first, group, found in _grouped(lines, reader):
        moment = to_utc(found) if found else None
        turned = moment is not None and before is not None and moment < before
        before = moment or before
        yield _record(group, moment, first, backwards=turned)


def _grouped(lines: Iterable[str], reader: StampReader) -> Iterator[tuple[int, list[str], datetime | None]]:
    group: list[str] = []
    moment: datetime | None = None
    stamped = in_trace = in_go = False
    first = 0
    for number, raw in enumerate(lines):
        line = raw.removesuffix("\r")
        if not line and not group:
            continue
        opens, found = reader.seen(line)
        if opens and group and stamped and found is not None and _carried(line, group[0], moment, found):
            opens = False
        # after a stamped line everything without a stamp belongs to it; in a log without stamps, what looks so
        ends_trace = in_trace and not stamped and bool(_TRACE_END.match(line))
        belongs = stamped or not line or ends_trace or bool(_GOES_ON.match(line)) or (in_go and bool(_GO_ON.match(line)))
        if line.startswith("Traceback (") and group and not stamped:
            belongs = group[0].startswith("Traceback (") or level_of(group[0]) in ("critical", "error")
        follows = not opens and bool(group) and belongs
        if group and (not follows or len(group) >= MAX_LINES):
            yield first, group, moment
            group, moment = [], moment if follows else None
        if not group:
            first = number
            if not follows:
                moment, stamped, in_trace, in_go = found, opens, False, False
        group.append(line if len(line) <= MAX_LINE else line[:MAX_LINE] + f"… ({len(line) - MAX_LINE} more)")
        in_go = in_go or line.startswith(("panic: ", "fatal error: ", "goroutine "))
        in_trace = not ends_trace and (in_trace or line.startswith("Traceback ("))
    if group:
        yield first, group, moment


def _carried(line: str, head: str, moment: datetime | None, found: datetime) -> bool:
    """A stamped line that continues the record above: a line of a trace, a DETAIL below an error, within ten seconds."""
    if (
        line.find("  ", 18, _CARRIER) < 0
        and line.find("\tat ", 18, _CARRIER) < 0
        and line.find("Caused by: ", 18, _CARRIER) < 0
    ):
        return line.find("PHP Stack trace:", 18, _CARRIER) > 0
    if moment is None or abs((found - moment).total_seconds()) > 10:
        return False
    match = _CARRIED.search(line, 12, _CARRIER)
    return bool(match) and line[:1] not in "{" and head[:1] not in "{"


def _record(lines: list[str], at: datetime | None, first: int, *, backwards: bool) -> Record:
    while len(lines) > 1 and not lines[-1]:
        lines.pop()
    text = "\n".join(lines)
    cut = len(text) > MAX_RECORD or any(len(line) > MAX_LINE for line in lines)
    return Record(text[:MAX_RECORD], at, level_of(text), cut, backwards, first)
