"""The agent file names exactly what exists, and nothing that could change a system."""

import re
from pathlib import Path

import yaml

from mcp_server.engine.catalog import load_catalog
from mcp_server.surface.tools import inventory

FILE = Path(__file__).parents[2] / ".claude" / "agents" / "devops-troubleshooter-veteran.md"
FRONT, BODY = re.fullmatch(r"---\n(.*?)\n---\n(.*)", FILE.read_text(encoding="utf8"), re.DOTALL).groups()
KEYS = yaml.safe_load(FRONT)
TOOLS = [name.strip() for name in KEYS["tools"].split(",")]


def test_front_matter_has_the_keys_a_client_reads() -> None:
    assert KEYS["name"] == FILE.stem
    assert len(KEYS["description"]) > 40
    assert set(KEYS) <= {"name", "description", "tools", "model"}


def test_it_names_every_listed_tool_and_only_real_ones() -> None:
    listed = {f"mcp__veteran__{name}" for name, tool in inventory(load_catalog()).items() if tool.listed}
    assert set(TOOLS) == listed
    assert len(TOOLS) == len(set(TOOLS))


def test_it_has_no_way_round_the_server() -> None:
    assert not {"Bash", "Write", "Edit", "NotebookEdit", "Task", "WebFetch"} & set(TOOLS)
    assert all(re.fullmatch(r"mcp__veteran__[a-z][a-z0-9_]+", name) for name in TOOLS), "wildcards are not expanded by clients"


def test_every_tool_its_prompt_mentions_exists() -> None:
    words = {"ok", "finding", "unknown", "not_applicable"}
    mentioned = set(re.findall(r"`([a-z][a-z_]+)`", BODY)) - words
    assert mentioned <= set(inventory(load_catalog()))
