"""The agent file names exactly what exists, states every rule, stays short, and has nothing that goes round the server."""

import re
from pathlib import Path

import pytest
import yaml

from mcp_server.engine.catalog import load_catalog
from mcp_server.incident.communication import AUDIENCES
from mcp_server.incident.rules import Rule, rules
from mcp_server.incident.stages import STAGES
from mcp_server.surface.tools import inventory

ROOT = Path(__file__).parents[2]
FILE = ROOT / ".claude" / "agents" / "devops-troubleshooter-veteran.md"
FRONT, BODY = re.fullmatch(r"---\n(.*?)\n---\n(.*)", FILE.read_text(encoding="utf8"), re.DOTALL).groups()
KEYS = yaml.safe_load(FRONT)
TOOLS = [name.strip() for name in KEYS["tools"].split(",")]
RULE_LINES = dict(re.findall(r"^(\d{1,2})\. (\*\*.+(?:\n   .+)?)", BODY, re.MULTILINE))
KNOWN = inventory(load_catalog())
MOST_CHARS, MOST_LINES, MOST_RULE_CHARS = 6_500, 85, 240


def test_front_matter_has_the_keys_a_client_reads() -> None:
    assert KEYS["name"] == FILE.stem
    assert len(KEYS["description"]) > 40
    assert set(KEYS) <= {"name", "description", "tools", "model"}


def test_it_names_every_listed_tool_and_only_real_ones() -> None:
    listed = {f"mcp__veteran__{name}" for name, tool in KNOWN.items() if tool.listed}
    assert set(TOOLS) == listed
    assert len(TOOLS) == len(set(TOOLS))


def test_it_has_no_way_round_the_server() -> None:
    assert not {"Bash", "Write", "Edit", "NotebookEdit", "Task", "WebFetch"} & set(TOOLS)
    assert all(re.fullmatch(r"mcp__veteran__[a-z][a-z0-9_]+", name) for name in TOOLS), "wildcards are not expanded by clients"


def test_every_tool_its_prompt_mentions_exists() -> None:
    words = {"ok", "finding", "unknown", "not_applicable"}
    mentioned = {name.split(" ")[0] for name in re.findall(r"`([a-z][a-z_]+(?: [^`]*)?)`", BODY)} - words
    assert len(mentioned) > 20
    assert mentioned <= set(KNOWN)


def test_every_script_it_names_exists() -> None:
    for name in re.findall(r"`((?:scripts/\w+/|\./)?\w+\.(?:py|sh))", BODY):
        path = ROOT / name if "/" in name else ROOT / "scripts/incident_response" / name
        assert path.is_file(), name


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.name)
def test_every_rule_is_stated_shortly_with_what_holds_it(rule: Rule) -> None:
    line = RULE_LINES[str(rule.number)]
    assert len(line) <= MOST_RULE_CHARS
    named = set(re.findall(r"`([a-z_]+)`", line))
    unnamed = {6, 7, 8, 10, 12, 15, 16, 18}  # held by the program itself, whatever is called
    assert named & set(rule.tools) or rule.number in unnamed


def test_it_says_what_a_tired_engineer_needs() -> None:
    for words in (*AUDIENCES, *STAGES, "0-5 min", "5-30 min", "skip_gate.py", "15 minutes", "I could not see"):
        assert words.lower() in BODY.lower(), words


def test_it_is_short() -> None:
    assert len(BODY) <= MOST_CHARS
    assert BODY.count("\n") <= MOST_LINES
    assert max(map(len, BODY.split("\n"))) <= 128
