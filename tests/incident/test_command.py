"""Severity, clock, escalation, messages, stages, hand-over: from facts only; what nobody knows is said."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.errors import BadInput, Broken
from mcp_server.core.outcome import Outcome
from mcp_server.engine.catalog import load_catalog
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.escalation import clock, fitting, last_progress, matrix
from mcp_server.incident.playbooks import folder
from mcp_server.incident.record import Incident, add_note, find, required
from mcp_server.incident.severity import Impact, classify, levels
from mcp_server.incident.stages import skip, stages
from mcp_server.surface.render import render
from mcp_server.surface.tools import inventory
from tests.incident.story import Story, finding, session_in

TOOLS = inventory(load_catalog())
NUMBER = re.compile(r"\d+(?:\.\d+)?")


def call(session: Session, name: str, **arguments: Any) -> Outcome:
    return TOOLS[name].call(session, arguments, Asking())


# --- severity -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("impact", "level", "reason"),
    [
        ({"data_breach": True, "users_percent": 1}, "SEV1", "data was exposed"),
        ({"danger": True}, "SEV1", "people are in danger"),
        ({"users_percent": 100}, "SEV1", "all users are hurt"),
        ({"users_percent": 50.5}, "SEV2", "more than half"),
        ({"users_percent": 3, "key_function": True}, "SEV2", "a key function"),
        ({"users_percent": 50, "workaround": True}, "SEV3", "at most half of the users are hurt"),
        ({"users_percent": 10, "workaround": False}, "SEV2", "there is no way round"),
        ({"users_percent": 10}, "SEV3", "at most half"),
        ({"cosmetic": True}, "SEV4", "cosmetic"),
        ({}, "SEV2", "nobody knows yet how many users"),
    ],
)
def test_the_level_and_its_reason(impact: dict[str, Any], level: str, reason: str) -> None:
    found = classify(Impact(**impact))
    assert found.level == level
    assert any(reason in item.text for item in found.reasons)


def test_what_is_not_known_is_asked_and_never_filled_in() -> None:
    found = classify(Impact())
    assert found.users_percent is None
    assert len(found.open_questions) == 3
    assert not classify(Impact(users_percent=10, key_function=False, workaround=True)).open_questions


def test_an_address_that_answers_nobody_hurts_everybody(tmp_path: Path) -> None:
    config = '[services.shop]\nurl = "http://shop.example/"\n'
    with session_in(tmp_path, config) as session:
        story = Story(session, severity=None, service="shop")
        other = finding(
            "http_check.connection_refused", "{url} refuses", values={"url": "http://other/"}, component="http://other/"
        )
        story.answer("http_check", other)
        assert (call(session, "assess_severity").data or {})["level"] == "SEV2"  # type: ignore[index,call-overload]
        own = other.model_copy(update={"component": "http://shop.example/"})
        story.answer("http_check", own)
        outcome = call(session, "assess_severity")
    assert "SEV1: the address that users call answers nobody" in render(outcome)
    assert outcome.evidence


def test_an_assessment_is_kept_and_the_newest_counts(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        Story(session, severity="SEV4")
        call(session, "assess_severity", users_percent=70)
        assert required(session.ledger, None).severity == "SEV2"
        call(session, "assess_severity", cosmetic=True)
        assert required(session.ledger, None).severity == "SEV4"


# --- clock and escalation -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "area", "minutes"),
    [
        ("postgres locks pile up", "database", 10), ("we may have been hacked", "security", 0),
        ("checkout is odd", "application", 15),
        ("pods restart", "kubernetes", 15), ("a hotfix without tests", "tests", 0), ("rollback failed twice", "rollback", 5),
        ("databases_of_nothing", "application", 15),
    ],
)  # fmt: skip
def test_whose_trouble_it_is(text: str, area: str, minutes: int, tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        rows, stall = matrix(session)
        first = fitting(rows, text)[0]
    assert stall == 15
    assert (first.area, first.after_min) == (area, minutes)


def test_minutes_count_from_the_last_progress(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        story = Story(session, "database is slow")
        incident = find(session.ledger, story.incident.id)
        story.answer("disk_space")  # an answer without news is no progress
        assert last_progress(session.ledger, incident) == incident.opened
        story.answer("host_health", finding("host_health.cpu"))
        first = last_progress(session.ledger, incident)
        assert first > incident.opened
        story.answer("host_health", finding("host_health.cpu"))  # the same finding again is none
        assert last_progress(session.ledger, incident) == first
        nine, eleven = (clock(session, incident, "database", first + timedelta(minutes=count)) for count in (9, 11))
        assert not nine.bring
        assert [row.area for row in eleven.bring] == ["database"]
        add_note(session, incident, "a person decided something")
        assert last_progress(session.ledger, incident) > first


def test_an_update_is_due_by_severity_and_drafting_starts_the_clock_anew(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        story = Story(session, severity="SEV1")
        incident = find(session.ledger, story.incident.id)
        due = clock(session, incident, "").update_due
        assert due == incident.opened + timedelta(minutes=levels(session)["SEV1"].update_min)
        call(session, "draft_update", audience="support")
        later = clock(session, incident, "").update_due
        assert later and due and later > due
        assert clock(session, incident.model_copy(update={"severity": None}), "").update_due is None


def test_a_page_whose_table_is_damaged_stops_with_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (folder() / "forms/escalation.md").read_text(encoding="utf8")
    found = {
        ("form", "escalation"): type(
            "Page", (), {"path": "forms/escalation.md", "data": {"matrix": [{"area": "X"}], "stall_min": "1"}}
        )
    }
    monkeypatch.setattr("mcp_server.incident.escalation.pages", lambda session: found)
    assert "stall_min" in page
    with session_in(tmp_path) as session, pytest.raises(Broken, match=r"escalation\.md: its matrix cannot be read"):
        matrix(session)


# --- messages -------------------------------------------------------------------------------------------------------

PROMISE = re.compile(r"\b(will be (?:back|fixed|resolved|repaired)|ETA|shortly|soon|expect(?:ed)? (?:to|by))\b", re.IGNORECASE)


@pytest.mark.parametrize("audience", ["engineers", "leadership", "support", "legal"])
def test_a_message_holds_facts_only(audience: str, tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        story = Story(session, "checkout answers 502", severity="SEV2")
        story.answer(
            "nginx_upstreams",
            finding("nginx_upstreams.refused", "{port} refuses", values={"port": 8000}, component="port:8000"),
        )
        outcome = call(session, "draft_update", audience=audience)
        text = render(outcome)
        said = " ".join(item.text for item in outcome.statements if not item.text.startswith("not in it"))
        allowed = str(outcome.statements) + "60"
    assert not PROMISE.search(said)
    assert "not in it, because nobody knows: how many users are hurt" in text
    assert "promise nothing" in text
    for number in NUMBER.findall(said):
        assert number in allowed
    assert ("8000" in text) == (audience in ("engineers", "leadership")), "the others do not need the port"
    assert "checkout answers 502" in text


def test_numbers_in_a_message_are_those_that_were_stated(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        Story(session)
        call(session, "assess_severity", users_percent=12.5)
        assert "12.5 % of the users are hurt, as stated" in render(call(session, "draft_update", audience="leadership"))


# --- stages ---------------------------------------------------------------------------------------------------------


def test_a_stage_cannot_be_claimed_while_its_gate_or_the_one_before_is_not_met(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        Story(session)
        with pytest.raises(BadInput, match=r"`assess` cannot be done: no severity is set.*skip_gate\.py assess"):
            call(session, "check_gates", stage="assess", finish=True)
        with pytest.raises(BadInput, match="`fix` cannot be done: `assess` is not"):
            call(session, "check_gates", stage="fix", finish=True)
        with pytest.raises(BadInput, match="`stage` is required"):
            call(session, "check_gates", finish=True)
        call(session, "assess_severity", users_percent=5)
        call(session, "draft_update")
        assert "`assess`: `finished`" in render(call(session, "check_gates", stage="assess", finish=True))
        assert call(session, "check_gates").verdict == "finding"


def test_skipping_leaves_a_line_with_who_and_why(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        incident = Story(session).incident
        skip(session, incident, "assess", reason="drill", by="ops on pts/1")
        (entry,) = session.ledger.entries(kind="incident.stage")
        assert (entry.body["how"], entry.body["reason"], entry.body["by"]) == ("skipped", "drill", "ops on pts/1")
        assert stages(session, incident)[0].state == "skipped"
        with pytest.raises(BadInput, match="`stage` is `lunch`"):
            skip(session, incident, "lunch", reason="x", by="y")


def test_no_tool_skips_a_gate() -> None:
    assert not [name for name in TOOLS if "skip" in name]
    assert not [
        key for fields in TOOLS["close_incident"].fields for key in fields.model_fields if key not in ("summary", "incident")
    ]


# --- hand-over ------------------------------------------------------------------------------------------------------


def test_the_bundle_tells_state_findings_darkness_and_timeline(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        story = Story(session, "postgres refuses `connections` | now")
        story.answer(
            "listening_ports", finding("listening_ports.nobody_listens", "nobody listens on {port}", values={"port": 5432})
        )
        outcome = call(session, "hand_off")
        bundle = Path(str((outcome.data or {})["path"])).read_text(encoding="utf8")  # type: ignore[index,call-overload]
        with pytest.raises(BadInput, match="`area` is `moon`; it should be one of: security"):
            call(session, "hand_off", area="moon")
    assert "bring in `database on call`" in render(outcome)
    assert bundle.startswith("# INC-")
    for words in ("users hurt: unknown", "nobody listens on 5432", "## Timeline (UTC)", "## Not seen", "stages: assess open"):
        assert words in bundle
    assert "`postgres refuses 'connections'" in bundle, "a title cannot leave its code span"


def test_the_state_fits_on_a_screen(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        Story(session)
        lines = render(call(session, "incident_status")).splitlines()
    state = [line for line in lines if "missing before it can be closed" not in line]
    assert len(state) <= 13


def test_a_closed_incident_has_no_running_clock(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        incident: Incident = Story(session).incident
        skip(session, incident, "quality", reason="drill", by="ops")
        call(session, "close_incident", summary="a drill, nothing was broken")
        text = render(call(session, "incident_status"))
    assert "last progress" not in text
    assert "closed with: `a drill, nothing was broken`" in text
