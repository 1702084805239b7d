"""Records of several logs on one clock, a page at a time."""

from collections.abc import Iterator

from mcp_server.core.log_calls import LogPage, LogRecord, MergeLogs
from mcp_server.core.reader import Limits
from mcp_server.core.text import amount
from mcp_server.engine.log_leaves import Leaves, Opener, moment_of, nanoseconds
from mcp_server.engine.scan_cursors import FLOOR, mark_of, places_of, query_of
from mcp_server.engine.scan_window import DOUBT, LATE, as_is, enough, seen_of, window_of
from mcp_server.logs.cursor import Mark, write_cursor
from mcp_server.logs.merge import Merged, merge
from mcp_server.logs.pages import CURSOR_KEY, Redact, cost, decoded, fits, record, wanted


def merge_logs(call: MergeLogs, opener: Opener, limits: Limits, redact: Redact) -> LogPage:
    """Records of all sources, oldest first, as many as fit. Raises CouldNotLook, Cancelled."""
    with opener.open(predecessors=call.since is not None) as leaves:
        places, rotated, floor = places_of(call, leaves.leaves)
        if rotated:
            return LogPage(seen=seen_of(leaves, call), rotated=rotated)
        starts = places or [0] * len(leaves.leaves)
        over, room, records, notes = enough(opener, limits), call.chars, list[LogRecord](), list[str]()
        ends, more = list(starts), False
        for passed, item in enumerate(_merged(call, leaves, starts, floor, notes), start=1):
            if passed % 256 == 0 and over():
                detail = f"the time was spent after {amount(len(records), 'record')}"
                leaves.cut("the merge", detail, "go on with the cursor, or narrow since")
                more = True
                break
            leaf, text = leaves.leaves[item.source], decoded(item.data)
            if text and wanted(text, call.level, call.fields):
                whole = redact(text)
                short = fits([whole], call.chars, newest=False)[0]
                if records and (cost(short) > room or len(records) >= call.limit):
                    more = True
                    break
                doubt_ms = leaf.doubt_ms(item.at, text)
                room -= cost(short) + LATE * item.late
                room -= DOUBT * (bool(doubt_ms) > any(told.doubt_ms for told in records))  # it is said once
                room -= DOUBT * (item.late > any(told.late for told in records))
                leaf.saw(item.at)
                cut = item.cut or short != whole
                told = record(
                    item.source, short, moment_of(item.at), as_is, size=item.end - item.start, late=item.late, cut=cut,
                    doubt_ms=doubt_ms,
                )  # fmt: skip
                records.append(told)
            ends[item.source], floor = item.end, item.key
        for note in dict.fromkeys(notes):
            leaves.cut(call.named(), note)
        marks = [mark_of(leaf, end) for leaf, end in zip(leaves.leaves, ends, strict=True)]
        marks += [Mark(floor, 0, FLOOR)] if floor is not None and floor >= 0 else []
        cursor = write_cursor(marks, query_of(call), CURSOR_KEY) if more else None
        return LogPage(seen=seen_of(leaves, call), records=tuple(records), cursor=cursor)


def _merged(call: MergeLogs, leaves: Leaves, starts: list[int], floor: int | None, notes: list[str]) -> Iterator[Merged]:
    return merge(
        [leaf.source for leaf in leaves.leaves], [leaf.at for leaf in leaves.leaves], since=nanoseconds(call.since),
        until=nanoseconds(call.until), ranges=[window_of(leaf, call, leaves) for leaf in leaves.leaves], starts=starts,
        floor=floor, notes=notes,
    )  # fmt: skip
