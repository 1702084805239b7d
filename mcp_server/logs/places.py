"""Where the stamps of one source stand: at a fixed position after a known prefix, or after a key."""

import re
from dataclasses import dataclass, field
from datetime import datetime

from mcp_server.logs.dialects import JSON_HEAD, Raw
from mcp_server.logs.layouts import DIGITS, Layout
from mcp_server.logs.zones import abbreviation

_KEY = re.compile(r"\"[A-Za-z_@$]{1,30}\"\s{0,4}:\s{0,4}\"?$")
_HARMLESS = re.compile(
    r"$|[ \t]{0,3}[^\w\s.,:+\-−‐‑–()]|[ \t]{0,3}[.,:+\-(](?![0-9])|[ \t]{4}|[ \t]{1,3}(?!(?:19[7-9]|20[0-9])[0-9])[0-9]"
    r"|[ \t]{1,3}[A-Za-z]{6,}(?![A-Za-z/])|[ \t]{1,3}_"
)
_WORD = re.compile(r"[ \t]{1,3}([A-Za-z]{1,5})(?![A-Za-z/])")
_SAFE = frozenset(("", "] ", '" ', '",', '"}', " [", " <", " {", " |", "] [", "]", " *", " #", " =", "|", ";"))
_TAIL = 14
_MOST = 128


@dataclass(slots=True)
class Place:
    """Where stamps stand: at a fixed position after a known prefix, or after a key (a JSON member, an access log's bracket)."""

    start: int
    length: int
    key: str | None = None
    prefixes: set[str] = field(default_factory=set)
    layouts: dict[str, Layout] = field(default_factory=dict)
    tails: set[str] = field(default_factory=set)
    """What was seen to follow and cannot belong to a stamp."""

    def moment(self, line: str) -> datetime | None:
        """The instant of a line whose stamp stands here as learned, or None."""
        start = self.start
        if self.key is not None:
            start = line.find(self.key, 0, JSON_HEAD) + start
            if start < self.start or (self.key == "[" and not _plain_prefix(line, start - 1)):
                return None
        elif start and line[:start] not in self.prefixes:
            return None
        end = start + self.length
        text = line[start:end]
        layout = self.layouts.get(text.translate(DIGITS))
        if layout is None or (layout.zone and not text.startswith(layout.zone, layout.zone_at)):
            return None
        tail = line[end : end + _TAIL]
        if tail not in self.tails and tail[:2] not in _SAFE:
            if not _HARMLESS.match(line, end) and not _harmless_word(line, end):
                return None
            if len(self.tails) < _MOST:
                self.tails.add(tail)
        try:
            return layout.read(text)
        except (ValueError, OverflowError):
            return None

    def takes(self, line: str, raw: Raw) -> bool:
        """Whether that stamp stands at this place."""
        if raw.end - raw.start != self.length:
            return False
        if self.key is None:
            return raw.start == self.start
        return line.find(self.key, 0, JSON_HEAD) + self.start == raw.start

    def add(self, line: str, raw: Raw, layout: Layout) -> None:
        """Remember one more way of writing, one more prefix."""
        if len(self.layouts) >= _MOST:
            self.layouts.clear()
        if len(self.prefixes) >= _MOST:
            self.prefixes.clear()
        self.layouts[layout.mask] = layout
        if self.key is None:
            self.prefixes.add(line[: raw.start])


def place_of(line: str, raw: Raw) -> Place | None:
    """The place of a stamp that was read cold; None where lines of the same source need not have it there again."""
    length = raw.end - raw.start
    before = line[max(0, raw.start - 60) : raw.start]
    if raw.dialect.startswith("JSON"):
        key = _KEY.search(before)
        if key is None or line.find(key[0], 0, JSON_HEAD) != raw.start - len(key[0]):
            return None
        return Place(len(key[0]), length, key[0])
    if raw.start > 1 and before.endswith("[") and line.find("[") == raw.start - 1 and _plain_prefix(line, raw.start - 1):
        return Place(1, length, "[")
    if raw.start > 60:
        return None
    return Place(raw.start, length)


def _plain_prefix(line: str, end: int) -> bool:
    """Before an access log's bracket stands nothing that could be a stamp itself, and no JSON."""
    prefix = line[:end]
    return ":" not in prefix and "{" not in prefix and "00000000" not in prefix.translate(DIGITS)


def _harmless_word(line: str, end: int) -> bool:
    match = _WORD.match(line, end)
    return bool(match and match[1].lower() not in ("z", "am", "pm", "a", "p", "utc", "gmt") and abbreviation(match[1]) is None)
