"""What opening an incident looks up besides: contradicting rules, announced work, changelogs, recurrence."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from mcp_server.core.clock import now, parse_moment, stamp
from mcp_server.core.errors import Broken
from mcp_server.core.maintenance import MaintenanceSettings
from mcp_server.core.outcome import Outcome
from mcp_server.engine.catalog import load_catalog
from mcp_server.engine.maintenance import windows
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.answers import answers
from mcp_server.incident.changelogs import changelog, changelogs
from mcp_server.incident.record import close_incident, required
from mcp_server.incident.recurrence import recurrence
from mcp_server.incident.validation import receipts_of
from mcp_server.surface.render import render
from mcp_server.surface.tools import inventory
from tests.incident.story import Story, at, session_in

TOOLS = inventory(load_catalog())


def call(session: Session, name: str, **arguments: object) -> Outcome:
    return TOOLS[name].call(session, arguments, Asking())


# --- rules ----------------------------------------------------------------------------------------------------------


def test_contradicting_rules_are_told_and_are_no_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "CLAUDE.md").write_text("Never restart the primary database.\n", encoding="utf8")
    (tmp_path / "IMPORTANT" / "drafts").mkdir(parents=True)
    (tmp_path / "IMPORTANT" / "drafts" / "x.md").write_text("You must restart the primary database first.\n", encoding="utf8")
    monkeypatch.chdir(tmp_path)
    with session_in(tmp_path) as session:
        told = render(call(session, "open_incident", title="shop answers 502"))
        assert "rules contradict" in told
        assert "says otherwise than" in told
        call(session, "policy_conflicts", paths=[str(tmp_path / "IMPORTANT"), str(tmp_path / "CLAUDE.md")])
        incident = required(session.ledger, None)
        assert not answers(session.ledger, incident, session.catalog.diagnostics).outcomes
        receipts = receipts_of(session, incident)
    assert receipts
    assert receipts.conflicts_verdict == "finding"
    assert len(receipts.conflicts) == 1


# --- maintenance ----------------------------------------------------------------------------------------------------

WINDOW = (
    '[services.shop]\nport = 1\n[services.blog]\nport = 2\n[[maintenance]]\nstart = "{}"\nend = "{}"\nwhat = "new switch"\n'
)


def test_announced_work_is_told_when_it_covers_the_onset(tmp_path: Path) -> None:
    moment = now()
    config = WINDOW.format(stamp(moment - timedelta(hours=1)), stamp(moment + timedelta(hours=1))) + 'services = ["shop"]\n'
    with session_in(tmp_path, config) as session:
        told = render(call(session, "open_incident", title="shop answers 502", service="shop"))
        assert "announced maintenance was under way at the onset: `new switch` (`shop`)" in told
        changed = call(session, "what_changed", since="1h", limit=1)
        assert "new switch" in [item.values.get("what") for item in changed.statements]
        settings = session.settings.maintenance
    assert not windows(settings, "blog", moment)
    assert [item.state for item in windows(settings, None, moment + timedelta(hours=2))] == ["just ended"]
    assert not windows(settings, "shop", moment + timedelta(hours=9))


@pytest.mark.parametrize(
    ("start", "end", "more", "says"),
    [
        ("2026-11-20T10:00:00Z", "2026-11-20T09:00:00Z", "", "`end` must be later than `start`"),
        ("2026-11-20T10:00:00", "2026-11-20T11:00:00Z", "", "names no zone"),
        ("2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z", 'services = ["moon"]', "`moon`, which is not declared"),
        (
            "2026-11-20T10:00:00Z",
            "2026-11-20T11:00:00Z",
            'why = "x"',
            "keys here: start, end, every_days, zone, what",
        ),
        ("2026-11-20T10:00:00Z", "2026-11-22T11:00:00Z", "every_days = 1", "must end before it comes again"),
        ("2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z", 'zone = "Mars/Olympus"', "no zone of that name"),
        ("2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z", 'zone = "../../etc/passwd"', "no zone of that name"),
    ],
)
def test_a_window_that_cannot_be_gets_a_sentence(start: str, end: str, more: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(Broken, match=says), session_in(tmp_path, WINDOW.format(start, end) + more):
        pass


@pytest.mark.parametrize(
    ("moment", "state", "start"),
    [
        ("2026-10-17T01:30:00Z", None, ""),  # before the first
        ("2026-10-18T01:30:00Z", "under way", "2026-10-18T01:00:00.000Z"),
        ("2026-10-19T01:30:00Z", None, ""),
        ("2026-10-25T00:30:00Z", None, ""),
        # summer time has ended in the night: three o'clock there is an hour later in UTC
        ("2026-10-25T01:30:00Z", None, ""),
        ("2026-10-25T02:30:00Z", "under way", "2026-10-25T02:00:00.000Z"),
        ("2026-11-01T04:30:00Z", "just ended", "2026-11-01T02:00:00.000Z"),
    ],
)
def test_work_that_comes_again_does_so_by_the_clock_on_the_wall(moment: str, state: str | None, start: str) -> None:
    weekly = MaintenanceSettings.model_validate(
        {"start": "2026-10-18T03:00:00+02:00", "end": "2026-10-18T05:00:00+02:00", "what": "backup of the shop",
         "every_days": 7, "zone": "Europe/Vienna"}
    )  # fmt: skip
    found = windows([weekly], None, parse_moment(moment))
    assert [(item.state, stamp(item.start)) for item in found] == ([(state, start)] if state else [])


# --- changelogs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "CHANGELOG.md: No such file or directory"),
        ("# Changes\n", "it has no dated entry (## YYYY-MM-DD)"),
        ("## 2026-01-01\n- Impact: x\n## 2026-02-01\n", "its entries are not newest first"),
        ("## 2026-01-01\n- Added: x\n", "its newest entry says neither what to migrate nor whom it touches"),
        ("## 2026-02-01\n- Added: x\n- Migration: none\n- Impact: none\n## 2026-01-01\n", ""),
        ("## [1.2.0] - 2026-02-01\nImpact: none\n", ""),
    ],
)
def test_the_state_of_a_changelog(text: str | None, problem: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "CHANGELOG.md").write_text(text, encoding="utf8")
    assert changelog(tmp_path).problem == problem


def test_a_page_changed_after_it_is_named(tmp_path: Path) -> None:
    import os

    (tmp_path / "CHANGELOG.md").write_text("## 2026-02-01\nImpact: none\n", encoding="utf8")
    (tmp_path / "disk.md").write_text("# Disk", encoding="utf8")
    os.utime(tmp_path / "CHANGELOG.md", (0, 0))
    assert changelog(tmp_path).problem == "disk.md was changed after it"


def test_ours_and_the_teams_are_receipts(tmp_path: Path) -> None:
    team = tmp_path / "runbooks"
    team.mkdir()
    with session_in(tmp_path, f'[knowledge]\npaths = ["{team}"]\n') as session:
        told = render(call(session, "open_incident", title="shop answers 502"))
        ours, theirs = changelogs(session)[0], changelogs(session)[-1]
    assert (ours.problem, ours.newest is not None) == ("", True)
    assert isinstance(ours.newest, date)
    assert theirs.folder == str(team)
    assert "changelog of `" in told


# --- recurrence -----------------------------------------------------------------------------------------------------


def told_cause(story: Story, code: str = "disk_space.full", component: str = "/var") -> None:
    root = {"code": code, "component": component}
    story.answer("triage", data={"diagnosis": {"hypotheses": [{"root": root}]}})


def test_the_third_time_is_noticed_by_cause(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        for days, title in ((-80, "orders fail"), (-30, "blog is slow"), (-120, "mail is stuck")):
            story = Story(session, title=title, onset=at(days * 86_400))
            told_cause(story)
            close_incident(session, story.incident, "cleared the disk by hand", ())
        other = Story(session, title="search is slow", onset=at(-86_400))
        told_cause(other, component="/srv")
        story = Story(session, title="shop answers 502")
        assert recurrence(session.ledger, story.incident) is None, "no cause yet, and nobody complained so before"
        told_cause(story)
        found = recurrence(session.ledger, story.incident)
        assert found
        assert (found.by, len(found.earlier), found.component) == ("cause", 2, "/var")
        assert "this is the third time in 90 days" in found.told().text
        assert "a repair that lasts is due" in found.told().text


def test_the_same_complaint_is_noticed_before_any_cause(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        first = Story(session, title="checkout answers 502 again")
        close_incident(session, first.incident, "restarted it, cause unknown", ())
        told = render(call(session, "open_incident", title="checkout answers 502"))
        assert "this is the second time in 90 days: the same complaint" in told
