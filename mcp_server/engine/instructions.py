"""Text in the evidence that reads like instructions to an assistant: somebody may be steering who reads it.

A suspicion and no proof: it raises the approval that a plan of this incident needs by one step, and the plan says so.
What counts is how text speaks (to an assistant, about its instructions, its answer, its tools, its approval), in plain
letters or hidden: look-alike letters, invisible characters, base64. What a system logs of itself does not speak so.
"""

import base64
import binascii
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from mcp_server.core.errors import Broken
from mcp_server.core.ledger import Ledger
from mcp_server.engine.instruction_shapes import SHAPES

MOST_CHARS = 4_000_000
"""Characters of one piece of evidence that are read; more than any look keeps by default."""
MOST_BLOBS = 200
_PLAIN = str.maketrans("аеорсухіѕјһԁɡӏв", "aeopcyxisjhdglb") | {
    ord(c): None for c in "\u00ad\u200b\u200c\u200d\u2060\ufeff\u180e"
}
"""Letters of other alphabets that look like ours, and characters that are not seen."""
_BLOB = r"[A-Za-z0-9+/_-]{40,}={0,2}"
_KNOWN: dict[str, tuple[str, ...]] = {}
"""What was found in bytes with this digest: the same evidence is asked about at every plan."""


class Suspicion(NamedTuple):
    """Where, and what about it."""

    evidence: str
    family: str


def instructions_in(text: str) -> tuple[str, ...]:
    """What is instruction-like in this text: names of families, empty for text that is not. Linear in its length."""
    text = text[:MOST_CHARS]
    plain = _plain(text)
    found = _families(plain) | _families(plain.replace("\n", " "))  # a sentence may run over the end of a line
    for hidden in _hidden(text):
        found |= {f"{name}, hidden" for name in _families(_plain(hidden))}
    return tuple(sorted(found))


def suspicions(ledger: Ledger, incident: str | None) -> tuple[Suspicion, ...]:
    """What was seen in the evidence of this incident, each piece read once. Bytes that are missing are no suspicion."""
    if incident is None:
        return ()
    found = []
    for entry in ledger.entries(incident=incident, kind="evidence"):
        sha256 = entry.body.get("sha256")
        if isinstance(sha256, str):
            found += [Suspicion(f"E{entry.seq}", family) for family in _seen(ledger, sha256)]
    return tuple(found)


def _seen(ledger: Ledger, sha256: str) -> tuple[str, ...]:
    if sha256 not in _KNOWN:
        try:
            text = ledger.blob(sha256).decode("utf8", "replace")
        except Broken:
            return ()
        if len(_KNOWN) >= 4_096:
            _KNOWN.clear()
        _KNOWN[sha256] = instructions_in(text.replace("\\n", "\n").replace('\\"', '"'))  # evidence is kept as JSON
    return _KNOWN[sha256]


def _plain(text: str) -> str:
    """Lower case, in our letters, single spaces."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_PLAIN)
        # letters of the tag block are written to be read by machines only
        text = "".join(chr(ord(c) - 0xE0000) if 0xE0020 <= ord(c) <= 0xE007E else c for c in text)
    return "\n".join(" ".join(line.split()) for line in text.lower().split("\n"))


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[str, object], ...]:
    import re2  # linear in time, whatever text is searched

    options = re2.Options()
    options.never_nl = False
    options.log_errors = False
    return tuple((name, re2.compile("|".join(f"(?:{part})" for part in parts), options)) for name, parts in SHAPES.items())


def _families(text: str) -> set[str]:
    return {name for name, pattern in _patterns() if pattern.search(text)}  # type: ignore[attr-defined]


def _hidden(text: str) -> Iterator[str]:
    """What base64 in it says, where that is text."""
    import re2

    for index, found in enumerate(re2.finditer(_BLOB, text)):
        if index >= MOST_BLOBS:
            return
        blob = found.group().rstrip("=").replace("-", "+").replace("_", "/")
        try:
            said = base64.b64decode(blob[: len(blob) - (len(blob) % 4 == 1)] + "=" * (-len(blob) % 4)).decode("utf8")
        except (binascii.Error, UnicodeDecodeError):
            continue
        if said.isprintable() or "\n" in said:
            yield said
