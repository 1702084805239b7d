"""A SQLite database of somebody else, read as it was last committed: nothing is locked, created or written beside it.

SQLite itself would write into the folder of a database with a write-ahead log (`-wal`, `-shm`), and its way of not doing so
(`immutable=1`) does not read that log, in which dnf5 leaves its newest transactions for weeks. So where there is such a log,
its committed pages are laid over the database in memory, as https://www.sqlite.org/fileformat2.html (section 4) says.
"""

import os
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.core.text import bytes_text
from mcp_server.targets.opening import Gate, failed, open_checked

MOST = 134_217_728
"""Bytes of a database with a write-ahead log, and of that log, that are taken into memory."""
_HOT = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
"""How a rollback journal begins that is in use, or was left by a writer that died."""
_MASK = 0xFFFFFFFF
_OPS = 20_000


@dataclass
class Image:
    """An open database. `doubt` says why what it holds may not be the newest."""

    connection: sqlite3.Connection
    doubt: str | None


@contextmanager
def opened(path: str, limits: Limits, policy: ReadSettings) -> Iterator[Image]:
    """The database at `path`. Raises CouldNotLook (also for what is damaged, or takes longer than the limits), Cancelled."""
    handle, _ = open_checked(path, Gate(policy))
    try:
        doubt = _journal(path, policy)
        try:
            wal = _sidecar(f"{path}-wal", policy)
        except CouldNotLook as failure:
            wal, doubt = b"", f"its write-ahead log cannot be read: {failure.detail}"
        before = os.fstat(handle)
        pages, torn = committed(wal, limits.check)
        if pages:
            connection = sqlite3.connect(":memory:")
            connection.deserialize(_overlaid(path, handle, pages))
            doubt = doubt or ("the end of its write-ahead log is damaged or half written" if torn else None)
        else:
            connection = sqlite3.connect(f"file:/proc/self/fd/{handle}?mode=ro&immutable=1", uri=True)
        left = limits.until()
        connection.set_progress_handler(lambda: limits.cancel.is_set() or left() <= 0, _OPS)
        connection.text_factory = lambda data: data.decode("utf8", "replace")
        try:
            connection.execute("PRAGMA trusted_schema=OFF")
            connection.execute("PRAGMA query_only=ON")
            image = Image(connection, doubt)
            yield image
        finally:
            connection.close()
        after = os.fstat(handle)
        if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size):
            raise failed(path, "failed", "it was written while it was read", "ask again")
    except (sqlite3.Error, ValueError, TypeError, OverflowError) as error:
        limits.check()
        if isinstance(error, sqlite3.OperationalError) and "interrupted" in str(error):
            raise failed(path, "timed_out", f"not read within {limits.timeout_s:g} s", "narrow the window") from None
        raise failed(path, "damaged", f"it cannot be read as the database it should be ({type(error).__name__})") from None
    finally:
        os.close(handle)


def _journal(path: str, policy: ReadSettings) -> str | None:
    try:
        hot = _sidecar(f"{path}-journal", policy, 8).startswith(_HOT)
    except CouldNotLook as failure:
        return f"its rollback journal cannot be read: {failure.detail}"
    return "somebody is writing it, or died while writing it (its rollback journal is there)" if hot else None


def _sidecar(path: str, policy: ReadSettings, length: int = MOST + 1) -> bytes:
    try:
        handle, _ = open_checked(path, Gate(policy))
    except CouldNotLook as failure:
        if failure.reason == "missing":
            return b""
        raise
    with os.fdopen(handle, "rb") as file:
        data = file.read(length)
    if len(data) > MOST:
        raise failed(path, "cut", f"larger than {bytes_text(MOST)}")
    return data


def _overlaid(path: str, handle: int, pages: dict[int, bytes]) -> bytes:
    size = os.fstat(handle).st_size
    page = len(next(iter(pages.values())))
    if max(size, max(pages) * page) > MOST:
        raise failed(path, "cut", f"larger than {bytes_text(MOST)}")
    with os.fdopen(os.dup(handle), "rb") as file:
        file.seek(0)
        data = bytearray(file.read(size))
    end = max(size, max(pages) * page)
    data += bytes(end - len(data))
    for number, content in pages.items():
        data[(number - 1) * page : number * page] = content
    data[18:20] = b"\x01\x01"  # no write-ahead log any more: all of it is here
    return bytes(data)


def committed(wal: bytes, check: Callable[[], None]) -> tuple[dict[int, bytes], bool]:
    """Pages of a write-ahead log up to its last commit, and whether damage cut it short. One of no use to SQLite holds none."""
    if len(wal) < 32:
        return {}, False
    magic, version, page = struct.unpack(">3I", wal[:12])
    if magic & ~1 != 0x377F0682 or version != 3_007_000 or not (512 <= page <= 65_536 and page & (page - 1) == 0):
        return {}, False
    words = ">" if magic & 1 else "<"
    sums = _summed(words, wal[:24], (0, 0))
    if sums != struct.unpack(">2I", wal[24:32]):
        return {}, False
    pages: dict[int, bytes] = {}
    waiting: dict[int, bytes] = {}
    for at in range(32, len(wal) - 24 - page + 1, 24 + page):
        check()
        head, content = wal[at : at + 24], wal[at + 24 : at + 24 + page]
        if head[8:16] != wal[16:24]:  # of an earlier round: the log is used from its start again and again
            return pages, False
        sums = _summed(words, content, _summed(words, head[:8], sums))
        number, size = struct.unpack(">2I", head[:8])
        if sums != struct.unpack(">2I", head[16:24]) or not number:
            return pages, True
        waiting[number] = content
        if size:
            pages |= waiting
            waiting = {}
            pages = {number: content for number, content in pages.items() if number <= size}
    return pages, bool(waiting)


def _summed(words: str, data: bytes, sums: tuple[int, int]) -> tuple[int, int]:
    first, second = sums
    for one, other in struct.iter_unpack(f"{words}2I", data):
        first = (first + one + second) & _MASK
        second = (second + other + first) & _MASK
    return first, second
