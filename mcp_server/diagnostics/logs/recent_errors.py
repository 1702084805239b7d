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
from mcp_server.core.text import amount, bytes_text, counted
from mcp_server.logs.errors import KNOWN_TROUBLE as KNOWN
from mcp_server.logs.errors import Group, group, known_here
from mcp_server.logs.records import weight
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
    assumed: tuple[str, ...] = Field((), description="what its stamps do not say")


class ErrorFacts(Facts):
    """Errors inside the window, grouped."""

    since: Moment
    logs: tuple[LogSeen, ...] = ()
    groups: tuple[Group, ...] = ()


_MEANING = {
    "upstream_refused": (
        "The web server reached for the application and nothing listened there; users see 502.",
        "See whether the application runs and listens where the web server looks for it.",
    ),
    "upstream_timed_out": (
        "The application accepted the request and did not answer in time; users see 504.",
        "See what the application waits for: processor, a lock, a database, another service.",
    ),
    "upstream_closed": (
        "The application ended the connection in the middle of a request; users see 502.",
        "See whether its workers die: time limit, memory, crash.",
    ),
    "import_failed": (
        "The program imports something that its environment does not hold; it ends while starting.",
        "Compare the imports with what is installed, and look for the change that brought the import or took the package.",
    ),
    "address_in_use": (
        "Another process holds the port or socket, so this one cannot listen.",
        "Name the process that listens there now.",
    ),
    "no_space": (
        "A filesystem is full, by bytes or by inodes; writes fail.",
        "See which filesystem is full and what grew on it.",
    ),
    "out_of_memory": (
        "Memory ran out; a process was ended or could not go on.",
        "See which process grew, and the limits it runs under.",
    ),
    "too_many_files": (
        "A process used up its file descriptors or connections; new ones are refused.",
        "Compare open descriptors with the limit; look for connections that are never closed.",
    ),
    "worker_timeout": (
        "A worker did not report back in time and was killed; its request failed.",
        "See what its requests wait for.",
    ),
    "name_not_resolved": (
        "A host name could not be resolved, so the other side was never reached.",
        "See whether the name is right and the resolver answers.",
    ),
    "tls_expired": (
        "A certificate is past its end; encrypted connections fail.",
        "See which certificate it is and renew it through a plan.",
    ),
    "configuration_rejected": (
        "The web server read its configuration, found an error, and did not start or reload.",
        "See what changed in that file; nginx_config says whether it would load now.",
    ),
    "permission_denied": (
        "The system refused access to a file, socket or operation.",
        "Compare owner and mode with the user the process runs as; look for a recent change of either.",
    ),
    "connection_refused": (
        "Something this program depends on does not listen.",
        "Name the address and see who should listen there.",
    ),
}  # fmt: skip


def _kind(code: str, severity: Severity, says: str, explains: tuple[str, ...] = ()) -> FindingType:
    meaning, advice = _MEANING[code]
    return FindingType(
        code=code, severity=severity, text=f"{{path}}: {says}; seen {{count}} ×, {{first}} to {{last}}",
        meaning=meaning, advice=advice, explains=explains,
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
KNOWN_TROUBLE = FindingType(
    code=KNOWN,
    text="{path}: {title}; seen {count} ×, {first} to {last}. {meaning}",
    meaning="The log tells of a trouble that is known; the finding says what it means.",
    advice="Ask the tools that the finding names under `next`; the page of patterns lists its likely causes.",
)
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
    troubles = known_here(reader)
    logs: list[LogSeen] = []
    groups: list[Group] = []
    pending = list(params.paths)
    while pending:
        path = pending.pop(0)
        with reader.part(path):
            tail = read_tail(reader, path, budget=params.budget, since=since, zone=zone)
            logs.append(_seen(path, tail, zone is None))
            _doubts(reader, path, tail, since)
            groups += group(
                path,
                tail.evidence,
                tail.found.records,
                troubles=troubles,
                since=since,
                modified=tail.source.modified,
                zone=tail.zone,
            )
            # what was rotated away inside the window belongs to it
            if path in params.paths and tail.whole and (logs[-1].oldest or reader.now) > since:
                before = path + ".1"
                if before not in params.paths and _changed_after(reader, before, since):
                    pending.append(before)
    return ErrorFacts(since=since, logs=tuple(logs), groups=tuple(groups))


_ASSUMED = {
    "host": "their zone (the host's was taken)", "year": "the year (the latest that is no future was taken)",
    "date": "the date", "order": "whether day or month comes first", "zone": "which of the zones of an abbreviation is meant",
}  # fmt: skip


def _seen(path: str, tail: Tail, of_host: bool) -> LogSeen:
    stamps = [item.at for item in tail.found.records if item.at]
    return LogSeen(
        path=path, evidence=tail.evidence, size=tail.source.size, records=len(tail.found.records),
        oldest=min(stamps, default=None), newest=max(stamps, default=None), timeless=len(tail.found.records) - len(stamps),
        assumed=(*(("host",) if tail.found.local_times and of_host else ()), *tail.found.assumed),
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
            f"order of {path}", f"{amount(len(ahead), 'record')} stamped after the target's clock, up to {stamp(max(ahead))}",
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


def judge(facts: ErrorFacts, params: Params) -> Iterator[Finding]:
    """Known troubles by their own code, the heaviest unknown shapes one by one; each at the moment it was first seen."""
    for seen in facts.groups:
        if seen.code:
            words = ("word:No space left on device",) if seen.code == "no_space" else ()
            about = seen.clues or filter(None, (seen.subject,))
            clues = tuple(dict.fromkeys((*about, *words, *(f"path:{file}" for file in seen.files))))
            yield _found(_KINDS[seen.code], seen, clues, seen.severity if seen.code == KNOWN else None)
    for seen in _others(facts)[:_SHAPES]:
        severity: Severity = "critical" if seen.level == "critical" else "warning"
        yield _found(OTHER_ERRORS, seen, tuple(f"path:{file}" for file in seen.files), severity)


def _others(facts: ErrorFacts) -> list[Group]:
    return sorted((seen for seen in facts.groups if seen.code is None), key=lambda seen: (weight(seen.level), -seen.count))


def _found(kind: FindingType, seen: Group, clues: tuple[str, ...], severity: Severity | None = None) -> Finding:
    told = {"title": seen.title, "meaning": seen.meaning, "next": seen.next} if seen.title else {}
    return kind.found(
        seen.evidence, component=seen.path, clues=clues, quotes=(seen.example,), at=seen.first,
        doubt_ms=seen.doubt_ms, severity=severity,
        path=seen.path, subject=seen.subject or None, count=seen.count,
        first=stamp(seen.first) if seen.first else None, last=stamp(seen.last) if seen.last else None, **told,
    )  # fmt: skip


def show(facts: ErrorFacts, params: Params) -> Iterator[Statement]:
    """What was read, so that silence comes with its number."""
    for log in facts.logs:
        if log.records:
            yield Statement(
                text="{path}: {records} " + counted(log.records, "record") + " read, {oldest} to {newest}; window from {since}",
                values={
                    "path": log.path, "records": log.records, "since": stamp(facts.since),
                    "oldest": stamp(log.oldest) if log.oldest else None, "newest": stamp(log.newest) if log.newest else None,
                },
                evidence=(log.evidence,),
            )  # fmt: skip
        if log.timeless:
            yield Statement(
                text="{path}: {count} "
                + counted(
                    log.timeless,
                    "record carries no time; it may be older than the window",
                    "records carry no time; they may be older than the window",
                ),
                values={"path": log.path, "count": log.timeless},
                evidence=(log.evidence,),
            )
        if log.assumed:
            yield Statement(
                text="{path}: its times do not say {what}; they may be off by that",
                values={"path": log.path, "what": ", ".join(_ASSUMED.get(item, item) for item in log.assumed)},
                evidence=(log.evidence,),
            )
    if rest := _others(facts)[_SHAPES:]:
        yield Statement(
            text="{shapes} further "
            + counted(len(rest), "shape of error", "shapes of error")
            + ", {count} "
            + counted(count := sum(seen.count for seen in rest), "record")
            + ": in the data",
            values={"shapes": len(rest), "count": count},
        )
