"""Does everything behind nginx answer?

A look that fails can be the answer: a refused connection, or none within the time we really waited, is a finding; a name
that cannot be resolved, a variable, or a refusal of our own side is a blind spot.
"""

import time
from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from mcp_server.core.calls import Connect, Http, ReadProcesses, ReadSockets
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.errors import CouldNotLook, NotApplicable
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import Finding, FindingType, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.processes import by_pid, listeners
from mcp_server.core.reader import Reader
from mcp_server.core.text import amount
from mcp_server.logs.nginx_config import DEFAULT, read_config
from mcp_server.logs.nginx_model import Target, targets

State = Literal["answers", "error", "refused", "silent", "closed"]
MAX_TARGETS = 50
_TIME_S = 45.0


class Params(Parameters):
    """Which configuration, and how long to wait."""

    conf: str = Field(
        DEFAULT, min_length=2, max_length=4_096, pattern=r"^/[^\x00]*$",
        description="Absolute path of the main file, or of one site's file",
    )  # fmt: skip
    timeout_s: float = Field(3, ge=0.2, le=20, description="Seconds to wait for each answer")


class Probe(Noun):
    """One upstream address and how it behaved."""

    target: Target
    state: State
    evidence: str
    status: int | None = None
    took_ms: float | None = None
    detail: str = ""
    owner: str | None = None
    folder: str | None = Field(None, description="working folder of the process that owns the port")


class UpstreamFacts(Facts):
    """Every address asked, and what listens on this host where something did not answer."""

    probes: tuple[Probe, ...]
    listening: tuple[str, ...] = ()
    listening_evidence: str | None = None


UPSTREAM_REFUSED = FindingType(
    code="upstream_refused",
    text="nothing listens at upstream {address} ({place}); {users} depend on it",
    severity="critical",
    meaning="nginx answers 502 for every request it hands there.",
    advice="See whether the application runs, and whether it listens where this line says.",
    explains=("recent_errors.upstream_refused", "http_check.bad_gateway"),
)
UPSTREAM_HANGS = FindingType(
    code="upstream_hangs",
    text="upstream {address} ({place}) gives no answer within {timeout} s; {users} depend on it",
    severity="critical",
    meaning="Requests wait until nginx gives up with 504, and fill the application's workers.",
    advice="See what its process waits for: processor, lock, database, another service.",
    explains=(
        "recent_errors.upstream_timed_out",
        "recent_errors.worker_timeout",
        "recent_errors.upstream_closed",
        "http_check.gateway_timeout",
        "http_check.no_answer",
        "http_check.bad_gateway",
    ),
)
UPSTREAM_CLOSED = FindingType(
    code="upstream_closed",
    text="upstream {address} ({place}) accepts and closes without an answer; {users} depend on it",
    severity="critical",
    meaning="nginx answers 502: the process crashes on the request, or something else listens there.",
    advice="Read the application's log at this moment, and see who owns the port.",
    explains=("recent_errors.upstream_closed", "http_check.bad_gateway"),
)
UPSTREAM_ERROR = FindingType(
    code="upstream_error",
    text="upstream {address} ({place}) answers {status}; {users} depend on it",
    meaning="The application runs and fails by itself.",
    advice="Read its log at this moment.",
    explains=("http_check.server_error",),
)
_KINDS = {"refused": UPSTREAM_REFUSED, "silent": UPSTREAM_HANGS, "closed": UPSTREAM_CLOSED, "error": UPSTREAM_ERROR}

DIAGNOSTIC = Diagnostic(
    question="Does each upstream that nginx hands requests to answer?",
    area="nginx",
    facts=UpstreamFacts,
    tool=False,
    timeout_s=_TIME_S,
    examples=({}, {"conf": "/etc/nginx/sites-enabled/default", "timeout_s": 1}),
    next=("recent_errors", "service_status", "listening_ports", "what_changed"),
)


def collect(reader: Reader, params: Params) -> UpstreamFacts:
    """Read the configuration, then ask each address once: GET / where it speaks HTTP, else only a connection."""
    began = time.monotonic()
    config = read_config(reader, params.conf)
    found = targets(config)
    if not found and not config.problems:
        raise NotApplicable("this nginx configuration hands no request to an upstream")
    for problem in config.problems:
        reader.blind(f"upstreams after {problem.file}:{problem.line}", "the configuration is damaged there", "nginx_config")
    if len(found) > MAX_TARGETS:
        reader.cut(f"{len(found)} upstream addresses", f"the first {MAX_TARGETS} were asked; name one site's file with conf=")
    probes = []
    for target in found[:MAX_TARGETS]:
        if target.address is None:
            reader.blind(
                target.written, f"a variable or unusable address ({target.file}:{target.line})", "ask it by http_check"
            )
        elif time.monotonic() - began > _TIME_S - params.timeout_s - 2:
            reader.blind(target.address, "not asked: the time was used up", "narrow conf= or lower timeout_s=")
        else:
            with reader.part(target.address):
                probes.append(_probe(reader, target, target.address, params.timeout_s))
    facts = UpstreamFacts(probes=tuple(probes))
    if any(probe.state in ("refused", "silent", "closed") for probe in probes):
        with reader.part("owners of listening sockets"):
            _owners(reader, facts)
    return facts


def _probe(reader: Reader, target: Target, address: str, timeout_s: float) -> Probe:
    """How the address behaves. Raises CouldNotLook when that cannot be told."""
    unix = address.removeprefix("unix:") if address.startswith("unix:") else None
    try:
        if target.scheme not in ("http", "https"):
            seen = reader.look(Connect(address=address, timeout_s=timeout_s))
            return Probe(target=target, state="answers", evidence=seen.evidence, took_ms=seen.value.took_ms)
        url = f"{target.scheme}://{'localhost' if unix else address}/"
        answer = reader.look(Http(url=url, unix=unix, timeout_s=timeout_s, body_limit=0))
        state: State = "error" if answer.value.status >= 500 else "answers"
        return Probe(
            target=target, state=state, evidence=answer.evidence, status=answer.value.status, took_ms=answer.value.took_ms
        )
    except CouldNotLook as failure:
        told = _told(failure, unix is not None, timeout_s)
        if told is None:
            raise
        return Probe(target=target, state=told, evidence=failure.evidence or target.evidence, detail=failure.detail)


def _told(failure: CouldNotLook, unix: bool, timeout_s: float) -> State | None:
    """What a failed look says about the upstream; None when it only says something about us."""
    if failure.reason == "timed_out":
        # a shorter limit of our own proves nothing about the upstream
        waited = f"within {timeout_s:g} s" in failure.detail or "did not accept a connection in time" in failure.detail
        return "silent" if waited else None
    if failure.reason == "unreachable":
        if "refuse" in failure.detail:
            return "refused"
        return "closed" if "closed" in failure.detail else None
    return "refused" if unix and failure.reason == "missing" else None


def _owners(reader: Reader, facts: UpstreamFacts) -> None:
    """Who listens where on this host, and from which folder the owners of the silent ports run."""
    sockets = reader.look(ReadSockets())
    unix = [item for item in sockets.value.sockets if item.family == "unix" and item.state.upper().startswith("LISTEN")]
    listening = [item for item in listeners(sockets.value.sockets) if item.family == "tcp"] + unix
    facts.listening_evidence = sockets.evidence
    facts.listening = tuple(
        f"{item.address}  {item.process or 'owner hidden'}" + (f" (pid {item.pid})" if item.pid else "") for item in listening
    )[:30]
    processes = by_pid(reader.look(ReadProcesses()).value.processes)
    probes = []
    for probe in facts.probes:
        address = probe.target.address or ""
        pids = [item.pid for item in listening if item.pid and _same(item.address, item.port, address)]
        owner = processes.get(min(pids)) if pids else None
        update = {"owner": f"{owner.name} (pid {owner.pid})", "folder": owner.cwd} if owner else {}
        probes.append(probe.model_copy(update=update))
    facts.probes = tuple(probes)


def _same(listens: str, port: int | None, address: str) -> bool:
    if address.startswith("unix:"):
        return listens.removeprefix("unix:") == address.removeprefix("unix:")
    host, _, number = address.rpartition(":")
    here = host in ("127.0.0.1", "localhost", "[::1]") or listens.startswith(host)
    return here and str(port) == number


def judge(facts: UpstreamFacts, params: Params) -> Iterator[Finding]:
    """Every address that does not answer; less grave where another server of the same upstream does."""
    answering = {(probe.target.file, probe.target.line) for probe in facts.probes if probe.state == "answers"}
    for probe in facts.probes:
        if probe.state == "answers":
            continue
        target = probe.target
        clues = [f"path:{target.file}"] if probe.state == "refused" else []
        if target.address and not target.address.startswith("unix:"):
            clues.append("port:" + target.address.rpartition(":")[2])
        elif target.address:
            clues.append("path:" + target.address.removeprefix("unix:"))
        if probe.folder and probe.folder != "/":
            clues.append(f"path:{probe.folder}")
        quotes = tuple(filter(None, (probe.detail, f"owner: {probe.owner}" if probe.owner else "")))
        evidence = [probe.evidence, target.evidence]
        if probe.state == "refused" and facts.listening_evidence:
            quotes += ("listening on this host:", *facts.listening)
            evidence.append(facts.listening_evidence)
        spared = (target.file, target.line) in answering
        yield _KINDS[probe.state].found(
            *dict.fromkeys(evidence), component=target.address, clues=tuple(clues), quotes=quotes,
            severity="warning" if spared else None, address=target.address, place=f"{target.file}:{target.line}",
            users=", ".join(target.users[:8]), status=probe.status, timeout=params.timeout_s,
        )  # fmt: skip


def show(facts: UpstreamFacts, params: Params) -> Iterator[Statement]:
    """What answered, and how fast."""
    for probe in facts.probes:
        if probe.state == "answers":
            status = f"answers {probe.status}" if probe.status else "accepts connections"
            yield Statement(
                text="{address} {status} after {took} ms; {users}",
                values={
                    "address": probe.target.address, "status": status, "took": probe.took_ms,
                    "users": amount(len(probe.target.users), "user") + ": " + ", ".join(probe.target.users[:8]),
                },
                evidence=(probe.evidence,),
            )  # fmt: skip
