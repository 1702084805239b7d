"""The changelog keeps its form, and what it names exists."""

import re
from pathlib import Path

from mcp_server import __version__
from mcp_server.engine.catalog import load_catalog
from mcp_server.engine.operations import operations
from mcp_server.surface.tools import inventory

TEXT = (Path(__file__).parents[1] / "CHANGELOG.md").read_text(encoding="utf8")


def test_sections_are_those_of_keep_a_changelog_newest_first() -> None:
    versions = re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", TEXT, re.MULTILINE)
    assert versions[0] == ("Unreleased", "")
    assert __version__ in TEXT
    dates = [date for _, date in versions[1:]]
    assert all(dates)
    assert dates == sorted(dates, reverse=True)
    assert set(re.findall(r"^### (\w+)$", TEXT, re.MULTILINE)) <= {
        "Added", "Changed", "Deprecated", "Removed", "Fixed", "Security",
    }  # fmt: skip


def test_tools_it_names_exist() -> None:
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", TEXT)) - {"state_dir", "depends_on"}  # settings
    assert named
    assert named <= set(inventory(load_catalog())) | set(operations())
