"""A part of a long timeline: filters, a budget of characters, and a cursor that goes on with the older lines."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import get_args

from pydantic import Field

from mcp_server.core.clock import When, parse_moment, stamp
from mcp_server.core.errors import BadInput
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import Severity, Statement
from mcp_server.core.text import one_line
from mcp_server.incident.happening import KINDS, SEVERITIES, Happening, Kind
from mcp_server.incident.timeline import lines
from mcp_server.logs.cursor import Mark, open_cursor, write_cursor

_KEY = b"veteran timeline cursor"
"""Cursors hold nothing secret; the key only tells ours from text that somebody made up."""


class Filters(Noun):
    """Which happenings are meant; all of what is given must hold."""

    sources: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = ()
    component: str | None = None
    since: When | None = None
    until: When | None = None
    severity: Severity | None = Field(None, description="at least; what has no severity stays")

    def described(self) -> str:
        """For the cursor's seal. Not the times: an age such as `2h` means another moment with every call."""
        return self.model_dump_json(exclude={"since", "until"})


class Page(Noun):
    """Lines shown, oldest first, and how to go on."""

    shown: tuple[Happening, ...]
    older: int
    newer: int
    cursor: str = ""


def kinds_of(names: Sequence[str]) -> tuple[Kind, ...]:
    """Checked kinds. Raises BadInput naming the valid ones."""
    for name in names:
        if name not in KINDS:
            raise BadInput(f"`kinds` holds `{one_line(name, 40)}`; the kinds are {', '.join(get_args(Kind))}")
    return tuple(name for name in KINDS if name in names)


def filtered(story: Iterable[Happening], wanted: Filters) -> list[Happening]:
    """What passes. A source is meant by its name or by what it read (a log's path, or the end of it)."""
    least = SEVERITIES.index(wanted.severity) if wanted.severity else 0
    sources = tuple(source.lower() for source in wanted.sources)
    component = (wanted.component or "").lower()
    return [
        item
        for item in story
        if (not wanted.kinds or item.kind in wanted.kinds)
        and (wanted.since is None or (item.until or item.at) >= wanted.since)
        and (wanted.until is None or item.at <= wanted.until)
        and (item.severity is None or SEVERITIES.index(item.severity) >= least)
        and (not sources or any(_from(item, source) for source in sources))
        and (not component or component in item.component.lower() or component in item.origin.lower())
    ]


def _from(item: Happening, source: str) -> bool:
    names = {item.source.lower(), item.origin.lower(), *(other.source.lower() for other in item.also)}
    return any(name == source or (source.startswith("/") is False and name.endswith("/" + source)) for name in names if name)


def page(story: Sequence[Happening], wanted: Filters, *, limit: int, budget: int, cursor: str | None, incident: str) -> Page:
    """The newest lines that fit, or those before the cursor. Raises BadInput for a cursor of another question."""
    query = {"incident": incident, "filters": wanted.described()}
    end = len(story)
    if cursor:
        mark = open_cursor(cursor, query, _KEY)[0]
        end = _again(story, mark)
    begin, used = end, 0
    while begin > 0 and end - begin < limit:
        used += cost(story[begin - 1])
        if used > budget and begin < end:
            break
        begin -= 1
    shown = tuple(story[begin:end])
    more = ""
    if begin and shown:
        twins = sum(item.at == shown[0].at and _key(item) == _key(shown[0]) for item in story[:begin])
        more = write_cursor([Mark(twins, len(story), _key(shown[0]))], query, _KEY)
    return Page(shown=shown, older=begin, newer=len(story) - end, cursor=more)


def _again(story: Sequence[Happening], mark: Mark) -> int:
    """Where the page before began. What was added to the story since may lie on either side."""
    at = parse_moment(mark.identity.partition(" ")[0])
    begin = bisect_left(story, at, key=lambda item: item.at)
    end = bisect_left(story, at + timedelta(milliseconds=1), key=lambda item: item.at)
    twins = [index for index in range(begin, end) if _key(story[index]) == mark.identity]
    return twins[min(mark.offset, len(twins) - 1)] if twins else begin  # gone: filtered, or told by another source now


def _key(item: Happening) -> str:
    """The time of a happening and a digest of what tells it from others at that time."""
    told = "\0".join((item.kind, item.source, item.origin, item.label))
    return f"{stamp(item.at)} {blake2b(told.encode('utf8', 'backslashreplace'), digest_size=6).hexdigest()}"


def cost(item: Happening) -> int:
    """Characters that its line takes, about."""
    values = item.statement.values.values()
    return 60 + len(item.statement.text) + sum(min(160, len(str(value))) for value in values) + 40 * len(item.also)


def first_and_last(story: Sequence[Happening]) -> tuple[datetime, datetime] | None:
    """When the story begins and ends."""
    return (story[0].at, max(item.until or item.at for item in story)) if story else None


def statements(shown: Page) -> list[Statement]:
    """The lines, and before them what is left out."""
    said = list(lines(shown.shown))
    if shown.older:
        text = "{count} earlier lines are not shown; they follow with cursor={cursor}"
        said.insert(0, Statement(text=text, values={"count": shown.older, "cursor": shown.cursor}))
    if shown.newer:
        said.append(Statement(text="{count} later lines stand on the pages before", values={"count": shown.newer}))
    return said
