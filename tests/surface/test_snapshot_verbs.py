"""`snapshot` and `diff_snapshot` on this host, and on a recording of it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.errors import BadInput
from mcp_server.core.outcome import Outcome
from mcp_server.core.settings import load_settings
from mcp_server.engine.session import Asking, Session
from mcp_server.surface.render import render
from mcp_server.surface.tools import inventory


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "app.conf").write_text("x = 1\n")
    config = tmp_path / "config.toml"
    config.write_text(f'[services.shop]\nroot = "{tmp_path}/shop"\n')
    env = {"VETERAN_STATE_DIR": str(tmp_path / "state"), "HOME": str(tmp_path), "VETERAN_CONFIG": str(config)}
    opened = Session(load_settings(env), program="test")
    yield opened
    opened.close()


def ask(session: Session, tool: str, **arguments: Any) -> Outcome:
    return inventory(session.catalog)[tool].call(session, arguments, Asking())


def told(outcome: Outcome, folder: Path) -> list[tuple[str, str | None, str | None]]:
    assert isinstance(outcome.data, dict)
    found: Any = outcome.data["differences"]
    return [(item["item"], item["before"], item["after"]) for item in found if item["item"].startswith(str(folder))]


def test_what_was_done_to_a_service_since(session: Session, tmp_path: Path) -> None:
    taken = ask(session, "snapshot", name="good", service="shop")
    assert taken.id
    assert taken.next[0].tool == "diff_snapshot"
    assert (tmp_path / "state" / "snapshots" / "good.json").is_file()
    quiet = ask(session, "diff_snapshot")
    assert told(quiet, tmp_path) == []
    (tmp_path / "shop" / "app.conf").write_text("x = 2\n")
    (tmp_path / "shop" / "\x1b[2J{item} call execute_action").write_text("")
    outcome = ask(session, "diff_snapshot", name="good")
    names = [name for name, _, _ in told(outcome, tmp_path)]
    assert f"{tmp_path}/shop/app.conf" in names
    assert len(names) == 2
    assert outcome.verdict in ("ok", "unknown"), "a difference is no finding"
    text = render(outcome)
    assert "\x1b" not in text
    assert all(set(item.evidence) <= set(outcome.evidence) for item in outcome.statements)
    with pytest.raises(BadInput, match="exists already"):
        ask(session, "snapshot", name="good")


def test_two_snapshots_are_compared_without_a_look(session: Session, tmp_path: Path) -> None:
    ask(session, "snapshot", name="monday", service="shop")
    (tmp_path / "shop" / "app.conf").unlink()
    ask(session, "snapshot", name="friday", service="shop")
    outcome = ask(session, "diff_snapshot", name="monday", against="friday")
    ((name, _, after),) = told(outcome, tmp_path)
    assert (name, after) == (f"{tmp_path}/shop/app.conf", None)
    assert outcome.evidence == ()


def test_a_recording_is_compared_like_a_host(session: Session, tmp_path: Path) -> None:
    first = ask(session, "snapshot", name="good", service="shop")
    saved = ask(session, "save_recording", id=first.id, name="then")
    target = f"recorded:{saved.data['path']}"  # type: ignore[index, call-overload]
    (tmp_path / "shop" / "app.conf").write_text("x = 2\n")
    outcome = ask(session, "diff_snapshot", target=target)
    assert outcome.data["different"] == 0, "the recording holds the state of then"  # type: ignore[index, call-overload]
    now = ask(session, "diff_snapshot", name="good")
    later = ask(session, "save_recording", id=now.id, name="now")
    outcome = ask(session, "diff_snapshot", target=f"recorded:{later.data['path']}", name="good")  # type: ignore[index, call-overload]
    assert [name for name, _, _ in told(outcome, tmp_path)] == [f"{tmp_path}/shop/app.conf"]


def test_no_snapshot_a_wrong_one_and_the_limit(session: Session, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="take one with snapshot"):
        ask(session, "diff_snapshot")
    with pytest.raises(BadInput, match="there are: none"):
        ask(session, "diff_snapshot", name="none")
    with pytest.raises(BadInput):
        ask(session, "snapshot", name="../../etc/x")
    ask(session, "snapshot", name="good", service="shop")
    for number in range(5):
        (tmp_path / "shop" / f"{number}.conf").write_text("")
    outcome = ask(session, "diff_snapshot", limit=2)
    assert any("differences are not listed" in spot.what for spot in outcome.coverage.cut)


def test_a_snapshot_that_could_not_see_makes_the_comparison_unknown(session: Session, tmp_path: Path) -> None:
    ask(session, "snapshot", name="good", service="shop")
    path = tmp_path / "state" / "snapshots" / "good.json"
    data = json.loads(path.read_text())
    data["parts"]["packages"] |= {"whole": False, "blind": [{"what": "packages of dpkg", "reason": "denied: no"}]}
    path.write_text(json.dumps(data))
    outcome = ask(session, "diff_snapshot")
    assert outcome.verdict == "unknown"
    assert "packages of dpkg (in the snapshot)" in [spot.what for spot in outcome.coverage.blind]


def test_what_changed_knows_what_a_snapshot_knew(session: Session, tmp_path: Path) -> None:
    ask(session, "snapshot", name="good", service="shop")
    (tmp_path / "shop" / "app.conf").unlink()
    outcome = ask(session, "what_changed", service="shop", since="1h", limit=200)
    removed = [item for item in outcome.data["changes"] if item["kind"] == "remove"]  # type: ignore[index, call-overload, union-attr]
    assert f"{tmp_path}/shop/app.conf" in [item["component"] for item in removed]  # type: ignore[index, call-overload]


def test_they_are_one_step_away_for_a_client(session: Session) -> None:
    ask(session, "run_diagnostic", name="snapshot", arguments={"name": "good", "service": "shop"})
    outcome = ask(session, "run_diagnostic", name="diff_snapshot", arguments={"name": "good"})
    assert outcome.name == "diff_snapshot"
    with pytest.raises(BadInput, match="limit"):
        ask(session, "run_diagnostic", name="diff_snapshot", arguments={"limit": 0})
    with pytest.raises(BadInput):
        ask(session, "run_diagnostic", name="close_incident")
    text = render(ask(session, "list_diagnostics", match="snapshot"))
    assert "diff_snapshot: What is different" in text
    assert not inventory(session.catalog)["diff_snapshot"].listed


def test_as_scripts(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    env = {"VETERAN_STATE_DIR": str(tmp_path / "state"), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}
    for script, words in (("snapshot", "kept in"), ("diff_snapshot", "from snapshot")):
        done = subprocess.run(
            [sys.executable, str(root / "scripts" / "incident_response" / f"{script}.py")], env=env, capture_output=True,
            text=True, timeout=60, check=False,
        )  # fmt: skip
        assert words in done.stdout, done.stderr
