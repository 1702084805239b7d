"""Where the stamp of a line is and what it says, cold: nothing is known of the source. Linear in a bounded head.

Families instead of one expression per program: year first, month by name, numbers only, packed digits, epochs, and a
few shapes of their own (klog, TAI64N, audit, time since boot, time of day). The leftmost family wins; a bare number or
a time without a date yields to a calendar date that follows.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from itertools import chain, islice
from typing import NamedTuple, TypeAlias

from mcp_server.logs.months import MONTHS
from mcp_server.logs.order import full_year
from mcp_server.logs.zones import abbreviation

HEAD = 400
"""Characters of a line in which its stamp lies; JSON members may lie deeper."""
JSON_HEAD = 8_000
JSON_TAIL = 300
"""Characters at the end of a longer JSON line: container runtimes write the time there."""


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


_FRACTION = r"(?:[.]([0-9]{1,12})|,([0-9]{3}|[0-9]{6}|[0-9]{9})(?![0-9])|,([0-9]{1,9})(?![0-9,;])|:([0-9]{3,9})(?![0-9:]))?"
_CLOCK = (
    r"([0-9]{1,2})(?::([0-9]{1,2})(?:[:.]([0-9]{1,2}))?|-([0-9]{1,2})-([0-9]{1,2})|\.([0-9]{2})\.([0-9]{2})"
    r"|[时時]([0-9]{1,2})分([0-9]{1,2})秒)(?![0-9])" + _FRACTION
)
_GAP = r"(?:[ \t]{0,2}[Tt_+:,;|.@-][ \t]{0,2}|[ \t\xa0]{1,4})"
_MONTH = r"([JFMASONDjfmasond][AEPUCOaepuco][NBRYLGPTVCnbrylgptvc][A-Za-z]{0,6})"
_YEAR_FIRST = re.compile(
    r"([0-9][0-9]{3})(?:([-/\\.])([0-9]{1,2})\2([0-9]{1,2})|年([0-9]{1,2})月([0-9]{1,2})日)" + _GAP + _CLOCK
)
_PACKED = re.compile(
    r"([12][0-9]{3})([0-9]{2})([0-9]{2})(?:([Tt_ :.-])([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})"
    r"|([Tt_ :.-]?)([0-9]{2})([0-9]{2})([0-9]{2}))(?![0-9])" + _FRACTION
)
_AFTER_MONTH = r"\.?[ \t-]{1,3}([0-9]{1,2})(?:st|nd|rd|th)?,?[ \t]{1,3}(?:([0-9]{4}),?[ \t]{1,3})?(?:at )?" + _CLOCK
_BEFORE_MONTH = r"([0-9][0-9]?)[ \t./-]{0,2}"
_SINCE_MONTH = (
    r"\.?(?:[ \t./,-]{0,2}([0-9]{4}|[0-9]{2}(?![0-9:])))?[ \t:_,T-]{1,3}"
    r"(?:" + _CLOCK + r"|([0-9]{2})([0-9]{2})([0-9]{2})(?![0-9]))"
)
_MONTH_DAY = re.compile(_MONTH + _AFTER_MONTH)
_DAY_MONTH = re.compile(_BEFORE_MONTH + _MONTH + _SINCE_MONTH)
_YEAR_MONTH = re.compile(r"([12][90][0-9]{2})[ \t/-]" + _MONTH + r"[ \t/-]{1,2}([0-9]{1,2})[ \tT:]{1,2}" + _CLOCK)
_NUMBERS = re.compile(r"([0-9][0-9]?)([/.-])([0-9]{1,2})(?:\2([0-9]{4}|[0-9]{2}))?" + _GAP + _CLOCK)
_ZONE = re.compile(
    r"[ \t]{0,2}(?:((?:UTC|GMT)?[+\-−‐‑–][0-9]{2}(?::?[0-9]{2}(?::[0-9]{2})?)?(?![0-9])|(?:UTC|GMT)[+-][0-9](?![0-9])"
    r"|[+-][0-9]{3}(?![0-9]))"
    r"|([A-Z][a-z]{2,12}/[A-Z][A-Za-z_+-]{1,25}(?:/[A-Z][A-Za-z_]{1,25})?)|([A-Za-z]{1,5})(?![A-Za-z]))"
)
_HALF = re.compile(r"[ \t]?([AaPp])\.?[Mm]\b\.?")
_YEAR = re.compile(r"[ \t]{1,3}((?:19[7-9]|20[0-9])[0-9])(?![0-9]|[:./-]\w|::)")
_APART = frozenset(' \t[(<{"=|')
_BLANK = frozenset(" \t")
_SIGNS = frozenset("+-−‐‑–")
_WEEKDAY = re.compile(r"(?:^|[^A-Za-z])((?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}[.,]{0,2}[ \t]{1,2})$", re.I)

_TIME = re.compile(r"[0-9][:时時][0-9][0-9]")
# what every special shape at the head of a line begins with
_SPECIAL = re.compile(
    r"[IWEFDC][0-9]{4}|@4|(?:# Time: |[ \t]{0,8}(?:<[0-9]{1,3}>|#\+?)?)[\[(<{\"']?[ \t]{0,12}"
    r"(?:\[pid |- |[0-9]{5}|[0-9]{1,7}[ \t]{1,4}[0-9]|[0-9]{1,2}:|[0-9]{4}[-/][0-9]{3}|[0-9]{1,19}[:.][0-9]{3})"
)
_COLOUR = re.compile(r"\x1b\[[0-9;?]{0,20}[A-Za-z]")
_LEAD = r"[ \t]{0,8}(?:<[0-9]{1,3}>|#\+?)?[\[(<{\"']?[ \t]{0,2}(?:(?:\[pid +[0-9]{1,9}\]|[0-9]{1,7})[ \t]{1,4})?"
_EPOCH = re.compile(
    _LEAD.replace("[0-9]{1,7}", "[0-9]{1,7}|-")
    + r"(?:([0-9]{10})(?:\.([0-9]{1,9})|([0-9]{3})|([0-9]{6})|([0-9]{9}))?(?![\w.:/])|1\.([0-9]{6,18})e\+?0?9(?![\w.]))"
)
_BOOT = re.compile(r"[ \t]{0,4}(?:<[0-9]{1,3}>)?\[ {0,12}([0-9]{1,10})\.([0-9]{3,9})(?:\] ?|,)")
_CLOCK_HEAD = re.compile(_LEAD + r"([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?![0-9:])" + _FRACTION)
_CLOCK_DATE = re.compile(r"[ \t,]{1,2}([0-9]{1,4})([/.-])([0-9]{1,2})\2([0-9]{4}|[0-9]{2})(?![0-9])")
_KLOG = re.compile(r"[IWEFDC]((?:20[0-9]{2})?)([01][0-9])([0-3][0-9]) ([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?")
_CHROMIUM = re.compile(
    r"\[(?:[0-9]{1,9}:[0-9]{1,19}:)?([01][0-9])([0-3][0-9])/([0-9]{2})([0-9]{2})([0-9]{2})(?:\.([0-9]{1,9}))?:"
)
_ORDINAL = re.compile(r"[\[(<]?([12][90][0-9]{2})-([0-3][0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?![0-9])" + _FRACTION)
_SHORT = re.compile(
    r"(?:# Time: {1,3})?[\[(<]?([0-9]{2})([01][0-9])([0-3][0-9])[ \t]{1,2}([0-9]{1,2})"
    r"(?::([0-9]{2}):([0-9]{2})|([0-9]{2})([0-9]{2}))(?![0-9:])"
)
_TAI = re.compile(r"@(4[0-9a-f]{15})([0-9a-f]{8})?(?![0-9a-f])")
_AUDIT = re.compile(r"audit\(([0-9]{9,10})\.([0-9]{3})[:)]")
_UPID = re.compile(r"UPID:[\w.-]{1,64}:[0-9A-F]{8}:[0-9A-F]{8,9}:([0-9A-F]{8}):")
_CMTRACE = re.compile(
    r"<time=\"([0-9]{2}):([0-9]{2}):([0-9]{2})\.([0-9]{1,9})([+-][0-9]{1,4})?\" date=\"([0-9]{1,2})-([0-9]{1,2})-([0-9]{4})\""
)
_KEYS = (
    "@?(?:time_?stamp|time|ts|t|datetime|date_?time|date|asctime|event_?time|log_?time|created(?:_?at)?|time_?local|time_?iso8601|when"
    "|eventtimestamp)"
)
_JSON_KEY = re.compile(
    r"(?<!\\)\"(?:("
    + _KEYS
    + r"|__REALTIME_TIMESTAMP|_SOURCE_REALTIME_TIMESTAMP|time_?millis|epochSecond|msg_?time|observed_?timestamp|start_?time)"
    r")\"\s{0,4}:\s{0,4}(?:\{\s{0,4}\"(?:\$date|seconds|epochSecond)\"\s{0,4}:\s{0,4})?(?:\{\s{0,4}\"\$numberLong\"\s{0,4}:\s{0,4})?(\"?)",
    re.I,
)
_JSON_OTHER = re.compile(
    r"(?<!\\)\"(?!(?:expir|valid|until|not|birth|next|due|modif|updat|last|dead|max|min|ttl))"
    r"([A-Za-z_.@]{0,30}(?:time(?:stamp)?(?:unix)?(?:_?nanos?|_?millis|_?ms)?|date|_at))\"\s{0,4}:\s{0,4}(\"?)",
    re.I,
)
_NUMBER = re.compile(r"(-?[0-9]{9,19})(?:\.([0-9]{1,12}))?(?![\w.])|([0-9])\.([0-9]{5,18})[eE]\+?(0?9|12)")
_NANOS = re.compile(r"[\s,]{0,4}\"(?:nanos|nanoOfSecond)\"\s{0,2}:\s{0,2}([0-9]{1,9})")
_LOGFMT = re.compile(
    r"(?:^|[\s,;{\[|])(?:"
    + _KEYS
    + r"|rt|epoch)=[\"']?([0-9]{10})(?:\.([0-9]{1,9})|([0-9]{3})|([0-9]{6})|([0-9]{9}))?(?![\w.])",
    re.I,
)


def nanos(digits: str | None) -> int:
    """A written fraction of a second in nanoseconds; digits beyond nine are cut."""
    return int((digits + "000000000")[:9]) if digits else 0


def plain(line: str) -> str:
    """The line in which stamps are looked for: without a byte order mark and without the colours of a terminal."""
    if line[:1] == "\ufeff":
        line = line[1:]
    return _COLOUR.sub("", line[: 4 * HEAD]) + line[4 * HEAD :] if "\x1b" in line[:HEAD] else line


def scan(line: str) -> Raw | None:
    """The stamp of a line (see `plain`), or None. Never raises; the numbers may still be no date."""
    head = line[:HEAD]
    if not head:
        return None
    if "{" in head and (found := _json(line)):
        return found
    calendar = _calendar(head)
    if calendar is not None and calendar.start <= 1:
        return calendar
    if calendar is None and _TIME.search(head):
        calendar = _calendar(head, _FOREIGN)
    special = None
    if _SPECIAL.match(head) or "audit(" in head or "UPID:" in head or "<time=" in head:
        special = _special(head)
    if special is None:
        return calendar or _logfmt(head)
    if calendar is None:
        return special
    if special.kind == "clock" or special.dialect == "epoch seconds":
        return calendar if calendar.start <= special.end + 60 or special.kind == "clock" else special
    if special.kind == "boot" and calendar.start <= special.end + 3:
        return calendar
    return special if special.start <= calendar.start else calendar


def _calendar(head: str, families: "_Families | None" = None) -> Raw | None:
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
                    best, limit = found, found.start + 4  # only what stands before can be better
                break
            tries -= 1
            match = expression.search(head, start + 1, limit) if tries else None
        if best is not None and best.start < 9:  # no room for another stamp before it
            break
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


def _clock(parts: tuple[str | None, ...]) -> tuple[int, int, int, int]:
    """Hour, minute, second, nanoseconds of the groups of _CLOCK."""
    hour, m1, s1, m2, s2, m3, s3, m4, s4, f1, f2, f3, f4 = parts
    fraction = f1 or f2 or f3 or f4
    ns = int((fraction + "000000000")[:9]) if fraction else 0
    if m1 is not None:
        return int(hour or 0), int(m1), int(s1 or 0), ns
    return int(hour or 0), int(m2 or m3 or m4 or 0), int(s2 or s3 or s4 or 0), ns


def _finish(
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
    if (
        "month" in name
        and start
        and head[start - 1] in _BLANK
        and (weekday := _WEEKDAY.search(head, max(0, start - 14), start))
    ):
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


def _year_first(head: str, match: re.Match[str]) -> Raw | None:
    groups = match.groups()
    clock = _clock(groups[6:])
    month, day = int(groups[2] or groups[4]), int(groups[3] or groups[5])
    if not 1 <= month <= 12:
        return None
    return _finish(head, match, (int(groups[0]), month, day), clock, "ISO 8601" if groups[1] == "-" else "year first")


def _packed(head: str, match: re.Match[str]) -> Raw | None:
    groups = match.groups()
    month = int(groups[1])
    if not 1 <= month <= 12 or (not (groups[3] or groups[7]) and match.start() > 1):
        return None
    hour, minute, second = (int(group) for group in (groups[4:7] if groups[3] else groups[8:11]))
    clock = (hour, minute, second, nanos(groups[11] or groups[12] or groups[13] or groups[14]))
    return _finish(head, match, (int(groups[0]), month, int(groups[2])), clock, "packed digits")


def _month_day(head: str, match: re.Match[str]) -> Raw | None:
    groups = match.groups()
    month = MONTHS.get(groups[0].lower())
    if month is None:
        return None
    clock = _clock(groups[3:])
    return _finish(head, match, (int(groups[2]) if groups[2] else None, month, int(groups[1])), clock, "month name")


def _day_month(head: str, match: re.Match[str]) -> Raw | None:
    groups = match.groups()
    month = MONTHS.get(groups[1].lower())
    if month is None:
        return None
    clock = _clock(groups[3:16]) if groups[3] is not None else (int(groups[16]), int(groups[17]), int(groups[18]), 0)
    year = int(groups[2]) if groups[2] else None
    return _finish(head, match, (full_year(year), month, int(groups[0])), clock, "day, month name")


def _year_month(head: str, match: re.Match[str]) -> Raw | None:
    month, clock = MONTHS.get(match[2].lower()), _clock(match.groups()[3:])
    if month is None:
        return None
    return _finish(head, match, (int(match[1]), month, int(match[3])), clock, "year, month name")


def _numbers(head: str, match: re.Match[str]) -> Raw | None:
    groups = match.groups()
    first, second, clock = int(groups[0]), int(groups[2]), _clock(groups[4:])
    year = int(groups[3]) if groups[3] else None
    if year is None and groups[1] == "." and groups[5] is None:
        return None
    if (year is None and groups[6] is None) or not (first and second):  # `1/2 10:31` is no stamp
        return None
    choice = orders(first, second, year, len(groups[3] or ""), groups[1], head[match.end(3) : match.end(3) + 6])
    if not choice:
        return None
    found = _finish(head, match, choice[0], clock, "numbers" if year is not None else "numbers without year")
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


def _special(head: str) -> Raw | None:
    first = head.lstrip(" \t<([{\"'")[:1]
    if match := _KLOG.match(head):
        return _plain(match, match[1], match[2], match[3], match[4], match[5], match[6], match[7], "klog")
    if match := _CHROMIUM.match(head):
        return _plain(match, None, match[1], match[2], match[3], match[4], match[5], match[6], "MMDD/HHMMSS")
    if match := _ORDINAL.match(head):
        return _day_of_year(head, match)
    if first == "@" and (match := _TAI.match(head)):
        seconds = int(match[1], 16) - 0x4000000000000000 - 10
        return _epoch(match.start(), match.end(), seconds, int(match[2] or "0", 16), "TAI64N")
    if match := _BOOT.match(head):
        return Raw(match.start(), match.end(), None, 0, 0, 0, 0, int(match[1]), nanos(match[2]), None, "since boot", "boot")
    if (match := _EPOCH.match(head)) and (found := _epoch_of(match, 0)):
        return found
    if match := _SHORT.match(head):
        clock = (match[5] or match[7], match[6] or match[8])
        year = str(full_year(int(match[1])))
        return _plain(match, year, match[2], match[3], match[4], *clock, None, "yymmdd")
    if match := _CLOCK_HEAD.match(head):
        return _time_of_day(head, match)
    if "audit(" in head and (match := _AUDIT.search(head)):
        return _epoch(match.start(1), match.end(2), int(match[1]), nanos(match[2]), "audit")
    if "UPID:" in head and (match := _UPID.search(head)):
        return _epoch(match.start(1), match.end(1), int(match[1], 16), 0, "UPID")
    if "<time=" in head and (match := _CMTRACE.search(head)):
        zone = f"{match[5][0]}{int(match[5][1:]):03d}" if match[5] else None
        found = _plain(match, match[8], match[6], match[7], match[1], match[2], match[3], match[4], "CMTrace")
        return found and found._replace(zone=zone)
    return None


def _day_of_year(head: str, match: re.Match[str]) -> Raw | None:
    year, ordinal = int(match[1]), int(match[2])
    if not 1 <= ordinal <= 366:
        return None
    day = date(year, 1, 1) + timedelta(days=ordinal - 1)
    clock = (int(match[3]), int(match[4]), int(match[5]), nanos(match[6] or match[7] or match[8] or match[9]))
    return _finish(head, match, (year, day.month, day.day), clock, "day of the year")


def _time_of_day(head: str, match: re.Match[str]) -> Raw | None:
    clock = (int(match[1]), int(match[2]), int(match[3]), nanos(match[4] or match[5] or match[6] or match[7]))
    if clock[0] > 23 or clock[1] > 59 or clock[2] > 60:
        return None
    if date := _CLOCK_DATE.match(head, match.end()):
        if len(date[1]) == 4:
            return Raw(match.start(1), date.end(), int(date[1]), int(date[3]), int(date[4]), *clock, None, "time, date")
        choice = orders(int(date[1]), int(date[3]), int(date[4]), len(date[4]), date[2]) if len(date[1]) < 3 else []
        if choice:
            order = (int(date[1]), int(date[3]), int(date[4]))
            return Raw(match.start(1), date.end(), *choice[0], *clock, None, "time, date", "date", order)
    return Raw(match.start(1), match.end(), None, 0, 0, *clock, None, "time of day", "clock")


def _plain(match: re.Match[str], year: str | None, *rest: str | None) -> Raw | None:
    *numbers, fraction, name = rest
    month, day, hour, minute, second = (int(number or 0) for number in numbers)
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second <= 60):
        return None
    return Raw(
        match.start(),
        match.end(),
        int(year) if year else None,
        month,
        day,
        hour,
        minute,
        second,
        nanos(fraction),
        None,
        name or "",
    )


def _epoch(start: int, end: int, seconds: int, ns: int, name: str) -> Raw | None:
    if not 500_000_000 <= seconds <= 4_100_000_000:
        return None
    return Raw(start, end, None, 0, 0, 0, 0, seconds, ns, None, name, "epoch")


def _epoch_of(match: re.Match[str], shift: int) -> Raw | None:
    """Seconds, milli-, micro- or nanoseconds since 1970, told apart by their length; `shift` is the first group's number."""
    whole, dot, *finer = match.groups()[shift : shift + 5]
    if whole is None:
        digits = "1" + (match.groups()[-1] or "")
        return _epoch(match.start(), match.end(), int((digits + "000000000")[:10]), nanos(digits[10:]), "epoch with fraction")
    fraction = dot or next((part for part in finer if part), None)
    name = (
        "epoch with fraction"
        if dot
        else {3: "epoch ms", 6: "epoch µs", 9: "epoch ns"}.get(len(fraction or ""), "epoch seconds")
    )
    return _epoch(match.start(shift + 1), match.end(), int(whole), nanos(fraction), name)


def _logfmt(head: str) -> Raw | None:
    match = _LOGFMT.search(head) if "=" in head else None
    found = _epoch_of(match, 0) if match else None
    return found and found._replace(dialect="logfmt " + found.dialect)


def _json(line: str) -> Raw | None:
    """The member of a JSON line that names its time: the first of the usual names whose value is one, else of others."""
    at = line.find("{", 0, HEAD)
    if at > 0 and (before := _calendar(line[:at])):
        return before
    return _member(line, at, _JSON_KEY) or (_member(line, at, _JSON_OTHER) if line[:1] == "{" else None)


def _member(line: str, at: int, key: re.Pattern[str]) -> Raw | None:
    found: Iterator[re.Match[str]] = key.finditer(line, at, JSON_HEAD)
    if len(line) > JSON_HEAD:
        found = chain(found, key.finditer(line, max(JSON_HEAD, len(line) - JSON_TAIL)))
    for match in islice(found, 12):
        start = match.end()
        if (number := _NUMBER.match(line, start)) and (epoch := _number(line, number)):
            return epoch
        value = line[start : start + 80]
        if match[2] and (calendar := _calendar(value)) and calendar.start <= 14:
            return calendar._replace(start=start + calendar.start, end=start + calendar.end, dialect="JSON " + calendar.dialect)
    return None


def _number(line: str, match: re.Match[str]) -> Raw | None:
    if match[3]:
        digits = match[3] + match[4]
        length = 10 if match[5].endswith("9") else 13
        digits = digits.ljust(length, "0")
        return _epoch(match.start(), match.end(), int(digits[:10]), nanos(digits[10:]), "JSON epoch")
    digits = match[1]
    finer = {9: 0, 10: 0, 13: 3, 16: 6, 19: 9}.get(len(digits))
    if finer is None or digits[0] == "-":
        return None
    seconds = int(digits[: len(digits) - finer])
    fraction = (digits[len(digits) - finer :] if finer else "") + (match[2] or "")
    if not fraction and (more := _NANOS.match(line, match.end())):
        return _epoch(match.start(), more.end(), seconds, int(more[1]), "JSON epoch and nanoseconds")
    return _epoch(match.start(), match.end(), seconds, nanos(fraction), "JSON epoch")


_Families: TypeAlias = Sequence[tuple[re.Pattern[str], Callable[[str, re.Match[str]], Raw | None]]]
_FAMILIES: _Families = (
    (_YEAR_FIRST, _year_first),
    (_YEAR_MONTH, _year_month),
    (_MONTH_DAY, _month_day),
    (_DAY_MONTH, _day_month),
    (_PACKED, _packed),
    (_NUMBERS, _numbers),
)
_FOREIGN: _Families = (
    (re.compile(r"([^\W\d_]{3,10})" + _AFTER_MONTH), _month_day),
    (re.compile(_BEFORE_MONTH + r"([^\W\d_]{3,10})" + _SINCE_MONTH), _day_month),
)
