"""Which addresses stand in the configuration files of the declared services? Secrets are taken out before anything is read."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from mcp_server.core.calls import FileStat, ListFolder, ReadFile
from mcp_server.core.clues import class_of
from mcp_server.core.edge import Component, Edge, EdgeScope, EdgeSource, endpoint
from mcp_server.core.reader import Reader
from mcp_server.core.settings import ServiceSettings

EDGE_SOURCE = EdgeSource(question="Which addresses stand in the configuration of the declared services?")

FILES, SIZE, DEPTH = 60, 262_144, 2
_SKIP = (".git", "node_modules", ".venv", "venv", "__pycache__", "site-packages", "locale", "i18n", "tests", "docs")
_NOT = ("package.json", "package-lock.json", "tsconfig*.json", "*.service", "*.timer", "*.target", "*.pem", "*.crt", "*.xml")
_PORTS = {
    "http": 80, "https": 443, "ws": 80, "wss": 443, "postgres": 5432, "postgresql": 5432, "mysql": 3306, "mariadb": 3306,
    "redis": 6379, "rediss": 6379, "amqp": 5672, "amqps": 5671, "mongodb": 27017, "kafka": 9092, "memcached": 11211,
    "nats": 4222, "ldap": 389, "ldaps": 636, "smtp": 25, "clickhouse": 9000, "elasticsearch": 9200, "tcp": 0, "grpc": 0,
}  # fmt: skip
_URL = re.compile(
    r"\b([a-z][a-z0-9]{1,20})(?:\+[a-z0-9]{1,20})?://(?:[^\s/'\"<>@]{0,200}@)?(\[[0-9a-f:.]{2,45}\]|[\w.-]{1,253})(?::(\d{1,5}))?",
    re.ASCII,
)
_ADDRESS = re.compile(
    r"(?<![\w./:@-])((?:\d{1,3}\.){3}\d{1,3}|localhost|[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}):(\d{2,5})\b"
)
_CALLED = re.compile(r"(?i)(host|addr|server|broker|endpoint|url|uri|upstream|backend|node|peer|dsn|bootstrap)")
_OWN = re.compile(r"(?i)\b_?(listen|bind)\w*\b")
_HOST_KEY = re.compile(r"\s*(?:export\s+)?[\"']?(\w{1,60})_HOST[\"']?\s*[=:]\s*[\"']?([A-Za-z0-9.-]{1,253})[\"']?\s*,?\s*$")
_PORT_KEY = re.compile(r"\s*(?:export\s+)?[\"']?(\w{1,60})_PORT[\"']?\s*[=:]\s*[\"']?(\d{2,5})[\"']?\s*,?\s*$")


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
                for thing, line in addresses(seen.value.text):
                    yield Edge(
                        source="configuration", dependent=Component(kind="service", name=name), dependency=thing,
                        relation="configured", observed=False, confidence=0.6, evidence=(seen.evidence,),
                        detail=f"{path}:{line}"[-300:],
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
    fits = item.type == "file" and class_of(item.path) == "configuration" and item.path != service.nginx
    return fits and not any(fnmatchcase(name, pattern) for pattern in _NOT)


def addresses(text: str) -> Iterator[tuple[Component, int]]:
    """What the lines of one file name as somewhere else, each once, with the line. Own listening addresses are left out."""
    found: dict[Component, int] = {}
    hosts: dict[str, tuple[str, int]] = {}
    ports: dict[str, str] = {}
    for number, whole in enumerate(text.splitlines(), 1):
        line = whole[:2_000]
        if line.lstrip().startswith(("#", ";", "//", "--")) or _OWN.search(line):
            continue
        for address in _in(line):
            if thing := endpoint(address):
                found.setdefault(thing, number)
        if match := _HOST_KEY.match(line):
            hosts[match[1].lower()] = (match[2], number)
        elif match := _PORT_KEY.match(line):
            ports[match[1].lower()] = match[2]
    for prefix, (host, number) in hosts.items():
        if prefix in ports and (thing := endpoint(f"{host}:{ports[prefix]}")):
            found.setdefault(thing, number)
    yield from found.items()


def _in(line: str) -> Iterator[str]:
    for match in _URL.finditer(line):
        port = match[3] or _PORTS.get(match[1], 0)
        if match[1] in _PORTS and port:
            yield f"{match[2]}:{port}"
    key = re.split(r"[=:]", line, maxsplit=1)[0]
    for match in _ADDRESS.finditer(_URL.sub(" ", line)):
        if match[1] == "localhost" or match[1][0].isdigit() or _CALLED.search(key):
            yield f"{match[1]}:{match[2]}"
