"""A source as blocks of whole lines, whatever its size: the only loop that reads a log from one end to the other."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mcp_server.core.source import ByteSource

BLOCK = 1 << 19
LONGEST = 8 << 20
"""Bytes of a line that are held together; a longer one comes in pieces."""
OVERLAP = 4_096
"""Bytes that two pieces of one line share."""
HOLE = b"\0\0\0\0"
"""What a hole begins with: a log that was truncated under its writer has a run of NULs where lines were."""
_HOLE = re.compile(rb"(?<!\0)\0{4,}+(?=[^\0\n])")


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes from `start`: the first `length` of `data`, whole lines unless `torn`. (Not cut to size: that would copy.)

    `torn`: a piece of a line that is too long, without its end. `goes_on`: begins inside such a line.
    """

    start: int
    data: bytes
    length: int
    torn: bool = False
    goes_on: bool = False

    @property
    def end(self) -> int:
        """Offset after the last byte."""
        return self.start + self.length


def blocks(
    source: ByteSource, start: int = 0, end: int | None = None, *, size: int = BLOCK, longest: int = LONGEST
) -> Iterator[Block]:
    """Blocks of about `size` bytes from `start`, a line's beginning, to `end` (default: the size when it was opened).

    Ends early where the source does. The last block may lack its line end.
    """
    end = source.size if end is None else end
    seeks = source.size is not None  # then the beginning of a cut line is read again, which is cheaper than keeping it
    overlap = min(OVERLAP, longest // 2)
    offset, want, kept, goes_on = start, size, b"", False
    while end is None or offset < end:
        asked = (want if end is None else min(want, end - offset)) - len(kept)
        data = source.read_at(offset + len(kept), asked)
        short = len(data) < asked
        data = kept + data if kept else data
        if not data:
            return
        length, torn = data.rfind(b"\n") + 1, False
        if short or offset + len(data) == end:
            length = len(data)
        elif not length and want < longest:
            want, kept = min(want * 4, longest), b"" if seeks else data
            continue
        elif not length:
            length, torn = len(data), True
        yield Block(offset, data, length, torn, goes_on)
        if short:
            return
        step = length - overlap if torn else length
        kept = b"" if seeks else data[step:]
        offset, want, goes_on = offset + step, max(size, 2 * len(kept)), torn


def without_holes(data: bytes) -> bytes:
    """The same bytes, where a hole ends a line: what stands behind it is a line of its own."""
    return _HOLE.sub(lambda hole: hole[0][:-1] + b"\n", data) if 0 in data else data
