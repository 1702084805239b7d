"""Search in bytes: fixed strings or regular expressions, any size, in time linear in the size.

A match is a line, as grep counts them. Counts are of everything searched; lines are returned up to a limit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from mcp_server.core.source import ByteSource


@dataclass(frozen=True, slots=True)
class Hit:
    """One matching line, without its line end. `start` is its offset, `which` the patterns (by number) it matches."""

    start: int
    end: int
    line: bytes
    which: tuple[int, ...]
    before: tuple[bytes, ...] = ()
    after: tuple[bytes, ...] = ()
    cut: bool = False
    """The line is longer than `max_line`: the part around the first match is in `line`."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search saw. `next` continues after the last hit returned; None when there is no more."""

    count: int
    counts: tuple[int, ...]
    """Matching lines, in all and per pattern, between `start` and `end`."""
    hits: tuple[Hit, ...]
    start: int
    end: int
    """Bytes really searched."""
    next: int | None = None
    stopped: bool = False
    """`enough` ended the search before the end: counts are of the part searched; go on at `end`."""
    notes: tuple[str, ...] = ()
    """Sentences for the answer: the file shrank or was replaced while it was read …"""


class Matcher(Protocol):
    """Patterns, compiled."""

    patterns: tuple[str, ...]


def compile_patterns(patterns: Sequence[str], *, regex: bool = False, ignore_case: bool = False) -> Matcher:
    """A matcher for any of the patterns. Raises BadInput with a sentence for one that cannot be used."""
    raise NotImplementedError


def search(
    source: ByteSource,
    matcher: Matcher,
    *,
    ranges: Sequence[tuple[int, int]] | None = None,
    start: int = 0,
    limit: int = 50,
    before: int = 0,
    after: int = 0,
    max_line: int = 8_192,
    enough: Callable[[], bool] = lambda: False,
    keep: Callable[[bytes], bool] | None = None,
) -> Found:
    """Lines that match, from `start` on, inside the ranges (default: the whole).

    `enough` is asked between chunks: True ends the search, which says so; it may raise Cancelled. `keep` decides on the
    head of each matching line, such as its time; a line it refuses is not counted.
    """
    raise NotImplementedError
