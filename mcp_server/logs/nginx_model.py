"""What an nginx configuration says, as records, and where its requests go."""

import re
from collections.abc import Iterator

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
    file: str
    line: int
    evidence: str


class Noted(Noun):
    """A setting worth knowing: timeouts, logs, pid file."""

    name: str
    value: str
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
