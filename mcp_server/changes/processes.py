"""Which processes were started, and was the host itself?"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from mcp_server.core.calls import Process, ReadHost, ReadProcesses, ReadSockets, Socket
from mcp_server.core.change import Change, Window
from mcp_server.core.clock import stamp
from mcp_server.core.declare import ChangeSource, Scope
from mcp_server.core.outcome import Statement
from mcp_server.core.processes import by_pid, command_line, hidden, listeners
from mcp_server.core.reader import Reader
from mcp_server.core.text import amount

CHANGE_SOURCE = ChangeSource(question="Which processes that run now were started, and was the host booted?")

GROUPS = 200
NAMED = 20
KTHREADD = 2


def collect(reader: Reader, window: Window, scope: Scope) -> Iterator[Change]:
    """Boot and starts inside the window; a master and its workers are one change. Our own processes are left out."""
    with reader.part("time of boot"):
        host = reader.look(ReadHost(sample_s=0))
        if window.since <= host.value.booted <= window.until:
            yield _boot(host.value.hostname, host.value.booted, host.evidence)
    seen = reader.look(ReadProcesses())
    everyone = seen.value.processes
    if why := hidden(everyone):
        reader.blind("some processes", f"denied: {why}", "run as root to see them")
    if unknown := sum(1 for process in everyone if process.started is None):
        reader.blind(f"start of {amount(unknown, 'process', 'processes')}", "denied: the time cannot be read", "run as root")
    sockets: tuple[Socket, ...] = ()
    with reader.part("ports of started processes"):
        sockets = listeners(reader.look(ReadSockets()).value.sockets)
    started = [
        process
        for process in everyone
        if process.started and window.since <= process.started <= window.until and not process.ours and not _kernel(process)
    ]
    groups = _groups(started)
    for members in groups[:GROUPS]:
        yield _change(members, sockets, seen.evidence)
    if len(groups) > GROUPS:
        reader.cut(f"{len(groups) - GROUPS} of {len(groups)} groups of processes started", "narrow the window with since=…")
    if not started:
        reader.empty("processes: none that runs now was started in the window")


def _kernel(process: Process) -> bool:
    return KTHREADD in (process.pid, process.ppid) and not process.argv and process.exe is None


def _groups(started: Sequence[Process]) -> list[list[Process]]:
    """Processes of one name under one parent belong together, and to that parent if it was started with them."""
    known = by_pid(started)
    groups: dict[tuple[int, str, tuple[str, ...]], list[Process]] = defaultdict(list)
    for process in started:
        root = _root(process, known)
        groups[root.ppid, root.name, root.argv].append(process)
    grouped = [sorted(members, key=lambda item: (item.started or item.pid, item.pid)) for members in groups.values()]
    return sorted(grouped, key=lambda members: members[0].pid)


def _root(process: Process, known: Mapping[int, Process]) -> Process:
    """The topmost ancestor of the same name that was started in the window too."""
    for _ in range(64):
        parent = known.get(process.ppid)
        if parent is None or parent.name != process.name or parent.pid == process.pid:
            break
        process = parent
    return process


def _change(members: Sequence[Process], sockets: Sequence[Socket], evidence: str) -> Change:
    first, pids = members[0], {process.pid for process in members}
    ports = sorted({item.port for item in sockets if item.pid in pids and item.port})
    clues = [f"pid:{process.pid}" for process in members[:NAMED]] + [f"port:{port}" for port in ports[:NAMED]]
    clues += sorted({f"path:{process.cwd}" for process in members if process.cwd and process.cwd != "/"})[:NAMED]
    clues += sorted({f"unit:{process.unit}" for process in members if process.unit})
    at = first.started
    assert at is not None
    values: dict[str, str | int | float | bool | None] = {
        "program": first.name, "pid": first.pid, "count": len(members), "command": command_line(first)[:300],
    }  # fmt: skip
    text = "{program} (process {pid}) was started: {command}"
    if len(members) > 1:
        text = "{program} (process {pid}) was started, {count} processes in all: {command}"
    return Change(
        source="processes", kind="start", classes=("runtime",), at=at, doubt_ms=1_000, stamp=stamp(at), component=first.name,
        reference=str(first.pid), clues=tuple(clues), summary=Statement(text=text, values=values, evidence=(evidence,), at=at),
    )  # fmt: skip


def _boot(hostname: str, at: datetime, evidence: str) -> Change:
    summary = Statement(text="the host {host} was booted", values={"host": hostname}, evidence=(evidence,), at=at)
    return Change(
        source="processes", kind="boot", classes=("runtime", "infrastructure"), at=at, doubt_ms=2_000, component=hostname,
        summary=summary,
    )  # fmt: skip
