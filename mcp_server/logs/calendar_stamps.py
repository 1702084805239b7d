"""Stamps with a calendar date: year first, packed digits, months by name, numbers in doubtful order."""

import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

from mcp_server.logs.months import MONTHS
from mcp_server.logs.order import full_year
from mcp_server.logs.stamp_parts import CLOCK, FRACTION, Raw, clock_of, finish, nanos

_GAP = r"(?:[ \t]{0,2}[Tt_+:,;|.@-][ \t]{0,2}|[ \t\xa0]{1,4})"
_MONTH = r"([JFMASONDjfmasond][AEPUCOaepuco][NBRYLGPTVCnbrylgptvc][A-Za-z]{0,6})"
_YEAR_FIRST = re.compile(
    r"([0-9][0-9]{3})(?:([-/\\.])([0-9]{1,2})\2([0-9]{1,2})|年([0-9]{1,2})月([0-9]{1,2})日)"
    r"(?:[ \t](?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6})?" + _GAP + CLOCK
)
_PACKED = re.compile(
    r"([12][0-9]{3})([0-9]{2})([0-9]{2})(?:([Tt_ :.-])([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})"
    r"|([Tt_ :.-]?)([0-9]{2})([0-9]{2})([0-9]{2}))(?![0-9])" + FRACTION
)
_AFTER_MONTH = r"\.?[ \t-]{1,3}([0-9]{1,2})(?:st|nd|rd|th)?,?[ \t]{1,3}(?:([0-9]{4}),?[ \t]{1,3})?(?:at )?" + CLOCK
_BEFORE_MONTH = r"([0-9][0-9]?)[ \t./-]{0,2}"
_SINCE_MONTH = (
    r"\.?(?:[ \t./,-]{0,2}([0-9]{4}|[0-9]{2}(?![0-9:])))?[ \t:_,T-]{1,3}"
    r"(?:" + CLOCK + r"|([0-9]{2})([0-9]{2})([0-9]{2})(?![0-9]))"
)
_MONTH_DAY = re.compile(_MONTH + _AFTER_MONTH)
_DAY_MONTH = re.compile(_BEFORE_MONTH + _MONTH + _SINCE_MONTH)
_YEAR_MONTH = re.compile(r"([12][90][0-9]{2})[ \t/-]" + _MONTH + r"[ \t/-]{1,2}([0-9]{1,2})[ \tT:]{1,2}" + CLOCK)
_NUMBERS = re.compile(r"([0-9][0-9]?)([/.-])([0-9]{1,2})(?:\2([0-9]{4}|[0-9]{2}))?" + _GAP + CLOCK)
_EARLIER = re.compile(r"[0-9][:./时時-][0-9]|[0-9]{6}")
"""What every stamp holds; where it is missing, no other stamp stands before one that was found."""
_APART = frozenset(' \t[(<{"=|')


def calendar(head: str, families: "Families | None" = None) -> Raw | None:
    """The leftmost calendar date with a time."""
    best: Raw | None = None
    limit = len(head)
    for expression, build in families or _FAMILIES:
        match = expression.search(head, 0, limit)
        tries = 6
        while match is not None:
            start = match.start()
            found = build(head, match) if start == 0 or _free(head, start) else None
            if found is not None:
                if best is None or found.start < best.start:
                    if found.start < 9 or not _EARLIER.search(head, 0, found.start):
                        return found
                    best, limit = found, found.start + 4  # only what stands before can be better
                break
            tries -= 1
            match = expression.search(head, start + 1, limit) if tries else None
    return best


def _free(head: str, start: int) -> bool:
    """No number, and no word that runs into digits, ends right before."""
    before = head[start - 1]
    if before in _APART:
        return True
    if before.isdigit() or (before == "'" and start > 1):
        return False
    if before in "./:-\\" and start > 1 and head[start - 2].isdigit():
        return False
    return not before.isalpha() or before in "Tt" or not before.isascii()


def _year_first(head: str, match: re.Match[str]) -> Raw | None:
    groups = match.groups()
    clock = clock_of(groups[6:])
    month, day = int(groups[2] or groups[4]), int(groups[3] or groups[5])
    if not 1 <= month <= 12:
        return None
    return finish(head, match, (int(groups[0]), month, day), clock, "ISO 8601" if groups[1] == "-" else "year first")


def _packed(head: str, match: re.Match[str]) -> Raw | None:
    groups = match.groups()
    month = int(groups[1])
    if not 1 <= month <= 12 or (not (groups[3] or groups[7]) and match.start() > 1):
        return None
    hour, minute, second = (int(group) for group in (groups[4:7] if groups[3] else groups[8:11]))
    clock = (hour, minute, second, nanos(groups[11] or groups[12] or groups[13] or groups[14]))
    return finish(head, match, (int(groups[0]), month, int(groups[2])), clock, "packed digits")


def _month_day(head: str, match: re.Match[str]) -> Raw | None:
    groups = match.groups()
    month = MONTHS.get(groups[0].lower())
    if month is None:
        return None
    start = match.start()
    if start > 4 and head[start - 5 : start - 1].isdigit() and (whole := _YEAR_MONTH.match(head, start - 5)):
        return _year_month(head, whole)
    clock = clock_of(groups[3:])
    return finish(head, match, (int(groups[2]) if groups[2] else None, month, int(groups[1])), clock, "month name")


def _day_month(head: str, match: re.Match[str]) -> Raw | None:
    groups = match.groups()
    month = MONTHS.get(groups[1].lower())
    if month is None:
        return None
    clock = clock_of(groups[3:16]) if groups[3] is not None else (int(groups[16]), int(groups[17]), int(groups[18]), 0)
    year = int(groups[2]) if groups[2] else None
    return finish(head, match, (full_year(year), month, int(groups[0])), clock, "day, month name")


def _year_month(head: str, match: re.Match[str]) -> Raw | None:
    month, clock = MONTHS.get(match[2].lower()), clock_of(match.groups()[3:])
    if month is None:
        return None
    return finish(head, match, (int(match[1]), month, int(match[3])), clock, "year, month name")


def _numbers(head: str, match: re.Match[str]) -> Raw | None:
    groups = match.groups()
    first, second, clock = int(groups[0]), int(groups[2]), clock_of(groups[4:])
    year = int(groups[3]) if groups[3] else None
    if year is None and groups[1] == "." and groups[5] is None:
        return None
    if (year is None and groups[6] is None) or not (first and second):  # `1/2 10:31` is no stamp
        return None
    choice = orders(first, second, year, len(groups[3] or ""), groups[1], head[match.end(3) : match.end(3) + 6])
    if not choice:
        return None
    found = finish(head, match, choice[0], clock, "numbers" if year is not None else "numbers without year")
    return found and found._replace(order=(first, second, year))


def orders(
    first: int, second: int, year: int | None, width: int, sign: str, gap: str = ""
) -> list[tuple[int | None, int, int]]:
    """(year, month, day) in every order that is a date, the likeliest first: m/d, d.m, d-m; 31/12/2026:… as in CLF is d/m."""
    found: list[tuple[int | None, int, int]] = []
    day_first = sign == "." or (sign == "-" and year is not None) or (width == 4 and gap[5:6] == ":")
    if width == 2 and year is not None:
        year_first = (2000 + first, second, year)
        if first > 12 and 1 <= second <= 12 and 1 <= year <= 31 and (sign == "/" or first <= 26):
            found.append(year_first)
    pairs = ((second, first), (first, second)) if day_first else ((first, second), (second, first))
    found += [(full_year(year), month, day) for month, day in pairs if 1 <= month <= 12 and 1 <= day <= 31]
    return list(dict.fromkeys(found))


Families: TypeAlias = Sequence[tuple[re.Pattern[str], Callable[[str, re.Match[str]], Raw | None]]]
_FAMILIES: Families = (
    (_YEAR_FIRST, _year_first),
    (_MONTH_DAY, _month_day),
    (_DAY_MONTH, _day_month),
    (_PACKED, _packed),
    (_NUMBERS, _numbers),
)
FOREIGN: Families = (
    (re.compile(r"([^\W\d_]{3,10})" + _AFTER_MONTH), _month_day),
    (re.compile(_BEFORE_MONTH + r"([^\W\d_]{3,10})" + _SINCE_MONTH), _day_month),
)
