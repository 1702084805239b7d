"""Several logs on one clock: every line of each, none rewritten, in bounded memory.

Each source is read block by block. What lies before the earliest end of all blocks held is sorted and told, so that at
most one block of every source is held. Records of one source keep their order, whatever their stamps say.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

from mcp_server.core.source import ByteSource
from mcp_server.logs.feeds import Batch, Feed, Held, Merged
from mcp_server.logs.window import At, Ranges, find_window

__all__ = ["Merged", "merge", "merged_text"]

_BLOCK = 262_144
_FIRST = -(1 << 100)


def merge(
    sources: Sequence[ByteSource],
    ats: Sequence[At],
    *,
    since: int | None = None,
    until: int | None = None,
    ranges: Sequence[Ranges | None] | None = None,
    starts: Sequence[int] | None = None,
    floor: int | None = None,
    block: int = _BLOCK,
    notes: list[str] | None = None,
) -> Iterator[Merged]:
    """All records of all sources by time; ties go to the source named first.

    To continue an earlier answer give for each source the `end` of its last record told as `starts`, and the last `key`
    of all as `floor`. What must be said of the reading is added to `notes`.
    """
    feeds = []
    for number, (source, at) in enumerate(zip(sources, ats, strict=True)):
        found = (ranges[number] if ranges else None) or find_window(source, at, since, until)
        if notes is not None:
            notes += found.doubts
        begin = starts[number] if starts else 0
        feed = Feed(number, source, at, (since, until), _FIRST if floor is None else floor, notes)
        feeds.append(feed.batches(found, begin, block))
    return chain.from_iterable(_rows(slab) for slab in _slabs(feeds))


def merged_text(sources: Sequence[ByteSource], ats: Sequence[At], *, block: int = _BLOCK) -> Iterator[bytes]:
    """The bytes of all records of all sources by time, in large pieces; records longer than 64 KiB are cut."""
    feeds = [
        Feed(number, source, at, (None, None), _FIRST, None).batches(find_window(source, at, None, None), 0, block)
        for number, (source, at) in enumerate(zip(sources, ats, strict=True))
    ]
    return map(_text, _slabs(feeds))


def _rows(slab: list[Batch]) -> list[Merged]:
    rows = list(chain.from_iterable(batch.full() for batch in slab))
    rows.sort(key=itemgetter(0))
    return rows


def _text(slab: list[Batch]) -> bytes:
    texts = list(chain.from_iterable(batch.texts for batch in slab))
    if len(slab) == 1:
        return b"".join(texts)
    alike = len({batch.form for batch in slab}) == 1
    keys: list[Any] = list(chain.from_iterable(batch.keys if alike else batch.moments() for batch in slab))
    return b"".join(map(texts.__getitem__, sorted(range(len(keys)), key=keys.__getitem__)))


def _slabs(feeds: list[Iterator[Batch]]) -> Iterator[list[Batch]]:
    """Batches, none empty, whose records nothing to come can precede, again and again until all are told."""
    held: dict[int, Held] = {}
    left = set(range(len(feeds)))
    while True:
        for number in left - held.keys():
            if batch := next(feeds[number], None):
                held[number] = Held(batch)
            else:
                left.discard(number)
        if not held:
            break
        _, first = min((batch.last, number) for number, batch in held.items())
        bound = held[first]
        slab = []
        for number in sorted(held):
            # a tie goes to the source named first, which may have more of them in its next batch
            part = held[number].upto(bound, ties=number <= first)
            if part.keys:
                slab.append(part)
            if held[number].told():
                del held[number]
        yield slab
