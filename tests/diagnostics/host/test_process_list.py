"""Real processes in real states."""

import os
import signal
from pathlib import Path

from tests.diagnostics.asking import asking, codes
from tests.diagnostics.listeners import program
from tests.real_parts import wait_until

ZOMBIES = """
import os, sys
for _ in range(4):
    if (child := os.fork()) == 0: os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody took its status
print("ready", flush=True); sys.stdin.read()
"""
SUPERVISOR = """
import subprocess, sys, threading
stop = threading.Event(); threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
while not stop.is_set():
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.15)", "flapping-service"]):
        print("started", flush=True)
"""


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf8").rpartition(")")[2].split()[0]


def test_all_processes_in_bounds(tmp_path: Path) -> None:
    with asking(tmp_path) as ask:
        outcome = ask("process_list", limit=2)
    assert outcome.verdict in ("ok", "finding")  # whatever this machine is up to, it was seen
    lines = [item for item in outcome.statements if "pid" in item.values]
    assert len(lines) == 2
    assert "more; raise" in outcome.statements[-1].text


def test_matching_processes_and_their_command(tmp_path: Path) -> None:
    with program(tmp_path, "idle_service.py", "import sys; sys.stdin.read()") as child, asking(tmp_path) as ask:
        outcome = ask("process_list", match="idle_service.py")
    assert outcome.verdict == "ok"
    assert outcome.statements[0].values["recent"] == 1
    assert outcome.statements[1].values["pid"] == child.pid


def test_no_match(tmp_path: Path) -> None:
    with asking(tmp_path) as ask:
        assert codes(ask("process_list", match="no-such-program-anywhere")) == ["no_match"]


def test_stopped(tmp_path: Path) -> None:
    with program(tmp_path, "held_service.py", "import sys; sys.stdin.read()") as child, asking(tmp_path) as ask:
        os.kill(child.pid, signal.SIGSTOP)
        wait_until(lambda: state(child.pid) == "T", "stopped")
        outcome = ask("process_list", match="held_service.py")
    assert codes(outcome) == ["stopped"]
    assert f"pid:{child.pid}" in outcome.findings[0].clues
    assert len(outcome.findings[0].evidence) == 2


def test_zombies_point_at_their_parent(tmp_path: Path) -> None:
    with program(tmp_path, "careless_parent.py", ZOMBIES) as child, asking(tmp_path) as ask:
        assert child.stdout is not None
        child.stdout.readline()
        outcome = ask("process_list", zombies=4)
    found = [finding for finding in outcome.findings if finding.code == "process_list.zombies"]
    assert found and f"pid:{child.pid}" in found[0].clues


def test_replaced_again_and_again(tmp_path: Path) -> None:
    with program(tmp_path, "supervisor.py", SUPERVISOR) as child, asking(tmp_path) as ask:
        assert child.stdout is not None
        child.stdout.readline()
        seen: list[str] = []
        wait_until(
            lambda: bool(seen.extend(codes(ask("process_list", match="flapping-service"))) or "replaced" in seen), "seen"
        )


def test_a_secret_in_a_command_line_stays_there(tmp_path: Path) -> None:
    words = ("--password", "hunter2hunter2")
    with program(tmp_path, "secretive.py", "import sys; sys.stdin.read()", *words), asking(tmp_path) as ask:
        outcome = ask("process_list", match="secretive.py")
    assert "hunter2hunter2" not in outcome.model_dump_json()
    assert "--password" in outcome.model_dump_json()
