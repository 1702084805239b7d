"""What happened in these logs, in the order of time?"""

from collections.abc import Iterator

from pydantic import Field

from mcp_server.core.declare import Diagnostic
from mcp_server.core.log_calls import LogRecord, MergeLogs
from mcp_server.core.outcome import Finding, Statement
from mcp_server.core.reader import Reader
from mcp_server.core.text import counted
from mcp_server.logs.asking import (
    SOURCES,
    Cursor,
    LogParameters,
    PageFacts,
    Sources,
    goes_on,
    note,
    room,
    sources,
    span,
    told,
    twice_of,
)  # fmt: skip


class Params(LogParameters):
    """Which logs, on one clock."""

    sources: Sources = Field(description=SOURCES)
    limit: int = Field(200, ge=1, le=1_000, description="Records to return at most")
    cursor: Cursor | None = Field(None, description="From an earlier answer: go on after its last record")


class MergeFacts(PageFacts):
    """Records of all sources, oldest first; `late` ones stand where their own source has them."""

    records: tuple[LogRecord, ...]


DIAGNOSTIC = Diagnostic(
    question="What happened in these logs, on one clock, oldest first?",
    area="logs",
    places=("local", "docker", "k8s"),
    facts=MergeFacts,
    timeout_s=30.0,
    tool=False,
    paged=True,
    examples=(
        {"sources": ["/var/log/nginx/error.log", "/var/log/shop/app.log"], "since": "15m"},
        {"sources": ["journal:nginx", "journal:shop"], "since": "2026-11-20T10:20:00Z", "until": "2026-11-20T10:30:00Z"},
    ),
)  # fmt: skip


def collect(reader: Reader, params: Params) -> MergeFacts:
    """One look over all sources."""
    call = MergeLogs(
        sources=params.sources, limit=params.limit, cursor=params.cursor, chars=room(params), **params.common()
    )  # fmt: skip
    seen = reader.look(call)
    page = seen.value
    note(reader, page.seen, page.rotated)
    return MergeFacts(
        records=page.records, cursor=page.cursor, rotated=page.rotated, seen=page.seen, evidence=seen.evidence
    )  # fmt: skip


def judge(facts: MergeFacts, params: Params) -> Iterator[Finding]:
    """Reading judges nothing."""
    yield from ()


def show(facts: MergeFacts, params: Params) -> Iterator[Statement]:
    """The records as quotes, each with the number of its source."""
    first, last = span(facts.records)
    many = f"{{count}} {counted(len(facts.records), 'record')} of {{sources}} {counted(len(facts.seen.parts), 'log')}"
    yield Statement(
        text=many + ", {first} to {last}" if facts.records else "no record in what was read",
        values={"count": len(facts.records), "sources": len(facts.seen.parts), "first": first, "last": last},
        evidence=(facts.evidence,), quotes=told(facts.records, facts.seen.parts, len(facts.seen.parts) > 1),
    )  # fmt: skip
    if late := sum(item.late for item in facts.records):
        yield Statement(
            text=counted(
                late,
                "{count} record is stamped earlier than one before it in the same log; it stands where the log has it",
                "{count} records are stamped earlier than one before them in the same log; they stand where the log has them",
            ),
            values={"count": late},
        )
    yield from twice_of(facts.records, facts.evidence)
    yield from sources(facts)
    yield from goes_on(facts.cursor)
