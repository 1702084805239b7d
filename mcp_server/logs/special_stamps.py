"""Stamps of a shape of their own: klog, epochs, audit, TAI64N, time since boot, time of day, and some rarer ones."""

import re
from datetime import date, timedelta

from mcp_server.logs.calendar_stamps import orders
from mcp_server.logs.order import full_year
from mcp_server.logs.stamp_parts import FRACTION, Raw, finish, nanos

_LEAD = r"[ \t]{0,8}(?:<[0-9]{1,3}>|#\+?)?[\[(<{\"']?[ \t]{0,2}(?:(?:\[pid +[0-9]{1,9}\]|[0-9]{1,7})[ \t]{1,4})?"
_EPOCH = re.compile(
    _LEAD.replace("[0-9]{1,7}", "[0-9]{1,7}|-")
    + r"(?:([0-9]{10})(?:\.([0-9]{1,9})|([0-9]{3})|([0-9]{6})|([0-9]{9}))?(?![\w.:/])|1\.([0-9]{6,18})e\+?0?9(?![\w.]))"
)
_BOOT = re.compile(r"[ \t]{0,4}(?:<[0-9]{1,3}>)?\[ {0,12}([0-9]{1,10})\.([0-9]{3,9})(?:\] ?|,)")
_CLOCK_HEAD = re.compile(_LEAD + r"([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?![0-9:])" + FRACTION)
_CLOCK_DATE = re.compile(r"[ \t,]{1,2}([0-9]{1,4})([/.-])([0-9]{1,2})\2([0-9]{4}|[0-9]{2})(?![0-9])")
_KLOG = re.compile(r"[IWEFDC]((?:20[0-9]{2})?)([01][0-9])([0-3][0-9]) ([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?")
_CHROMIUM = re.compile(
    r"\[(?:[0-9]{1,9}:[0-9]{1,19}:)?([01][0-9])([0-3][0-9])/([0-9]{2})([0-9]{2})([0-9]{2})(?:\.([0-9]{1,9}))?:"
)
_ORDINAL = re.compile(r"[\[(<]?([12][90][0-9]{2})-([0-3][0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?![0-9])" + FRACTION)
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
KEYS = (
    "@?(?:time_?stamp|time|ts|t|datetime|date_?time|date|asctime|event_?time|log_?time|created(?:_?at)?|time_?local|time_?iso8601|when"
    "|eventtimestamp)"
)
_LOGFMT = re.compile(
    r"(?:^|[\s,;{\[|])(?:"
    + KEYS
    + r"|rt|epoch)=[\"']?([0-9]{10})(?:\.([0-9]{1,9})|([0-9]{3})|([0-9]{6})|([0-9]{9}))?(?![\w.])",
    re.I,
)


def special(head: str) -> Raw | None:
    """A stamp of a shape of its own at the head of a line, or one that names itself, or None."""
    first = head.lstrip(" \t<([{\"'")[:1]
    if match := _KLOG.match(head):
        return _plain(match, match[1], match[2], match[3], match[4], match[5], match[6], match[7], "klog")
    if match := _CHROMIUM.match(head):
        return _plain(match, None, match[1], match[2], match[3], match[4], match[5], match[6], "MMDD/HHMMSS")
    if match := _ORDINAL.match(head):
        return _day_of_year(head, match)
    if first == "@" and (match := _TAI.match(head)):
        seconds = int(match[1], 16) - 0x4000000000000000 - 10
        return epoch(match.start(), match.end(), seconds, int(match[2] or "0", 16), "TAI64N")
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
        return epoch(match.start(1), match.end(2), int(match[1]), nanos(match[2]), "audit")
    if "UPID:" in head and (match := _UPID.search(head)):
        return epoch(match.start(1), match.end(1), int(match[1], 16), 0, "UPID")
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
    return finish(head, match, (year, day.month, day.day), clock, "day of the year")


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


def epoch(start: int, end: int, seconds: int, ns: int, name: str) -> Raw | None:
    """Seconds since 1970, if a log could have them: between 1985 and 2099."""
    if not 500_000_000 <= seconds <= 4_100_000_000:
        return None
    return Raw(start, end, None, 0, 0, 0, 0, seconds, ns, None, name, "epoch")


def _epoch_of(match: re.Match[str], shift: int) -> Raw | None:
    """Seconds, milli-, micro- or nanoseconds since 1970, told apart by their length; `shift` is the first group's number."""
    whole, dot, *finer = match.groups()[shift : shift + 5]
    if whole is None:
        digits = "1" + (match.groups()[-1] or "")
        return epoch(match.start(), match.end(), int((digits + "000000000")[:10]), nanos(digits[10:]), "epoch with fraction")
    fraction = dot or next((part for part in finer if part), None)
    name = (
        "epoch with fraction"
        if dot
        else {3: "epoch ms", 6: "epoch µs", 9: "epoch ns"}.get(len(fraction or ""), "epoch seconds")
    )
    return epoch(match.start(shift + 1), match.end(), int(whole), nanos(fraction), name)


def logfmt(head: str) -> Raw | None:
    """An epoch behind a key that names a time, as in `ts=1795170667.412`."""
    match = _LOGFMT.search(head) if "=" in head else None
    found = _epoch_of(match, 0) if match else None
    return found and found._replace(dialect="logfmt " + found.dialect)
