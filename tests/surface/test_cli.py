"""Every tool as a script: flags, help, exit codes, signals. Run as people run them: as processes."""

import json
import os
import pty
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.clock import now
from mcp_server.core.errors import BadInput, Broken, Cancelled, CouldNotLook, NotApplicable
from mcp_server.core.outcome import Outcome
from mcp_server.core.parameters import Parameters
from mcp_server.engine.catalog import load_catalog
from mcp_server.surface import cli
from mcp_server.surface.flags import command_line, flags_of
from mcp_server.surface.tools import Tool, inventory
from tests.real_parts import wait_until

ROOT = Path(__file__).parents[2]
TOOLS = inventory(load_catalog())
SCRIPTS = [tool for tool in TOOLS.values() if tool.script]


def environment(folder: Path, **more: str) -> dict[str, str]:
    return {"HOME": str(folder), "PATH": os.environ["PATH"], "VETERAN_STATE_DIR": str(folder / "state"), **more}


def script(name: str, *words: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    path = next((ROOT / "scripts").glob(f"*/{name}.py"))
    command = [sys.executable, str(path), *words]
    return subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment(folder, **more),
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


def recording(folder: Path, used_percent: int | None) -> str:
    """A place whose only filesystem is so full; None: it could not be looked at."""
    total = 1_000_000
    look: dict[str, Any] = {"call": {"kind": "filesystems"}}
    if used_percent is None:
        look["failure"] = {"reason": "denied", "detail": "not allowed"}
    else:
        used = total * used_percent // 100
        disk = {"mount": "/srv", "device": "sda1", "type": "ext4", "read_only": False, "total": total, "used": used,
                "available": total - used, "inodes_total": 0, "inodes_free": 0}  # fmt: skip
        look["answer"] = {"mounted": [disk]}
    path = folder / f"{used_percent}.json"
    path.write_text(json.dumps({"place": "local", "at": "2026-11-20T10:00:00.000Z", "looks": [look]}), encoding="utf8")
    return f"recorded:{path}"


@pytest.mark.parametrize(("used", "code", "verdict"), [(10, 0, "OK"), (99, 1, "FINDING"), (None, 2, "UNKNOWN")])
def test_exit_code_says_the_verdict(used: int | None, code: int, verdict: str, tmp_path: Path) -> None:
    done = script("disk_space", "--target", recording(tmp_path, used), folder=tmp_path)
    assert (done.returncode, done.stdout.split()[0]) == (code, verdict), done.stderr
    assert "\x1b" not in done.stdout, "colours are for terminals"


def test_json_is_the_whole_outcome_and_plain_ascii(tmp_path: Path) -> None:
    done = script("disk_space", "--json", "--target", recording(tmp_path, 99), folder=tmp_path)
    outcome = Outcome.model_validate(json.loads(done.stdout))
    assert outcome.verdict == "finding"
    assert done.stdout.isascii()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--warn-percnt", "3"], "did you mean --warn-percent?"),
        (["--warn-percent", "300"], "`warn_percent` is `300`"),
        (["--warn-percent", "many"], "`warn_percent` is `many`"),
        (["--warn-percent"], "expected one argument"),
        (["--warn", "3"], "unrecognized arguments: --warn"),
        (["surplus"], "unrecognized arguments: surplus"),
        (["--target", "mars"], "it should be local, recorded:FILE"),
        (["--incident", "INC-7"], "`incident` is `INC-7`"),
        (["--json", "--full"], "not allowed with argument"),
    ],
)
def test_bad_usage_is_64_with_a_sentence(words: list[str], sentence: str, tmp_path: Path) -> None:
    done = script("disk_space", *words, folder=tmp_path)
    assert done.returncode == 64
    assert sentence in done.stderr
    assert not done.stdout
    assert "Traceback" not in done.stderr


def test_secrets_and_control_characters_in_a_complaint(tmp_path: Path) -> None:
    done = script("disk_space", "--target", "postgresql://u:Hunter2secret@db/\x1b[31m", folder=tmp_path)
    assert done.returncode == 64
    assert "Hunter2secret" not in done.stderr
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize("tool", SCRIPTS, ids=lambda tool: tool.name)
def test_help_tells_every_flag_and_examples_parse(tool: Tool) -> None:
    text = " ".join(cli.parser(tool).format_help().split())
    assert " ".join(tool.summary.split()) in text
    for flag in flags_of(tool):
        assert flag.option in text
        assert flag.description, f"{tool.name} {flag.name} has no description"
        assert " ".join(flag.description.split()) in text
    for example in tool.examples:
        line = command_line(tool, example).split()[0]
        assert (ROOT / line).is_file(), f"{line}: run make gen"
        arguments, _ = cli.read_arguments(tool, _words(tool, example))
        for record in tool.fields:
            record.parse({key: value for key, value in arguments.items() if key in record.model_fields})


def _words(tool: Tool, example: Mapping[str, Any]) -> list[str]:
    import shlex

    return shlex.split(command_line(tool, example))[1:]


def test_help_needs_no_ledger(tmp_path: Path) -> None:
    done = script("disk_space", "--help", folder=tmp_path)
    assert done.returncode == 0
    assert "Percent used at which a filesystem is a finding (1 to 100; default: 85)" in " ".join(done.stdout.split())
    assert "exit codes: 0 ok" in done.stdout
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("setting", "words"),
    [({"VETERAN_NONSENSE": "1"}, "is no setting"), ({"VETERAN_LIMITS_LOOK_S": "soon"}, "limits.look_s")],
)
def test_settings_that_cannot_be_used_are_70(setting: dict[str, str], words: str, tmp_path: Path) -> None:
    done = script("disk_space", folder=tmp_path, **setting)
    assert done.returncode == 70
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_ledger_that_cannot_be_opened_is_70(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be", encoding="utf8")
    done = script("disk_space", folder=tmp_path)
    assert done.returncode == 70
    assert "state" in done.stderr


@pytest.fixture
def silent_server() -> Iterator[str]:
    """Accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_it_soon_and_the_session_is_closed(number: int, code: int, silent_server: str, tmp_path: Path) -> None:
    path = ROOT / "scripts/diagnostics/http_check.py"
    process = subprocess.Popen(
        [sys.executable, str(path), silent_server, "--timeout-s", "30"],
        env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    ledger = tmp_path / "state" / "ledger.sqlite3"
    wait_until(lambda: "call.started" in _kinds(ledger), "the question is being asked")
    started = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert process.returncode == code, err
    assert time.monotonic() - started < 5
    assert "interrupted" in err
    assert not out
    assert _kinds(ledger)[-1] == "session.ended"


def _kinds(ledger: Path) -> list[str]:
    try:
        with sqlite3.connect(f"file:{ledger}?mode=ro", uri=True) as database:
            rows = database.execute("SELECT kind FROM entry ORDER BY seq").fetchall()
        database.close()
    except sqlite3.OperationalError:
        return []
    return [row[0] for row in rows]


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    path = ROOT / "scripts/incident_response/show_config.py"
    process = subprocess.Popen(
        [sys.executable, str(path), "--json"], env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    assert process.wait(20) == 0
    assert error == b""


def test_the_kernel_lock_is_on_in_scripts(tmp_path: Path) -> None:
    from mcp_server.engine.lock import lock_report

    done = script("preflight", "--json", folder=tmp_path)
    code = "from mcp_server.engine.lock import lock_writes; print(lock_writes([]).enforced)"
    possible = (
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT).stdout == "True\n"
    )
    assert ("writing only beneath" in done.stdout) == possible
    assert not lock_report().enforced, "the test's own process stays free"


def test_a_long_answer_is_cut_and_says_so_and_full_shows_all(tmp_path: Path) -> None:
    small = {"VETERAN_LIMITS_ANSWER_CHARS": "600"}
    cut = script("list_diagnostics", folder=tmp_path, **small).stdout
    full = script("list_diagnostics", "--full", folder=tmp_path, **small).stdout
    assert len(cut) <= 601
    assert "… cut: " in cut.splitlines()[-1]
    assert len(full) > 1_000
    assert "… cut: " not in full


def test_progress_stands_on_a_terminal_and_is_wiped_away(silent_server: str, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    path = ROOT / "scripts/diagnostics/http_check.py"
    command = [sys.executable, str(path), silent_server, "--timeout-s", "2"]
    done = subprocess.run(
        command, check=False, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=theirs, text=True, timeout=30
    )
    os.close(theirs)
    shown = os.read(ours, 65_536).decode()
    os.close(ours)
    assert done.returncode in (1, 2)
    assert "working · 1 s" in shown
    assert shown.endswith("\r\x1b[K")
    assert "\x1b" not in done.stdout


# --- answers of every kind, from a tool made up for the purpose -----------------------------------------------------


class _Shape(Parameters):
    pass


def _tool(result: Outcome | Exception) -> Tool:
    def call(session: Any, arguments: Any, asking: Any) -> Outcome:
        if isinstance(result, Exception):
            raise result
        return result

    return Tool(
        name="made_up", summary="Made up.", group="record", listed=True, schema=dict, call=call, fields=(_Shape,),
        examples=({},), script=True, unit=TOOLS["verify_ledger"].unit,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (Outcome(name="made_up", target="local", verdict="not_applicable", at=now()), 3),
        (NotApplicable("there is no nginx here"), 3),
        (CouldNotLook("the log", "denied", "not allowed"), 2),
        (BadInput("`x` is wrong"), 64),
        (Broken("the ledger is damaged"), 70),
        (Cancelled("gone"), 130),
        (KeyError("a defect"), 70),
    ],
    ids=lambda value: str(value)[:30] if isinstance(value, int) else type(value).__name__,
)
def test_every_end_has_its_code(
    result: Outcome | Exception, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "inventory", lambda catalog: {"made_up": _tool(result)})
    monkeypatch.setattr(cli, "lock_writes", lambda folders, policy: None)  # it would bind the test's process for good
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    assert cli.main("scripts/made_up.py", []) == code
    shown = capsys.readouterr()
    assert bool(shown.out) == isinstance(result, Outcome)
    assert "Traceback" not in shown.err


def test_a_name_that_no_tool_has(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main("/anywhere/disk_spac.py", []) == 64
    assert "did you mean `disk_space`?" in capsys.readouterr().err


def test_colour_only_on_terminals_and_never_with_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "FINDING  disk_space  local\n    │ OK  not ours"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert cli._coloured(text) == "\x1b[1;31mFINDING\x1b[0m  disk_space  local\n    │ OK  not ours"
    monkeypatch.setenv("NO_COLOR", "1")
    assert cli._coloured(text) == text


def test_a_log_can_be_piped_in(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/diagnostics/log_search.py"), "--sources", "-", "--patterns", "thing"],
        input="2026-11-20 10:31:07 ERROR a thing\n", env=environment(tmp_path), capture_output=True, text=True, timeout=30,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "1 line matches" in done.stdout
