"""What HAProxy hands to whom, and how long it waits."""

from collections.abc import Iterator

from mcp_server.core.calls import ReadFile
from mcp_server.core.edge import Component, Edge, EdgeScope, EdgeSource, Relation, endpoint
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Reader
from mcp_server.logs.server_limits import Section, haproxy_sections

EDGE_SOURCE = EdgeSource(question="Which servers does HAProxy hand its requests to?")

CONFIG = "/etc/haproxy/haproxy.cfg"
_SIZE = 1_048_576


def collect(reader: Reader, scope: EdgeScope) -> Iterator[Edge]:
    """Frontends stand on their ports, and both they and their ports on every server behind them."""
    try:
        seen = reader.look(ReadFile(path=CONFIG, length=_SIZE))
    except CouldNotLook as failure:
        if failure.reason != "missing":
            raise
        reader.empty(f"{CONFIG}: not there")
        return
    if seen.value.end < seen.value.size:
        reader.cut(CONFIG, f"only its first {_SIZE:,} bytes were read")
    sections = list(haproxy_sections(seen.value.text))
    if not sections:
        reader.empty(f"{CONFIG}: no frontend, listen or backend section")
    for front in sections:
        if front.binds:
            yield from _front(reader, front, sections, seen.evidence)


def _front(reader: Reader, front: Section, sections: list[Section], evidence: str) -> Iterator[Edge]:
    """One way in, with the servers of its own section and of the backends that it names."""
    me = Component(kind="service", name=f"haproxy {front.name or front.line}"[:500])
    ports = list(dict.fromkeys(port for bind in front.binds if (port := _port(bind)) is not None))
    for port in ports:
        yield _edge(me, port, "listens", evidence, front.line)
    for back in sections:
        if back is front or back.name in front.uses:
            for server in back.servers:
                far = [endpoint(address) for address in _addresses(server, ports)]
                if not far or None in far:
                    where = f"server {server[:80]} of HAProxy {back.name}"
                    reader.blind(where, "its address cannot be told", f"{CONFIG}:{back.line}")
                    continue
                for thing in far:
                    for near in (me, *ports):
                        if thing is not None:
                            yield _edge(near, thing, "proxies", evidence, back.line, back.wait_ms)


def _addresses(server: str, ports: list[Component]) -> list[str]:
    """Without a port a server is called at the one the client came in by."""
    text = server.removeprefix("unix@").removeprefix("ipv4@").removeprefix("ipv6@")
    if text.startswith("/") or ":" in text:
        return [text]
    return [f"{text}:{port.name}" for port in ports if port.name.isdecimal()]


def _port(bind: str) -> Component | None:
    """The port of this host that a bind line takes; `:443`, `*:443`, `10.0.0.5:443`, a socket's path."""
    found = endpoint(f"*{bind}" if bind.startswith(":") else bind.removeprefix("ipv4@").removeprefix("ipv6@"))
    if found is not None and found.kind == "external":
        return Component(kind="port", name=found.name.rpartition(":")[2])
    return found


def _edge(
    dependent: Component, dependency: Component, relation: Relation, evidence: str, line: int, wait_ms: int | None = None
) -> Edge:  # fmt: skip
    return Edge(
        source="haproxy", dependent=dependent, dependency=dependency, relation=relation, observed=False, confidence=0.9,
        evidence=(evidence,), detail=f"{CONFIG}:{line}", timeout_ms=wait_ms,
    )  # fmt: skip
