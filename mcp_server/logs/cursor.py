"""A cursor: small text with which an answer goes on exactly where it stopped, or says that the file is another one now."""

import binascii
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from mcp_server.core.errors import BadInput
from mcp_server.core.source import ByteSource, is_same
from mcp_server.core.text import one_line

_SEAL = 8
_VERSION = 1
MAX_CURSOR = 4_096
_AGAIN = "leave it out to start anew"


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in one source: next offset, the end of what the first page saw, and which file it was (its identity)."""

    offset: int
    end: int
    identity: str


def write_cursor(marks: Sequence[Mark], query: Mapping[str, object], key: bytes) -> str:
    """Opaque text for these places and this question. `query` holds what the page depends on, without the cursor itself.

    The same arguments always give the same text. Without `key` nobody can make one that `read_cursor` takes.
    """
    body = bytes([_VERSION]) + _number(len(marks))
    for mark in marks:
        told = mark.identity.encode()
        body += _number(mark.offset) + _number(mark.end) + _number(len(told)) + told
    return urlsafe_b64encode(_seal(body, query, key) + body).decode().rstrip("=")


def read_cursor(text: str, query: Mapping[str, object], key: bytes, sources: Sequence[ByteSource]) -> tuple[Mark, ...]:
    """The places, for the same question over the same sources, which are still the same files and not shorter.

    Raises BadInput with a sentence: damaged or made elsewhere, of another question, file rotated, file truncated.
    """
    marks = open_cursor(text, query, key)
    if len(marks) != len(sources):
        raise BadInput(
            f"`cursor` was made over {len(marks)} sources, now there are {len(sources)}: files came or went; {_AGAIN}"
        )
    for mark, source in zip(marks, sources, strict=True):
        if problem := moved(mark, source):
            raise BadInput(f"`cursor` cannot go on: {problem}; {_AGAIN}")
    return marks


def open_cursor(text: str, query: Mapping[str, object], key: bytes) -> tuple[Mark, ...]:
    """The places, before any source is opened. Raises BadInput when damaged, made elsewhere or of another question."""
    shown = one_line(text, 40)
    if not isinstance(text, str) or len(text) > MAX_CURSOR:
        raise BadInput(f"`cursor` is no cursor of ours (over {MAX_CURSOR:,} characters); {_AGAIN}")
    try:
        raw = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        seal, body = raw[:_SEAL], raw[_SEAL:]
        # one text per cursor: letters that the decoder skips, or spare bits, make another text
        whole = len(seal) == _SEAL and urlsafe_b64encode(raw).decode().rstrip("=") == text and body[:1] == bytes([_VERSION])
    except (ValueError, binascii.Error):  # no base64, letters beyond ASCII
        whole = False
    if not whole or not hmac.compare_digest(seal[:2], _seal(body, None, key)[:2]):
        raise BadInput(f"`cursor` is `{shown}`, which is damaged or was not made by this program; {_AGAIN}")
    if not hmac.compare_digest(seal, _seal(body, query, key)):
        raise BadInput(
            f"`cursor` is `{shown}`, which belongs to another question; repeat the arguments of its answer, or {_AGAIN}"
        )
    return _marks(body[1:])


def moved(mark: Mark, source: ByteSource) -> str | None:
    """Why the place is no more, as a sentence's part; None when it is still there."""
    if not is_same(source, mark.identity):
        return f"{source.name} was rotated or replaced since"
    if source.size is not None and source.size < mark.end:
        return f"{source.name} was truncated since: it has {source.size:,} bytes, then it had {mark.end:,}"
    return None


def _seal(body: bytes, query: Mapping[str, object] | None, key: bytes) -> bytes:
    """Two bytes over the places, six over places and question: damage and another question can be told apart."""
    own = blake2b(body, key=key[:64], digest_size=_SEAL, person=b"cursor").digest()
    if query is None:
        return own
    asked = json.dumps(query, sort_keys=True, separators=(",", ":"), default=str).encode()
    return own[:2] + blake2b(own + asked, key=key[:64], digest_size=_SEAL - 2, person=b"query").digest()


def _number(value: int) -> bytes:
    """Seven bits a byte, lowest first."""
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _marks(body: bytes) -> tuple[Mark, ...]:
    place = 0

    def number() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = body[place]
            place += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    marks = []
    for _ in range(number()):
        offset, end, length = number(), number(), number()
        marks.append(Mark(offset, end, body[place : place + length].decode()))
        place += length
    return tuple(marks)
