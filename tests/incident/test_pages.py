"""A team's own pages: used beside the shipped ones, left out and named where they cannot be carried out."""

from pathlib import Path

import pytest

from mcp_server.engine.catalog import load_catalog
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.pages import PARTS, pages, refused
from mcp_server.surface.tools import inventory
from tests.incident.story import session_in

TOOLS = inventory(load_catalog())
HEAD = """---
kind: workflow
name: {name}
summary: This finds why the till of a shop is shut.
verified: 2026-11-28
route: {{words: [till], symptoms: ["the till is shut", "no receipts", "till shows red"]}}
steps: [{{ask: {ask}, why: "is there room?"}}]
{more}---
"""


def page(name: str = "till_shut", ask: str = "disk_space", more: str = "", body: str = "# The till\n") -> str:
    return HEAD.format(name=name, ask=ask, more=more) + body


def settings(team: Path) -> str:
    return f'[knowledge]\nplaybooks = ["{team}"]\n'


@pytest.fixture
def team(tmp_path: Path) -> Path:
    made = tmp_path / "team"
    made.mkdir()
    return made


def told(session: Session) -> list[str]:
    return [finding.code for finding in TOOLS["check_playbooks"].call(session, {}, Asking()).findings]


def test_the_shipped_pages_have_the_form(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        outcome = TOOLS["check_playbooks"].call(session, {}, Asking())
    assert (outcome.verdict, outcome.findings) == ("ok", ())


def test_a_page_of_the_team_is_found_and_carried_out(tmp_path: Path, team: Path) -> None:
    (team / "till.md").write_text(page(), encoding="utf8")
    with session_in(tmp_path, settings(team)) as session:
        assert ("workflow", "till_shut") in pages(session)
        opened = TOOLS["open_incident"].call(session, {"title": "the till is shut"}, Asking())
        outcome = TOOLS["triage"].call(session, {"incident": opened.incident}, Asking())
    assert "till_shut" in outcome.data["playbooks"]
    assert "disk_space" in {part.name for part in outcome.parts}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (page(ask="disk_spice"), "disk_spice"),
        (page(name="disk_full"), "exists already"),
        (page(more="colour: red\n"), "colour"),
        ("---\nkind: [\n---\n", "playbook"),
    ],
)
def test_a_page_that_cannot_be_carried_out_is_named_and_stops_nothing(
    text: str, reason: str, tmp_path: Path, team: Path
) -> None:  # fmt: skip
    (team / "till.md").write_text(text, encoding="utf8")
    with session_in(tmp_path, settings(team)) as session:
        (fault,) = refused(session)
        assert reason in fault.reason
        assert "left_out" in told(session)
        opened = TOOLS["open_incident"].call(session, {"title": "shop answers 502"}, Asking())
        outcome = TOOLS["triage"].call(session, {"incident": opened.incident, "playbook": "disk_full"}, Asking())
    assert str(team / "till.md") in {spot.what for spot in outcome.coverage.blind}
    assert outcome.verdict != "ok"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, team: Path) -> None:
    with session_in(tmp_path, settings(team / "none")) as session:
        assert [fault.path for fault in refused(session)] == [str(team / "none")]


def test_each_missing_part_of_the_form_is_named(tmp_path: Path, team: Path) -> None:
    (team / "till.md").write_text(page(more="operations: [dance]\nescalate: nobody\n"), encoding="utf8")
    with session_in(tmp_path, settings(team)) as session:
        outcome = TOOLS["check_playbooks"].call(session, {}, Asking())
    said = " ".join(str(finding.values["reason"]) for finding in outcome.findings)
    for words in (*PARTS, "drawn", "command", "disk_space", "dance", "nobody", "verified_by"):
        assert words in said, words
