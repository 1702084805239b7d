"""The report: every sentence cites, and text from outside never leaves its place."""

import itertools
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mcp_server.core.outcome import BlindSpot
from mcp_server.engine.catalog import load_catalog
from mcp_server.engine.session import Asking
from mcp_server.incident.answers import answers
from mcp_server.incident.forms import as_markdown
from mcp_server.incident.record import add_note, find
from mcp_server.incident.report import Report, build, write
from mcp_server.incident.timeline import lines, timeline
from mcp_server.surface.render import render
from mcp_server.surface.tools import inventory
from tests.incident.story import Story, at, change, finding, session_in

HOSTILE = (
    'x|y <script>alert(1)</script> "><img src=x onerror=alert(2)> \x1b[31m \u202e '
    "`rm` {0.__class__} </code>\n\n# Heading\n| a |"
)


class Tags(HTMLParser):
    """Which elements and attributes the page really has, as a browser would see them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, str, str, str]:
    """A report of a hostile incident: (report, markdown, html, the timeline's text)."""
    with session_in(tmp_path_factory.mktemp("report")) as session:
        story = Story(session, title=HOSTILE[:180], severity="SEV2")
        story.look("recent_errors", b"{}", {"kind": "file", "path": "/var/log/" + HOSTILE})
        story.answer(
            "recent_errors",
            finding(
                "recent_errors.import_failed", "{count} times {text}", values={"count": 3, "text": HOSTILE},
                clues=("module:stripe",), component=HOSTILE, quotes=(HOSTILE,), at=at(0),
            ),
            blind=(BlindSpot(what=HOSTILE, reason=HOSTILE, remedy=HOSTILE),),
        )  # fmt: skip
        story.answer("http_check", finding("http_check.bad_gateway", "{url} answers 502", values={"url": HOSTILE}))
        story.changed(
            change("commit {subject}", -4, ("module:stripe",), values={"subject": HOSTILE}, stamp=HOSTILE),
            change("late {subject}", 90, (), values={"subject": HOSTILE}),
        )
        add_note(session, story.incident, HOSTILE)
        report = build(session, find(session.ledger, story.incident.id))
        paths = write(session, report)
        text = render(inventory(load_catalog())["timeline"].call(session, {}, Asking()))
        kept = list(session.ledger.entries(kind="report.written"))
        assert kept[0].body["head"] == report.head
    return report, Path(paths["md"]).read_text(encoding="utf8"), Path(paths["html"]).read_text(encoding="utf8"), text


def test_the_page_has_only_our_elements_and_nothing_from_outside(told: tuple[Report, str, str, str]) -> None:
    page = Tags()
    page.feed(told[2])
    assert not page.tags & {"script", "img", "iframe", "object", "embed", "link", "form", "base"}
    assert not {name for name in page.attributes if name.startswith("on")}
    assert all(link.startswith(("#E", "#h")) for link in page.links)
    assert "url(" not in told[2]
    assert "@import" not in told[2]
    assert "svg" in page.tags


def test_control_and_bidi_characters_are_visible_everywhere(told: tuple[Report, str, str, str]) -> None:
    for text in told[1:]:
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "␛" in text


def test_markdown_values_stay_in_their_cell_and_span(told: tuple[Report, str, str, str]) -> None:
    lines = told[1].splitlines()
    for before, line in itertools.pairwise(lines):
        if line.startswith("| ") and before.startswith("|"):
            assert line.count("|") == before.count("|"), line
    outside = "\n".join(re.sub(r"`[^`\n]*`", "", line) for line in lines)
    assert "<script" not in outside
    assert "<img" not in outside
    assert not [line for line in lines if line.startswith("# Heading")]


def test_every_sentence_cites_or_is_marked(told: tuple[Report, str, str, str]) -> None:
    report, text, _, _ = told
    assert "(unverified)" in text, "the title is nobody's evidence"
    assert report.summary[0].evidence == ()
    assert all(item.evidence for item in report.summary[1:])
    known = {item.id for item in report.evidence}
    cited = set(re.findall(r"\bE\d+\b", text))
    assert cited <= known | {"E2"}, "E2 is the evidence the synthetic changes cite"


def test_it_says_cause_change_ruled_out_unseen_and_the_head(told: tuple[Report, str, str, str]) -> None:
    report, text, page, _ = told
    for words in ("Probable cause", "Ruled out", "Not looked at", "Timeline (UTC)", "Evidence", report.head):
        assert words in text
    for words in ("Probable cause", "Triggering change", "Ruled out", "Not looked at", report.head):
        assert words in page
    assert "not the cause, it came after the onset" in text


def test_a_report_without_any_answer_says_unknown(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        story = Story(session)
        report = build(session, story.incident)
        paths = write(session, report)
        assert "cause unknown" in Path(paths["md"]).read_text(encoding="utf8")
        assert oct(Path(paths["html"]).stat().st_mode)[-3:] == "600"
        write(session, report)
        assert sorted(path.suffix for path in Path(paths["md"]).parent.iterdir()) == [".html", ".md"], "nothing half-written"


def test_the_timeline_is_in_order_and_a_change_comes_before_what_it_may_have_caused(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        story = Story(session)
        story.answer("http_check", finding("http_check.bad_gateway", at=at(0)))
        story.changed(change("same second", 0, stamp="11:21:07 +0100"), change("before", -60))
        known = answers(session.ledger, story.incident, session.catalog.diagnostics)
        told = timeline(story.incident, known, looks=True)
    assert [item.at for item in told] == sorted(item.at for item in told)
    assert [item.kind for item in told[:3]] == ["change", "change", "finding"]
    assert told[1].stamp == "11:21:07 +0100"
    assert told[-1].kind == "answer"


def test_the_doubt_of_a_finding_stands_beside_its_time(tmp_path: Path) -> None:
    with session_in(tmp_path) as session:
        story = Story(session)
        story.answer("recent_errors", finding("recent_errors.no_space", at=at(0), doubt_ms=999))
        story.answer("http_check", finding("http_check.bad_gateway", at=at(5)))
        known = answers(session.ledger, story.incident, session.catalog.diagnostics)
        told = [
            line.text for line in lines(timeline(story.incident, known)) if "  finding " in line.text or "  log " in line.text
        ]
        page = build(session, story.incident)
    assert told[0].startswith("2026-11-20T10:21:07.000Z ±999 ms  finding")
    assert "±" not in told[1]
    assert "10:21:07.000Z | ±999 ms | log |" in as_markdown(page)
