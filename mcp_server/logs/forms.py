"""How the stamps of a log are written, as far as their order can be told from their text: `2026-11-20T10:31:07.412Z`,
`Nov 20 10:31:07`, `20/Nov/2026:10:31:07 +0100`, `1795170667.412`.

Between stamps of one form nothing is parsed: where all else is the same, their digits sort as their times do.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Literal

_FIRST = date(1970, 1, 1)
_SECOND = 1_000_000_000
_PART = re.compile(rb"[.,]?(\d{1,9})")
_SECONDS = {text % number: number * _SECOND for number in range(100) for text in (b":%02d", b"%02d")}
_MOST = 20_000

STAMP = re.compile(
    rb"(?:(?P<date>\d{4}(?P<sign>[-/.]?)\d\d(?P=sign)\d\d)[T_ ]"
    rb"|(?P<day>(?:[A-Z][a-z]{2},? )?"
    rb"(?:[A-Z][a-z]{2} {1,2}\d{1,2}(?:,? \d{4})?|\d{1,2}(?P<by>[/ .-])(?:[A-Z][a-z]{2}|\d{1,2})(?P=by)\d{4})"
    rb"|(?<=[IWEFDC])[01]\d[0-3]\d)[ :T])(?P<clock>\d\d:\d\d:\d\d)(?:[.,](?P<part>\d{9}|\d{6}|\d{3}))?"
    rb"(?P<zone> ?(?:Z|[+-]\d\d:?\d\d)(?=[^\d:]))?(?=[^\d.,:+-])"
    rb"|(?P<epoch>(?<![\d.])[1-3]\d{9})(?P<fine>\.\d{1,9}|\d{3}|\d{6}|\d{9})?(?=[ \t|\],}\"])"
)
"""A stamp whose text can be put in order by its digits, given that what is literal in it is the same: of `date` all digits
count, of `day` only the clock."""

Kind = Literal["date", "day", "epoch"]


@dataclass(frozen=True, slots=True)
class Form:
    """How stamps are written. Those of the same form sort as their text does, whatever log they are from."""

    mask: bytes
    """Digits that count as `0`, what else stands between and around them as it is."""
    shift: int
    """Nanoseconds from what is written to UTC."""
    kind: Kind
    clock: int
    """Where in the text hours begin, or an epoch."""
    _minutes: "_Memory" = field(init=False, compare=False, repr=False)
    _parts: "_Memory" = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_minutes", _Memory(partial(_minute, self.kind, self.shift)))
        object.__setattr__(self, "_parts", _Memory(fraction))

    def moment(self, key: bytes) -> int:
        """What a text of this form says, in nanoseconds since 1970 UTC."""
        return self.moments([key])[0]

    def moments(self, keys: list[bytes]) -> list[int]:
        """The same of many: each minute and each fraction is read once."""
        minutes, parts, seconds = self._minutes, self._parts, _SECONDS
        minute = self.clock + (8 if self.kind == "epoch" else 5)  # the hundreds of seconds of an epoch are as good
        second = minute + (2 if self.kind == "epoch" else 3)
        return [minutes[key[:minute]] + seconds[key[minute:second]] + parts[key[second:]] for key in keys]


class _Memory(dict[bytes, int]):
    """What texts say, each read once."""

    def __init__(self, read: Callable[[bytes], int]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, text: bytes) -> int:
        if len(self) > _MOST:
            self.clear()
        found = self[text] = self._read(text)
        return found


def _minute(kind: Kind, shift: int, text: bytes) -> int:
    """The beginning of the minute that stands at the end of a text; its day counts where it is one of digits."""
    if kind == "epoch":
        return shift + int(text[-8:]) * 100 * _SECOND
    day = day_of(text[:-6]) if kind == "date" else None
    days = (day - _FIRST).days if day else 0
    return shift + (days * 86_400 + int(text[-5:-3]) * 3_600 + int(text[-2:]) * 60) * _SECOND


def fraction(text: bytes) -> int:
    """Nanoseconds of the fraction that a text begins with."""
    found = _PART.match(text)
    return int(found[1].ljust(9, b"0")) if found else 0


def day_of(text: bytes) -> date | None:
    """The day that digits with or without signs between them say; None where there is no such day."""
    digits = re.sub(rb"\D", b"", text)
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None
