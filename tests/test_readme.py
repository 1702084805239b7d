"""The README's commands do what it shows, its snippets are valid, its links lead somewhere."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mcp_server.core.settings import ServiceSettings
from tests.real_parts import need

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf8")
MARKED = re.findall(r"<!-- run: ([\w-]+) -->\n```console\n(.*?)```", TEXT, re.DOTALL)


def commands(kind: str) -> list[tuple[list[str], str]]:
    """Each command of the blocks so marked, with the output shown under it."""
    parts = [part for marked, block in MARKED if marked == kind for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    return [(shlex.split(part.split("\n", 1)[0]), part.split("\n", 1)[1]) for part in parts]


def run(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """As a person would type it, with this interpreter as python3 and a home of its own."""
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    (bin_folder / "python3").symlink_to(sys.executable)
    env = {"PATH": f"{Path(sys.executable).parent}:{bin_folder}:{os.environ['PATH']}", "HOME": str(folder)}
    return subprocess.run(
        words, cwd=ROOT, env=env, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120
    )


def test_every_kind_of_block_is_known() -> None:
    assert {kind for kind, _ in MARKED} == {"demo", "dry", "dry-deploy", "script"}
    assert TEXT.count("```console") == len(MARKED), "a console block that nobody runs"


@pytest.mark.parametrize(("words", "shown"), commands("script"), ids=lambda value: Path(value[0]).stem if value else "")
def test_scripts_answer_as_shown(words: list[str], shown: str, tmp_path: Path) -> None:
    done = run(words, tmp_path)
    head, expected = done.stdout.split(), shown.split()
    assert head[:3] == expected[:3], done.stdout + done.stderr
    assert done.returncode == {"OK": 0, "FINDING": 1, "UNKNOWN": 2}[head[0]]
    lines = [re.split(r"[:`]", line)[0] for line in done.stdout.splitlines()[1:]]
    assert lines == [re.split(r"[:`]", line)[0] for line in shown.splitlines()[1:]]


@pytest.mark.real
def test_the_demonstration_shows_what_the_readme_shows(tmp_path: Path) -> None:
    need("make", "git", "nginx")
    (words, shown), = commands("demo")  # fmt: skip
    done = run([*words, "-o", "env", f"RUN={sys.executable}"], tmp_path)  # the environment is the one that runs the tests
    assert done.returncode == 0, done.stdout + done.stderr
    steps = [re.findall(r"^ +[\d.]+ s  ([a-z_ ]+)", text, re.MULTILINE) for text in (done.stdout, shown)]
    assert steps[0] == steps[1]
    asked = [set(re.findall(r"^(?:OK|FINDING|UNKNOWN) +([a-z_]+) +\d", text, re.MULTILINE)) for text in (done.stdout, shown)]
    assert asked[0] == asked[1]
    for words_shown in ("imports `recotools`", "catalog: recommend products that go together", "build/demo/INC-"):
        assert words_shown in done.stdout
        assert words_shown in shown


@pytest.mark.parametrize("words", [words for words, _ in commands("dry")], ids=" ".join)
def test_targets_exist(words: list[str], tmp_path: Path) -> None:
    need("make")
    assert run([words[0], "--dry-run", *words[1:]], tmp_path).returncode == 0


@pytest.mark.parametrize("words", [words for words, _ in commands("dry-deploy")], ids=" ".join)
def test_the_installer_answers(words: list[str], tmp_path: Path) -> None:
    done = run(words, tmp_path)
    assert done.returncode == 0
    assert done.stdout == "installed: nothing\n"


def test_snippets_are_valid() -> None:
    blocks = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    for block in blocks:
        servers = next(iter(json.loads(block).values()))
        assert servers["veteran"]["args"] == ["-m", "mcp_server"]
    assert len(blocks) == 2
    (settings,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    ServiceSettings.model_validate(tomllib.loads(settings)["services"]["shop"])


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", TEXT):
        assert (ROOT / target).exists(), target


def test_a_client_can_start_the_server_as_the_readme_says(tmp_path: Path) -> None:
    """From any folder, with nothing but the command, its arguments and PYTHONPATH."""
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "0"}}}  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-m", "mcp_server"], cwd=tmp_path, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin
        assert server.stdout
        server.stdin.write(json.dumps(hello) + "\n")
        server.stdin.flush()
        assert json.loads(server.stdout.readline())["result"]["serverInfo"]["name"] == "veteran"
        server.stdin.close()
