"""What stamps of every family share: the fields, the clock, and the tail of half day, zone and year."""

import re
from typing import NamedTuple

from mcp_server.logs.zones import abbreviation


class Raw(NamedTuple):
    """What a line says, unjudged. `year` is None where the line names none; `kind` tells which fields count."""

    start: int
    end: int
    year: int | None
    month: int
    day: int
    hour: int
    minute: int
    second: int
    ns: int
    zone: str | None
    dialect: str
    kind: str = "date"
    """`date`; `epoch` (second: seconds since 1970); `boot` (second: seconds since boot); `clock` (a time of day)."""
    order: tuple[int, int, int | None] | None = None
    """The numbers of a numeric date that does not begin with its year, as written: 02/03/2026, 02/03/04, 02/03."""

    sure: bool = False
    """The order was settled by other lines of the same source."""

    @property
    def doubtful(self) -> bool:
        """Whether the numbers could be another date as well."""
        return (
            not self.sure
            and self.order is not None
            and self.order[0] != self.order[1]
            and max(self.order[0], self.order[1]) <= 12
        )


FRACTION = r"(?:[.]([0-9]{1,12})|,([0-9]{3}|[0-9]{6}|[0-9]{9})(?![0-9])|,([0-9]{1,9})(?![0-9,;])|:([0-9]{3,9})(?![0-9:]))?"
CLOCK = (
    r"([0-9]{1,2})(?::([0-9]{1,2})(?:[:.]([0-9]{1,2}))?|-([0-9]{1,2})-([0-9]{1,2})|\.([0-9]{2})\.([0-9]{2})"
    r"|[时時]([0-9]{1,2})分([0-9]{1,2})秒)(?![0-9])" + FRACTION
)
_ZONE = re.compile(
    r"[ \t]{0,2}(?:((?:UTC|GMT)?[+\-−‐‑–][0-9]{2}(?::?[0-9]{2}(?::[0-9]{2})?)?(?![0-9])|(?:UTC|GMT)[+-][0-9](?![0-9])"
    r"|[+-][0-9]{3}(?![0-9]))"
    r"|([A-Z][a-z]{2,12}/[A-Z][A-Za-z_+-]{1,25}(?:/[A-Z][A-Za-z_]{1,25})?)|([A-Za-z]{1,5})(?![A-Za-z]))"
)
_HALF = re.compile(r"[ \t]?([AaPp])\.?[Mm]\b\.?")
_YEAR = re.compile(r"[ \t]{1,3}((?:19[7-9]|20[0-9])[0-9])(?![0-9]|[:./-]\w|::)")
_BLANK = frozenset(" \t")
_SIGNS = frozenset("+-−‐‑–")
_DAYS = frozenset(("mon", "tue", "wed", "thu", "fri", "sat", "sun"))
_WEEKDAY = re.compile(r"(?:^|[^A-Za-z])((?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}[.,]{0,2}[ \t]{1,2})$", re.I)


def nanos(digits: str | None) -> int:
    """A written fraction of a second in nanoseconds; digits beyond nine are cut."""
    return int((digits + "000000000")[:9]) if digits else 0


def clock_of(parts: tuple[str | None, ...]) -> tuple[int, int, int, int]:
    """Hour, minute, second, nanoseconds of the groups of CLOCK."""
    hour, m1, s1, m2, s2, m3, s3, m4, s4, f1, f2, f3, f4 = parts
    fraction = f1 or f2 or f3 or f4
    ns = int((fraction + "000000000")[:9]) if fraction else 0
    if m1 is not None:
        return int(hour or 0), int(m1), int(s1 or 0), ns
    return int(hour or 0), int(m2 or m3 or m4 or 0), int(s2 or s3 or s4 or 0), ns


def finish(
    head: str, match: re.Match[str], date: tuple[int | None, int, int], clock: tuple[int, int, int, int], name: str
) -> Raw | None:
    """The tail of a stamp: half of the day, zone and year in either order."""
    hour, minute, second, ns = clock
    year, month, day = date
    start, end = match.span()
    zone = None
    follows = _follows(head, end)
    if follows in "AaPp" and follows and (half := _HALF.match(head, end)):
        if 1 <= hour <= 12:
            hour = hour % 12 + (12 if half[1] in "Pp" else 0)
        end = half.end()
        follows = _follows(head, end)
    if year is None and follows.isdigit() and (named := _YEAR.match(head, end)):
        year, end = int(named[1]), named.end()
        follows = _follows(head, end)
    if (follows.isalpha() or follows in _SIGNS) and (found := _ZONE.match(head, end)) and (zone := _zone_text(head, found)):
        end = found.end()
        if year is None and (named := _YEAR.match(head, end)):
            year, end = int(named[1]), named.end()
    if start > 3 and "month" in name and head[start - 1] in _BLANK:
        if head[start - 4 : start - 1].lower() in _DAYS and not (start > 4 and head[start - 5].isalpha()):
            start -= 4
        elif weekday := _WEEKDAY.search(head, max(0, start - 14), start):
            start = weekday.start(1)
    if month > 12 or not 1 <= day <= 31 or hour > 24 or minute > 59 or second > 60:
        return None
    return Raw(start, end, year, month, day, hour, minute, second, ns, zone, name)


def _follows(head: str, at: int) -> str:
    """The first character that is no blank, within three; "" at the end."""
    character = head[at : at + 1]
    if character in _BLANK:
        character = head[at : at + 4].lstrip(" \t")[:1]
    return character


def _zone_text(head: str, found: re.Match[str]) -> str | None:
    offset, place, word = found.groups()
    if offset or place:
        return offset or place
    if word == "GET" and head.startswith((" /", " http"), found.end()):
        return None
    return word if word in ("Z", "z") or (len(word) > 1 and abbreviation(word)) else None
