"""Whether files are still the same: a digest each, of those that everybody may read."""

import hashlib
import os
from typing import Any

from mcp_server.core.calls import FileStat, ListFolder, StatFile
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.core.state_calls import DigestFiles, Digests, FileMark
from mcp_server.core.text import amount
from mcp_server.targets import files
from mcp_server.targets.opening import Gate, open_checked

LARGEST = 4_194_304
_CHUNK = 262_144
_NAMED = 200


def look(call: Any, limits: Limits, policy: ReadSettings) -> Any:
    """Answer DigestFiles (Digests). Raises CouldNotLook, Cancelled."""
    limits.check()
    if not isinstance(call, DigestFiles):
        raise CouldNotLook(call.title(), "missing", "digests answer no such call")
    left = limits.until()
    entries, unreadable, cut = _entries(call, limits, policy)
    gate = Gate(policy)
    marks: list[FileMark] = []
    for entry in entries:
        limits.check()
        if left() <= 0:
            cut = f"stopped after {limits.timeout_s:g} s with {amount(len(marks), 'file')} of {len(entries)}"
            break
        digest = None
        if entry.type == "file" and entry.size <= LARGEST and entry.mode[7] == "r":
            try:
                digest = _digest(entry.path, gate)
            except CouldNotLook as failure:
                if failure.reason == "missing":  # removed since it was listed
                    continue
                unreadable.append(f"{entry.path} ({failure.reason})")
        marks.append(
            FileMark(
                path=entry.path, mode=entry.mode, owner=entry.owner, size=entry.size, modified=entry.modified, digest=digest,
                link=entry.link,
            )
        )  # fmt: skip
    if len(unreadable) > _NAMED:
        unreadable[_NAMED:] = [f"{len(unreadable) - _NAMED} more"]
    return Digests(path=call.path, files=tuple(marks), unreadable=tuple(unreadable), cut=cut)


def _entries(call: DigestFiles, limits: Limits, policy: ReadSettings) -> tuple[list[FileStat], list[str], str | None]:
    """Files and links to look at, what could not be entered, and what stopped the listing."""
    if not os.path.isdir(call.path):
        return [files.look(StatFile(path=call.path), limits, policy)], [], None
    listing = ListFolder(path=call.path, depth=call.depth, limit=call.limit, skip=call.skip)
    seen = files.look(listing, limits, policy)
    found = [entry for entry in seen.entries if entry.type in ("file", "link")]
    return found, [f"{path} (denied)" for path in seen.unreadable], seen.cut


def _digest(path: str, gate: Gate) -> str:
    handle, _ = open_checked(path, gate, follow=False)
    digest = hashlib.sha256()
    try:
        while part := os.read(handle, _CHUNK):
            digest.update(part)
    except OSError as error:
        raise CouldNotLook(path, "failed", f"the system says: {error.strerror}") from None
    finally:
        os.close(handle)
    return digest.hexdigest()
