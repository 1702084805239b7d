"""Finds the tokens whose form gives them away (`secret_shapes`).

All beginnings are looked for together, in one pass over the text; only where one stands is its own expression tried.
"""

import re
from collections.abc import Iterator
from functools import cache

from mcp_server.core import secret_markings
from mcp_server.core.secret_blocks import MARKS as BLOCKS
from mcp_server.core.secret_shapes import BEGINNINGS, MIDDLES

Span = tuple[int, int]

MARKS = BLOCKS.union(secret_markings.MARKS)
"""Beginnings of what is no token: blocks of key material, wrapped text, markings."""


Begin = tuple[int, str]
"""Where one of the beginnings stands, and which."""


def beginnings(text: str) -> list[Begin]:
    """Where a token, a block of key material or wrapped text may begin; mostly nowhere."""
    # a blank before the text: then every beginning has a sign before it, and only such places are looked at
    return [(found.start(), found[1]) for found in _beginnings().finditer(" " + text)]


def begun(text: str, begins: list[Begin]) -> Iterator[Span]:
    """Where tokens stand that begin as a provider's do."""
    done = 0  # to here a token was found, or none can be
    for start, beginning in begins:
        if start < done or beginning in MARKS:
            continue
        end = start + len(beginning)
        found = _tail(beginning).match(text, end)
        if found and not dull(text[end : found.end()]):
            done = _REST.match(text, found.end()).end()  # type: ignore[union-attr]  # it matches the empty text
            yield start, done
        elif beginning == "eyJ":
            done = _REST.match(text, end).end()  # type: ignore[union-attr]  # as above


def middles(text: str) -> Iterator[Span]:
    """Where tokens stand that are known by their middle, and web hooks."""
    for literal in [literal for literal in MIDDLES if literal in text]:
        yield from _middle(literal, text)


_REST = re.compile(r"[\w\-]*")  # what is longer than its form is redacted whole


def dull(value: str) -> bool:
    """Whether a value is filling and no secret: `xxxxxxxx`, `0000`, `XXXX_PUT_YOUR_TOKEN_HERE_XXXX`."""
    lowered = value.lower()
    return len(set(lowered)) < 4 or "xxxxx" in lowered or "*****" in lowered or "00000000" in lowered


def _middle(literal: str, text: str) -> Iterator[Span]:
    pattern, before = _middle_patterns(literal)
    for found in pattern.finditer(text):
        if "s" in found.groupdict():
            start, end = found.span("s")
        else:
            start, end = found.span()
            limit = max(0, start - 200)
            while start > limit and before.match(text, start - 1):
                start -= 1
        if not dull(text[start:end]):
            yield start, end


@cache
def _tail(beginning: str) -> re.Pattern[str]:
    longer = [
        f"(?:{re.escape(other[len(beginning) :])}{tail})" for other, tail in BEGINNINGS.items() if other.startswith(beginning)
    ]
    return re.compile("|".join(sorted(longer, key=len, reverse=True)))


@cache
def _middle_patterns(literal: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    pattern, before = MIDDLES[literal]
    return re.compile(pattern), re.compile(before)


@cache
def _beginnings() -> re.Pattern[str]:
    """One expression for all beginnings, shared first letters tried once; a beginning that extends another is left out."""
    tree: dict[str, dict] = {}  # type: ignore[type-arg]  # a tree of itself
    for beginning in (*BEGINNINGS, *MARKS):
        node = tree
        for letter in beginning:
            node = node.setdefault(letter, {})
        node[""] = {}

    def expression(node: dict[str, dict]) -> str:  # type: ignore[type-arg]  # the same tree
        if "" in node:
            return ""
        parts = [re.escape(letter) + expression(rest) for letter, rest in sorted(node.items())]
        return parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})"

    return re.compile(rf"[^A-Za-z0-9](?=({expression(tree)}))")
