"""Logs of package managers with what they were rotated to, packed or not: read backwards, and only as far as a window asks.

What this costs grows with the window: a member that was last written before the window began is not opened, and ends it.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime

from mcp_server.core.calls import ListFolder
from mcp_server.core.change import Window
from mcp_server.core.clock import stamp
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Reader
from mcp_server.core.rotation import is_packed, rank, rotated_names
from mcp_server.core.text import amount
from mcp_server.logs.newest import newest_lines
from mcp_server.logs.package_log import Row, Rows, Zone

Found = list[tuple[Row, str]]
"""Rows in their order, each with the evidence of the look that read it."""
MOST_MEMBERS = 40
"""Files of one log read at most."""
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Member:
    """One file of a rotated log; nothing was written to it after `modified`. `number` of `app.log.2.gz` is 2, of the log 0."""

    path: str
    modified: datetime
    number: int | None


def members(reader: Reader, log: str) -> list[Member]:
    """The log and what was rotated away from it, newest first; none where nothing of that name is there."""
    folder, _, name = log.rpartition("/")
    try:
        seen = reader.look(ListFolder(path=folder, pattern=f"{name.rpartition('.')[0] or name}*")).value
    except CouldNotLook as failure:
        if failure.reason != "missing":
            raise
        return []
    belongs = rotated_names(name).fullmatch
    there = {entry.path: entry for entry in seen.entries if belongs(entry.path.rpartition("/")[2]) and entry.type != "folder"}
    found = [
        # a link tells when it was made, not when its file was written
        Member(path, entry.modified if entry.type == "file" else _NEVER, 0 if path == log else -rank(path) or None)
        for path, entry in there.items()
        if not (is_packed(path) and path.rpartition(".")[0] in there)  # being packed: its lines are still in the other
    ]
    if any(member.number is None for member in found):
        return sorted(found, key=lambda member: (member.path == log, member.modified, member.path), reverse=True)
    return sorted(found, key=lambda member: member.number or 0)


def read_log(reader: Reader, log: str, rows: Rows, there: Sequence[Member], window: Window, zone: Zone) -> Found:
    """Rows back to the beginning of the window. What could not be read, and whether the log begins later, is noted.

    Raises CouldNotLook when the log itself cannot be read.
    """
    found: Found = []
    start = _newest_needed(reader, rows, there, window, zone)
    for place, member in list(enumerate(there))[start:]:
        newer = there[place - 1] if place > start else None
        if newer and newer.number is not None and member.number is not None and member.number - newer.number > 1:
            reader.blind(f"packages between {member.path} and {newer.path}", "missing: what was rotated between them is gone")
        if member.path != log and member.modified < window.since:
            return found
        if place - start >= MOST_MEMBERS:
            reader.cut(f"{member.path} and what is older", f"{MOST_MEMBERS} files were read: narrow the window with since=…")
            return found
        whole = True
        with nullcontext() if member.path == log else reader.part(f"packages in {member.path}"):
            read, whole = _rows_of(reader, member.path, rows, zone, window)
            found = [*read, *found]
        if found and found[0][0].at <= window.since:
            return found
        if not whole:
            rest = f"narrow the window with since=…, or less {member.path}"
            reader.cut(f"{member.path}: what it says before {_begin(found)}", rest)
            return found
    oldest = there[-1].path
    reader.blind(
        f"packages before the beginning of {oldest}", f"what was read begins at {_begin(found)}", "there is no older log"
    )
    return found


def _newest_needed(reader: Reader, rows: Rows, there: Sequence[Member], window: Window, zone: Zone) -> int:
    """Place of the newest member that can hold anything of the window: one whose own last entry is later ends the search.

    The time of a file alone does not tell that (a copy is younger than what it holds), it only says where to look first.
    """
    start = max((place for place, member in enumerate(there) if _NEVER > member.modified > window.until), default=0)
    for place in range(start, 0, -1):
        try:
            newest = newest_lines(reader, there[place].path, lambda _: True, packed=is_packed(there[place].path))
        except CouldNotLook:  # that is told when it is read
            continue
        last = [row for row in rows(newest.texts(), zone) if row][-1:]
        if last and last[0].at - last[0].doubt > window.until and not newest.stopped:
            return place
    return 0


def _begin(found: Found) -> str:
    return stamp(found[0][0].at) if found else "its end: it holds no entry"


def _rows_of(reader: Reader, path: str, rows: Rows, zone: Zone, window: Window) -> tuple[Found, bool]:
    """Rows of a file, as far back as the window asks for, and whether that is all of it. Damage in it is counted."""

    def reached(lines: Sequence[str]) -> bool:
        first = next(filter(None, rows(lines, zone)), None)
        return first is not None and first.at <= window.since

    newest = newest_lines(reader, path, reached, packed=is_packed(path))
    found: Found = []
    damaged = 0
    for row in rows(newest.texts(), zone):
        if row is None:
            damaged += 1
            continue
        damaged = 0 if row.at < window.since else damaged  # damage before the window hides nothing
        found.append((row, newest.lines[row.line][1]))
    if damaged:
        reader.blind(f"{amount(damaged, 'line')} of {path}", "damaged: not lines as its writer writes them", f"less {path}")
    if newest.stopped:
        end = f"after {stamp(found[-1][0].at)}" if found else "at all"
        reader.blind(f"what {path} says {end}", f"damaged: {newest.stopped}", "restore it from a backup")
    return found, newest.whole
