"""Triage: every step asked or named, `ok` only when everything was seen, the answer short, the cause from the ledger."""

import threading
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.calls import Filesystem, Filesystems, ReadFilesystems
from mcp_server.core.errors import BadInput, Broken, Cancelled
from mcp_server.core.outcome import Outcome, Statement
from mcp_server.engine.catalog import load_catalog
from mcp_server.engine.session import Asking, Session
from mcp_server.incident import playbooks
from mcp_server.surface.fit import fit
from mcp_server.surface.render import render
from mcp_server.surface.tools import inventory
from mcp_server.targets.recorded import RecordedLook, recording_of
from tests.incident.story import ONSET, finding, session_in

TOOLS = inventory(load_catalog())
INDEX = """---
kind: index
name: index
summary: A summary for a test of triage.
verified: 2026-11-20
defaults: {flow: disks}
---
"""
FLOW = """---
kind: flow
name: disks
summary: A summary for a test of triage.
verified: 2026-11-20
steps:
  - ask: disk_space
  - ask: http_check
    with: {url: "{service.url}"}
---
"""


def disk(used: int) -> Filesystem:
    return Filesystem(
        mount="/srv/data", device="/dev/sdb", type="ext4", read_only=False, total=1000, used=used, available=1000 - used,
        inodes_total=100, inodes_free=90,
    )  # fmt: skip


def recorded(folder: Path, *disks: Filesystem) -> str:
    call = ReadFilesystems().model_dump(mode="json")
    look = RecordedLook(call=call, answer=Filesystems(mounted=disks).model_dump(mode="json"))
    path = folder / "recording.json"
    path.write_bytes(recording_of("local", ONSET, [look]))
    return f"recorded:{path}"


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two documents in a folder of their own."""
    place = tmp_path / "pages"
    place.mkdir()
    (place / "00_INDEX.md").write_text(INDEX, encoding="utf8")
    (place / "disks.md").write_text(FLOW, encoding="utf8")
    monkeypatch.setattr(playbooks, "folder", lambda: place)
    return place


def call(session: Session, name: str, asking: Asking | None = None, **arguments: Any) -> Outcome:
    return TOOLS[name].call(session, arguments, asking or Asking())


def test_a_recorded_place_is_triaged_whole_and_what_was_not_asked_is_said(tmp_path: Path, pages: Path) -> None:
    progress: list[str] = []
    with session_in(tmp_path) as session:
        target = recorded(tmp_path, disk(990))
        call(session, "open_incident", title="orders fail", target=target, onset=ONSET.isoformat())
        outcome = call(session, "triage", Asking(progress=lambda done, total, what: progress.append(what)))
        cause = call(session, "probable_cause")
    text = render(outcome)
    assert outcome.verdict == "finding"
    assert outcome.findings[0].code == "disk_space.full"
    assert "service.url is not declared" in text
    assert "declare url under [services.NAME]" in text
    assert [part.name for part in outcome.parts] == ["disk_space", "what_changed"]
    assert "probable cause" in render(cause)
    assert any("questions answered" in item for item in progress)
    assert outcome.id and outcome.id.startswith("R")


def test_nothing_wrong_but_a_step_not_asked_is_unknown_never_ok(tmp_path: Path, pages: Path) -> None:
    with session_in(tmp_path) as session:
        call(session, "open_incident", title="orders fail", target=recorded(tmp_path, disk(10)), onset=ONSET.isoformat())
        outcome = call(session, "triage")
    assert outcome.verdict == "unknown"
    assert "cause unknown" in render(outcome)


def test_a_declared_value_that_cannot_be_used_is_a_blind_spot_not_a_crash(tmp_path: Path, pages: Path) -> None:
    config = '[services.shop]\nurl = "ftp://shop"\n'
    with session_in(tmp_path, config) as session:
        call(session, "open_incident", title="orders fail", target=recorded(tmp_path, disk(10)), onset=ONSET.isoformat())
        outcome = call(session, "triage")
    assert any("not asked: 'url' is 'ftp://shop'" in spot.reason for spot in outcome.coverage.blind)


def test_names_that_do_not_exist_get_a_sentence(tmp_path: Path, pages: Path) -> None:
    with session_in(tmp_path) as session:
        with pytest.raises(BadInput, match="open_incident"):
            call(session, "triage")
        call(session, "open_incident", title="orders fail")
        with pytest.raises(BadInput, match="playbooks with steps: disks"):
            call(session, "triage", playbook="nothing")
        with pytest.raises(BadInput, match="declared services"):
            call(session, "triage", service="nothing")


def test_a_cancelled_triage_is_noted_as_ended(tmp_path: Path, pages: Path) -> None:
    gone = threading.Event()
    gone.set()
    with session_in(tmp_path) as session:
        call(session, "open_incident", title="orders fail", target=recorded(tmp_path, disk(10)))
        with pytest.raises(Cancelled):
            call(session, "triage", Asking(cancel=gone))
        ended = [entry.body["how"] for entry in session.ledger.entries(kind="call.ended")]
        assert "cancelled" in ended
        assert not [e for e in session.ledger.entries(kind="outcome") if e.body["outcome"]["name"] == "triage"]


def test_a_long_answer_is_shortened_and_says_so() -> None:
    many = tuple(finding("a.b", "finding {n} " + "x" * 200, values={"n": n}, quotes=("q" * 300,) * 9) for n in range(40))
    outcome = Outcome(
        name="triage", target="local", verdict="finding", at=ONSET, findings=many, statements=(Statement(text="end"),)
    )
    short = fit(outcome, 6000)
    text = render(short)
    assert len(text) <= 6200
    assert "more findings are not shown here" in text
    assert "finding 0 " in text
    assert fit(short.model_copy(update={"findings": many[:1]}), 6000).findings == many[:1]


def test_a_damaged_page_stops_the_opening_before_anything_is_opened(tmp_path: Path, pages: Path) -> None:
    (pages / "disks.md").write_text(FLOW.replace("disk_space", "disk_spice"), encoding="utf8")
    with session_in(tmp_path) as session:
        with pytest.raises(Broken, match=r"disks\.md, step 1"):
            call(session, "open_incident", title="orders fail")
        assert not list(session.ledger.entries(kind="incident.opened"))
