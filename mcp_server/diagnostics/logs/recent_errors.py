"""Which errors stand in these logs lately, since when, and what do they mean?"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from mcp_server.core.calls import StatFile
from mcp_server.core.clock import Moment, When, stamp
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.outcome import Finding, FindingType, Severity, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader
from mcp_server.core.text import bytes_text
from mcp_server.logs.known import KNOWN, frames, recognise, shape, subject
from mcp_server.logs.records import Level, Record, weight
from mcp_server.logs.tail import Tail, Zone, read_tail, zone_named

_AHEAD = timedelta(minutes=2)
_SHAPES = 10
"""Unknown shapes reported one by one; the rest are counted."""


class Params(Parameters):
    """Which logs, and how far back."""

    paths: tuple[Annotated[str, Field(max_length=4_096)], ...] = Field(
        min_length=1, max_length=20, description="Absolute paths of log files"
    )
    since: When | None = Field(None, description="Start of the window; default: one hour before the target's clock")
    budget: int = Field(1_048_576, ge=4_096, le=1_048_576, description="Bytes read per log at most, from its end")
    zone: Zone | None = Field(None, description="IANA zone of times that name none; default: the host's")

    @field_validator("paths")
    @classmethod
    def _absolute(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for path in value:
            if not path.startswith("/") or "\0" in path:
                raise ValueError("absolute paths such as /var/log/nginx/error.log")
        return tuple(dict.fromkeys(value))


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LogSeen(_Part):
    """One log as far as it was read; times of its records, None where they carry none."""

    path: str
    evidence: str
    size: int
    records: int
    oldest: Moment | None = None
    newest: Moment | None = None
    timeless: int = 0


class Group(_Part):
    """Equal errors of one log. `code` is None for an unknown shape; `first` is None when they carry no time."""

    path: str
    evidence: str
    code: str | None = None
    subject: str = ""
    shape: str = ""
    level: Level | None = None
    count: int = 1
    first: Moment | None = None
    last: Moment | None = None
    example: str
    files: tuple[str, ...] = Field((), description="the application's own files in the trace, innermost first")


class ErrorFacts(Facts):
    """Errors inside the window, grouped."""

    since: Moment
    logs: tuple[LogSeen, ...] = ()
    groups: tuple[Group, ...] = ()


def _kind(code: str, severity: Severity, says: str, explains: tuple[str, ...] = ()) -> FindingType:
    known = next(item for item in KNOWN if item.code == code)
    return FindingType(
        code=code, severity=severity, text=f"{{path}}: {says}; seen {{count}} ×, {{first}} to {{last}}",
        meaning=known.meaning, advice=known.advice, explains=explains,
    )  # fmt: skip


_NO_START = (
    "service_status.process_missing", "service_status.unit_failed", "service_status.unit_inactive",
    "service_status.restart_loop", "service_status.not_listening", "process_list.replaced", "process_list.no_match",
    "listening_ports.nobody_listens", "nginx_upstreams.upstream_refused", "recent_errors.upstream_refused",
    "http_check.bad_gateway", "http_check.connection_refused",
)  # fmt: skip
"""What is seen elsewhere when an application cannot start."""
_BROKEN_OFF = (
    "nginx_upstreams.upstream_closed", "nginx_upstreams.upstream_error", "recent_errors.upstream_closed",
    "http_check.bad_gateway", "http_check.server_error", "http_check.connection_closed",
)  # fmt: skip
"""What is seen elsewhere when it fails in the middle of requests."""
_UNANSWERED = (
    "recent_errors.upstream_timed_out", "http_check.gateway_timeout", "http_check.no_answer", "http_check.slow",
)  # fmt: skip
"""What is seen elsewhere when requests are not answered in time."""
_TOO_LATE = ("nginx_upstreams.upstream_hangs", *_UNANSWERED)
"""What is seen elsewhere when something makes it hang; a killed worker is only the hang's trace in the log."""
_BAD_GATEWAY = ("http_check.bad_gateway",)
_BOTH = (*_NO_START, *_BROKEN_OFF)

UPSTREAM_REFUSED = _kind(
    "upstream_refused", "critical", "the web server found nothing listening at its upstream ({subject})", _BAD_GATEWAY
)
UPSTREAM_TIMED_OUT = _kind(
    "upstream_timed_out", "critical", "the upstream ({subject}) did not answer in time", ("http_check.gateway_timeout",)
)
UPSTREAM_CLOSED = _kind("upstream_closed", "critical", "the upstream ({subject}) broke connections off", _BAD_GATEWAY)
IMPORT_FAILED = _kind("import_failed", "critical", "an import failed ({subject})", _BOTH)
ADDRESS_IN_USE = _kind("address_in_use", "critical", "the address to listen on is taken ({subject})", _NO_START)
CONFIGURATION_REJECTED = _kind(
    "configuration_rejected", "critical", "the web server rejected its configuration ({subject})",
    ("http_check.connection_refused", "http_check.no_answer"),
)  # fmt: skip
NO_SPACE = _kind("no_space", "critical", "no space left on a filesystem ({subject})", _BOTH)
OUT_OF_MEMORY = _kind("out_of_memory", "critical", "memory ran out", _BOTH)
TOO_MANY_FILES = _kind("too_many_files", "critical", "no file descriptors or connections left", (*_TOO_LATE, *_BROKEN_OFF))
WORKER_TIMEOUT = _kind(
    "worker_timeout", "critical", "workers were killed because they took too long", (*_UNANSWERED, *_BROKEN_OFF)
)
NAME_NOT_RESOLVED = _kind("name_not_resolved", "critical", "a host name could not be resolved", (*_TOO_LATE, *_BROKEN_OFF))
TLS_EXPIRED = _kind("tls_expired", "critical", "a certificate has expired", _BROKEN_OFF)
PERMISSION_DENIED = _kind("permission_denied", "warning", "the system refused access ({subject})", _BOTH)
CONNECTION_REFUSED = _kind("connection_refused", "warning", "a connection was refused", _BROKEN_OFF)
OTHER_ERRORS = FindingType(
    code="other_errors",
    text="{path}: an error of its own shape, seen {count} ×, {first} to {last}",
    meaning="The log calls it an error; what it means is for a reader to judge.",
    advice="Read the example and its neighbours with log_tail.",
)
_KINDS = {kind.code: kind for kind in list(globals().values()) if isinstance(kind, FindingType)}

DIAGNOSTIC = Diagnostic(
    question="Which errors stand in these logs lately, since when, and what do they mean?",
    area="logs",
    facts=ErrorFacts,
    timeout_s=20.0,
    examples=({"paths": ["/var/log/nginx/error.log"]}, {"paths": ["/var/log/syslog"], "since": "24h"}),
    next=("log_tail", "what_changed"),
)


def collect(reader: Reader, params: Params) -> ErrorFacts:
    """Read the end of each log, and of its rotated predecessor when the window reaches back into it."""
    since = params.since or reader.now - timedelta(hours=1)
    zone = zone_named(params.zone) if params.zone else None
    logs: list[LogSeen] = []
    groups: list[Group] = []
    pending = list(params.paths)
    while pending:
        path = pending.pop(0)
        with reader.part(path):
            tail = read_tail(reader, path, budget=params.budget, since=since, zone=zone)
            logs.append(_seen(path, tail))
            _doubts(reader, path, tail, since)
            groups += _group(path, tail, since)
            # what was rotated away inside the window belongs to it
            if path in params.paths and tail.whole and (logs[-1].oldest or reader.now) > since:
                before = path + ".1"
                if before not in params.paths and _changed_after(reader, before, since):
                    pending.append(before)
    return ErrorFacts(since=since, logs=tuple(logs), groups=tuple(groups))


def _seen(path: str, tail: Tail) -> LogSeen:
    stamps = [item.at for item in tail.found.records if item.at]
    return LogSeen(
        path=path, evidence=tail.evidence, size=tail.source.size, records=len(tail.found.records),
        oldest=min(stamps, default=None), newest=max(stamps, default=None), timeless=len(tail.found.records) - len(stamps),
    )  # fmt: skip


def _doubts(reader: Reader, path: str, tail: Tail, since: datetime) -> None:
    """What this log cannot tell about the window."""
    stamps = [item.at for item in tail.found.records if item.at]
    if tail.source.size == 0:
        reader.empty(path)
    elif not stamps and tail.source.modified < since:
        reader.empty(f"{path} inside the window (last written {stamp(tail.source.modified)})")
    elif stamps and max(stamps) < since:
        reader.empty(f"{path} inside the window (newest record {stamp(max(stamps))})")
    ahead = [at for at in stamps if at > reader.now + _AHEAD]
    if ahead:
        reader.blind(
            f"order of {path}", f"{len(ahead)} records are stamped after the target's clock, up to {stamp(max(ahead))}",
            "compare the clocks, or name the log's zone with zone=",
        )  # fmt: skip
    if not tail.whole and not (min(stamps, default=tail.source.modified) < since):
        size = bytes_text(tail.source.end - tail.source.start)
        reader.cut(path, f"only its last {size} were read, the window begins earlier; narrow since or use log_tail")
    if tail.source.end < tail.source.size:
        reader.cut(path, f"{bytes_text(tail.source.size - tail.source.end)} at its end were not read; lower budget")


def _changed_after(reader: Reader, path: str, since: datetime) -> bool:
    try:
        return reader.look(StatFile(path=path)).value.modified > since
    except CouldNotLook as failure:
        if failure.reason != "missing":  # no rotated predecessor is the usual case
            reader.blind(path, f"{failure.reason}: {failure.detail}", failure.remedy)
        return False


def _group(path: str, tail: Tail, since: datetime) -> list[Group]:
    groups: dict[tuple[str | None, str], Group] = {}
    for record in tail.found.records:
        if (record.at or tail.source.modified) < since:
            continue
        known = recognise(record)
        if known is None and weight(record.level) > weight("error"):
            continue
        about = subject(known, record) if known else ""
        key = (known.code, about) if known else (None, shape(record))
        if key not in groups:
            groups[key] = Group(
                path=path, evidence=tail.evidence, code=known.code if known else None, subject=about, level=record.level,
                shape=shape(record), count=0, first=record.at, last=record.at, example=_example(record.text),
                files=frames(record.text),
            )  # fmt: skip
        _count(groups[key], record)
    return list(groups.values())


def _count(group: Group, record: Record) -> None:
    group.count += 1
    if not group.files and (files := frames(record.text)):  # the record that says where is the better example
        group.files, group.example = files, _example(record.text)
    if record.at:
        group.first = min(group.first or record.at, record.at)
        group.last = max(group.last or record.at, record.at)
    if weight(record.level) < weight(group.level):
        group.level = record.level


def _example(text: str) -> str:
    """Head and end of a record: a trace says what at its end, where at both."""
    lines = [line[:400] for line in text.split("\n")]
    return "\n".join(lines if len(lines) <= 14 else [*lines[:4], f"… {len(lines) - 14} lines …", *lines[-10:]])


def judge(facts: ErrorFacts, params: Params) -> Iterator[Finding]:
    """Known shapes by their own code, the heaviest unknown ones one by one; each at the moment it was first seen."""
    for group in facts.groups:
        if group.code:
            words = ("word:No space left on device",) if group.code == "no_space" else ()
            clues = tuple(filter(None, (group.subject, *words, *(f"path:{file}" for file in group.files))))
            yield _found(_KINDS[group.code], group, clues)
    for group in _others(facts)[:_SHAPES]:
        severity: Severity = "critical" if group.level == "critical" else "warning"
        yield _found(OTHER_ERRORS, group, tuple(f"path:{file}" for file in group.files), severity)


def _others(facts: ErrorFacts) -> list[Group]:
    return sorted((group for group in facts.groups if group.code is None), key=lambda g: (weight(g.level), -g.count))


def _found(kind: FindingType, group: Group, clues: tuple[str, ...], severity: Severity | None = None) -> Finding:
    return kind.found(
        group.evidence, component=group.path, clues=clues, quotes=(group.example,), at=group.first, severity=severity,
        path=group.path, subject=group.subject or None, count=group.count,
        first=stamp(group.first) if group.first else None, last=stamp(group.last) if group.last else None,
    )  # fmt: skip


def show(facts: ErrorFacts, params: Params) -> Iterator[Statement]:
    """What was read, so that silence comes with its number."""
    for log in facts.logs:
        if log.records:
            yield Statement(
                text="{path}: {records} records read, {oldest} to {newest}; window from {since}",
                values={
                    "path": log.path, "records": log.records, "since": stamp(facts.since),
                    "oldest": stamp(log.oldest) if log.oldest else None, "newest": stamp(log.newest) if log.newest else None,
                },
                evidence=(log.evidence,),
            )  # fmt: skip
        if log.timeless:
            yield Statement(
                text="{path}: {count} records carry no time; they may be older than the window",
                values={"path": log.path, "count": log.timeless},
                evidence=(log.evidence,),
            )
    if rest := _others(facts)[_SHAPES:]:
        yield Statement(
            text="{shapes} further shapes of error, {count} records, are in the data",
            values={"shapes": len(rest), "count": sum(group.count for group in rest)},
        )
