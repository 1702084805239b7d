"""The time stamp of a log line → UTC, nanoseconds kept, with the rule that gave its zone, its year, its date.

`parse` tells everything a line says (a Stamp); `find_stamp` and `stamp_of` give the moment alone. A source with many
lines is read by `stamps.StampReader`, which learns from its neighbours. The dialects stand in `dialects`.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal

from mcp_server.core.clock import to_utc
from mcp_server.logs.dialects import HEAD, Raw, plain, scan
from mcp_server.logs.order import settle
from mcp_server.logs.zones import abbreviation, iana, offset_zone, settled, shown_twice

__all__ = ["HEAD", "Stamp", "ZoneRule", "doubt_of", "find_stamp", "in_utc", "parse", "stamp_of", "twice_ms"]

ZoneRule = Literal["line", "format", "source", "host", "none"]
"""Who named the zone: the line, its format (epochs, W3C), the source's configuration, the host; or nobody."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_NOTHING: frozenset[str] = frozenset()
_FRACTION = re.compile(r"(?::\d\d|T\d{6}|^\d{9,10})[.,](\d{1,9})")
_NO_SECONDS = re.compile(r"(?<![:\d+-])\d\d?:\d\d(?![:\d])")


@dataclass(frozen=True, slots=True)
class Stamp:
    """A stamp as its line states it. `moment` is naive when no zone is named and None for `boot` and bare `clock` stamps."""

    text: str
    start: int
    dialect: str
    kind: str
    """`date`, `epoch`, `boot` (time since boot) or `clock` (a time of day)."""
    moment: datetime | None
    ns: int = 0
    """Nanoseconds within the second, all nine digits."""
    elapsed: timedelta | None = None
    """Of a `boot` stamp, since boot; of a `clock` stamp, since midnight."""
    zone: ZoneRule = "none"
    assumed: frozenset[str] = frozenset()
    """What the line does not say and was settled by a rule: `year`, `date`, `order` (day or month first), `zone`."""

    def utc(self, zone: tzinfo | None = None) -> datetime | None:
        """The instant in UTC with microseconds; a naive moment is taken to be in `zone` (default: this machine's)."""
        return _utc(self.moment, zone)

    @property
    def doubt_ms(self) -> int:
        """How much later than `moment` it may have been, for what the stamp leaves out: 999 ms for whole seconds."""
        if found := _FRACTION.search(self.text):
            digits = len(found[1])
        elif self.kind == "epoch" and self.text.isdigit():
            digits = max(0, len(self.text) - 10)
        elif _NO_SECONDS.search(self.text):
            return 59_999
        else:
            digits = 3 if self.ns else 0
        return int(10.0 ** (3 - digits)) - 1 if digits < 3 else 0


def parse(line: str, reference: datetime | None = None, zone: tzinfo | None = None) -> Stamp | None:
    """Everything the stamp of a line says, or None where there is none. Never raises.

    `reference` (UTC, default now) settles missing years: the latest that is not over a day ahead. `zone`, that of the
    source, is asked only which of several zones an abbreviation such as CST means there.
    """
    line = plain(line)
    raw = scan(line)
    return build(line, raw, reference, zone) if raw else None


def build(line: str, raw: Raw, reference: datetime | None = None, zone: tzinfo | None = None) -> Stamp | None:
    """A Stamp of what `scan` found, or None where its numbers are no date."""
    if raw.order and not raw.sure:
        raw = ordered(line, raw, reference)
    try:
        text = line[raw.start : raw.end]
        if raw.kind == "date":
            moment, rule, assumed = _dated(raw, reference, zone)
            return Stamp(text, raw.start, raw.dialect, raw.kind, moment, raw.ns, None, rule, assumed)
        if raw.kind == "epoch":
            moment = _EPOCH + timedelta(seconds=raw.second, microseconds=raw.ns // 1000)
            return Stamp(text, raw.start, raw.dialect, raw.kind, moment, raw.ns, None, "format")
        elapsed = timedelta(hours=raw.hour, minutes=raw.minute, seconds=raw.second, microseconds=raw.ns // 1000)
        return Stamp(text, raw.start, raw.dialect, raw.kind, None, raw.ns, elapsed)
    except (ValueError, OverflowError):  # the 31st of February, year 0
        return None


def _dated(raw: Raw, reference: datetime | None, zone: tzinfo | None) -> tuple[datetime, ZoneRule, frozenset[str]]:
    moment, doubtful = moment_of(raw, reference, zone)
    assumed = _NOTHING
    if raw.year is None or raw.doubtful or doubtful:
        marks = {"year": raw.year is None, "order": raw.doubtful, "zone": doubtful}
        assumed = frozenset(mark for mark, holds in marks.items() if holds)
    return moment, "none" if moment.tzinfo is None else "line", assumed


def moment_of(raw: Raw, reference: datetime | None, zone: tzinfo | None) -> tuple[datetime, bool]:
    """The moment of a `date`, and whether its zone had to be chosen among several. Raises ValueError, OverflowError."""
    hour, second = raw.hour, raw.second
    late = hour == 24 or second == 60  # midnight at the end of a day, a leap second: the moment after
    wall = (hour % 24, raw.minute, min(second, 59), raw.ns // 1000)
    if raw.year is not None:
        moment = datetime(raw.year, raw.month, raw.day, *wall)
    else:
        moment = without_year(raw.month, raw.day, wall, reference or datetime.now(UTC))
    if late:
        moment += timedelta(days=hour // 24, seconds=second // 60)
    if raw.zone is None:
        return moment, False
    named, doubtful = offset_zone(raw.zone), False
    if named is None:
        named, doubtful = zone_of(raw.zone, moment, zone)
    if named is None:
        return moment, True
    moment = moment.replace(tzinfo=named)
    if not 1 < moment.year < 9999:
        moment.astimezone(UTC)  # the first and the last year have no neighbours to shift into
    return moment, doubtful


def ordered(line: str, raw: Raw, reference: datetime | None) -> Raw:
    """A date such as 26/11/20 alone: the order that is no future and lies nearest."""
    if raw.order is None or raw.order[2] is None or raw.order[2] > 99:
        return raw
    sign = "-" if "-" in line[raw.start : raw.start + 6] else "." if "." in line[raw.start : raw.start + 6] else "/"
    chosen = settle([raw.order], sign, 2, reference or datetime.now(UTC)).apply(raw.order)
    return raw._replace(year=chosen[0], month=chosen[1], day=chosen[2]) if chosen else raw


def zone_of(text: str, wall: datetime, known: tzinfo | None = None) -> tuple[tzinfo | None, bool]:
    """The zone a line names and whether the name is shared by several zones of which one had to be chosen."""
    if text in ("Z", "z"):
        return UTC, False
    if found := offset_zone(text):
        return found, False
    if any(sign in text for sign in "+-−‐‑–") and not text.isalpha() and "/" not in text:
        raise ValueError("no such offset")
    if "/" in text:
        return iana(text), False
    word = abbreviation(text)
    if word is None:
        return None, False
    if word[1] and (mine := settled(text, wall, known)):
        return mine, False
    return word


def without_year(month: int, day: int, wall: tuple[int, int, int, int], reference: datetime) -> datetime:
    """The latest such moment that is not over a day after `reference`. Raises ValueError where there is no such day."""
    latest = reference.replace(tzinfo=None) + _DAY
    for year in range(reference.year + 1, reference.year - 9, -1):  # nine: 29 February may be eight years away
        try:
            moment = datetime(year, month, day, *wall)
        except ValueError:
            continue
        if moment <= latest:
            return moment
    raise ValueError("no such day")


def find_stamp(line: str, reference: datetime | None = None) -> datetime | None:
    """The moment as it stands: naive when the line names no zone. None when there is none. Never raises."""
    line = plain(line)
    raw = scan(line)
    if raw is None or raw.kind in ("boot", "clock"):
        return None
    if raw.order:
        raw = ordered(line, raw, reference)
    try:
        if raw.kind == "date":
            return moment_of(raw, reference, None)[0]
        return _EPOCH + timedelta(seconds=raw.second, microseconds=raw.ns // 1000)
    except (ValueError, OverflowError):
        return None


def stamp_of(line: str, zone: tzinfo | None = None, reference: datetime | None = None) -> datetime | None:
    """The stamp of a line in UTC with milliseconds, or None. `zone`: of stamps that name none; default: the host's own."""
    stamp = parse(line, reference, zone)
    return in_utc(stamp.moment, zone) if stamp else None


def doubt_of(record: str, zone: tzinfo | None = None, at: datetime | None = None) -> int:
    """How far off, in ms, the time of this record may be; a stamp that is not found again is taken to be of whole seconds.

    `zone` is that of stamps which name none (None: this machine's): where its clock showed an hour twice, that is in doubt.
    `at`: what the record's time was taken for.
    """
    stamp = parse(record.partition("\n")[0], at)
    return (stamp.doubt_ms if stamp else 999) + twice_ms(stamp, zone, at)


def twice_ms(stamp: Stamp | None, zone: tzinfo | None, at: datetime | None = None) -> int:
    """How far apart, in ms, the moments are that a stamp may mean because its clock showed that time twice, or never; 0
    where it names its zone. `at`: what the time was taken for; it tells the year, and stands for a stamp that is not there."""
    wall = stamp.moment if stamp else at.astimezone(zone) if at else None
    if wall is None or (stamp and wall.tzinfo is not None):
        return 0
    return int(shown_twice(wall, zone).total_seconds() * 1000)


def in_utc(moment: datetime | None, zone: tzinfo | None = None) -> datetime | None:
    """A found stamp in UTC with milliseconds; a naive one is taken to be in `zone`."""
    found = _utc(moment, zone)
    return to_utc(found) if found else None


def _utc(moment: datetime | None, zone: tzinfo | None) -> datetime | None:
    if moment is None:
        return None
    try:
        if moment.tzinfo is None:
            moment = moment.astimezone() if zone is None else moment.replace(tzinfo=zone)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError):  # the first and the last year have no neighbours to shift into
        return None
