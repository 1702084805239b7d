"""Does one service run: its systemd unit, its process, its port?

Each of the three is asked on its own, and what is not asked is not judged. Where systemd is not running, a unit cannot be
asked; that is a blind spot, unless `process` answers the same question.
"""

from collections.abc import Iterator
from typing import Self

from pydantic import Field, model_validator

from mcp_server.core.calls import Process, ReadProcesses, ReadSockets, Socket, StatFile
from mcp_server.core.clock import Moment, stamp
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.outcome import Finding, FindingType, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.port_owners import Holding, related, strangers, unnamed
from mcp_server.core.processes import (
    FORWARDERS,
    ancestors,
    brief,
    by_pid,
    command_line,
    hidden,
    listeners,
    owner_clues,
    runs,
)
from mcp_server.core.reader import Reader
from mcp_server.core.systemd import PROPERTIES, Unit, read_unit

MOST = 100
"""Matching processes kept at most: masters are older than their workers."""


class Params(Parameters):
    """At least one of the three."""

    unit: str | None = Field(
        None,
        max_length=251,
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9:_.\\@-]*$",
        description="systemd unit, such as shop or shop.service",
    )
    process: str | None = Field(None, min_length=1, max_length=200, description="Words that its command line holds")
    port: int | None = Field(None, ge=1, le=65535, description="TCP port that it should listen on")
    restarts: int = Field(3, ge=1, le=1_000, description="Restarts by systemd that are a loop when the last one is recent")
    recent_s: int = Field(600, ge=1, le=86_400, description="Seconds since the last start that count as recent")

    @model_validator(mode="after")
    def _one_of_three(self) -> Self:
        if self.unit is None and self.process is None and self.port is None:
            raise ValueError("naming at least one of `unit`, `process`, `port`")
        return self


class ServiceFacts(Facts):
    """What was seen of the unit, the process and the port; None for what was not asked or could not be seen."""

    now: Moment
    unit: Unit | None = None
    unit_evidence: str | None = None
    matching: tuple[Process, ...] | None = Field(None, description="the oldest of those that match")
    matched: int = 0
    processes_evidence: str | None = None
    listening: tuple[Socket, ...] | None = None
    owners: tuple[Process, ...] = Field((), description="processes that hold the port")
    family: tuple[Process, ...] = Field((), description="ancestors of owners and matching processes")
    sockets_evidence: str | None = None


_USERS = (
    "http_check.connection_refused", "http_check.bad_gateway", "http_check.no_answer", "listening_ports.nobody_listens",
    "nginx_upstreams.upstream_refused", "recent_errors.upstream_refused",
)  # fmt: skip
_DOWN = ("service_status.not_listening", *_USERS)

UNIT_FAILED = FindingType(
    code="unit_failed",
    text="unit {unit} has failed: {result}, exit status {status} ({reason})",
    severity="critical",
    meaning="systemd does not run it any more.",
    advice="Read its log just before the failure, then what changed before that.",
    explains=("service_status.process_missing", "service_status.start_limit", *_DOWN),
)
START_LIMIT = FindingType(
    code="start_limit",
    text="systemd gave up starting {unit} after {restarts} restarts",
    severity="critical",
    meaning="Mending the cause alone does not bring it back: the failed state must be reset as well.",
    advice="Find why it ends first; a restart through a plan resets the counter.",
    explains=("service_status.process_missing", *_DOWN),
)
UNIT_INACTIVE = FindingType(
    code="unit_inactive",
    text="unit {unit} does not run ({state}/{sub})",
    severity="critical",
    meaning="Nobody started it, or somebody stopped it; it did not fail by itself.",
    advice="Find out who stopped it, or why it is not started at boot.",
    explains=("service_status.process_missing", *_DOWN),
)
UNIT_UNUSABLE = FindingType(
    code="unit_unusable",
    text="unit {unit} cannot be started: {load}",
    severity="critical",
    meaning="systemd does not know it, masks it, or cannot understand its file.",
    advice="Check the name, then the unit file and its latest change.",
    explains=("service_status.process_missing", *_DOWN),
)
RESTART_LOOP = FindingType(
    code="restart_loop",
    text="systemd restarts {unit} again and again: {restarts} restarts, the last start at {last}",
    severity="critical",
    meaning="It ends shortly after each start; between starts nothing answers.",
    advice="Read the log of one start from beginning to end.",
    explains=("service_status.process_missing", *_DOWN),
)
PROCESS_MISSING = FindingType(
    code="process_missing",
    text="no process has {words} in its command line",
    severity="critical",
    meaning="The application does not run.",
    advice="Read the end of its log: why did it stop, or why did it not start?",
    explains=(*_DOWN, "process_list.no_match"),
)
NOT_LISTENING = FindingType(
    code="not_listening",
    text="nothing listens on port {port}",
    severity="critical",
    meaning="Whoever calls the port is refused.",
    advice="See whether the application runs and which port it was told to use.",
    explains=_USERS,
)
PORT_TAKEN = FindingType(
    code="port_taken_by_other",
    text="port {port} is held by {owner} (pid {pid}), which is not the service: {command}",
    severity="critical",
    meaning="The service cannot listen while another program holds its port; callers reach that program.",
    advice="Find out who started the other program, and which of the two should have the port.",
    explains=(
        "service_status.process_missing", "service_status.unit_failed", "service_status.restart_loop",
        "service_status.start_limit", "listening_ports.wrong_owner", "recent_errors.address_in_use",
        "nginx_upstreams.upstream_closed", "nginx_upstreams.upstream_error",
        "http_check.bad_gateway", "http_check.client_error", "http_check.server_error",
    ),
)  # fmt: skip

DIAGNOSTIC = Diagnostic(
    question="Does a service run: its systemd unit, its process, its port?",
    area="service",
    facts=ServiceFacts,
    commands=("systemctl",),
    examples=({"unit": "nginx"}, {"process": "gunicorn shop.wsgi", "port": 8000}),
    next=("unit_failure", "recent_errors", "listening_ports"),
)


def collect(reader: Reader, params: Params) -> ServiceFacts:
    """Look at the unit, the processes and the port, each as far as asked."""
    facts = ServiceFacts(now=reader.now)
    if params.unit is not None:
        with reader.part(f"unit {params.unit}"):
            _look_at_unit(reader, params, facts)
    everyone: tuple[Process, ...] = ()
    with reader.part("processes"):
        processes = reader.look(ReadProcesses())
        everyone, facts.processes_evidence = processes.value.processes, processes.evidence
    if params.process is not None and facts.processes_evidence is not None:
        matching = tuple(item for item in everyone if runs(item, params.process))
        if not matching and (why := hidden(everyone)):
            reader.blind(f"process {params.process}", why, "run it as root, or mount /proc without hidepid")
        else:
            oldest = sorted(matching, key=lambda item: item.started or facts.now)
            facts.matching, facts.matched = tuple(map(brief, oldest[:MOST])), len(matching)
    if params.port is not None:
        with reader.part(f"port {params.port}"):
            sockets = reader.look(ReadSockets())
            facts.listening = tuple(item for item in listeners(sockets.value.sockets, params.port) if item.family == "tcp")
            facts.sockets_evidence = sockets.evidence
            _look_at_owners(reader, params, facts, by_pid(everyone))
    return facts


def _look_at_unit(reader: Reader, params: Params, facts: ServiceFacts) -> None:
    try:
        reader.look(StatFile(path="/run/systemd/system"))  # it exists where systemd is process 1, and only there
        facts.unit, facts.unit_evidence = _ask_systemd(reader, params.unit or "")
    except CouldNotLook as failure:
        if failure.reason != "missing":
            raise
        if params.process is None:
            remedy = "ask by `process` (words of its command line) or `port` instead"
            raise CouldNotLook(failure.what, "missing", "systemd does not run here", remedy) from None
        reader.empty(f"unit {params.unit} (systemd does not run here; asked by process instead)")


def _ask_systemd(reader: Reader, name: str) -> tuple[Unit, str]:
    """`systemctl show`; a non-zero exit says that systemctl could not ask, never that the unit is down."""
    argv = ["systemctl", "show", name, "--no-pager", f"--property={PROPERTIES}"]
    seen = reader.run([*argv, "--timestamp=us+utc"])
    if seen.value.exit != 0 and "timestamp" in seen.value.err:
        seen = reader.run(argv)  # systemd before 248
    unit = read_unit(seen.value.out)
    if seen.value.exit != 0 or unit is None:
        said = (seen.value.err.strip().splitlines() or ["it said nothing"])[0]
        detail = f"systemctl could not ask systemd (exit {seen.value.exit}): {said}"
        raise CouldNotLook(f"unit {name}", "failed", detail, "check that this user can reach the system bus")
    return unit, seen.evidence


def _look_at_owners(reader: Reader, params: Params, facts: ServiceFacts, known: dict[int, Process]) -> None:
    holders = (brief(known[item.pid]) for item in facts.listening or () if item.pid in known)
    facts.owners = tuple({item.pid: item for item in holders}.values())
    above = (item for start in (*facts.owners, *(facts.matching or ())) for item in ancestors(start, known))
    facts.family = tuple({item.pid: brief(item) for item in above}.values())
    if params.process is None and facts.unit is None:
        return  # only the port was asked: whoever listens is right
    if facts.listening and not facts.owners:
        reader.blind(f"owner of port {params.port}", "the system does not say who owns it", "run it as root")
    elif facts.owners and unnamed(_holding(facts, params)) and not related(_holding(facts, params)):
        why = "nothing says which process is the service's, so whether the owner is right is open"
        reader.blind(f"owner of port {params.port}", why, "give `process`, words of its command line")
    elif front := next((item for item in strangers(_holding(facts, params)) if item.name in FORWARDERS), None):
        why = f"{front.name} holds the port for another program"
        reader.blind(f"service behind port {params.port}", why, "look inside the container or at the socket unit")


def _holding(facts: ServiceFacts, params: Params) -> Holding:
    words = params.process is not None
    return Holding(words=words, unit=facts.unit, matching=facts.matching, owners=facts.owners, family=facts.family)


def judge(facts: ServiceFacts, params: Params) -> Iterator[Finding]:
    """The unit's state, the process, the port, in this order."""
    if facts.unit is not None and facts.unit_evidence is not None:
        yield from _judge_unit(facts, params, facts.unit, facts.unit_evidence)
    unit = (f"unit:{facts.unit.name}",) if facts.unit else ()
    clues = (*unit, f"port:{params.port}") if params.port else unit
    name = params.unit or params.process or f"port {params.port}"
    if params.process and facts.matching == () and facts.processes_evidence:
        paths = tuple(f"path:{word}" for word in params.process.split() if word.startswith("/"))
        yield PROCESS_MISSING.found(facts.processes_evidence, component=name, clues=(*clues, *paths), words=params.process)
    if params.port is None or facts.listening is None or facts.sockets_evidence is None:
        return
    if not facts.listening:
        yield NOT_LISTENING.found(facts.sockets_evidence, component=name, clues=clues, port=params.port)
    elif facts.processes_evidence and (others := strangers(_holding(facts, params))) and others[0].name not in FORWARDERS:
        owner = min(others, key=lambda item: item.pid)
        yield PORT_TAKEN.found(
            facts.sockets_evidence, facts.processes_evidence, component=name,
            clues=(*owner_clues(params.port, owner), *unit), port=params.port, owner=owner.name,
            pid=owner.pid, command=command_line(owner), at=owner.started,
        )  # fmt: skip


def _judge_unit(facts: ServiceFacts, params: Params, unit: Unit, evidence: str) -> Iterator[Finding]:
    clues = (f"unit:{unit.name}", *(f"path:{path}" for path in unit.paths))
    if unit.load != "loaded":
        yield UNIT_UNUSABLE.found(evidence, component=unit.name, clues=clues, unit=unit.name, load=unit.load)
    elif unit.loops(facts.now, params.restarts, params.recent_s):
        yield RESTART_LOOP.found(
            evidence, component=unit.name, clues=clues, at=unit.started, unit=unit.name, restarts=unit.restarts,
            status=unit.status, last=stamp(unit.started) if unit.started else None,
        )  # fmt: skip
    elif unit.state == "failed" or unit.sub == "auto-restart":
        yield UNIT_FAILED.found(
            evidence, component=unit.name, clues=clues, at=unit.changed, unit=unit.name, result=unit.result,
            status=unit.status, reason=unit.reason(),
        )  # fmt: skip
        if unit.gave_up():
            yield START_LIMIT.found(
                evidence, component=unit.name, clues=clues, at=unit.changed, unit=unit.name, restarts=unit.restarts
            )
    elif unit.state not in ("active", "reloading") and not unit.rests():
        yield UNIT_INACTIVE.found(
            evidence, component=unit.name, clues=clues, at=unit.changed, unit=unit.name, state=unit.state, sub=unit.sub,
            severity="critical" if unit.state == "inactive" else "warning",
        )  # fmt: skip


def show(facts: ServiceFacts, params: Params) -> Iterator[Statement]:
    """One line each for unit, process and port."""
    if facts.unit is not None and facts.unit_evidence:
        unit = facts.unit
        yield Statement(
            text="unit {unit} is {state}/{sub}, main process {pid}, restarted {restarts} times by systemd",
            values={
                "unit": unit.name, "state": unit.state, "sub": unit.sub, "pid": unit.main_pid or None,
                "restarts": unit.restarts,
            },
            evidence=(facts.unit_evidence,), at=unit.started,
        )  # fmt: skip
    if facts.matching and facts.processes_evidence:
        oldest = facts.matching[0]
        age = int((facts.now - oldest.started).total_seconds()) if oldest.started else None
        yield Statement(
            text="processes matching {words}: {count}; the oldest, pid {pid}, is up {age} s: {command}",
            values={
                "count": facts.matched, "words": params.process, "pid": oldest.pid, "age": age,
                "command": command_line(oldest),
            },
            evidence=(facts.processes_evidence,), at=oldest.started,
        )  # fmt: skip
    for item in (facts.listening or ())[:5]:
        yield Statement(
            text="{address} is held by {process} (pid {pid})",
            values={"address": item.address, "process": item.process, "pid": item.pid},
            evidence=(facts.sockets_evidence,) if facts.sockets_evidence else (),
        )
