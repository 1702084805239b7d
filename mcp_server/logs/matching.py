"""Which lines of a block match. Fixed strings are found by `bytes.find`; expressions, any case and many strings by RE2
(package google-re2): linear time, never a line break inside a match. Where it is missing, expressions are refused.

Measured on 2 GB in the page cache, seconds: rare string grep -F .63, bytes.find .58, RE2 .69, re 1.3;
`(deadlock|panic): [a-z]+` grep -E 2.9, RE2 3.3, re 13.6; `[0-9]{5} ms` grep -E 31, RE2 3.3, re 21.
Vectorscan (package hyperscan 0.9.1) takes .24 to .5 for any of them, but its 5.4.12 overlooks matches.
"""

import re
from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Protocol

from mcp_server.core.errors import BadInput, CouldNotLook
from mcp_server.logs.expressions import MAX_LENGTH, MAX_PATTERNS, literal, prepared, refused

_BY_END = itemgetter(2, 0)
_BREAK = 10
_DENSE = 32
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

    def first_end(self, line: bytes, which: int) -> int:
        """Where the first match of that pattern in a line ends; 0 when there is none."""
        ...


def compile_patterns(patterns: Sequence[str], *, regex: bool = False, ignore_case: bool = False) -> Matcher:
    """A matcher for any of the patterns. Raises BadInput with a sentence for one that cannot be used, CouldNotLook when
    expressions are asked for and the engine is not installed."""
    if not 1 <= len(patterns) <= MAX_PATTERNS:
        raise BadInput(f"{len(patterns)} patterns were given; 1 to {MAX_PATTERNS} are searched at once")
    for text in patterns:
        if not text or len(text) > MAX_LENGTH or (not regex and "\n" in text):
            raise BadInput(f"a pattern has {len(text):,} characters; 1 to {MAX_LENGTH:,} in one line are searched for")
    if not regex and not ignore_case and len(patterns) <= _FEW:
        return FixedStrings(tuple(patterns))
    try:
        import re2  # loaded with the first search that needs it
    except ImportError:
        if regex:
            raise CouldNotLook(
                "regular expressions", "missing", "the package google-re2 is not installed", "search for fixed strings"
            ) from None
        return FixedStrings(tuple(patterns), ignore_case=ignore_case)
    return Expressions(re2, tuple(patterns), regex=regex, ignore_case=ignore_case)


class Expressions:
    """Expressions over bytes, each match followed to the end of its line, so that a line is met once."""

    def __init__(self, engine: Any, patterns: tuple[str, ...], *, regex: bool, ignore_case: bool) -> None:
        self.patterns = patterns
        options = engine.Options()
        options.encoding = engine.Options.Encoding.LATIN1  # bytes as they are: damaged UTF-8 matches `.` as well
        options.never_nl = options.never_capture = True
        options.log_errors = False
        options.case_sensitive = not ignore_case
        texts = [prepared(text) if regex else literal(text, ignore_case=ignore_case) for text in patterns]
        self._one = []
        for text, expression in zip(patterns, texts, strict=True):
            try:
                self._one.append(engine.compile(b"(?m)" + expression, options))
            except engine.error as error:
                raise refused(text, _words(error)) from None
        try:
            self._any = engine.compile(b"(?m)(?:" + b"|".join(b"(?:%b)" % text for text in texts) + rb")[^\n]*", options)
        except engine.error as error:
            raise refused(", ".join(patterns), _words(error)) from None

    def lines(self, data: bytes, length: int) -> list[Report]:
        """Each matching line once per pattern, ascending by end."""
        ends: list[int] = []
        last = -1
        for match in self._any.finditer(data, 0, length):
            end = match.end()
            if end != last and not (end == length and data[end - 1 : end] == b"\n"):  # nothing follows the last line end
                ends.append(min(end + 1, length))
                last = end
        if len(self.patterns) == 1:
            return [(0, 0, end) for end in ends]
        return [
            (which, 0, end)
            for end in ends
            for which, one in enumerate(self._one)
            if one.search(data, data.rfind(b"\n", 0, end - 1) + 1, end - (data[end - 1] == _BREAK))
        ]

    def first_end(self, line: bytes, which: int) -> int:
        """Where the first match ends."""
        match = self._one[which].search(line)
        return match.end() if match else 0


def _words(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    return said.decode("utf8", "replace") if isinstance(said, bytes) else str(said)


class FixedStrings:
    """Fixed strings without any package: `bytes.find`."""

    def __init__(self, patterns: tuple[str, ...], *, ignore_case: bool = False) -> None:
        self.patterns = patterns
        self._fold = ignore_case
        self._texts = [(text.lower() if ignore_case else text).encode("utf8", "surrogatepass") for text in patterns]
        self._lines = [re.compile(re.escape(text) + rb"[^\n]*\n?") for text in self._texts]

    def lines(self, data: bytes, length: int) -> list[Report]:
        """Each matching line once per pattern, ascending by end."""
        text = data.lower() if self._fold else data
        found: list[Report] = []
        for which, wanted in enumerate(self._texts):
            place, hits = text.find(wanted, 0, length), 0
            while place >= 0:
                hits += 1
                if hits == _DENSE and place < length // 8:  # one call for all that is left beats two for each line
                    found += [(which, 0, match.end()) for match in self._lines[which].finditer(text, place, length)]
                    break
                end = text.find(b"\n", place + len(wanted), length) + 1 or length
                found.append((which, 0, end))
                place = text.find(wanted, end, length)
        if len(self._texts) > 1:
            found.sort(key=_BY_END)
        return found

    def first_end(self, line: bytes, which: int) -> int:
        """Where the first match ends."""
        place = (line.lower() if self._fold else line).find(self._texts[which])
        return place + len(self._texts[which]) if place >= 0 else 0
