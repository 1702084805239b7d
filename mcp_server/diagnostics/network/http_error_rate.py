"""How many requests fail or are slow, since when, for which paths: counted in access logs, against the time before."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, StringConstraints

from mcp_server.core.clock import Moment, When, stamp
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.outcome import Finding, FindingType, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader

if TYPE_CHECKING:
    from mcp_server.logs.access import Request

_TAIL = 8 * 1024 * 1024
_MINUTE = timedelta(minutes=1)
Path = Annotated[str, StringConstraints(pattern=r"^/[^\x00]*$", max_length=4_096)]


class Params(Parameters):
    """Which logs, which stretch, and what counts as too many."""

    paths: tuple[Path, ...] = Field(min_length=1, max_length=10, description="Access logs, absolute paths")
    since: When | None = Field(None, description="Begin of the stretch judged; default: 10 minutes before the newest request")
    percent: float = Field(5, ge=0.1, le=100, description="Share of answers 5xx at which it is a finding")
    times: float = Field(3, ge=1, le=100, description="… or so many times the share before, from 1 % on")
    slow_ms: int = Field(2_000, ge=1, le=600_000, description="A 95th percentile above this is a finding")


class Stretch(Facts):
    """Requests counted over a stretch of time."""

    requests: int = 0
    failed: int = Field(0, description="answers 5xx")
    refused: int = Field(0, description="answers 4xx")
    p95_ms: float | None = None


class RateFacts(Facts):
    """What the logs say. `minutes` are (begin, requests, failed), oldest first."""

    now: Moment
    since: Moment | None = None
    judged: Stretch = Stretch()
    before: Stretch = Stretch()
    minutes: tuple[tuple[Moment, int, int], ...] = ()
    worst: tuple[str, ...] = Field((), description="paths of failed requests, most first")
    newest: Moment | None = None
    evidence: tuple[str, ...] = ()


FAILING = FindingType(
    code="failing",
    text="{failed} of {requests} requests since {since} were answered 5xx: {percent} %, before {before} %; most for {paths}",
    severity="critical",
    meaning="So many users get an error.",
    advice="Read the errors of the same minutes (log_summary) and what changed before the first of them.",
)
REFUSED = FindingType(
    code="refused",
    text="{refused} of {requests} requests since {since} were answered 4xx: {percent} %, before {before} %",
    meaning="A client, a release or a route asks for what is not there, or may not.",
    advice="Look at the paths; compare with the last release and with sign-in.",
)
SLOW = FindingType(
    code="slow",
    text="the 95th percentile since {since} is {p95} ms, before {before} ms",
    meaning="Users wait; callers with a shorter limit give up.",
    advice="Ask what it waits for: processor, locks, a full pool, another service.",
)
SILENT = FindingType(
    code="silent",
    text="no request for {minutes} min; before, {rate} a minute",
    meaning="Nobody reaches this server: the trouble is before it, or nobody calls.",
    advice="Ask what stands before it: name, balancer, network, certificate.",
)

DIAGNOSTIC = Diagnostic(
    question="How many requests fail or are slow, since when, and for which paths?",
    area="network",
    facts=RateFacts,
    tool=False,
    timeout_s=30,
    examples=({"paths": ["/var/log/nginx/access.log"]},),
    next=("log_summary", "what_changed"),
)


def collect(reader: Reader, params: Params) -> RateFacts:
    """Count what the ends of the logs hold; a log whose lines are no requests is a blind spot."""
    from mcp_server.logs.access import request

    found: list[Request] = []
    evidence: list[str] = []
    for path in params.paths:
        with reader.part(path):
            seen = reader.file(path, start=-_TAIL, length=_TAIL)
            evidence.append(seen.evidence)
            lines = seen.value.text.splitlines()[1 if seen.value.start else 0 :]
            told = [item for line in lines if (item := request(line)) is not None]
            if lines and len(told) * 2 < len([line for line in lines if line.strip()]):
                reader.blind(path, f"{len(lines) - len(told)} of {len(lines)} lines are no requests", "is it an access log?")
            if seen.value.start and told and params.since and told[0].at > params.since:
                reader.cut(f"{path} before {stamp(told[0].at)}", "ask log_search for the time before")
            found += told
    found.sort(key=lambda item: item.at)
    facts = RateFacts(now=reader.now, evidence=tuple(evidence))
    if found:
        facts.newest = found[-1].at
        facts.since = params.since or found[-1].at - 10 * _MINUTE
        judged = [item for item in found if item.at >= facts.since]
        facts.judged = _stretch(judged)
        facts.before = _stretch([item for item in found if item.at < facts.since])
        failed = Counter(item.path for item in judged if item.status >= 500)
        facts.worst = tuple(path for path, _ in failed.most_common(6))
        facts.minutes = tuple(_minutes(found))[-240:]
    elif evidence:
        reader.empty("requests in these logs")
    return facts


def _stretch(found: Sequence["Request"]) -> Stretch:
    status = [item.status for item in found]
    took = sorted(item.took_ms for item in found if item.took_ms is not None)
    return Stretch(
        requests=len(status), failed=sum(code >= 500 for code in status), refused=sum(400 <= code < 500 for code in status),
        p95_ms=round(took[int(len(took) * 0.95)], 1) if len(took) >= 20 else None,
    )  # fmt: skip


def _minutes(found: Sequence["Request"]) -> Iterator[tuple[datetime, int, int]]:
    counts: dict[datetime, list[int]] = {}
    for item in found:
        row = counts.setdefault(item.at.replace(second=0, microsecond=0), [0, 0])
        row[0] += 1
        row[1] += item.status >= 500
    yield from ((minute, row[0], row[1]) for minute, row in sorted(counts.items()))


def _share(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0


def judge(facts: RateFacts, params: Params) -> Iterator[Finding]:
    """Against the limit, and against the time before. A handful of requests proves nothing."""
    judged, before = facts.judged, facts.before
    if facts.since is None or facts.newest is None:
        return
    now, then = _share(judged.failed, judged.requests), _share(before.failed, before.requests)
    if judged.failed >= 3 and (now >= params.percent or (now >= 1 and before.requests >= 100 and now >= params.times * then)):
        clues = tuple(f"word:{path}" for path in facts.worst[:3])
        yield FAILING.found(
            *facts.evidence, component="requests", clues=clues, at=_onset(facts, params), doubt_ms=59_999,
            failed=judged.failed, requests=judged.requests, since=stamp(facts.since), percent=now, before=then,
            paths=", ".join(facts.worst[:4]),
        )  # fmt: skip
    now, then = _share(judged.refused, judged.requests), _share(before.refused, before.requests)
    if judged.refused >= 10 and before.requests >= 100 and now >= 10 and now >= params.times * max(then, 1):
        yield REFUSED.found(
            *facts.evidence, component="requests", refused=judged.refused, requests=judged.requests, since=stamp(facts.since),
            percent=now, before=then,
        )  # fmt: skip
    if judged.p95_ms is not None and judged.p95_ms > params.slow_ms:
        yield SLOW.found(
            *facts.evidence, component="requests", since=stamp(facts.since), p95=judged.p95_ms, before=before.p95_ms
        )
    quiet = (facts.now - facts.newest).total_seconds() / 60
    rate = _rate(facts)
    if rate >= 5 and quiet >= 5:
        yield SILENT.found(*facts.evidence, component="requests", minutes=round(quiet), rate=round(rate, 1))


def _onset(facts: RateFacts, params: Params) -> datetime | None:
    """The first minute of the last unbroken row of minutes in which too many failed."""
    onset = None
    for minute, requests, failed in facts.minutes:
        if failed and _share(failed, requests) >= min(params.percent, 50):
            onset = onset or minute
        elif requests:
            onset = None if not onset or minute >= (facts.since or minute) else onset
    return onset or facts.since


def _rate(facts: RateFacts) -> float:
    return sum(row[1] for row in facts.minutes) / len(facts.minutes) if facts.minutes else 0.0


def show(facts: RateFacts, params: Params) -> Iterator[Statement]:
    """The numbers, so that `ok` comes with them."""
    if facts.since is None:
        return
    judged = facts.judged
    yield Statement(
        text="{requests} requests since {since}, {rate} a minute: {failed} with 5xx, {refused} with 4xx; p95 {p95} ms",
        values={
            "requests": judged.requests, "since": stamp(facts.since), "failed": judged.failed, "refused": judged.refused,
            "p95": judged.p95_ms, "rate": round(_rate(facts), 1),
        },
        evidence=facts.evidence,
    )  # fmt: skip
