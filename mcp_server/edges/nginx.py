"""What nginx hands to whom, and how long it waits."""

from collections.abc import Iterator

from mcp_server.core.calls import ReadProcesses, ReadSockets
from mcp_server.core.edge import Component, Edge, EdgeScope, EdgeSource, endpoint
from mcp_server.core.errors import NotApplicable
from mcp_server.core.processes import by_pid, heads, listeners, program
from mcp_server.core.reader import Reader
from mcp_server.logs.nginx_config import DEFAULT, read_config
from mcp_server.logs.nginx_model import NginxConfig, Site, hops, listen_address

EDGE_SOURCE = EdgeSource(question="Which addresses does each nginx site hand its requests to?")


def collect(reader: Reader, scope: EdgeScope) -> Iterator[Edge]:
    """Every configuration that a service declares, and the usual one. Sites stand on their ports and on their upstreams."""
    declared = [service.nginx for service in scope.services.values() if service.nginx]
    found: list[NginxConfig] = []
    for path in dict.fromkeys((*declared, DEFAULT)):
        with reader.part(f"nginx configuration {path}"):
            try:
                found.append(read_config(reader, path))
            except NotApplicable as reason:
                reader.empty(reason.sentence())
    for config in found:
        for problem in config.problems:
            reader.blind(f"upstreams after {problem.file}:{problem.line}", "the configuration is damaged there", "nginx_config")
        yield from edges_of(reader, config)
    if any(config.sites for config in found):
        yield from _processes(reader, found)


def edges_of(reader: Reader, config: NginxConfig) -> Iterator[Edge]:
    """site → its port, site → upstream, port → upstream: whoever calls the port waits for what stands behind it."""
    for hop in hops(config):
        site = config.sites[hop.site] if hop.site is not None else None
        far = endpoint(hop.address) if hop.address else None
        where = f"{hop.file}:{hop.line}"
        if far is None:
            reader.blind(f"upstream {hop.written} ({where})", "its address holds a variable", "declare it with depends_on")
            continue
        for near in [site_of(site), *_ports(site)] if site else []:
            yield _edge(near, far, "proxies", hop.evidence, where).model_copy(update={"timeout_ms": hop.wait_ms})
    for site in config.sites:
        for port in _ports(site):
            yield _edge(site_of(site), port, "listens", config.evidence, f"{site.file}:{site.line}")


def site_of(site: Site) -> Component:
    """The site as users know it: its first name, else its port."""
    name = next((name for name in site.names if name not in ("_", "")), "")
    return Component(kind="service", name=(f"site {name}" if name else f"site {' '.join(site.listen) or '80'}")[:500])


def _ports(site: Site) -> list[Component]:
    found = (endpoint(address) for address in map(listen_address, site.listen or ("80",)))
    # a site that listens on one address of this host listens here
    return list(dict.fromkeys(
        Component(kind="port", name=item.name.rpartition(":")[2]) if item.kind == "external" else item for item in found if item
    ))  # fmt: skip


def _processes(reader: Reader, found: list[NginxConfig]) -> Iterator[Edge]:
    """nginx itself → upstream, where one of its processes holds a port of the site."""
    with reader.part("processes of nginx"):
        sockets = reader.look(ReadSockets())
        processes = reader.look(ReadProcesses())
        known, masters = by_pid(processes.value.processes), heads(processes.value.processes)
        holder: dict[str, Component] = {}
        for item in listeners(sockets.value.sockets):
            if item.family == "tcp" and (head := masters.get(item.pid or 0)) and head.name == "nginx" and head.pid in known:
                holder[str(item.port)] = Component(kind="process", name=f"{program(head)}[{head.pid}]")
        for config in found:
            for hop in hops(config):
                far = endpoint(hop.address) if hop.address else None
                site = config.sites[hop.site] if hop.site is not None else None
                if far is None or site is None:
                    continue
                for process in dict.fromkeys(holder[port.name] for port in _ports(site) if port.name in holder):
                    edge = _edge(process, far, "proxies", hop.evidence, f"{hop.file}:{hop.line}")
                    cited = (hop.evidence, sockets.evidence, processes.evidence)
                    yield edge.model_copy(update={"timeout_ms": hop.wait_ms, "evidence": cited})


def _edge(dependent: Component, dependency: Component, relation: str, evidence: str, where: str) -> Edge:
    return Edge.model_validate(
        {
            "source": "nginx", "dependent": dependent, "dependency": dependency, "relation": relation, "observed": False,
            "confidence": 0.9, "evidence": (evidence,), "detail": where[:300],
        }
    )  # fmt: skip
