"""What stands out in these logs?"""

from collections.abc import Iterator, Sequence

from pydantic import Field

from mcp_server.core.clock import stamp
from mcp_server.core.declare import Diagnostic
from mcp_server.core.log_calls import LogShape, LogSummary
from mcp_server.core.outcome import Finding, FindingType, Statement
from mcp_server.core.reader import Reader
from mcp_server.core.text import amount, counted
from mcp_server.logs.asking import (
    SOURCES,
    LogParameters,
    ShapeFacts,
    Sources,
    note,
    room,
    sources,
)  # fmt: skip
from mcp_server.logs.shape_quotes import as_quotes, doubt_ms


class Params(LogParameters):
    """Which logs; the window is the last hour of the log's own clock, or all of a small log, where none is named."""

    sources: Sources = Field(description=SOURCES)


class SummaryFacts(ShapeFacts):
    """What stands out: in trouble, rare, usual; of each the most telling first. `levels` counts records by level."""

    levels: dict[str, int] = {}
    items: tuple[LogShape, ...]
    whole: bool = False
    left_out: tuple[str, ...] = ()


ERRORS = FindingType(
    code="errors",
    text="{records} of error level and above in {kinds}; the first one shown began {first}",
    meaning="The log itself calls these errors; the oldest onset is the nearest to a cause.",
    advice="Compare the onset with what_changed; recent_errors says what known errors mean.",
)

DIAGNOSTIC = Diagnostic(
    question="What stands out in these logs: every distinct error and every rare other record, with counts and onset?",
    area="logs",
    places=("local", "docker", "k8s"),
    facts=SummaryFacts,
    timeout_s=30.0,
    paged=True,
    examples=(
        {"sources": ["/var/log/shop/app.log"]},
        {"sources": ["journal"], "since": "2026-11-20T10:00:00Z", "until": "2026-11-20T11:00:00Z"},
    ),
    next=("what_changed", "log_search"),
)


def collect(reader: Reader, params: Params) -> SummaryFacts:
    """One look over all sources."""
    from mcp_server.logs.errors import own_patterns

    call = LogSummary(sources=params.sources, chars=room(params), own=own_patterns(reader), **params.common())
    seen = reader.look(call)
    found = seen.value
    note(reader, found.seen)
    return SummaryFacts(
        records=found.records, levels=found.levels, items=found.items, whole=found.whole, left_out=found.left_out,
        degree=found.degree, why=found.why, seen=found.seen, evidence=seen.evidence,
    )  # fmt: skip


def judge(facts: SummaryFacts, params: Params) -> Iterator[Finding]:
    """A log that holds errors is no quiet log."""
    bad = [item for item in facts.items if item.level in ("critical", "error")]
    count = facts.levels.get("critical", 0) + facts.levels.get("error", 0)
    if count and bad:
        onsets = sorted((item.first, doubt_ms(item, facts.seen.parts)) for item in bad if item.first)
        at, doubt = onsets[0] if onsets else (None, 0)
        yield ERRORS.found(
            facts.evidence,
            component=params.sources[0],
            at=at,
            doubt_ms=doubt,
            count=count,
            shapes=len(bad),
            records=amount(count, "record"),
            kinds=amount(len(bad), "shape"),
            first=stamp(at) if at else "at no known time",
        )


def show(facts: SummaryFacts, params: Params) -> Iterator[Statement]:
    """What was read, then what stands out: newest episode first, in each what came first."""
    since = facts.seen.since
    yield facts.told(" since {since}", since=stamp(since)) if since else facts.told("")
    left = room(params, facts.seen) - sum(map(len, facts.left_out))
    if facts.whole:
        yield Statement(text="all of them", quotes=tuple(item.example for item in facts.items), evidence=(facts.evidence,))
    else:
        for title, items, share in _sections(facts.items, left):
            shown, quotes = as_quotes(items, share)
            if shown:
                order = _newest_first(shown)
                yield Statement(
                    text="{shown} of {count} " + counted(len(items), *title), values={"shown": len(shown), "count": len(items)},
                    quotes=tuple(quotes[place] for place in order), evidence=(facts.evidence,),
                )  # fmt: skip
    for sentence in facts.left_out:
        yield Statement(text="not among them: {what}", values={"what": sentence})
    yield from sources(facts)


def _sections(items: Sequence[LogShape], room_: int) -> Iterator[tuple[tuple[str, str], list[LogShape], int]]:
    parts = {sign: [item for item in items if item.sign == sign] for sign in ("trouble", "rare", "usual")}
    titles = {
        "trouble": ("shape in trouble", "shapes in trouble"), "rare": ("rare shape", "rare shapes"),
        "usual": ("usual shape", "usual shapes, the most frequent first"),
    }  # fmt: skip
    shares = {"trouble": 0.55 if parts["rare"] else 0.85, "rare": 0.35 if parts["trouble"] else 0.85, "usual": 0.1}
    for sign, title in titles.items():
        if parts[sign]:
            yield title, parts[sign], int(room_ * shares[sign])


def _newest_first(items: Sequence[LogShape]) -> list[int]:
    """Onsets close together are one episode: the newest episode first, in each what came first, for it may be the cause."""
    if any(item.first is None for item in items):
        return list(range(len(items)))
    order = sorted(range(len(items)), key=lambda place: items[place].first)  # type: ignore[arg-type,return-value]  # none is None
    starts = [items[place].first.timestamp() for place in order]  # type: ignore[union-attr]
    gap = max((starts[-1] - starts[0]) / 20, 60.0)
    episodes: list[list[int]] = []
    for number, place in enumerate(order):
        if number == 0 or starts[number] - starts[number - 1] > gap:
            episodes.append([])
        episodes[-1].append(place)
    return [place for episode in reversed(episodes) for place in episode]
