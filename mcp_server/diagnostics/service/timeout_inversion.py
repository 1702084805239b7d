"""Does any caller give up before the one it calls?

nginx and HAProxy wait for an application server, which may let a request run longer than anyone waits for it: users get a
504 while the work goes on, and every retry adds to it. Every hop must wait at least as long as the next one may take.
"""

import posixpath
from collections.abc import Iterator, Sequence

from pydantic import Field

from mcp_server.core.calls import Process, ReadFile, ReadProcesses, ReadSockets
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.edge import endpoint
from mcp_server.core.errors import CouldNotLook, NotApplicable
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import Finding, FindingType, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.processes import heads, program
from mcp_server.core.reader import Reader
from mcp_server.logs.nginx_config import DEFAULT, read_config
from mcp_server.logs.nginx_model import hops, listen_address
from mcp_server.logs.server_limits import Limit, gunicorn_config, gunicorn_limit, haproxy_sections, option, uwsgi_limit

_PATH = r"^/[^\x00]*$"
_SERVERS = ("gunicorn", "uwsgi")


class Params(Parameters):
    """Which proxies, and how long their own callers wait."""

    conf: str = Field(DEFAULT, min_length=2, max_length=4_096, pattern=_PATH, description="nginx main file or one site's file")
    haproxy: str = Field(
        "/etc/haproxy/haproxy.cfg", min_length=2, max_length=4_096, pattern=_PATH, description="HAProxy configuration"
    )
    client_s: float | None = Field(
        None, gt=0, le=86_400, description="Seconds the clients in front wait (load balancer, browser, SDK); omit if unknown"
    )


class Hop(Noun):
    """A caller that waits for an address. `listens` are the addresses under which it is called itself."""

    name: str
    listens: tuple[str, ...] = ()
    to: str
    wait_ms: int | None
    where: str
    evidence: str


class Server(Noun):
    """What answers at an address of this host, and how long it may take."""

    name: str
    address: str
    limit: Limit
    evidence: tuple[str, ...]


class ChainFacts(Facts):
    """Every hop and every server whose limit is known to be there or not; addresses are keys such as `port:8000`."""

    hops: tuple[Hop, ...]
    servers: tuple[Server, ...]


GIVES_UP_FIRST = FindingType(
    code="gives_up_first",
    text="{caller} gives up after {wait_s} s ({where}), but {callee} may take {limit_s} s ({callee_where}): {chain}",
    meaning="A slow request is answered with 504 while the work goes on for nobody; retries then pile up on top of it.",
    advice="Let each caller wait longer than the one it calls may take, or make the callee give up earlier.",
)

DIAGNOSTIC = Diagnostic(
    question="Does any caller give up before the one it calls: nginx, HAProxy, gunicorn, uwsgi?",
    area="service",
    facts=ChainFacts,
    tool=False,
    timeout_s=20.0,
    examples=({}, {"conf": "/etc/nginx/sites-enabled/shop", "client_s": 30}),
    next=("nginx_config", "dependency_map"),
)


def collect(reader: Reader, params: Params) -> ChainFacts:
    """Read the proxies' configurations, then find who listens where they lead, and that server's own limit.

    One proxy that cannot be read does not hide the other: what stays `dark` is a blind spot, and never "no proxy here".
    """
    dark: list[str] = []
    found = [*_nginx(reader, params, dark), *_haproxy(reader, params, dark)]
    if not found and not dark:
        raise NotApplicable("neither nginx nor HAProxy hands requests to another address here")
    if params.client_s is not None and found:
        proof, wait = found[0].evidence, round(params.client_s * 1000)
        called = {item.to for item in found}
        fronts = dict.fromkeys(at for item in found for at in item.listens if at not in called)
        found += [Hop(name="client", to=at, wait_ms=wait, where="client_s", evidence=proof) for at in fronts]
    return ChainFacts(hops=tuple(found), servers=tuple(_servers(reader, found)))


def _nginx(reader: Reader, params: Params, dark: list[str]) -> Iterator[Hop]:
    try:
        config = read_config(reader, params.conf)
    except NotApplicable as reason:
        reader.empty(reason.sentence())
        return
    except CouldNotLook as failure:
        dark.append(params.conf)
        reader.blind(params.conf, f"{failure.reason}: {failure.detail}", failure.remedy)
        return
    for problem in config.problems:
        dark.append(problem.file)
        reader.blind(f"time limits after {problem.file}:{problem.line}", "the configuration is damaged there", "nginx_config")
    if len(config.noted) >= 200:
        reader.cut(params.conf, "only its first 200 settings are known; name one site's file with conf=")
    for hop in hops(config):
        site = config.sites[hop.site] if hop.site is not None else None
        name = f"nginx {' '.join((site.names if site else ())[:1])} {hop.location or ''}".strip()
        to = endpoint(hop.address) if hop.address else None
        if to is None or hop.wait_ms is None:
            dark.append(name)
            reader.blind(f"time limit of {name}", "its address or its limit holds a variable", f"{hop.file}:{hop.line}")
            continue
        listens = (endpoint(listen_address(item)) for item in (site.listen or ("80",) if site else ()))
        yield Hop(
            name=name, listens=tuple(item.key for item in listens if item), to=to.key, wait_ms=hop.wait_ms,
            where=hop.wait_line or "nginx's default", evidence=hop.evidence,
        )  # fmt: skip


def _haproxy(reader: Reader, params: Params, dark: list[str]) -> Iterator[Hop]:
    try:
        seen = reader.look(ReadFile(path=params.haproxy, length=1_048_576))
    except CouldNotLook as failure:
        if failure.reason != "missing":
            dark.append(params.haproxy)
            reader.blind(params.haproxy, f"{failure.reason}: {failure.detail}", failure.remedy)
        else:
            reader.empty(f"{params.haproxy}: not there")
        return
    if seen.value.end < seen.value.size:
        reader.cut(params.haproxy, "only its first part was read")
    sections = list(haproxy_sections(seen.value.text))
    binds: dict[str, list[str]] = {}
    for section in sections:
        for name in (section.name, *section.uses):
            binds.setdefault(name, []).extend(section.binds)
    for section in sections:
        listens = [endpoint(f"*{item}" if item.startswith(":") else item) for item in binds.get(section.name, ())]
        for server in section.servers:
            to = endpoint(server)
            if to is None:
                dark.append(server)
                reader.blind(f"server {server[:80]} of HAProxy {section.name}", "its address cannot be told", params.haproxy)
                continue
            yield Hop(
                name=f"haproxy {section.name}", listens=tuple(item.key for item in listens if item), to=to.key,
                wait_ms=section.wait_ms, where=f"{params.haproxy}:{section.line}", evidence=seen.evidence,
            )  # fmt: skip


def _servers(reader: Reader, found: Sequence[Hop]) -> Iterator[Server]:
    """The server at each address that a hop leads to and no other hop serves."""
    served = {address for hop in found for address in hop.listens}
    wanted = [address for address in dict.fromkeys(hop.to for hop in found) if address not in served]
    if not wanted:
        return
    with reader.part("servers behind the proxies"):
        sockets, processes = reader.look(ReadSockets()), reader.look(ReadProcesses())
        masters = heads(processes.value.processes)
        owners: dict[str, Process] = {}
        for item in sockets.value.sockets:
            at, owner = endpoint(item.address), masters.get(item.pid or 0)
            if item.family != "udp" and item.state.startswith("LISTEN") and at is not None and owner is not None:
                owners.setdefault(_local(at.key, item.port), owner)
        for address in wanted:
            with reader.part(f"time limit at {address}"):
                owner = owners.get(address)
                if owner is None:
                    raise CouldNotLook(
                        f"server at {address}", "missing", "nothing with a visible owner listens there on this host"
                    )
                limit, proofs = _limit(reader, owner)
                if limit.problem:
                    raise CouldNotLook(program(owner), "damaged", limit.problem, f"see {limit.where}")
                cited = (sockets.evidence, processes.evidence, *proofs)
                yield Server(name=f"{program(owner)}[{owner.pid}]", address=address, limit=limit, evidence=cited)


def _local(key: str, port: int | None) -> str:
    """A listener on any address of this host is reached through its port."""
    return f"port:{port}" if port else key


def _limit(reader: Reader, owner: Process) -> tuple[Limit, tuple[str, ...]]:
    """The server's own limit. Raises CouldNotLook where it is no server whose limit is known here."""
    name = next((known for known in _SERVERS if program(owner).startswith(known)), None)
    if name is None:
        why = f"how long {program(owner)}[{owner.pid}] lets a request run is not known here"
        raise CouldNotLook(program(owner), "missing", why, "see its own configuration")
    if not owner.argv:
        raise CouldNotLook(f"command line of {program(owner)}[{owner.pid}]", "denied", "", "run it as root")
    where = f"command line of {program(owner)}[{owner.pid}]"
    path, named = _config(name, owner)
    if path is None:
        if named:
            raise CouldNotLook(where, "missing", "its configuration cannot be followed")
        return (gunicorn_limit if name == "gunicorn" else uwsgi_limit)(owner.argv, where, None), ()
    try:
        seen = reader.look(ReadFile(path=path))
    except CouldNotLook as failure:
        if failure.reason != "missing" or named:
            raise
        return gunicorn_limit(owner.argv, where, None), ()
    if seen.value.end < seen.value.size:
        raise CouldNotLook(path, "cut", "only its first part was read")
    judge_limit = gunicorn_limit if name == "gunicorn" else uwsgi_limit
    return judge_limit(owner.argv, where, seen.value.text, path), (seen.evidence,)


def _config(name: str, owner: Process) -> tuple[str | None, bool]:
    if name == "gunicorn":
        return gunicorn_config(owner.argv, owner.cwd)
    ini = option(owner.argv, "--ini") or next((word for word in owner.argv[1:] if word.endswith(".ini")), None)
    other = option(owner.argv, "--yaml", "--xml", "--json", "--emperor")
    path = posixpath.normpath(posixpath.join(owner.cwd or "", ini)) if ini else None
    return (path if path and path.startswith("/") else None), bool(ini or other)


def judge(facts: ChainFacts, params: Params) -> Iterator[Finding]:
    """Each hop that waits for less time than what it calls may take."""
    for hop in facts.hops:
        for name, limit_ms, where, evidence in _callees(facts, hop):
            if hop.wait_ms is not None and limit_ms is not None and hop.wait_ms < limit_ms:
                yield GIVES_UP_FIRST.found(
                    hop.evidence, *evidence, component=hop.name, clues=(hop.to, *_paths(hop.where), *_paths(where)),
                    caller=hop.name, wait_s=hop.wait_ms / 1000, where=hop.where, callee=name, limit_s=limit_ms / 1000,
                    callee_where=where, chain=_chain(facts, hop),
                )  # fmt: skip


def _callees(facts: ChainFacts, hop: Hop) -> Iterator[tuple[str, int | None, str, tuple[str, ...]]]:
    for other in facts.hops:
        if hop.to in other.listens:
            yield other.name, other.wait_ms, other.where, (other.evidence,)
    for server in facts.servers:
        if server.address == hop.to:
            yield server.name, server.limit.ms, server.limit.where, server.evidence


def _chain(facts: ChainFacts, hop: Hop) -> str:
    """`client 30 s → nginx 60 s → gunicorn[7] 120 s`, down to where it ends; a circle is cut where it closes."""
    told, seen, current = [f"{hop.name} {_seconds(hop.wait_ms)}"], {hop.to}, hop
    while (following := next((item for item in facts.hops if current.to in item.listens), None)) is not None:
        told.append(f"{following.name} {_seconds(following.wait_ms)}")
        if following.to in seen:
            return " → ".join([*told, "…"])
        seen.add(following.to)
        current = following
    server = next((item for item in facts.servers if item.address == current.to), None)
    return " → ".join([*told, f"{server.name} {_seconds(server.limit.ms)}" if server else f"{current.to} (limit unknown)"])


def show(facts: ChainFacts, params: Params) -> Iterator[Statement]:
    """Every chain from its beginning, each once."""
    called = {address for hop in facts.hops for address in hop.listens if any(item.to == address for item in facts.hops)}
    fronts = [hop for hop in facts.hops if not called & set(hop.listens)] or list(facts.hops)
    chains = {_chain(facts, hop): hop for hop in fronts}
    for chain, hop in list(chains.items())[:40]:
        proofs = (hop.evidence, *(name for server in facts.servers if server.address == hop.to for name in server.evidence))
        yield Statement(text="{chain}", values={"chain": chain}, evidence=proofs[:6])
    if len(chains) > 40:
        yield Statement(text="{count} more chains are in the data", values={"count": len(chains) - 40})


def _seconds(ms: int | None) -> str:
    return "no limit" if ms is None else f"{ms / 1000:g} s"


def _paths(where: str) -> tuple[str, ...]:
    path = where.rpartition(":")[0] if where.rpartition(":")[2].isdecimal() else where
    return (f"path:{path}",) if path.startswith("/") else ()
