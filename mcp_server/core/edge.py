"""Who stands on whom: components, the edges between them, and the declaration of a source of edges.

An edge points from what would be hurt (the dependent) to what it stands on (the dependency).
"""

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field

from mcp_server.core.address import PlaceKind
from mcp_server.core.declare import Need
from mcp_server.core.noun import Noun
from mcp_server.core.reader import Reader
from mcp_server.core.settings import ServiceSettings

ComponentKind = Literal[
    "process", "unit", "port", "file", "host", "external", "service", "container", "network", "volume", "workload"
]
Relation = Literal[
    "connects",  # an open connection was seen
    "listens",  # a port or socket file is served by a process
    "proxies",  # requests are handed on
    "requires",  # systemd stops or never starts the one without the other
    "wants",  # systemd starts the other along, and goes on without it
    "orders",  # started after the other, nothing more: no failure travels along it
    "resolves",  # a name is turned into an address
    "configured",  # an address stands in a configuration file
    "declared",  # the settings file says so
    "runs",  # a unit is its process
    "managed",  # a process is started and stopped by its unit
    "attached",  # a container is in a network, or uses a volume
]
EdgeClass = Literal["immediate", "transitive", "shared", "external", "infrastructure"]
"""Derived from the whole map, never stored: how a dependency looks from one component."""


class Component(Noun):
    """Something that can fail. `name` is data: `8000` of kind port, `shop.service`, `nginx[812]`, `db.internal:5432`."""

    kind: ComponentKind
    name: str = Field(min_length=1, max_length=500)

    @property
    def key(self) -> str:
        """`port:8000`: the form in which findings and changes name it too, where they do."""
        return f"{self.kind}:{self.name}"


class Edge(Noun):
    """`dependent` needs `dependency`, as `source` saw it or was told. It cites evidence, or it is declared."""

    source: str = Field(description="edge source that made it: sockets, nginx, systemd, …")
    dependent: Component
    dependency: Component
    relation: Relation
    observed: bool = Field(description="seen at work; False for what is only written down")
    confidence: float = Field(ge=0, le=1)
    evidence: tuple[str, ...] = ()
    timeout_ms: int | None = Field(None, ge=0, description="how long the dependent waits, where known")
    count: int | None = Field(None, ge=0, description="connections open at the moment of the look")
    detail: str = Field("", max_length=300, description="where it is written, as data: file:line")

    @property
    def carries(self) -> bool:
        """Whether a failure of the dependency hurts the dependent; an order of starting alone does not."""
        return self.relation != "orders"


@dataclass(frozen=True)
class EdgeScope:
    """What the settings declare; a source of edges looks there and at the host as a whole."""

    services: Mapping[str, ServiceSettings] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class EdgeSource:
    """One source of edges. The module beside it holds `collect(reader, scope) -> Iterator[Edge]`."""

    question: str
    needs: tuple[Need, ...] = ()
    commands: tuple[str, ...] = ()
    places: tuple[PlaceKind, ...] = ("local",)
    timeout_s: float = 15.0


@dataclass(frozen=True)
class EdgeUnit:
    """A source of edges as the catalog found it."""

    name: str
    spec: EdgeSource
    collect: Callable[[Reader, EdgeScope], Iterator[Edge]]


def is_here(host: str) -> bool:
    """Whether a host part means this machine without asking anyone: loopback, or every address."""
    host = host.strip("[]")
    if host.lower() in ("localhost", "*", ""):
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def split_address(address: str) -> tuple[str, int] | None:
    """`db:5432` → (`db`, 5432), `[::1]:80` → (`::1`, 80); None for anything else."""
    host, _, port = address.rpartition(":")
    if not host or not (port.isascii() and port.isdecimal() and 0 < int(port) < 65_536):
        return None
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    return None if ":" in bare and bare == host else (bare.lower(), int(port))


def endpoint(address: str, here: frozenset[str] = frozenset()) -> Component | None:
    """What stands at an address: a port of this host, something external, or the file of a unix socket.

    `here` are further addresses and names of this host. None for what is no address.
    """
    if address.startswith("unix:"):
        address = address.removeprefix("unix:")
    if address.startswith(("/", "@")):
        return Component(kind="file", name=address[:500])
    parts = split_address(address)
    if parts is None:
        return None
    host, port = parts
    if is_here(host) or host in here:
        return Component(kind="port", name=str(port))
    return Component(kind="external", name=(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")[:500])


def component_of(text: str, services: Mapping[str, object]) -> Component | None:
    """What a person means by `shop`, `unit:x.service`, `port:8000`, `8000`, `db:5432`, `/run/x.sock`; None if nothing fits."""
    kind, colon, name = text.partition(":")
    kinds: dict[str, ComponentKind] = {
        "process": "process", "unit": "unit", "port": "port", "file": "file", "host": "host", "external": "external",
        "service": "service", "path": "file", "container": "container", "network": "network", "volume": "volume",
        "workload": "workload",
    }  # fmt: skip
    if text in services:
        return Component(kind="service", name=text)
    if colon and kind in kinds and name and not (name.isdecimal() and kind != "port"):
        return Component(kind=kinds[kind], name=name[:500])
    if text.isascii() and text.isdecimal() and 0 < int(text) < 65_536:
        return Component(kind="port", name=text)
    if text.endswith((".service", ".socket", ".timer", ".mount", ".target")):
        return Component(kind="unit", name=text[:500])
    return endpoint(text)
