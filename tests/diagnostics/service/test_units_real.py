"""Units of a real systemd, asked inside its container by the real program."""

import json
import sys
from collections.abc import Iterator

import pytest

from tests.real_parts import wait_until
from tests.systemd_box import Box, systemd_box

FAILS = "[Service]\nExecStart=/bin/sh -c 'exit 3'\n"
UNITS = {
    "good.service": "[Service]\nExecStart=/usr/bin/sleep 3600\n",
    "bad.service": FAILS,
    "loop.service": f"[Unit]\nStartLimitIntervalSec=0\n{FAILS}Restart=always\nRestartSec=50ms\n",
    "limit.service": f"[Unit]\nStartLimitIntervalSec=60\nStartLimitBurst=3\n{FAILS}Restart=always\nRestartSec=20ms\n",
    "stopped.service": "[Service]\nExecStart=/usr/bin/sleep 3600\n",
    "once.service": "[Service]\nType=oneshot\nExecStart=/bin/true\n",
}
ASK = """
import json, sys
from pathlib import Path
from tests.diagnostics.asking import asking, codes
with asking(Path(sys.argv[1])) as ask:
    answers = {}
    for name in sys.argv[2:]:
        outcome = ask("service_status", unit=name)
        answers[name] = [outcome.verdict, codes(outcome), [clue for item in outcome.findings for clue in item.clues]]
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with systemd_box(tmp_path_factory.mktemp("systemd"), UNITS) as running:
        yield running


def shown(box: Box, unit: str, name: str) -> str:
    return box.run("systemctl", "show", unit, "--value", f"--property={name}").stdout.strip()


@pytest.mark.real
def test_units_as_they_are(box: Box) -> None:
    box.run("systemctl", "start", "--no-block", "good", "bad", "loop", "limit", "once")
    wait_until(lambda: shown(box, "limit", "ActiveState") == "failed", "the start limit is hit")
    wait_until(lambda: int(shown(box, "loop", "NRestarts")) >= 3, "three restarts")
    wait_until(lambda: shown(box, "good", "ActiveState") == "active", "the good one runs")
    names = ("good", "bad", "loop", "limit", "stopped", "once", "nobody")
    run = box.run(sys.executable, "-c", ASK, "/root/ask", *names, check=False)
    assert run.returncode == 0, run.stderr
    answers = json.loads(run.stdout)
    assert {name: (verdict, found) for name, (verdict, found, _) in answers.items()} == {
        "good": ("ok", []),
        "bad": ("finding", ["unit_failed"]),
        "loop": ("finding", ["restart_loop"]),
        "limit": ("finding", ["unit_failed", "start_limit"]),
        "stopped": ("finding", ["unit_inactive"]),
        "once": ("ok", []),
        "nobody": ("finding", ["unit_unusable"]),
    }
    assert "unit:bad.service" in answers["bad"][2]
    assert "path:/etc/systemd/system/bad.service" in answers["bad"][2]
