"""Addresses of other services in configuration texts: URLs, DSNs, host and port by name, and how long a client waits. Pure.

Only addresses leave this module: no value of any other setting, no user, no password.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mcp_server.core.edge import Component, endpoint

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
_PLAIN_HOST = re.compile(r"\s*[\"']?host(?:name)?[\"']?\s*[=:]\s*[\"']?([A-Za-z0-9.-]{1,253})[\"']?\s*,?\s*$", re.I)
_PLAIN_PORT = re.compile(r"\s*[\"']?port[\"']?\s*[=:]\s*[\"']?(\d{2,5})[\"']?\s*,?\s*$", re.I)
_NEAR = 8
"""Lines between a plain `HOST` and its `PORT`, as in a dictionary of settings."""
_WAIT_KEY = re.compile(
    r"\s*(?:export\s+)?[\"']?(\w{1,60}?)_(?:READ_|REQUEST_|HTTP_|CONNECT_)?TIMEOUT(_MS|_MILLIS|_SECONDS|_SECS|_S)?[\"']?\s*[=:]\s*"
    r"[\"']?(\d{1,7}(?:\.\d{1,3})?)\s*(ms|s|m)?[\"']?\s*,?\s*$",
    re.I,
)
_URL_KEY = re.compile(
    r"\s*(?:export\s+)?[\"']?(\w{1,60})_(?:URL|URI|ENDPOINT|DSN|ADDR|ADDRESS|HOST|BASE_URL|SERVER)[\"']?\s*[=:]", re.I
)
_UNITS = {"ms": 1, "s": 1_000, "m": 60_000}


@dataclass(frozen=True, slots=True)
class Found:
    """An address, the line it stands on, and how long the client waits for it where the file says so."""

    thing: Component
    line: int
    wait_ms: int | None = None


def addresses_in(text: str) -> list[Found]:
    """What the lines of one file name as somewhere else, each once. A limit counts where its name is the address's own:
    `PAYMENT_URL` and `PAYMENT_TIMEOUT`."""
    waits: dict[str, int] = {}
    keys: dict[int, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if match := _WAIT_KEY.match(line[:400]):
            said = (match[2] or "").lower()
            unit = match[4] or ("ms" if said in ("_ms", "_millis") else "s")
            waits[match[1].lower()] = round(float(match[3]) * _UNITS[unit.lower()])
        if match := _URL_KEY.match(line[:400]):
            keys[number] = match[1].lower()
    return [Found(thing, line, waits.get(keys.get(line, ""))) for thing, line in addresses(text)]


def addresses(text: str) -> Iterator[tuple[Component, int]]:
    """What the lines of one file name as somewhere else, each once, with the line. Own listening addresses are left out."""
    found: dict[Component, int] = {}
    hosts: dict[str, tuple[str, int]] = {}
    ports: dict[str, str] = {}
    lonely: tuple[str, int] | None = None
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
        elif match := _PLAIN_HOST.match(line):
            lonely = match[1], number
        elif (match := _PLAIN_PORT.match(line)) and lonely and number - lonely[1] <= _NEAR:
            if thing := endpoint(f"{lonely[0]}:{match[1]}"):
                found.setdefault(thing, lonely[1])
            lonely = None
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
