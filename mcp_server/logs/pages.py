"""Records as an answer shows them: cut where no secret is cut in half, filtered, and as many as fit."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache

from mcp_server.core.log_calls import LogLevel, LogRecord
from mcp_server.core.text import amount, visible
from mcp_server.logs.encoding import text_of
from mcp_server.logs.records import level_of, weight

MAX_TEXT = 16_384
"""Characters of one record that are kept at all, before it is made to fit."""
LEAST = 240
"""A record is not shown with fewer characters than this where it has more."""
_TOKEN = re.compile(r"[A-Za-z0-9_\-+/=.~%]{0,4096}\Z")
_LINE = 400
_COST = 7
"""Characters that each line costs beside its text."""

CURSOR_KEY = b"veteran log cursor"
"""Cursors hold nothing secret; the key only tells ours from text that somebody made up."""
Redact = Callable[[str], str]


def decoded(data: bytes) -> str:
    """Bytes of a record as text (see `text_of`); NULs of a hole left out."""
    text = text_of(data)
    if "\0" in text:
        text = re.sub("\0{4,}", "", text)
    return text.replace("\r\n", "\n").rstrip("\r\n")


def kept(text: str, limit: int = MAX_TEXT) -> str:
    """The beginning of a text, cut between words: half a secret would not be recognised as one."""
    if len(text) <= limit:
        return text
    head = text[:limit]
    match = _TOKEN.search(head)
    return head[: match.start()] or head if match else head


def shortened(text: str, limit: int) -> str:
    """A record within `limit` characters: long lines by their beginning, many lines by the first and the last ones."""
    lines = text.split("\n")
    wide = [line if len(line) <= _LINE * 4 else f"{line[: _LINE * 4]}… ({len(line) - _LINE * 4:,} more)" for line in lines]
    if sum(map(len, wide)) + len(wide) <= limit:
        return "\n".join(wide)
    if len(wide) == 1:
        room = max(limit - 30, 40)
        return f"{lines[0][:room]}… ({len(lines[0]) - room:,} more)"
    narrow = [line if len(line) <= _LINE // 2 else line[: _LINE // 2] + "…" for line in lines]
    first, last, used = [narrow[0]], [narrow[-1]], len(narrow[0]) + len(narrow[-1]) + 30
    at, back = 1, len(narrow) - 2
    while at <= back:  # two of the end for one of the beginning: a trace says what at its end
        line = narrow[back] if len(last) <= 2 * len(first) else narrow[at]
        if used + len(line) + 1 > limit:
            break
        used += len(line) + 1
        if len(last) <= 2 * len(first):
            last.insert(0, line)
            back -= 1
        else:
            first.append(line)
            at += 1
    between = [f"… {amount(back - at + 1, 'line')} …"] if back >= at else []
    return "\n".join([*first, *between, *last])[:limit]


def cost(text: str) -> int:
    """Characters that a quoted text takes in an answer."""
    return len(visible(text)) + _COST * (text.count("\n") + 1)


def fits(texts: Sequence[str], room: int, *, newest: bool) -> list[str]:
    """The first of these texts (from the end with `newest`) that fit into `room`, long ones shortened; at least one."""
    found: list[str] = []
    share = max(LEAST, room // 3)
    for text in reversed(texts) if newest else texts:
        short = text
        limit = share if found else min(share, room)  # only the first is squeezed into what there is
        while cost(short) > limit > 0:  # what is made visible grows
            short = shortened(text, max(20, min(len(short) - 1, limit - cost(short) + len(short))))
            if len(short) <= 60:
                break
        if found and (cost(short) > room or room < LEAST // 2):
            break
        found.append(short)
        room -= cost(short)
    return found[::-1] if newest else found


def record(
    source: int, text: str, at: datetime | None, redact: Redact, *, size: int = 0, cut: bool = False, late: bool = False,
    context: bool = False, level: LogLevel | None = None, doubt_ms: int = 0,
) -> LogRecord:  # fmt: skip
    """A record for an answer: redacted whole, then cut."""
    whole = redact(text) if len(text) <= 4 * MAX_TEXT else redact(kept(text, 4 * MAX_TEXT))
    short = kept(whole)
    return LogRecord(
        source=source, text=short, at=at, level=level or level_of(short), size=size or len(text),
        cut=cut or len(short) < len(whole) or len(text) > 4 * MAX_TEXT, late=late, context=context,
        doubt_ms=doubt_ms,
    )  # fmt: skip


# --- filters --------------------------------------------------------------------------------------------------------

_LOGFMT = re.compile(r"(?<![\w.])([A-Za-z_@][\w.@-]{0,60})=(?:\"((?:[^\"\\]|\\.){0,2000})\"|([^\s\",;]{0,500}))")


def wanted(text: str, level: LogLevel | None, fields: Mapping[str, str], stated: LogLevel | None = None) -> bool:
    """Whether a record has at least this level and these fields. A record without a level is kept out by any level."""
    if level is not None:
        own = stated or level_of(text)
        if own is None or weight(own) > weight(level):
            return False
    if fields:
        has = fields_of(text)
        return all(has.get(name) == value for name, value in fields.items())
    return True


@lru_cache(maxsize=256)
def fields_of(text: str) -> Mapping[str, str]:
    """Fields of a JSON record (nested ones joined by dots) or of logfmt words; values as text."""
    brace = text.find("{")
    if 0 <= brace < 200:
        try:
            data = json.loads(text[brace:])
        except (ValueError, RecursionError):
            data = None
        if isinstance(data, dict):
            return dict(_flat(data, "", 0))
    return {name: quoted or plain for name, quoted, plain in _LOGFMT.findall(text[:MAX_TEXT])}


def _flat(data: Mapping[str, object], above: str, depth: int) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in list(data.items())[:200]:
        if isinstance(value, dict) and depth < 5:
            found += _flat(value, f"{above}{key}.", depth + 1)
        else:
            found.append((f"{above}{key}", value if isinstance(value, str) else json.dumps(value)))
    return found
