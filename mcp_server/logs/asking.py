"""What the log diagnostics share: parameters, what they say about coverage, and records told within a budget."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from mcp_server.core.clock import When, stamp
from mcp_server.core.declare import Facts
from mcp_server.core.errors import BadInput
from mcp_server.core.log_calls import Degree, LogLevel, LogPart, LogRecord, LogSeen
from mcp_server.core.outcome import Statement, Value
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader
from mcp_server.core.text import amount, bytes_text, counted
from mcp_server.logs.cursor import open_cursor
from mcp_server.logs.pages import CURSOR_KEY
from mcp_server.logs.tail import Zone

Source = Annotated[
    str, Field(min_length=1, max_length=4_096, pattern=r"^(-|(/|(journal|container|previous)($|[:@]))[^\x00]*)$")
]
"""A log as a parameter."""


def _ours(value: str) -> str:
    """Refuse text that no answer of ours gave as a cursor; whether it fits the question is seen where it is used."""
    try:
        open_cursor(value, {}, CURSOR_KEY)
    except BadInput as error:
        if "another question" not in error.message:
            raise ValueError("a cursor as an earlier answer gave it, whole") from None
    return value


Cursor = Annotated[str, Field(max_length=4_096), AfterValidator(_ours)]
"""A cursor as a parameter."""


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Sources = Annotated[tuple[Source, ...], Field(min_length=1, max_length=20), BeforeValidator(_several)]

_Text = Annotated[str, Field(max_length=1_100)]
SOURCES = (
    "Logs: absolute paths, journal[@BOOT][:kernel|:UNIT|:/FOLDER_OR_FILE[:UNIT]]; at docker:// and k8s:// places "
    "container[:NAME], previous[:NAME]; a script: - for its input"
)
_FIELD = re.compile(r"[A-Za-z_@][\w.@-]{0,100}=.{0,1000}", re.DOTALL)


class LogParameters(Parameters):
    """Window, filters, and the size of the answer."""

    since: When | None = Field(None, description="Start of the window")
    until: When | None = Field(None, description="End of the window, itself included")
    level: LogLevel | None = Field(None, description="Only records of this level and weightier ones")
    fields: tuple[_Text, ...] = Field(
        (), max_length=10, description="Only records with these JSON or logfmt values: name=value"
    )
    zone: Zone | None = Field(None, description="Zone of times that name none; default: settings, then host")
    rotated: bool = Field(True, description="Read rotated predecessors (.1, .2.gz …) that the window reaches")
    budget: int = Field(5_000, ge=500, le=50_000, description="Characters the answer may have")

    @model_validator(mode="after")
    def _ordered(self) -> "LogParameters":
        if self.since and self.until and self.since > self.until:
            raise ValueError(f"a window in order: since is {stamp(self.since)}, after until {stamp(self.until)}")
        for item in self.fields:
            if not _FIELD.fullmatch(item):
                raise ValueError(f"`fields` as name=value, such as status=500; {item[:60]!r} is not")
        return self

    def common(self) -> dict[str, Any]:
        """What every call takes."""
        pairs = dict(item.split("=", 1) for item in self.fields)
        return {
            "since": self.since, "until": self.until, "level": self.level, "fields": pairs, "zone": self.zone,
            "rotated": self.rotated,
        }  # fmt: skip


class LogFacts(Facts):
    """What every answer about logs rests on."""

    seen: LogSeen
    evidence: str


class PageFacts(LogFacts):
    """A page of records; `cursor` goes on, `rotated` says why a cursor that was given leads nowhere."""

    cursor: str | None = None
    rotated: str | None = None


class ShapeFacts(LogFacts):
    """An analysis of many records, and how far it went."""

    records: int
    degree: Degree = "full"
    why: str = ""

    def told(self, text: str, **values: Value) -> Statement:
        """How many records were analysed and how; `text` goes on after their number."""
        known: dict[str, Value] = {
            "records": self.records,
            "where": looked_at(self.seen.parts),
            "degree": self.degree,
            "why": self.why,
        }
        end = " ({where}); analysis: {degree}" + (" ({why})" if self.why else "")
        return Statement(
            text="{records} " + counted(self.records, "record") + text + end, values=known | values, evidence=(self.evidence,)
        )


def note(reader: Reader, seen: LogSeen, rotated: str | None = None) -> None:
    """Say what was empty, in part, and not seen at all."""
    for doubt in seen.doubts:
        if doubt.reason == "cut":
            reader.cut(f"{doubt.what}: {doubt.detail}", doubt.remedy)
        else:
            reader.blind(doubt.what, f"{doubt.reason}: {doubt.detail}", doubt.remedy)
    for part in seen.parts:
        if part.size == 0 and not part.name.startswith(("journal", "container", "previous")):
            reader.empty(part.name)
        elif part.size == 0:
            reader.empty(f"{part.name} inside the window")
    if rotated:
        reader.blind("the page of this cursor", rotated, "ask again without cursor, from the last time shown with since=")


def room(params: LogParameters, seen: LogSeen | None = None) -> int:
    """Characters left for records in an answer: its head, its statements and its coverage take the rest."""
    coverage = sum(len(doubt.what) + len(doubt.detail) + len(doubt.remedy) + 30 for doubt in seen.doubts) if seen else 0
    return max(200, params.budget - 420 - min(coverage, params.budget // 2))


def span(records: Sequence[LogRecord]) -> tuple[str | None, str | None]:
    """First and last time of records, as stamps."""
    times = [item.at for item in records if item.at]
    return (stamp(min(times)), stamp(max(times))) if times else (None, None)


def told(records: Sequence[LogRecord], parts: Sequence[LogPart], several: bool) -> tuple[str, ...]:
    """Records as quotes; of several sources each begins with the number of its source, as listed."""
    return tuple((f"{item.source + 1}│ " if several else "") + ("(late) " if item.late else "") + item.text for item in records)


def twice(doubts: Sequence[int], first: datetime | None, evidence: str) -> Iterator[Statement]:
    """That the times of so many records, of which this is the first, are in doubt by so many milliseconds because their
    clock showed them twice; doubts of 0 are none."""
    if (count := sum(map(bool, doubts))) and first:
        yield Statement(
            text="{count} " + counted(
                count, "record, of {first}, is of an hour that its clock showed twice: it may be {minutes} min off",
                "records, the first of {first}, are of an hour that their clock showed twice: they may be {minutes} min off",
            ),
            values={"count": count, "first": stamp(first), "minutes": max(doubts) // 60_000}, evidence=(evidence,),
        )  # fmt: skip


def twice_of(records: Sequence[LogRecord], evidence: str) -> Iterator[Statement]:
    """The same of records that tell it themselves."""
    first = next((item.at for item in records if item.doubt_ms), None)
    yield from twice([item.doubt_ms for item in records], first, evidence)


def listed(parts: Sequence[LogPart], evidence: str) -> Iterator[Statement]:
    """Which number stands for which source, and the zone where one had to be assumed."""
    if len(parts) > 1:
        names = "; ".join(f"{number}│ {part.name}" for number, part in enumerate(parts[:20], start=1))
        yield Statement(text="sources: {names}", values={"names": names}, evidence=(evidence,))
    yield from zones(parts, evidence)


def zones(parts: Sequence[LogPart], evidence: str) -> Iterator[Statement]:
    """The zone that was assumed for times which name none; and which of them is no plain UTF-8."""
    for zone in dict.fromkeys(part.zone for part in parts if part.zone and part.zone not in ("UTC", "Etc/UTC")):
        yield Statement(text="times without a zone are read as {zone}", values={"zone": zone}, evidence=(evidence,))
    for part in parts:
        if part.text:
            yield Statement(text="{log}: {what}", values={"log": part.name, "what": part.text}, evidence=(evidence,))


def sources(facts: LogFacts) -> Iterator[Statement]:
    """What stands for which source, and what of rotated sets was left closed, which is no gap."""
    yield from listed(facts.seen.parts, facts.evidence)
    if facts.seen.outside:
        yield Statement(
            text="{count} " + counted(
                len(facts.seen.outside), "rotated file lies outside the window and was not opened",
                "rotated files lie outside the window and were not opened",
            ), values={"count": len(facts.seen.outside)}, evidence=(facts.evidence,),
        )  # fmt: skip


def goes_on(cursor: str | None, what: str = "more") -> Iterator[Statement]:
    """How to go on."""
    if cursor:
        if len(cursor) <= 150:  # longer values are shortened where they stand in a sentence
            yield Statement(text=what + ": the same call with cursor={cursor}", values={"cursor": cursor})
        else:
            yield Statement(text=what + ": the same call with this cursor, whole", quotes=(cursor,))


def looked_at(parts: Iterable[LogPart]) -> str:
    """`3 files, 1.2 GiB`."""
    parts = list(parts)
    return f"{amount(len(parts), 'log')}, {bytes_text(sum(part.read for part in parts))} read"
