"""How one source writes its stamps: learned from one line, read from the next ones by position, without searching.

A learned layout gives exactly what the cold reading gives, or nothing: digits must stand where digits stood, every other
character must be the same, and what follows must not be able to belong to the stamp. (In JSON lines the member learned
is read, though a line may have another one that names a time before it.)
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from datetime import time as clocktime

from mcp_server.logs.dialects import Raw
from mcp_server.logs.order import full_year
from mcp_server.logs.time import without_year, zone_of
from mcp_server.logs.zones import abbreviation

DIGITS = str.maketrans("123456789", "000000000")
_NUMBER = re.compile("[0-9]+")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISO = re.compile(r"0000-00-00[T _]00:00:00(?:[.,]0{1,12})?$")
_CLOCK = re.compile(r"00:00:00(?:[.,]0{1,12})?(?!0)")
_MOST = 128

_PLAIN_EPOCHS = ("epoch seconds", "epoch with fraction", "epoch ms", "epoch µs", "epoch ns", "JSON epoch", "audit")
Reading = Callable[[str], datetime]


@dataclass(frozen=True, slots=True)
class Layout:
    """One way of writing a stamp. `read` raises ValueError where the numbers are no date."""

    mask: str
    zone_at: int
    zone: str
    read: Reading

    @classmethod
    def of(cls, line: str, raw: Raw, reference: datetime, zone: tzinfo) -> "Layout | None":
        """The layout of this stamp, or None for one that is better read cold."""
        text = line[raw.start : raw.end]
        mask = text.translate(DIGITS)
        if raw.kind == "epoch":
            return cls(mask, len(text), "", _epoch_reading(text)) if raw.dialect.endswith(_PLAIN_EPOCHS) else None
        zone_at = text.rindex(raw.zone) if raw.zone else len(text)
        named = zone_of(raw.zone, datetime(2000, 1, 1))[0] if raw.zone else None
        if raw.zone and (named is None or "/" in raw.zone or _shared(raw.zone)):
            return None
        read = _date_reading(text, mask, zone_at, raw, named or zone, reference)
        return cls(mask, zone_at, raw.zone if raw.zone and _NUMBER.search(raw.zone) else "", read) if read else None

    def moment(self, text: str) -> datetime | None:
        """The instant in UTC, or None where the cold reading must decide."""
        if self.zone and not text.startswith(self.zone, self.zone_at):
            return None
        try:
            return self.read(text)
        except (ValueError, OverflowError):
            return None


def _shared(zone: str) -> bool:
    word = abbreviation(zone) if zone.isalpha() else None
    return bool(word and word[1])


def _epoch_reading(text: str) -> Reading:
    whole, point, _ = text.partition(".")
    width = 9 if len(whole) == 9 else 10

    def read(text: str) -> datetime:
        digits = text if not point else text[: len(whole)] + text[len(whole) + 1 :]
        seconds, rest = int(digits[:width]), (digits[width:] + "000000")[:6]
        if not 500_000_000 <= seconds <= 4_100_000_000:
            raise ValueError("no epoch of a log")
        return _EPOCH + timedelta(seconds=seconds, microseconds=int(rest))

    return read


def _date_reading(text: str, mask: str, zone_at: int, raw: Raw, zone: tzinfo, reference: datetime) -> Reading | None:
    if _ISO.match(mask[:zone_at].rstrip()) and mask[zone_at - 1 : zone_at] != "+":
        end = len(mask[:zone_at].rstrip())
        return _iso_reading(end, zone)
    spans = _spans(text, zone_at, raw)
    if spans is None:
        return None
    year, month, day, hour, minute, second, fraction = spans
    half = {"A": 0, "P": 12}.get(_half(text[:zone_at]))
    end = (fraction or second or minute).stop
    plain = half is None and _CLOCK.match(mask, hour.start) is not None
    days: dict[str, date] = {}

    def clock_of(text: str) -> clocktime:
        if plain:
            return clocktime.fromisoformat(text[hour.start : end])
        h = int(text[hour])
        h = h % 12 + half if half is not None and 1 <= h <= 12 else h
        micro = int((text[fraction] + "00000")[:6]) if fraction else 0
        return clocktime(h, int(text[minute]), int(text[second]) if second else 0, micro)

    def day_of(text: str, clock: clocktime, key: str) -> date:
        mo, d = int(text[month]) if month else raw.month, int(text[day])
        if year is not None:
            found = days[key] = date(full_year(int(text[year])) or 0, mo, d)
            return found
        first, mine, last = (
            without_year(mo, d, (at.hour, at.minute, at.second, at.microsecond), reference).date()
            for at in (clocktime.min, clock, clocktime.max)
        )
        if first == last:  # else it is the day on which the year depends on the clock
            days[key] = mine
        return mine

    def read(text: str) -> datetime:
        """Date and clock apart: the lines of one day share their date."""
        clock = clock_of(text)
        key = text[: hour.start] + text[end:]
        found = days.get(key)
        if found is None:
            if len(days) > _MOST:
                days.clear()
            found = day_of(text, clock, key)
        moment = datetime.combine(found, clock, zone)
        return moment if zone is UTC else moment.astimezone(UTC)

    return read


def _iso_reading(end: int, zone: tzinfo) -> Reading:
    if zone is UTC:
        return lambda text: datetime.fromisoformat(text[:end]).replace(tzinfo=UTC)
    return lambda text: datetime.fromisoformat(text[:end]).replace(tzinfo=zone).astimezone(UTC)


def _half(text: str) -> str:
    match = re.search(r"([AaPp])\.?[Mm]\.?(?:\s|$)", text)
    return match[1].upper() if match else ""


_Spans = tuple[slice | None, slice | None, slice, slice, slice, slice | None, slice | None]


def _spans(text: str, zone_at: int, raw: Raw) -> _Spans | None:
    """Where the fields stand, by the order in which the dialect writes its numbers; the caller verifies the result."""
    found = [slice(match.start(), match.end()) for match in _NUMBER.finditer(text, 0, zone_at)]
    if raw.dialect in ("ISO 8601", "year first"):
        head, rest = _three(found[:3]), found[3:]
    elif raw.dialect.startswith("numbers"):
        head, rest = _ordered(found, raw)
    elif raw.dialect in ("month name", "day, month name"):
        head, rest = _named(text, found, zone_at, raw)
    else:
        return None
    if head is None or len(rest) < 2 or any(span.stop - span.start > 2 for span in rest[:3]):
        return None
    fraction = rest[3] if len(rest) > 3 else None
    return (*head, rest[0], rest[1], rest[2] if len(rest) > 2 else None, fraction)


_Date = tuple[slice | None, slice | None, slice]


def _three(found: list[slice]) -> _Date | None:
    return (found[0], found[1], found[2]) if len(found) == 3 else None


def _ordered(found: list[slice], raw: Raw) -> tuple[_Date | None, list[slice]]:
    if raw.order is None or raw.order[0] == raw.order[1] or len(found) < 3:
        return None, found
    first, second, third = raw.order
    if third is None:
        return ((None, found[0], found[1]) if raw.month == first else (None, found[1], found[0])), found[2:]
    if (raw.month, raw.day) == (first, second):
        return (found[2], found[0], found[1]), found[3:]
    if (raw.month, raw.day) == (second, first):
        return (found[2], found[1], found[0]), found[3:]
    return ((found[0], found[1], found[2]) if (raw.month, raw.day) == (second, third) else None), found[3:]


def _named(text: str, found: list[slice], zone_at: int, raw: Raw) -> tuple[_Date | None, list[slice]]:
    day, rest = found[0], found[1:]
    after = _NUMBER.search(text, zone_at + len(raw.zone or ""))
    if raw.year is None:
        return (None, None, day), rest
    if after:
        return (slice(after.start(), after.end()), None, day), rest
    for index, span in enumerate(rest):
        if text[span] == str(raw.year) or (index == 0 and full_year(int(text[span])) == raw.year):
            return (rest.pop(index), None, day), rest
    return None, rest
