"""What an nginx configuration says, as records, and where its requests go."""

import re
from collections.abc import Iterator

from pydantic import Field

from mcp_server.core.noun import Noun


class Problem(Noun):
    """Why nginx would not load this. `kind` is `syntax`, or `include` for a named file that is not there."""

    kind: str
    file: str
    line: int | None
    message: str
    evidence: str


class Site(Noun):
    """A `server` block."""

    names: tuple[str, ...] = ()
    listen: tuple[str, ...] = ()
    file: str
    line: int


class Upstream(Noun):
    """An `upstream` block; servers as written, with their parameters."""

    name: str
    servers: tuple[str, ...] = ()
    file: str
    line: int
    evidence: str


class Pass(Noun):
    """A directive that hands requests on. `scheme` is http, https, grpc, grpcs, fastcgi, uwsgi, scgi, memcached or tcp."""

    scheme: str
    to: str
    location: str | None = None
    names: tuple[str, ...] = ()
    site: int | None = Field(None, description="place in the configuration's sites")
    block: tuple[int, ...] = Field((), description="numbers of the blocks it stands in, the outermost first")
    file: str
    line: int
    evidence: str


class Noted(Noun):
    """A setting worth knowing: timeouts, logs, pid file."""

    name: str
    value: str
    block: tuple[int, ...] = ()
    file: str
    line: int


class NginxConfig(Noun):
    """What the files say together. `fragment`: the file read is a part of a configuration, not its main file."""

    path: str
    evidence: str
    files: tuple[str, ...] = ()
    fragment: bool = False
    problems: tuple[Problem, ...] = ()
    sites: tuple[Site, ...] = ()
    upstreams: tuple[Upstream, ...] = ()
    passes: tuple[Pass, ...] = ()
    noted: tuple[Noted, ...] = ()


class Target(Noun):
    """One address that requests are handed to. `address` is host:port or unix:/path, None when it cannot be told."""

    address: str | None
    scheme: str
    written: str
    file: str
    line: int
    evidence: str
    users: tuple[str, ...] = ()
    """Who depends on it: `server_name location`."""


_PORTS = {"http": 80, "https": 443, "grpc": 80, "grpcs": 443, "memcached": 11211}
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]{2,60}\]|[A-Za-z0-9._-]{1,253})(?::(?P<port>\d{1,5}))?", re.ASCII)
_SCHEME = re.compile(r"(https?|grpcs?)://", re.IGNORECASE)


def targets(config: NginxConfig) -> tuple[Target, ...]:
    """Every address that a pass directive or the upstream it names leads to, each once, with all its users."""
    found: dict[tuple[str | None, str, str], Target] = {}
    upstreams = {upstream.name.lower(): upstream for upstream in config.upstreams}
    for item in config.passes:
        for target in _of(item, upstreams):
            # what cannot be told apart by address is told apart by how it is written
            key = (target.address, target.scheme, "" if target.address else target.written)
            before = found.get(key, target)
            users = tuple(dict.fromkeys((*before.users, _user(item))))
            found[key] = before.model_copy(update={"users": users})
    return tuple(found.values())


def _of(item: Pass, upstreams: dict[str, Upstream]) -> Iterator[Target]:
    match = _SCHEME.match(item.to)
    scheme = match[1].lower() if match else item.scheme
    rest = item.to[match.end() :] if match else item.to
    host = rest if rest.startswith("unix:") else rest.split("/", 1)[0]
    if upstream := upstreams.get(host.lower()):
        for server in upstream.servers:
            words = server.split()
            if words and "down" not in words[1:]:
                yield Target(
                    address=address_of(words[0], scheme), scheme=scheme, written=words[0], file=upstream.file,
                    line=upstream.line, evidence=upstream.evidence,
                )  # fmt: skip
        return
    yield Target(
        address=address_of(host, scheme), scheme=scheme, written=item.to, file=item.file, line=item.line, evidence=item.evidence
    )


def address_of(text: str, scheme: str) -> str | None:
    """`127.0.0.1` → `127.0.0.1:80`; `unix:/run/x.sock:/uri` → `unix:/run/x.sock`; None with a variable in it."""
    if "$" in text:
        return None
    if text.startswith("unix:"):
        path = text.removeprefix("unix:").split(":", 1)[0]
        return f"unix:{path}" if path.startswith("/") else None
    match = _HOST.fullmatch(text)
    port = int(match["port"] or _PORTS.get(scheme, 80)) if match else 0
    return f"{match['host']}:{port}" if match and 0 < port < 65536 else None


def _user(item: Pass) -> str:
    name = item.names[0] if item.names else "(no server_name)"
    return f"{name} {item.location}" if item.location else name


class Hop(Noun):
    """One address that one pass directive leads to, and how long nginx waits there between two reads."""

    address: str | None
    scheme: str
    written: str
    site: int | None
    location: str | None
    wait_ms: int | None = Field(description="None where nginx has no such limit or it cannot be read")
    wait_line: str = Field("", description="file:line where the limit is written; empty for nginx's own default")
    file: str
    line: int
    evidence: str


_WAITS = {
    "http": "proxy_read_timeout", "https": "proxy_read_timeout", "fastcgi": "fastcgi_read_timeout", "scgi": "scgi_read_timeout",
    "uwsgi": "uwsgi_read_timeout", "grpc": "grpc_read_timeout", "grpcs": "grpc_read_timeout",
    "memcached": "memcached_read_timeout",
}  # fmt: skip
_DEFAULT_WAIT_MS = 60_000
_UNITS = {"ms": 1, "s": 1_000, "": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_DURATION = re.compile(r"(\d{1,9})(ms|[smhdw]?)", re.ASCII)


def duration_ms(text: str) -> int | None:
    """nginx's notation of a time: `90`, `1m 30s`, `1h30m`, `500ms`; None for anything else."""
    parts = text.replace(" ", "")
    found = _DURATION.findall(parts)
    if not found or "".join(number + unit for number, unit in found) != parts:
        return None
    return sum(int(number) * _UNITS[unit] for number, unit in found)


def hops(config: NginxConfig) -> Iterator[Hop]:
    """Every pass directive with each of its addresses; a limit counts for the blocks inside its own, the innermost wins."""
    upstreams = {upstream.name.lower(): upstream for upstream in config.upstreams}
    limits: dict[str, list[Noted]] = {}
    for noted in config.noted:
        limits.setdefault(noted.name, []).append(noted)
    for item in config.passes:
        for target in _of(item, upstreams):
            name = _WAITS.get(target.scheme)
            around = [limit for limit in limits.get(name or "", ()) if item.block[: len(limit.block)] == limit.block]
            limit = max(around, key=lambda found: len(found.block), default=None)
            wait = (duration_ms(limit.value) if limit else _DEFAULT_WAIT_MS) if name else None
            yield Hop(
                address=target.address, scheme=target.scheme, written=target.written, site=item.site, location=item.location,
                wait_ms=wait, wait_line=f"{limit.file}:{limit.line}" if limit else "", file=item.file, line=item.line,
                evidence=target.evidence,
            )  # fmt: skip


def listen_address(listen: str) -> str:
    """`80 default_server` → `*:80`, `[::]:80` and `unix:/x` as they are, `127.0.0.1` → `127.0.0.1:80`."""
    word = listen.split(" ", 1)[0] or "80"
    if word.startswith("unix:"):
        return word
    if word.isdecimal():
        return f"*:{word}"
    return word if re.search(r":\d+$", word) else f"{word}:80"
