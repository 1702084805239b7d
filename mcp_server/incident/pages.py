"""The pages of an installation: the shipped ones and a team's own (`[knowledge] playbooks`), and the form they must have.

A team's page that cannot be carried out is left out and named; it never stops an incident. A shipped one that is damaged does.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from mcp_server.core.errors import VeteranError
from mcp_server.core.noun import Noun
from mcp_server.core.text import one_line
from mcp_server.engine.catalog import Catalog
from mcp_server.engine.operations import operations
from mcp_server.engine.session import Session
from mcp_server.incident.playbooks import Library, Playbook, check_steps, library, read_page
from mcp_server.incident.wording import known_concepts

PARTS = ("Quick check", "Evidence", "Decide", "Fix", "Verify", "Escalate", "When it fails")
"""Headings of a workflow, in the order in which somebody needs them at night."""
LEAST_SYMPTOMS = 3
_DRAWN = "```mermaid\nflowchart "
_COMMAND = re.compile(r"```[a-z]*\n\s*(?:scripts/|veteran |\$ )")


class Fault(Noun):
    """What keeps a page from being used, or from being of use."""

    path: str
    reason: str


def pages(session: Session) -> Library:
    """All pages that can be carried out. Raises Broken for a shipped one that cannot."""
    return _merged(session)[0]


def refused(session: Session) -> tuple[Fault, ...]:
    """A team's pages and folders that are left out, each with the reason."""
    return _merged(session)[1]


def _merged(session: Session) -> tuple[Library, tuple[Fault, ...]]:
    found = dict(library(session.catalog))
    out = list[Fault]()
    for place in session.settings.knowledge.playbooks:
        if not Path(place).is_dir():
            out.append(Fault(path=place, reason="there is no such folder, or it cannot be read"))
        for path in sorted(Path(place).rglob("*.md")):
            try:
                book = _usable(session.catalog, path)
            except (VeteranError, OSError) as error:
                out.append(Fault(path=str(path), reason=one_line(error, 300)))
                continue
            if book is None or book.kind == "index":
                continue
            if (book.kind, book.name) in found:
                out.append(Fault(path=str(path), reason=f"the {book.kind} {book.name} exists already; choose another name"))
            else:
                found[book.kind, book.name] = book
    return found, tuple(out)


def _usable(catalog: Catalog, path: Path) -> Playbook | None:
    book = _read(path, path.stat().st_mtime_ns)
    if book:
        check_steps(book, catalog)
    return book


@lru_cache(maxsize=4_096)
def _read(path: Path, _changed: int) -> Playbook | None:
    return read_page(path)


def faults(book: Playbook, areas: frozenset[str]) -> Iterator[str]:
    """What a workflow lacks of its form; other kinds have none beyond their front matter. areas: of forms/escalation.md."""
    if book.kind != "workflow":
        return
    places = [book.body.find(f"\n## {part}\n") for part in PARTS]
    yield from (f"the part '## {part}' is missing" for part, place in zip(PARTS, places, strict=True) if place < 0)
    if -1 not in places and places != sorted(places):
        yield f"its parts are not in the order {', '.join(PARTS)}"
    if _DRAWN not in book.body:
        yield "no decision is drawn: a block that begins with ```mermaid and flowchart"
    if not _COMMAND.search(book.body):
        yield "no command to copy"
    yield from (
        f"{step.ask} is asked and not named under Evidence" for step in book.steps if f"- `{step.ask}`: " not in book.body
    )
    yield from (f"operations names {name}, which does not exist" for name in book.operations if name not in operations())
    if book.escalate not in areas:
        yield f"escalate is {book.escalate}; areas: {', '.join(sorted(areas))}"
    yield from (f"route.about names {idea}, which is no concept" for idea in book.route.about if idea not in known_concepts())
    if len(book.route.symptoms) < LEAST_SYMPTOMS:
        yield f"route.symptoms has {len(book.route.symptoms)}; people call it by at least {LEAST_SYMPTOMS} names"
    if not book.verified_by:
        yield "verified_by is empty: name the test or the drill that carried it out"
