"""A client's regular expression, checked and rewritten for an engine that reads bytes in linear time."""

import re
from typing import NamedTuple

from mcp_server.core.errors import BadInput
from mcp_server.core.text import one_line

MAX_PATTERNS = 32
MAX_LENGTH = 1_000
UTF_8 = "utf8"

_TOKEN = re.compile(
    r"""\\(?:x\{[^}]*\}|[pP]\{[^}]*\}|.)|(?P<class>\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\])
    |\(\?(?P<mode>[a-zA-Z^-]+)[:)]|.""",
    re.X | re.S,
)
_END = "(?:\\r?$)"
_ANCHORS = {"\\A": "^", "$": _END, "\\Z": _END, "\\z": _END}
"""The text is one line, which may end in CR LF."""
_PLAIN_CLASS = re.compile(r"\[(?:[ -Z^-~]|\\[dw]|\\[^\w\s])+\]", re.ASCII)
_SIMPLE_CLASS = re.compile(r"\\[dw]|\[(?:[A-Za-z0-9_ ./:,]|[a-z]-[a-z]|[A-Z]-[A-Z]|[0-9]-[0-9]|\\[dw])+\]", re.ASCII)
"""A class of bytes that every engine reads alike."""
_WITHOUT_BREAK = {"\\s": "[\\t\\f\\r ]", "\\D": "[^\\d\\n]", "\\W": "[^\\w\\n]"}
_SIGNS = frozenset(".^$*+?()[]{}|")
_SHORT = frozenset("dDwWsSbBAzZntrfv")
"""Letters that are an escape by themselves."""


def literal(text: str, *, ignore_case: bool, encoding: str = UTF_8) -> bytes:
    """An expression for this text as it stands in that encoding; other cases of letters beyond ASCII are spelled out."""
    parts = []
    for ch in text:
        forms = sorted({ch, ch.lower(), ch.upper()}) if ignore_case and not ch.isascii() else [ch]
        parts.append(_group(forms, encoding) if not ch.isascii() else _bytes_of(ch, encoding) if not ch.isalnum() else ch)
    return "".join(parts).encode("ascii")


def prepared(text: str, encoding: str = UTF_8) -> bytes:
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
        parts.append(_ANCHORS.get(word) or (word if word.isascii() else _group([word], encoding)))
    return "".join(parts).encode("ascii", "replace")


def unbroken(text: str, encoding: str = UTF_8) -> bytes | None:
    """The expression as `prepared` gives it, such that it matches no line break; None where that is hard to say."""
    parts = []
    for token in _TOKEN.finditer(text):
        word = token[0]
        if "s" in (token["mode"] or "") or word == "\n":
            return None
        if word.startswith("[^"):
            if word[2] in "]-":
                return None
            word = "[^\\n" + word[2:]
        elif token["class"] is not None and not _PLAIN_CLASS.fullmatch(word):
            return None
        elif word[0] == "\\" and word not in _ANCHORS:
            word = _WITHOUT_BREAK.get(word, word)
            if word[0] == "\\" and word[1].isalnum() and word[1] not in "dwSbB":
                return None
        parts.append(_ANCHORS.get(word) or (word if word.isascii() else _group([word], encoding)))
    return "".join(parts).encode("ascii", "replace")


class Certain(NamedTuple):
    """What is certain of every match of an expression; empty where it is not known."""

    begin: bytes = b""
    """What it begins with."""
    held: bytes = b""
    """The longest text that it holds."""
    before: bytes = b""
    """A class of bytes, one of which stands before that text."""
    whole: bool = False
    """Nothing but that text makes a line match."""
    last: bool = False
    """It ends with that text."""
    free: bool = False
    """What stands around it does not matter: a line matches where a part of it does."""


def certain(text: str) -> Certain:
    """What is certain of every match of the expression."""
    runs, run, depth, skip = list[tuple[str, int]](), "", 0, ""
    words = [token[0] for token in _TOKEN.finditer(text)]
    for place, token in enumerate([*_TOKEN.finditer(text), None]):
        word = token[0] if token else ""
        if skip:
            skip = "" if word == skip else skip
            continue
        if token and (token["mode"] or (depth == 0 and word == "|")):
            return Certain()
        escape = word[:1] == "\\"
        sign = word[1:] if escape and not word[1:].isalnum() else "" if escape or word in _SIGNS else word
        if depth == 0 and len(sign) == 1 and sign.isascii():
            run += sign
            continue
        if escape and word[1:] not in _SHORT and not sign:
            return Certain()  # it may go on: \\x41, \\012, \\pL
        runs.append((run[:-1] if word in ("*", "?", "{") else run, place - len(run)))
        run, skip = "", "}" if word == "{" else ""
        depth += (word[:1] == "(") - (word == ")")
    held, first = max(runs, key=lambda run: len(run[0]))
    around = [word for word in (words[:first], words[first + len(held) :]) if word not in ([], [".", "*"])]
    return Certain(
        runs[0][0].encode(), held.encode(), _class_before(words[:first]), whole=not around,
        last=first + len(held) == len(words), free=not any(word in _ANCHORS or word in ("^", "\\b", "\\B") for word in words),
    )  # fmt: skip


def _class_before(words: list[str]) -> bytes:
    """The class of the last byte of what these words match; empty where it is not plain to see."""
    word = words[-2] if words[-1:] == ["+"] and len(words) > 1 else words[-1] if words else ""
    return word.encode() if _SIMPLE_CLASS.fullmatch(word) else b""


def refused(text: str, reason: str) -> BadInput:
    """The engine's own complaint as a sentence."""
    reason = one_line(reason.strip().rstrip("."), 200)
    if re.search(r"\(\?[=!<>]|\\[1-9]", reason):
        reason += " (look-around and back-references are not supported: time must be linear in the size)"
    return _bad(text, f"cannot be used: {reason}")


def _bad(text: str, what: str) -> BadInput:
    return BadInput(f"pattern `{one_line(text, 120)}` {what}")


def encoded(text: str, encoding: str) -> bytes:
    """The text in that encoding; in UTF-8 where it has no such letters, so that nothing matches."""
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        return text.encode("utf8", "surrogatepass")


def _bytes_of(text: str, encoding: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in encoded(text, encoding))


def _group(forms: list[str], encoding: str) -> str:
    """Any of these, byte for byte: the engine would change the case of bytes beyond ASCII as if they were letters."""
    return "(?-i:" + "|".join(_bytes_of(form, encoding) for form in forms) + ")"
