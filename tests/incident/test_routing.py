"""Paraphrased symptoms lead to the right playbook; whoever is asked, router or search, says the same."""

from collections import Counter
from pathlib import Path

from mcp_server.engine.catalog import load_catalog
from mcp_server.incident.knowledge import playbook_document
from mcp_server.incident.knowledge_index import Index
from mcp_server.incident.playbooks import fitting, library

FOUND = library(load_catalog())
LINES = [
    line.split("\t")
    for line in Path(__file__).with_name("paraphrases.txt").read_text(encoding="utf8").splitlines()
    if line and not line.startswith("#")
]


def test_there_are_enough_and_for_every_workflow() -> None:
    assert len(LINES) >= 60
    assert {name for name, _ in LINES} == {name for kind, name in FOUND if kind == "workflow"}


def test_the_right_playbook_comes_first() -> None:
    wrong = []
    for name, text in LINES:
        best = next((book.name for book in fitting(FOUND, text) if book.kind == "workflow"), None)
        if best != name:
            wrong.append((text, name, best))
    right = 1 - len(wrong) / len(LINES)
    assert right >= 0.9, f"{right:.3f}: {wrong}"


def test_search_finds_it_among_everything_else() -> None:
    index = Index()
    index.update("playbook", map(playbook_document, FOUND.values()))
    firsts = Counter(
        next((hit.name for hit in index.search(text, limit=50) if ("workflow", hit.name) in FOUND), None) == name
        for name, text in LINES
    )
    index.close()
    assert firsts[True] / len(LINES) >= 0.9
