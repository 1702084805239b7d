"""How many lines match, where they are many: in bulk, since a call for each line costs more than looking at the line.

Counts are exact. What a matcher needs of single matches it still asks for, match by match.
"""

import re
import time
from itertools import repeat
from operator import contains
from typing import Any

_AT_ONCE = 16
_REACH = 65_536
"""Bytes in which so many lines are looked for at once; where they are farther apart, a single match costs little."""
_DENSE = 4_096
"""Bytes for each matching line, at most, for which counting in bulk pays."""
_WORTH = 3
_BREAK = 10
_SLOWER, _PATIENCE = 2.0, 0.02


def dense(count: int, length: int) -> bool:
    """Whether so many lines of so many bytes matched that what follows is better counted in bulk."""
    return count * _DENSE > length


def holding(data: bytes, text: bytes, length: int) -> int:
    """How many lines of data[:length], whole lines, hold `text`."""
    pieces = data.split(text)
    if beyond := data.count(text, length):
        del pieces[-beyond:]
    if len(pieces) < 2:
        return 0
    pieces[0] = pieces[-1] = b"\n"  # what stands before the first and behind the last says nothing
    if all(map(contains, pieces, repeat(_BREAK))):
        return len(pieces) - 1
    return 1 + sum(map(contains, pieces[1:-1], repeat(_BREAK)))


class Many:
    """Counts the lines that an expression matches: many of them with each call of the engine, in linear time.

    `expression` matches no line break (None: there is none that could be said); `start` is what every match begins with,
    where that is known. `useful` turns False where single matching is as fast.
    """

    def __init__(self, engine: Any, options: Any, expression: bytes | None, start: bytes) -> None:
        self._engine, self._options, self._expression = engine, options, expression
        self._next: Any = None
        self._stubs = re.compile(re.escape(start) + rb"[^\n]*+\n?") if len(start) >= _WORTH else None
        self.useful = expression is not None

    def count(self, data: bytes, length: int, pace: float) -> tuple[int, bytes, int, int]:
        """Lines counted, and what is left to be counted singly: bytes, where it begins in them and where it ends.

        `pace`: seconds that single matching takes for a byte; this ends where it is slower.
        """
        if not self._ready():
            return 0, data, 0, length
        if self._stubs:  # what stands before the first beginning in a line matters to no match
            data = b"".join(self._stubs.findall(data, 0, length))
            length = len(data)
        count, place, began = 0, 0, time.perf_counter()
        while found := self._next.match(data, place, min(length, place + _REACH)):
            place, count = found.end(), count + _AT_ONCE
            if time.perf_counter() - began > _PATIENCE + _SLOWER * pace * place:
                self.useful = False
                break
        return count, data, place, length

    def _ready(self) -> bool:
        if self._next is None and self.useful and self._expression is not None:
            many = b"(?m)(?:(?s:.*?)(?:%b)[^\n]*\n){%d}" % (self._expression, _AT_ONCE)
            try:
                self._next = self._engine.compile(many, self._options)
            except self._engine.error:  # too large, so often
                self.useful = False
        return self.useful
