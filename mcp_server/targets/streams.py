"""What a command wrote, as bytes, and as the text that is made of it: the same here and behind the reader."""

import codecs
from typing import NamedTuple

from mcp_server.core.calls import Completed
from mcp_server.core.text import amount


class Streams(NamedTuple):
    """Exit status, stdout, stderr, and which of the two was cut for its length (`stdout`, `stderr`, or empty)."""

    exit: int
    out: bytes | bytearray | memoryview
    err: bytes | bytearray | memoryview
    full: str = ""


def completed(done: Streams, most: int) -> Completed:
    """The answer, each stream at most so many bytes."""
    cut = f"{done.full} was cut after {amount(most, 'byte')}, at a line's end; the command was then ended"
    return Completed(exit=done.exit, out=_text(done.out, most), err=_text(done.err, most), cut=cut if done.full else None)


def _text(data: bytes | bytearray | memoryview, limit: int) -> str:
    """Decoded text. One that is too long ends with its last whole line: half a secret would not be recognised as one."""
    if len(data) <= limit:
        return str(data, "utf8", "replace")
    text = codecs.getincrementaldecoder("utf8")("replace").decode(bytes(data[:limit]))
    return text[: text.rfind("\n") + 1] or text
