"""Files of this host: read in stretches, looked at by name, listed. All inside the allowed roots, leaving no trace."""

import os
import re
import stat
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import translate
from typing import IO, Any

from mcp_server.core.calls import FileStat, FileText, Folder, ListFolder, ReadFile, StatFile
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.core.text import amount
from mcp_server.targets.opening import Gate, check_form, explain, failed, moment, open_checked, owner_name, shown

_CHUNK = 1_048_576
_FARTHEST = 1 << 53
_NO_SIZE_BYTES = 67_108_864
"""How far a file that tells no size (/proc) is read in search of its end."""
_WORDS = re.compile(r"/proc/\d+/(?:task/\d+/)?(?:cmdline|(environ))")
"""Words of a process, each ended by NUL: shown apart, so that what follows `--password` is seen to belong to it."""
_UNREADABLE = 1_000
"""Unreadable folders named before a listing stops."""


def look(call: Any, limits: Limits, policy: ReadSettings) -> Any:
    """Answer ReadFile (FileText), StatFile (FileStat) or ListFolder (Folder). Raises CouldNotLook, Cancelled."""
    limits.check()
    if isinstance(call, ReadFile):
        return _read(call, limits, policy)
    if isinstance(call, StatFile):
        return _stat(call, policy)
    if isinstance(call, ListFolder):
        return _Listing(call, limits, policy).folder()
    raise CouldNotLook(call.title(), "missing", "files answer no such call")


@contextmanager
def open_for_reading(path: str, policy: ReadSettings) -> Iterator[IO[bytes]]:
    """A regular file, opened after checking the policy on the path that was really opened. Raises CouldNotLook."""
    handle, _ = open_checked(path, Gate(policy))
    with os.fdopen(handle, "rb") as file:
        yield file


# --- reading --------------------------------------------------------------------------------------------------------


def _read(call: ReadFile, limits: Limits, policy: ReadSettings) -> FileText:
    """What fits into `limits.max_bytes`; `end` below `size` says that there is more.

    A file that tells no size (/proc) gets the size that was seen, one more where its end was not reached.
    """
    handle, real = open_checked(call.path, Gate(policy))
    in_time = _clock(call.path, limits)
    try:
        found = os.fstat(handle)
        size, length = found.st_size, min(call.length, limits.max_bytes)
        sized = size > 0
        if not sized and call.start < 0:
            size = _find_end(call.path, handle, in_time)
        start = max(0, size + call.start) if call.start < 0 else min(call.start, _FARTHEST)
        if sized:
            length = max(0, min(length, size - start))
        data, ended = _stretch(handle, start, length, in_time)
        if not data:
            start = size = min(start, size, os.fstat(handle).st_size if sized else size)
        elif ended:
            size = start + len(data)  # no size was told, a wrong one (/sys), or it was truncated meanwhile
        elif not sized:
            size = start + len(data) + 1
        mark = os.pread(handle, 2, 0)
    except OSError as error:
        raise explain(call.path, error) from None
    finally:
        os.close(handle)
    if words := _WORDS.fullmatch(real):
        data = data.replace(b"\0", b"\n" if words[1] else b" ")
    start, data, text = decode_stretch(data, start, mark, more=start + len(data) < size, tail=call.start < 0)
    return FileText(
        path=shown(real), text=text, start=start, end=start + len(data), size=size, modified=moment(found.st_mtime),
        binary="\0" in text,
    )  # fmt: skip


def _stretch(handle: int, start: int, length: int, in_time: Callable[[], None]) -> tuple[bytes, bool]:
    """At most `length` bytes from `start`, and whether the file ended before all of them came."""
    parts: list[bytes] = []
    got = 0
    while got < length:
        in_time()
        part = os.pread(handle, min(_CHUNK, length - got), start + got)
        if not part:
            return b"".join(parts), True
        parts.append(part)
        got += len(part)
    return b"".join(parts), False


def _find_end(path: str, handle: int, in_time: Callable[[], None]) -> int:
    end = 0
    while part := os.pread(handle, _CHUNK, end):
        in_time()
        end += len(part)
        if end > _NO_SIZE_BYTES:
            raise failed(path, "failed", f"no end within {_NO_SIZE_BYTES:,} bytes", "read from the start instead")
    return end


def _clock(path: str, limits: Limits) -> Callable[[], None]:
    left = limits.until()

    def in_time() -> None:
        limits.check()
        if left() <= 0:
            raise failed(path, "timed_out", f"not read within {limits.timeout_s:g} s", "ask for a shorter stretch")

    return in_time


def decode_stretch(data: bytes, start: int, mark: bytes, *, more: bool, tail: bool) -> tuple[int, bytes, str]:
    """Where the stretch begins, its bytes, its text. A character cut by the end of a stretch is left to the next one."""
    if mark in (b"\xff\xfe", b"\xfe\xff"):
        skip = start % 2
        data = data[skip:]
        start, data = start + skip, data[: len(data) - len(data) % 2]
        text = data.decode("utf-16-le" if mark[0] == 0xFF else "utf-16-be", "replace")
    else:
        if tail and start:
            skip = next((i for i, byte in enumerate(data[:4]) if byte & 0xC0 != 0x80), 0)
            start, data = start + skip, data[skip:]
        if more:
            data = data[: _whole_characters(data)] or data
        text = data.decode("utf8", "replace")
    return start, data, text.removeprefix("\ufeff") if start == 0 else text


def _whole_characters(data: bytes) -> int:
    """Length of `data` without a UTF-8 character that is cut at its end."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 != 0x80:
            width = 2 if byte >> 5 == 0b110 else 3 if byte >> 4 == 0b1110 else 4 if byte >> 3 == 0b11110 else 1
            return len(data) - back if width > back else len(data)
    return len(data)


# --- names ----------------------------------------------------------------------------------------------------------


def _stat(call: StatFile, policy: ReadSettings) -> FileStat:
    """`lstat`. Nothing is opened, so only the roots apply, not the paths that are never opened."""
    check_form(call.path)
    above, name = os.path.split(call.path.rstrip("/") or "/")
    real = os.path.join(os.path.realpath(above), name) if name not in ("", ".", "..") else os.path.realpath(call.path)
    Gate(policy.model_copy(update={"denied": ()})).check(call.path, real)
    try:
        found = os.lstat(call.path)
        return _facts(call.path, found, os.readlink(call.path) if stat.S_ISLNK(found.st_mode) else None)
    except OSError as error:
        raise explain(call.path, error) from None


def _facts(path: str, found: os.stat_result, link: str | None) -> FileStat:
    mode = found.st_mode
    return FileStat(
        path=shown(path),
        type="file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "link" if stat.S_ISLNK(mode) else "other",
        size=found.st_size, modified=moment(found.st_mtime), changed=moment(found.st_ctime), mode=stat.filemode(mode),
        owner=owner_name(found.st_uid), device=found.st_dev, link=None if link is None else shown(link),
    )  # fmt: skip


class _Listing:
    """One ListFolder under way: level by level, never through a symbolic link; what stops it is said in `cut`."""

    def __init__(self, call: ListFolder, limits: Limits, policy: ReadSettings) -> None:
        self._call, self._limits, self._gate, self._left = call, limits, Gate(policy), limits.until()
        self._matches = re.compile(translate(call.pattern)).match
        self._after = call.modified_after.timestamp() if call.modified_after else None
        self._entries: list[FileStat] = []
        self._unreadable: list[str] = []
        self._waiting: deque[tuple[str, int]] = deque()
        self._cut: str | None = None

    def folder(self) -> Folder:
        handle, top = open_checked(self._call.path, self._gate, folder=True)
        self._scan(handle, top, 1)
        while self._waiting and self._cut is None:
            path, depth = self._waiting.popleft()
            try:
                handle, _ = open_checked(path, self._gate, folder=True, follow=False)
            except CouldNotLook as failure:
                if failure.reason != "missing":  # removed since it was listed: there is nothing to read any more
                    self._skipped(path)
                continue
            self._scan(handle, path, depth)
        entries = tuple(sorted(self._entries, key=lambda entry: entry.path))
        return Folder(path=shown(top), entries=entries, unreadable=tuple(self._unreadable), cut=self._cut)

    def _skipped(self, path: str) -> None:
        self._unreadable.append(shown(path))
        if len(self._unreadable) >= _UNREADABLE:
            self._cut = f"stopped after {amount(_UNREADABLE, 'unreadable folder')}"

    def _scan(self, handle: int, folder: str, depth: int) -> None:
        try:
            with os.scandir(handle) as names:
                for entry in names:
                    self._limits.check()
                    if self._left() <= 0:
                        seen = amount(len(self._entries), "entry", "entries")
                        self._cut = f"stopped after {self._limits.timeout_s:g} s with {seen}; name a smaller folder"
                    if self._cut is not None:
                        return
                    self._take(entry, handle, os.path.join(folder, entry.name), depth)
        except OSError:
            self._skipped(folder)
        finally:
            os.close(handle)

    def _take(self, entry: os.DirEntry[str], handle: int, path: str, depth: int) -> None:
        is_folder = entry.is_dir(follow_symlinks=False)
        if is_folder and depth < self._call.depth and entry.name not in self._call.skip:
            self._waiting.append((path, depth + 1))
        if not self._matches(entry.name) or (is_folder and self._after is not None):
            return
        try:
            found = entry.stat(follow_symlinks=False)
            link = os.readlink(entry.name, dir_fd=handle) if stat.S_ISLNK(found.st_mode) else None
        except FileNotFoundError:  # removed since it was listed
            return
        if self._after is not None and max(found.st_mtime, found.st_ctime) <= self._after:
            return
        if len(self._entries) >= self._call.limit:
            self._cut = f"stopped at {amount(self._call.limit, 'entry', 'entries')}; there are more"
            return
        self._entries.append(_facts(path, found, link))
