"""What the settings file says of each service: its port, unit, process, address, and what it depends on."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from mcp_server.core.calls import ReadProcesses
from mcp_server.core.edge import Component, Edge, EdgeScope, EdgeSource, component_of, endpoint
from mcp_server.core.processes import heads, hidden, program, runs
from mcp_server.core.reader import Reader
from mcp_server.core.settings import ServiceSettings

EDGE_SOURCE = EdgeSource(question="What do the settings declare each service to stand on?")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,200}")
_PORTS = {"http": 80, "https": 443}


def collect(reader: Reader, scope: EdgeScope) -> Iterator[Edge]:
    """Edges of every declared service; a name that nobody declared is something external."""
    if not scope.services:
        reader.empty("settings: no service is declared")
    for name, service in scope.services.items():
        me = Component(kind="service", name=name)
        yield from (_edge(me, part) for part in _stands_on(service))
        for text in service.depends_on:
            thing = component_of(text, scope.services)
            if thing is None and _NAME.fullmatch(text):
                thing = Component(kind="external", name=text)
            if thing is None:
                remedy = "name a declared service, unit:NAME, port:N, HOST:PORT or a socket's path"
                reader.blind(f"services.{name}.depends_on `{text[:80]}`", "it names no component", remedy)
            else:
                yield _edge(me, thing)
    if any(service.process for service in scope.services.values()):
        with reader.part("processes of the declared services"):
            yield from _processes(reader, scope)


def _stands_on(service: ServiceSettings) -> Iterator[Component]:
    if service.port:
        yield Component(kind="port", name=str(service.port))
    if service.unit:
        unit = service.unit if "." in service.unit else f"{service.unit}.service"
        yield Component(kind="unit", name=unit)
    if service.url:
        parts = urlsplit(service.url)
        port = parts.port or _PORTS.get(parts.scheme, 80)
        host = parts.hostname or ""
        if at := endpoint(f"[{host}]:{port}" if ":" in host else f"{host}:{port}"):
            yield at


def _processes(reader: Reader, scope: EdgeScope) -> Iterator[Edge]:
    seen = reader.look(ReadProcesses())
    everyone = seen.value.processes
    masters = heads(everyone)
    for name, service in scope.services.items():
        if not service.process:
            continue
        found = {masters[item.pid].pid: masters[item.pid] for item in everyone if runs(item, service.process)}
        if not found and (why := hidden(everyone)):
            reader.blind(f"process of {name}", why, "run it as root")
        elif not found:
            reader.empty(f"processes of {name}: none has {service.process} in its command line")
        for head in sorted(found.values(), key=lambda item: item.pid):
            thing = Component(kind="process", name=f"{program(head)[:200]}[{head.pid}]")
            edge = _edge(Component(kind="service", name=name), thing)
            yield edge.model_copy(update={"observed": True, "evidence": (seen.evidence,)})


def _edge(dependent: Component, dependency: Component) -> Edge:
    return Edge(
        source="declared", dependent=dependent, dependency=dependency, relation="declared", observed=False, confidence=1.0,
        detail="settings",
    )  # fmt: skip
