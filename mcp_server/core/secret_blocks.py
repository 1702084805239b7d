"""Secrets that fill lines: private keys in all their wrappings, and the data of Kubernetes Secrets.

A chunk of a file may begin or end in the middle of a key: the begin marker suffices, or the end marker.
"""

import base64
import binascii
import re
from collections.abc import Iterator

Span = tuple[int, int]

_REACH = 40_000  # characters a key may have
_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_BEGIN = re.compile(r"-{4,5} ?BEGIN (?:[A-Z0-9 ]{0,40})(?:PRIVATE|SECRET) KEY(?: BLOCK)? ?-{4,5}")
_END = re.compile(r"-{4,5} ?END (?:[A-Z0-9 ]{0,40})(?:PRIVATE|SECRET) KEY(?: BLOCK)? ?-{4,5}")
_BREAK = re.compile(r"\\{1,15}r\\{1,15}n|\\{1,15}[nr]|\r?\n")
_KEY_LINE = re.compile(
    r"[\s>|*#+\-\"',\\]{0,80}"
    r"(?:[A-Za-z0-9+/_\-]{1,4000}={0,3}|[A-Z][A-Za-z\-]{2,30}: [^\n]{0,200}|=[A-Za-z0-9+/]{4})?[\s\"',\\]{0,40}"
)
# the first bytes of unencrypted private keys, where no marker is left: OpenSSH, PKCS#1, PKCS#8, SEC1, Ed25519
_NAKED = re.compile(
    r"(?<![A-Za-z0-9+/])(?:b3BlbnNzaC1rZXktdjE|MII[A-Za-z0-9+/]{3}IBAAKC|MII[A-Za-z0-9+/]{2}[A-Za-z0-9+/]IBADANBgkqhki"
    r"|MHcCAQEEI|MIGkAgEBBD|MIHcAgEBBE|MIG[A-Za-z0-9+/]AgEAMB[A-Za-z0-9+/]GByqGSM49|MC4CAQAwBQYDK2Vw)"
    r"(?:[A-Za-z0-9+/=]|[ \t]{0,40}(?:\r?\n|\\{1,3}n)[ \t]{0,40}(?=[A-Za-z0-9+/=]{8})){8,16000}"
)
_PUTTY = re.compile(
    r"Private-Lines: \d{1,4}(?:\r?\n|\\n)(?P<s>(?:[A-Za-z0-9+/=]{1,100}(?:\r?\n|\\n|$)){1,400})"
    r"|Private-MAC: (?P<t>[0-9a-f]{16,128})"
)

_KIND = re.compile(r"\\{0,15}[\"']?kind\\{0,15}[\"']?[ \t]{0,8}:\s{0,20}\\{0,15}[\"']?Secret\\{0,15}(?=[\"'\s,}]|$)")
_ANY_KIND = re.compile(r"\bkind\\{0,15}[\"']?[ \t]{0,8}:")
_JSON_DATA = re.compile(r"\\{0,15}\"(?:data|stringData)\\{0,15}\"\s{0,20}:\s{0,20}\{([^{}]{0,200000})\}?")
_JSON_VALUE = re.compile(r":\s{0,20}\\{0,15}\"([^\"\\]{1,100000}|(?:[^\"\\]|\\.){1,100000}?)(?=\\{0,15}\"|$)")
_YAML_DATA = re.compile(r"([ \t-]{0,80})(?:data|stringData):[ \t]*(?:#.*)?$")
_YAML_PAIR = re.compile(r"([ \t]{0,80})[\"']?[\w.\-/]{1,253}[\"']?:[ \t]{0,20}(.*?)[ \t]*$")


def spans(text: str) -> Iterator[Span]:
    """Where key material and Secret data stand."""
    if "KEY" in text and "----" in text:
        yield from _marked(text)
    if "b3BlbnNzaC" in text or "MII" in text or "MHcC" in text or "MIG" in text or "MIHc" in text or "MC4C" in text:
        yield from (found.span() for found in _NAKED.finditer(text))
    if "Private-" in text:
        for found in _PUTTY.finditer(text):
            yield found.span("s" if found["s"] else "t")
    if "Secret" in text:
        yield from _kubernetes(text)


def _marked(text: str) -> Iterator[Span]:
    done = 0
    ends = [(found.start(), found.end()) for found in _END.finditer(text)]
    begins = [(found.start(), found.end()) for found in _BEGIN.finditer(text)]
    at = 0
    for index, (_, first) in enumerate(begins):
        following = begins[index + 1][0] if index + 1 < len(begins) else len(text)
        while at < len(ends) and ends[at][0] < first:
            yield from _before_end(text, done, ends[at][0])
            done = ends[at][1]
            at += 1
        if at < len(ends) and ends[at][0] <= min(following, first + _REACH):
            body, last, done = text[first : ends[at][0]], ends[at][0], ends[at][1]
            at += 1
        else:
            last = _lines_after(text, first, min(following, first + _REACH))
            body, done = text[first:last], last
        if sum(letter in _BASE64 for letter in _BREAK.sub("", body)) >= 4 and "..." not in body[:12]:
            yield first, last
    for start, end in ends[at:]:
        yield from _before_end(text, done, start)
        done = end


def _lines_after(text: str, first: int, limit: int) -> int:
    """The end of the lines that look like a key's, from `first` on."""
    last = at = first
    while at < limit:
        found = _BREAK.search(text, at, limit)
        stop = found.start() if found else limit
        if not _KEY_LINE.fullmatch(text, at, stop):
            inside = re.compile(r"[\sA-Za-z0-9+/=]{0,200}").match(text, at, stop)
            return inside.end() if inside and at == first else last
        last, at = stop, (found.end() if found else limit)
    return last


def _before_end(text: str, floor: int, end: int) -> Iterator[Span]:
    """The lines of a key before an end marker whose begin was not seen."""
    floor = max(floor, end - _REACH)
    start = floor + len(text[floor:end].rstrip(_BASE64 + " \t\r\n\\\"',>|*#-_"))
    pieces: list[tuple[int, int]] = []
    for found in _BREAK.finditer(text, start, end):
        pieces.append((start, found.start()))
        start = found.end()
    pieces.append((start, end))
    first = end
    for begin, stop in reversed(pieces):
        line = text[begin:stop].strip(" \t\"',>|*#")
        if not line:
            continue
        if " " in line or (first != end and len(line) < 16):
            break
        first = begin
    if end - first >= 8:
        yield first, end


def _kubernetes(text: str) -> Iterator[Span]:
    done = 0
    for found in _KIND.finditer(text):
        if found.start() < done:
            continue
        if '"' in found[0]:
            yield from _json_secret(text, found, done)
            done = found.end()
        else:
            start, done = _item(text, found, done)
            yield from _yaml_values(text, start, done)


def _json_secret(text: str, kind: re.Match[str], floor: int) -> Iterator[Span]:
    """`data` stands before its `kind` where keys are sorted, elsewhere behind."""
    reach = 400_000
    back = max(floor, kind.start() - reach)
    for other in _ANY_KIND.finditer(text, back, kind.start()):
        back = other.end()
    ahead = _ANY_KIND.search(text, kind.end(), kind.end() + reach)
    stop = ahead.start() if ahead else min(len(text), kind.end() + reach)
    maps = list(_JSON_DATA.finditer(text, back, kind.start())) or list(_JSON_DATA.finditer(text, kind.end(), stop))
    maps += [m for m in _JSON_DATA.finditer(text, kind.end(), stop) if "stringData" in m[0][:40] and m not in maps]
    for members in maps:
        for value in _JSON_VALUE.finditer(text, *members.span(1)):
            yield value.span(1)


def _item(text: str, kind: re.Match[str], floor: int) -> tuple[int, int]:
    """The object of a YAML document that a `kind:` belongs to: lines at its depth or deeper."""
    line = text.rfind("\n", 0, kind.start()) + 1
    depth = kind.start() - line
    start = line
    if "-" not in text[line : kind.start()]:
        while start > floor:
            before = text.rfind("\n", 0, start - 1) + 1
            head = text[before : start - 1]
            if head.strip() and (len(head) - len(head.lstrip(" -")) < depth or head.startswith("---")):
                break
            start = before
            if head[:depth].strip() == "-":
                break
    end = kind.end()
    while end < len(text):
        newline = text.find("\n", end)
        if newline < 0:
            return start, len(text)
        rest = text[newline + 1 : newline + 1 + depth + 3]
        if rest.startswith("---") or (rest.strip(" \n") and (rest[:depth].strip(" \n"))):
            return start, newline
        end = newline + 1
    return start, len(text)


def _yaml_values(text: str, start: int, end: int) -> Iterator[Span]:
    depth: int | None = None
    at = start
    block: int | None = None  # the depth of a key whose value fills the lines below it
    while at <= end:
        newline = text.find("\n", at, end)
        stop = newline if newline >= 0 else end
        line = text[at:stop]
        inner = len(line) - len(line.lstrip(" "))
        if depth is None or (line.strip() and inner <= depth):
            depth, block = None, None
            head = _YAML_DATA.fullmatch(line)
            if head:
                depth = len(head[1])
        elif line.strip() and block is not None and inner > block:
            yield at + inner, stop
        else:
            pair = _YAML_PAIR.fullmatch(line)
            block = inner if pair else None
            if pair and pair[2] and not re.fullmatch(r"[|>][+\-0-9]{0,2}|\"\"|''|\{\{.*", pair[2]):
                first, last = at + pair.start(2), at + pair.end(2)
                if pair[2][0] in "\"'" and pair[2][-1] == pair[2][0] and len(pair[2]) > 2:
                    first, last = first + 1, last - 1
                yield first, last
        if newline < 0:
            return
        at = newline + 1


def decoded(text: str) -> str | None:
    """What a run of base64 says, when it says text."""
    compact = re.sub(r"\s|\\{1,3}n", "", text)
    compact = compact[: len(compact) // 4 * 4]
    try:
        return base64.b64decode(compact, validate=True).decode("utf8")
    except (binascii.Error, ValueError):
        return None


_WRAPPED = ("LS0tLS1CRUdJTi", "TFMwdExTMUNSVWRKVGl", "QUtJQ", "QVNJQ", "YXBpVmVyc2lvbjog", "a2luZDog", "eyJ", "ewog", "ewkJ",
            "W2RlZmF1bHRd", "Z2hwX", "Z2xwYXQt")  # fmt: skip

# Where none of these begins a word there is nothing to find here (`eyJ` begins tokens, too, and is looked for there).
MARKS = frozenset(
    {"BEGIN", "END", "Lines: ", "MAC: ", "Secret", "b3BlbnNzaC", "MII", "MHcC", "MIG", "MIHc", "MC4C", *_WRAPPED} - {"eyJ"}
)


def wrapped(text: str) -> Iterator[Span]:
    """Where base64 stands that may wrap a secret."""
    yield from (found.span() for found in _RUN.finditer(text))


# base64 of what is worth a look inside: a PEM or its base64, AWS keys, a Kubernetes object, JSON, docker logins
_RUN = re.compile(
    rf"(?<![A-Za-z0-9+/])(?:{'|'.join(_WRAPPED)})"
    r"[A-Za-z0-9+/]{10,400000}(?:[ \t]{0,40}(?:\r?\n|\\{1,3}n)[ \t]{0,40}[A-Za-z0-9+/]{8,4000}){0,400}={0,2}"
)
