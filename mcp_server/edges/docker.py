"""Which container stands on which: addresses in its environment, links, published ports, networks, shared volumes."""

from collections.abc import Iterator, Sequence

from mcp_server.core.containers import FAR, reaches
from mcp_server.core.docker_calls import Container, Neighbour, ReadContainers
from mcp_server.core.edge import Component, Edge, EdgeScope, EdgeSource, Relation, endpoint
from mcp_server.core.reader import Reader

EDGE_SOURCE = EdgeSource(
    question="Which container stands on which: environment, links, published ports, networks, volumes?", places=("docker",)
)
_DEPENDS = "com.docker.compose.depends_on"


def collect(reader: Reader, scope: EdgeScope) -> Iterator[Edge]:
    """What the containers of the place were created with; values of their environment never leave the daemon's host."""
    seen = reader.look(ReadContainers())
    if seen.value.cut:
        reader.cut("containers", seen.value.cut)
    containers = seen.value.containers
    if not containers:
        reader.empty("containers")
    everyone: list[Container | Neighbour] = [*containers, *seen.value.others]
    shared = _shared_volumes(containers)
    for item in containers:
        this = Component(kind="container", name=item.name)
        known = {reach.address: reach for reach in reaches(item, everyone)}
        for address in dict.fromkeys(entry.address for entry in item.addresses):
            variable = next(entry.variable for entry in item.addresses if entry.address == address)
            if (reach := known.get(address)) is not None:
                other = Component(kind="container", name=reach.name)
                # without a common network it is what was meant, not what works
                yield _edge(this, other, "configured", seen.evidence, 0.9 if reach.shared else 0.5, f"{variable} {address}")
            elif (
                not _means_container(address, everyone)
                and (thing := endpoint(address)) is not None
                and thing.kind == "external"
            ):
                yield _edge(this, thing, "configured", seen.evidence, 0.6, f"{variable} {address}")
        for link in item.links:
            name = link.partition(":")[0].removeprefix("/")
            if name:
                yield _edge(this, Component(kind="container", name=name), "configured", seen.evidence, 0.9, "link")
        for name in _depends(item, everyone):
            yield _edge(this, Component(kind="container", name=name), "wants", seen.evidence, 0.7, _DEPENDS)
        for port in item.ports:
            if port.host and not port.wanted:
                number = port.host.rpartition(":")[2]
                name = number if port.port.endswith("/tcp") else f"{number}/{port.port.rpartition('/')[2]}"
                yield _edge(Component(kind="port", name=name), this, "listens", seen.evidence, 1.0, port.port)
        for network in item.networks:
            if network.name not in FAR:
                yield _edge(this, Component(kind="network", name=network.name), "attached", seen.evidence, 1.0)
        for mount in item.mounts:
            if mount.type == "volume" and mount.source in shared:
                yield _edge(
                    this, Component(kind="volume", name=mount.source), "attached", seen.evidence, 1.0, mount.destination
                )


def _edge(
    dependent: Component, dependency: Component, relation: Relation, evidence: str, confidence: float, detail: str = ""
) -> Edge:  # fmt: skip
    return Edge(
        source="docker", dependent=dependent, dependency=dependency, relation=relation, confidence=confidence,
        observed=relation in ("listens", "attached"), evidence=(evidence,), detail=detail[:300],
    )  # fmt: skip


def _means_container(address: str, everyone: Sequence[Container | Neighbour]) -> bool:
    """Whether the host of an address is a container that another address of the same name already led to."""
    host = address.rpartition(":")[0]
    return any(host in (other.name, other.service) for other in everyone)


def _depends(item: Container, everyone: Sequence[Container | Neighbour]) -> Iterator[str]:
    """Containers of the services that compose was told to start first: `db:service_healthy:false,cache:…`."""
    for entry in item.labels.get(_DEPENDS, "").split(","):
        service = entry.partition(":")[0]
        for other in everyone if service else ():
            if other.service == service and other.project == item.project and other.name != item.name:
                yield other.name


def _shared_volumes(containers: Sequence[Container]) -> set[str]:
    """Volumes that more than one container uses: what one writes there reaches the other."""
    seen: dict[str, set[str]] = {}
    for item in containers:
        for mount in item.mounts:
            if mount.type == "volume":
                seen.setdefault(mount.source, set()).add(item.name)
    return {name for name, users in seen.items() if len(users) > 1}
