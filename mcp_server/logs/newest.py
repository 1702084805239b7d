"""The newest lines of a file, read from its end and only as far back as a window asks for.

What this costs grows with the window, not with the file.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from mcp_server.core.calls import FileText, ReadFile
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.package_calls import ReadUnpacked, UnpackedText
from mcp_server.core.reader import Reader, Seen

PIECES = (131_072, 524_288)
"""Bytes of the first piece and of every further one."""
MOST = 8_388_608


@dataclass(frozen=True)
class Newest:
    """Lines in their order, each with the evidence of the look that read it. Without `whole`, older lines were not read.

    `stopped` says why a packed file came out in part only: what stood behind the last line was then not read.
    """

    lines: tuple[tuple[str, str], ...]
    whole: bool
    stopped: str | None = None

    def texts(self) -> list[str]:
        """The lines alone."""
        return [text for text, _ in self.lines]


def newest_lines(
    reader: Reader, path: str, reached: Callable[[Sequence[str]], bool], *, most: int = MOST, packed: bool = False
) -> Newest:
    """Lines from the end of the file back to where `reached(lines of the piece just read)` holds, at most `most` bytes.

    Of a packed file it is the end of what unfolds from it. Raises CouldNotLook when the file cannot be read.
    """
    read = _stretches(reader, path, packed=packed)
    seen = read(-PIECES[0], PIECES[0])
    begin, end, stopped = seen.value.start, seen.value.size, getattr(seen.value, "stopped", None)
    lines = _lines([(seen.value.text, seen.evidence), *_span(read, seen.value.end, end)])
    while begin > 0 and not reached([line for line, _ in lines[1:]]) and end - begin < most:
        start = max(0, begin - PIECES[1])
        # the first line of what is read already began in the piece before it
        older = _lines(_span(read, start, begin))
        lines = [*older[:-1], (older[-1][0] + lines[0][0], lines[0][1]), *lines[1:]] if older and lines else older or lines
        begin = start
    kept = lines[1:] if begin > 0 else lines
    kept = kept[:-1] if stopped else kept  # the line in which it stopped is half a line
    return Newest(tuple((line, name) for line, name in kept if line.strip()), begin == 0, stopped)


def whole_text(reader: Reader, path: str, *, most: int = MOST) -> tuple[str, str, datetime]:
    """Text of a file that is larger than one look may return, the evidence of its last piece, and when it was written.

    Raises CouldNotLook when it cannot be read, or is larger than `most`.
    """
    read = _stretches(reader, path)
    seen = read(0, PIECES[1])
    if seen.value.size > most:
        raise CouldNotLook(path, "cut", f"larger than {most:,} bytes", "compare it by hand")
    parts = [(seen.value.text, seen.evidence), *_span(read, seen.value.end, seen.value.size)]
    return "".join(text for text, _ in parts), parts[-1][1], seen.value.modified


Read = Callable[[int, int], Seen[FileText] | Seen[UnpackedText]]
"""Looks at a stretch: where it begins, counted from the end where that is negative, and how many bytes."""


def _stretches(reader: Reader, path: str, *, packed: bool = False) -> Read:
    if packed:
        return lambda start, length: reader.look(ReadUnpacked(path=path, start=start, length=length))
    return lambda start, length: reader.look(ReadFile(path=path, start=start, length=length))


def _span(read: Read, start: int, end: int) -> list[tuple[str, str]]:
    """(text, evidence) of the bytes from `start` to `end`, in as many looks as our own limits make necessary."""
    parts: list[tuple[str, str]] = []
    while start < end:
        seen = read(start, end - start)
        if seen.value.end <= start:  # it was truncated meanwhile
            break
        parts.append((seen.value.text, seen.evidence))
        start = seen.value.end
    return parts


def _lines(parts: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Lines of several texts that follow each other; a line that goes over two of them cites the later."""
    lines: list[tuple[str, str]] = []
    for text, evidence in parts:
        pieces = text.split("\n")
        if lines:
            lines[-1] = (lines[-1][0] + pieces[0], evidence)
            del pieces[0]
        lines += [(piece.rstrip("\r"), evidence) for piece in pieces]
    return lines
