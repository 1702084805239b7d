"""Which process serves which port, who is connected to whom, and to which systemd unit do they belong?"""

from collections import Counter
from collections.abc import Iterator

from mcp_server.core.calls import Process, ReadProcesses, ReadSockets, Socket
from mcp_server.core.edge import Component, Edge, EdgeScope, EdgeSource, endpoint, split_address
from mcp_server.core.processes import heads, hidden, listeners, program
from mcp_server.core.reader import Reader
from mcp_server.core.text import amount

EDGE_SOURCE = EdgeSource(question="Who serves which port, who is connected to whom, and which unit runs it?")

MOST = 20_000
"""Edges made at most."""
_LIVE = ("ESTABLISHED", "SYN_SENT", "CLOSE_WAIT")


def collect(reader: Reader, scope: EdgeScope) -> Iterator[Edge]:
    """Listening ports, open connections, units of the processes seen in either. A hidden owner is a blind spot."""
    sockets = reader.look(ReadSockets(connected=True))
    processes = reader.look(ReadProcesses())
    everyone = processes.value.processes
    if why := hidden(everyone):
        reader.blind("some processes", f"denied: {why}", "run as root to see them")
    if sockets.value.owners_hidden:
        reader.blind("owners of some sockets", "denied: the system does not say who owns them", "run as root to see them")
    seen = (sockets.evidence, processes.evidence)
    masters = heads(everyone)
    served, socket_files = _listening(sockets.value.sockets)
    used: dict[int, Process] = {}
    edges: dict[tuple[str, str], Edge] = {}
    for item, thing in (*served, *socket_files):
        if (owner := masters.get(item.pid or 0)) is not None:
            used[owner.pid] = owner
        # a port without a visible owner is served all the same
        server = process_of(owner) if owner else Component(kind="process", name=f"unseen owner of {thing.key}"[:500])
        edge = _edge(thing, server, "listens", seen)
        edges.setdefault((edge.dependent.key, edge.dependency.key), edge)
    yield from edges.values()
    yield from _connections(reader, sockets.value.sockets, masters, used, seen)
    for process in sorted(used.values(), key=lambda item: item.pid):
        if process.unit and process.unit.endswith(".service") and not process.unit.startswith("user@"):
            unit = Component(kind="unit", name=process.unit)
            yield _edge(unit, process_of(process), "runs", (processes.evidence,))
            yield _edge(process_of(process), unit, "managed", (processes.evidence,))
    if not edges:
        reader.empty("listening sockets")


def process_of(process: Process) -> Component:
    """`gunicorn[812]`: the program and its process number, which together are one thing on this host."""
    return Component(kind="process", name=f"{program(process)[:200]}[{process.pid}]")


def _listening(sockets: tuple[Socket, ...]) -> tuple[list[tuple[Socket, Component]], list[tuple[Socket, Component]]]:
    ports = [
        (item, Component(kind="port", name=f"{item.port}" if item.family == "tcp" else f"{item.port}/udp"))
        for item in listeners(sockets)
        if item.family != "unix"
    ]
    files = [(item, thing) for item in sockets if item.family == "unix" and (thing := endpoint(item.address)) is not None]
    return ports, files


def _connections(
    reader: Reader, sockets: tuple[Socket, ...], masters: dict[int, Process], used: dict[int, Process], seen: tuple[str, str]
) -> Iterator[Edge]:
    """Each pair of process and far end once, with the number of connections; the accepting side is not a caller."""
    own = {parts[0] for item in sockets if (parts := split_address(item.address))}
    accepting = {item.port for item in listeners(sockets)}
    counted: Counter[tuple[int, Component]] = Counter()
    ownerless = 0
    for item in sockets:
        if item.family == "unix" or item.remote is None or item.state not in _LIVE or item.port in accepting:
            continue
        owner = masters.get(item.pid or 0)
        if owner is None:
            ownerless += 1
        elif not owner.ours and (far := endpoint(item.remote, frozenset(own))) is not None:
            used[owner.pid] = owner
            counted[owner.pid, far] += 1
    if ownerless:
        reader.blind(f"callers of {amount(ownerless, 'open connection')}", "their owner cannot be seen", "run as root")
    for number, ((pid, far), count) in enumerate(sorted(counted.items(), key=lambda pair: (pair[0][0], pair[0][1].key))):
        if number >= MOST:
            reader.cut(f"{len(counted) - MOST} of {len(counted)} pairs of connected components", "they are too many to list")
            return
        yield _edge(process_of(used[pid]), far, "connects", seen).model_copy(update={"count": count})


def _edge(dependent: Component, dependency: Component, relation: str, evidence: tuple[str, ...]) -> Edge:
    return Edge.model_validate(
        {
            "source": "sockets", "dependent": dependent, "dependency": dependency, "relation": relation, "observed": True,
            "confidence": 1.0, "evidence": evidence,
        }
    )  # fmt: skip
