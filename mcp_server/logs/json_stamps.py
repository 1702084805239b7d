"""The time of a JSON line: the member that names it, wherever it stands."""

import re
from collections.abc import Iterator
from itertools import chain, islice

from mcp_server.logs.calendar_stamps import calendar
from mcp_server.logs.special_stamps import KEYS, epoch
from mcp_server.logs.stamp_parts import Raw, nanos

JSON_HEAD = 8_000
"""Characters of a JSON line in which its time may stand."""
_BEFORE = 400
JSON_TAIL = 300
"""Characters at the end of a longer JSON line: container runtimes write the time there."""
_JSON_KEY = re.compile(
    r"(?<!\\)\"(?:("
    + KEYS
    + r"|__REALTIME_TIMESTAMP|_SOURCE_REALTIME_TIMESTAMP|time_?millis|epochSecond|msg_?time|observed_?timestamp|start_?time)"
    r")\"\s{0,4}:\s{0,4}(?:\{\s{0,4}\"(?:\$date|seconds|epochSecond)\"\s{0,4}:\s{0,4})?(?:\{\s{0,4}\"\$numberLong\"\s{0,4}:\s{0,4})?(\"?)",
    re.I,
)
_JSON_OTHER = re.compile(
    r"(?<!\\)\"(?!(?:expir|valid|until|not|birth|next|due|modif|updat|last|dead|max|min|ttl))"
    r"([A-Za-z_.@]{0,30}(?:time(?:stamp)?(?:unix)?(?:_?nanos?|_?millis|_?ms)?|date|_at))\"\s{0,4}:\s{0,4}(\"?)",
    re.I,
)
_NUMBER = re.compile(r"(-?[0-9]{9,19})(?:\.([0-9]{1,12}))?(?![\w.])|([0-9])\.([0-9]{5,18})[eE]\+?(0?9|12)")
_NANOS = re.compile(r"[\s,]{0,4}\"(?:nanos|nanoOfSecond)\"\s{0,2}:\s{0,2}([0-9]{1,9})")


def json_stamp(line: str) -> Raw | None:
    """The member of a JSON line that names its time: the first of the usual names whose value is one, else of others."""
    at = line.find("{", 0, _BEFORE)
    if at > 0 and (before := calendar(line[:at])):
        return before
    return _member(line, at, _JSON_KEY) or (_member(line, at, _JSON_OTHER) if line[:1] == "{" else None)


def _member(line: str, at: int, key: re.Pattern[str]) -> Raw | None:
    found: Iterator[re.Match[str]] = key.finditer(line, at, JSON_HEAD)
    if len(line) > JSON_HEAD:
        found = chain(found, key.finditer(line, max(JSON_HEAD, len(line) - JSON_TAIL)))
    for match in islice(found, 12):
        start = match.end()
        if (number := _NUMBER.match(line, start)) and (since := _number(line, number)):
            return since
        value = line[start : start + 80]
        if match[2] and (dated := calendar(value)) and dated.start <= 14:
            return dated._replace(start=start + dated.start, end=start + dated.end, dialect="JSON " + dated.dialect)
    return None


def _number(line: str, match: re.Match[str]) -> Raw | None:
    if match[3]:
        digits = match[3] + match[4]
        length = 10 if match[5].endswith("9") else 13
        digits = digits.ljust(length, "0")
        return epoch(match.start(), match.end(), int(digits[:10]), nanos(digits[10:]), "JSON epoch")
    digits = match[1]
    finer = {9: 0, 10: 0, 13: 3, 16: 6, 19: 9}.get(len(digits))
    if finer is None or digits[0] == "-":
        return None
    seconds = int(digits[: len(digits) - finer])
    fraction = (digits[len(digits) - finer :] if finer else "") + (match[2] or "")
    if not fraction and (more := _NANOS.match(line, match.end())):
        return epoch(match.start(), more.end(), seconds, int(more[1]), "JSON epoch and nanoseconds")
    return epoch(match.start(), match.end(), seconds, nanos(fraction), "JSON epoch")
