"""A cursor: small text with which an answer goes on exactly where it stopped, or says that the file is another one now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mcp_server.core.source import ByteSource


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in one source: next offset, the end of what the first page saw, and which file it was."""

    offset: int
    end: int
    identity: str


def write_cursor(marks: Sequence[Mark], query: Mapping[str, object], key: bytes) -> str:
    """Opaque text for these places and this question. `query` holds what the page depends on, without the cursor itself."""
    raise NotImplementedError


def read_cursor(text: str, query: Mapping[str, object], key: bytes, sources: Sequence[ByteSource]) -> tuple[Mark, ...]:
    """The places, for the same question over the same sources, which are still the same files and not shorter.

    Raises BadInput with a sentence: damaged or made elsewhere, of another question, file rotated, file truncated.
    """
    raise NotImplementedError
