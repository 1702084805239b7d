"""What does this log say at its end?"""

from collections.abc import Iterator

from pydantic import Field

from mcp_server.core.clock import Moment
from mcp_server.core.declare import Diagnostic
from mcp_server.core.log_calls import TailLog
from mcp_server.core.outcome import Finding, Statement
from mcp_server.core.reader import Reader
from mcp_server.core.text import counted
from mcp_server.logs.asking import SOURCES, Cursor, LogParameters, PageFacts, Source, goes_on, note, room, twice, zones


class Params(LogParameters):
    """Which log, how much of it, and which records."""

    path: Source = Field(description=SOURCES.replace("Logs: absolute paths", "An absolute path"))
    lines: int = Field(50, ge=1, le=1_000, description="Records to return at most; a trace counts as one")
    match: str | None = Field(None, min_length=1, max_length=500, description="Only records holding this text, taken literally")
    ignore_case: bool = Field(False, description="Let `match` ignore the case of letters")
    cursor: Cursor | None = Field(None, description="From an earlier answer: go on further back from there")


class TailFacts(PageFacts):
    """Records, oldest first. `cursor` is None when nothing lies before them, `rotated` says why a cursor leads nowhere."""

    records: tuple[str, ...]
    first: Moment | None = None
    last: Moment | None = None
    cut_records: int = 0
    first_doubted: Moment | None = None
    doubts: tuple[int, ...] = Field((), description="ms by which records are in doubt whose clock showed their hour twice")


DIAGNOSTIC = Diagnostic(
    question="What are the last records of this log (a file with its rotated predecessors, or the journal)?",
    area="logs",
    places=("local", "docker", "k8s"),
    facts=TailFacts,
    paged=True,
    examples=(
        {"path": "/var/log/nginx/error.log"}, {"path": "/var/log/syslog", "lines": 20, "match": "oom"},
        {"path": "journal:nginx.service", "level": "warning"},
    ),
)  # fmt: skip


def collect(reader: Reader, params: Params) -> TailFacts:
    """One look: the last records before the end, or before the cursor."""
    call = TailLog(
        sources=(params.path,), count=params.lines, match=params.match, ignore_case=params.ignore_case, cursor=params.cursor,
        chars=room(params), **params.common(),
    )  # fmt: skip
    seen = reader.look(call)
    page = seen.value
    note(reader, page.seen, page.rotated)
    times = [item.at for item in page.records if item.at]
    return TailFacts(
        records=tuple(item.text for item in page.records), first=min(times, default=None), last=max(times, default=None),
        cut_records=sum(item.cut for item in page.records),
        doubts=tuple(item.doubt_ms for item in page.records if item.doubt_ms),
        first_doubted=next((item.at for item in page.records if item.doubt_ms), None),
        cursor=page.cursor, rotated=page.rotated, seen=page.seen, evidence=seen.evidence,
    )  # fmt: skip


def judge(facts: TailFacts, params: Params) -> Iterator[Finding]:
    """Reading judges nothing."""
    yield from ()


def show(facts: TailFacts, params: Params) -> Iterator[Statement]:
    """The records as quotes, and the cursor that goes further back."""
    names = params.path
    if not facts.records:
        yield Statement(text="no record of {path} in what was read", values={"path": names}, evidence=(facts.evidence,))
    else:
        yield Statement(
            text="{count} " + counted(len(facts.records), "record") + " of {path}, {first} to {last}",
            values={"count": len(facts.records), "path": names} | facts.model_dump(mode="json", include={"first", "last"}),
            evidence=(facts.evidence,), quotes=facts.records,
        )  # fmt: skip
    if facts.cut_records:
        are = counted(facts.cut_records, "is", "are")
        yield Statement(text="{count} of them " + are + " shown in part: too long", values={"count": facts.cut_records})
    yield from twice(facts.doubts, facts.first_doubted, facts.evidence)
    yield from zones(facts.seen.parts, facts.evidence)
    yield from goes_on(facts.cursor, "further back")
