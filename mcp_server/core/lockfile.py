"""A project's own lock of Python packages (requirements with hashes), as text. Pure."""

import re
from typing import NamedTuple

from mcp_server.core.clues import canonical

_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*==\s*([A-Za-z0-9][A-Za-z0-9.+!_-]*)", re.ASCII)
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")
_SOURCE = re.compile(r"(?:--(?:index-url|extra-index-url|find-links)\b|-[if] |--no-index$)")


class Pin(NamedTuple):
    """One pinned package; `line` is its whole line, as pip reads it."""

    version: str
    hashes: tuple[str, ...]
    line: str


def pins_of(text: str) -> dict[str, Pin]:
    """Every pin by the package's canonical name. Lines that go on with a backslash are one."""
    found: dict[str, Pin] = {}
    for line in _lines(text):
        if match := _PIN.match(line):
            found[canonical(match[1])] = Pin(match[2], tuple(_HASH.findall(line)), line)
    return found


def sources_of(text: str) -> list[str]:
    """Lines that say where packages come from."""
    return [line for line in _lines(text) if _SOURCE.match(line)]


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.replace("\\\r\n", " ").replace("\\\n", " ").splitlines()]
