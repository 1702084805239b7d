"""The documents pass at 3 a.m.: they load, name real things, show real output, and say what to do when it fails."""

import re
from datetime import date
from pathlib import Path

import pytest

from mcp_server.engine.catalog import load_catalog
from mcp_server.incident.gates import CHECKS
from mcp_server.incident.playbooks import folder, library
from mcp_server.surface.by_hand import BY_HAND

TOP = Path(__file__).parents[1]
FOUND = library(load_catalog())
BOOKS = sorted(FOUND.values(), key=lambda book: book.path)
IDS = [f"{book.kind}-{book.name}" for book in BOOKS]
PAGES = sorted(path for path in folder().rglob("*.md") if "reference" not in path.parts)


@pytest.mark.parametrize("book", BOOKS, ids=IDS)
def test_a_page_begins_with_one_sentence_and_a_date(book) -> None:  # type: ignore[no-untyped-def]
    assert book.summary.startswith("This ")
    assert book.summary.endswith(".")
    assert book.summary.count(". ") == 0, "one sentence"
    assert date.fromisoformat(book.verified) <= date.today()
    assert book.body.lstrip().startswith("# ")


@pytest.mark.parametrize("book", BOOKS, ids=IDS)
def test_a_page_has_a_command_to_copy_what_to_expect_and_what_when_it_fails(book) -> None:  # type: ignore[no-untyped-def]
    assert re.search(r"scripts/(diagnostics|incident_response)/\w+\.py", book.body)
    if book.kind != "index":
        assert "Expected" in book.body
    assert re.search(r"^## When (it fails|this page does not help)", book.body, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(folder())))
def test_every_script_and_link_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf8")
    for script in re.findall(r"scripts/\w+/\w+\.py", text):
        assert (TOP / script).is_file(), script
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (page.parent / target).exists(), target
    assert "@@" not in text, "every expected output was captured"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(folder())))
def test_every_flag_a_page_uses_is_one_of_that_tool(page: Path) -> None:
    from mcp_server.surface.tools import inventory

    tools = inventory(load_catalog())
    for name, arguments in re.findall(r"scripts/\w+/(\w+)\.py([^`\n]*)", page.read_text(encoding="utf8")):
        if name in BY_HAND:
            continue
        fields = {field.replace("_", "-") for cls in tools[name].fields for field in cls.model_fields}
        for flag in re.findall(r"(?<=\s)--([a-z-]+)", re.sub(r'"[^"]*"', "", arguments)):
            assert flag in fields | {"json", "full", "help"}, f"{name} --{flag}"


def test_the_index_leads_to_every_page_with_its_words() -> None:
    index = FOUND["index", "index"].body
    for (kind, name), book in FOUND.items():
        if kind != "index":
            assert f"({kind}s/{name}.md)" in index, f"{kind} {name} is not in the index"
            assert Path(book.path).relative_to(folder()).as_posix() == f"{kind}s/{name}.md"
    words = FOUND["workflow", "502_504"].route.words
    assert all(word in index for word in ("502", "504", "bad gateway", "gateway timeout") if word in words)


def test_every_check_of_a_gate_exists_and_is_explained() -> None:
    for book in BOOKS:
        for name in book.checks:
            assert name in CHECKS
            assert f"`{name}`" in book.body


def test_the_changelog_is_dated_and_newest_first() -> None:
    dates = re.findall(r"^## (\d{4}-\d\d-\d\d)", (folder() / "CHANGELOG.md").read_text(encoding="utf8"), re.MULTILINE)
    assert dates == sorted(dates, reverse=True)
    assert dates
