"""Which lines of a block match. Fixed strings are found by `bytes.find` or RE2, expressions, any case and many strings by
RE2 (package google-re2): linear time, never a line break inside a match. Where it is missing, expressions are refused.

Measured on 2 GB in the page cache, seconds: rare string grep -F .63, bytes.find .58, RE2 .69, re 1.3;
`(deadlock|panic): [a-z]+` grep -E 2.9, RE2 3.3, re 13.6; `[0-9]{5} ms` grep -E 31, RE2 3.3, re 21.
Vectorscan (package hyperscan 0.9.1) takes .24 to .5 for any of them, but its 5.4.12 overlooks matches.
"""

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any, Protocol

from mcp_server.core.errors import BadInput, CouldNotLook
from mcp_server.logs.counting import Contexts, Many, dense, holding
from mcp_server.logs.expressions import (
    MAX_LENGTH,
    MAX_PATTERNS,
    UTF_8,
    Certain,
    certain,
    encoded,
    literal,
    prepared,
    refused,
    unbroken,
)  # fmt: skip

_BY_END = itemgetter(2, 0)
_BREAK = 10
_DENSE = 32
_TELLING = 3
"""Bytes that a text must have to be looked for in an expression's stead."""
_BULK = 4 << 20
_LARGE, _SOME = 131_072, 8
"""Bytes of a block that is worth the engine, and matches in it after which `bytes.find` is quicker."""
_FEW = 2
"""Fixed strings that are looked for one after the other."""


Report = tuple[int, ...]
"""(number of the pattern, 0, end of the line, …), as the engine reports a match: kept as it comes, millions may come."""


class Matcher(Protocol):
    """Patterns, compiled. Not for two threads at once."""

    patterns: tuple[str, ...]

    def lines(self, data: bytes, length: int) -> list[Report]:
        """Each matching line of data[:length] once per pattern, ascending by end."""
        ...

    def count(self, data: bytes, length: int) -> int:
        """How many lines of data[:length], whole lines, match the only pattern."""
        ...

    def first_end(self, line: bytes, which: int) -> int:
        """Where the first match of that pattern in a line ends; 0 when there is none."""
        ...


def compile_patterns(
    patterns: Sequence[str], *, regex: bool = False, ignore_case: bool = False, encoding: str = UTF_8
) -> Matcher:
    """A matcher for any of the patterns in text of that encoding. Raises BadInput with a sentence for one that cannot be
    used, CouldNotLook when expressions are asked for and the engine is not installed."""
    if not 1 <= len(patterns) <= MAX_PATTERNS:
        raise BadInput(f"{len(patterns)} patterns were given; 1 to {MAX_PATTERNS} are searched at once")
    for text in patterns:
        if not text or len(text) > MAX_LENGTH or (not regex and "\n" in text):
            raise BadInput(f"a pattern has {len(text):,} characters; 1 to {MAX_LENGTH:,} in one line are searched for")
    if not regex and not ignore_case and len(patterns) <= _FEW:
        return FixedStrings(tuple(patterns), encoding=encoding)
    try:
        import re2  # loaded with the first search that needs it
    except ImportError:
        if regex:
            raise CouldNotLook(
                "regular expressions", "missing", "the package google-re2 is not installed", "search for fixed strings"
            ) from None
        return FixedStrings(tuple(patterns), ignore_case=ignore_case, encoding=encoding)
    found = Expressions(re2, tuple(patterns), regex=regex, ignore_case=ignore_case, encoding=encoding)
    return FixedStrings(found.patterns, texts=(found.plain,)) if found.plain else found


class Expressions:
    """Expressions over bytes, each match followed to the end of its line, so that a line is met once."""

    def __init__(self, engine: Any, patterns: tuple[str, ...], *, regex: bool, ignore_case: bool, encoding: str) -> None:
        self.patterns = patterns
        options = _options(engine, ignore_case)
        options.never_nl = True
        texts = [
            prepared(text, encoding) if regex else literal(text, ignore_case=ignore_case, encoding=encoding)
            for text in patterns
        ]
        self._one = []
        for text, prepared_text in zip(patterns, texts, strict=True):
            try:
                self._one.append(engine.compile(b"(?m)" + prepared_text, options))
            except engine.error as error:
                raise refused(text, _words(error)) from None
        try:
            self._any = engine.compile(b"(?m)(?:" + b"|".join(b"(?:%b)" % text for text in texts) + rb")[^\n]*", options)
        except engine.error as error:
            raise refused(", ".join(patterns), _words(error)) from None
        sure = certain(patterns[0]) if regex and not ignore_case and len(patterns) == 1 else Certain()
        self.plain = sure.held if sure.whole else b""
        """The text that is all that a line must hold, where there is one."""
        self._held = sure.held
        self._around = len(self._held) >= max(_TELLING, len(sure.begin) + 1)  # the engine is quick where all begin alike
        # where the text is frequent, it counts only behind one of these bytes
        behind = rb"%b(?<=%b%b)" % (re.escape(sure.held), sure.before, re.escape(sure.held))
        self._behind = re.compile(behind) if self._around and sure.before else None
        expression = (unbroken(patterns[0], encoding) if regex else texts[0]) if len(patterns) == 1 else None
        self._many = Many(engine, _options(engine, ignore_case), expression, sure.begin)
        self._contexts = Contexts(self._one[0], behind, sure) if self._around and sure.free and expression else None
        self._folded = patterns[0].lower().encode() if ignore_case and not regex and patterns[0].isascii() else b""
        self._dense, self._pace = False, 0.0

    def lines(self, data: bytes, length: int) -> list[Report]:
        """Each matching line once per pattern, ascending by end."""
        ends, place = list[int](), 0
        if self._around:
            place = self._around_text(data, self._everywhere(data, length), length, ends)
        if self._behind and place < length:
            place = self._around_text(
                data, (found.start() for found in self._behind.finditer(data, place, length)), length, ends
            )
        ends += self._ends(data, place, length)
        if len(self.patterns) == 1:
            return [(0, 0, end) for end in ends]
        return [
            (which, 0, end)
            for end in ends
            for which, one in enumerate(self._one)
            if one.search(data, data.rfind(b"\n", 0, end - 1) + 1, end - (data[end - 1] == _BREAK))
        ]

    def _ends(self, data: bytes, place: int, length: int) -> list[int]:
        """Where matching lines end."""
        ends: list[int] = []
        last = -1
        for match in self._any.finditer(data, place, length):
            end = match.end()
            if end != last and not (end == length and data[end - 1 : end] == b"\n"):  # nothing follows the last line end
                ends.append(min(end + 1, length))
                last = end
        return ends

    def _everywhere(self, data: bytes, length: int) -> Iterator[int]:
        """Where the text stands that every match holds."""
        place = data.find(self._held, 0, length)
        while place >= 0:
            yield place
            place = data.find(self._held, place + 1, length)

    def _around_text(self, data: bytes, places: Iterable[int], length: int, ends: list[int]) -> int:
        """Add ends of matching lines, looked for around these places; returns from where on they are too frequent."""
        tried, end = 0, 0
        for place in places:
            if place < end:
                continue
            begin, end = data.rfind(b"\n", 0, place) + 1, data.find(b"\n", place, length) + 1 or length
            tried += 1
            if tried > _DENSE and begin * _DENSE < length * tried:
                return begin
            if self._one[0].search(data, begin, end - (data[end - 1] == _BREAK)):
                ends.append(end)
        return length

    def count(self, data: bytes, length: int) -> int:
        """How many lines match the only pattern."""
        if self._dense and self._folded and len(data) <= _BULK:
            count = holding(data.lower(), self._folded, length)
        elif self._dense and self._contexts and (known := self._contexts.count(data, length)) is not None:
            count = known
        elif self._dense and self._many.useful:
            count, rest, place, end = self._many.count(data, length, self._pace)
            count += len(self._ends(rest, place, end))
        else:
            began = time.perf_counter()
            count = len(self.lines(data, length))
            self._pace = (time.perf_counter() - began) / max(length, 1)
        self._dense = dense(count, length)
        return count

    def first_end(self, line: bytes, which: int) -> int:
        """Where the first match ends."""
        match = self._one[which].search(line)
        return match.end() if match else 0


def _options(engine: Any, ignore_case: bool) -> Any:
    options = engine.Options()
    options.encoding = engine.Options.Encoding.LATIN1  # bytes as they are: damaged UTF-8 matches `.` as well
    options.never_capture = True
    options.log_errors = False
    options.case_sensitive = not ignore_case
    return options


def _literals(texts: list[bytes]) -> list[Any]:
    """The engine's search for each of these texts; none where it is missing."""
    try:
        import re2  # loaded with the first large block
    except ImportError:
        return []
    return [re2.compile(re2.escape(text), _options(re2, ignore_case=False)) for text in texts]


def _words(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    return said.decode("utf8", "replace") if isinstance(said, bytes) else str(said)


class FixedStrings:
    """Fixed strings: `bytes.find`, and where the engine is there and a block is large, its search, which is quicker."""

    def __init__(
        self, patterns: tuple[str, ...], *, ignore_case: bool = False, encoding: str = UTF_8, texts: Sequence[bytes] = ()
    ) -> None:
        """`texts`: what is looked for, where that is not what the patterns say."""
        self.patterns = patterns
        self._fold = ignore_case
        self._texts = list(texts) or [encoded(text.lower() if ignore_case else text, encoding) for text in patterns]
        self._lines = [re.compile(re.escape(text) + rb"[^\n]*\n?") for text in self._texts]
        self._dense = False
        self._engines: list[Any] | None = None

    def lines(self, data: bytes, length: int) -> list[Report]:
        """Each matching line once per pattern, ascending by end."""
        if self._engines is None and length >= _LARGE:
            self._engines = _literals(self._texts)
        text = data.lower() if self._fold else data
        found: list[Report] = []
        for which, wanted in enumerate(self._texts):
            place, hits = self._find(which, text, 0, length), 0
            while place >= 0:
                hits += 1
                if hits == _DENSE and place < length // 8:  # one call for all that is left beats two for each line
                    found += [(which, 0, match.end()) for match in self._lines[which].finditer(text, place, length)]
                    break
                end = text.find(b"\n", place + len(wanted), length) + 1 or length
                found.append((which, 0, end))
                place = text.find(wanted, end, length) if hits > _SOME else self._find(which, text, end, length)
        if len(self._texts) > 1:
            found.sort(key=_BY_END)
        return found

    def _find(self, which: int, text: bytes, place: int, length: int) -> int:
        if not self._engines:
            return text.find(self._texts[which], place, length)
        match = self._engines[which].search(text, place, length)
        return match.start() if match else -1

    def count(self, data: bytes, length: int) -> int:
        """How many lines hold the only string."""
        if self._dense and len(data) <= _BULK:
            count = holding(data.lower() if self._fold else data, self._texts[0], length)
        else:
            count = len(self.lines(data, length))
        self._dense = dense(count, length)
        return count

    def first_end(self, line: bytes, which: int) -> int:
        """Where the first match ends."""
        place = (line.lower() if self._fold else line).find(self._texts[which])
        return place + len(self._texts[which]) if place >= 0 else 0
