"""Lines → records. A record is what one log call wrote: its first line and the lines that belong to it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from mcp_server.logs.severity import Level, level_of, weight

if TYPE_CHECKING:  # the dialects are loaded with the first log that is read, not at start
    from mcp_server.logs.stamps import StampReader

__all__ = ["MAX_LINE", "MAX_LINES", "MAX_RECORD", "Level", "Record", "Records", "level_of", "records_of", "split", "weight"]

MAX_LINE = 8_192
MAX_LINES = 400
MAX_RECORD = 65_536
_SAMPLE = 200
_GOES_ON = re.compile(
    r"\s|Traceback \(|Caused by: |Suppressed: |During handling of |The above exception |\.\.\. \d+ more|[})\]]"
    r"|--- End of |#\d{1,4} [/{\[]|Stack trace:|\d+: 0x|stack backtrace:|note: run with "
)
_TRACE_LINE = re.compile(r"\s{1,16}(?:at [\w$.<(/]|File \"|from \S|\.\.\. \d+ more|[~^]+$|--->? )")
_GO_ON = re.compile(r"goroutine \d+ \[|created by |exit status \d|\[signal |[\w./*()\[\]{}-]{1,200}\(.{0,400}\)$")
_TRACE_END = re.compile(r"[A-Za-z_][\w.]{0,120}(?::|$)")
# what a container runtime, syslog or `docker logs -t` puts before every line, also before each line of a trace
_CARRIER = re.compile(
    r"(?:<\d{1,3}>)?(?:(?P<cri>\S{20,40}) std(?:out|err) [FP] |(?P<syslog>[A-Z][a-z]{2} [ \d]\d [\d:.]{8,15}|\S{19,40})"
    r" [\w.:-]{1,64} [\w./@-]{1,64}(?:\[\d{1,10}\])?: |(?P<plain>\d{4}-\d\d-\d\dT[\d:.]{8,20}(?:Z|[+-]\d\d:?\d\d)) )"
)
# what databases and PHP write below an error, stamped as well
_ADDED = re.compile(r"[\s\]:](?:(?:DETAIL|HINT|CONTEXT|STATEMENT|QUERY|LOCATION): {2}|PHP Stack trace:|PHP {2,5}\d{1,3}\. )")
_PROCESS = re.compile(r"\[\d{1,10}\]")
_HEAD = 300
_TOGETHER = 10.0
"""Seconds within which stamped lines can be parts of one record."""


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
    assumed: tuple[str, ...] = ()
    """What stamps do not say and a rule settled: `year`, `date`, `order` (of day and month), `zone` (shared name)."""


def split(text: str, *, starts_inside: bool = False, zone: tzinfo | None = None, reference: datetime | None = None) -> Records:
    """Records of `text`. With `starts_inside` the first line may be the end of a longer one and is dropped: half a
    line can hide what it means, and half a secret is not recognised as one. Never raises; every record is bounded.
    """
    head = None
    if starts_inside:
        head, _, text = text.partition("\n")
    from mcp_server.logs.stamps import StampReader

    reader = StampReader(zone=zone, reference=reference)
    reader.learn(text[: _SAMPLE * 2_000].split("\n", _SAMPLE)[:_SAMPLE])
    records = tuple(records_of(text.split("\n"), reader))
    report = reader.report()
    return Records(records, head, report.zone in ("source", "host"), report.assumed)


def records_of(lines: Iterable[str], reader: "StampReader") -> Iterator[Record]:
    """Records of a stream of lines, oldest first, as they end; at most one record is held. Never raises, all bounded."""
    before: datetime | None = None
    for first, group, found in _grouped(lines, reader):
        moment = found and found.replace(microsecond=found.microsecond // 1000 * 1000)
        turned = moment is not None and before is not None and moment < before
        before = moment or before
        yield _record(group, moment, first, backwards=turned)


class Group:
    """The record that is being read: its lines, and what its first lines say about those that may follow."""

    def __init__(self, number: int, line: str, said: tuple[str, str], *, stamped: bool, moment: datetime | None) -> None:
        self.first, self.stamped, self.moment = number, stamped, moment
        self.lines: list[str] = []
        self.head, self.carrier = said[0][:MAX_LINE], said[1]
        self._trace = self._go = self._ended = self._open = False
        self.add(line, self.head)

    def add(self, line: str, message: str) -> None:
        self.lines.append(line if len(line) <= MAX_LINE else line[:MAX_LINE] + f"… ({len(line) - MAX_LINE} more)")
        self._ended = self._trace and not _GOES_ON.match(message) and bool(_TRACE_END.match(message))
        self._trace = not self._ended and (self._trace or message.startswith("Traceback ("))
        self._open = self._open or self._trace or bool(_TRACE_LINE.match(message))
        self._go = self._go or message.startswith(("panic: ", "fatal error: ", "goroutine "))

    def goes_on(self, message: str) -> bool:
        """Whether a line that says this looks like a part of the record, judged without times."""
        if message.startswith("Traceback ("):
            return self.head.startswith("Traceback (") or level_of(self.head) in ("critical", "error")
        return (
            not message
            or bool(_GOES_ON.match(message))
            or (self._trace and bool(_TRACE_END.match(message)))
            or (self._go and bool(_GO_ON.match(message)))
            or " panicked at " in self.lines[-1]
        )

    def carries_on(self, line: str, said: tuple[str, str], found: datetime | None) -> str | None:
        """What a stamped line says if it is a part of this record all the same: a line of a carried trace, a DETAIL."""
        if found is None or self.moment is None or abs((found - self.moment).total_seconds()) > _TOGETHER:
            return None
        if (":  " in line[:_HEAD] or "PHP " in line[:_HEAD]) and _ADDED.search(line, 12, _HEAD):
            mine, other = _PROCESS.search(self.lines[0], 0, _HEAD), _PROCESS.search(line, 0, _HEAD)
            return line if mine is None or other is None or mine[0] == other[0] else None
        message, carrier = said
        if not carrier or carrier != self.carrier or (not message and not (self._trace or self._ended)):
            return None
        if message[:1] in (" ", "\t"):  # many programs put a blank more before their level
            return message if _TRACE_LINE.match(message) or (self._open and message.startswith(("  ", "\t"))) else None
        return message if self.goes_on(message) else None


def _message(line: str) -> tuple[str, str]:
    """What a stamped line says behind its carrier, and which carrier that is; without one the whole line and ""."""
    match = _CARRIER.match(line, 0, _HEAD)
    if match is None:
        return line, ""
    return line[match.end() :], line[match.end(match.lastgroup or 0) : match.end()]


def _grouped(lines: Iterable[str], reader: "StampReader") -> Iterator[tuple[int, list[str], datetime | None]]:
    group: Group | None = None
    for number, raw in enumerate(lines):
        line = raw.removesuffix("\r")
        if not line and group is None:
            continue
        opens, found = reader.seen(line)
        said = _message(line) if opens else (line, "")
        message: str | None = line
        if group is None:
            message = None
        elif opens:
            message = group.carries_on(line, said, found) if group.stamped else None
        elif not group.stamped and not group.goes_on(line):  # after a stamped line everything without a stamp belongs to it
            message = None
        if group is not None and message is not None and len(group.lines) < MAX_LINES:
            group.add(line, message)
            continue
        if group is not None:
            yield group.first, group.lines, group.moment
        follows = group is not None and message is not None
        stamped, moment = (group.stamped, group.moment) if group is not None and follows else (opens, found)
        group = Group(number, line, said, stamped=stamped, moment=moment)
    if group is not None:
        yield group.first, group.lines, group.moment


def _record(lines: list[str], at: datetime | None, first: int, *, backwards: bool) -> Record:
    while len(lines) > 1 and not lines[-1]:
        lines.pop()
    text = "\n".join(lines)
    cut = len(text) > MAX_RECORD or any(len(line) > MAX_LINE for line in lines)
    return Record(text[:MAX_RECORD], at, level_of(text), cut, backwards, first)
