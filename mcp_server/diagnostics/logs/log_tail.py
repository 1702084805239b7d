"""What does this log say at its end?"""

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime

from pydantic import Field, field_validator

from mcp_server.core.clock import Moment, When, stamp
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.outcome import Finding, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader
from mcp_server.core.text import bytes_text
from mcp_server.logs.records import Record
from mcp_server.logs.tail import Tail, Zone, read_tail, zone_named

_CURSOR = re.compile(r"([1-9]\d{0,15})\.(\d{1,6})\.(\d{1,16})\.([0-9a-f]{8})", re.ASCII)
_HEAD = 256


class Params(Parameters):
    """Which log, how much of it, and which records."""

    path: str = Field(min_length=1, max_length=4_096, pattern=r"^/[^\x00]*$", description="Absolute path of the log file")
    lines: int = Field(50, ge=1, le=1_000, description="Records to return; a trace counts as one")
    since: When | None = Field(None, description="Only records from this time on (records without a time are kept)")
    match: str | None = Field(None, min_length=1, max_length=500, description="Only records holding this text, taken literally")
    ignore_case: bool = Field(False, description="Let `match` ignore the case of letters")
    cursor: str | None = Field(None, max_length=60, description="From an earlier answer: go on further back from there")
    budget: int = Field(262_144, ge=4_096, le=1_048_576, description="Bytes read at most")
    zone: Zone | None = Field(None, description="IANA zone of times that name none; default: the host's")

    @field_validator("cursor")
    @classmethod
    def _cursor(cls, value: str | None) -> str | None:
        if value is not None and not _CURSOR.fullmatch(value):
            raise ValueError("a cursor as an earlier answer gave it, such as 1048576.50.2097152.1a2b3c4d")
        return value


class TailFacts(Facts):
    """Records, oldest first. `cursor` is None when nothing lies before them."""

    path: str
    size: int
    modified: Moment
    records: tuple[str, ...]
    first: Moment | None = None
    last: Moment | None = None
    cut_records: int = 0
    cursor: str | None = None
    rotated: bool = False
    evidence: str


DIAGNOSTIC = Diagnostic(
    question="What are the last records of this log file?",
    area="logs",
    facts=TailFacts,
    examples=({"path": "/var/log/nginx/error.log"}, {"path": "/var/log/syslog", "lines": 20, "match": "oom"}),
)


def collect(reader: Reader, params: Params) -> TailFacts:
    """Read one stretch before the end (or the cursor) and keep the wanted records of it."""
    zone = zone_named(params.zone) if params.zone else None
    position = _CURSOR.fullmatch(params.cursor) if params.cursor else None
    rotated = position is not None and _fingerprint(reader, params.path, int(position[3])) != position[4]
    if rotated:
        position = None
        reader.blind("records before the cursor", "the file was rotated or rewritten since", "look at its older files too")
    end, skip = (int(position[1]), int(position[2])) if position else (None, 0)
    tail = read_tail(reader, params.path, budget=params.budget, end=end, zone=zone)
    records = tail.found.records[: len(tail.found.records) - skip]
    wanted = [(index, item) for index, item in enumerate(records) if _wanted(item, params)][-params.lines :]
    if tail.source.size == 0:
        reader.empty(params.path)
    first_index = wanted[0][0] if len(wanted) == params.lines else 0
    stamps = [item.at for _, item in wanted if item.at]
    facts = TailFacts(
        path=tail.source.path, size=tail.source.size, modified=tail.source.modified, evidence=tail.evidence, rotated=rotated,
        records=tuple(item.text for _, item in wanted), first=min(stamps, default=None), last=max(stamps, default=None),
        cut_records=sum(item.cut for _, item in wanted),
    )  # fmt: skip
    if first_index > 0:
        facts.cursor = _cursor(reader, params.path, tail, tail.source.end, len(tail.found.records) - first_index)
    elif not tail.whole:
        facts.cursor = _cursor(reader, params.path, tail, tail.source.start + _head_bytes(reader, params.path, tail), 0)
        _say_short(reader, params, tail, records, len(wanted))
    return facts


def judge(facts: TailFacts, params: Params) -> Iterator[Finding]:
    """Reading judges nothing."""
    yield from ()


def show(facts: TailFacts, params: Params) -> Iterator[Statement]:
    """The records as quotes, and the cursor that goes further back."""
    if not facts.records:
        yield Statement(
            text="no record of {path} in the part read ({size}, modified {modified})" if facts.size else "{path} is empty",
            values={"path": facts.path, "size": bytes_text(facts.size), "modified": _text(facts.modified)},
            evidence=(facts.evidence,),
        )
    else:
        yield Statement(
            text="{count} records of {path} ({size}), {first} to {last}",
            values={
                "count": len(facts.records), "path": facts.path, "size": bytes_text(facts.size),
                "first": _text(facts.first), "last": _text(facts.last),
            },
            evidence=(facts.evidence,), quotes=facts.records,
        )  # fmt: skip
    if facts.cut_records:
        yield Statement(text="{count} of them are shown in part: too long", values={"count": facts.cut_records})
    if facts.cursor:
        yield Statement(text="further back: the same call with cursor={cursor}", values={"cursor": facts.cursor})


def _wanted(record: Record, params: Params) -> bool:
    if params.since and record.at and record.at < params.since:
        return False
    if params.match is None:
        return True
    if params.ignore_case:
        return params.match.casefold() in record.text.casefold()
    return params.match in record.text


def _say_short(reader: Reader, params: Params, tail: Tail, records: tuple[Record, ...], found: int) -> None:
    """Fewer than asked for, and more of the file lies before: the answer is a part."""
    oldest = next((item.at for item in records if item.at), None)
    if params.since and oldest and oldest < params.since:
        return
    size = bytes_text(tail.source.end - tail.source.start)
    if not records:
        reader.cut(params.path, f"the {size} read are inside one line; its end is withheld, raise budget or use cursor")
    else:
        reader.cut(params.path, f"{found} of {params.lines} wanted records in the {size} read; raise budget or use cursor")


def _head_bytes(reader: Reader, path: str, tail: Tail) -> int:
    """Bytes of the dropped first line with its end, so that the next page ends exactly there; 0 when it fills the stretch.

    Text that was redacted, damaged or in another encoding has other lengths than its bytes: then its end is searched for.
    """
    source, head = tail.source, tail.found.head or ""
    if "\n" not in source.text:
        return 0
    if len(source.text.encode("utf8", "backslashreplace")) == source.end - source.start:
        return len(head.encode("utf8", "backslashreplace")) + 1
    low, high = 0, source.end - source.start
    while high - low > 1:
        middle = (low + high) // 2
        found = "\n" in reader.file(path, start=source.start, length=middle).value.text
        low, high = (low, middle) if found else (middle, high)
    return high


def _cursor(reader: Reader, path: str, tail: Tail, end: int, skip: int) -> str:
    return f"{end}.{skip}.{tail.source.size}.{_fingerprint(reader, path, tail.source.size)}"


def _fingerprint(reader: Reader, path: str, size: int) -> str:
    """Of the first bytes as they were when the file had `size` bytes: another file, or a rewritten one, has another."""
    length = max(1, min(_HEAD, size))
    seen = reader.file(path, start=0, length=length).value
    text = seen.text if seen.size >= size else "shorter than it was"
    return hashlib.sha256(text.encode("utf8", "backslashreplace")).hexdigest()[:8]


def _text(moment: datetime | None) -> str | None:
    return stamp(moment) if moment else None
