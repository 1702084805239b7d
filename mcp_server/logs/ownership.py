"""Is a date the stamp of its line, or only mentioned in it? Decided by what the other lines of the source do."""

import re

from mcp_server.logs.dialects import Raw

# what may stand before a stamp that opens a line: priority, brackets, a level word, a key
_LIGHT = re.compile(r"(?:<[0-9]{1,3}>)?[\W_]{0,6}(?:[A-Za-z]{1,9}[0-9]?[\W_]{1,4})?(?:[A-Za-z@_]{1,12}=[\"']?)?")
_TRUSTED = re.compile(r"JSON|audit|CMTrace|UPID|logfmt")
_MOST_PREFIXES = 64


class Ownership:
    """A stamp at the head of a line is its own. Further inside it is, if no line begins with one, or if lines had one
    behind that prefix before the first that did. A bare number is no time among calendar dates.
    """

    def __init__(self) -> None:
        self._head = self._indented = self._calendar = 0
        self._embedded: set[str] = set()

    @property
    def flush(self) -> bool:
        """Lines begin with their stamps, without indent: an indented line has none of its own."""
        return self._head > self._indented

    def owns(self, line: str, raw: Raw) -> bool:
        """Whether the stamp is the line's own and not a date inside a message."""
        if raw.dialect.endswith("epoch seconds"):
            return self._calendar == 0
        if _TRUSTED.match(raw.dialect):
            return True
        prefix = line[: raw.start]
        indented = prefix[:1] in (" ", "\t") and not prefix.strip()
        if indented:
            return self._head == self._indented
        if raw.start == 0 or _LIGHT.fullmatch(prefix):
            return True
        if prefix.endswith("[") and raw.dialect == "day, month name" and prefix.count(" ") >= 2:
            return True
        return self._head == 0 or _shape(prefix) in self._embedded

    def note(self, line: str, raw: Raw) -> None:
        """A stamp that was taken: its place tells about later ones."""
        prefix = line[: raw.start]
        self._calendar += raw.kind == "date"
        if raw.start == 0 or _LIGHT.fullmatch(prefix):
            self._head += 1
            self._indented += prefix[:1] in (" ", "\t")
        elif len(self._embedded) < _MOST_PREFIXES:
            self._embedded.add(_shape(prefix))


def _shape(prefix: str) -> str:
    """A prefix without what varies: numbers, quoted or bracketed text stay as they are, digits become one."""
    return re.sub("[0-9]+", "0", prefix[-80:])
