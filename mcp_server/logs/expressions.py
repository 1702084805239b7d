"""A client's regular expression, checked and rewritten for an engine that reads bytes in linear time."""

import re

from mcp_server.core.errors import BadInput
from mcp_server.core.text import one_line

MAX_PATTERNS = 32
MAX_LENGTH = 1_000
_WEIGHT = 4_000
"""Places an expression may have after its counted repeats are written out: beyond, compiling it takes seconds."""

_TOKEN = re.compile(
    r"""\\(?:[xX]\{[^}]*\}|x[0-9a-fA-F]{0,2}|[pP]\{[^}]*\}|.)|(?P<class>\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\])
    |\(\?(?P<mode>[a-zA-Z^-]+)\)|(?P<open>\((?:\?(?:(?P<local>[a-zA-Z^-]*):|P?<\w+>|'\w+'))?)|(?P<close>\))|(?P<repeat>\{(?P<low>\d+)(?P<comma>,(?P<high>\d*))?\})|.""",
    re.X | re.S,
)
_END = "(?:\\r?$)"
_ANCHORS = {"\\A": "^", "\\G": "^", "$": _END, "\\Z": _END, "\\z": _END}
"""Text is one line, which may end in CR LF."""
_BREAKS = re.compile(r"\\[sSWDnNrvRXCHVpPxXc0-9]|\[\^|\[[^\]]*[\x00-\x1f]|\[:\^?(?:space|cntrl|punct)|\n|\(\?[a-z]*s")
"""What may match a line break; such a match is checked once more inside its own line."""


def literal(text: str, *, ignore_case: bool) -> bytes:
    """An expression for this text as it stands; other cases of letters beyond ASCII are spelled out."""
    parts = []
    for ch in text:
        forms = sorted({ch, ch.lower(), ch.upper()}) if ignore_case and not ch.isascii() else [ch]
        parts.append(_group(forms) if len(forms) > 1 else _bytes_of(ch))
    return "".join(parts).encode("ascii")


def may_break(text: str) -> bool:
    """Whether the expression could match across the end of a line."""
    return _BREAKS.search(text) is not None


def prepared(text: str) -> bytes:
    """The expression in bytes. Raises BadInput for what the engine would read otherwise than the client means it."""
    if text.startswith("(*"):
        raise _bad(text, "starts with (*…), a switch of the engine; use (?i) for any case")
    parts, weights = [], [0]
    last = 0
    for token in _TOKEN.finditer(text):
        word = token[0]
        if strange := set((token["mode"] or "") + (token["local"] or "")) - {"i", "s"}:
            raise _bad(text, f"switches a mode other than i and s: {''.join(sorted(strange))}; write it without")
        if word == "\\Q":
            raise _bad(text, "uses \\Q…\\E; ask for a fixed string instead")
        if token["class"] is not None and not word.isascii():
            raise _bad(text, "has a letter beyond ASCII inside […]; write (é|è) instead of [éè]")
        parts.append(_ANCHORS.get(word) or (word if word.isascii() else _group([word])))
        if token["open"] is not None:
            weights.append(0)
        elif token["close"] is not None and len(weights) > 1:
            last = weights.pop()
            weights[-1] += last
        elif token["repeat"] is not None:
            times = int(token["high"] or token["low"]) if len(token["repeat"]) < 20 else _WEIGHT
            weights[-1] += last * (max(times, int(token["low"][:9])) - 1)
            last = 0
        else:
            last = len(word.encode()) if word[0] != "\\" and len(word) == 1 else 1
            weights[-1] += last
        if sum(weights) > _WEIGHT:
            raise _bad(text, f"is too large once its repeats are written out (over {_WEIGHT:,} places); repeat fewer times")
    return "".join(parts).encode("utf8", "surrogatepass")


def refused(text: str, reason: str) -> BadInput:
    """The engine's own complaint as a sentence."""
    reason = reason.strip().rstrip(".")
    if re.search("(?i)zero-width|reference|atomic|possessive", reason):
        reason += ": matching must take time linear in the size, whatever the pattern"
    return _bad(text, f"cannot be used: {one_line(reason, 200)}")


def _bad(text: str, what: str) -> BadInput:
    return BadInput(f"pattern `{one_line(text, 120)}` {what}")


def _bytes_of(text: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in text.encode("utf8", "surrogatepass"))


def _group(forms: list[str]) -> str:
    return "(?:" + "|".join(_bytes_of(form) for form in forms) + ")"
