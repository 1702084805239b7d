"""The severity a record states, in whatever way its program states it."""

import re
from typing import Literal

Level = Literal["critical", "error", "warning", "info", "debug"]

_LEVELS: dict[str, Level] = {
    "emerg": "critical", "emergency": "critical", "alert": "critical", "crit": "critical", "critical": "critical",
    "fatal": "critical", "panic": "critical", "severe": "error", "error": "error", "err": "error", "warn": "warning",
    "warning": "warning", "notice": "info", "info": "info", "information": "info", "log": "info", "note": "info",
    "config": "info", "debug": "debug", "trace": "debug", "verbose": "debug", "fine": "debug", "finer": "debug",
    "finest": "debug", "dpanic": "critical", "wrn": "warning", "inf": "info", "dbg": "debug", "ftl": "critical",
    "vrb": "debug", "trc": "debug", "fail": "error", "failure": "error",
}  # fmt: skip
_RANK: tuple[Level, ...] = ("critical", "error", "warning", "info", "debug")
_SYSLOG: tuple[Level, ...] = ("critical", "critical", "critical", "error", "warning", "info", "info", "debug")
_OTEL_LEVELS: tuple[Level, ...] = ("debug", "debug", "info", "warning", "error", "critical")
_TENS: dict[int, Level] = {10: "debug", 20: "debug", 30: "info", 40: "warning", 50: "error", 60: "critical"}
_LETTERS: dict[str, Level] = {
    "F": "critical", "C": "critical", "X": "critical", "A": "critical", "E": "error", "W": "warning", "I": "info",
    "N": "info", "D": "debug", "V": "debug", "T": "debug",
}  # fmt: skip
_PLAIN = {"log", "note", "config", "fine", "finer", "finest", "fail", "failure", "verbose"}
_WORD = "|".join(sorted(_LEVELS, key=len, reverse=True))
_SHOUTED = "|".join(sorted((word for word in _LEVELS if word not in _PLAIN), key=len, reverse=True)).upper()
_LEVEL = re.compile(
    rf"[\[(](?:[a-z_]{{1,20}}:)?(?P<a>(?i:{_WORD}))[\])]"
    rf"|\b(?:level(?:name)?|severity(?:_?text)?|lvl|log\.level)\"? ?[=:] ?\"?(?P<b>(?i:{_WORD}))\b"
    r"|(?:^|[\]\w]: )(?P<e>(?i:fatal|panic|emerg|alert|crit|critical|error|err|warn|warning))(?=: )"
    rf"|(?:^|[\s|:-])(?P<c>{_SHOUTED}|Warning|Error|Notice)(?=[\s|:\]-])|(?:^|\s)(?P<d>LOG|NOTE|VERBOSE|CONFIG|FINE[RS]?T?): ",
    re.ASCII,
)
_NUMBER = re.compile(
    r"\"(?:level|severity|lvl|log_level|(?i:priority|severity_?number))\" ?: ?\"?([0-9]{1,2})\"?[,}\s]", re.ASCII
)
_OTEL = re.compile(r"\"severity_?number\"", re.ASCII | re.I)
_PRIORITY = re.compile(r"<([0-9]{1,3})>(?=[\w\[:* ])", re.ASCII)
_LETTER = re.compile(
    r"([IWEFD])(?:[0-9]{4}){1,2} [0-9]{2}:[0-9]{2}:[0-9]{2}"  # klog, glog
    r"|([DIWEFA]), \[[0-9]{4}-"  # Ruby
    r"|([A-Z]) \[[0-9]{2}/[A-Z][a-z]{2}/"  # cups
    r"|[0-9T:. -]{14,30}\s{1,2}[0-9]{1,7}\s{1,4}[0-9]{1,7} ([VDIWEF]) "  # Android, threadtime
    r"|(?:[0-9T:. -]{14,30}\s)?([VDIWEF])/[\w.:-]{1,40}\s?\("  # Android, brief and time
    r"|\{\"t\":.{1,80}\"s\":\"([DIWEF])[1-5]?\""  # MongoDB
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.+-]{10,22}Z? ([DIWEF]) +[A-Z-]{1,12} ",  # MongoDB before 4.4
    re.ASCII,
)
_REDIS = re.compile(r"[0-9]{1,7}:[XCSM] .{10,40}? ([#*.-]) ", re.ASCII)
_REDIS_LEVELS: dict[str, Level] = {"#": "warning", "*": "info", "-": "info", ".": "debug"}
_ACCESS = re.compile(r"\" (?P<status>[1-5]\d\d) (?:\d|-)", re.ASCII)
_TROUBLES = (
    "Traceback (most recent call last)", "Exception in thread ", "PHP Fatal error:", "PHP Parse error:", "segfault at",
    "Killed process", "Kernel panic", "BUG: ", "Oops: ", "' panicked at ", "Uncaught ",
)  # fmt: skip
_TRACE = re.compile(
    r"^(?:panic: |fatal error: |goroutine \d+ \[|Unhandled exception|Caused by: |\s+at [\w$.<>]{1,200}\()"
    r"|^\S{1,200}:\d+:in [`'].{1,200}\(\w*Error\)",
    re.M,
)
_COLOUR = re.compile(r"\x1b\[[0-9;?]{0,20}[A-Za-z]")
_HEAD = 240
_SEEN = 16_384


def level_of(text: str) -> Level | None:
    """The level a record states: the weightiest of its lines' own; a trace is an error, an access log's 5xx too."""
    if "\x1b" in text:
        text = _COLOUR.sub("", text[: 2 * _SEEN])
    first, _, rest = text.partition("\n")
    if status := _ACCESS.search(first, 0, 2_000):
        return "error" if status["status"] >= "500" else "info"
    found: set[Level] = set()
    own = _stated(first)
    if own:
        found.add(own)
    for line in rest[:_SEEN].split("\n", 50)[:50] if rest else ():
        if match := _LEVEL.search(line, 0, _HEAD):
            found.add(_word(match))
    if _TRACE.match(text) or any(word in text for word in _TROUBLES) or (rest and _TRACE.search(text, len(first), _SEEN)):
        found.add("error")
    return min(found, key=_RANK.index) if found else None


def _stated(line: str) -> Level | None:
    """The level of a first line: what its format says by position, by number, by word, by syslog priority."""
    if match := _LETTER.match(line, 0, _HEAD):
        return _LETTERS.get(next(letter for letter in match.groups() if letter))
    if line[:1] == "{" and (number := _NUMBER.search(line, 0, 8_000)):
        return _numbered(int(number[1]), otel=bool(_OTEL.match(number[0])))
    if match := _LEVEL.search(line, 0, 8_000 if line[:1] == "{" else _HEAD):
        return _word(match)
    if (match := _PRIORITY.match(line)) and int(match[1]) < 192:
        return _SYSLOG[int(match[1]) % 8]
    if match := _REDIS.match(line, 0, _HEAD):
        return _REDIS_LEVELS[match[1]]
    return None


def _word(match: re.Match[str]) -> Level:
    return _LEVELS[next(word for word in match.groups() if word).lower()]


def _numbered(value: int, *, otel: bool) -> Level | None:
    """pino and bunyan 10 … 60, Python 10 … 50, syslog 0 … 7, OpenTelemetry 1 … 24."""
    if otel:
        return _OTEL_LEVELS[min(max(value - 1, 0) // 4, 5)]
    return _SYSLOG[value] if value <= 7 else _TENS.get(value)


def weight(level: Level | None) -> int:
    """0 for the weightiest; a record without a level stands between warning and info."""
    return _RANK.index(level) * 2 if level else 5
