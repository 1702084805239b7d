"""The read door: what a diagnostic may learn of a failed look, and how long it may still wait."""

import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.address import LOCAL
from mcp_server.core.calls import Call, Connect
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.ledger import Ledger
from mcp_server.core.reader import Limits
from mcp_server.core.redaction import Redactor
from mcp_server.engine.reader import EvidenceReader


class Deaf:
    """A place where nothing answers."""

    address = "local"
    where = LOCAL

    def now(self) -> datetime:
        return datetime(2026, 11, 20, 10, tzinfo=UTC)

    def look(self, call: Call[Any], limits: Limits) -> Any:
        raise CouldNotLook(call.title(), "unreachable", "nothing listens there, password=correct-horse-battery")


def reader(ledger: Ledger, *, look_s: float = 10, left: float = 60) -> EvidenceReader:
    limits = Limits(look_s, 1_000, threading.Event())
    return EvidenceReader(
        Deaf(), ledger, Redactor(), limits, asker="test", commands=(), deadline=time.monotonic() + left, incident=None
    )


def test_a_failed_look_names_its_evidence(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    door = reader(ledger)
    with pytest.raises(CouldNotLook) as failed:
        door.look(Connect(address="127.0.0.1:1"))
    assert failed.value.evidence == door.evidence[0] == "E1"
    kept = ledger.entry(1).body["failure"]
    assert kept["reason"] == "unreachable" and "correct-horse" not in str(kept)
    ledger.close()


def test_patience_is_the_shorter_of_the_look_and_the_question(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    assert reader(ledger, look_s=3, left=60).patience() == 3
    assert 1 < reader(ledger, look_s=10, left=2).patience() <= 2
    assert reader(ledger, left=-1).patience() == 0
    ledger.close()
