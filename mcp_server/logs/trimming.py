"""Long records made short around what they tell. What remains is verbatim; `…` stands for what was cut."""

import re
from functools import cache

_CUT = " … "
_TRACE_LINES = 3
_SHORT = 40


_TROUBLE = (
    r"errors? exception \w{0,60}Error \w{0,60}Exception fail(?:s|ed|ing|ures?|over)? fatal panic refused time[d-]?out"
    r" timed\x20out denied forbidden unreachable crash(?:ed|ing)? abort(?:ed|ing)? killed oom out\x20of\x20memory cannot can't"
    r" could\x20not corrupt(?:ed|ion)? unable unavailable exhausted exceeded lost expired invalid reset\x20by\x20peer segfault"
    r" traceback down rejected broken deadlock degrad(?:ed|ation) critical overload(?:ed)? throttl(?:ed|ing) evicted backoff"
    r" not\x20(?:connected|found|responding|available|ready|allowed|reachable) retry(?:ing)? terminated disconnected full"
    r" dropped stuck unhealthy (?-i:E[A-Z]{4,15})"
)
_TURNS = (
    r"re(?:load|start)\w{0,5} reset configur(?:ed|ation|ing)? config load(?:ed|ing) start(?:ed|ing|up)? (?:re)?boot(?:ed|ing)?"
    r" (?:re)?deploy(?:ed|ing|ment)? stop(?:ped|ping)? shut(?:ting)?\x20?down exit(?:ed|ing)? switch(?:ed|ing|over)? leader"
    r" promot(?:ed|ion) elect(?:ed|ion) master primary migrat(?:ed|ing|ion) upgrad(?:ed|e|ing) version rotat(?:ed|ing|ion)"
    r" roll(?:ed|ing)?\x20?(?:back|out) scal(?:ed|ing) feature maintenance enabled? disabled? chang(?:ed|ing) updat(?:ed|ing)"
    r" flag peer up join(?:ed)? left delet(?:ed|ing) drop(?:ped)? creat(?:ed|ing)"
)


@cache
def trouble() -> re.Pattern[str]:
    """Words of trouble, in any record, whatever level it claims."""
    return re.compile(rf"\b(?:{_TROUBLE.replace(' ', '|')})\b", re.I | re.ASCII)


@cache
def turn() -> re.Pattern[str]:
    """Words of something done to a system, which may be the cause of what follows."""
    return re.compile(rf"\b(?:{_TURNS.replace(' ', '|')})\b", re.I | re.ASCII)


@cache
def _said() -> re.Pattern[str]:
    return re.compile(
        r"\"?\b(?:message|msg|error|err|exception|event|reason|cause|detail|status)\"?\s?[=:]\s?"
        r"(?:\"(?:[^\"\\]|\\.){0,400}\"?|[^\s,;}]{1,200})",
        re.I | re.ASCII,
    )


@cache
def _cause() -> re.Pattern[str]:
    return re.compile(
        r"Caused by: |[A-Za-z_][\w.$]{0,200}(?:Error|Exception|Exit|Interrupt|Warning)\b|panic: |goroutine \d+ \["
    )


def headline(text: str) -> str:
    """What shapes a record of several lines: its first line and the innermost cause of a trace."""
    if "\n" not in text:
        return text
    lines = text.split("\n")
    cause = next((line for line in reversed(lines[1:400]) if _cause().match(line)), "")
    return f"{lines[0]} / {cause}" if cause else lines[0]


def condense(text: str, width: int) -> str:
    """A record of several lines in at most `width` characters: first line, cause, the frames next to the cause."""
    if len(text) <= width or "\n" not in text:
        return trim(text, width)
    lines = text.split("\n")[:400]
    causes = [place for place, line in enumerate(lines) if place and _cause().match(line)]
    inner = causes[-1] if causes else len(lines) - 1
    # a Python trace ends with the cause, a Java one begins with it: frames on both sides
    order = [0, inner, *range(inner + 1, inner + 1 + _TRACE_LINES), *range(inner - 1, inner - 1 - _TRACE_LINES, -1), *causes]
    kept: dict[int, str] = {}
    room = width
    for place in order:
        if place in kept or not 0 <= place < len(lines) or room < 12:
            continue
        kept[place] = trim(lines[place], room - 4 if place else max(room * 2 // 3, 12))
        room -= len(kept[place]) + 4
    parts, before = [], -1
    for place in sorted(kept):
        parts.append(kept[place] if place == before + 1 else "…\n" + kept[place])
        before = place
    return "\n".join(parts)[:width]


def trim(text: str, width: int) -> str:
    """`text` in at most `width` characters: its beginning, and the stretches in which it says what happened."""
    if len(text) <= width:
        return text
    if width < _SHORT:
        return text[: max(0, width - 1)] + "…"[: max(0, width)]
    lead = 0 if width < 200 else width // 10
    keep = [(0, lead)]
    room = width - lead - len(_CUT)
    spans = [match.span() for match in _said().finditer(text, 0, 8_000)]
    if not spans and (begin := _message(text, width)):
        spans.append((begin, begin + max(60, width // 2)))
    spans += [(max(0, match.start() - 40), match.end() + 60) for match in trouble().finditer(text, 0, 8_000)]
    for start, wanted in spans[:40]:
        if any(one <= start < other for one, other in keep):
            continue
        end = min(wanted, start + room - len(_CUT))
        if end - start < 12:
            break
        keep.append((start, end))
        room -= end - start + len(_CUT)
    joined: list[tuple[int, int]] = []
    for start, end in sorted(keep):
        if joined and start <= joined[-1][1] + len(_CUT):
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    rest = width - sum(end - start for start, end in joined) - len(_CUT) * len(joined)
    start, end = joined[-1]
    joined[-1] = (start, min(len(text), end + max(0, rest)))  # what is left goes to the end of the last stretch
    out = _CUT.join(text[start:end] for start, end in joined).lstrip(" ")
    return out[:width] if joined[-1][1] >= len(text) else out[: width - 1] + "…"


def _message(text: str, width: int) -> int:
    """Where the message of a line with a long header seems to begin; 0 when it is near the front."""
    at = max(text.rfind(mark, 0, 200) + len(mark) for mark in (": ", "] ", " - "))
    return at if width // 4 < at < len(text) - 20 else 0
