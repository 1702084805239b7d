"""Which lines of a block match. The engine is Vectorscan (package hyperscan): linear time, many patterns at once, and it
lets other threads run while it scans. Where it is missing fixed strings are found without it; expressions are refused.

Measured on 2 GB in the page cache, seconds: rare string grep -F .63, Vectorscan .37, bytes.find .58, re2 .69, re 1.3;
`(deadlock|panic): [a-z]+` grep -E 2.9, Vectorscan .24, re2 3.3, re 13.6. re2 keeps the interpreter's lock.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from mcp_server.core.errors import BadInput, CouldNotLook
from mcp_server.logs.expressions import MAX_LENGTH, MAX_PATTERNS, literal, may_break, prepared, refused

_REST = b")[^\\n]*\\n"


class Matcher(Protocol):
    """Patterns, compiled. Not for two threads at once."""

    patterns: tuple[str, ...]

    def lines(self, data: bytes, length: int) -> list[tuple[int, int]]:
        """(end of the line, number of the pattern) for each matching line of data[:length], ascending, each pair once."""
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
    try:
        import hyperscan  # loaded with the first search: it costs some ms

        return _Scanner(hyperscan, tuple(patterns), regex=regex, ignore_case=ignore_case)
    except ImportError:
        if regex:
            raise CouldNotLook(
                "regular expressions", "missing", "the package hyperscan is not installed", "search for fixed strings"
            ) from None
        return FixedStrings(tuple(patterns), ignore_case=ignore_case)


class _Scanner:
    """Each pattern is followed by the rest of its line, so that a line is reported once however often it matches."""

    def __init__(self, engine: Any, patterns: tuple[str, ...], *, regex: bool, ignore_case: bool) -> None:
        self.patterns = patterns
        self._engine = engine
        flags = engine.HS_FLAG_MULTILINE | engine.HS_FLAG_ALLOWEMPTY | (engine.HS_FLAG_CASELESS if ignore_case else 0)
        self._one: list[Any] = []
        whole: list[tuple[int, bytes]] = []
        self._noisy: list[int] = []
        self._suspect = {number for number, text in enumerate(patterns) if regex and may_break(text)}
        for number, text in enumerate(patterns):
            expression = prepared(text) if regex else literal(text, ignore_case=ignore_case)
            try:
                self._one.append(self._database([(0, expression)], flags))
            except engine.error as error:
                raise refused(text, str(error)) from None
            try:
                wrapped = b"(?:" + expression + _REST
                self._database([(0, wrapped)], flags)
                whole.append((number, wrapped))
            except engine.error:  # an anchor at its end: `$` cannot be followed by the rest of the line
                self._noisy.append(number)
        self._all = self._database(whole, flags) if whole else None

    def lines(self, data: bytes, length: int) -> list[tuple[int, int]]:
        """(end of the line, number of the pattern), ascending."""
        found: list[tuple[int, int]] = []
        if length and data[length - 1] != 10:
            found = self.lines(data[:length] + b"\n", length + 1)
            return [(min(end, length), which) for end, which in found]
        if self._all is not None:
            add = found.append

            def hit(which: int, _start: int, end: int, _flags: int, _context: object) -> None:
                add((end, which))

            self._all.scan(memoryview(data)[:length], match_event_handler=hit)
        if self._suspect:
            found = [item for item in found if item[1] not in self._suspect or self._inside(data, *item)]
        for which in self._noisy:
            found += [(end, which) for end in self._stepwise(data, length, which)]
        if len(self.patterns) > 1:
            found.sort()
        return found

    def first_end(self, line: bytes, which: int) -> int:
        """Where the first match ends."""
        return self._matches(memoryview(line), which) or 0

    def _matches(self, line: memoryview, which: int) -> int | None:
        """Where the first match ends; None when there is none."""
        ends: list[int] = []

        def hit(_which: int, _start: int, end: int, _flags: int, _context: object) -> bool:
            ends.append(end)
            return True

        try:
            self._one[which].scan(line, match_event_handler=hit)
        except self._engine.ScanTerminated:
            return ends[0]
        return None

    def _inside(self, data: bytes, end: int, which: int) -> bool:
        """Whether the line itself matches, and not only together with the one before."""
        begin = data.rfind(b"\n", 0, end - 1) + 1
        return self._matches(memoryview(data)[begin : end - 1], which) is not None

    def _stepwise(self, data: bytes, length: int, which: int) -> list[int]:
        """Line ends, found by stopping at each match and going on with the next line: two looks per matching line."""
        view, begin, ends = memoryview(data), 0, []
        while begin < length:
            place = self._matches(view[begin:length], which)
            if place is None:
                break
            if begin + place == length:  # nothing, after the last line end
                break
            end = data.find(b"\n", begin + place, length) + 1
            if self._inside(data, end, which):
                ends.append(end)
            begin = end
        return ends

    def _database(self, expressions: list[tuple[int, bytes]], flags: int) -> Any:
        database = self._engine.Database(mode=self._engine.HS_MODE_BLOCK)
        database.compile(
            expressions=[text for _, text in expressions],
            ids=[number for number, _ in expressions],
            elements=len(expressions),
            flags=[flags] * len(expressions),
        )
        return database


class FixedStrings:
    """Fixed strings without any package: `bytes.find`."""

    def __init__(self, patterns: tuple[str, ...], *, ignore_case: bool = False) -> None:
        self.patterns = patterns
        self._fold = ignore_case
        self._texts = [(text.lower() if ignore_case else text).encode("utf8", "surrogatepass") for text in patterns]

    def lines(self, data: bytes, length: int) -> list[tuple[int, int]]:
        """(end of the line, number of the pattern), ascending."""
        text = data.lower() if self._fold else data
        found: list[tuple[int, int]] = []
        for which, wanted in enumerate(self._texts):
            place = text.find(wanted, 0, length)
            while place >= 0:
                end = text.find(b"\n", place + len(wanted), length) + 1 or length
                found.append((end, which))
                place = text.find(wanted, end, length)
        if len(self._texts) > 1:
            found.sort()
        return found

    def first_end(self, line: bytes, which: int) -> int:
        """Where the first match ends."""
        place = (line.lower() if self._fold else line).find(self._texts[which])
        return place + len(self._texts[which]) if place >= 0 else 0
