"""How far other clocks are from this machine's, measured from what was seen anyway: nothing is asked for it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from mcp_server.core.clock import parse_moment
from mcp_server.core.edge import is_here
from mcp_server.core.errors import Broken
from mcp_server.core.ledger import Ledger
from mcp_server.incident.answers import Answers
from mcp_server.incident.happening import Happening
from mcp_server.incident.record import Incident
from mcp_server.incident.same import Skew, skews

OURS = "this machine's clock"
DATES = 400
"""So many HTTP answers are looked at, the newest ones."""
UNBOUND_MS = 86_400_000
"""How wide a band is of which only the near end is known."""
_MS = timedelta(milliseconds=1)


def measured(ledger: Ledger, incident: Incident, known: Answers, story: Sequence[Happening]) -> tuple[Skew, ...]:
    """Every clock that something is known of, those that are certainly off first."""
    found = [*http_dates(ledger, incident), *committers(known), *stepped(known), *skews(story)]
    return tuple(sorted(found, key=lambda item: (not item.apart(), item.source, item.against)))


def http_dates(ledger: Ledger, incident: Incident) -> Iterator[Skew]:
    """The `Date` of every HTTP answer against our clock around that look: each gives a band, together they narrow it.

    The header's second began before the answer was sent and ends a second later; the answer came while we looked.
    """
    bands: dict[str, list[tuple[float, float, str]]] = {}
    entries = [
        entry
        for entry in ledger.entries(incident=incident.id, kind="evidence")
        if entry.body["call"].get("kind") == "http" and entry.body["target"] == "local" and entry.body.get("sha256")
    ]
    for entry in entries[-DATES:]:
        try:
            date = _date(ledger.blob(entry.body["sha256"]))
            host = urlsplit(str(entry.body["call"].get("url", ""))).netloc
        except (Broken, ValueError):
            continue
        if date and host:
            began = parse_moment(entry.body["started"])
            ended = began + timedelta(milliseconds=float(entry.body["took_ms"]))
            band = (date - ended) / _MS - 1, (date + timedelta(seconds=1) - began) / _MS + 1
            bands.setdefault(host, []).append((*band, f"E{entry.seq}"))
    for host, seen in bands.items():
        low, high = max(band[0] for band in seen), min(band[1] for band in seen)
        if low > high:  # it was set meanwhile, or several servers answer: what all of them say together
            low, high = min(band[0] for band in seen), max(band[1] for band in seen)
        own = urlsplit(f"//{host}").hostname or ""
        if not is_here(own) or low > 0 or high < 0:
            yield Skew(
                source=f"clock of {host}", against=OURS, low_ms=round(low), high_ms=round(high), pairs=len(seen),
                how="the Date of its HTTP answers", evidence=tuple(band[2] for band in seen[:4]),
            )  # fmt: skip


def _date(blob: bytes) -> datetime | None:
    import json

    headers = json.loads(blob).get("headers", {})
    text = next((value for name, value in headers.items() if name.lower() == "date"), None)
    if not text:
        return None
    moment = parsedate_to_datetime(str(text))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def committers(known: Answers) -> Iterator[Skew]:
    """A commit that reached this checkout before it was made was stamped by a clock that is ahead, by at least so much."""
    ahead: dict[str, list[tuple[float, tuple[str, ...]]]] = {}
    for change in known.changes:
        if change.source == "git" and change.stamp:
            try:
                made = parse_moment(change.stamp)
            except ValueError:
                continue
            early = (made - change.at) / _MS - change.doubt_ms
            if early > 0:
                ahead.setdefault(change.component, []).append((early, change.summary.evidence))
    for found in ahead.values():
        least, cited = max(found, key=lambda item: item[0])
        yield Skew(
            source="a committer's clock", against="the clock of this checkout", low_ms=round(least),
            high_ms=round(least) + UNBOUND_MS, pairs=len(found), evidence=cited[:4],
            how="commits that reached this checkout before they were made",
        )  # fmt: skip


def stepped(known: Answers) -> Iterator[Skew]:
    """Where this machine's clock was set (its journal's two clocks moved apart): what is dated before is off by so much."""
    for change in known.changes:
        by = change.summary.values.get("by_s")
        if change.kind == "clock" and isinstance(by, int | float) and by:
            ms = round(by * 1000) * (1 if "set back" in change.summary.text else -1)
            yield Skew(
                source=f"this machine's clock before {change.at:%b %d %H:%M:%S}Z", against="the same clock afterwards",
                low_ms=ms - 50, high_ms=ms + 50, pairs=1, evidence=change.summary.evidence[:4], until=change.at,
                how="the journal's stamps and the time since boot",
            )  # fmt: skip


def band_ms(item: Happening, known: Sequence[Skew]) -> tuple[int, int]:
    """(before, after): how many milliseconds a happening may lie off its stated time, by its own doubt and its clock's."""
    if item.kind in ("incident", "note", "answer"):
        return item.doubt_ms, item.doubt_ms
    off = [
        skew
        for skew in known
        if skew.apart()
        and (item.at < skew.until if skew.until else skew.source in (item.lane(), item.source, f"clock of {item.origin}"))
    ]
    before, after = max((skew.high_ms for skew in off), default=0), max((-skew.low_ms for skew in off), default=0)
    return item.doubt_ms + max(0, before), item.doubt_ms + max(0, after)


def said_of(skew: Skew) -> tuple[str, dict[str, str]]:
    """`{source} is {least} to {most} ahead of {against}: …`, and the values."""
    names = {"source": skew.source, "against": skew.against}
    if not skew.apart():
        width = max(abs(skew.low_ms), abs(skew.high_ms))
        return f"{{source}} and {{against}} agree within {span_ms(width)}, by {skew.how}", names
    side = "ahead of" if skew.low_ms > 0 else "behind"
    least, most = sorted((abs(skew.low_ms), abs(skew.high_ms)))
    ends = dict.fromkeys((span_ms(least), span_ms(most)))
    amount = " to ".join(ends)
    if most - least >= UNBOUND_MS:
        amount = f"at least {span_ms(least)}"
    return f"{{source}} is {amount} {side} {{against}}, by {skew.how}", names


def span_ms(value: float) -> str:
    """`120 ms`, `3.2 s`, `12 min`, `2.0 h`."""
    value = abs(value)
    for size, unit in ((3_600_000, "h"), (60_000, "min"), (1_000, "s")):
        if value >= size * (1 if unit == "s" else 2):
            return f"{value / size:.1f} {unit}"
    return f"{value:.0f} ms"
