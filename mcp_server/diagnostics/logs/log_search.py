"""Where in these logs does this text stand, how often, since when?"""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, model_validator

from mcp_server.core.clock import Moment
from mcp_server.core.declare import Diagnostic
from mcp_server.core.errors import BadInput
from mcp_server.core.log_calls import LogRecord, SearchLog
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
    looked_at,
    note,
    room,
    sources,
    told,
    twice_of,
)  # fmt: skip

Pattern = Annotated[str, Field(min_length=1, max_length=1_000)]


class Params(LogParameters):
    """Which logs, and what to look for."""

    sources: Sources = Field(description=SOURCES)
    patterns: tuple[Pattern, ...] = Field(
        min_length=1, max_length=20, description="Texts to look for, taken literally; a line with any of them is a match"
    )
    regex: bool = Field(False, description="Take the patterns as regular expressions (RE2 syntax, linear time)")
    ignore_case: bool = Field(False, description="Ignore the case of letters")
    context: int = Field(0, ge=0, le=20, description="Lines to show before and after each match")
    limit: int = Field(100, ge=1, le=1_000, description="Matches to return at most; all are counted")
    cursor: Cursor | None = Field(None, description="From an earlier answer: go on after its last match")

    @model_validator(mode="after")
    def _usable(self) -> "Params":
        from mcp_server.logs.search import compile_patterns

        try:
            compile_patterns(self.patterns, regex=self.regex, ignore_case=self.ignore_case)
        except BadInput as error:
            raise ValueError(f"patterns that can be used: {error.message}") from None
        return self


class SearchFacts(PageFacts):
    """Counts of matching lines in all that was read, in all and per pattern; the matches that fit, oldest first."""

    count: int
    counts: tuple[int, ...]
    first: Moment | None = None
    last: Moment | None = None
    matches: tuple[LogRecord, ...]


DIAGNOSTIC = Diagnostic(
    question="Where in these logs does this text stand, how often, since when?",
    area="logs",
    places=("local", "docker", "k8s"),
    facts=SearchFacts,
    timeout_s=30.0,
    paged=True,
    examples=(
        {"sources": ["/var/log/nginx/error.log"], "patterns": ["upstream timed out"]},
        {"sources": ["/var/log/shop/app.log", "journal:shop"], "patterns": ["timeout|refused"], "regex": True, "since": "2h"},
    ),
)  # fmt: skip


def collect(reader: Reader, params: Params) -> SearchFacts:
    """One look over all sources."""
    call = SearchLog(
        sources=params.sources, patterns=params.patterns, regex=params.regex, ignore_case=params.ignore_case,
        context=params.context, limit=params.limit, cursor=params.cursor, chars=room(params), **params.common(),
    )  # fmt: skip
    seen = reader.look(call)
    found = seen.value
    note(reader, found.seen, found.rotated)
    return SearchFacts(
        count=found.count, counts=found.counts, first=found.first, last=found.last, matches=found.records,
        cursor=found.cursor, rotated=found.rotated, seen=found.seen, evidence=seen.evidence,
    )  # fmt: skip


def judge(facts: SearchFacts, params: Params) -> Iterator[Finding]:
    """What was looked for is not for us to judge."""
    yield from ()


def show(facts: SearchFacts, params: Params) -> Iterator[Statement]:
    """Counts first, then the matches."""
    going_on = " from the cursor on" if params.cursor else ""
    lines = counted(facts.count, "line matches", "lines match")
    values = {"count": facts.count, "where": looked_at(facts.seen.parts)} | facts.model_dump(
        mode="json", include={"first", "last"}
    )
    yield Statement(
        text="{count} " + lines + going_on + " ({where})" + (", {first} to {last}" if facts.first else ""),
        values=values, evidence=(facts.evidence,), quotes=told(facts.matches, facts.seen.parts, len(facts.seen.parts) > 1),
    )  # fmt: skip
    if len(params.patterns) > 1:
        for pattern, count in zip(params.patterns, facts.counts, strict=False):
            yield Statement(text="{count} × {pattern}", values={"count": count, "pattern": pattern})
    yield from twice_of(facts.matches, facts.evidence)
    yield from sources(facts)
    if facts.matches and facts.cursor:
        are = counted(len(facts.matches), "is", "are")
        yield Statement(text="{shown} of them " + are + " shown", values={"shown": len(facts.matches)})
    yield from goes_on(facts.cursor)
