"""Which addresses stand in the configuration files of the declared services? Secrets are taken out before anything is read."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from mcp_server.core.calls import FileStat, ListFolder, ReadFile
from mcp_server.core.clues import class_of
from mcp_server.core.edge import Component, Edge, EdgeScope, EdgeSource
from mcp_server.core.reader import Reader
from mcp_server.core.settings import ServiceSettings
from mcp_server.logs.addresses import addresses_in

EDGE_SOURCE = EdgeSource(question="Which addresses stand in the configuration of the declared services?")

FILES, SIZE, DEPTH = 60, 262_144, 2
_SKIP = (".git", "node_modules", ".venv", "venv", "__pycache__", "site-packages", "locale", "i18n", "tests", "docs")
_NOT = (
    "package.json",
    "package-lock.json",
    "tsconfig*.json",
    "*.service",
    "*.timer",
    "*.target",
    "*.pem",
    "*.crt",
    "*.xml",
    "docker-compose*",
    "compose.y*ml",
)  # compose files are a source of their own
_SETTINGS = ("settings*.py", "config*.py", "application*.properties", "database.php", "wp-config.php", "*.config.js")
"""Files of code that hold an application's settings by convention."""


def collect(reader: Reader, scope: EdgeScope) -> Iterator[Edge]:
    """The files of each service's folder and configuration folders; what is too many or too large is said."""
    if not scope.services:
        reader.empty("configuration: no service is declared, so no file belongs to one")
    for name, service in scope.services.items():
        for path in _files(reader, service):
            with reader.part(path):
                seen = reader.look(ReadFile(path=path, length=SIZE))
                if seen.value.binary:
                    continue
                if seen.value.end < seen.value.size:
                    reader.cut(path, f"only its first {SIZE:,} bytes were read")
                for found in addresses_in(seen.value.text):
                    yield Edge(
                        source="configuration", dependent=Component(kind="service", name=name), dependency=found.thing,
                        relation="configured", observed=False, confidence=0.6, evidence=(seen.evidence,),
                        detail=f"{path}:{found.line}"[-300:], timeout_ms=found.wait_ms,
                    )  # fmt: skip


def _files(reader: Reader, service: ServiceSettings) -> Iterator[str]:
    found: dict[str, None] = {}
    for folder in dict.fromkeys(item for item in (service.root, *service.folders) if item):
        with reader.part(f"folder {folder}"):
            seen = reader.look(ListFolder(path=folder, depth=DEPTH, limit=5_000, skip=_SKIP)).value
            for hidden in seen.unreadable:
                reader.blind(f"folder {hidden}", "denied", "run with rights to read it")
            if seen.cut:
                reader.cut(f"folder {folder}", seen.cut)
            found |= dict.fromkeys(sorted(item.path for item in seen.entries if _wanted(item, service)))
    if len(found) > FILES:
        reader.cut(f"{len(found) - FILES} of {len(found)} configuration files", "name fewer folders for the service")
    yield from list(found)[:FILES]


def _wanted(item: FileStat, service: ServiceSettings) -> bool:
    name = item.path.rpartition("/")[2]
    settings = any(fnmatchcase(name, pattern) for pattern in _SETTINGS)
    fits = item.type == "file" and (settings or class_of(item.path) == "configuration") and item.path != service.nginx
    return fits and not any(fnmatchcase(name, pattern) for pattern in _NOT)
