"""The timeline: one order, doubles told once, clocks measured, filters, pages."""

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.core.change import Change
from mcp_server.core.clock import now, stamp
from mcp_server.core.errors import BadInput
from mcp_server.core.outcome import Outcome, Statement
from mcp_server.engine.catalog import load_catalog
from mcp_server.engine.gate_store import Gate
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.clocks import band_ms
from mcp_server.incident.happening import Happening, in_order
from mcp_server.incident.record import add_note
from mcp_server.incident.same import merged, skews
from mcp_server.incident.timeline_view import view
from mcp_server.surface.render import render
from mcp_server.surface.tools import inventory
from tests.incident.story import Story, at, change, finding, session_in


def happening(seconds: float, source: str, name: str = "in package:nginx", **more: Any) -> Happening:
    said = Statement(text="something", evidence=(more.pop("evidence", f"E-{source}"),))
    return Happening(at=at(seconds), kind=more.pop("kind", "change"), source=source, statement=said, identity=(name,), **more)


def ask(session: Session, **arguments: Any) -> Outcome:
    return inventory(load_catalog())["timeline"].call(session, arguments, Asking())


def upgrade(seconds: float, source: str, package: str, **more: Any) -> Change:
    return change(
        "{package} was upgraded", seconds, (f"package:{package}",), source=source, component=package,
        values={"package": package}, **more,
    ).model_copy(update={"kind": "upgrade"})  # fmt: skip


def test_what_two_sources_saw_is_told_once_and_cites_both() -> None:
    told = merged([happening(0, "packages", doubt_ms=1000, stamp="10:21:07"), happening(0.7, "journal", stamp="10:21:07.7")])
    assert len(told) == 1
    assert told[0].source == "journal", "the more exact time stays"
    assert told[0].stamp == "10:21:07.7", "with its own stamp"
    assert set(told[0].cites()) == {"E-journal", "E-packages"}
    assert (told[0].also[0].source, told[0].also[0].stamp) == ("packages", "10:21:07")


@pytest.mark.parametrize(
    "other",
    [
        happening(1, "packages"),  # the same source: it happened twice
        happening(60, "journal"),  # too far
        happening(1, "journal", "out package:nginx"),  # removed, not installed
        happening(1, "journal", kind="alert"),
    ],
)
def test_what_is_not_the_same_stays_two(other: Happening) -> None:
    assert len(merged([happening(0, "packages"), other])) == 2


def test_a_clock_that_is_off_is_measured_and_its_events_still_find_each_other() -> None:
    story = [happening(second, "gateway", "start unit:gw") for second in (107.4, 167.5, 300.4)]
    story += [happening(second, "systemd", "start unit:gw") for second in (100, 160, 293)]
    (skew,) = skews(in_order(story))
    assert (skew.source, skew.against, skew.pairs) == ("gateway", "systemd", 3)
    assert skew.low_ms <= 7400 <= skew.high_ms
    assert skew.apart()
    assert len(merged(story)) == 3


def test_pairs_that_do_not_agree_say_nothing_about_clocks() -> None:
    story = [happening(second, "gateway", "start unit:gw") for second in (100, 900, 1500)]
    story += [happening(second, "systemd", "start unit:gw") for second in (400, 1000, 3000)]
    assert skews(in_order(story)) == []


def test_the_story_holds_alerts_and_actions_and_keeps_every_stamp(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        story = Story(session)
        story.answer(
            "recent_errors",
            finding(
                "recent_errors.no_space", "{count} times {subject}", values={"count": 3, "subject": "x", "last": stamp(at(50))},
                component="/var/log/shop/app.log", at=at(0), doubt_ms=999,
            ),
        )  # fmt: skip
        story.changed(change("c", -60, stamp="Fri 20 Nov 11:20:07 CET"))
        for source, seconds in (("alertmanager", 5), ("pagerduty", 6)):
            body = {"title": "5xx", "source": source, "starts_at": stamp(at(seconds)), "fingerprint": "f1", "severity": "page"}
            session.ledger.append("alert.received", body, incident=story.incident.id)
        session.ledger.append("plan.made", {"plan": "P-1", "operation": "restart shop"}, incident=story.incident.id)
        add_note(session, story.incident, "people call")
        outcome = ask(session)
    rows = json.loads(json.dumps(outcome.data))["timeline"]
    assert [row["kind"] for row in rows] == ["change", "log", "alert", "incident", "incident", "action", "note"]
    assert rows[0]["stamp"] == "Fri 20 Nov 11:20:07 CET"
    assert rows[1]["origin"] == "/var/log/shop/app.log"
    assert rows[1]["until"] == stamp(at(50))
    assert [item["origin"] for item in rows[2]["also"]] == ["pagerduty"]
    assert "also seen by alert `pagerduty`" in render(outcome)
    assert "±999 ms" in render(outcome)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"kinds": ["log"]}, 1),
        ({"sources": ["git"]}, 2),
        ({"sources": ["app.log"]}, 1),
        ({"sources": ["/var/log/shop/app.log", "http_check"]}, 2),
        ({"component": "shop.service"}, 1),
        ({"since": stamp(at(-90)), "until": stamp(at(20))}, 2),
        ({"severity": "critical", "kinds": ["log", "finding"]}, 1),
        ({"sources": ["nobody"]}, 0),
    ],
)
def test_filters(tmp_path: Path, arguments: dict[str, Any], expected: int) -> None:
    with session_in(tmp_path) as session:
        story = Story(session)
        story.answer(
            "recent_errors",
            finding("recent_errors.no_space", component="/var/log/shop/app.log", at=at(0), severity="critical"),
        )
        story.answer("http_check", finding("http_check.bad_gateway", component="shop.service"))
        story.changed(change("near", -60), change("far", -6000))
        outcome = ask(session, **arguments)
    assert isinstance(outcome.data, dict)
    assert outcome.data["matching"] == expected
    assert ("nothing of" in render(outcome)) == (expected == 0)


def test_pages_follow_each_other_without_a_gap_although_the_story_grows(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        story = Story(session)
        story.changed(*(change("same" if number % 3 else "other", -number // 2) for number in range(90)))
        whole = ask(session, limit=500, budget=50_000).data
        assert isinstance(whole, dict)
        pages: list[Any] = []
        cursor = ""
        while not pages or cursor:
            answer = ask(session, limit=17, **({"cursor": cursor} if cursor else {})).data
            assert isinstance(answer, dict)
            pages.insert(0, answer["timeline"])
            cursor = answer["cursor"]
            add_note(session, story.incident, "meanwhile")
        assert [row for page in pages for row in page] == whole["timeline"]
        with pytest.raises(BadInput, match="another question"):
            first = ask(session, limit=5).data
            assert isinstance(first, dict)
            ask(session, limit=5, kinds=["change"], cursor=first["cursor"])
        with pytest.raises(BadInput, match="not made by this program"):
            ask(session, cursor="abcd")
        with pytest.raises(BadInput, match="the kinds are change"):
            ask(session, kinds=["deploy"])


def test_a_small_budget_shows_less_and_says_so(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        story = Story(session)
        story.changed(*(change("a change with a sentence of its own", -number) for number in range(60)))
        outcome = ask(session, budget=1_000)
    assert len(render(outcome)) < 2_000
    assert "earlier lines are not shown; they follow with cursor=" in render(outcome)


def test_the_date_of_http_answers_gives_the_clock_of_their_server(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        story = Story(session)
        for ahead in (90.2, 90.9):
            date = now() + timedelta(seconds=ahead)
            answer = {"status": 200, "headers": {"Date": f"{date:%a, %d %b %Y %H:%M:%S} GMT"}}
            call = {"kind": "http", "url": "https://web.example/"}
            story.look("http_check", json.dumps(answer).encode(), call)
        outcome = ask(session)
    assert isinstance(outcome.data, dict)
    (clock,) = json.loads(json.dumps(outcome.data))["clocks"]
    assert clock["source"] == "clock of web.example"
    assert clock["low_ms"] <= 90_900
    assert clock["high_ms"] >= 90_100
    assert clock["high_ms"] - clock["low_ms"] < 2_100
    assert "`clock of web.example` is" in render(outcome)
    assert "ahead of `this machine's clock`" in render(outcome)


def test_a_commit_made_after_it_arrived_shows_a_clock_that_is_ahead(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        story = Story(session)
        story.changed(change("c", -60, stamp=stamp(at(120)), doubt_ms=1000))
        text = render(ask(session))
    assert "`a committer's clock` is at least 3.0 min ahead of `the clock of this checkout`" in text


def test_a_clock_that_was_set_makes_everything_before_it_doubtful(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        story = Story(session)
        step = change("the clock was set back by {by_s} s", -600, values={"by_s": 300.0}, source="boots")
        story.changed(step.model_copy(update={"kind": "clock"}), change("old", -900), change("new", -60))
        outcome = ask(session)
        known = view(session, story.incident)
    assert "`this machine's clock before Nov 20 10:11:07Z` is 5.0 min ahead of `the same clock afterwards`" in render(outcome)
    bands = [band_ms(item, known.clocks) for item in known.story if item.source == "git"]
    assert bands == [(300_050, 0), (0, 0)]


def test_the_steps_of_an_execution_belong_to_its_incident(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        story = Story(session)
        body = {"plan": "P7", "operation": "restart_service"}
        gate = Gate(session.settings, write=True)
        claimed = gate.ledger.append("execution.claimed", body, incident=story.incident.id)
        for number, state in ((1, "started"), (1, "done")):
            gate.ledger.append("execution.step", {"execution": f"X{claimed.seq}", "number": number, "state": state, "said": ""})
        gate.ledger.append("execution.state", {"execution": "X999", "state": "done", "said": "another one"})
        gate.ledger.append("execution.state", {"execution": f"X{claimed.seq}", "state": "verified", "said": "it listens"})
        text = render(ask(session, kinds=["action"]))
        gate.close()
    assert text.count("action ") == 4
    assert f"execution `X{claimed.seq}`, step 1: `done`" in text
    assert "`verified`, `it listens`" in text
    assert "another one" not in text


def test_an_approval_says_by_whom_and_by_which_route(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        story = Story(session)
        gate = Gate(session.settings, write=True)
        for route, proof in (("terminal", "terminal /dev/pts/1"), ("standing", "restart_shop sha256 00")):
            body = {"plan": "P7", "approver": "alice", "route": route, "proof": proof}
            gate.ledger.append("approval.given", body, incident=story.incident.id)
        text = render(ask(session, kinds=["action"]))
        gate.close()
    assert "P7 by alice (terminal)" in text
    assert "P7 standing approval restart_shop, signed by alice (standing)" in text


@pytest.mark.parametrize("form", ["markdown", "html", "svg"])
def test_every_form_holds_hostile_text_in_its_place(tmp_path: Path, form: str) -> None:
    hostile = 'x|y <script>alert(1)</script> "><img src=x> \x1b[31m \u202e `rm` {0.__class__}\n# Heading'
    with session_in(tmp_path) as session:
        story = Story(session, title=hostile[:150])
        story.answer(
            "recent_errors",
            finding("recent_errors.no_space", "{subject}", values={"subject": hostile}, component="/var/" + hostile, at=at(0)),
        )
        story.changed(
            change("commit {subject}", -4, values={"subject": hostile}, stamp=hostile),
            upgrade(-9, "packages", hostile, stamp=hostile), upgrade(-9, "journal", hostile, stamp=hostile),
        )  # fmt: skip
        add_note(session, story.incident, hostile)
        outcome = ask(session, format=form)
        assert isinstance(outcome.data, dict)
        text = str(outcome.data["markdown"]) if form == "markdown" else Path(str(outcome.data["file"])).read_text()
        written = list(session.ledger.entries(kind="timeline.written"))
    assert len(written) == (form != "markdown")
    assert "\x1b" not in text
    assert "\u202e" not in text
    if form == "markdown":
        assert not [line for line in text.splitlines() if not line.startswith("|")]
        assert len({line.count("|") for line in text.splitlines()}) == 1
    else:
        assert "<script" not in text
        assert "<img" not in text
        assert "http-equiv" in text or form == "svg"


def test_the_page_draws_a_lane_for_each_source_with_onset_trigger_and_band(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        story = Story(session)
        story.answer(
            "recent_errors",
            finding("recent_errors.import_failed", clues=("module:stripe",), at=at(0), component="/var/log/shop/app.log"),
        )
        story.changed(
            change("commit {subject}", -40, ("module:stripe",), values={"subject": "pay by stripe"}, doubt_ms=20_000),
            upgrade(-5000, "packages", "nginx"),
        )
        outcome = ask(session, format="html")
        assert isinstance(outcome.data, dict)
        text = Path(str(outcome.data["file"])).read_text()
    for words in ("shop/app.log", "packages", "git", "onset", "pay by stripe", 'class="mark change trigger"', 'class="band"'):
        assert words in text
    assert 'class="link"' in text


_EVENTS = st.lists(
    st.tuples(st.floats(-1e6, 1e6), st.sampled_from("abc"), st.sampled_from(["n1", "n2"]), st.integers(0, 5000)), max_size=40
)


@given(_EVENTS)
def test_merging_loses_no_evidence_and_keeps_the_order(events: Sequence[tuple[float, str, str, int]]) -> None:
    story = [
        happening(seconds, source, name, doubt_ms=doubt, evidence=f"E{number}")
        for number, (seconds, source, name, doubt) in enumerate(events)
    ]
    told = in_order(merged(story))
    assert [item.at for item in told] == sorted(item.at for item in told)
    assert {name for item in told for name in item.cites()} == {name for item in story for name in item.cites()}


def test_a_crowded_lane_becomes_bars_and_the_table_says_what_it_leaves_out(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        story = Story(session)
        story.answer("recent_errors", finding("recent_errors.import_failed", clues=("module:stripe",), at=at(0)))
        many = (upgrade(-number * 7, "packages", f"p{number}") for number in range(2_300))
        story.changed(*many, change("commit {subject}", -40, ("module:stripe",), values={"subject": "pay by stripe"}))
        outcome = ask(session, format="html")
        assert isinstance(outcome.data, dict)
        text = Path(str(outcome.data["file"])).read_text()
    assert len(text) < 2_000_000
    assert text.count('class="bar"') > 5
    assert text.count('<tr id="h') == 2_000
    assert "events farther from the onset are not listed here" in text
    assert 'class="mark change trigger"' in text
