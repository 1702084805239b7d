"""Secrets never leave: every text is redacted before it is stored and before it is shown.

Redaction fails closed: when it raises, the text is withheld. It is idempotent, and a secret always gets the same tag
(`‹secret:a1b2c3›`, keyed per installation), so that "the same secret as before" stays visible.

How a secret is known: by its form (`secret_tokens`), by the name beside it (`secret_pairs`, judged in `secret_names`),
by the place it stands in (`secret_places`), as a block of lines (`secret_blocks`), by the marking of what it stands in
(`secret_markings`), or wrapped in base64: `secret_scan`.
"""

import hashlib
import hmac
import re
from functools import cache
from types import ModuleType
from typing import Any

TAG = re.compile(r"‹(?:secret|email|address):[0-9a-f]{6}›")

_ROUNDS = 40  # a tag can uncover a secret beside it, which costs another round; two are usual
_DEPTH = 3  # base64 within base64, JSON within JSON
_NOTHING = re.compile(r"[\s\"'`\\,;:=&]*")
_FLAG = re.compile(r"--?[A-Za-z][\w.\-]{0,80}")
_EMAIL = re.compile(r"[A-Za-z0-9._%+\-]{1,64}@[A-Za-z0-9\-]{1,63}(?:\.[A-Za-z0-9\-]{1,63}){1,8}")
_IPV4 = re.compile(
    r"(?<![\w.])(?!127\.|0\.0\.0\.0)(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w]|\.\d)"
)
_GROUP = "[0-9a-fA-F]{1,4}"
_IPV6 = re.compile(
    rf"(?<![\w:.])(?!::1?(?![0-9a-fA-F:]))(?=[a-fA-F:]{{0,39}}\d)"
    rf"(?:(?:{_GROUP}:){{7}}{_GROUP}|(?:{_GROUP}(?::{_GROUP}){{0,6}})?::(?:{_GROUP}(?::{_GROUP}){{0,6}})?)(?![\w:])"
)

_REMEMBERED, _REMEMBERED_CHARS = 8_192, 96


class Redactor:
    """Replaces secrets by stable tags. `key` makes tags of two installations incomparable.

    `emails` and `addresses` (IP) are personal data in some houses and the first thing to look at in others.
    """

    def __init__(self, key: bytes = b"veteran", *, emails: bool = False, addresses: bool = False) -> None:
        self._key = key
        self._emails, self._addresses = emails, addresses
        # short texts known to hold no secret: names, sentences and numbers come again with every answer
        self._clean: set[str] = set()

    def text(self, text: str) -> str:
        """`text` without secrets; the same object when it holds none. Raises ValueError when it does not come to rest."""
        if text in self._clean:
            return text
        redacted = self._text(text, 0)
        if redacted is text and len(text) <= _REMEMBERED_CHARS:
            if len(self._clean) >= _REMEMBERED:
                self._clean.clear()
            self._clean.add(text)
        return redacted

    def data(self, value: Any) -> Any:
        """JSON-like data with every string redacted; a value under a telling key is replaced whole."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return self._members(value)
        if isinstance(value, list | tuple):
            return self._items(value)
        return value

    def _text(self, text: str, depth: int) -> str:
        for _ in range(_ROUNDS):
            found = self._found(text, depth)
            if not found:
                return text
            redacted = self._replaced(text, found)
            if redacted is text:
                return text
            text = redacted
        raise ValueError("redaction does not come to rest")

    def _found(self, text: str, depth: int) -> list[tuple[int, int, str]]:
        scan = _scan()
        spans, wrapped = scan.spans(text)
        found = [(*span, "secret") for span in spans]
        if depth < _DEPTH:
            found += [(*span, "secret") for span, inner in wrapped if self._text(inner, depth + 1) is not inner]
        if self._emails and "@" in text:
            found += [(*match.span(), "email") for match in _EMAIL.finditer(text)]
        if self._addresses:
            found += [(*match.span(), "address") for pattern in (_IPV4, _IPV6) for match in pattern.finditer(text)]
        return found

    def _replaced(self, text: str, found: list[tuple[int, int, str]]) -> str:
        """`text` with the parts found as tags; overlapping parts are one, a tag that stands already is not cut."""
        tags = [tag.span() for tag in TAG.finditer(text)] if "‹" in text else []
        parts: list[tuple[int, int, str]] = []
        for start, end, kind in sorted([*found, *((*tag, "") for tag in tags)]):
            if parts and start < parts[-1][1]:
                before = parts[-1]
                parts[-1] = (before[0], max(before[1], end), "secret" if "secret" in {kind, before[2]} else kind or before[2])
            else:
                parts.append((start, end, kind))
        out: list[str] = []
        at = 0
        for start, end, kind in parts:
            covered = text[start:end]
            if not kind or ("‹" in covered and _NOTHING.fullmatch(TAG.sub("", covered))):
                continue  # nothing but tags
            out += (text[at:start], self._tag(covered, kind))
            at = end
        return "".join((*out, text[at:])) if out else text

    def _members(self, members: dict[Any, Any]) -> dict[str, Any]:
        secret = members.get("kind") == "Secret"
        named = members.get("name", members.get("key", members.get("Name", members.get("Key"))))
        out: dict[str, Any] = {}
        for key, item in members.items():
            name = str(key)
            if secret and name in {"data", "stringData"} and isinstance(item, dict):
                out[name] = {self.text(str(k)): self._whole(v) for k, v in item.items()}
            elif name.lower() == "value" and isinstance(named, str):
                out[self.text(name)] = self._member(named, item)  # {"name": "DB_PASSWORD", "value": "…"}
            else:
                out[self.text(name)] = self._member(name, item)
        return out

    def _items(self, values: Any) -> list[Any]:
        # a pair, as of an environment or of headers; else a command line: the word after `--password` is the secret
        if len(values) == 2 and isinstance(values[0], str) and isinstance(values[1], str) and re.search(r"\d", values[1]):
            return [self.text(values[0]), self._member(values[0].strip("-"), values[1])]
        out: list[Any] = []
        before: Any = None
        for item in values:
            if isinstance(item, str) and isinstance(before, str) and _FLAG.fullmatch(before) and not item.startswith("-"):
                out.append(self._after_flag(before, item))
            else:
                out.append(self.data(item))
            before = item
        return out

    def _after_flag(self, flag: str, item: str) -> str:
        if flag in {"-u", "--user", "--proxy-user"} and ":" in item:
            line = f"curl -u '{item}'"
            redacted = self.text(line)
            return item if redacted is line else redacted.removeprefix("curl -u '").removesuffix("'")
        return self._member(flag.strip("-"), item)  # type: ignore[no-any-return]  # a string stays a string

    def _member(self, key: str, value: Any) -> Any:
        scan = _scan()
        if isinstance(value, str):
            return self._whole(value) if value and scan.named(key, value) else self.text(value)
        if isinstance(value, list | tuple) and scan.always(key):
            return [self._member(key, item) for item in value]
        if isinstance(value, int) and not isinstance(value, bool) and scan.always(key):
            return self._whole(str(value))
        return self.data(value)

    def _whole(self, value: Any) -> Any:
        """A value that is secret whatever it looks like."""
        if not isinstance(value, str):
            return self.data(value)
        return value if not value or TAG.fullmatch(value) else self._tag(value, "secret")

    def _tag(self, secret: str, kind: str) -> str:
        digest = hmac.new(self._key, secret.encode("utf8", "surrogatepass"), hashlib.sha256).hexdigest()
        return f"‹{kind}:{digest[:6]}›"


@cache
def _scan() -> ModuleType:
    """What knows the secrets, loaded with the first text: a start costs nothing."""
    from mcp_server.core import secret_scan

    return secret_scan
