"""Opening, noting, closing: the record is what the ledger says, and bad input gets a sentence."""

from datetime import timedelta
from pathlib import Path

import pytest

from mcp_server.core.clock import now
from mcp_server.core.errors import BadInput
from mcp_server.core.outcome import Outcome
from mcp_server.engine.catalog import load_catalog
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.record import close_incident, current, find, required
from mcp_server.incident.stages import skip
from mcp_server.incident.validation import authority_files, receipts_of
from mcp_server.surface.render import render
from mcp_server.surface.tools import inventory
from tests.incident.story import session_in

TOOLS = inventory(load_catalog())


def call(session: Session, name: str, **arguments: object) -> Outcome:
    return TOOLS[name].call(session, arguments, Asking())


def test_opening_keeps_receipts_of_rules_tools_likes_and_playbooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "CLAUDE.md").write_text("be careful", encoding="utf8")
    monkeypatch.chdir(tmp_path)
    with session_in(tmp_path) as session:
        first = required(session.ledger, call(session, "open_incident", title="checkout answers 502").incident)
        close_incident(session, first, "a module was missing; added", ())
        call(session, "open_incident", title="shop answers 502 Bad Gateway", onset="15m", severity="SEV2")
        incident = required(session.ledger, None)
        receipts = receipts_of(session, incident)
    assert receipts
    assert [Path(item.path).name for item in receipts.authority] == ["CLAUDE.md"]
    assert len(receipts.authority[0].sha256) == 64
    assert [(item.title, item.summary) for item in receipts.similar] == [
        ("checkout answers 502", "a module was missing; added")
    ]
    assert receipts.playbooks["workflow"] == "502_504"
    assert timedelta(minutes=14) < incident.opened - incident.onset < timedelta(minutes=16)


def test_rules_that_cannot_be_read_are_named_and_do_not_stop_anything(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "many").mkdir()
    for number in range(201):
        (tmp_path / "many" / f"{number}.md").write_text("x", encoding="utf8")
    found, blind = authority_files(("pipe", "absent", "many"), tmp_path)
    assert len(found) == 200
    assert [spot.reason for spot in blind] == ["not a regular file", "more than 200 files"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"title": "x"}, "`title`"),
        ({"title": "shop down", "onset": "2026-11-20T10:00:00"}, "names no zone"),
        ({"title": "shop down", "onset": "2099-01-01T00:00:00Z"}, "lies in the future"),
        ({"title": "shop down", "service": "shpo"}, "declared services"),
        ({"title": "shop down", "target": "elsewhere"}, "`target` is `elsewhere`"),
        ({"title": "shop down", "severity": "SEV9"}, "SEV1"),
        ({"titel": "shop down"}, "did you mean `title`"),
    ],
)
def test_what_cannot_be_opened_gets_a_sentence(arguments: dict[str, object], words: str, tmp_path: Path) -> None:
    with session_in(tmp_path) as session, pytest.raises(BadInput) as error:
        call(session, "open_incident", **arguments)
    assert words in error.value.sentence()


def test_notes_and_secrets(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        call(session, "open_incident", title="shop down password=hunter2hunter2")
        call(session, "add_note", text="used postgres://shop:s3cr3tpass@db/shop to look")
        incident = required(session.ledger, None)
        bodies = [str(entry.body) for entry in session.ledger.entries()]
    assert len(incident.notes) == 1
    assert not any("s3cr3tpass" in body or "hunter2hunter2" in body for body in bodies)


def test_closing_is_refused_while_the_gate_is_not_met_and_a_person_alone_may_skip_it(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        call(session, "open_incident", title="shop down")
        with pytest.raises(BadInput, match=r"cannot be closed: no severity is set; no triage was made.*skip_gate\.py quality"):
            call(session, "close_incident", summary="it went away by itself")
        incident = required(session.ledger, None)
        skip(session, incident, "quality", reason="drill, nothing was broken", by="ops")
        closed = call(session, "close_incident", summary="it went away by itself")
        assert "closed all the same, a person skipped the gate: no triage was made" in render(closed)
        assert "no severity is set" in str(next(iter(session.ledger.entries(kind="incident.closed"))).body["warnings"])
        with pytest.raises(BadInput, match="no incident is open"):
            call(session, "close_incident", summary="once more, with feeling")
        assert closed.incident
        with pytest.raises(BadInput, match="was closed at"):
            call(session, "close_incident", summary="once more, with feeling", incident=closed.incident)
        assert find(session.ledger, closed.incident).summary == "it went away by itself"


def test_which_incident_is_meant(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        with pytest.raises(BadInput, match="open_incident"):
            required(session.ledger, None)
        first = call(session, "open_incident", title="one thing").incident
        assert current(session.ledger, None)[0] == first
        call(session, "open_incident", title="another thing")
        with pytest.raises(BadInput, match="several are open"):
            required(session.ledger, None)
        assert current(session.ledger, None)[0] is None
        with pytest.raises(BadInput, match="open incidents: INC-"):
            find(session.ledger, "INC-999")


def test_listing_is_bounded_and_says_so(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        for number in range(3):
            call(session, "open_incident", title=f"thing {number}")
        text = render(call(session, "list_incidents", limit=2))
        status = call(session, "incident_status", incident=required_newest(session))
    assert "thing 2" in text
    assert "thing 0" not in text
    assert "1 older ones are not shown" in text
    assert status.data["missing"]  # type: ignore[index,call-overload]
    assert status.at <= now()


def required_newest(session: Session) -> str:
    return f"INC-{list(session.ledger.entries(kind='incident.opened'))[-1].seq}"
