"""Compressed files as sources of bytes: one pass, bounded memory, and an end to what a few kilobytes can unfold into."""

import contextlib
import os
import zlib
from collections.abc import Callable
from typing import Any, Protocol

from mcp_server.core.errors import CouldNotLook
from mcp_server.core.source import HEAD, Opened, identity_of
from mcp_server.core.text import bytes_text

_MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"\x5d\x00\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
_IN, _OUT = 65_536, 262_144
_CAREFUL = 1_024
"""Bytes asked for at once where the data are known to be damaged: what an answer holds is lost with the answer."""
_MEMORY = 134_217_728
"""What a decompressor may allocate for its window."""
_BEHIND = 4_194_304
"""Unpacked bytes kept behind the reading place; what lies further back is unpacked again from the start."""
RATIO, FREE = 300, 33_554_432
"""Unpacked bytes per packed byte, once more than FREE came out: real logs stay far below it, a bomb does not."""


class _Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gzip:
    """zlib with the manners of bz2 and lzma: what did not fit into an answer is kept for the next."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


def form_of(name: str, head: bytes) -> str | None:
    """How a file is compressed, by its first bytes; None for one that is not. The name decides where it is empty."""
    for magic, form in _MAGIC.items():
        if head.startswith(magic) and (magic != b"\x5d\x00\x00" or name.endswith(".lzma")):
            return form
    return None


class Inflated:
    """A stream over a packed file; `stopped` says why it ended before its end, None when all came out.

    Asked for an earlier place than it remembers, it begins again: right, and slow only where nobody should go back.
    """

    size = None

    def __init__(self, name: str, handle: int, form: str, check: Callable[[], None]) -> None:
        """`handle` is closed by `close`. Raises CouldNotLook where no library for the form is installed."""
        self.name, self.form = name, form
        self._handle, self._check = handle, check
        found = os.fstat(handle)
        self._inode, self.packed = (found.st_dev, found.st_ino), found.st_size
        self.modified = found.st_mtime
        self._make = _maker(name, form)
        self.stopped: str | None = None
        self.damaged = False
        self._at_once = _OUT
        self._begin()

    def _begin(self) -> None:
        self._unpacker: _Unpacker | None = None
        self._eaten, self._pending = 0, b""
        self._start, self._data = 0, bytearray()
        self._ended = False

    def read_at(self, offset: int, length: int) -> bytes:
        """At most `length` unpacked bytes from `offset`; fewer only at the end. Raises Cancelled, or as `check` does."""
        if offset < self._start:
            self._begin()
        while not self._ended and self._start + len(self._data) < offset + length:
            self._check()
            self._more()
            spare = min(offset, self._start + len(self._data)) - self._start - _BEHIND
            if spare > _BEHIND:
                del self._data[:spare]
                self._start += spare
        at = offset - self._start
        return bytes(self._data[at : at + length])

    def _more(self) -> None:
        try:
            if self._unpacker is None:
                self._pending = self._pending or self._packed()
                if not self._pending.strip(b"\0"):  # tar and tape pad with NULs
                    self._ended = True
                    return
                self._unpacker = self._make()
            if not self._pending and self._unpacker.needs_input:
                self._pending = self._packed()
                if not self._pending:
                    self._stop("it ends in the middle of packed data", damaged=True)
                    return
            given, self._pending = self._pending, b""
            out = self._unpacker.decompress(given, self._at_once)
            if self._unpacker.eof:  # several packed files in a row are one
                self._pending, self._unpacker = self._unpacker.unused_data, None
            self._data += out
        except _broken() as error:
            if self._at_once != _CAREFUL:  # once more, up to the very place
                self._at_once = _CAREFUL
                self._begin()
                return
            self._stop(f"its packed data are damaged ({type(error).__name__})", damaged=True)
        seen = self._start + len(self._data)
        if seen > FREE and seen > RATIO * max(self._eaten, 1):
            self._stop(f"{bytes_text(self._eaten)} unfold into more than {bytes_text(seen)}; the rest was not unpacked")

    def _stop(self, why: str, *, damaged: bool = False) -> None:
        self._ended, self.stopped, self.damaged = True, why, damaged

    def _packed(self) -> bytes:
        data = os.pread(self._handle, _IN, self._eaten)
        self._eaten += len(data)
        return data

    def whole(self) -> Opened:
        """Unpacked to its end once, so that its size is known and its last stretch is at hand."""
        end = 0
        while data := self.read_at(end, 4 * _OUT):
            end += len(data)
        return Opened(self.name, end, self.read_at, inode=self._inode, close=self.close)

    def identity(self, length: int = HEAD) -> str:
        """Of the packed file: what is packed does not change without it."""
        return identity_of(*self._inode, os.pread(self._handle, length, 0))

    def close(self) -> None:
        """Give the handle back."""
        os.close(self._handle)


def _broken() -> tuple[type[Exception], ...]:
    import lzma

    kinds: list[type[Exception]] = [OSError, EOFError, ValueError, MemoryError, zlib.error, lzma.LZMAError]
    with contextlib.suppress(ImportError):
        import zstandard

        kinds.append(zstandard.ZstdError)
    return tuple(kinds)


def _maker(name: str, form: str) -> Callable[[], _Unpacker]:
    if form == "gzip":
        return _Gzip
    if form == "bzip2":
        import bz2

        return bz2.BZ2Decompressor
    if form == "xz":
        import lzma

        return lambda: lzma.LZMADecompressor(memlimit=_MEMORY)
    try:
        import zstandard
    except ImportError:
        raise CouldNotLook(
            name, "missing", "reading zstd needs the package zstandard, which is not installed",
            "install zstandard into the environment of this program",
        ) from None  # fmt: skip
    return lambda: _Zstd(zstandard)


class _Zstd:
    """zstandard in small bites: it bounds what goes in, not what comes out (a block of four bytes unfolds into 128 KiB)."""

    _BITE = 1_024

    def __init__(self, library: Any) -> None:
        self._inner = library.ZstdDecompressor(max_window_size=_MEMORY).decompressobj()
        self._left = b""
        self.eof, self.unused_data = False, b""

    @property
    def needs_input(self) -> bool:
        return not self._left

    def decompress(self, data: bytes, max_length: int) -> bytes:
        data, out, at = self._left + data, bytearray(), 0
        while at < len(data) and len(out) < max_length and not self._inner.eof:
            out += self._inner.decompress(data[at : at + self._BITE])
            at += self._BITE
        self._left = data[at:]
        if self._inner.eof:
            self.eof, self.unused_data = True, self._inner.unused_data + self._left
        return bytes(out)
