"""Where a stretch of time lies in a log, by looking at few places of it.

A log is nearly in order. Places spread over it and around every edge found are looked at; only what lies between two
places that are both outside the window, on the same side, is left out. What is kept is then filtered line by line.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mcp_server.core.source import ByteSource

At = Callable[[bytes], int | None]
"""The moment of a line in nanoseconds since 1970 UTC; None where it carries none. Never raises. Gets at most `HEAD` bytes."""

SECOND = 1_000_000_000
SLACK = 60 * SECOND
"""Lines may stand this much too late or too early in the file and are still found."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """Byte ranges, ascending, that hold every record of a window, and more; `reads` is what finding them cost."""

    ranges: tuple[tuple[int, int], ...]
    reads: int = 0
    doubts: tuple[str, ...] = ()
    """Sentences for the answer: why more was kept, or what could be missed."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One record as bytes: a stamped line and the unstamped lines after it. `at` None: nothing stamped stood before."""

    start: int
    end: int
    at: int | None
    data: bytes
    cut: bool = False
    """Only a part of it is in `data`; `start` and `end` still cover all of it."""


def find_window(
    source: ByteSource,
    at: At,
    since: int | None,
    until: int | None,
    *,
    start: int = 0,
    end: int | None = None,
    slack: int = SLACK,
) -> Ranges:
    """Byte ranges that hold the records with since ≤ at ≤ until (nanoseconds). O(log n) reads where the source can seek."""
    raise NotImplementedError


def pieces(
    source: ByteSource, at: At, since: int | None = None, until: int | None = None, *, start: int = 0, end: int | None = None,
    ranges: Ranges | None = None,
) -> Iterator[Piece]:  # fmt: skip
    """Records inside the window, in the order of the file: none outside, none inside missing. Long ones are cut, and say so."""
    raise NotImplementedError
