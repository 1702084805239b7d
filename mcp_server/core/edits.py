"""Files that were written, moved or given other rights inside a window, and names that left a folder, as changes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import NamedTuple

from mcp_server.core.calls import FileStat, ListFolder, StatFile
from mcp_server.core.change import Change, ChangeClass, Window
from mcp_server.core.clock import stamp
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.outcome import Statement, Value
from mcp_server.core.reader import Reader
from mcp_server.core.text import amount, bytes_text

SETTLE = timedelta(seconds=2)
_LIMIT = 20_000
PRESENT = timedelta(minutes=10)
"""A window that ended so recently still reaches the present."""


class Edit(NamedTuple):
    """One name to which something happened: `kind` is edit, attributes, or remove (of a folder that lost a name)."""

    entry: FileStat
    kind: str
    at: datetime
    doubt_ms: int
    evidence: str


def when(entry: FileStat, window: Window) -> tuple[str, datetime, int] | None:
    """(kind, moment, doubt in ms), or None when nothing happened to it in the window.

    The content's time can be set at will (`cp -p`, `rsync -a`, `touch -d`), the inode's cannot. Where the inode changed
    later than the content, the change took effect somewhere between the two.
    """
    written, touched = entry.modified, entry.changed
    if window.since <= written <= window.until and written <= touched + SETTLE:
        return "edit", written, max(0, int((touched - written).total_seconds() * 1000))
    if window.since <= touched <= window.until:
        return "attributes", touched, 0
    return None


def since_boot(now: datetime, booted: datetime, window: Window) -> tuple[datetime, int]:
    """(moment, doubt in ms) of something that is so now and may have become so at any time since the boot.

    Raises CouldNotLook where the window ended before the present, or before the boot: what is now says nothing of then.
    """
    if window.until < now - PRESENT:
        detail = f"only the present is known, and the window ended {stamp(window.until)}"
        raise CouldNotLook("what is now", "failed", detail, "compare with a snapshot of then, if there is one: diff_snapshot")
    if window.until < booted:
        remedy = f"ask for a window that reaches to {stamp(booted)} or later"
        raise CouldNotLook("what is now", "failed", "the host was booted after the window, so it says nothing of then", remedy)
    at = min(now, window.until)
    return at, max(0, int(max(at - booted, now - at).total_seconds() * 1000))


def edits(reader: Reader, window: Window, places: Iterable[str], *, depth: int = 1) -> Iterator[Edit]:
    """What happened to these files, and below these folders. A place that is not there holds nothing; a closed one is noted."""
    for place in places:
        with reader.part(place):
            try:
                top = reader.look(StatFile(path=place))
            except CouldNotLook as failure:
                if failure.reason == "missing":
                    continue
                raise
            if top.value.type == "folder":
                yield from _below(reader, window, top.value, depth)
            elif moment := when(top.value, window):
                yield Edit(top.value, *moment, top.evidence)


def _below(reader: Reader, window: Window, top: FileStat, depth: int) -> Iterator[Edit]:
    seen = reader.look(ListFolder(path=top.path, depth=depth, limit=_LIMIT))
    if seen.value.cut:
        reader.cut(f"{top.path}: {seen.value.cut}", f"look by hand: ls -lc {top.path}")
    if hidden := seen.value.unreadable:
        reader.blind(f"{amount(len(hidden), 'folder')} below {top.path}", "denied: cannot be entered", "run as root")
    touched: dict[str, list[datetime]] = {}
    for entry in seen.value.entries:
        touched.setdefault(str(PurePosixPath(entry.path).parent), []).append(entry.changed)
        if entry.type in ("file", "link") and (moment := when(entry, window)):
            yield Edit(entry, *moment, seen.evidence)
    for folder in (top, *(entry for entry in seen.value.entries if entry.type == "folder")):
        inside, at = touched.get(folder.path, []), folder.modified
        # adding a name touches that name too; only where nothing in it was touched since, the folder's time tells of a leaving
        known = any(moment >= at - SETTLE for moment in inside)
        deep = str(PurePosixPath(folder.path)).count("/") - top.path.count("/") >= depth
        if window.since <= at <= window.until and not known and not deep:
            yield Edit(folder, "remove", at, 0, seen.evidence)


def said(edit: Edit) -> tuple[str, dict[str, Value]]:
    """The sentence for it, and its values."""
    entry = edit.entry
    values: dict[str, Value] = {"path": entry.path}
    if edit.kind == "remove":
        return "a name was removed from {path}, or moved away", values
    values["size"] = bytes_text(entry.size)
    if entry.type == "link":
        return "link {path} was made or changed, it points to {points_to}", {"path": entry.path, "points_to": entry.link}
    if edit.kind == "attributes":
        text = "{path} ({size}) was moved here, or its owner, mode or links changed; its content is dated {dated}"
        return text, values | {"dated": stamp(entry.modified)}
    return "{path} was written ({size})", values


def change_of(
    edit: Edit, source: str, component: str, classes: Sequence[ChangeClass], clues: Sequence[str] = (), *,
    add: str = "", values: Mapping[str, Value] | None = None, kind: str = "", evidence: Sequence[str] = (),
) -> Change:  # fmt: skip
    """The edit as a change; `add` goes on with the sentence."""
    text, told = said(edit)
    return Change(
        source=source, kind=kind or edit.kind, classes=tuple(classes), at=edit.at, doubt_ms=edit.doubt_ms,
        stamp=stamp(edit.entry.modified), component=component, clues=tuple(dict.fromkeys((f"path:{edit.entry.path}", *clues))),
        summary=Statement(
            text=text + add, values={**told, **(values or {})}, evidence=tuple(dict.fromkeys((edit.evidence, *evidence))),
            at=edit.at,
        ),
    )  # fmt: skip
