"""Bytes that can be asked for in pieces: a log file, however large, without reading it whole.

Nothing here opens anything: targets open, `logs/` asks. A file is never mapped: one that is truncated while mapped
would end the process.
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import Protocol

from mcp_server.core.errors import CouldNotLook

HEAD = 512
"""Bytes of a file's beginning that tell it from another one in its place."""


class ByteSource(Protocol):
    """One source of bytes. It may grow, shrink or be replaced while it is read: `read_at` then returns what is there.

    A stream (`size` None) is asked for ascending offsets only and may raise ValueError for a smaller one than before.
    `read_at` raises CouldNotLook when the system fails to read.
    """

    @property
    def name(self) -> str:
        """Absolute path or unit name, as answers show it."""
        ...

    @property
    def size(self) -> int | None:
        """Bytes when it was opened; None for a stream that cannot seek (compressed, standard input, journalctl)."""
        ...

    def read_at(self, offset: int, length: int) -> bytes:
        """At most `length` bytes; fewer only where the source ends."""
        ...

    def identity(self, length: int = HEAD) -> str:
        """`device:inode:length:digest` of at most the first `length` bytes of what the name means now (`identity_of`)."""
        ...

    def close(self) -> None: ...


def identity_of(device: int, inode: int, head: bytes) -> str:
    """What tells this file from another one of the same name. Bytes added at the end do not change `is_same`."""
    return f"{device:x}:{inode:x}:{len(head)}:{blake2b(head, digest_size=8).hexdigest()}"


def is_same(source: ByteSource, identity: str) -> bool:
    """Whether `source` is still the file that had this identity: same inode and the same beginning; it may have grown."""
    try:
        return source.identity(int(identity.split(":")[2])) == identity
    except (IndexError, ValueError):  # no identity
        return False


class Opened:
    """A source over any positioned read, such as `partial(os.pread, fd)` with the arguments in our order."""

    def __init__(
        self,
        name: str,
        size: int | None,
        read: Callable[[int, int], bytes],
        *,
        inode: tuple[int, int] = (0, 0),
        close: Callable[[], None] | None = None,
    ) -> None:
        """`read(offset, length)` may be short anywhere; the gaps are filled here. `inode` is device and inode."""
        self.name, self.size = name, size
        self._read, self._inode, self._close = read, inode, close

    def read_at(self, offset: int, length: int) -> bytes:
        """At most `length` bytes; fewer only where the source ends."""
        data = self._read(offset, length)
        if len(data) == length or not data:
            return data
        parts, got = [data], len(data)
        while got < length and (data := self._read(offset + got, length - got)):
            parts.append(data)
            got += len(data)
        return b"".join(parts)

    def identity(self, length: int = HEAD) -> str:
        """Identity by device, inode and the first bytes."""
        return identity_of(*self._inode, self.read_at(0, length))

    def close(self) -> None:
        """Give the handle back."""
        if self._close:
            self._close()


class Entries(Opened):
    """Entries of something that keeps places of its own (the journal, a container's output), as text, oldest first.

    `cursors` are those places: offset of an entry and its cursor. `doubts` are what was not seen.
    """

    form = "entries"
    damaged = False
    limited = False
    """Only the last entries were asked for, and older ones may be there."""

    def __init__(self, name: str, data: bytes, cursors: list[tuple[int, str]], stopped: str | None) -> None:
        """`stopped` says why entries of the window are missing; None when all are there."""
        first = cursors[0][1] if cursors else ""
        inode = 0, int.from_bytes(blake2b(first.encode(), digest_size=6).digest(), "big")
        super().__init__(name, len(data), lambda offset, length: data[offset : offset + length], inode=inode)
        self.cursors, self.stopped = cursors, stopped
        self.doubts: list[CouldNotLook] = []


def in_memory(name: str, data: bytes) -> Opened:
    """A source over bytes already read."""
    return Opened(name, len(data), lambda offset, length: data[offset : offset + length])
