"""Alerts in the story: one event each, with begin and end; a candidate for the onset, and never a cause."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from mcp_server.core.clock import stamp
from mcp_server.core.outcome import Finding
from mcp_server.engine.catalog import load_catalog
from mcp_server.engine.run import record
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.causes import Diagnosis
from mcp_server.incident.happening import Happening
from mcp_server.incident.record import find
from mcp_server.incident.said import nothing_found, onset_statement
from mcp_server.incident.timeline_view import view
from mcp_server.surface.tools import inventory
from tests.incident.story import Story, change, finding, session_in

TOOLS = inventory(load_catalog())


def alert(story: Story, before_s: float, name: str = "HighErrors", *, code: str = "alerts.fires", **more: Any) -> Finding:
    """An alert that began so many seconds before the incident was opened."""
    at = story.incident.onset - timedelta(seconds=before_s)
    labels = more.pop("labels", "service=shop, severity=page")
    values = {
        "alert": name, "labels": labels, "subject": f"{name} {labels}", "since": stamp(at), "stamp": "2026-11-28T01:39:55.120Z",
        "clock": "prom:9090", "fingerprint": "", **more,
    }  # fmt: skip
    return finding(code, "alert {alert} has been firing since {since}: {labels}", at=at, values=values)


def story_of(session: Session, story: Story) -> tuple[list[Happening], Diagnosis]:
    seen = view(session, find(session.ledger, story.incident.id))
    return [item for item in seen.story if item.kind == "alert"], seen.diagnosis


def test_an_alert_has_the_sources_stamp_an_end_and_evidence(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        story = Story(session, onset=None)
        last = stamp(story.incident.onset - timedelta(seconds=30))
        answer = story.answer("alerts", alert(story, 90, code="alerts.fired", last=last))
        ((seen,), _) = story_of(session, story)
        assert (seen.label, seen.stamp, seen.origin) == ("HighErrors", "2026-11-28T01:39:55.120Z", "prom:9090")
        assert seen.until
        assert stamp(seen.until) == last
        assert seen.cites() == answer.evidence
        shown = TOOLS["timeline"].call(session, {"kinds": ["alert"]}, Asking())
        assert len(shown.data["timeline"]) == 1  # type: ignore[index, call-overload, arg-type]


def test_the_same_alert_from_two_senders_or_two_looks_is_told_once(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        story = Story(session, onset=None)
        first = story.answer("alerts", alert(story, 90, fingerprint="0badc0ffee"))
        body = {"title": "HighErrors", "fingerprint": "0badc0ffee", "source": "pagerduty"}
        body["starts_at"] = stamp(story.incident.onset - timedelta(seconds=89))
        session.ledger.append("alert.received", body, incident=story.incident.id)
        again = alert(story, 90).model_copy(update={"code": "alerts.fired", "doubt_ms": 7_500})
        call = session.began("alerts", "local", {"since": "2h"}, story.incident.id)
        record(session, first.model_copy(update={"id": None, "findings": (again,)}), call)
        ((seen,), _) = story_of(session, story)
        assert {item.source for item in seen.also} == {"alert", "alerts"}
        assert len(seen.cites()) >= 2


def test_where_nobody_stated_an_onset_the_first_alert_dates_it(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        story = Story(session, onset=None)
        holds = stamp(story.incident.onset - timedelta(seconds=600))
        story.answer("alerts", alert(story, 300, "Later"), alert(story, 500, "First", holds=holds), alert(story, 90_000, "Old"))
        story.changed(change("guilty", 0))
        _, diagnosis = story_of(session, story)
        assert diagnosis.onset_from == "alert"
        assert stamp(diagnosis.onset) == holds
        said = onset_statement(diagnosis)
        assert said.values["alert"] == "First"
        assert said.evidence
        assert not diagnosis.hypotheses, "an alert is no cause"
        assert "an alert saw something wrong" in nothing_found(diagnosis).text
        assert "alert" in str(TOOLS["report"].call(session, {}, Asking()).model_dump_json())


def test_a_stated_onset_stands_and_the_alert_is_only_named(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        story = Story(session)
        story.answer("alerts", alert(story, 600))
        story.answer("disk_space", finding("disk_space.full", component="/"))
        _, diagnosis = story_of(session, story)
        assert (diagnosis.onset, diagnosis.onset_from) == (story.incident.onset, "incident")
        assert "first alert: {alert}" in onset_statement(diagnosis).text
        assert [item.root.code for item in diagnosis.hypotheses] == ["disk_space.full"]


def test_alerts_of_the_incidents_own_service_count_first(tmp_path: Path) -> None:
    with session_in(tmp_path, '[services.shop]\nurl = "http://127.0.0.1/"\n') as session:
        story = Story(session, onset=None, service="shop")
        story.answer("alerts", alert(story, 900, "Other", labels="service=mail"), alert(story, 300))
        _, diagnosis = story_of(session, story)
        assert diagnosis.first_alert
        assert diagnosis.first_alert.values["alert"] == "HighErrors"


def test_an_alert_that_fires_makes_a_triage_a_finding(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        story = Story(session, onset=None)
        story.answer("alerts", alert(story, 300))
        outcome = TOOLS["triage"].call(session, {"playbook": "disk_full"}, Asking())
        assert "alerts.fires" in [item.code for item in outcome.findings]
