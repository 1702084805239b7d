"""Files as the last snapshot saw them: which of them are gone, and which are still what they were."""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mcp_server.core.calls import StatFile
from mcp_server.core.change import Window
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Reader
from mcp_server.core.state_calls import TOOL_FOLDERS, DigestFiles

REMOVALS = 50
"""Removed files told one by one; more are counted."""


@dataclass(frozen=True)
class LastGood:
    """State by path, as the snapshot `name` of this place had it; `problem` says why there is none to be had."""

    name: str
    at: datetime
    states: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class Compared:
    """Files below a folder, then and now. Without `whole` a file that is not seen now may still be there."""

    then: Mapping[str, str]
    now: Mapping[str, str]
    whole: bool
    evidence: str

    def same(self, path: str) -> bool | None:
        """Whether the file is what it was; None where the snapshot does not know it, or only its size and time."""
        before, after = self.then.get(path), self.now.get(path)
        if before is None or after is None or before.split(" ")[1] == "bytes":
            return None
        return before == after


def compare(reader: Reader, folder: str, last: LastGood | None) -> Compared | None:
    """Look at everything below the folder that the snapshot knows; None where it knows nothing there."""
    if last is None:
        return None
    then = {path: state for path, state in last.states.items() if path.startswith(folder.rstrip("/") + "/")}
    if not then:
        return None
    seen = reader.look(DigestFiles(path=folder, skip=TOOL_FOLDERS))
    now = {mark.path: mark.state() for mark in seen.value.files}
    return Compared(then, now, not (seen.value.cut or seen.value.unreadable), seen.evidence)


def removals(reader: Reader, window: Window, last: LastGood, found: Compared) -> Iterator[tuple[str, datetime, int, str]]:
    """(path, moment, doubt in ms, evidence) of files that went in the window, as far as the folder they left can tell."""
    gone = sorted(found.then.keys() - found.now.keys())
    if gone and not found.whole:
        reader.cut(f"which of {len(gone)} files of snapshot {last.name} were removed", "not all could be seen: run as root")
        return
    if len(gone) > REMOVALS:
        reader.cut(
            f"{len(gone) - REMOVALS} of {len(gone)} files removed since snapshot {last.name}", "diff_snapshot lists them"
        )
    left: dict[str, tuple[datetime, str]] = {}
    for path in gone[:REMOVALS]:
        above = posixpath.dirname(path)
        if above not in left:
            left[above] = _left(reader, above)
        at, evidence = left[above]
        if window.since <= at <= window.until:
            yield path, at, 1_000 + max(0, int((at - last.at).total_seconds() * 1000)), evidence


def _left(reader: Reader, folder: str) -> tuple[datetime, str]:
    """When something last came into or left the folder, or the nearest one above that is still there."""
    while True:
        try:
            seen = reader.look(StatFile(path=folder))
        except CouldNotLook as failure:
            if failure.reason != "missing" or folder == "/":
                raise
            folder = posixpath.dirname(folder)
        else:
            return seen.value.modified, seen.evidence
