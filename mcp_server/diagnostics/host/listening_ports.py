"""What listens on which TCP or UDP port, and who owns it? Unix sockets have no port and are not listed."""

from collections.abc import Iterator
from typing import Self

from pydantic import Field, model_validator

from mcp_server.core.calls import Process, ReadProcesses, ReadSockets, Socket
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.outcome import Finding, FindingType, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.processes import FORWARDERS, brief, by_pid, command_line, listeners, owner_clues, says
from mcp_server.core.reader import Reader

MOST = 1_000


class Params(Parameters):
    """One port or all of them."""

    port: int | None = Field(None, ge=1, le=65535, description="Port that something should listen on; omit for all")
    expect: str | None = Field(
        None, min_length=1, max_length=200, description="Words that the owner's name or command line must hold; needs `port`"
    )
    limit: int = Field(40, ge=1, le=500, description="Sockets listed at most; counts are always complete")

    @model_validator(mode="after")
    def _expect_needs_port(self) -> Self:
        if self.expect is not None and self.port is None:
            raise ValueError("given with `port` when it has `expect`")
        return self


class PortFacts(Facts):
    """Listening sockets (of the port asked for, or all), and the processes that own them."""

    sockets: tuple[Socket, ...]
    owners: tuple[Process, ...] = ()
    evidence: str
    owners_evidence: str | None = None


NOBODY_LISTENS = FindingType(
    code="nobody_listens",
    text="nothing listens on port {port}",
    meaning="Connections to it are refused.",
    advice="See whether the service runs, and on which port it was told to listen.",
    explains=(
        "http_check.connection_refused",
        "http_check.bad_gateway",
        "nginx_upstreams.upstream_refused",
        "recent_errors.upstream_refused",
    ),
)
WRONG_OWNER = FindingType(
    code="wrong_owner",
    text="port {port} is held by {owner} (pid {pid}), whose command line lacks {expect}: {command}",
    severity="critical",
    meaning="The port is taken: the expected program cannot listen there, and callers reach another one.",
    advice="Find out who started the owner and which of the two should have the port.",
    explains=(
        "service_status.process_missing",
        "recent_errors.address_in_use",
        "nginx_upstreams.upstream_closed",
        "nginx_upstreams.upstream_error",
        "http_check.client_error",
        "http_check.server_error",
        "http_check.bad_gateway",
    ),
)

DIAGNOSTIC = Diagnostic(
    question="What listens on which TCP or UDP port, and which process owns it?",
    area="host",
    facts=PortFacts,
    examples=({}, {"port": 8000, "expect": "gunicorn"}),
    next=("service_status", "process_list"),
)


def collect(reader: Reader, params: Params) -> PortFacts:
    """Read sockets, then the command lines of their owners; an owner that is hidden is a blind spot."""
    seen = reader.look(ReadSockets())
    found = listeners(seen.value.sockets, params.port)
    facts = PortFacts(sockets=found[:MOST], evidence=seen.evidence)
    if len(found) > MOST:
        reader.cut(f"{len(found)} sockets, {MOST} of them examined", "name a `port`")
    ownerless = [item for item in facts.sockets if item.pid is None]
    if ownerless:
        reader.blind(
            "owner of " + ", ".join(sorted({f"{item.family} {item.address}" for item in ownerless})[:10]),
            "the system does not say who owns it" + (" to this user" if seen.value.owners_hidden else ""),
            "run it as root (for root: the owner lives in another namespace)" if seen.value.owners_hidden else "ask again",
        )
    if not facts.sockets:
        reader.empty(f"listeners on port {params.port}" if params.port else "listening sockets")
    wanted = {item.pid for item in facts.sockets} - {None}
    if wanted:
        with reader.part("command lines of the owners"):
            processes = reader.look(ReadProcesses())
            owners = (item for item in processes.value.processes if item.pid in wanted)
            facts.owners = tuple(owners if params.expect else map(brief, owners))  # the words may stand at the very end
            facts.owners_evidence = processes.evidence
            if params.expect and wanted - {item.pid for item in facts.owners}:
                reader.blind("owner's command line", "the owner ended between the two looks", "ask again")
            if params.expect and (front := _strangers(facts, params)) and front[0].name in FORWARDERS:
                why = f"{front[0].name} holds the port for another program"
                reader.blind(f"program behind port {params.port}", why, "look inside the container or at the socket unit")
    return facts


def judge(facts: PortFacts, params: Params) -> Iterator[Finding]:
    """Nobody on the port asked for; or owners of whom none is the expected one."""
    if params.port is None:
        return
    if not facts.sockets:
        yield NOBODY_LISTENS.found(
            facts.evidence, component=f"port {params.port}", clues=(f"port:{params.port}",), port=params.port
        )
    strangers = _strangers(facts, params)
    if params.expect and strangers and strangers[0].name not in FORWARDERS:
        owner = strangers[0]
        yield WRONG_OWNER.found(
            facts.evidence, *([facts.owners_evidence] if facts.owners_evidence else []), component=f"port {params.port}",
            clues=owner_clues(params.port, owner), port=params.port, owner=owner.name, pid=owner.pid, expect=params.expect,
            command=command_line(owner),
        )  # fmt: skip


def _strangers(facts: PortFacts, params: Params) -> list[Process]:
    """Owners, the eldest first, when all are known and none is the expected one."""
    unseen = {item.pid for item in facts.sockets} - {owner.pid for owner in facts.owners}
    if unseen or any(says(item, params.expect or "") for item in facts.owners):
        return []
    return sorted(facts.owners, key=lambda item: item.pid)


def show(facts: PortFacts, params: Params) -> Iterator[Statement]:
    """One line per socket and owner."""
    known = by_pid(facts.owners)
    for item in facts.sockets[: params.limit]:
        owner = known.get(item.pid or 0)
        yield Statement(
            text="{family} {address}: {process} (pid {pid}) {command}",
            values={
                "family": item.family, "address": item.address, "pid": item.pid,
                "process": item.process or (owner.name if owner else None), "command": command_line(owner) if owner else None,
            },
            evidence=(facts.evidence,),
        )  # fmt: skip
    if len(facts.sockets) > params.limit:
        yield Statement(text="{more} more; raise `limit` or name a `port`", values={"more": len(facts.sockets) - params.limit})
