"""What the bytes of a log are, and logs of two bytes a letter as UTF-8, which everything else reads."""

from mcp_server.core.errors import CouldNotLook
from mcp_server.core.source import ByteSource, Opened, in_memory
from mcp_server.core.text import bytes_text, one_line
from mcp_server.logs.encoding import SAMPLE, UTF_8, Encoding, detect
from mcp_server.logs.tail import readable

_WIDE = 67_108_864
"""Bytes of a UTF-16 file that are turned into UTF-8 to be read."""


def encoding_of(path: str, source: ByteSource, head: bytes) -> Encoding:
    """What the bytes are, by the head or else by the end. Raises CouldNotLook where neither is text."""
    found = detect(head)
    if found.name is None:
        size = source.size or 0
        end = source.read_at(size - SAMPLE, SAMPLE) if size > SAMPLE else b""
        if (last := detect(end)).name and end and last.unit == 1:
            return last
        if any(readable(part.decode("utf8", "replace")) is not None for part in (head, end)):
            return UTF_8  # little text in a large hole of NULs
    if found.name is None:
        raise CouldNotLook(one_line(path), "damaged", found.said, found.remedy or "name a text log")
    return found


def narrowed(source: ByteSource, encoding: Encoding) -> tuple[Opened, bytes]:
    """A UTF-16 file as UTF-8, up to _WIDE bytes of it."""
    data = source.read_at(0, _WIDE)[encoding.mark :]
    text = encoding.decode(data[: len(data) // encoding.unit * encoding.unit]).encode("utf8", "replace")
    inner = in_memory(source.name, text)
    narrow = Opened(
        source.name, len(text), inner.read_at, inode=_same(source), close=source.close
    )  # fmt: skip
    if source.size is not None and source.size > _WIDE:
        narrow.stopped = f"only its first {bytes_text(_WIDE)} were read: it is {encoding.said}"  # type: ignore[attr-defined]
    return narrow, text[:SAMPLE]


def _same(source: ByteSource) -> tuple[int, int]:
    device, inode, *_ = source.identity(1).split(":")
    return int(device, 16), int(inode, 16)
