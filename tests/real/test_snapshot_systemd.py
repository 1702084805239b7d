"""Snapshot and comparison inside a real systemd: a unit stopped, a port closed, a file written, a parameter changed."""

import sys
from pathlib import Path

import pytest

from tests.systemd_box import REPOSITORY, Box, systemd_box

pytestmark = pytest.mark.real

UNITS = {
    "app.service": f"[Service]\nExecStart={sys.executable} -m http.server 8099 --bind 127.0.0.1\n"
    "[Install]\nWantedBy=multi-user.target\n",
    "job.service": "[Service]\nType=oneshot\nExecStart=/bin/true\n",
}


def script(box: Box, name: str, *argv: str) -> str:
    path = str(REPOSITORY / "scripts" / "incident_response" / f"{name}.py")
    return box.run("env", "VETERAN_STATE_DIR=/var/lib/veteran", sys.executable, path, *argv, check=False).stdout


def test_what_somebody_did_since_the_snapshot(tmp_path: Path) -> None:
    with systemd_box(tmp_path, UNITS) as box:
        box.run("systemctl", "start", "app")
        box.run(
            sys.executable, "-c",
            "import socket, time\nfor _ in range(200):\n  try: socket.create_connection(('127.0.0.1', 8099)); break\n"
            "  except OSError: time.sleep(0.05)",
        )  # fmt: skip
        assert "kept in" in script(box, "snapshot", "--name", "good")
        quiet = script(box, "diff_snapshot")
        assert "units" not in quiet.splitlines()[2], quiet
        box.run("systemctl", "stop", "app")
        box.run("systemctl", "enable", "app")
        box.run("sh", "-c", "echo 'x = 1' > /etc/app.conf")
        told = script(box, "diff_snapshot", "--name", "good")
        assert "`units`: `app.service` was `disabled, active (running)`, is `enabled`" in told
        assert "`/etc/app.conf` is new" in told
        assert "`tcp 127.0.0.1:8099` is gone" in told
