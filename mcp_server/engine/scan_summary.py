"""The overview of a window: what stands out of all its records."""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from mcp_server.core.log_calls import LogShape, LogSummary, SummarySeen
from mcp_server.core.reader import Limits
from mcp_server.engine.log_leaves import Opener
from mcp_server.engine.scan_records import Said, last_hour, records_in
from mcp_server.engine.scan_window import seen_of
from mcp_server.logs.pages import Redact, cost, kept
from mcp_server.logs.records import level_of
from mcp_server.logs.summary import Summary, summarise

_KEPT = 600
_EXAMPLE = 4_000


def summary(call: LogSummary, opener: Opener, limits: Limits, redact: Redact) -> SummarySeen:
    """Without a window: all of a small log, else the last hour of the log's own clock."""
    if call.since is None and call.until is None:
        call = call.model_copy(update={"since": last_hour(call, opener, limits)})
        opener = opener.again(call)
    with opener.open(predecessors=call.since is not None) as leaves:
        few: list[Said] | None = []
        levels: dict[str, int] = {}

        def noted(records: Iterable[Said]) -> Iterator[Said]:
            nonlocal few
            for item in records:
                levels[item.level or "none"] = levels.get(item.level or "none", 0) + 1
                if few is not None:
                    few = [*few, item] if len(few) < _KEPT else None
                yield item

        told = summarise(
            noted(records_in(call, leaves, opener, limits)),
            3 * call.chars,
            known=_known(call),
            seconds=max(0.5, opener.left() * 0.85),
        )
        if any("not read" in sentence for sentence in told.left_out):
            leaves.cut(call.named(), told.why, "narrow since and until")
        small = few is not None and sum(cost(item.text) for item in few) <= call.chars
        if few is not None and not small and not told.shown:  # so few that it gave them back as they are
            told = summarise(few, sum(len(item.text) for item in few) // 2, known=_known(call))
        items = [_one(item, redact) for item in few or ()] if small else [*_entries(told, redact)]
        return SummarySeen(
            seen=seen_of(leaves, call), records=told.records, levels=levels, items=tuple(items), whole=small,
            left_out=() if small else told.left_out, degree=told.mode, why=told.why,
        )  # fmt: skip


def _known(call: LogSummary) -> Callable[[str], str | None]:
    from mcp_server.logs.troubles import load

    troubles = load(call.own)

    def name(text: str) -> str | None:
        found = troubles.match(text)
        return found[0].trouble.id if found else None

    return name


def _one(item: Said, redact: Redact) -> LogShape:
    return LogShape(example=kept(redact(item.text), _EXAMPLE), level=item.level, count=1, first=item.at, last=item.at)


def _entries(told: Summary, redact: Redact) -> Iterator[LogShape]:
    total = max(1, sum(entry.shape.count for entry in told.shown))
    for entry in told.shown:
        shape = entry.shape
        rare = shape.count <= max(3, total // 500)
        sign: Literal["trouble", "rare", "usual"] = "trouble" if entry.trouble else "rare" if rare else "usual"
        yield LogShape(
            example=redact(kept(shape.example, _EXAMPLE)), level=level_of(shape.example), count=shape.count, first=shape.since,
            last=shape.until, known=entry.known, sign=sign,
        )  # fmt: skip
