"""Which kinds of lines do these logs hold, and which are new?"""

from collections.abc import Iterator

from pydantic import Field, model_validator

from mcp_server.core.clock import When, stamp
from mcp_server.core.declare import Diagnostic
from mcp_server.core.log_calls import LogShape, LogShapes
from mcp_server.core.outcome import Finding, FindingType, Severity, Statement
from mcp_server.core.reader import Reader
from mcp_server.core.text import counted
from mcp_server.logs.asking import (
    SOURCES,
    LogParameters,
    ShapeFacts,
    Sources,
    note,
    room,
    sources,
)  # fmt: skip
from mcp_server.logs.shape_quotes import as_quotes, doubt_ms, when

_TOLD = 8


class Params(LogParameters):
    """Which logs, which window, and what to compare it with."""

    sources: Sources = Field(description=SOURCES)
    baseline_since: When | None = Field(None, description="Start of a quiet stretch to compare with")
    baseline_until: When | None = Field(None, description="End of the quiet stretch; default: since")
    limit: int = Field(60, ge=1, le=500, description="Shapes to return at most")

    @model_validator(mode="after")
    def _comparable(self) -> "Params":
        if self.baseline_until and not self.baseline_since:
            raise ValueError("`baseline_since` given with `baseline_until`")
        if self.baseline_since and not self.since:
            raise ValueError("`since` given with `baseline_since`: the window that is compared")
        if self.baseline_since and self.baseline_since >= (self.baseline_until or self.since or self.baseline_since):
            raise ValueError(f"a baseline that ends after it began at {stamp(self.baseline_since)}")
        return self


class PatternFacts(ShapeFacts):
    """Shapes, the most frequent first; with a baseline those that differ, the surest first."""

    distinct: int
    beyond: int = 0
    shapes: tuple[LogShape, ...]
    baseline_records: int | None = None


NEW_ERRORS = FindingType(
    code="new_errors",
    text="a record of error level that the baseline does not hold, seen {count} ×, {times}",
    meaning="Something fails in the window that did not fail before it.",
    advice="Read its neighbours with log_search, and what changed before its onset.",
)
SPIKING_ERRORS = FindingType(
    code="spiking_errors",
    text="a record of error level is {ratio} times as frequent as in the baseline: {count} × against {baseline} ×",
    meaning="A failure that was always there became much more frequent.",
    advice="See when it began to rise and what changed then.",
)

DIAGNOSTIC = Diagnostic(
    question="Which kinds of records do these logs hold, and which are new, vanished, spiking or rare against a baseline?",
    area="logs",
    places=("local", "docker", "k8s"),
    facts=PatternFacts,
    timeout_s=30.0,
    tool=False,
    paged=True,
    examples=(
        {"sources": ["/var/log/shop/app.log"], "since": "1h"},
        {"sources": ["/var/log/shop/app.log"], "since": "30m", "baseline_since": "24h", "baseline_until": "1h"},
    ),
    next=("log_search", "what_changed"),
)


def collect(reader: Reader, params: Params) -> PatternFacts:
    """One look over window and baseline."""
    call = LogShapes(
        sources=params.sources, baseline_since=params.baseline_since, baseline_until=params.baseline_until,
        limit=params.limit, **params.common(),
    )  # fmt: skip
    seen = reader.look(call)
    found = seen.value
    note(reader, found.seen)
    if found.baseline:
        note(reader, found.baseline)
        if not found.baseline_records:
            reader.blind("the baseline", "it holds no record, so everything would be new", "name another one")
    return PatternFacts(
        records=found.records, distinct=found.distinct, beyond=found.beyond, shapes=found.shapes, degree=found.degree,
        why=found.why, seen=found.seen, evidence=seen.evidence,
        baseline_records=found.baseline_records if found.baseline else None,
    )  # fmt: skip


def judge(facts: PatternFacts, params: Params) -> Iterator[Finding]:
    """Errors that are new or spiking against a baseline that holds something."""
    if not facts.baseline_records:
        return
    bad = [item for item in facts.shapes if item.level in ("critical", "error") and item.count]
    for item in bad[:_TOLD]:
        severity: Severity = "critical" if item.level == "critical" else "warning"
        doubt = doubt_ms(item, facts.seen.parts)
        if item.baseline == 0:
            yield NEW_ERRORS.found(
                facts.evidence, quotes=(item.example[:600],), at=item.first, doubt_ms=doubt,
                severity=severity, count=item.count,
                times=when(item) or "at no known time", component=params.sources[0],
            )  # fmt: skip
        elif item.kind == "spiking":
            yield SPIKING_ERRORS.found(
                facts.evidence, quotes=(item.example[:600],), at=item.first, doubt_ms=doubt,
                severity=severity, count=item.count,
                baseline=item.baseline, ratio=item.ratio, component=params.sources[0],
            )  # fmt: skip


def show(facts: PatternFacts, params: Params) -> Iterator[Statement]:
    """What was read, then the shapes, by kind."""
    yield facts.told(" of {distinct} " + counted(facts.distinct, "shape"), distinct=facts.distinct)
    if facts.beyond:
        more = counted(facts.beyond, "record of a further shape is", "records of further shapes are")
        yield Statement(text="{count} " + more + " only counted", values={"count": facts.beyond})
    left = room(params, facts.seen) - 300 * sum(1 for _ in judge(facts, params))
    for kind in ("new", "spiking", "rare", "fading", "vanished", None):
        items = [item for item in facts.shapes if item.kind == kind]
        if not items or left < 100:
            continue
        shown, quotes = as_quotes(items, left if kind is None else max(left // 2, 100))
        left -= sum(map(len, quotes))
        yield Statement(
            text="{shown} of {count} " + counted(len(items), "shape") + (
                f" {kind} against the baseline" if kind else ", the most frequent first" if len(items) > 1 else ""
            ),
            values={"shown": len(shown), "count": len(items)}, quotes=tuple(quotes), evidence=(facts.evidence,),
        )  # fmt: skip
    yield from sources(facts)
