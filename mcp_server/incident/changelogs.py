"""The changelog of every folder of incident pages: is there one, is it dated, newest first, and as young as its pages?"""

import os
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from mcp_server.core.noun import Noun
from mcp_server.engine.session import Session
from mcp_server.incident.playbooks import folder

NAME = "CHANGELOG.md"
_ENTRY = re.compile(r"^##\s+(?:\[[^\]]{1,60}\]\s*-?\s*)?(\d{4}-\d\d-\d\d)\b", re.MULTILINE)
_BYTES, _PAGES = 1_048_576, 5_000
_SLACK = timedelta(days=1)


class Changelog(Noun):
    """What one folder's changelog says of itself. `problem` is empty when all is well."""

    folder: str
    newest: date | None = None
    entries: int = 0
    problem: str = ""


def changelogs(session: Session) -> tuple[Changelog, ...]:
    """Ours first, then the team's folders: those of `knowledge.paths` and `authority.paths` that are there."""
    places = [folder(), *map(Path, session.settings.knowledge.paths)]
    places += [Path.cwd() / name for name in session.settings.authority.paths]
    there = dict.fromkeys(place.resolve() for place in places if place.is_dir())
    return tuple(map(changelog, there))


def changelog(place: Path) -> Changelog:
    """The state of one folder's changelog. Never raises: what cannot be read is the problem."""
    path = place / NAME
    try:
        with path.open("rb") as file:
            text = file.read(_BYTES).decode("utf8", "replace")
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError as error:
        return Changelog(folder=str(place), problem=f"{NAME}: {error.strerror or error}")
    dates = list(_dates(text))
    found = Changelog(folder=str(place), newest=max(dates, default=None), entries=len(dates))
    newest_entry = _ENTRY.split(text)[2] if dates else ""
    problem = ""
    if not dates:
        problem = "it has no dated entry (## YYYY-MM-DD)"
    elif dates != sorted(dates, reverse=True):
        problem = "its entries are not newest first"
    elif not re.search(r"migrat|impact", newest_entry, re.IGNORECASE):
        problem = "its newest entry says neither what to migrate nor whom it touches"
    elif (page := _newest_page(place)) and page[0] - written > _SLACK:
        problem = f"{page[1]} was changed after it"
    return found.model_copy(update={"problem": problem})


def _dates(text: str) -> Iterator[date]:
    for match in _ENTRY.finditer(text):
        try:
            yield date.fromisoformat(match[1])
        except ValueError:
            continue


def _newest_page(place: Path) -> tuple[datetime, str] | None:
    """When and which page was changed last; the changelog itself and hidden folders left out."""
    best: tuple[float, str] | None = None
    count = 0
    for top, names, files in os.walk(place):
        names[:] = [name for name in names if not name.startswith(".")]
        for name in files:
            if name.endswith(".md") and name != NAME and (count := count + 1) <= _PAGES:
                try:
                    changed = os.stat(os.path.join(top, name)).st_mtime
                except OSError:
                    continue
                best = max(best or (0.0, ""), (changed, os.path.relpath(os.path.join(top, name), place)))
    return (datetime.fromtimestamp(best[0], UTC), best[1]) if best else None
