"""Sessions: what was under way when a process was killed is named by the next one, once."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_server.core.errors import BadInput
from mcp_server.core.settings import load_settings
from mcp_server.engine.session import Session

VICTIM = """
import sys, time
from mcp_server.core.settings import load_settings
from mcp_server.engine.session import Session
session = Session(load_settings(), program="victim")
session.began("disk_space", "local", {"password": "hunter2secret"}, None)
print("ready", flush=True)
sys.stdin.read()
"""


def environment(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "VETERAN_STATE_DIR": str(tmp_path / "state"), "PATH": "/usr/bin:/bin"}


def test_a_killed_session_is_named_once(tmp_path: Path) -> None:
    env = environment(tmp_path)
    victim = subprocess.Popen([sys.executable, "-c", VICTIM], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert victim.stdout
    assert victim.stdout.readline() == "ready\n"
    alongside = Session(load_settings(env), program="test")
    assert alongside.interrupted == (), "a session that still runs is not called interrupted"
    alongside.close()
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    following = Session(load_settings(env), program="test")
    assert len(following.interrupted) == 1
    assert "disk_space on local started" in following.interrupted[0]
    following.close()
    last = Session(load_settings(env), program="test")
    assert last.interrupted == ()
    assert "hunter2secret" not in "".join(str(entry.body) for entry in last.ledger.entries())
    last.close()


def test_a_session_that_ended_is_not_named(tmp_path: Path) -> None:
    for _ in range(2):
        session = Session(load_settings(environment(tmp_path)), program="test")
        assert session.interrupted == ()
        session.close()


def test_a_service_must_be_declared(tmp_path: Path) -> None:
    session = Session(load_settings(environment(tmp_path)), program="test")
    assert session.service(None) is None
    with pytest.raises(BadInput, match=r"`service` is `shop`; declared services: none; declare \[services.NAME\]"):
        session.service("shop")
    session.close()


def test_a_close_that_cannot_be_written_is_named_by_the_next_start(tmp_path: Path) -> None:
    session = Session(load_settings(environment(tmp_path)), program="test")
    session.ledger._db.execute("PRAGMA query_only = 1")
    session.close()
    (tmp_path / "state/sessions/of_somebody_else.lock").touch()
    following = Session(load_settings(environment(tmp_path)), program="test")
    assert following.interrupted == (f"session {session.id} (nothing was under way)",)
    following.close()
