"""The clock of one log: a reader that learns how a source writes its times and then reads them fast, in UTC.

Rules, each of them said in `report`: a zone named in the line > one the format fixes (epochs, W3C) > one configured for
the source > the host's. A missing year is the latest that is not over a day after `reference`. Day and month in doubtful
order are settled by all lines seen. Times that go backwards stay as they are and are counted.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo

from mcp_server.logs.dialects import HEAD, JSON_HEAD, JSON_TAIL, Raw, plain, scan
from mcp_server.logs.layouts import Layout
from mcp_server.logs.order import Order, settle
from mcp_server.logs.ownership import Ownership
from mcp_server.logs.places import Place, place_of
from mcp_server.logs.time import Stamp, ZoneRule, build

_INDENT = (" ", "\t")
_MOST_PLACES = 6
_MOST_TRIPLES = 400
_ENOUGH = 64


@dataclass(frozen=True, slots=True)
class StampReport:
    """How the times of a source were read, for the answer that rests on them."""

    stamped: int
    unstamped: int
    backwards: int
    """Stamps earlier than the one before them; kept as they are."""
    dialects: tuple[str, ...]
    zone: ZoneRule
    """The weakest rule that was needed: `line` or `format` when every stamp tells its zone."""
    assumed: tuple[str, ...]
    """What lines did not say: `year`, `date`, `order` (of day and month), `zone` (a shared abbreviation)."""


class StampReader:
    """Reads the stamps of one source. Zone rule: named in the line > the format's > `zone` (configured) > `host_zone`.

    `reference` (UTC; the file's mtime, default now) settles years and dates that lines do not name. `boot` (UTC) turns
    times since boot into instants; without it such lines have a stamp but no instant.
    """

    def __init__(
        self,
        *,
        zone: tzinfo | None = None,
        host_zone: tzinfo | None = None,
        reference: datetime | None = None,
        boot: datetime | None = None,
    ) -> None:
        self._zone = zone or host_zone or UTC
        self._rule: ZoneRule = "source" if zone else "host"
        self._reference = reference or datetime.now(UTC)
        self._boot = boot
        self._places: list[Place] = []
        self._order: Order | None = None
        self._triples: list[tuple[int, int, int | None]] = []
        self._signs: tuple[str, int] = ("/", 4)
        self._utc_by_format = False
        self._owner = Ownership()
        self._day: date | None = None
        self._clock: timedelta | None = None
        self._last: datetime | None = None
        self._stamped = self._unstamped = self._backwards = 0
        self._dialects: Counter[str] = Counter()
        self._assumed: set[str] = set()
        self._needed: set[ZoneRule] = set()

    def learn(self, lines: Iterable[str | bytes]) -> None:
        """Look at a sample (the head of the source): places of stamps, order of day and month. Counts nothing."""
        kept = (self._stamped, self._unstamped, self._backwards, self._last)
        for line in lines:
            self.seen(line)
        self._settle_order()
        self._stamped, self._unstamped, self._backwards, self._last = kept
        self._day = self._clock = None

    def at(self, line: str | bytes) -> datetime | None:
        """The instant of a line in UTC, or None where the line has none of its own. Never raises."""
        return self.seen(line)[1]

    def seen(self, line: str | bytes) -> tuple[bool, datetime | None]:
        """Whether a line carries a stamp of its own, so that a record begins, and the instant if it can be told."""
        text = line if isinstance(line, str) else _decoded(line)
        for place in self._places:
            moment = place.moment(text)
            if moment is not None:
                return True, self._count(moment)
        if text[:1] in _INDENT and self._owner.flush and "{" not in text[:HEAD]:
            self._unstamped += 1
            return False, None
        return self._cold(text)

    def read(self, line: str) -> Stamp | None:
        """Everything the stamp of a line says, as this source is read; slower than `at`. Counts nothing."""
        line = plain(line)
        raw = scan(line)
        if raw is None or not self._owner.owns(line, raw):
            return None
        found = build(line, self._ordered(raw), self._reference, self._zone)
        if found is None or found.moment is None or found.moment.tzinfo is not None:
            return found
        rule: ZoneRule = "format" if self._utc_by_format else self._rule
        return replace(found, zone=rule)

    def report(self) -> StampReport:
        """What was read so far, and by which rules."""
        strength: tuple[ZoneRule, ...] = ("host", "source", "format", "line")
        weakest: ZoneRule = next((rule for rule in strength if rule in self._needed), "none")
        names = tuple(name for name, _ in self._dialects.most_common(8))
        return StampReport(self._stamped, self._unstamped, self._backwards, names, weakest, tuple(sorted(self._assumed)))

    def _count(self, moment: datetime) -> datetime:
        if self._last is not None and moment < self._last:
            self._backwards += 1
        self._last = moment
        self._stamped += 1
        return moment

    def _cold(self, line: str) -> tuple[bool, datetime | None]:
        line = plain(line)
        if line.startswith("#") and line.startswith(("#Fields:", "#Date:", "#Software:")):
            self._directive(line)
        raw = scan(line)
        if raw is None or not self._owner.owns(line, raw):
            self._unstamped += 1
            return False, None
        if raw.order:
            self._note_order(raw, line)
            raw = self._ordered(raw)
        stamp = build(line, raw, self._reference, self._zone)
        if stamp is None:
            self._unstamped += 1
            return False, None
        self._owner.note(line, raw)
        self._dialects[stamp.dialect] += 1
        self._assumed |= stamp.assumed
        moment = self._instant(stamp)
        if moment is None:
            self._stamped += 1
            return True, None
        if stamp.kind in ("date", "epoch"):
            self._remember(line, raw, moment)
        return True, self._count(moment)

    def _instant(self, stamp: Stamp) -> datetime | None:
        if stamp.kind == "boot":
            return self._boot + stamp.elapsed if self._boot and stamp.elapsed else None
        moment = stamp.moment
        if stamp.kind == "clock" and stamp.elapsed is not None:
            moment = self._on_some_day(stamp.elapsed)
        if moment is None:
            return None
        if moment.tzinfo is not None:
            self._needed.add(stamp.zone)
            return stamp.utc()
        self._needed.add("format" if self._utc_by_format else self._rule)
        if stamp.kind == "date":
            self._day = moment.date()
        return _shifted(moment, UTC if self._utc_by_format else self._zone)

    def _on_some_day(self, elapsed: timedelta) -> datetime | None:
        """The date of a time of day: that of the lines before, the next day when the clock turned; else the reference's."""
        self._assumed.add("date")
        if self._day is None:
            wall = self._reference.astimezone(self._zone)
            self._day = wall.date()
            if datetime.combine(self._day, datetime.min.time()) + elapsed > wall.replace(tzinfo=None) + timedelta(hours=1):
                self._day -= timedelta(days=1)
        elif self._clock is not None and elapsed < self._clock - timedelta(hours=12):
            self._day += timedelta(days=1)
        self._clock = elapsed
        return datetime.combine(self._day, datetime.min.time()) + elapsed

    def _directive(self, line: str) -> None:
        """W3C extended logs (IIS): their times are UTC by specification."""
        self._utc_by_format = True
        if line.startswith("#Date:") and (raw := scan(line)) and (found := build(line, raw)) and found.moment:
            self._day, self._clock = found.moment.date(), None

    def _note_order(self, raw: Raw, line: str) -> None:
        if raw.order and len(self._triples) < _MOST_TRIPLES:
            self._triples.append(raw.order)
            sign = re.search("[/.-]", line[raw.start : raw.end])
            self._signs = (sign[0] if sign else "/", 2 if raw.order[2] is not None and raw.order[2] < 100 else 4)
            if len(self._triples).bit_count() == 1:
                self._settle_order()

    def _settle_order(self) -> None:
        if not self._triples:
            return
        order = settle(self._triples, *self._signs, self._reference)
        if order != self._order:
            self._order = order
            self._places.clear()

    def _ordered(self, raw: Raw) -> Raw:
        if raw.order is None or self._order is None:
            return raw
        chosen = self._order.apply(raw.order)
        if chosen is None:
            return raw
        year, month, day = chosen
        return raw._replace(year=year, month=month, day=day, sure=not self._order.assumed)

    def _remember(self, line: str, raw: Raw, moment: datetime) -> None:
        """Learn where this stamp stood and how it is written, for the lines to come."""
        if raw.order and (self._order is None or (self._order.assumed and len(self._triples) < _ENOUGH)):
            return  # the order may still change
        settled = Layout.of(line, raw, self._reference, UTC if self._utc_by_format else self._zone)
        if settled is None or settled.moment(line[raw.start : raw.end]) != moment:
            return
        for position, place in enumerate(self._places):
            if place.takes(line, raw):
                place.add(line, raw, settled)
                self._places.insert(0, self._places.pop(position))
                return
        new = place_of(line, raw)
        if new is not None:
            new.add(line, raw, settled)
            self._places.insert(0, new)
            del self._places[_MOST_PLACES:]


def _decoded(line: bytes) -> str:
    """The part of a line in which its stamp can be; a JSON line may carry it at its end."""
    if line[:1] != b"{" or len(line) <= JSON_HEAD:
        return line[:JSON_HEAD].decode("utf-8", "replace")
    return (line[:JSON_HEAD] + line[-JSON_TAIL:]).decode("utf-8", "replace")


def _shifted(moment: datetime, zone: tzinfo) -> datetime | None:
    try:
        return moment.replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):  # the first and the last year have no neighbours to shift into
        return None
