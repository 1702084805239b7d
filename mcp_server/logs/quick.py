"""Stamps of many lines at once. Most logs write their times in fixed columns: what a column says is read once.

A line is only answered from memory when the text of its columns was seen before, letter by letter, in lines that were
read in full and agreed; every other line is read in full.
"""

import re
from collections.abc import Callable
from operator import itemgetter

from mcp_server.logs.bisection import HEAD, At
from mcp_server.logs.columns import Layout, layouts
from mcp_server.logs.forms import fraction

_COLUMNS = re.compile(
    rb"[ -~]{0,24}?(?<!\d)\d\d:\d\d(?P<second>:[0-5]\d(?P<part>[.,]\d{3}(?=\D))?)(?![\d.,]|:\d)"
    rb"(?P<zone> ?(?:Z|[+-]\d\d:?\d\d)(?=[^\d:]))?"
)
_DATED = re.compile(
    rb"\d[-/.]\d|\d{6}|[IWEFDC]\d{4}|\d[ ./-]{0,2}[A-Za-z\x80-\xff]{3}|(?!pid)[A-Za-z\x80-\xff]{3,}[., ]{0,3}\d"
)
"""What names a day. A time of day alone means another day whenever it turns: such a log is read line by line, in order."""
_SECONDS = {b":%02d" % number: number * 1_000_000_000 for number in range(60)}
_HUNDREDS = {b"%02d" % number: number * 1_000_000_000 for number in range(100)}
"""The last two digits of an epoch."""
_MOST = 50_000
_TRIES = 8


class QuickStamps:
    """The moments of lists of lines of one source, by `at` and by memory."""

    def __init__(self, at: At) -> None:
        self._at = at
        self._minutes: dict[bytes, int] = {}
        self._parts: dict[bytes, int] = {}
        self._cut: Callable[[list[bytes]], list[bytes]] | None = None
        """The part of each line that tells its time."""
        self._minute = self._second = 0
        """Where in it seconds begin and end."""
        self._value: Callable[[bytes], int | None] = fraction
        self._layout: Layout | None = None
        self._seconds = _SECONDS
        self._tries = 0

    def of(self, lines: list[bytes]) -> list[int | None]:
        """The moment of each line; None where it carries none."""
        if self._cut is None and self._tries < _TRIES and lines:
            self._learn(lines[len(lines) // 2])
        if self._cut is None:
            return [self._at(line[:HEAD]) for line in lines]
        if len(self._minutes) + len(self._parts) > _MOST:
            self._minutes.clear()
            self._parts.clear()
        texts = self._cut(lines)
        minutes, seconds, parts, minute, second = self._minutes, self._seconds, self._parts, self._minute, self._second
        try:
            return [minutes[text[:minute]] + seconds[text[minute:second]] + parts[text[second:]] for text in texts]
        except KeyError:
            return [self._one(line, text) for line, text in zip(lines, texts, strict=True)]

    def _one(self, line: bytes, text: bytes) -> int | None:
        """From memory, or read in full; then what its text says is remembered, where it agrees with what is known."""
        head, two, tail = text[: self._minute], text[self._minute : self._second], text[self._second :]
        known, seconds, part = self._minutes.get(head), self._seconds.get(two), self._parts.get(tail)
        if known is not None and seconds is not None and part is not None:
            return known + seconds + part
        moment = self._at(line[:HEAD])
        value = self._value(tail) if text and (self._layout is None or self._layout.fits([text])) else None
        if moment is None or seconds is None or value is None:
            return moment
        if self._minutes.setdefault(head, moment - value - seconds) + seconds + value == moment:
            self._parts[tail] = value
        return moment

    def _learn(self, line: bytes) -> None:
        """Find out where lines like this one tell their time."""
        self._tries += 1
        found = _COLUMNS.match(line)
        if found is not None and _DATED.search(line, 0, found.start("second") - 5) and self._at(line[:HEAD]) is not None:
            self._minute = found.start("second")
            self._second = self._minute + 3
            self._value = _milliseconds if found["part"] is not None else _nothing
            # where no zone follows, so much more is compared that one could not be overlooked
            cut = itemgetter(slice(0, found.end() + (1 if found["zone"] else 7)))
            self._cut = lambda lines: list(map(cut, lines))
        elif (layout := next((one for one in layouts(line) if one.closed), None)) and self._at(line[:HEAD]) is not None:
            self._layout, self._minute, self._second, self._cut = layout, *layout.seconds, layout.each
            self._seconds = _HUNDREDS if layout.kind == "epoch" else _SECONDS


def _milliseconds(part: bytes) -> int | None:
    """Nanoseconds of a fraction with what follows it, such as `.412Z `; None when it is not of that form."""
    digits = part[1:4]
    return int(digits) * 1_000_000 if part[:1] in (b".", b",") and digits.isdigit() and not part[4:5].isdigit() else None


def _nothing(part: bytes) -> int | None:
    return None if part[:1].isdigit() or part[:1] in (b".", b",") else 0
