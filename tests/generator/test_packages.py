"""What the generator's dpkg leaves behind, read by the program's own source: its lines, the story's times."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mcp_server.core.change import Window
from mcp_server.core.settings import load_settings
from mcp_server.engine.session import Session
from tests.changes.world import World, collect
from tests.generator import packages
from tests.real_parts import need

AT = datetime(2026, 3, 5, 10, 30, tzinfo=UTC)


@pytest.mark.real
def test_log_and_database_agree(tmp_path: Path) -> None:
    need(*packages.PROGRAMS)
    root = tmp_path / "host"
    packages.found(root, AT - timedelta(days=40))
    packages.install(root, AT, "openssl", "3.0.13-1")
    packages.install(root, AT + timedelta(minutes=2), "ncdu", "1.18-0")
    packages.remove(root, AT + timedelta(minutes=5), "telnet")
    packages.remove(root, AT + timedelta(minutes=6), "telnet")  # is gone

    session = Session(load_settings({"VETERAN_STATE_DIR": str(tmp_path / "state"), "HOME": str(tmp_path)}), program="test")
    window = Window(since=AT - timedelta(hours=1), until=AT + timedelta(hours=1))
    changes, coverage = collect(session, World(root), "packages", window)
    session.close()
    told = [(change.component, change.kind, (change.at - AT) // timedelta(minutes=1)) for change in changes]
    assert told == [("openssl", "upgrade", 0), ("ncdu", "install", 2), ("telnet", "remove", 5)]
    assert not coverage.blind
    asked = ["dpkg-query", f"--admindir={root}/var/lib/dpkg", "-W", "-f=${Package} ${Version} ${db:Status-Status}\\n"]
    there = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.splitlines()
    assert {"openssl 3.0.13-1 installed", "ncdu 1.18-0 installed", "curl 8.5.0-2 installed"} <= set(there)
    assert not any(line.startswith("telnet ") and line.endswith(" installed") for line in there)


@pytest.mark.real
def test_a_refusal_of_dpkg_is_told(tmp_path: Path) -> None:
    need(*packages.PROGRAMS)
    packages.found(tmp_path, AT)
    (tmp_path / "var/lib/dpkg/status").write_text("damaged")
    with pytest.raises(RuntimeError, match="dpkg"):
        packages.remove(tmp_path, AT, "curl")
