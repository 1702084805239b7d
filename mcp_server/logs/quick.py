"""Stamps of many lines at once. Most logs write their times in fixed columns: what a column says is read once.

A line is only answered from memory when the text of its columns was seen before, letter by letter, in lines that were
read in full and agreed; every other line is read in full.
"""

import re

from mcp_server.logs.bisection import HEAD, At

_COLUMNS = re.compile(
    rb"[ -~]{0,24}?\d\d:\d\d(?P<second>:[0-5]\d(?P<part>[.,]\d{3}(?=\D))?)(?![\d.,])(?P<zone> ?(?:Z|[+-]\d\d:?\d\d)(?=[^\d:]))?"
)
_DATED = re.compile(
    rb"\d[-/.]\d|\d{6}|[IWEFDC]\d{4}|\d[ ./-]{0,2}[A-Za-z\x80-\xff]{3}|(?!pid)[A-Za-z\x80-\xff]{3,}[., ]{0,3}\d"
)
"""What names a day. A time of day alone means another day whenever it turns: such a log is read line by line, in order."""
_SECONDS = {b":%02d" % number: number * 1_000_000_000 for number in range(60)}
_MOST = 50_000
_TRIES = 8


class QuickStamps:
    """The moments of lists of lines of one source, by `at` and by memory."""

    def __init__(self, at: At) -> None:
        self._at = at
        self._minutes: dict[bytes, int] = {}
        self._parts: dict[bytes, int] = {}
        self._minute = self._second = self._stop = 0
        self._fraction = False
        self._tries = 0

    def of(self, lines: list[bytes]) -> list[int | None]:
        """The moment of each line; None where it carries none."""
        if not self._minute and self._tries < _TRIES and lines:
            self._learn_columns(lines[len(lines) // 2])
        if self._minute:
            if len(self._minutes) + len(self._parts) > _MOST:
                self._minutes.clear()
                self._parts.clear()
            try:
                return self._remembered(lines)
            except KeyError:
                return self._learn(lines)
        at = self._at
        return [at(line[:HEAD]) for line in lines]

    def _remembered(self, lines: list[bytes]) -> list[int | None]:
        minutes, seconds, parts = self._minutes, _SECONDS, self._parts
        minute, second, stop = self._minute, self._second, self._stop
        return [minutes[line[:minute]] + seconds[line[minute:second]] + parts[line[second:stop]] for line in lines]

    def _learn(self, lines: list[bytes]) -> list[int | None]:
        minutes, parts, minute, second, stop = self._minutes, self._parts, self._minute, self._second, self._stop
        for line in lines:
            if line[:minute] not in minutes or line[second:stop] not in parts:
                self._read(line)
        try:
            return self._remembered(lines)
        except KeyError:
            at = self._at
            return [at(line[:HEAD]) for line in lines]

    def _read(self, line: bytes) -> None:
        """Read a line in full and remember what its columns say, where they agree with what is known."""
        text, part = line[: self._minute], line[self._second : self._stop]
        value, seconds = self._value(part), _SECONDS.get(line[self._minute : self._second])
        moment = self._at(line[:HEAD]) if value is not None and seconds is not None else None
        if moment is None or value is None or seconds is None:
            return
        known = self._minutes.setdefault(text, moment - value - seconds)
        if known + seconds + value == moment:
            self._parts[part] = value

    def _value(self, part: bytes) -> int | None:
        """Nanoseconds of a fraction with what follows it, such as `.412Z `; None when it is not of the form learned."""
        if not self._fraction:
            return None if part[:1].isdigit() or part[:1] in (b".", b",") else 0
        digits = part[1:4]
        return int(digits) * 1_000_000 if part[:1] in (b".", b",") and digits.isdigit() and not part[4:5].isdigit() else None

    def _learn_columns(self, line: bytes) -> None:
        self._tries += 1
        found = _COLUMNS.match(line)
        if found is None or not _DATED.search(line, 0, found.start("second") - 5) or self._at(line[:HEAD]) is None:
            return
        self._minute = found.start("second")
        self._second = self._minute + 3
        self._fraction = found["part"] is not None
        # where no zone follows, so much more is compared that one could not be overlooked
        self._stop = found.end() + (1 if found["zone"] else 7)
