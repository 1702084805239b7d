"""Protected targets: what watches, what advises, and what this program itself stands on (the bootstrap paradox).

A target is known by what it touches, under whatever name it was given: the verbs name units with all their aliases,
processes by number and program, files by path; here they are joined with what runs.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import mcp_server
from mcp_server.core.calls import Process
from mcp_server.core.processes import ancestors, by_pid
from mcp_server.core.settings import Settings

_MONITORING = re.compile(
    r"prometheus.*|alertmanager|.*[-_]exporter|grafana.*|loki|promtail|alloy|mimir.*|tempo|thanos.*|pushgateway|"
    r"victoria.?metrics|vmagent|vmalert|vminsert|vmselect|vmstorage|datadog.*|dd-agent|trace-agent|newrelic.*|telegraf|"
    r"influxd.*|collectd|statsd|otelcol.*|opentelemetry.*|jaeger.*|zabbix.*|nagios.*|nrpe|icinga.*|netdata|fluentd|"
    r"fluent-?bit|td-agent|filebeat|metricbeat|heartbeat|auditbeat|vector|sensu.*|oneagent.*|dynatrace.*|splunk.*|"
    r"munin.*|monit|check.?mk.*|uptime-kuma|graphite.*|carbon-.*|cadvisor"
)
_MCP = re.compile(r"mcp|mcp[-_.].*|.*[-_.]mcp|.*[-_]mcp[-_].*|modelcontextprotocol.*|veteran.*")
_MCP_WORD = re.compile(r"(?:^|[/@_.-])mcp(?:[/_.-]|$)", re.I)
_CLIENTS = re.compile(r"claude|claude-code|codex|cursor|code-server")
_FILES = (".mcp.json", "claude_desktop_config.json", "allowed_signers")
_FOLDERS = (".claude", ".cursor", "etc/prometheus", "etc/alertmanager", "etc/grafana", "etc/datadog-agent", "etc/veteran")
_NEVER = (
    "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/sudoers", "/etc/sudoers.d", "/etc/ssh", "/root/.ssh",
    "/etc/pam.d", "/etc/ld.so.preload", "/boot", "/proc", "/sys", "/dev",
)  # fmt: skip


@dataclass(frozen=True)
class Protected:
    """One protected thing that a plan would touch. `own` cannot be allowed by anybody."""

    name: str
    """The typed clue that an authority must name."""
    why: str
    own: bool = False


def protected(touches: Sequence[str], processes: Iterable[Process], settings: Settings) -> tuple[Protected, ...]:
    """What of `touches` is protected, each once, what nobody can allow first."""
    known = by_pid(processes)
    mine = _own(known)
    found: dict[str, Protected] = {}
    for clue in touches:
        for item in _judge(clue, known, mine, settings):
            if item.name not in found or (item.own and not found[item.name].own):
                found[item.name] = item
    return tuple(sorted(found.values(), key=lambda item: (not item.own, item.name)))


def _own(known: Mapping[int, Process]) -> frozenset[int]:
    """This program wherever it runs, what started it, and what it started."""
    program = {pid for pid, process in known.items() if _is_this_program(process)} | {os.getpid()}
    above = {parent.pid for pid in program if pid in known for parent in ancestors(known[pid], known)}
    below = {pid for pid, process in known.items() if any(item.pid in program for item in ancestors(process, known))}
    return frozenset(program | above | below | {pid for pid, process in known.items() if process.ours})


def _is_this_program(process: Process) -> bool:
    words = process.argv[1:12]
    return (
        "mcp_server" in words
        or "mcp_server.executor" in words
        or any(word.endswith("/veteran-mcp") for word in process.argv[:2])
    )


def _judge(clue: str, known: Mapping[int, Process], mine: frozenset[int], settings: Settings) -> Iterator[Protected]:
    kind, _, name = clue.partition(":")
    if clue in settings.gate.protected or (kind == "unit" and clue.removesuffix(".service") in settings.gate.protected):
        yield Protected(clue, "the settings protect it")
    match kind:
        case "pid":
            yield from _pid(clue, int(name) if name.isdecimal() else 0, known, mine)
        case "unit":
            yield from _unit(clue, name, known, mine)
        case "path":
            yield from _path(clue, name, settings)
        case "program" | "service" | "container" | "workload" | "image":
            yield from _named(clue, name.rpartition("/")[2].partition(":")[0] if kind == "image" else name)


def _pid(clue: str, pid: int, known: Mapping[int, Process], mine: frozenset[int]) -> Iterator[Protected]:
    if pid <= 1:
        yield Protected(clue, "process 1 holds up everything else", own=True)
        return
    if pid in mine:
        yield Protected(clue, "this program, or what it runs in", own=True)
        return
    process = known.get(pid)
    if process is None:
        return
    if process.ppid == 2 or (not process.argv and process.ppid == 0):
        yield Protected(clue, "a part of the kernel", own=True)
    if any(_MCP_WORD.search(word) for word in process.argv[:6]):
        yield Protected(clue, "an MCP server")
        return
    words = [process.name, *(word.rpartition("/")[2] for word in process.argv[:4] if not word.startswith("-"))]
    for word in words:
        for item in _named(clue, word):
            yield item
            return


def _unit(clue: str, name: str, known: Mapping[int, Process], mine: frozenset[int]) -> Iterator[Protected]:
    yield from _named(clue, name.rpartition(".")[0] or name)
    for pid, process in known.items():
        if process.unit == name:
            for item in _pid(f"pid:{pid}", pid, known, mine):
                yield Protected(clue, f"it runs {item.why}", own=item.own)


def _named(clue: str, name: str) -> Iterator[Protected]:
    word = name.casefold().partition("@")[0]
    if _MCP.fullmatch(word):
        yield Protected(clue, "an MCP server")
    elif _CLIENTS.fullmatch(word):
        yield Protected(clue, "an MCP client")
    elif _MONITORING.fullmatch(word):
        yield Protected(clue, "a part of the monitoring")


def _path(clue: str, name: str, settings: Settings) -> Iterator[Protected]:
    real = os.path.realpath(name)
    own = [settings.state_dir, settings.gate_dir, str(Path(mcp_server.__file__).parent), *settings.authority.paths]
    own += [item for item in (settings.gate.operations, os.environ.get("VETERAN_CONFIG")) if item]
    own += [os.path.expanduser("~/.config/veteran")]
    for path in {name, real}:
        if any(_touches(path, os.path.realpath(item)) for item in own if item.startswith("/")):
            yield Protected(clue, "this program, its record or its configuration", own=True)
        elif any(_touches(path, item) for item in _NEVER):
            yield Protected(clue, "who may do what on this host depends on it", own=True)
        elif os.path.basename(path) in _FILES or any(f"/{folder}/" in f"{path}/" for folder in _FOLDERS):
            yield Protected(clue, "configuration of an MCP client or server, or of the monitoring")


def _touches(path: str, guarded: str) -> bool:
    """Whether one lies inside the other."""
    return f"{path}/".startswith(f"{guarded.rstrip('/')}/") or f"{guarded.rstrip('/')}/".startswith(f"{path.rstrip('/')}/")
