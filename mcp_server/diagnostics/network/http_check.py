"""What does an address answer, how fast, and is its certificate good?

When a look fails, the failure can be the answer. What counts as what:
- the connection was refused, or accepted and closed without an answer: a fact about the service, hence a finding;
- what answers does not speak the protocol: a finding (`wrong_protocol`);
- no answer within `timeout_s`, which we really waited: a finding (`no_answer`); a shorter limit of our own: unknown;
- the name is known to no server: a finding (`name_unresolved`); the resolver did not answer: unknown;
- no route, unreachable network, anything else: unknown, since it may be our own side of the network.
"""

from collections.abc import Iterator
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field

from mcp_server.core.calls import Connect, Http, HttpAnswer
from mcp_server.core.clock import Moment, stamp
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.outcome import Finding, FindingType, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader

Absence = Literal["refused", "silent", "closed", "foreign", "unresolved"]
_EXPECT = r"^[1-5](xx|\d\d)(, ?[1-5](xx|\d\d))*$"
QUOTE = 400


class Params(Parameters):
    """What to ask and what counts as healthy."""

    url: str = Field(
        min_length=8, max_length=2_000, pattern=r"^https?://[^\s/?#]+\S*$", description="http:// or https:// address"
    )
    method: Literal["GET", "HEAD"] = Field("GET", description="GET or HEAD")
    host: str | None = Field(
        None, max_length=255, pattern=r"^[A-Za-z0-9._:\[\]-]+$", description="Host header, to ask for a given site"
    )
    expect: str = Field("2xx,3xx", max_length=60, pattern=_EXPECT, description="Statuses that are healthy: 2xx,3xx or 200,404")
    slow_ms: int = Field(2_000, ge=1, le=60_000, description="Milliseconds from which an answer is slow")
    timeout_s: float = Field(5, ge=0.1, le=30, description="Seconds to wait for the answer")
    tls_days: int = Field(21, ge=0, le=365, description="Days of certificate life left that count as expiring")


class HttpFacts(Facts):
    """Either an answer, or how its absence showed itself."""

    now: Moment
    answer: HttpAnswer | None = None
    failure: Absence | None = None
    detail: str = Field("", description="the failure in the words of the system")
    waited_s: float = Field(0, description="seconds waited when nothing came")
    accepts: bool | None = Field(None, description="whether the port accepts connections although no answer came")
    evidence: tuple[str, ...]


_ACCESS_LOG = ("recent_errors.other_errors",)
"""The proxy notes each such answer in its access log."""


def _status(
    code: str, text: str, meaning: str, advice: str, severity: Literal["critical", "warning"] = "critical",
    explains: tuple[str, ...] = (),
) -> FindingType:  # fmt: skip
    text = "{url} answers {status} {reason}" + text
    return FindingType(code=code, text=text, severity=severity, meaning=meaning, advice=advice, explains=explains)


BAD_GATEWAY = _status(
    "bad_gateway", ": the proxy got no usable answer from the application behind it",
    "The proxy is up; what it passes requests to refuses, dies or answers nonsense.",
    "Ask whether the application runs and listens where the proxy looks for it, then read the proxy's error log.",
    explains=_ACCESS_LOG,
)  # fmt: skip
GATEWAY_TIMEOUT = _status(
    "gateway_timeout", ": the application behind the proxy did not answer in time",
    "The application accepts requests and hangs, or its own dependencies do.",
    "Look at what its workers wait for: a database, another service, a lock, a full pool.",
    explains=_ACCESS_LOG,
)  # fmt: skip
SERVER_ERROR = _status(
    "server_error", "", "The application itself failed to serve the request.", "Read its log at this moment."
)
CLIENT_ERROR = _status(
    "client_error", "", "The server refuses this request: wrong path, host or rights.",
    "Check the path and host name first; a whole site answering 404 is often a wrong site or release.", "warning",
)  # fmt: skip
UNEXPECTED_STATUS = _status(
    "unexpected_status", ", expected {expect}", "It answers, but not as declared healthy.", "Follow the redirect.", "warning"
)
SLOW = FindingType(
    code="slow",
    text="{url} took {took} ms to answer, {limit} ms or more is slow",
    meaning="Users wait; callers with shorter time limits already fail.",
    advice="Compare with host_health and the application's log; ask again to see whether it stays.",
)
CONNECTION_REFUSED = FindingType(
    code="connection_refused",
    text="{url} refuses connections",
    severity="critical",
    meaning="The host is up and no process accepts connections on that port (or a firewall rejects them).",
    advice="Ask who should listen on the port.",
)
NO_ANSWER = FindingType(
    code="no_answer",
    text="{url} gave no answer within {waited} s",
    severity="critical",
    meaning="Either packets vanish on the way, or a process accepts the connection and hangs.",
    advice="See whether the port accepts connections; if it does, look at what the workers wait for.",
)
CLOSED = FindingType(
    code="connection_closed",
    text="{url}: the connection was accepted, then closed without an answer",
    severity="critical",
    meaning="The process behind it crashed on the request, is overloaded, or does not speak this protocol.",
    advice="Read its log at this moment; check http against https.",
)
WRONG_PROTOCOL = FindingType(
    code="wrong_protocol",
    text="{url}: what answers there does not speak {scheme}",
    severity="critical",
    meaning="Another program has the port, or http and https are confused.",
    advice="Ask who owns the port.",
)
NAME_UNRESOLVED = FindingType(
    code="name_unresolved",
    text="{url}: no address is known for the name {name}",
    severity="critical",
    meaning="Nobody using the same name servers can reach it.",
    advice="Check the spelling, the zone and recent DNS changes.",
)
TLS_EXPIRED = FindingType(
    code="tls_expired",
    text="the certificate of {url} expired at {end}",
    severity="critical",
    meaning="Clients refuse the connection.",
    advice="Find out why the renewal did not run; check that the server was reloaded after it.",
)
TLS_EXPIRING = FindingType(
    code="tls_expiring",
    text="the certificate of {url} expires at {end}, in {days} days",
    meaning="Once it has expired, clients refuse the connection.",
    advice="Check that the renewal is scheduled and that it works.",
)
TLS_UNTRUSTED = FindingType(
    code="tls_untrusted",
    text="the certificate of {url} is not trusted: {problem}",
    meaning="Clients that verify certificates refuse the connection.",
    advice="Compare names, issuer and chain with what the server should present.",
)
_BY_STATUS = {502: BAD_GATEWAY, 504: GATEWAY_TIMEOUT}

DIAGNOSTIC = Diagnostic(
    question="What does an address answer, how fast, and is its certificate valid?",
    area="network",
    facts=HttpFacts,
    timeout_s=40,
    examples=({"url": "http://127.0.0.1:8080/"}, {"url": "https://shop.example.com/health", "expect": "200", "tls_days": 14}),
    next=("service_status", "listening_ports", "recent_errors"),
)


def collect(reader: Reader, params: Params) -> HttpFacts:
    """Ask once. A failure that says something about the service becomes a fact; any other ends as a blind spot."""
    wait = min(params.timeout_s, reader.patience())
    call = Http(url=params.url, method=params.method, host=params.host, timeout_s=max(wait, 0.01))
    try:
        seen = reader.look(call)
    except CouldNotLook as failure:
        kind = _nature(failure)
        if kind is None or failure.evidence is None:
            raise
        if kind == "silent" and wait < params.timeout_s:
            detail = f"our own limit ended it after {wait:.3g} s, before the {params.timeout_s:g} s asked for"
            raise CouldNotLook(failure.what, "timed_out", detail, "raise limits.look_s or lower timeout_s") from None
        facts = HttpFacts(now=reader.now, failure=kind, detail=failure.detail, waited_s=wait, evidence=(failure.evidence,))
        if kind == "silent":
            with reader.part("whether the port accepts connections"):
                accepted = reader.look(Connect(address=_address(params.url)))
                facts.accepts, facts.evidence = True, (*facts.evidence, accepted.evidence)
        return facts
    if params.url.startswith("https:") and seen.value.certificate is None:
        reader.blind("certificate", "the connection did not tell it", "ask again")
    return HttpFacts(now=reader.now, answer=seen.value, evidence=(seen.evidence,))


def judge(facts: HttpFacts, params: Params) -> Iterator[Finding]:
    """The status, else the time; and the certificate on its own."""
    url, name = params.url, urlsplit(params.url).hostname or ""
    clues = (f"port:{_port(url)}",)
    if facts.failure == "refused":
        yield CONNECTION_REFUSED.found(*facts.evidence, component=url, clues=clues, url=url)
    elif facts.failure == "silent":
        yield NO_ANSWER.found(*facts.evidence, component=url, clues=clues, url=url, waited=round(facts.waited_s, 3))
    elif facts.failure == "closed":
        yield CLOSED.found(*facts.evidence, component=url, clues=clues, quotes=(facts.detail,), url=url)
    elif facts.failure == "foreign":
        yield WRONG_PROTOCOL.found(
            *facts.evidence, component=url, clues=clues, quotes=(facts.detail,), url=url, scheme=urlsplit(url).scheme
        )
    elif facts.failure == "unresolved":
        yield NAME_UNRESOLVED.found(*facts.evidence, component=url, clues=(f"word:{name}",), url=url, name=name)
    if facts.answer is None:
        return
    answer = facts.answer
    if not _expected(answer.status, params.expect):
        kind = _BY_STATUS.get(answer.status) or {4: CLIENT_ERROR, 5: SERVER_ERROR}.get(answer.status // 100, UNEXPECTED_STATUS)
        quotes = (answer.body[:QUOTE],) if answer.body.strip() and answer.status >= 400 else ()
        yield kind.found(
            *facts.evidence, component=url, clues=clues, quotes=quotes,
            severity="info" if answer.status in (401, 403) else None, url=url,
            status=answer.status, reason=answer.reason, expect=params.expect,
        )  # fmt: skip
    elif answer.took_ms >= params.slow_ms:
        yield SLOW.found(*facts.evidence, component=url, clues=clues, url=url, took=round(answer.took_ms), limit=params.slow_ms)
    if answer.certificate is not None:
        yield from _certificate(facts, params, (*clues, f"word:{name}"))


def _certificate(facts: HttpFacts, params: Params, clues: tuple[str, ...]) -> Iterator[Finding]:
    assert facts.answer is not None and facts.answer.certificate is not None
    certificate, url = facts.answer.certificate, params.url
    days = (certificate.not_after - facts.now).total_seconds() / 86_400
    end = stamp(certificate.not_after)
    if days < 0:
        yield TLS_EXPIRED.found(*facts.evidence, component=url, clues=clues, at=certificate.not_after, url=url, end=end)
    elif days < params.tls_days:
        yield TLS_EXPIRING.found(*facts.evidence, component=url, clues=clues, url=url, end=end, days=round(days, 1))
    if not certificate.verified and not (days < 0 and "expired" in (certificate.problem or "expired")):
        yield TLS_UNTRUSTED.found(*facts.evidence, component=url, clues=clues, url=url, problem=certificate.problem)


def show(facts: HttpFacts, params: Params) -> Iterator[Statement]:
    """Status and time; where a redirect points; the certificate's end."""
    if facts.accepts:
        yield Statement(text="the port accepts connections: a process is there and does not answer", evidence=facts.evidence)
    if facts.answer is None:
        return
    answer = facts.answer
    headers = {name.lower(): value for name, value in answer.headers.items()}
    redirect = "; it points to {location}" if "location" in headers else ""
    yield Statement(
        text="{method} {url} answered {status} in {took} ms; server {server}" + redirect,
        values={
            "method": params.method, "url": params.url, "status": answer.status, "took": round(answer.took_ms, 1),
            "server": headers.get("server"), "location": headers.get("location"),
        },
        evidence=facts.evidence,
    )  # fmt: skip
    if answer.certificate is not None:
        yield Statement(
            text="certificate for {subject} by {issuer}, valid until {end}",
            values={
                "subject": answer.certificate.subject, "issuer": answer.certificate.issuer,
                "end": stamp(answer.certificate.not_after),
            },
            evidence=facts.evidence,
        )  # fmt: skip


def _nature(failure: CouldNotLook) -> Absence | None:
    """What a failed look says about the service; None when it may be our own side."""
    words = failure.detail.casefold()
    if failure.reason == "timed_out":
        return "silent"
    if failure.reason == "damaged" and "does not" in words:  # … speak HTTP, … complete a TLS handshake
        return "foreign"
    if failure.reason != "unreachable":
        return None
    if "refuse" in words:
        return "refused"
    if any(mark in words for mark in ("name or service not known", "no address associated", "nodename nor servname")):
        return "unresolved"
    return "closed" if any(mark in words for mark in ("closed without", "reset by peer")) else None


def _expected(status: int, expect: str) -> bool:
    return any(mark.strip() in (str(status), f"{status // 100}xx") for mark in expect.split(","))


def _port(url: str) -> int:
    parts = urlsplit(url)
    try:
        return parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:  # no number, or above 65535: the look itself refuses it
        return 0


def _address(url: str) -> str:
    name = urlsplit(url).hostname or ""
    return f"[{name}]:{_port(url)}" if ":" in name else f"{name}:{_port(url)}"
