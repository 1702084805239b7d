"""The demonstration as a person runs it, and that Ctrl-C leaves nothing behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real_parts import need, wait_until

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]


def environment(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), "PYTHONWARNINGS": "default"}


def processes_in(folder: Path) -> list[str]:
    """Command lines of processes that mention or work in the folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            cwd = os.readlink(entry / "cwd")
        except OSError:
            continue
        if str(folder) in line or cwd.startswith(str(folder)):
            found.append(line)
    return found


@pytest.mark.parametrize("front", ["nginx", "no nginx"])
def test_it_finds_the_missing_module_and_shows_it(front: str, tmp_path: Path) -> None:
    need("git", *(["nginx"] if front == "nginx" else []))
    options = [] if front == "nginx" else ["--no-nginx"]
    done = subprocess.run(
        [sys.executable, "-m", "scripts.demo", *options], cwd=ROOT, env=environment(tmp_path), check=False, capture_output=True,
        text=True, stdin=subprocess.DEVNULL, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("recotools", "FINDING", "catalog: recommend products that go together", "build/demo/INC-"):
        assert words in done.stdout
    assert ("no nginx here" in done.stdout) == (front == "no nginx")
    assert "\x1b" not in done.stdout, "not a terminal"
    assert not done.stderr
    reports = [ROOT / line.strip() for line in done.stdout.splitlines() if line.strip().startswith("build/demo/")]
    assert {path.suffix for path in reports} == {".md", ".html"}
    assert all("recotools" in path.read_text(encoding="utf8") for path in reports)
    assert processes_in(tmp_path) == []
    assert list(tmp_path.glob("veteran-*")) == []


@pytest.mark.parametrize("words", ["healthy traffic", "broken:", "triage"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing_behind(words: str, number: int, tmp_path: Path) -> None:
    need("git")
    # whoever runs the tests in the background made Ctrl-C ignored, and children inherit that; a handler they do not
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, "-m", "scripts.demo"], cwd=ROOT, env=environment(tmp_path), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    assert process.stdout
    for line in process.stdout:
        if words in line:
            break
    process.send_signal(number)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 130, error
    assert "interrupted" in error
    assert "Traceback" not in error
    wait_until(lambda: processes_in(tmp_path) == [], "every process is gone")
    assert list(tmp_path.glob("veteran-*")) == []
