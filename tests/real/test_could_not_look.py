"""What could not be seen is unknown, never ok: unreadable log, missing program, a look that takes too long."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mcp_server.engine.catalog import load_catalog
from scripts.demo.world import World
from tests.real_parts import need

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]


def ask(world: World, name: str, *words: str, prefix: tuple[str, ...] = (), **environment: str) -> dict[str, Any]:
    """One script, as a person runs it; its exit code and its verdict agree."""
    path = next((ROOT / "scripts").glob(f"*/{name}.py"))
    env = {"PATH": os.environ["PATH"], "HOME": str(world.folder), "VETERAN_CONFIG": str(world.folder / "veteran.toml")}
    done = subprocess.run(
        [*prefix, sys.executable, str(path), *words, "--json"], env=env | environment, check=False, capture_output=True,
        text=True, stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip
    outcome: dict[str, Any] = json.loads(done.stdout or "null") or pytest.fail(done.stderr)
    assert done.returncode == {"ok": 0, "finding": 1, "unknown": 2, "not_applicable": 3}[outcome["verdict"]]
    return outcome


def without_rights() -> tuple[str, ...]:
    """A way to run something that file permissions bind, although the tests may run as root."""
    if os.geteuid() != 0:
        return ()
    need("setpriv")
    return ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--")


@pytest.mark.parametrize("name", ["recent_errors", "log_tail"])
def test_an_unreadable_log_is_unknown(name: str, world: World) -> None:
    log = world.log / "gunicorn.log"
    log.write_text("[2026-11-20 10:00:00 +0000] [7] [INFO] Booting worker\n", encoding="utf8")
    assert ask(world, name, str(log), prefix=without_rights())["verdict"] == "ok"
    log.chmod(0)
    outcome = ask(world, name, str(log), prefix=without_rights())
    assert outcome["verdict"] == "unknown"
    spot = outcome["coverage"]["blind"][0]
    assert str(log) in spot["what"]
    assert "denied" in spot["reason"]
    assert spot["remedy"]


@pytest.mark.parametrize("name", ["recent_errors", "log_tail"])
def test_a_log_that_is_not_there_is_unknown(name: str, world: World) -> None:
    outcome = ask(world, name, str(world.log / "nothing.log"))
    assert outcome["verdict"] == "unknown"
    assert "nothing.log" in json.dumps(outcome["coverage"]["blind"])


def test_a_missing_program_is_unknown(world: World) -> None:
    """With no program on PATH, whatever needs one cannot be said to be well."""
    empty = world.folder / "no-programs"
    empty.mkdir()
    world.start()
    needy = [
        name for name, unit in load_catalog().diagnostics.items() if any(need.kind == "binary" for need in unit.spec.needs)
    ]
    for name in needy:
        assert ask(world, name, PATH=str(empty))["verdict"] == "unknown", name
    changes = ask(world, "what_changed", "--service", "shop", PATH=str(empty))
    assert changes["verdict"] != "ok"
    assert "git" in json.dumps(changes["coverage"])


def test_a_look_that_takes_too_long_is_unknown(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        outcome = ask(world, "http_check", url, "--timeout-s", "5", VETERAN_LIMITS_LOOK_S="0.3")
    assert outcome["verdict"] == "unknown"
    assert "timed_out" in json.dumps(outcome["coverage"]["blind"])


def test_a_path_outside_the_roots_is_not_read(world: World, tmp_path: Path) -> None:
    secret = tmp_path / "outside.log"
    secret.write_text("not for us\n", encoding="utf8")
    link = world.log / "link.log"
    link.symlink_to(secret)
    for path in (secret, link, f"{world.log}/../../../../..{secret}"):
        outcome = ask(world, "log_tail", str(path))
        assert outcome["verdict"] == "unknown"
        assert "not for us" not in json.dumps(outcome)


@pytest.mark.skipif(shutil.which("git") is None, reason="not installed: git")
def test_a_checkout_without_commits_and_a_folder_without_a_checkout(world: World) -> None:
    empty = world.folder / "empty"
    empty.mkdir()
    world.git(empty, "init", "--quiet")
    outcome = ask(world, "what_changed", "--folders", str(empty))
    assert "defect" not in json.dumps(outcome["coverage"])
