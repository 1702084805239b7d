"""Which files were written, or had owner, mode or name changed?"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import PurePosixPath

from mcp_server.core.calls import FileStat, ListFolder, StatFile
from mcp_server.core.change import Change, Window
from mcp_server.core.clock import stamp
from mcp_server.core.clues import class_of, ports_in
from mcp_server.core.declare import ChangeSource, Scope
from mcp_server.core.edits import Edit, change_of, when
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.last_good import Compared, LastGood, compare, removals
from mcp_server.core.outcome import Statement
from mcp_server.core.reader import Reader
from mcp_server.core.state_calls import TOOL_FOLDERS
from mcp_server.core.text import amount

CHANGE_SOURCE = ChangeSource(
    question="Which files of the service and of /etc were written, moved or given other rights? Removals show where there "
    "is a snapshot."
)

LARGE = 10 * 1024 * 1024
"""Data that merely grows is news from this size on."""
READ_LIMIT, READ_FILES = 65_536, 20


def collect(reader: Reader, window: Window, scope: Scope) -> Iterator[Change]:
    """Names below the folders and /etc whose content (mtime) or rights (ctime) changed in the window."""
    seen_paths: set[str] = set()
    readings, later = 0, 0
    last = scope.last_good
    if last and last.problem:
        reader.blind("the last snapshot", f"damaged: {last.problem}", "take a new one with snapshot")
    for folder in dict.fromkeys((*scope.folders, "/etc")):
        depth = 6 if folder == "/etc" else 12
        with reader.part(f"files below {folder}"):
            yield from _switched(reader, window, folder)
            call = ListFolder(path=folder, depth=depth, limit=20_000, modified_after=window.since, skip=TOOL_FOLDERS)
            seen = reader.look(call)
            if seen.value.cut:
                reader.cut(f"files below {folder}: {seen.value.cut}", "name a folder further down with folders=…")
            if hidden := seen.value.unreadable:
                named = ", ".join(hidden[:3]) + (" …" if len(hidden) > 3 else "")
                reader.blind(f"{amount(len(hidden), 'folder')} below {folder}: {named}", "denied: cannot be entered")
            then = compare(reader, folder, last)
            count = 0
            for entry in seen.value.entries:
                if entry.type not in ("file", "link") or _growing(entry):
                    continue
                moment, known = when(entry, window), entry.path in seen_paths
                count += moment is not None
                later += entry.modified > window.until and not known
                if moment is None or known:
                    continue
                seen_paths.add(entry.path)
                ports: tuple[str, ...] = ()
                if class_of(entry.path) == "configuration" and entry.type == "file" and readings < READ_FILES:
                    readings += 1
                    ports = _ports(reader, entry)
                change = _change(entry, *moment, (f"path:{entry.path}", *ports), seen.evidence)
                yield _compared(change, then, last) if then and last else change
            if then and last:
                yield from _removed(reader, window, last, then)
            if not count:
                reader.empty(f"files: none below {folder} changed in the window")
    if later:
        reader.cut(
            f"{amount(later, 'file')} changed again after the window: an earlier change inside it cannot be seen",
            f"ask again with until later than {stamp(window.until)}",
        )


def _switched(reader: Reader, window: Window, folder: str) -> Iterator[Change]:
    """A folder that is a link (`current` → `releases/42`): pointing it elsewhere deploys without writing any file."""
    seen = reader.look(StatFile(path=folder))
    if seen.value.type == "link" and (moment := when(seen.value, window)):
        yield _change(seen.value, *moment, (f"path:{folder}",), seen.evidence)


def _compared(change: Change, then: Compared, last: LastGood) -> Change:
    """The change with what the snapshot says of it: written anew with the same content is no edit."""
    same = then.same(change.component)
    if same is None:
        return change
    text = "; it is the same as in snapshot {snapshot} of {then}" if same else "; it differs from snapshot {snapshot} of {then}"
    summary = change.summary.model_copy(
        update={
            "text": change.summary.text + text,
            "values": change.summary.values | {"snapshot": last.name, "then": stamp(last.at)},
            "evidence": (*change.summary.evidence, then.evidence),
        }
    )
    return change.model_copy(update={"summary": summary} | ({"kind": "attributes"} if same else {}))


def _removed(reader: Reader, window: Window, last: LastGood, then: Compared) -> Iterator[Change]:
    """Files of the snapshot that are gone."""
    for path, at, doubt_ms, evidence in removals(reader, window, last, then):
        yield Change(
            source="files", kind="remove", classes=(class_of(path),), at=at, doubt_ms=doubt_ms, stamp=stamp(at), component=path,
            clues=(f"path:{path}",),
            summary=Statement(
                text="{path} is gone, which was there in snapshot {snapshot} of {then}",
                values={"path": path, "snapshot": last.name, "then": stamp(last.at)}, evidence=(then.evidence, evidence), at=at,
            ),
        )  # fmt: skip


def _growing(entry: FileStat) -> bool:
    """Logs, databases, archives: they are written all the time; only large ones matter, for the space."""
    suffixes = PurePosixPath(entry.path).suffixes
    return (class_of(entry.path) == "data" or ".log" in suffixes or suffixes[-1:] == [".pid"]) and entry.size < LARGE


def _ports(reader: Reader, entry: FileStat) -> tuple[str, ...]:
    """Ports that a small configuration file names; losing them loses a clue, not the change."""
    if entry.size <= READ_LIMIT:
        with reader.part(f"ports in {entry.path}"):
            try:
                text = reader.file(entry.path, length=READ_LIMIT).value
            except CouldNotLook as failure:
                if failure.reason in ("missing", "refused"):
                    return ()
                raise
            return () if text.binary else tuple(dict.fromkeys(ports_in(text.text.splitlines())))
    return ()


def _change(entry: FileStat, kind: str, at: datetime, doubt_ms: int, clues: tuple[str, ...], evidence: str) -> Change:
    return change_of(Edit(entry, kind, at, doubt_ms, evidence), "files", entry.path, (class_of(entry.path),), clues)
