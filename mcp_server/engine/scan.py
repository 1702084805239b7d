"""Questions about logs, answered where the bytes are: only the answer travels; see `core/log_calls.py`.

Every text is redacted whole, by the caller's redactor, before it is cut to fit: half a secret is not recognised as one.
"""

import heapq
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Any

from mcp_server.core.errors import BadInput, CouldNotLook
from mcp_server.core.log_calls import (
    LogHits,
    LogPage,
    LogQuestion,
    LogRecord,
    LogSeen,
    LogShapes,
    LogSummary,
    MergeLogs,
    SearchLog,
    TailLog,
)  # fmt: skip
from mcp_server.core.output import Outputs, is_output
from mcp_server.core.reader import Limits
from mcp_server.core.settings import LogSettings, ReadSettings
from mcp_server.core.source import Entries
from mcp_server.engine.log_leaves import Leaf, Leaves, Opener, moment_of, nanoseconds
from mcp_server.logs.cursor import Mark, moved, open_cursor, write_cursor
from mcp_server.logs.merge import Merged, merge
from mcp_server.logs.pages import CURSOR_KEY, Redact, cost, decoded, fits, record, wanted
from mcp_server.logs.search import Hit, compile_patterns, search
from mcp_server.logs.tail import Page, last_records
from mcp_server.logs.window import Piece, Ranges, find_window
from mcp_server.targets.inflate import Inflated
from mcp_server.targets.journal import is_journal
from mcp_server.targets.standard_input import StandardInput

_STRETCH = 1_048_576
_TAIL_BYTES = 67_108_864
"""How far back a tail with filters goes."""
_BACK = 65_536


def look(
    call: Any, limits: Limits, policy: ReadSettings, settings: LogSettings, redact: Redact,
    standard_input: StandardInput | None = None, outputs: Outputs | None = None, here: bool = True,
) -> Any:  # fmt: skip
    """Answer any call of `core/log_calls.py`. Raises CouldNotLook (also where no source can be opened), Cancelled.

    `outputs` gives the output of containers; where the logs are not `here`, on this host, nothing else is read.
    """
    limits.check()
    try:
        opener = Opener(call, limits, policy, settings, standard_input=standard_input, outputs=outputs, here=here)
        if isinstance(call, TailLog):
            return _tail(call, opener, limits, redact)
        if isinstance(call, SearchLog):
            return _search(call, opener, limits, redact)
        if isinstance(call, MergeLogs):
            return _merge(call, opener, limits, redact)
        from mcp_server.engine import scan_shapes

        if isinstance(call, LogShapes):
            return scan_shapes.shapes(call, opener, limits, redact)
        if isinstance(call, LogSummary):
            return scan_shapes.summary(call, opener, limits, redact)
    except BadInput as error:  # a pattern that no engine can use: the parameters were checked, so it comes from elsewhere
        raise CouldNotLook(call.title(), "refused", error.message, error.remedy) from None
    raise CouldNotLook(call.title(), "missing", "logs answer no such call")


def seen_of(leaves: Leaves, call: LogQuestion) -> LogSeen:
    """What the answer rests on."""
    leaves.settle()
    return LogSeen(
        parts=tuple(leaf.part() for leaf in leaves.leaves), outside=tuple(leaves.outside), doubts=tuple(leaves.doubts),
        since=call.since, until=call.until,
    )  # fmt: skip


def enough(opener: Opener, limits: Limits, reserve: float = 0.15) -> Callable[[], bool]:
    """Whether so little time is left that the answer must be made. Raises Cancelled."""
    least = limits.timeout_s * reserve

    def over() -> bool:
        limits.check()
        return opener.left() < least

    return over


def window_of(leaf: Leaf, call: LogQuestion, leaves: Leaves) -> Ranges | None:
    """Where the window lies in a leaf; None for all of it."""
    since, until = nanoseconds(call.since), nanoseconds(call.until)
    if (since is None and until is None) or leaf.source.size is None:
        return None
    found = find_window(leaf.source, leaf.at, since, until)
    for doubt in found.doubts:
        leaves.cut(leaf.name, doubt, "ask without since and until to see all of it")
    return found


def _ranges(leaf: Leaf, ranges: Ranges | None) -> list[tuple[int, int]] | None:
    return None if ranges is None else [(low, leaf.source.size or 0 if high is None else high) for low, high in ranges.ranges]


# --- cursors --------------------------------------------------------------------------------------------------------


def _query(call: LogQuestion) -> dict[str, object]:
    """What a page depends on. The window is not part of it: `since=15m` means another moment at every call."""
    left = {"cursor", "chars", "count", "limit", "since", "until"}
    return call.model_dump(mode="json", exclude=left)


_FLOOR = "floor"
"""Stands for no file: the offset of its mark is the moment up to which a merge has told everything."""


def _places(call: Any, leaves: list[Leaf]) -> tuple[list[int] | None, str | None, int | None]:
    """Where the cursor goes on in each leaf (0 in a file that came since), or why it leads nowhere; and the floor.

    Files are told by what they are, not by their names: one that was only renamed is found again.
    """
    if not call.cursor:
        return None, None, None
    try:
        marks = open_cursor(call.cursor, _query(call), CURSOR_KEY)
    except BadInput as error:
        return None, error.message, None
    floor = next((mark.offset for mark in marks if mark.identity == _FLOOR), None)
    marks = tuple(mark for mark in marks if mark.identity != _FLOOR)
    offsets = []
    for leaf in leaves:
        mark = next((mark for mark in marks if moved(mark, leaf.source) is None), None)
        offsets.append(mark.offset if mark else 0)
        marks = tuple(other for other in marks if other is not mark)
    if marks:
        named = ", ".join(leaf.name for leaf in leaves[:3])
        return None, f"a file of {named} was rotated away, truncated or replaced since", None
    return offsets, None, floor


def _mark(leaf: Leaf, offset: int) -> Mark:
    return Mark(max(0, offset), leaf.source.size or 0, leaf.source.identity())


# --- tail -----------------------------------------------------------------------------------------------------------


def _tail(call: TailLog, opener: Opener, limits: Limits, redact: Redact) -> LogPage:
    """Of a rotated set the newest file alone is opened, unless its records are not enough."""
    try:
        mark = open_cursor(call.cursor, _query(call), CURSOR_KEY)[0] if call.cursor else None
    except (BadInput, IndexError) as error:
        return LogPage(seen=LogSeen(), rotated=error.message if isinstance(error, BadInput) else "the cursor names no place")
    page = None if mark else _tail_page(call, opener, limits, redact, None, False)
    if page is None or (len(page.records) < call.count and page.cursor is None and call.rotated):
        page = _tail_page(call, opener, limits, redact, mark, True)
    return page


def _tail_page(
    call: TailLog, opener: Opener, limits: Limits, redact: Redact, mark: Mark | None, predecessors: bool
) -> LogPage:  # fmt: skip
    with opener.open(predecessors=predecessors, **_last(call, mark)) as leaves:
        over, found = enough(opener, limits), list[tuple[Leaf, Piece]]()
        places, rotated, start = leaves.leaves, None, None
        if mark:
            for leaf in leaves.leaves:
                _seekable(leaf)
            places, start, rotated = _before(mark, leaves.leaves)
        goes_on: tuple[Leaf, int] | None = None
        for leaf in () if rotated else reversed(places):
            at, start = start, None
            _seekable(leaf)
            before = _back(leaf, call, leaves, at, call.count - len(found), over, found)
            if before or len(found) >= call.count:
                older = places.index(leaf) > 0 or (not predecessors and opener.rotated(leaf)) or _limited(leaf)
                goes_on = (leaf, before) if before or older else None
                break
            if _limited(leaf):
                goes_on = (leaf, 0)
        found.sort(key=lambda item: leaves.leaves.index(item[0]))
        texts = [(leaf, piece, redact(decoded(piece.data))) for leaf, piece in found]
        shown = fits([text for *_, text in texts], call.chars, newest=True)
        used = texts[len(texts) - len(shown) :]
        if len(used) < len(texts):
            goes_on = (used[0][0], used[0][1].start)
        records = tuple(
            record(
                leaves.leaves.index(leaf), text, moment_of(piece.at), _same, size=piece.end - piece.start,
                cut=piece.cut or text != whole,
            )
            for (leaf, piece, whole), text in zip(used, shown, strict=True)
        )  # fmt: skip
        cursor = write_cursor([_place(*goes_on)], _query(call), CURSOR_KEY) if goes_on else None
        return LogPage(seen=seen_of(leaves, call), records=records, cursor=cursor, rotated=rotated)


def _before(mark: Mark, leaves: list[Leaf]) -> tuple[list[Leaf], int | None, str | None]:
    """The leaves up to the one in which the cursor goes on, the offset there, or why it leads nowhere."""
    for index, leaf in enumerate(leaves):
        if isinstance(leaf.source, Entries):
            here = next((at for at, cursor in reversed(leaf.source.cursors) if cursor == mark.identity), None)
            if here is not None:
                return leaves[: index + 1], here, None
        elif moved(mark, leaf.source) is None:
            return leaves[: index + 1], mark.offset, None
    return [], None, f"{leaves[-1].name if leaves else 'the log'} was rotated away, truncated or replaced since"


def _place(leaf: Leaf, offset: int) -> Mark:
    """Where a tail goes on: among entries, before the one that stands there, by its own cursor."""
    if isinstance(leaf.source, Entries):
        index = max(0, bisect_right(leaf.source.cursors, (offset, "\U0010ffff")) - 1)
        return Mark(0, 0, leaf.source.cursors[index][1])
    return _mark(leaf, offset)


def _limited(leaf: Leaf) -> bool:
    """Whether entries were asked for the last ones only, and gave as many."""
    return isinstance(leaf.source, Entries) and bool(leaf.source.cursors) and leaf.source.limited


def _same(text: str) -> str:
    return text  # already redacted


def _last(call: TailLog, mark: Mark | None) -> dict[str, object]:
    """Entries are asked for the last ones only, where nothing else was asked for; a cursor goes back from its entry."""
    plain = not (call.match or call.fields)
    options: dict[str, object] = {"count": max(call.count + 1, 1_000)} if plain else {}
    return options | (
        {"cursor": mark.identity} if mark and any(is_journal(name) or is_output(name) for name in call.sources) else {}
    )


def _seekable(leaf: Leaf) -> None:
    """A packed file is unpacked once to its end; its last stretch is then at hand."""
    if isinstance(leaf.source, Inflated):
        leaf.raw, leaf.source = leaf.source, leaf.source.whole()


def _back(
    leaf: Leaf, call: TailLog, leaves: Leaves, end: int | None, count: int, over: Callable[[], bool],
    found: list[tuple[Leaf, Piece]],
) -> int:  # fmt: skip
    """Prepend wanted records of a leaf before `end`; returns the offset before which it goes on, 0 where it is used up."""
    since, until = nanoseconds(call.since), nanoseconds(call.until)
    if end is None and until is not None and (ranges := window_of(leaf, call, leaves)) is not None:
        end = (_ranges(leaf, ranges) or [(0, 0)])[-1][1]
    stop, mine = leaf.source.size if end is None else end, list[Piece]()
    first = stop or 0
    while stop and len(mine) < count:
        # one record more than wanted shows where the page before this one ends
        page = last_records(leaf.source, count - len(mine) if not _filters(call) else 10_000, at=leaf.at, end=stop)
        if page.pieces and page.pieces[0].cut:
            page = _from_its_beginning(leaf, page, leaves)
        leaf.read += page.end - page.start
        for note in page.notes:
            leaves.cut(leaf.name, note)
        kept = [piece for piece in page.pieces if _in(piece.at, since, until) and _wants(call, decoded(piece.data))]
        mine = [*kept, *mine]
        for piece in page.pieces:
            leaf.saw(piece.at)
        early = since is not None and page.pieces and all(item.at is not None and item.at < since for item in page.pieces)
        if page.start >= stop or early:
            stop = 0
            break
        stop = page.start
        if stop and (over() or first - stop > _TAIL_BYTES):
            leaves.cut(leaf.name, f"{len(mine)} records that fit in the {first - stop:,} bytes read", "go on with the cursor")
            break
    if len(mine) > count:
        mine = mine[-count:]
        stop = mine[0].start
    found.extend((leaf, piece) for piece in mine)
    return stop or 0


def _from_its_beginning(leaf: Leaf, page: Page, leaves: Leaves) -> Page:
    """A record longer than what is read at once, shown by its beginning: its end may be the end of a secret."""
    start = page.start
    while start > 0 and page.end - start < _TAIL_BYTES:
        low = max(0, start - _STRETCH)
        found = leaf.source.read_at(low, start - low).rfind(b"\n")
        start = low + found + 1 if found >= 0 else low
        if found >= 0:
            break
    if start > 0 and leaf.source.read_at(start - 1, 1) != b"\n":
        leaves.cut(
            leaf.name, f"the {page.end - start:,} bytes read are inside one line; its end is withheld", "go on with the cursor"
        )
        return Page((), start, page.end)
    head = leaf.source.read_at(start, _BACK)
    return Page((Piece(start, page.end, leaf.at(head[:4_096]), head, True),), start, page.end)


def _filters(call: TailLog) -> bool:
    return bool(call.match or call.level or call.fields or call.since or call.until)


def _in(at: int | None, since: int | None, until: int | None) -> bool:
    return at is None or ((since is None or at >= since) and (until is None or at <= until))


def _wants(call: TailLog, text: str) -> bool:
    if call.match:
        has = call.match.casefold() in text.casefold() if call.ignore_case else call.match in text
        if not has:
            return False
    return wanted(text, call.level, call.fields)


# --- search ---------------------------------------------------------------------------------------------------------


def _search(call: SearchLog, opener: Opener, limits: Limits, redact: Redact) -> LogHits:
    matcher = compile_patterns(call.patterns, regex=call.regex, ignore_case=call.ignore_case)
    with opener.open(predecessors=call.since is not None) as leaves:
        starts, rotated, _ = _places(call, leaves.leaves)
        over = enough(opener, limits)
        found: list[list[tuple[int, int, Hit]]] = []
        counts, count, nexts = [0] * len(call.patterns), 0, list[int | None]()
        lasts, ends = list[int | None](), list[int]()
        for index, leaf in enumerate(leaves.leaves if not rotated else ()):
            keep = _Keep(leaf, call)
            ranges = window_of(leaf, call, leaves)
            seen = search(
                leaf.source, matcher, ranges=_ranges(leaf, ranges), start=starts[index] if starts else 0, limit=call.limit,
                before=call.context, after=call.context, enough=over, keep=keep if keep.needed else None,
            )  # fmt: skip
            leaf.read += seen.end - seen.start
            count += seen.count
            counts = [one + two for one, two in zip(counts, seen.counts, strict=True)]
            for note in seen.notes:
                leaves.cut(leaf.name, note)
            if seen.stopped:
                leaves.cut(
                    leaf.name,
                    f"the time was spent at byte {seen.end:,}; what follows was not searched",
                    "go on with the cursor",
                )
            nexts.append(seen.next if seen.next is not None else seen.end if seen.stopped else None)
            ends.append(seen.end)
            found.append(_timed(leaf, seen.hits, index))
            lasts.append(keep.last)
        page, offsets = _page(call, leaves, found, nexts, redact)
        cursor = None
        if any(offset >= 0 for offset in offsets):
            cursor = write_cursor(
                [
                    _mark(leaf, offset if offset >= 0 else end)
                    for leaf, offset, end in zip(leaves.leaves, offsets, ends, strict=True)
                ],
                _query(call),
                CURSOR_KEY,
            )
        stamps = [at for hits in found for at, _, _ in hits if at >= 0]
        latest = [at for at in lasts if at is not None] + stamps
        known = all(more is None for more in nexts) or len(lasts) == len([at for at in lasts if at is not None])
        return LogHits(
            seen=seen_of(leaves, call), records=page, cursor=cursor, rotated=rotated, count=count, counts=tuple(counts),
            first=moment_of(min(stamps, default=None)), last=moment_of(max(latest, default=None)) if known else None,
        )  # fmt: skip


class _Keep:
    """Decides on the head of each matching line; remembers the time of the last one it kept."""

    def __init__(self, leaf: Leaf, call: SearchLog) -> None:
        self._leaf, self._call = leaf, call
        self._since, self._until = nanoseconds(call.since), nanoseconds(call.until)
        self.needed = self._since is not None or self._until is not None or call.level is not None or bool(call.fields)
        self.last: int | None = None

    def __call__(self, head: bytes) -> bool:
        at = self._leaf.at(head)
        if not _in(at, self._since, self._until):
            return False
        if (self._call.level or self._call.fields) and not wanted(decoded(head), self._call.level, self._call.fields):
            return False
        self.last = at if at is not None else self.last
        self._leaf.saw(at)
        return True


def _timed(leaf: Leaf, hits: tuple[Hit, ...], index: int) -> list[tuple[int, int, Hit]]:
    """Hits with the time of their record: a line inside a trace takes it from the line that began the record."""
    timed, last = [], -1
    for hit in hits:
        at = leaf.at(hit.line[:4_096])
        if at is None and last < 0 and hit.start:
            low = max(0, hit.start - _BACK)
            stretch = leaf.source.read_at(low, hit.start - low).split(b"\n")
            at = next((found for found in map(leaf.at, reversed(stretch[1:])) if found is not None), None)
        last = at if at is not None else last
        leaf.saw(at)
        timed.append((last, index, hit))
    return timed


def _page(
    call: SearchLog, leaves: Leaves, found: list[list[tuple[int, int, Hit]]], nexts: list[int | None], redact: Redact
) -> tuple[tuple[LogRecord, ...], list[int]]:
    """Hits of all leaves by time, as many as fit; and for each leaf the offset to go on at, -1 where it is used up."""
    merged: list[tuple[int, int, Hit]] = []
    # a leaf whose hits were cut by the limit says nothing about what comes after its last one
    horizon = min((hits[-1][0] for hits, more in zip(found, nexts, strict=True) if more is not None and hits), default=None)
    for item in heapq.merge(*found, key=lambda item: item[0]):
        if len(merged) >= call.limit or (horizon is not None and item[0] > horizon):
            break
        merged.append(item)
    texts = [_hit_text(leaves.leaves[index], hit, redact) for _, index, hit in merged]
    shown = fits(texts, call.chars, newest=False)
    records = []
    for (at, index, hit), whole, text in zip(merged, texts, shown, strict=False):
        records.append(
            record(
                index, text, moment_of(at) if at >= 0 else None, _same, size=hit.end - hit.start, cut=hit.cut or text != whole
            )
        )
    offsets = []
    for index in range(len(found)):
        mine = [hit for _, owner, hit in merged[: len(records)] if owner == index]
        left = found[index][len(mine) :]
        more = nexts[index]
        offsets.append(left[0][2].start if left else more if more is not None else -1)
    return tuple(records), offsets


def _hit_text(leaf: Leaf, hit: Hit, redact: Redact) -> str:
    """The line, with its neighbours where asked for; of a line too long to keep, its beginning."""
    line = leaf.source.read_at(hit.start, _STRETCH // 4) if hit.cut and leaf.source.size is not None else hit.line
    around = [*hit.before, line.split(b"\n", 1)[0], *hit.after]
    return redact("\n".join(decoded(item) for item in around))


# --- merge ----------------------------------------------------------------------------------------------------------


def _merge(call: MergeLogs, opener: Opener, limits: Limits, redact: Redact) -> LogPage:
    with opener.open(predecessors=call.since is not None) as leaves:
        places, rotated, floor = _places(call, leaves.leaves)
        if rotated:
            return LogPage(seen=seen_of(leaves, call), rotated=rotated)
        starts = places or [0] * len(leaves.leaves)
        over, room, records, notes = enough(opener, limits), call.chars, list[LogRecord](), list[str]()
        ends, more = list(starts), False
        for passed, item in enumerate(_merged(call, leaves, starts, floor, notes), start=1):
            if passed % 256 == 0 and over():
                detail = f"the time was spent after {len(records)} records"
                leaves.cut("the merge", detail, "go on with the cursor, or narrow since")
                more = True
                break
            leaf, text = leaves.leaves[item.source], decoded(item.data)
            if wanted(text, call.level, call.fields):
                whole = redact(text)
                short = fits([whole], call.chars, newest=False)[0]
                if records and (cost(short) > room or len(records) >= call.limit):
                    more = True
                    break
                room -= cost(short)
                leaf.saw(item.at)
                cut = item.cut or short != whole
                told = record(
                    item.source, short, moment_of(item.at), _same, size=item.end - item.start, late=item.late, cut=cut
                )  # fmt: skip
                records.append(told)
            ends[item.source], floor = item.end, item.key
        for note in dict.fromkeys(notes):
            leaves.cut(call.named(), note)
        marks = [_mark(leaf, end) for leaf, end in zip(leaves.leaves, ends, strict=True)]
        marks += [Mark(floor, 0, _FLOOR)] if floor is not None and floor >= 0 else []
        cursor = write_cursor(marks, _query(call), CURSOR_KEY) if more else None
        return LogPage(seen=seen_of(leaves, call), records=tuple(records), cursor=cursor)


def _merged(call: MergeLogs, leaves: Leaves, starts: list[int], floor: int | None, notes: list[str]) -> Iterator[Merged]:
    return merge(
        [leaf.source for leaf in leaves.leaves], [leaf.at for leaf in leaves.leaves], since=nanoseconds(call.since),
        until=nanoseconds(call.until), ranges=[window_of(leaf, call, leaves) for leaf in leaves.leaves], starts=starts,
        floor=floor, notes=notes,
    )  # fmt: skip
