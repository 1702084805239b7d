"""The time stamp of a log line → UTC. A line without a stamp at its head has none: dates inside a message do not count.

Known: ISO 8601 and its many relatives (Python logging, gunicorn, PostgreSQL), JSON and logfmt members, nginx error log,
common log format, Apache error log, syslog (RFC 3164 without a year, RFC 5424), seconds or milliseconds since 1970.
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache

from mcp_server.core.clock import from_epoch, to_utc

HEAD = 400
"""Characters of a line in which its stamp may end."""

_MONTHS = {
    name: number
    for number, name in enumerate(("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), start=1)
}
_CLOCK = r"(?P<h>\d\d):(?P<mi>\d\d):(?P<s>\d\d)(?:[.,](?P<f>\d{1,9}))?"
_ZONE = r"(?: ?(?P<z>Z|UTC|GMT|[+-]\d\d:?\d\d|[+-]\d\d)(?![\w:]))?"
# what may stand before a stamp that opens a line: priority, brackets, quotes, a level word, a logfmt key
_BEFORE = r"(?:<\d{1,3}>)?(?:1 )?[\[(\"']?(?:[A-Z]{4,8}[:\]|]? {0,4}[\[(]?)?(?:(?:time|ts|timestamp)=\"?)?"
_FORMS = (
    _BEFORE + r"(?P<y>\d{4})[-/](?P<mo>\d\d)[-/](?P<d>\d\d)[T ]" + _CLOCK + _ZONE,
    _BEFORE + r"(?P<d>\d\d)/(?P<mon>[A-Z][a-z]{2})/(?P<y>\d{4}):" + _CLOCK + _ZONE,
    _BEFORE + r"[A-Z][a-z]{2} (?P<mon>[A-Z][a-z]{2}) (?P<d>[ \d]\d) " + _CLOCK + r" (?P<y>\d{4})",
    _BEFORE + r"(?P<mon>[A-Z][a-z]{2}) (?P<d>[ \d]\d) " + _CLOCK,
    _BEFORE + r"(?P<epoch>[1-3]\d{9})(?:(?P<ms>\d{3})|\.(?P<f>\d{1,9}))?(?![\w.])",
)
_CLF = re.compile(r"\[(?P<d>\d\d)/(?P<mon>[A-Z][a-z]{2})/(?P<y>\d{4}):" + _CLOCK + _ZONE, re.ASCII)
_JSON = re.compile(
    r"\"@?(?:time|timestamp|ts|asctime|datetime|date)\" ?: ?\"?"
    r"(?:(?P<y>\d{4})-(?P<mo>\d\d)-(?P<d>\d\d)[T ]" + _CLOCK + _ZONE
    + r"|(?P<epoch>[1-3]\d{9})(?:(?P<ms>\d{3})|\.(?P<f2>\d{1,9}))?(?!\w))",
    re.ASCII,
)  # fmt: skip


def find_stamp(line: str, reference: datetime | None = None) -> datetime | None:
    """The stamp as it stands: naive when the line names no zone. None when there is none. Never raises.

    `reference` (UTC, default now) settles the year of stamps without one: the latest that is not over a day ahead.
    """
    match = _match(line)
    if match is None:
        return None
    try:
        return _moment(match.groupdict(), reference)
    except (ValueError, OverflowError, OSError):  # the 31st of February, year 0, an offset of 99 hours
        return None


def stamp_of(line: str, zone: tzinfo | None = None, reference: datetime | None = None) -> datetime | None:
    """The stamp of a line in UTC, or None. `zone` is that of stamps that name none; default: the host's own."""
    return in_utc(find_stamp(line, reference), zone)


def in_utc(moment: datetime | None, zone: tzinfo | None = None) -> datetime | None:
    """A found stamp in UTC; a naive one is taken to be in `zone`."""
    if moment is None:
        return None
    try:
        if moment.tzinfo is None:
            moment = moment.astimezone() if zone is None else moment.replace(tzinfo=zone)
        return to_utc(moment)
    except (ValueError, OverflowError, OSError):  # the first and the last year have no neighbours to shift into
        return None


@cache
def _forms() -> tuple[re.Pattern[str], ...]:
    """Compiled when the first line is read: most starts of the program read none."""
    return tuple(re.compile(form, re.ASCII) for form in _FORMS)


def _match(line: str) -> re.Match[str] | None:
    if not line or line[0] in " \t":
        return None
    if line[0] == "{":
        return _JSON.search(line, 0, 4_000)
    for form in _forms():
        if match := form.match(line, 0, HEAD):
            return match
    # `client user user [20/Nov/2026:…`: only where the line looks like an access log up to the bracket
    return _CLF.search(line, 0, HEAD) if line.count(" ", 0, line.find("[")) >= 2 else None


def _moment(part: dict[str, str | None], reference: datetime | None) -> datetime:
    if part.get("epoch"):
        fraction = part.get("ms") or part.get("f") or part.get("f2") or "0"
        return from_epoch(int(part["epoch"] or 0) + float(f"0.{fraction}"))
    month = int(part["mo"] or 0) if part.get("mo") else _MONTHS[part["mon"] or ""] if part["mon"] in _MONTHS else 0
    micro = int(((part.get("f") or "") + "000000")[:6])
    rest = (month, int(part["d"] or 0), int(part["h"] or 0), int(part["mi"] or 0), min(int(part["s"] or 0), 59), micro)
    if part.get("y"):
        return datetime(int(part["y"] or 0), *rest, tzinfo=_zone(part.get("z")))
    return _without_year(rest, reference or datetime.now(UTC))


def _zone(text: str | None) -> tzinfo | None:
    if text is None:
        return None
    if text[0] not in "+-":
        return UTC
    digits = text[1:].replace(":", "") + "00"
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:4]))
    return timezone(-offset if text[0] == "-" else offset)


def _without_year(rest: tuple[int, int, int, int, int, int], reference: datetime) -> datetime:
    latest = reference.replace(tzinfo=None) + timedelta(days=1)
    for year in range(reference.year + 1, reference.year - 9, -1):  # nine: 29 February may be eight years away
        try:
            moment = datetime(year, *rest)
        except ValueError:
            continue
        if moment <= latest:
            return moment
    raise ValueError("no such day")
