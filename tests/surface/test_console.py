"""One name for everything: the same tools, the same answers, the same exit codes as the scripts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_server.engine.catalog import load_catalog
from mcp_server.surface import console
from mcp_server.surface.tools import inventory
from tests.real_parts import need

TOOLS = {name: tool for name, tool in inventory(load_catalog()).items() if tool.script}


def test_help_lists_every_script_with_its_question(capsys: pytest.CaptureFixture[str]) -> None:
    assert console.main(["--help"]) == 0
    told = capsys.readouterr().out
    for name, tool in TOOLS.items():
        assert f"  {name.replace('_', '-')} " in told
        assert tool.summary in told


@pytest.mark.parametrize("word", ["disk-space", "disk_space"])
def test_a_command_answers_as_its_script(
    word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "mcp_server.surface.cli.lock_writes", lambda folders, policy: None
    )  # the lock would bind this test process
    monkeypatch.setenv("VETERAN_STATE_DIR", str(tmp_path / "state"))
    assert console.main([word, "--warn-percent", "100", "--critical-percent", "100"]) in (0, 1, 2)
    assert "disk_space  local" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["disc-space"], "no command `disc-space`; did you mean disk-space?"),
        (["rm -rf"], "veteran --help lists them"),
        (["completion"], "`shell` is `missing`"),
        (["completion", "tcsh"], "`shell` is `tcsh`; it should be one of: bash, zsh, fish"),
    ],
)
def test_bad_words_are_answered_with_a_sentence(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert console.main(words) == 64
    assert says in capsys.readouterr().err


def test_the_server_is_one_of_the_commands(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "mcp_server.surface.console", "mcp", "--version"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert done.stdout.startswith("veteran ")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("what", "what-changed"), ("disk-space --warn", "--warn-percent"), ("completion z", "zsh"), ("tri", "triage")],
)
def test_bash_completes(typed: str, offered: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    need("bash")
    console.main(["completion", "bash"])
    script = tmp_path / "completion"
    script.write_text(capsys.readouterr().out, encoding="utf8")
    words = ["veteran", *typed.split()]
    program = 'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _veteran; printf "%s\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", program, str(script), *words], capture_output=True, text=True, check=True)
    assert offered in done.stdout.split()


def test_fish_and_zsh_name_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    for shell in ("fish", "zsh"):
        console.main(["completion", shell])
        told = capsys.readouterr().out
        assert all(name.replace("_", "-") in told for name in TOOLS)
