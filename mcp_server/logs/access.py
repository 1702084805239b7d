"""Requests in access logs: when, which status, how long, for what. Lines that are none are counted, not guessed."""

import re
from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import NamedTuple

from mcp_server.logs.fields import fields_of
from mcp_server.logs.time import stamp_of

_QUOTED = re.compile(
    r'"(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|CONNECT|TRACE) (?P<path>[^ "]{0,2000})[^"]{0,2000}" (?P<status>[1-5]\d\d)\b'
)
_HAPROXY = re.compile(r' (?:-?\d+/){4}\+?(?P<took>\d+) (?P<status>[1-5]\d\d|-1) .*?"(?:[A-Z]{3,7}) (?P<path>[^ "]{0,2000})')
_TOOK = re.compile(r'(?:rt|request_time|urt)=(\d{1,6}\.\d{1,6})|"[^"]*" (\d{1,4}\.\d{3})(?= |$)')
_STATUS = ("status", "status_code", "statusCode", "http_status", "response.status", "http.status_code", "code")
_PATH = ("path", "uri", "request_uri", "url", "request.path", "http.target", "route")
_SECONDS = ("request_time", "duration_s", "elapsed")
_MILLISECONDS = ("duration_ms", "latency_ms", "elapsed_ms", "took_ms", "response_time_ms")


class Request(NamedTuple):
    """One request. `took_ms` is None where the log does not say; `path` has no query."""

    at: datetime
    status: int
    path: str
    took_ms: float | None


def requests(lines: Iterator[str], zone: tzinfo | None = None) -> Iterator[Request | None]:
    """A request per line, None for a line that is none (or whose time cannot be read)."""
    for line in lines:
        yield request(line, zone)


def request(line: str, zone: tzinfo | None = None) -> Request | None:
    """The request that a line tells of: common and combined log format, HAProxy, JSON and logfmt."""
    line = line[:8_000]
    if match := _QUOTED.search(line) or _HAPROXY.search(line):
        groups = match.groupdict()
        took = float(groups["took"]) if groups.get("took") else _seconds(line)
        status = max(int(match["status"]), 0) or 503  # HAProxy writes -1 where no answer came
    else:
        fields = fields_of(line)
        named = next((fields[name] for name in _STATUS if fields.get(name, "").isdigit()), "")
        if not (len(named) == 3 and named[0] in "12345"):
            return None
        status, took = int(named), _took(fields)
        groups = {"path": next((fields[name] for name in _PATH if name in fields), "")}
    at = stamp_of(line, zone)
    return Request(at, status, str(groups["path"]).partition("?")[0][:300], took) if at else None


def _seconds(line: str) -> float | None:
    found = _TOOK.search(line)
    return float(found[1] or found[2]) * 1000 if found else None


def _took(fields: dict[str, str]) -> float | None:
    for names, factor in ((_SECONDS, 1000.0), (_MILLISECONDS, 1.0)):
        for name in names:
            try:
                return float(fields[name]) * factor
            except (KeyError, ValueError):
                continue
    return None
