"""The last records of a log, and further back by the cursor."""

from bisect import bisect_right
from collections.abc import Callable

from mcp_server.core.errors import BadInput
from mcp_server.core.log_calls import LogPage, LogSeen, TailLog
from mcp_server.core.output import is_output
from mcp_server.core.reader import Limits
from mcp_server.core.source import Entries
from mcp_server.core.text import amount
from mcp_server.engine.log_leaves import Leaf, Leaves, Opener, moment_of, nanoseconds
from mcp_server.engine.scan_cursors import mark_of, query_of
from mcp_server.engine.scan_window import DOUBT, as_is, bounds_of, enough, inside, seen_of, window_of
from mcp_server.logs.cursor import Mark, moved, open_cursor, write_cursor
from mcp_server.logs.expressions import UTF_8, encoded
from mcp_server.logs.pages import CURSOR_KEY, Redact, decoded, fits, record, wanted
from mcp_server.logs.tail import Page, last_records
from mcp_server.logs.window import Piece
from mcp_server.targets.inflate import Inflated
from mcp_server.targets.journal import is_journal

_STRETCH = 1_048_576
_TAIL_BYTES = 67_108_864
"""How far back a tail with filters goes."""
_BACK = 65_536


def tail(call: TailLog, opener: Opener, limits: Limits, redact: Redact) -> LogPage:
    """Of a rotated set the newest file alone is opened, unless its records are not enough."""
    try:
        mark = open_cursor(call.cursor, query_of(call), CURSOR_KEY)[0] if call.cursor else None
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
        doubts = [leaf.doubt_ms(piece.at, text) for leaf, piece, text in texts]
        shown = fits([text for *_, text in texts], call.chars - DOUBT * any(doubts), newest=True)
        used = texts[len(texts) - len(shown) :]
        if len(used) < len(texts):
            goes_on = (used[0][0], used[0][1].start)
        records = tuple(
            record(
                leaves.leaves.index(leaf), text, moment_of(piece.at), as_is, size=piece.end - piece.start,
                cut=piece.cut or text != whole, doubt_ms=doubt_ms,
            )
            for (leaf, piece, whole), doubt_ms, text in zip(used, doubts[len(doubts) - len(used) :], shown, strict=True)
        )  # fmt: skip
        cursor = write_cursor([_place(*goes_on)], query_of(call), CURSOR_KEY) if goes_on else None
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
    return mark_of(leaf, offset)


def _limited(leaf: Leaf) -> bool:
    """Whether entries were asked for the last ones only, and gave as many."""
    return isinstance(leaf.source, Entries) and bool(leaf.source.cursors) and leaf.source.limited


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
        end = (bounds_of(leaf, ranges) or [(0, 0)])[-1][1]
    stop, mine, read = leaf.source.size if end is None else end, list[Piece](), 0
    first = stop or 0
    many, place = 10_000 if _filters(call) else 0, first
    while stop and len(mine) < count:
        if stop <= place and call.match and not call.ignore_case and leaf.source.size is not None:
            end, place = _last_match(leaf, call.match, stop, over)
            stop, many = end, 200 if end < stop else many
            if not stop:
                break
        # one record more than wanted shows where the page before this one ends
        page = last_records(leaf.source, many or count - len(mine), at=leaf.at, end=stop)
        if page.pieces and page.pieces[0].cut:
            page = _from_its_beginning(leaf, page, leaves)
        read += page.end - page.start
        for note in page.notes:
            leaves.cut(leaf.name, note)
        kept = [piece for piece in page.pieces if inside(piece.at, since, until) and _wants(call, decoded(piece.data))]
        mine = [*kept, *mine]
        for piece in page.pieces:
            leaf.saw(piece.at)
        early = since is not None and page.pieces and all(item.at is not None and item.at < since for item in page.pieces)
        if page.start >= stop or early:
            stop = 0
            break
        stop = page.start
        if stop and (over() or read > _TAIL_BYTES):
            leaves.cut(leaf.name, f"{amount(len(mine), 'record')} found down to byte {stop:,}", "go on with the cursor")
            break
    if len(mine) > count:
        mine = mine[-count:]
        stop = mine[0].start
    leaf.read += first - (stop or 0)
    found.extend((leaf, piece) for piece in mine)
    return stop or 0


def _last_match(leaf: Leaf, match: str, stop: int, over: Callable[[], bool]) -> tuple[int, int]:
    """The end of the last record before `stop` that holds this text, as far as it is quickly seen, and where the text
    stands; zeros where it stands nowhere."""
    text = encoded(match, (leaf.encoding.name if leaf.encoding.unit == 1 else None) or UTF_8)
    low = stop
    while low > 0:
        high, low = low, max(0, low - _STRETCH)
        data = leaf.source.read_at(low, min(high - low + len(text) - 1, stop - low))
        if (place := data.rfind(text)) >= 0:
            return _record_end(leaf, low + place, stop), low + place
        if over():
            return low, low
    return 0, 0


def _record_end(leaf: Leaf, place: int, stop: int) -> int:
    """Where the next record begins; `stop` where that is not soon to be seen."""
    data = leaf.source.read_at(place, min(_BACK, stop - place))
    begin = data.find(b"\n") + 1
    while 0 < begin < len(data):
        end = data.find(b"\n", begin) + 1 or len(data)
        if leaf.timeless or leaf.at(data[begin:end]) is not None:
            return place + begin
        begin = end
    return stop


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


def _wants(call: TailLog, text: str) -> bool:
    if call.match:
        has = call.match.casefold() in text.casefold() if call.ignore_case else call.match in text
        if not has:
            return False
    return wanted(text, call.level, call.fields)
