"""A gate is skipped by a person at a terminal, with a reason; nobody else can, and it stands in the record."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_server.core.ledger import Ledger
from tests.incident.story import Story, session_in

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts/incident_response/skip_gate.py"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with session_in(tmp_path) as session:
        Story(session)
    return tmp_path


def environment(home: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home), "VETERAN_STATE_DIR": str(home / "state")}


def at_terminal(home: Path, *words: str, answer: str) -> tuple[int, str]:
    """What a person sees who types `answer` when asked."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, SCRIPT, *words], stdin=theirs, stdout=theirs, stderr=theirs, env=environment(home),
        start_new_session=True,
    ) as asked:  # fmt: skip
        os.close(theirs)
        seen = b""
        try:
            while True:
                seen += os.read(ours, 4_096)
                if seen.endswith(b"without it? "):
                    os.write(ours, answer.encode() + b"\n")
        except OSError:  # the terminal ends with the program
            pass
        status = asked.wait(30)
    os.close(ours)
    return status, seen.decode()


def skips(home: Path) -> list[dict[str, object]]:
    ledger = Ledger(home / "state")
    found = [entry.body for entry in ledger.entries(kind="incident.stage")]
    ledger.close()
    return found


def test_a_person_skips_with_a_reason(home: Path) -> None:
    status, seen = at_terminal(home, "assess", answer="drill of the night shift")
    assert status == 0, seen
    assert "the gate `assess` misses:" in seen
    assert "- no severity is set" in seen
    (line,) = skips(home)
    assert (line["stage"], line["how"], line["reason"]) == ("assess", "skipped", "drill of the night shift")
    assert line["by"]


@pytest.mark.parametrize("answer", ["", "ok"])
def test_without_a_reason_it_stays_as_it_was(home: Path, answer: str) -> None:
    status, seen = at_terminal(home, "quality", answer=answer)
    assert status == 1
    assert "a reason has at least 10 characters" in seen
    assert not skips(home)


def test_a_pipe_is_no_person(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, "quality"], env=environment(home), input="it is a good reason\n", capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 64
    assert "this is no terminal" in done.stderr
    assert not skips(home)


def test_a_stage_that_does_not_exist_is_named(home: Path) -> None:
    status, seen = at_terminal(home, "lunch", answer="")
    assert status == 64
    assert "`stage` is `lunch`; it should be one of: assess, diagnose, fix, prove, quality" in seen
