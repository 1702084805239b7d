"""What recurs: the same hour a day, a week and a month before."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from mcp_server.core.calls import Which
from mcp_server.core.change import Change, Window
from mcp_server.core.declare import Scope
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Reader
from mcp_server.engine.echoes import NOTHING, sources_to_ask, windows
from mcp_server.engine.ranking import rank
from mcp_server.engine.session import Session
from mcp_server.surface.render import render
from tests.engine.test_what_changed import ONSET, ask, change, session

__all__ = ["session"]
BACK = {"24 h": 86_400, "7 d": 7 * 86_400, "30 d": 30 * 86_400}
asked: list[Window] = []


def timer(*periods: str, fails: bool = False):  # type: ignore[no-untyped-def]
    """A source that saw a timer fire a minute before the onset, and in these earlier hours."""

    def collect(reader: Reader, window: Window, scope: Scope) -> Iterator[Change]:
        asked.append(window)
        seen = reader.look(Which(program="x"))
        if fails and window.until < ONSET - timedelta(hours=12):
            raise CouldNotLook("the log of timers", "missing", "it begins later")
        for back in (0, *(BACK[period] for period in periods)):
            item = change("timers", -60 - back, kind="fire", path="backup.timer")
            if window.since <= item.at <= window.until:
                cited = item.summary.model_copy(update={"evidence": (seen.evidence,)})
                yield item.model_copy(update={"summary": cited})

    return collect


@pytest.mark.parametrize("period", list(BACK))
def test_what_happened_at_that_hour_before_without_trouble_counts_against_it(session: Session, period: str) -> None:
    outcome = ask(session, {"timers": timer(period)})
    text = render(outcome)
    assert f"{period} before the onset: 1 changes in the same hour, of which these happened again: `backup.timer`" in text
    assert "without trouble that is known" in text
    assert outcome.verdict == "ok"


def test_nothing_that_recurs_is_said_as_such(session: Session) -> None:
    outcome = ask(session, {"timers": timer()})
    assert NOTHING in outcome.coverage.empty


def test_an_hour_that_could_not_be_seen_is_told_and_leaves_the_answer_about_now(session: Session) -> None:
    outcome = ask(session, {"timers": timer(fails=True)})
    assert "24 h before the onset: 0 changes in the same hour; not seen there: `the log of timers`" in render(outcome)
    assert outcome.verdict == "ok"


def test_only_sources_that_saw_something_near_are_asked_again_and_for_short_windows(session: Session) -> None:
    assert sources_to_ask([change("git", -5), change("s", -60), change("far", -9_000)], ONSET) == {"s"}
    asked.clear()
    ask(session, {"timers": timer()})
    assert len(asked) == 4
    assert all(window.until - window.since <= timedelta(hours=2) for window in asked)
    day = Window(since=ONSET - timedelta(hours=24), until=ONSET)
    assert [(period, window.until <= day.since) for period, window in windows(ONSET, day)] == [(p, True) for p in BACK]
    month = Window(since=ONSET - timedelta(days=40), until=ONSET)
    assert list(windows(ONSET, month)) == [], "what is asked for covers it"


def test_earlier_changes_are_not_ranked() -> None:
    now, before = change("s", -60, path="/a"), change("s", -60 - 86_400, path="/a")
    ranking = rank([now], ONSET, earlier=[before])
    assert len(ranking.changes) == 1
    assert any(part.name == "echo" and part.points < 0 for part in ranking.changes[0].parts)
