"""The verbs about the record and about what can be asked, on a real session."""

import json
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.calls import Command, ReadFile
from mcp_server.core.clock import now, stamp
from mcp_server.core.errors import BadInput
from mcp_server.core.outcome import Outcome, Statement
from mcp_server.core.settings import load_settings
from mcp_server.engine.lock import LockReport
from mcp_server.engine.session import Asking, Session
from mcp_server.surface.answers import bounded, machine_form
from mcp_server.surface.render import render
from mcp_server.surface.stored import lines_of
from mcp_server.surface.tools import inventory
from mcp_server.surface.verbs import preflight


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    config = tmp_path / "config.toml"
    config.write_text('[services.shop]\nurl = "http://app:hunter2hunter2@127.0.0.1/"\n')
    env = {"VETERAN_STATE_DIR": str(tmp_path / "state"), "HOME": str(tmp_path), "VETERAN_CONFIG": str(config)}
    opened = Session(load_settings(env), program="test")
    yield opened
    opened.close()


def ask(session: Session, tool: str, **arguments: Any) -> Outcome:
    return inventory(session.catalog)[tool].call(session, arguments, Asking())


def keep(session: Session, call: Any, answer: dict[str, Any] | None, **failure: str) -> str:
    """An evidence entry, as the reader writes it."""
    body = {"target": "local", "asker": "test", "call": call.model_dump(mode="json"), "started": stamp(now()), "took_ms": 1.0}
    if failure:
        body["failure"] = failure
    blob = None if answer is None else json.dumps(answer).encode()
    return f"E{session.ledger.append('evidence', body, blob=blob).seq}"


def test_every_verb_leaves_its_answer_in_the_ledger(session: Session) -> None:
    for tool in ("preflight", "list_diagnostics", "verify_ledger", "show_config"):
        outcome = ask(session, tool)
        assert outcome.id
        assert ask(session, "read_evidence", id=outcome.id).verdict == "ok"
        kept = session.ledger.entry(int(outcome.id[1:]))
        assert session.ledger.entry(kept.body["call"]).body["name"] == tool


def test_read_evidence_pages_through_every_character(session: Session) -> None:
    text = "".join(f"line {number} " + "x" * (number % 700) + "\n" for number in range(400)) + "\x1b[31mend\u202e"
    address = keep(session, Command(argv=("df", "-P")), {"exit": 0, "out": text, "err": "", "cut": None})
    pages, start = [], 0
    while True:
        outcome = ask(session, "read_evidence", id=address.lower(), start=start)
        assert len(render(outcome)) <= session.settings.limits.answer_chars
        pages += outcome.statements[-1].quotes[0].splitlines()
        assert "… " not in render(outcome), "a page is never cut again"
        if not outcome.next:
            break
        start = int(str(outcome.next[0].arguments["start"]))
    seen = "".join(pages)
    assert "line 399" in seen
    assert seen.count("x") >= text.count("x")
    assert "␛[31mend‹U+202E›" in seen


def test_read_evidence_of_a_failed_look_tells_the_failure(session: Session) -> None:
    address = keep(session, ReadFile(path="/x"), None, what="/x", reason="denied", detail="not yours", remedy="be root")
    text = render(ask(session, "read_evidence", id=address))
    assert "the look failed: `denied`: `not yours`; remedy: `be root`" in text


def test_a_page_is_not_stored_a_second_time(session: Session) -> None:
    address = keep(session, Command(argv=("df", "-P")), {"exit": 0, "out": "a\nvery particular line", "err": "", "cut": None})
    outcome = ask(session, "read_evidence", id=address)
    assert "very particular" in render(outcome)
    assert outcome.id
    assert "very particular" not in json.dumps(session.ledger.entry(int(outcome.id[1:])).body)


def test_replay_shows_what_differs_and_leaves_new_evidence(session: Session, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("first\nsecond\n")
    before = ask(session, "log_tail", path=str(log))
    assert ask(session, "replay", id=before.evidence[-1]).statements[0].text.startswith("nothing differs")
    log.write_text("first\nchanged password=hunter2hunter2\n")
    outcome = ask(session, "replay", id=before.evidence[-1])
    text = render(outcome)
    assert "it differs" in text
    assert "│ -second" in text
    assert "│ +changed password=‹secret:" in text
    assert "hunter2" not in text
    log.unlink()
    outcome = ask(session, "replay", id=before.evidence[-1])
    assert outcome.verdict == "unknown"
    assert outcome.coverage.blind


def test_a_call_with_a_redacted_secret_cannot_be_repeated(session: Session) -> None:
    call = session.redactor.data(Command(argv=("curl", "--password", "hunter2hunter2")).model_dump(mode="json"))
    address = keep(session, Command(argv=tuple(call["argv"])), {"exit": 0, "out": "", "err": "", "cut": None})
    with pytest.raises(BadInput, match="cannot be repeated: a secret in its call was redacted"):
        ask(session, "replay", id=address)


def test_replay_obeys_the_read_table(session: Session, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("x")
    address = keep(session, Command(argv=("rm", str(kept))), {"exit": 0, "out": "", "err": "", "cut": None})
    outcome = ask(session, "replay", id=address)
    assert outcome.verdict == "unknown"
    assert "refused" in outcome.coverage.blind[0].reason
    assert kept.exists()


def test_verify_ledger_finds_a_cut_tail_only_with_the_head(session: Session, tmp_path: Path) -> None:
    for _ in range(3):
        session.ledger.append("test", {})
    head = "{}:{}".format(*session.ledger.head())
    assert ask(session, "verify_ledger", expect_head=head).verdict == "ok"
    assert ask(session, "verify_ledger", expect_head=head.split(":")[1][:12]).verdict == "ok"
    database = sqlite3.connect(tmp_path / "state" / "ledger.sqlite3")
    database.execute("DROP TRIGGER entry_kept")
    database.execute("DELETE FROM entry WHERE seq >= ?", (int(head.split(":")[0]) - 1,))
    database.commit()
    database.close()
    assert ask(session, "verify_ledger").verdict == "ok"
    outcome = ask(session, "verify_ledger", expect_head=head)
    assert [item.code for item in outcome.findings] == ["verify_ledger.tail_cut"]


def test_verify_ledger_names_the_altered_entry_and_missing_bytes(session: Session, tmp_path: Path) -> None:
    address = keep(session, ReadFile(path="/x"), {"x": 1})
    database = sqlite3.connect(tmp_path / "state" / "ledger.sqlite3")
    database.execute("DROP TRIGGER blob_kept")
    database.execute("DELETE FROM blob")
    database.commit()
    outcome = ask(session, "verify_ledger")
    assert [item.code for item in outcome.findings] == ["verify_ledger.bytes_missing"]
    assert f"entry {address[1:]}" in render(outcome)
    database.execute("DROP TRIGGER entry_fixed")
    database.execute("UPDATE entry SET at = '2020-01-01T00:00:00.000Z' WHERE seq = 1")
    database.commit()
    database.close()
    outcome = ask(session, "verify_ledger")
    assert outcome.findings[0].values["entry"] == 1
    assert outcome.verdict == "finding"


def test_show_config_names_sources_and_hides_secrets(session: Session) -> None:
    text = render(ask(session, "show_config"))
    assert "`environment VETERAN_STATE_DIR`" in text
    assert "services.shop.url" in text
    assert "config.toml" in text
    assert "`limits.look_s` = 10  (`default`)" in text
    assert "hunter2" not in text


def test_preflight_says_what_cannot_be_asked_and_whether_the_kernel_holds_the_lock(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "lock_report", lambda: LockReport(True, "as a test says"))
    monkeypatch.setenv("PATH", "/nonexistent")
    assert "the kernel enforces" in render(ask(session, "preflight"))
    monkeypatch.setattr(preflight, "lock_report", lambda: LockReport(True, "as a test says", open="no seccomp"))
    text = render(ask(session, "preflight"))
    assert "missing here: `no seccomp`" in text
    assert "nothing else" not in text
    monkeypatch.setattr(preflight, "lock_report", lambda: LockReport(False, "no Landlock here", "a newer kernel"))
    outcome = ask(session, "preflight", only="disk_space")
    assert outcome.verdict == "unknown"
    assert "kernel write lock (no Landlock here; remedy: a newer kernel)" in render(outcome)


def test_preflight_finds_a_clock_that_went_back(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "now", lambda: now().replace(year=2020))
    outcome = ask(session, "preflight", only="disk_space")
    assert outcome.verdict == "finding"
    assert outcome.findings[0].code == "preflight.clock"
    assert outcome.findings[0].evidence[0].startswith("E")


def test_preflight_on_a_recording_that_lacks_the_looks_is_unknown(session: Session, tmp_path: Path) -> None:
    recording = tmp_path / "empty.json"
    recording.write_text(json.dumps({"place": "local", "at": "2026-11-20T10:00:00.000Z", "looks": []}))
    outcome = ask(session, "preflight", target=f"recorded:{recording}", only="service_status")
    assert outcome.verdict == "unknown"
    assert "service_status, in part" in {spot.what for spot in outcome.coverage.blind}


def test_a_saved_recording_gives_the_same_answer(session: Session) -> None:
    first = ask(session, "disk_space", warn_percent=1)
    saved = ask(session, "save_recording", id=first.id, name="before")
    assert isinstance(saved.data, dict)
    again = ask(session, "disk_space", warn_percent=1, target=f"recorded:{saved.data['path']}")
    assert [item.model_dump(exclude={"evidence"}) for item in again.findings] == [
        item.model_dump(exclude={"evidence"}) for item in first.findings
    ]
    with pytest.raises(BadInput, match="exists already"):
        ask(session, "save_recording", id=first.id, name="before")
    for bad in ("../escape", "a/b", ".hidden"):
        with pytest.raises(BadInput, match="`name`"):
            ask(session, "save_recording", id=first.id, name=bad)
    with pytest.raises(BadInput, match="INC-99"):
        ask(session, "save_recording", id="INC-99")


def test_list_diagnostics_describes_and_filters(session: Session) -> None:
    text = render(ask(session, "list_diagnostics", area="host"))
    assert "disk_space: Which filesystems" in text
    assert "warn_percent=85" in text
    assert "http_check" not in text
    assert "none of" in render(ask(session, "list_diagnostics", match=socket.gethostname() + "no such words"))


def test_a_large_outcome_is_left_out_of_the_machine_form_and_it_is_said() -> None:
    outcome = Outcome(id="R7", name="x", target="local", verdict="ok", at=now(), data={"text": "x" * 100_000})
    assert "outcome://R7" in machine_form(outcome)["veteran/outcome_left_out"]
    assert "veteran/outcome" in machine_form(outcome.model_copy(update={"id": None})), "it can be read nowhere else"


def test_an_answer_without_an_address_of_its_own_is_cut_without_naming_one() -> None:
    said = tuple(Statement(text=f"line {number}") for number in range(200))
    text = bounded(Outcome(id="INC-7", name="x", target="local", verdict="ok", at=now(), statements=said), 1_000)
    assert len(text) <= 1_000
    assert text.endswith("characters shown; ask for less")


def test_folding_loses_nothing() -> None:
    text = "a\r\n" + "b" * 1000 + "\n\n\x0bc"
    assert "".join(lines_of(text, 70)) == text


def test_a_program_that_only_some_hosts_have_is_no_lack(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr("mcp_server.targets.command._STANDARD", ())
    for name in ("packages", "snaps"):
        outcome = ask(session, "preflight", only=name)
        assert outcome.data["possible"] == [name]  # type: ignore[index, call-overload]
        assert outcome.data["in_part"] == {}  # type: ignore[index, call-overload]
