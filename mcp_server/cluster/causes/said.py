"""What programs say in their own logs; how they say it stands in `sayings`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mcp_server.cluster.cause import Cause, CauseType
from mcp_server.cluster.dependency import named, why_unknown
from mcp_server.cluster.held import credentials, mounted, similar_setting
from mcp_server.cluster.objects import Key, key_of, labels, space_of, texts, words
from mcp_server.cluster.patterns import Pattern
from mcp_server.cluster.pods import Container, every_container
from mcp_server.cluster.sayings import calls, files, program, settings
from mcp_server.cluster.sayings.sign import Sign
from mcp_server.cluster.world import Cluster

_SIGNS = (*program.SIGNS, *calls.SIGNS, *files.SIGNS, *settings.SIGNS)
"""A line is of the first kind that it reads as."""
_WAITS = (calls.REFUSED, calls.TIMEOUT, calls.UNKNOWN)
_REFUSALS = (calls.AUTH, calls.DATABASE, calls.SCHEMA)
_FINAL = (*_REFUSALS, calls.FORBIDDEN)
_PATHS = (files.FILE, files.RIGHTS, files.READ_ONLY)
_VAGUE = (files.FILE, settings.CONFIG, calls.TIMEOUT)
_PATH = Pattern(r"[\"'`( ](/[\w.@%+-]+(?:/[\w.@%+-]+)*)|: (/[\w./-]+)")
_SERVERS = Pattern(
    r"(?:^|[/_-])(?:postgres\w*|mysql\w*|mariadb\w*|percona\w*|mongo\w*|redis\w*|valkey\w*|rabbitmq\w*|kafka\w*|elasticsearch"
    r"|opensearch|memcached|cassandra|clickhouse\w*|etcd|mssql\w*|nats|minio|keydb|cockroach\w*)(?:[:@_-]|$)", re.I,
)  # fmt: skip
_CLIENT = Pattern(r"from client|client (?:dis)?connect|reading client|by client|client closed|client \d+\.\d+\.\d+\.\d+", re.I)
_WHO = Pattern(r"(?:user|role|principal)\W{1,4}[\"'`]?([\w.@-]+)", re.I)
_LISTED = Pattern(r"\s*[-*] *([A-Z][A-Z0-9_]{2,60})\b")
_BARE = Pattern(r"\s*([A-Za-z][A-Za-z0-9_]{2,60})\s*")
_LISTEN = Pattern(r"(?:[\w.\[\]*]*:{1,3}|port )(\d{1,5})\b")
_TAIL, _OFTEN, _CALLS_OFTEN = 80, 2, 3


@dataclass(frozen=True)
class _Hit:
    """A line that reads as a sign; `around` are the lines before and after it."""

    sign: Sign
    match: re.Match[str]
    line: str
    around: tuple[str, str]

    def values(self) -> dict[str, str]:
        """What the line names: groups without the digits that tell alternatives apart."""
        return {name.rstrip("0123456789"): found for name, found in self.match.groupdict().items() if found}


def find(cluster: Cluster) -> Iterator[Cause]:
    """What the logs say of containers that are not up; of those that are, only what they say again and again."""
    for item in every_container(cluster):
        lines = [line for line in cluster.log(item.pod, item.name) if line.strip()][-_TAIL:]
        if item.last_words and item.ended not in ("StartError", "ContainerCannotRun"):  # these are the runtime's words
            lines += [line for line in item.last_words.splitlines() if line.strip()]
        up = item.ready and not item.waiting
        for kind, hits in _hits(lines).items() if lines else ():
            often = _CALLS_OFTEN if kind in _WAITS else _OFTEN
            if kind in _FINAL and hits[-1].line == lines[-1]:
                often = 1  # it said so last, and has waited since
            if up and (len(hits) < often or hits[-1].sign.start or not _still(lines, hits[-1].line)):
                continue
            yield _cause(cluster, item, kind, hits, up)


def _hits(lines: list[str]) -> dict[CauseType, list[_Hit]]:
    found: dict[CauseType, list[_Hit]] = {}
    for index, line in enumerate(lines):
        for sign in _SIGNS:
            if match := sign.pattern.search(line):
                if not (sign.kind in _WAITS and _CLIENT.search(line)):  # a server that lost a client lacks nothing
                    around = (lines[index - 1] if index else "", lines[index + 1] if index + 1 < len(lines) else "")
                    found.setdefault(sign.kind, []).append(_Hit(sign, match, line, around))
                break
    return found


def _still(lines: list[str], last: str) -> bool:
    """Whether it is said to the end: an error of the start that ceased is none."""
    return last in lines[-max(10, len(lines) // 3) :]


def _cause(cluster: Cluster, item: Container, kind: CauseType, hits: list[_Hit], up: bool) -> Cause:
    told = [(hit, *named(cluster, item.pod, hit.line, hit.values().get("name", ""))) for hit in hits]
    # the newest line that names whom, what or where is better than the newest
    hit, service, dependency = next(
        (one for one in reversed(told) if one[1] is not None or one[2] or set(one[0].values()) - {"name"}), told[-1]
    )
    values, needs, touches = hit.values(), list[Key](), [key_of(item.pod)]
    if service is not None:
        needs = [key_of(service), *map(key_of, cluster.makers(space_of(service), labels(service, "spec.selector")))]
    if kind is calls.UNKNOWN:
        needs.append(("Component", "", "cluster DNS"))
    if kind in _REFUSALS and up and _SERVERS.search(words(item.spec, "image").rpartition(":")[0] or words(item.spec, "image")):
        kind, needs = calls.CLIENTS, []
    field, path = hit.sign.field, values.get("path") or _path(hit.line)
    setting = values.get("setting") or _setting(hits) if kind is settings.SETTING else values.get("setting", "")
    secrets = ""
    if kind is calls.AUTH:
        secrets, keys = credentials(cluster, item)
        touches += keys
    held, mount = mounted(cluster, item, path) if kind in _PATHS else ("", "")
    if mount and kind is not files.RIGHTS:
        field = mount
    if kind is program.MODULE and (module := values.get("module")):
        field = next((way for way in ("command", "args") if any(module in word for word in texts(item.spec, way))), field)
    who = _WHO.search(hit.line)
    listen = _LISTEN.search(hit.line)
    shared = {
        "container": item.name, "dependency": dependency or "a dependency (the log does not name it)",
        "why": why_unknown(cluster, item.pod, values.get("name", ""), service), "setting": setting or "see the quote",
        "near": similar_setting(cluster, item, setting) if setting else "none", "path": path, "held": held,
        "address": dependency or (listen[1] if listen else "(see the quote)"), "credentials": secrets,
        "account": values.get("account") or f"{space_of(item.pod)}:{words(item.pod, 'spec.serviceAccountName') or 'default'}",
        "verb": values.get("verb") or "read", "resource": values.get("resource") or "what it asks for",
        "module": values.get("module") or "see the quote", "argument": values.get("argument") or "(see the quote)",
        "schema": values.get("schema") or "see the quote", "name": values.get("name") or "(see the quote)",
        "who": f"user {who[1]}" if who else "see the quote",
    }  # fmt: skip
    if field in ("serviceAccountName", "automountServiceAccountToken", "volumes"):
        key, way = cluster.mend(item.pod, field)
    else:
        key, way = item.mend(cluster, field)
    quotes = [item.state(), item.end(), *(f"log: {one.line}" for one in _some(hits))]
    needed: dict[str, Any] = {name: value for name, value in shared.items() if f"{{{name}}}" in kind.text + kind.confirm}
    return kind.of(
        key, way, "medium" if up or kind in _VAGUE else "high", touches=touches, needs=needs, quotes=quotes, at=item.ended_at,
        severity="warning" if up else None, **needed,
    )  # fmt: skip


def _some(hits: list[_Hit]) -> list[_Hit]:
    return hits if len(hits) <= 3 else [hits[0], *hits[-2:]]


def _setting(hits: list[_Hit]) -> str:
    """The name of a setting that stands on the line after, in a list, or alone on the line before."""
    for hit in reversed(hits):
        if match := _LISTED.match(hit.around[1]):
            return match[1]
        if "Field required" in hit.line and (match := _BARE.fullmatch(hit.around[0])):
            return match[1]
    return ""


def _path(line: str) -> str:
    match = _PATH.search(line)
    return (match[1] or match[2]) if match else "(see the quote)"
