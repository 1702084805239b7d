"""A timeline of 100,000 events: time and memory of every step. `python -m bench.timeline [EVENTS]`.

Twelve sources; one event in ten is seen by a second source, whose clock is 7 s ahead.
"""

import random
import resource
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from mcp_server.core.change import Change
from mcp_server.core.outcome import Coverage, Finding, Outcome, Statement
from mcp_server.incident.answers import Answers
from mcp_server.incident.clocks import Skew
from mcp_server.incident.happening import Happening, in_order
from mcp_server.incident.record import Incident
from mcp_server.incident.same import merged, skews
from mcp_server.incident.timeline import events
from mcp_server.incident.timeline_page import Filters, filtered, page

EVENTS = 100_000
ONSET = datetime(2026, 11, 20, 10, 21, 7, tzinfo=UTC)


def made(count: int, seed: int = 1) -> Answers:
    """Changes and log onsets of a bad day."""
    chance = random.Random(seed)
    changes, findings = [], []
    for number in range(count):
        at = ONSET - timedelta(seconds=chance.expovariate(1 / 20_000) - 4_000)
        source, name = f"source{chance.randrange(8)}", f"package{number}"
        if number % 11 == 0 and changes:  # seen by a second source as well
            twin = changes[-1]
            at, source, name = twin.at + timedelta(seconds=7), "second", twin.component
        if number % 4 == 3:
            findings.append(
                Finding(
                    code="recent_errors.x", text="{count} times {subject}", values={"count": number, "subject": f"s {number}"},
                    evidence=(f"E{number}",), at=at, component=f"/var/log/app{number % 4}.log", doubt_ms=999,
                )
            )  # fmt: skip
        else:
            said = Statement(text="{package} was upgraded", values={"package": name}, evidence=(f"E{number % 500}",))
            changes.append(
                Change(source=source, kind="upgrade", at=at, component=name, clues=(f"package:{name}",), summary=said)
            )
    outcome = Outcome(
        name="recent_errors", target="local", verdict="finding", at=ONSET, findings=tuple(findings),
        coverage=Coverage(looked=("logs",)),
    )  # fmt: skip
    return Answers(outcomes=(outcome,), changes=tuple(changes))


def figures(count: int = EVENTS) -> Iterator[tuple[str, float, str]]:
    """(what, seconds, remark) for each step."""
    incident = Incident(id="INC-1", title="bench", state="open", opened=ONSET, onset=ONSET, target="local")
    known = made(count)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows: list[tuple[str, float, str]] = []

    def timed(what: str, work: Callable[[], object], remark: Callable[[object], str] = lambda _: "") -> object:
        began = time.perf_counter()
        result = work()
        rows.append((what, time.perf_counter() - began, remark(result)))
        return result

    told = timed("fold", lambda: events(incident, known, logs=("recent_errors",)))
    assert isinstance(told, tuple)
    off = timed("clocks measured", lambda: [skew for skew in skews(told) if skew.apart()], lambda found: f"{_len(found)} off")
    assert isinstance(off, list)
    story = timed("doubles merged, in order", lambda: in_order(merged(told, off)), lambda found: f"{_len(found):,} left")
    assert isinstance(story, tuple)
    wanted = Filters(kinds=("change",), component="package1")
    timed("filtered", lambda: filtered(story, wanted), lambda found: f"{_len(found):,} pass")
    first = page(story, Filters(), limit=40, budget=12_000, cursor=None, incident="INC-1")
    timed("a page", lambda: page(story, Filters(), limit=40, budget=12_000, cursor=first.cursor, incident="INC-1"))
    text = timed("HTML with drawing", lambda: _html(incident, known, story, off), lambda text: f"{len(str(text)):,} B")
    assert str(text).startswith("<!doctype html>")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    yield from rows
    yield "memory on top of the answers", 0.0, f"{grown / 1024:.0f} MiB"


def _html(incident: Incident, known: Answers, story: tuple[Happening, ...], clocks: object) -> str:
    from mcp_server.incident.causes import Diagnosis
    from mcp_server.incident.timeline_forms import as_page
    from mcp_server.incident.timeline_view import View

    assert isinstance(clocks, list)
    off = tuple(item for item in clocks if isinstance(item, Skew))
    return as_page(View(incident, known, story, Diagnosis(state="found", onset=ONSET, onset_from="incident"), off), story)


def _len(found: object) -> int:
    return len(found) if isinstance(found, tuple | list) else 0


def main() -> None:
    """Print the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    print(f"timeline of {count:,} events")
    for what, seconds, remark in figures(count):
        print(f"  {what:<34}{seconds * 1000:>9.0f} ms  {remark}" if seconds else f"  {what:<34}{'':>12}  {remark}")


if __name__ == "__main__":
    main()
