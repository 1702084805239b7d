"""Stamps that sort as they are written: `2026-11-20T10:31:07.412Z` and its like, in the first columns of each line.

Where all lines of a stretch begin so, their order is that of their first bytes, and nothing needs to be parsed but its
ends. Whatever is doubtful (another zone, no such hour, a clock that went back) is said to be so, and is read in full.
"""

import re
from datetime import date
from operator import itemgetter
from typing import NamedTuple

from mcp_server.logs.bisection import HEAD, At

_FORM = re.compile(
    rb"(?P<lead>[^\d\n]{0,8})(?P<date>\d{4}(?P<sign>[-/.]?)\d\d(?P=sign)\d\d)[T_ ](?P<clock>\d\d:\d\d:\d\d)"
    rb"(?:[.,](?P<part>\d{9}|\d{6}|\d{3}))?(?P<zone> ?(?:Z|[+-]\d\d:?\d\d)(?=[^\d:]))?(?=[^\d.,:+-])"
)
_DIGITS, _FIRST = b"0123456789", date(1970, 1, 1)
_TAIL = 8
"""Bytes behind a stamp without a zone in which one could stand."""
_MOST_TAILS = 2_000
_CLOSING = b"])}>|;\"'"
_MOST_DAYS = 28
_TRIES = 8


class Form(NamedTuple):
    """How stamps are written. Those of the same form sort as their text does, whatever log they are from."""

    mask: bytes
    """Digits as `0`, what else stands between and around them as it is."""
    shift: int
    """Nanoseconds from what is written to UTC."""


class Columns:
    """Reads stretches of lines of one source by their columns; `at` reads a line in full."""

    def __init__(self, at: At) -> None:
        self._at = at
        self._left = _TRIES
        self._mask = b""
        self._allowed: list[bytes] = []
        self._hour = 0
        self._tails: set[bytes] | None = None

    def keys(self, lines: list[bytes]) -> tuple[Form, list[bytes], int, int] | None:
        """The form, a key for each line, and the moments of the first and the last; None where they must be read in full."""
        if self._left <= 0 or not (self._mask or self._learn(lines[0])):
            return None
        found = self._read(lines)
        self._left = _TRIES if found else self._left - 1
        return found

    def _read(self, lines: list[bytes]) -> tuple[Form, list[bytes], int, int] | None:
        keys = list(map(itemgetter(slice(0, len(self._mask))), lines))
        if keys != sorted(keys) or not self._formed(keys) or not self._ended(lines):
            return None
        first, last = self._at(lines[0][:HEAD]), self._at(lines[-1][:HEAD])
        if first is None or last is None or (shift := first - _written(keys[0])) != last - _written(keys[-1]):
            return None
        return Form(self._mask, shift), keys, first, last

    def _learn(self, line: bytes) -> bool:
        found = _FORM.match(line)
        if found is None or self._at(line[:HEAD]) is None:
            self._left -= 1
            return False
        text = found[0]
        follows = line[len(text) : len(text) + 1]
        closed = found["zone"] is not None or follows in _CLOSING
        text += follows if closed else b""  # it ends every stamp alike
        digits = {place for name in ("date", "clock", "part") for place in range(*found.span(name))}
        self._allowed = [
            _DIGITS if place in digits and letter.isdigit() else letter
            for place, letter in enumerate(text[place : place + 1] for place in range(len(text)))
        ]
        self._mask = b"".join(b"0" if allowed == _DIGITS else allowed for allowed in self._allowed)
        self._hour = found.start("clock")
        for place, most in ((0, b"012"), (3, b"012345"), (6, b"012345")):
            self._allowed[self._hour + place] = most
        self._tails = None if closed else set()
        return True

    def _formed(self, keys: list[bytes]) -> bool:
        """Whether all keys, which are in order, are written in this form and are times."""
        text, width, same = b"".join(keys), len(self._mask), 0
        if len(text) != width * len(keys):
            return False
        while same < width and keys[0][same] == keys[-1][same]:
            same += 1  # so many bytes are the same in all that stand between
        if any(letter not in allowed for letter, allowed in zip(keys[0], self._allowed, strict=True)):
            return False
        if any(text[place::width].translate(None, self._allowed[place]) for place in range(same, width)):
            return False
        return same >= self._hour or self._days(keys)

    def _days(self, keys: list[bytes]) -> bool:
        """Whether all days and hours exist, and the days lie so near that no clock was changed twice between them."""
        texts = set(map(itemgetter(slice(0, self._hour)), keys))
        hours = set(map(itemgetter(slice(self._hour, self._hour + 2)), keys))
        days = sorted(day for day in map(_day, texts) if day)
        return len(days) == len(texts) and (days[-1] - days[0]).days < _MOST_DAYS and max(hours) <= b"23"

    def _ended(self, lines: list[bytes]) -> bool:
        """Whether no zone stands behind stamps that name none in their columns: each such text is read in full once."""
        if self._tails is None:
            return True
        width = len(self._mask)
        tails = itemgetter(slice(width, width + _TAIL))
        new = set(map(tails, lines)) - self._tails
        if len(new) + len(self._tails) > _MOST_TAILS:
            self._left = 0
        if not new or not self._left:
            return not new
        first = self._at(lines[0][:HEAD])
        for tail, line in dict(zip(map(tails, lines), lines, strict=True)).items():
            if tail not in new:
                continue
            moment = self._at(line[:HEAD])
            if first is None or moment is None or b"/" in tail or tail[:1] in (b".", b",", b":") or tail[:1].isdigit():
                return False
            if moment - _written(line[:width]) != first - _written(lines[0][:width]):
                return False
        self._tails |= new
        return True


def _written(key: bytes) -> int:
    """What a key says, in nanoseconds since 1970 as if it were UTC; 0 where it is no date."""
    found = _FORM.match(key + b" ")
    if found is None or (day := _day(found["date"])) is None:
        return 0
    clock, part = found["clock"], found["part"] or b"0"
    seconds = int(clock[:2]) * 3_600 + int(clock[3:5]) * 60 + int(clock[6:])
    return ((day - _FIRST).days * 86_400 + seconds) * 1_000_000_000 + int(part.ljust(9, b"0"))


def _day(text: bytes) -> date | None:
    digits = re.sub(rb"\D", b"", text)
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None
