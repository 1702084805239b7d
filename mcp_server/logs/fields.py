"""The fields of a record that writes them: JSON (also after a text prefix) and logfmt, flat, on demand."""

import json
import re
from typing import Any

MAX_TEXT = 65_536
MAX_FIELDS = 200
MAX_DEPTH = 8
MAX_VALUE = 4_000

_PAIR = re.compile(
    r"(?:^|[\s,;|{\[(])([A-Za-z_@][\w.@/-]{0,63})=(?:\"((?:[^\"\\]|\\.){0,4000})\"|([^\s,;|\"\])}]{0,1000}))", re.ASCII
)
_BRACE = re.compile(r"(?:^|[\s:\]|=])(?=\{\s{0,4}\")")
_ESCAPE = re.compile(r"\\(.)")


def fields_of(text: str) -> dict[str, str]:
    """Fields as text, nested names joined by dots (`http.status`); {} where the record has none. Never raises, bounded.

    The first of several equal names counts. JSON null is the empty text, true and false are written so.
    """
    text = text[:MAX_TEXT]
    if "{" in text and (found := _from_json(text)):
        return found
    if "=" not in text:
        return {}
    found = {}
    for match in _PAIR.finditer(text):
        value = match[3] if match[2] is None else _ESCAPE.sub(r"\1", match[2])
        found.setdefault(match[1], value)
        if len(found) >= MAX_FIELDS:
            break
    return found


def _from_json(text: str) -> dict[str, str]:
    brace = _BRACE.search(text, 0, 2_000)
    if brace is None:
        return {}
    try:
        value, _ = json.JSONDecoder().raw_decode(text, brace.end())
    except (ValueError, RecursionError):  # a cut or damaged object, one nested a thousand times
        return {}
    found: dict[str, str] = {}
    _flatten(value, "", 0, found)
    return found


def _flatten(value: Any, name: str, depth: int, found: dict[str, str]) -> None:
    if len(found) >= MAX_FIELDS:
        return
    if isinstance(value, dict) and depth < MAX_DEPTH:
        for key, item in value.items():
            _flatten(item, f"{name}.{key}"[:200] if name else key[:200], depth + 1, found)
    elif name:
        found.setdefault(name, _text(value)[:MAX_VALUE])


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)
