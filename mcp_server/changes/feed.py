"""What do the declared feeds tell: deployment markers, feature flags, CI, anything that appends one JSON object per line?

A line: {"at": "2026-11-20T10:30:00Z", "kind": "deploy", "component": "shop", "summary": "release 42 goes live",
"reference": "v42", "clues": ["path:/srv/shop"]}. `at` is ISO 8601 with a zone, or seconds since 1970; `at`, `kind` and
`component` must be there; other fields than these (and `classes`) are left alone. Lines stand in the order of writing.
"""

import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from mcp_server.core.change import Change, ChangeClass, Window
from mcp_server.core.clock import from_epoch, parse_moment
from mcp_server.core.clues import words_in
from mcp_server.core.declare import ChangeSource, Scope
from mcp_server.core.errors import CouldNotLook, NotApplicable
from mcp_server.core.outcome import Statement, Value
from mcp_server.core.reader import Reader
from mcp_server.core.text import amount
from mcp_server.logs.newest import newest_lines

CHANGE_SOURCE = ChangeSource(question="Which deployments, flags and other changes do the declared feeds (JSON lines) tell of?")

AHEAD = timedelta(seconds=60)
"""A line dated later than this after now was stamped by a wrong clock."""
LATE = timedelta(hours=1)
"""How far lines may stand out of order."""
LONGEST_LINE = 65_536
_CLASSES: dict[str, tuple[ChangeClass, ...]] = {
    "deploy": ("code",), "deployment": ("code",), "release": ("code",), "rollback": ("code",), "build": ("code",),
    "flag": ("configuration",), "feature_flag": ("configuration",), "config": ("configuration",),
    "configuration": ("configuration",), "migration": ("migration",), "upgrade": ("dependency",), "scale": ("infrastructure",),
    "infrastructure": ("infrastructure",), "restart": ("runtime",),
}  # fmt: skip
_EPOCH = re.compile(r"\d{9,11}(?:\.\d{1,9})?")

Clue = Annotated[str, StringConstraints(pattern=r"^(module|package|path|port|unit|pid|word|filesystem):.", max_length=400)]


class Line(BaseModel):
    """One line of a feed."""

    model_config = ConfigDict(extra="ignore")

    at: str | float
    kind: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,39}$")
    component: str = Field(min_length=1, max_length=300)
    summary: str = Field("", max_length=1_000)
    reference: str = Field("", max_length=200)
    clues: tuple[Clue, ...] = Field((), max_length=100)
    classes: tuple[ChangeClass, ...] = Field((), max_length=8)

    def moment(self) -> datetime:
        """When it happened. Raises ValueError, OverflowError, OSError for what is no moment."""
        text = str(self.at)
        if _EPOCH.fullmatch(text):
            return from_epoch(float(text))
        if "T" not in text and " " not in text:
            raise ValueError("no moment")  # ages such as `15m` mean nothing in a file
        return parse_moment(text)


def collect(reader: Reader, window: Window, scope: Scope) -> Iterator[Change]:
    """Lines of the window, and, where it reaches the present, those dated in the future."""
    if not scope.feeds:
        raise NotApplicable("no feed is declared", "name files of JSON lines in the setting `changes.feeds`")
    for path in scope.feeds:
        with reader.part(f"feed {path}"):
            found = list(_changes(reader, path, window))
            yield from found
            if not found:
                reader.empty(f"feed: {path} tells of nothing in the window")


def _changes(reader: Reader, path: str, window: Window) -> Iterator[Change]:
    """Changes of one feed: of its file and, where the window needs it, of the rotated one before it."""
    until = window.until if window.until < reader.now - AHEAD else datetime.max.replace(tzinfo=window.until.tzinfo)
    for name in (path, f"{path}.1"):
        try:
            lines, whole = _lines(reader, name, window)
        except CouldNotLook as failure:
            if name != path and failure.reason == "missing":
                return
            raise
        for line, at, evidence in lines:
            if window.since <= at <= until:
                yield _change(reader, path, line, at, evidence)
        if lines and lines[0][1] <= window.since:
            return
        if not whole:
            reader.cut(f"feed {name}: its older lines", "narrow the window with since=…")
            return


def _lines(reader: Reader, path: str, window: Window) -> tuple[list[tuple[Line, datetime, str]], bool]:
    """Lines understood, with moment and evidence, as far back as the window asks for; what is no such line is counted."""

    def reached(texts: Sequence[str]) -> bool:
        first = next(filter(None, map(_read, texts)), None)
        return first is not None and first[1] <= window.since - LATE

    newest = newest_lines(reader, path, reached)
    found: list[tuple[Line, datetime, str]] = []
    damaged = 0
    for text, evidence in newest.lines:
        if (read := _read(text)) is None:
            damaged += 1
            continue
        damaged = 0 if read[1] < window.since - LATE else damaged  # damage before the window hides nothing
        found.append((*read, evidence))
    if damaged:
        reader.blind(
            f"{amount(damaged, 'line')} of {path}",
            "damaged: not the form of a feed's line (at, kind, component)",
            f"less {path}",
        )
    return found, newest.whole


def _read(text: str) -> tuple[Line, datetime] | None:
    if len(text) > LONGEST_LINE:
        return None
    try:
        line = Line.model_validate(json.loads(text))
        return line, line.moment()
    except (ValidationError, ValueError, OverflowError, OSError, RecursionError):
        return None


def _change(reader: Reader, path: str, line: Line, at: datetime, evidence: str) -> Change:
    future = at > reader.now + AHEAD
    text = "{kind} of {component}" + (" to {reference}" if line.reference else "") + " told by {feed}"
    text += ": {summary}" if line.summary else ""
    text = "dated in the future ({dated}): " + text if future else text
    values: dict[str, Value] = {
        "kind": line.kind, "component": line.component, "reference": line.reference, "feed": path, "summary": line.summary,
    }  # fmt: skip
    values |= {"dated": str(line.at)} if future else {}
    return Change(
        source="feed", kind=line.kind, classes=line.classes or _CLASSES.get(line.kind.lower(), ("other",)), at=at,
        doubt_ms=1_000, stamp=str(line.at)[:100], component=line.component, reference=line.reference,
        clues=tuple(dict.fromkeys(line.clues)), words=words_in((line.summary,)),
        summary=Statement(text=text, values=values, evidence=(evidence,), at=at),
    )  # fmt: skip
