"""The line that failed, and who changed it: frames of a trace against the lines that a change put where they stand.

A file that two changes touched says nothing about which of them did it; the line of the innermost frame does, and so does the
function in which it failed where one of them has just written it. A line moves when others are written above it: it is followed
back through the changes that came after.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from mcp_server.core.change import Touched
from mcp_server.core.outcome import Value
from mcp_server.engine.ranking_clues import surfaced_elsewhere
from mcp_server.engine.ranking_data import Candidate, Part, Symptom

FRAME = 25.0
"""Points of the innermost frame of the program's own; each further one outwards half of that."""
_DEEP = 4
_PYTHON = re.compile(r'File "(/[^"\n]{1,500})", line (\d{1,7})(?:, in ([\w.<>]{1,100}))?')
_OTHERS = re.compile(r"(?:\bat ([\w.$<>\[\] ]{1,100}) \()?(/[^\s():\"']{1,500}\.[A-Za-z]{1,5}):(\d{1,7})\b")
_LIBRARY = re.compile(r"/(?:site|dist)-packages/|/node_modules/|/vendor/|^/usr/(?:lib|share)/|/lib/python3")


class Frame(NamedTuple):
    """One place in the program's own code."""

    path: str
    line: int
    function: str


def frames(text: str) -> list[Frame]:
    """Frames of the program's own code, the innermost first; those of libraries are left out."""
    found = [Frame(match[1], int(match[2]), match[3] or "") for match in _PYTHON.finditer(text)][::-1]  # most recent last
    found = found or [Frame(match[2], int(match[3]), (match[1] or "").rpartition(".")[2]) for match in _OTHERS.finditer(text)]
    return [frame for frame in dict.fromkeys(found) if not _LIBRARY.search(frame.path)][:_DEEP]


def frame_parts(changes: Sequence[Candidate], symptoms: Sequence[Symptom], onset: datetime) -> list[Part | None]:
    """For each change the innermost frame whose line, or function, it wrote. Lines are followed up to the onset."""
    seen = [
        (frame, FRAME / 2**depth)
        for symptom in symptoms
        if not symptom.indirect and not surfaced_elsewhere(symptom.text)
        for depth, frame in enumerate(frames(symptom.text))
    ]
    if not seen:
        return [None] * len(changes)
    places = {frame.path for frame, _ in seen}
    order = sorted((change for change in changes if change.touched and change.at <= onset), key=lambda item: item.at)
    later = {path: [(change.id, change.at, _in(change, path)) for change in order] for path in places}
    return [_best(change, seen, later) for change in changes]


def _in(change: Candidate, path: str) -> list[Touched]:
    return sorted((item for item in change.touched if item.path == path), key=lambda item: item.first)


def _best(
    change: Candidate, seen: Sequence[tuple[Frame, float]], later: Mapping[str, Sequence[tuple[str, datetime, list[Touched]]]]
) -> Part | None:
    parts = []
    for frame, points in seen if change.touched else ():
        mine = [item for item in _in(change, frame.path) if item.code]
        after = [places for name, at, places in later[frame.path] if at > change.at and name != change.id and places]
        if part := _part(mine, after, frame, points):
            parts.append(part)
    return max(parts, key=lambda part: part.points, default=None)


def _part(mine: Sequence[Touched], after: Sequence[Sequence[Touched]], frame: Frame, points: float) -> Part | None:
    values: dict[str, Value] = {"file": frame.path, "line": frame.line}
    if mine and (line := _before(frame.line, after)) and any(item.first <= line <= item.last for item in mine):
        return Part(name="frame", points=round(points, 1), text="it wrote the line that failed, {file}:{line}", values=values)
    if frame.function and any(frame.function in item.defines for item in mine):
        values = {"file": frame.path, "function": frame.function}
        text = "it wrote the function that failed, {function} in {file}"
        return Part(name="frame", points=round(points, 1), text=text, values=values)
    return None


def _before(line: int, after: Sequence[Sequence[Touched]]) -> int | None:
    """Where a line stood before these changes, the newest of which comes last; None where one of them wrote it."""
    for places in reversed(after):
        shift = 0
        for item in places:
            if line > item.last:
                shift += item.last - item.first + 1 - item.removed
            elif line >= item.first:
                return None
        line -= shift
    return line
