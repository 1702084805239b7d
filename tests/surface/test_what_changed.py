"""The verb: gaps filled from the incident and the declared service, bad input answered with a sentence."""

import os
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.clock import now, parse_moment, stamp
from mcp_server.core.errors import BadInput
from mcp_server.core.outcome import Outcome
from mcp_server.core.settings import load_settings
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.record import open_incident
from mcp_server.surface.verbs import what_changed as verb
from tests.real_parts import need


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    config = tmp_path / "config.toml"
    config.write_text(f'[services.shop]\nroot = "{tmp_path}/shop"\npython = "{tmp_path}/venv"\n')
    (tmp_path / "shop").mkdir()
    settings = {"VETERAN_STATE_DIR": str(tmp_path / "state"), "VETERAN_CONFIG": str(config), "HOME": str(tmp_path)}
    made = Session(load_settings(settings), program="test")
    yield made
    made.close()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the verb hands to the engine."""
    kept: dict[str, Any] = {}

    def ask(
        session: Any, target: str, window: Any, scope: Any, onset: Any, asking: Any, *, limit: int, symptoms: Any, history: Any
    ) -> Outcome:
        kept.update(target=target, window=window, scope=scope, onset=onset, incident=asking.incident, limit=limit)
        return Outcome(name="what_changed", target=target, verdict="ok", at=now())

    monkeypatch.setattr("mcp_server.engine.what_changed.what_changed", ask)
    return kept


def run(session: Session, **arguments: Any) -> Outcome:
    return verb.run(session, verb.Params.parse(arguments), Asking())


def test_gaps_are_filled_from_the_incident(session: Session, asked: dict[str, Any], tmp_path: Path) -> None:
    onset = now() - timedelta(hours=3)
    incident = open_incident(session, title="502", target="local", service="shop", onset=onset, severity=None)
    outcome = run(session)
    assert asked["incident"] == incident.id
    assert incident.id in outcome.notice
    assert asked["onset"] == onset
    assert asked["window"].since == onset - timedelta(hours=24)
    assert abs(asked["window"].until - now()) < timedelta(seconds=30)
    assert asked["scope"].folders == (f"{tmp_path}/shop",)
    assert asked["scope"].pythons == (f"{tmp_path}/venv",)


def test_what_is_named_wins(session: Session, asked: dict[str, Any]) -> None:
    at = datetime.fromisoformat("2026-11-20T10:00:00+00:00")
    run(session, since="2026-11-19T10:00:00Z", until="2026-11-20T11:00:00Z", onset=stamp(at), folders=["/srv"], limit="7")
    assert (asked["onset"], asked["limit"], asked["scope"].folders) == (at, 7, ("/srv",))
    assert asked["window"].until == parse_moment("2026-11-20T11:00:00Z")
    assert asked["incident"] is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"since": "yesterday"}, "`since` is `yesterday`"),
        ({"since": "2026-11-20T10:00:00"}, "names no zone"),
        ({"since": "1h", "until": "2h"}, "earlier than `until`"),
        ({"since": "400d"}, "at most 90 days"),
        ({"folders": ["srv/shop"]}, "`folders.0` is `srv/shop`"),
        ({"folders": ["/a"] * 21}, "`folders`"),
        ({"service": "shpo"}, "declared services: shop"),
        ({"incident": "INC-999"}, "`incident` is `INC-999`"),
        ({"target": "mars"}, "`target` is `mars`"),
        ({"limit": 0}, "`limit`"),
        ({"folder": "/srv"}, "did you mean `folders`?"),
    ],
)
def test_bad_input_gets_a_sentence(session: Session, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput) as refused:
        run(session, **arguments)
    assert words in str(refused.value)


def test_the_examples_are_valid() -> None:
    for example in verb.VERB.examples:
        verb.Params.parse(example)


def test_a_real_file_edited_in_a_declared_service(session: Session, tmp_path: Path) -> None:
    (tmp_path / "shop" / "app.ini").write_text("port = 8011\n")
    outcome = run(session, service="shop", since="1h", limit=200)
    assert isinstance(outcome.data, dict)
    found: Any = outcome.data["changes"]
    change = next(item for item in found if item["component"] == f"{tmp_path}/shop/app.ini")
    assert "port:8011" in change["clues"]
    assert outcome.verdict == "unknown", "the environment that the service declares does not exist"
    assert any(f"{tmp_path}/venv" in spot.what for spot in outcome.coverage.blind)


@pytest.mark.real
def test_a_real_deployment_is_one_change_and_the_later_edit_another(session: Session, tmp_path: Path) -> None:
    need("git")
    shop = tmp_path / "shop"
    name = ("-c", "user.name=Somebody", "-c", "user.email=s@example.org")

    def git(*argv: str, at: datetime | None = None) -> None:
        dated = {"GIT_COMMITTER_DATE": at.isoformat()} if at else {}
        subprocess.run(("git", "-C", str(shop), *name, *argv), check=True, capture_output=True, env=os.environ | dated)

    git("init", "-q")
    (shop / "nginx.conf").write_text("listen 8080;\n")
    git("add", ".")
    git("commit", "-q", "-m", "first", at=now() - timedelta(minutes=10))
    (shop / "app.py").write_text("import stripe\n")
    git("add", ".")
    git("commit", "-q", "-m", "take payments")
    (shop / "nginx.conf").write_text("listen 8090;\n")
    outcome = run(session, service="shop", since="1h", until=stamp(now() + timedelta(minutes=1)), limit=200)
    assert isinstance(outcome.data, dict)
    found: Any = outcome.data["changes"]
    mine = [item for item in found if item["component"].startswith(str(shop))]
    assert sorted(item["summary"]["values"].get("subject", item["component"]) for item in mine) == [
        f"{shop}/nginx.conf", "first", "take payments",
    ]  # fmt: skip
    deployed = next(item for item in mine if item["summary"]["values"].get("subject") == "take payments")
    assert {"module:stripe", f"path:{shop}/app.py"} <= set(deployed["clues"])
    assert len(deployed["summary"]["evidence"]) == 2, "it cites the history and the listing of files"
