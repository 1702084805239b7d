"""preflight at a daemon: what can be asked and what not, with the remedy, in less than two seconds even when it hangs."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_server.core.outcome import Outcome
from mcp_server.core.settings import load_settings
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.record import find, open_incident
from mcp_server.incident.validation import validate
from mcp_server.surface.tools import inventory
from tests.hung_socket import hung_socket
from tests.real_parts import least


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    opened = Session(load_settings({"HOME": str(tmp_path), "VETERAN_STATE_DIR": str(tmp_path / "state")}), program="test")
    yield opened
    opened.close()


def preflight(session: Session, target: str) -> Outcome:
    return inventory(session.catalog)["preflight"].call(session, {"target": target}, Asking())


def test_a_daemon_that_hangs(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with hung_socket(tmp_path / "d.sock") as address:
        monkeypatch.setenv("DOCKER_HOST", address)
        outcomes: list[Outcome] = []

        def measured() -> float:
            started = time.monotonic()
            outcomes.append(preflight(session, "docker://shop"))
            return time.monotonic() - started

        assert least(measured, 2) < 2
    outcome = outcomes[0]
    assert (outcome.verdict, outcome.target) == ("unknown", "docker://default/shop")
    assert isinstance(outcome.data, dict)
    assert outcome.data["possible"] == [] and "log_tail" in outcome.data["impossible"]
    spot = next(spot for spot in outcome.coverage.blind if spot.what == "log_tail")
    assert "did not answer" in spot.reason and "journal on its host" in spot.remedy


def test_no_daemon_at_all(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
    outcome = preflight(session, "docker://")
    assert outcome.verdict == "unknown"
    assert any("docker.service" in spot.remedy for spot in outcome.coverage.blind)
    incident = open_incident(session, title="shop is down", target="docker://", service=None, onset=None, severity=None)
    assert incident.target == "docker://default/"
    receipts = validate(session, find(session.ledger, incident.id), Asking())
    assert receipts.units_ready == 0 and "does not exist" in receipts.lacking[0].reason
