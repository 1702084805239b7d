"""How many lines match, where they are many: in bulk, since a call for each line costs more than looking at the line.

Counts are exact. What a matcher needs of single matches it still asks for, match by match.
"""

import re
import time
from collections import Counter
from functools import lru_cache
from itertools import repeat
from operator import contains
from typing import Any

from mcp_server.logs.expressions import Certain

_AT_ONCE = 16
_REACH = 65_536
"""Bytes in which so many lines are looked for at once; where they are farther apart, a single match costs little."""
_DENSE = 4_096
"""Bytes for each matching line, at most, for which counting in bulk pays."""
_WORTH = 3
_BREAK = 10
_LONG = 12
"""Bytes of a text from which on the search of `bytes` leaps far enough to be quicker."""
_CONTEXT = 24
"""Bytes before a text, and behind it, that are looked at for what is matched around it."""
_OFTEN, _MOST_CONTEXTS = 4, 50_000
_SLOWER, _PATIENCE = 2.0, 0.02


def dense(count: int, length: int) -> bool:
    """Whether so many lines of so many bytes matched that what follows is better counted in bulk."""
    return count * _DENSE > length


def holding(data: bytes, text: bytes, length: int) -> int:
    """How many lines of data[:length], whole lines, hold `text`."""
    if len(text) < _LONG:
        return len(_rest_of(text).findall(data, 0, length))
    pieces = data.split(text)
    if beyond := data.count(text, length):
        del pieces[-beyond:]
    if len(pieces) < 2:
        return 0
    pieces[0] = pieces[-1] = b"\n"  # what stands before the first and behind the last says nothing
    if all(map(contains, pieces, repeat(_BREAK))):
        return len(pieces) - 1
    return 1 + sum(map(contains, pieces[1:-1], repeat(_BREAK)))


@lru_cache(maxsize=8)
def _rest_of(text: bytes) -> re.Pattern[bytes]:
    """The text with the rest of its line, told as nothing: only their number is wanted."""
    return re.compile(re.escape(text) + rb"()[^\n]*+")


class Contexts:
    """Counts the lines that an expression matches by what stands before a text that every match holds.

    Such contexts repeat: each is looked at once. This is only for expressions that match a line where they match a part of
    it, and `useful` turns False where contexts seldom repeat or do not tell.
    """

    def __init__(self, one: Any, text: bytes, sure: Certain) -> None:
        """`one` is the expression, `text` an expression for the text where it counts."""
        self._one, self.useful = one, True
        behind = b"" if sure.last else rb"([^\n]{0,%d})" % _CONTEXT
        self._find = re.compile(rb"%b(?<=((?s:.{%d})%b))%b[^\n]*+" % (text, _CONTEXT, re.escape(sure.held), behind))
        self._known: dict[Any, bool] = {}

    def count(self, data: bytes, length: int) -> int | None:
        """How many lines match; None where that cannot be told so."""
        first = data.find(b"\n", _CONTEXT, length) + 1  # before what follows stands enough
        if not self.useful or not first:
            return None
        found = Counter(self._find.findall(data, first, length))
        new = [context for context in found if context not in self._known]
        if len(new) * _OFTEN > len(data) // _DENSE + found.total():
            self.useful = False
            return None
        for context in new:
            text = context if isinstance(context, bytes) else b"".join(context)
            self._known[context] = self._one.search(text[text.rfind(b"\n") + 1 :]) is not None
        if len(self._known) > _MOST_CONTEXTS or not all(map(self._known.__getitem__, found)):
            self.useful = False  # it may match with more of the line
            return None
        return found.total() + sum(self._one.search(line) is not None for line in data[: first - 1].split(b"\n"))


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
