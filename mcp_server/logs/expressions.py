"""A client's regular expression, checked and rewritten for an engine that reads bytes in linear time."""

import re

from mcp_server.core.errors import BadInput
from mcp_server.core.text import one_line

MAX_PATTERNS = 32
MAX_LENGTH = 1_000

_TOKEN = re.compile(
    r"""\\(?:x\{[^}]*\}|[pP]\{[^}]*\}|.)|(?P<class>\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\])
    |\(\?(?P<mode>[a-zA-Z^-]+)[:)]|.""",
    re.X | re.S,
)
_END = "(?:\\r?$)"
_ANCHORS = {"\\A": "^", "$": _END, "\\Z": _END, "\\z": _END}
"""The text is one line, which may end in CR LF."""


def literal(text: str, *, ignore_case: bool) -> bytes:
    """An expression for this text as it stands; other cases of letters beyond ASCII are spelled out."""
    parts = []
    for ch in text:
        forms = sorted({ch, ch.lower(), ch.upper()}) if ignore_case and not ch.isascii() else [ch]
        parts.append(_group(forms) if not ch.isascii() else _bytes_of(ch) if not ch.isalnum() else ch)
    return "".join(parts).encode("ascii")


def prepared(text: str) -> bytes:
    """The expression in bytes. Raises BadInput for what the engine would read otherwise than the client means it."""
    parts = []
    for token in _TOKEN.finditer(text):
        word = token[0]
        if strange := set(token["mode"] or "") - {"i", "s"}:
            raise _bad(text, f"switches a mode other than i and s: {''.join(sorted(strange))}; write it without")
        if word in ("\\Q", "\\C"):
            raise _bad(text, f"uses {word}, which is not supported; ask for a fixed string instead")
        if token["class"] is not None and not word.isascii():
            raise _bad(text, "has a letter beyond ASCII inside […]; write (é|è) instead of [éè]")
        parts.append(_ANCHORS.get(word) or (word if word.isascii() else _group([word])))
    return "".join(parts).encode("ascii", "replace")


def refused(text: str, reason: str) -> BadInput:
    """The engine's own complaint as a sentence."""
    reason = one_line(reason.strip().rstrip("."), 200)
    if re.search(r"\(\?[=!<>]|\\[1-9]", reason):
        reason += " (look-around and back-references are not supported: time must be linear in the size)"
    return _bad(text, f"cannot be used: {reason}")


def _bad(text: str, what: str) -> BadInput:
    return BadInput(f"pattern `{one_line(text, 120)}` {what}")


def _bytes_of(text: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in text.encode("utf8", "surrogatepass"))


def _group(forms: list[str]) -> str:
    """Any of these, byte for byte: the engine would change the case of bytes beyond ASCII as if they were letters."""
    return "(?-i:" + "|".join(_bytes_of(form) for form in forms) + ")"
