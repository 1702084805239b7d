"""Compose files beside the declared services: what they start, in which order, and where it leads. Nothing needs to run."""

import posixpath
from collections.abc import Iterator
from fnmatch import fnmatchcase

from mcp_server.core.calls import ListFolder, ReadFile
from mcp_server.core.edge import Component, Edge, EdgeScope, EdgeSource, Relation
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Reader
from mcp_server.logs.addresses import addresses_in
from mcp_server.logs.compose_file import NAMES, ComposeService, compose_services

EDGE_SOURCE = EdgeSource(question="What do the compose files of the declared services start, and what does it stand on?")

SIZE, FILES, DEPTH = 262_144, 20, 2
_SKIP = (".git", "node_modules", ".venv", "venv", "__pycache__", "site-packages")


def collect(reader: Reader, scope: EdgeScope) -> Iterator[Edge]:
    """Each file below the folders of the declared services. One that is damaged is a blind spot of its own."""
    folders = dict.fromkeys(
        folder for service in scope.services.values() for folder in (service.root, *service.folders) if folder
    )
    if not folders:
        reader.empty("compose: no declared service has a folder")
    found: dict[str, None] = {}
    for folder in folders:
        with reader.part(f"folder {folder}"):
            seen = reader.look(ListFolder(path=folder, depth=DEPTH, limit=5_000, skip=_SKIP)).value
            if seen.cut:
                reader.cut(f"folder {folder}", seen.cut)
            files = (item.path for item in seen.entries if item.type == "file")
            found |= dict.fromkeys(
                path for path in sorted(files) if any(fnmatchcase(posixpath.basename(path), name) for name in NAMES)
            )
    if folders and not found:
        reader.empty("compose: no compose file below " + ", ".join(list(folders)[:4]))
    if len(found) > FILES:
        reader.cut(f"{len(found) - FILES} of {len(found)} compose files", "name fewer folders for the services")
    for path in list(found)[:FILES]:
        with reader.part(path):
            yield from _file(reader, path)


def _file(reader: Reader, path: str) -> Iterator[Edge]:
    seen = reader.look(ReadFile(path=path, length=SIZE))
    if seen.value.end < seen.value.size:
        raise CouldNotLook(path, "cut", f"only its first {SIZE:,} bytes were read")
    try:
        services = compose_services(seen.value.text)
    except ValueError as error:
        raise CouldNotLook(path, "damaged", str(error)) from None
    project = posixpath.basename(posixpath.dirname(path)) or "compose"
    names = {item.name for item in services}
    for item in services:
        me = _thing(project, item.name)
        for what in item.unknown:
            reader.blind(f"{item.name} in {path}", f"{what} holds a variable", "see `docker compose config`")
        for other in item.needs:
            yield _edge(me, _thing(project, other), "wants", seen.evidence, 0.7, f"{path} depends_on")
        for port in item.ports:
            if port.isdecimal():
                yield _edge(Component(kind="port", name=port), me, "listens", seen.evidence, 0.7, f"{path} ports")
        for volume in item.volumes:
            if sum(volume in other.volumes for other in services) > 1:
                shared = Component(kind="volume", name=f"{project}_{volume}"[:500])
                yield _edge(me, shared, "attached", seen.evidence, 0.7, f"{path} volumes")
        yield from _environment(me, project, names, "\n".join(item.environment), seen.evidence, path)
        yield from _env_files(reader, item, me, project, names, path)


def _env_files(
    reader: Reader, item: ComposeService, me: Component, project: str, names: set[str], path: str
) -> Iterator[Edge]:  # fmt: skip
    for name in item.env_files[:10]:
        file = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
        with reader.part(f"env_file {file}"):
            seen = reader.look(ReadFile(path=file, length=SIZE))
            yield from _environment(me, project, names, seen.value.text, seen.evidence, file)


def _environment(
    me: Component, project: str, names: set[str], text: str, evidence: str, path: str
) -> Iterator[Edge]:  # fmt: skip
    """Addresses in an environment; a host that is the name of a service of the file is that service."""
    for found in addresses_in(text):
        host = found.thing.name.rpartition(":")[0]
        if found.thing.kind == "external" and host in names:
            edge = _edge(me, _thing(project, host), "configured", evidence, 0.9, f"{path} {found.thing.name}")
        elif found.thing.kind == "external":  # a port of "this host" is one of the container's own
            edge = _edge(me, found.thing, "configured", evidence, 0.6, path)
        else:
            continue
        yield edge.model_copy(update={"timeout_ms": found.wait_ms})


def _thing(project: str, name: str) -> Component:
    return Component(kind="service", name=f"{project}/{name}"[:500])


def _edge(
    dependent: Component, dependency: Component, relation: Relation, evidence: str, confidence: float, detail: str
) -> Edge:  # fmt: skip
    return Edge(
        source="compose", dependent=dependent, dependency=dependency, relation=relation, observed=False, confidence=confidence,
        evidence=(evidence,), detail=detail[:300],
    )  # fmt: skip
