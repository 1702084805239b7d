"""The plugin: what its validator misses, the guard's decisions, and the real client where it is installed."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import mcp_server
from tests.real_parts import claude, need

ROOT = Path(__file__).parents[2]
AGENT = "agents/devops-troubleshooter-veteran.md"
HOOKS = json.loads((ROOT / "hooks/hooks.json").read_text(encoding="utf8"))
VERSIONS = (".claude-plugin/plugin.json", "server.json")


# --- what the validator misses --------------------------------------------------------------------------------------


def test_every_manifest_has_this_version_and_a_short_description() -> None:
    for name in VERSIONS:
        manifest = json.loads((ROOT / name).read_text(encoding="utf8"))
        assert manifest["version"] == mcp_server.__version__
        assert re.fullmatch(r"\d+\.\d+\.\d+(-[a-z0-9.]+)?", manifest["version"])
        assert len(manifest["description"]) <= 100
    (package,) = json.loads((ROOT / "server.json").read_text(encoding="utf8"))["packages"]
    assert package["version"] == mcp_server.__version__


def test_the_plugins_agent_is_the_projects_with_the_plugins_tool_names() -> None:
    """A plugin's tools have longer names; its agents' hooks, servers and permission modes would be ignored in silence."""
    front, body = re.fullmatch(r"---\n(.*?)\n---\n(.*)", (ROOT / AGENT).read_text(encoding="utf8"), re.DOTALL).groups()
    keys = yaml.safe_load(front)
    assert set(keys) <= {"name", "description", "tools", "model"}
    tools = [name.strip() for name in keys["tools"].split(",")]
    assert all(re.fullmatch(r"mcp__plugin_veteran_veteran__[a-z][a-z0-9_]+", name) for name in tools)
    assert "mcp__veteran__" not in body
    project = (ROOT / ".claude" / AGENT).read_text(encoding="utf8")
    assert len(re.findall("mcp__veteran__", project)) == len(tools)


def test_every_hook_blocks_when_it_fails_and_names_files_that_exist() -> None:
    hooks = [hook for entries in HOOKS["hooks"].values() for entry in entries for hook in entry["hooks"]]
    assert hooks
    for hook in hooks:
        assert hook["onFailure"] == "block", "a hook that fails open guards nothing"
        assert hook["timeout"] <= 10
        for word in hook["args"]:
            if "${CLAUDE_PLUGIN_ROOT}" in word:
                assert Path(word.replace("${CLAUDE_PLUGIN_ROOT}", str(ROOT))).is_file()


def test_skills_have_a_name_of_their_folder_and_a_description() -> None:
    skills = sorted((ROOT / "skills").glob("*/SKILL.md"))
    assert {path.parent.name for path in skills} == {"open-incident", "triage"}
    for path in skills:
        keys = yaml.safe_load(path.read_text(encoding="utf8").split("---")[1])
        assert keys["name"] == path.parent.name
        assert 40 < len(keys["description"]) < 1_000


# --- the guard ------------------------------------------------------------------------------------------------------


def guard(event: dict[str, Any] | str, home: Path) -> tuple[int, str]:
    """Exit status, and the reason of a refusal; "" where it has nothing to say."""
    text = event if isinstance(event, str) else json.dumps(event)
    done = subprocess.run(
        [sys.executable, "-I", "hooks/guard.py"], cwd=ROOT, input=text, env={"HOME": str(home), "PATH": os.environ["PATH"]},
        capture_output=True, text=True, check=False, timeout=20,
    )  # fmt: skip
    if not done.stdout:
        return done.returncode, ""
    decision = json.loads(done.stdout)["hookSpecificOutput"]
    assert (decision["hookEventName"], decision["permissionDecision"]) == ("PreToolUse", "deny")
    return done.returncode, decision["permissionDecisionReason"]


VETERAN = "veteran:devops-troubleshooter-veteran"


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"agent_type": VETERAN, "tool_name": "Bash", "tool_input": {"command": "ls"}}, "the veteran has no shell"),
        ({"agent_type": VETERAN, "tool_name": "Edit", "tool_input": {"file_path": "/tmp/x"}}, "edits nothing"),
        ({"tool_name": "Bash", "tool_input": {"command": "scripts/incident_response/approve.py P1"}}, "comes from a person"),
        ({"tool_name": "Bash", "tool_input": {"command": "veteran  approve P1 <<< abc"}}, "comes from a person"),
        ({"tool_name": "Bash", "tool_input": {"command": "sqlite3 x/ledger.sqlite3 'delete from entry'"}}, "R20"),
        ({"tool_name": "Write", "tool_input": {"file_path": "~state~/ledger.sqlite3"}}, "R20"),
        ({"tool_name": "Write", "tool_input": {"file_path": "~state~-gate/x"}}, "R20"),
        ({"tool_name": "Write", "cwd": "~state~", "tool_input": {"file_path": "../veteran/key"}}, "R20"),
        ({"tool_name": "Bash", "tool_input": {"command": "kubectl get pods"}}, ""),
        ({"tool_name": "Bash", "tool_input": {"command": "git commit -m 'approves nothing'"}}, ""),
        ({"tool_name": "Edit", "tool_input": {"file_path": "/tmp/elsewhere/app.py"}}, ""),
        ({"agent_type": "other", "tool_name": "Bash", "tool_input": {"command": "ls"}}, ""),
    ],
)
def test_the_guard(event: dict[str, Any], words: str, tmp_path: Path) -> None:
    state = tmp_path / ".local/state/veteran"
    state.mkdir(parents=True)
    given = json.loads(json.dumps(event).replace("~state~", str(state)))
    status, reason = guard(given, tmp_path)
    assert status == 0
    assert words in reason
    assert bool(reason) == bool(words)


def test_an_event_that_cannot_be_read_is_an_error_which_blocks(tmp_path: Path) -> None:
    status, reason = guard("no json", tmp_path)
    assert status != 0
    assert not reason


# --- the real client ------------------------------------------------------------------------------------------------


def run_claude(home: Path, *words: str, cwd: Path = ROOT) -> str:
    env = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(home), "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "VETERAN_PYTHON": sys.executable,
    }  # fmt: skip
    done = subprocess.run(
        [claude(), *words], cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=120, stdin=subprocess.DEVNULL
    )
    return f"{done.returncode}\n{done.stdout}{done.stderr}"


@pytest.mark.real
def test_the_validator_finds_nothing_even_when_strict(tmp_path: Path) -> None:
    told = run_claude(tmp_path, "plugin", "validate", "--strict", "--profile", "directory", ".")
    assert told.startswith("0\n"), told
    assert "Validation passed" in told


@pytest.mark.real
def test_the_client_connects_from_the_checkout_and_from_the_plugin(tmp_path: Path) -> None:
    need("git")
    settings = tmp_path / ".claude"
    settings.mkdir()
    (settings / "settings.json").write_text('{"enabledMcpjsonServers": ["veteran"]}', encoding="utf8")
    assert "scripts/serve.py - ✔ Connected" in run_claude(tmp_path, "mcp", "list")
    shipped = tmp_path / "shipped"  # what a marketplace would bring: the committed files, without an environment
    shipped.mkdir()
    for name in (".claude-plugin", "agents", "hooks", "skills", "scripts", "docs", "mcp_server", "README.md"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, shipped / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, shipped)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert run_claude(tmp_path, "plugin", "marketplace", "add", str(shipped), cwd=elsewhere).startswith("0\n")
    assert run_claude(tmp_path, "plugin", "install", "veteran@veteran", cwd=elsewhere).startswith("0\n")
    listed = run_claude(tmp_path, "mcp", "list", cwd=elsewhere)
    assert re.search(r"plugin:veteran:veteran: .*serve\.py - ✔ Connected", listed), listed
