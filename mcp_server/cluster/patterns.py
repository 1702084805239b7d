"""Regular expressions that are compiled when first used: causes are declared at every start, and seldom looked for."""

import re
from collections.abc import Iterator
from functools import cached_property


class Pattern:
    """A regular expression by its text."""

    def __init__(self, text: str, flags: int = 0) -> None:
        self.text, self.flags = text, flags

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.text, self.flags)

    def search(self, text: str) -> re.Match[str] | None:
        """As `re.search`."""
        return self._compiled.search(text)

    def match(self, text: str) -> re.Match[str] | None:
        """As `re.match`."""
        return self._compiled.match(text)

    def fullmatch(self, text: str) -> re.Match[str] | None:
        """As `re.fullmatch`."""
        return self._compiled.fullmatch(text)

    def findall(self, text: str) -> list[str]:
        """As `re.findall`, for patterns with at most one group."""
        return self._compiled.findall(text)

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """As `re.finditer`."""
        return self._compiled.finditer(text)
