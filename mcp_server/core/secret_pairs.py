"""Secrets that stand next to a telling name: `name=value`, `"name": "value"`, `<name>value</name>`, `--name value` …

Only where a telling word stands is anything parsed, so ordinary text costs a few substring searches.
"""

import re
from collections.abc import Iterator
from functools import cache

from mcp_server.core.secret_names import Weight, is_secret, looks_random, placeholder, weight

Span = tuple[int, int]

_LONGEST = 16_000  # characters of one quoted value; what is longer is cut there and the rest is looked at by itself

_NAME_RIGHT = re.compile(r"[\w.\-]{0,80}")

# What may stand between a name and its value. Everything is bounded.
_BETWEEN = re.compile(
    r"""(?P<close>\\{0,15}["'`]|&(?:quot|apos|\#3[49]);|%2[27])?[\])]{0,2}(?:\x1b\[[\d;]{0,12}m|[\u200b-\u200f\u2060\ufeff]){0,4}
    (?:
      (?P<item>[,\s]{1,80}(?:-[ ]{1,4})?\\{0,15}["']?value\\{0,15}["']?[ \t]{0,20}[:=]{1,2}[ \t]{0,20})  # name: X, value: …
    | (?P<tag></[\w.:\-]{1,80}>\s{0,80}<(?:string|value|[\w\-]{0,20}:string)>)     # <key>X</key><string>…
    | (?P<typed>\ ?[:?]{0,2}\ ?[A-Za-z_][\w.<>\[\]|?, ]{0,40}?[ \t]{0,20}(?:(?<![=!<>~])=(?![=~>])|:=)[ \t]{0,20}
         (?=[bBrRuUfF@]{0,2}\\{0,15}["\'`]))  # X: str = "…"
    | (?P<sign>\s{0,40}(?:=>|:{1,3}=|\?=|\+=|\.=|===?|=|:(?![:/])|%3[aAdD])[ \t]{0,40}
         (?:\x1b\[[\d;]{0,12}m|&(?:quot|apos|\#3[49]);|%2[27]){0,4})
    | (?P<fold>\s{0,10}[:=]\s{0,4}\n\s{0,80}(?=["']))                               # X:\n  "…"
    | (?P<comma>\s{0,10},\s{0,40})
    | (?P<space>[ \t]{1,20}(?:\\\n[ \t]{0,80})?)
    )
    """,
    re.X,
)
_OPEN = re.compile(r"[bBrRuUfF@]{0,2}(\\{0,15})([\"'`])(?:\2\2)?")
_BARE = re.compile(
    r"(?:[^\s\"'`<>&;,(){}\[\]|\\‹›]"
    r"|&(?![\w.\-%\[\]]{1,60}=|amp;|quot;)|;(?!\s|$|[\w ]{1,40}=)|,(?!\s|$|[\w.\-]{1,40}[=:]|[\"'{])"
    r"|[(\[{](?=[^\s\"'`])|[)\]}|](?=[\w!@#$%^*+\-])|\\(?![nrt\"'`\\]|$)|<(?!/|[a-zA-Z])|>(?=[\w!@#$%^*+\-])){1,1000}"
)
_COMMENT = re.compile(r"[ \t]+(?:#|//|;|--|\\|[\w.\-]{1,40}[=:]).*$")
_PROSE = re.compile(r"[ \t]+[A-Za-z(]")
_SCHEME = re.compile(
    r"(?i:(?:basic|bearer|token|digest|negotiate|ntlm|apikey|api-key|key|jwt|oauth|ssws|aws4-hmac-sha256|pat|hawk|splunk)\s+)"
)
_REST_OF_QUOTED = re.compile(r"[^\"'`\\\n]+")
_LINE_START = re.compile(r"[ \t]{0,80}(?:[#;*>+\-]{1,3}[ \t]{0,4})?(?:export |set |setx |declare -x |ENV |ARG |env\.)?")
_HEX_KEY = re.compile(r"[0-9a-fA-F\-]{16,200}")
_ELEMENT_OPEN = re.compile(r"(?: [^<>\n]{0,200})?>\s{0,80}(?:<!\[CDATA\[)?")
_ELEMENT = re.compile(r"([^<]{1,16000})</")
_CDATA = re.compile(r"\]\]>")
_HEADER = re.compile(r"(?i:(?:^|[\-_])(?:authorization|cookie|set-cookie|cookie2)$)")
_HEADER_END = re.compile(r"[\r\n\"'`‹<]|\\[nr\"']")
_BLOCK = re.compile(r"[|>][+\-0-9]{0,2}[ \t]*(?:#[^\n]{0,200})?\n")


def spans(text: str, lowered: str, words: list[str]) -> Iterator[Span]:
    """Where a value stands that its name makes a secret. `lowered` is the text in small letters, of the same length;
    `words` are those of WORDS that stand in it."""
    pairs = _Pairs(text)
    for word in words:
        at = lowered.find(word)
        while at >= 0:
            start, limit = at, max(0, at - 80)
            while start > limit and (text[start - 1].isalnum() or text[start - 1] in "_.-"):
                start -= 1
            end = _NAME_RIGHT.match(text, at).end()  # type: ignore[union-attr]  # it matches the empty text
            found = pairs.value_of(start, end)
            if found:
                yield found
            at = lowered.find(word, max(found[1] if found else 0, pairs.judged, end, at + 1))
        pairs.judged = 0


class _Pairs:
    def __init__(self, text: str) -> None:
        self.text = text
        self.judged = 0  # to here reaches a header that held no secret
        self._bare = (0, 0)  # the unquoted run looked at last: names inside it need no second look for its end

    def value_of(self, start: int, end: int) -> Span | None:
        """The secret that belongs to the name text[start:end]."""
        text = self.text
        raw = text[start:end]
        name = raw.strip(".-")
        kind = weight(name)
        if kind is None or text[start - 1 : start] == "‹":
            return None
        if "<" in text[max(0, start - 12) : start] and (element := _ELEMENT_OPEN.match(text, end)):
            return self._element(name, kind, element.end())
        between = _BETWEEN.match(text, end)
        how = between.lastgroup if between else None
        if between is None or how in {None, "close"}:
            return None
        at = between.end()
        opened = bool(between["close"])
        sign = between["sign"] or ""
        if _HEADER.search(name):
            return self._header(name, end + text[end:at].find(":") + 1 if how == "typed" else at)
        flag = raw.startswith("-") and text[start - 1 : start] in {"", " ", "\t", "\n", '"', "'", "=", "[", "(", ","}
        if how == "space" and not (flag or self._spaced(name, at)):
            return None
        value = None if how == "comma" and not (opened and _OPEN.match(text, at)) else self._value(at)
        if value is None:
            block = how in {"sign", "item"} and text[at : at + 1] in {"|", ">"}
            return self._block(start, at, name, kind) if block else None
        first, last, quoted = value
        if how == "comma" and not (flag or looks_random(text[first:last]) or _key_like(text[first:last])):
            return None  # ("api_key", "abc…") is a pair, ("token", "user") is a list
        tight = False
        if not quoted:
            if "==" in sign:
                return None
            line_start = self._starts_line(start)
            tight = sign.endswith(":") and not opened  # `name:value`, as in keys of caches
            if not tight and kind == "password" and sign and line_start:
                last = self._rest_of_line(first, last)
            elif not tight and sign.strip() == ":" and not opened and not self._stands(first, last, line_start, kind):
                return None
        scheme = _SCHEME.match(text, first, last)
        if scheme:
            first = scheme.end()
        sure = quoted or how == "tag" or (how == "item" and ":" in between[0])
        if not is_secret(name, kind, text[first:last], quoted=sure, tight=tight):
            return None
        return first, self._all_of(last, quoted)

    def _all_of(self, last: int, quoted: bool) -> int:
        """The end of a secret that was longer than what was looked at."""
        if quoted:
            if last < len(self.text) and self.text[last] not in "\"'`\\\n":
                rest = _REST_OF_QUOTED.match(self.text, last)
                return rest.end() if rest else last
            return last
        while last and last == self._bare[1] and (more := _BARE.match(self.text, last)):
            last = more.end()
            self._bare = (self._bare[0], last)
        return last

    def _value(self, at: int) -> tuple[int, int, bool] | None:
        """Begin and end of the value at this place, and whether it is quoted; None when none stands there."""
        text = self.text
        opened = _OPEN.match(text, at)
        if opened:
            return self._quoted(opened)
        if not self._bare[0] <= at < self._bare[1]:
            bare = _BARE.match(text, at)
            if bare is None:
                return None
            self._bare = bare.span()
        last = self._bare[1]
        while last > at and text[last - 1] in ".,:;!?" and last < len(text) and text[last].isspace():
            last -= 1
        return (at, last, False) if last > at else None

    def _quoted(self, opened: re.Match[str]) -> tuple[int, int, bool] | None:
        text = self.text
        first, depth, quote = opened.end(), len(opened[1]), opened[2]
        triple = opened.end() - opened.end(1) == 3
        limit = min(len(text), first + _LONGEST)
        last, doubled = limit, 0
        if not triple:
            # no newline: cut off, or a quote in prose
            newline = text.find("\n", first, limit)
            last = limit = newline if newline >= 0 else limit
        for end in _ends(quote * 3 if triple else quote).finditer(text, first, limit):
            escapes = len(end[1])
            if end.start() < doubled:
                continue
            if escapes > depth and (depth or escapes % 2):
                continue  # a quote inside the value
            if not (depth or triple) and end.start() > first and text.startswith(quote, end.end()):
                doubled = end.end() + 1  # as in YAML and CSV
                continue
            last = end.start() if depth else end.end(1)
            break
        return (first, last, True) if last > first else None

    def _header(self, name: str, at: int) -> Span | None:
        """A header's value goes to the end of its line or quotes: cookies hold several secrets, signatures several parts."""
        text = self.text
        while text[at : at + 1] in {" ", "\t"}:
            at += 1
        opened = _OPEN.match(text, at)
        if opened:
            found = self._quoted(opened)
            first, last = found[:2] if found else (at, at)
        else:
            stop = _HEADER_END.search(text, at)
            first, last = at, stop.start() if stop else len(text)
        self.judged = last
        scheme = _SCHEME.match(text, first, last)
        if scheme:
            first = scheme.end()
        value = text[first:last].rstrip()
        if len(value) >= 6 and is_secret(name, "secret", value, quoted=bool(opened) or "=" in value):
            return first, first + len(value)
        return None

    def _element(self, name: str, kind: Weight, at: int) -> Span | None:
        found = _ELEMENT.match(self.text, at)
        if not found:
            return None
        value = _CDATA.sub("", found[1]).strip()
        first = at + found[1].find(value)
        return (first, first + len(value)) if value and is_secret(name, kind, value, quoted=True) else None

    def _block(self, start: int, at: int, name: str, kind: Weight) -> Span | None:
        """A YAML block: `name: |` and the deeper lines below."""
        text = self.text
        head = _BLOCK.match(text, at)
        if not head or kind == "hint":
            return None
        indent = start - (text.rfind("\n", 0, start) + 1)
        end = head.end()
        while end < len(text) and end - at < _LONGEST:
            line_end = text.find("\n", end)
            line = text[end : line_end if line_end >= 0 else len(text)]
            if line.strip() and len(line) - len(line.lstrip(" ")) <= indent:
                break
            end = line_end + 1 if line_end >= 0 else len(text)
        block = text[head.end() : end]
        value = block.strip()
        if not value or value.startswith("{{") or not is_secret(name, kind, value, quoted=True):
            return None
        first = head.end() + block.find(value)
        return first, first + len(value)

    def _starts_line(self, start: int) -> bool:
        line = self.text.rfind("\n", max(0, start - 120), start) + 1
        if not line and start > 120:
            return False
        found = _LINE_START.match(self.text, line)
        return found is not None and found.end() >= start - 1

    def _rest_of_line(self, first: int, last: int) -> int:
        """`password: correct horse battery`: the whole rest, but for a comment, the next pair, or prose."""
        text = self.text
        if placeholder(text[first:last].rstrip(".,:;")):
            return last
        stop = text.find("\n", last, last + 400)
        line = text[first : stop if stop >= 0 else min(len(text), last + 400)]
        kept = _COMMENT.sub("", line).rstrip(" \t\r,;\"'")
        if any(mark in kept for mark in "\"'<>{}()[]‹›|\\"):
            return last
        return max(last, first + len(kept))

    def _stands(self, first: int, last: int, line_start: bool, kind: Weight) -> bool:
        """Whether `name: word` is a pair of a file rather than a sentence."""
        word = self.text[first:last]
        follows = bool(_PROSE.match(self.text, last))
        if any(map(str.isdigit, word)) and any(map(str.isalpha, word)):
            return len(word) >= 6 or not follows
        return (line_start or kind == "password") and not follows and len(word) >= 4

    def _spaced(self, name: str, at: int) -> bool:
        """`setx API_TOKEN value`, `aws configure set aws_secret_access_key value`: a name of several words, a random value."""
        value = _BARE.match(self.text, at)
        return value is not None and ("_" in name or name.isupper()) and looks_random(value[0])


def _key_like(word: str) -> bool:
    """A UUID or a hexadecimal key, where a name says that it is one."""
    return _HEX_KEY.fullmatch(word) is not None


@cache
def _ends(quote: str) -> re.Pattern[str]:
    return re.compile(r"(\\*)" + quote)
