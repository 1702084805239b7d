"""Processes, straight from /proc: a few small reads for each, several times cheaper than asking library by field."""

import os
import pwd
import re
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from mcp_server.core.calls import Process, Processes, ReadProcesses
from mcp_server.core.clock import from_epoch
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.targets.lookout import Open, helper_pid, link_of, open_files
from mcp_server.targets.reader_line import reader_pid

ARGV_BYTES = 32_768
"""Longest command line that is kept; a longer one is cut and says so."""

_STATUS = {
    "R": "running", "S": "sleeping", "D": "disk-sleep", "Z": "zombie", "T": "stopped", "t": "tracing-stop", "X": "dead",
    "x": "dead", "I": "idle", "P": "parked", "K": "wake-kill", "W": "waking",
}  # fmt: skip
_UNIT = re.compile(r".+\.(?:service|scope|socket|mount|swap)")


@dataclass(frozen=True)
class Stat:
    """The fields of `/proc/PID/stat` that are used; times in ticks."""

    name: str
    status: str
    ppid: int
    busy: int
    threads: int
    started: int
    pages: int


def read(call: ReadProcesses, limits: Limits) -> Processes:
    """Every process. One that ends while it is read is left out: it is no longer a process at this moment."""
    left = limits.until()
    earlier: dict[int, tuple[int, int, float]] = {}
    if call.sample_s > 0:
        from mcp_server.targets.host import rest

        for pid in pids():
            if found := stat_of(pid):
                earlier[pid] = (found.started, found.busy, time.monotonic())
        rest(call.sample_s, limits)
    # boot on the wall clock: `started` counts from it, the time in sleep included
    ticks, booted = os.sysconf("SC_CLK_TCK"), time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    processes, our = [], ours()
    for number, pid in enumerate(pids()):
        if number % 16 == 0:
            limits.check()
            if left() <= 0:
                raise CouldNotLook(call.title(), "timed_out", f"only {number} processes were read in {limits.timeout_s:g} s")
        found = stat_of(pid)
        if found is None:
            continue
        before = earlier.get(pid)
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - found.started / ticks
        if before is not None and before[0] == found.started:
            share = (found.busy - before[1]) / ticks / max(time.monotonic() - before[2], 0.001)
        else:
            share = found.busy / ticks / age if age > 0.01 else 0.0
        process = _process(pid, found, booted + found.started / ticks, round(100 * share, 1), files=call.files, ours=pid in our)
        if process is not None:
            processes.append(process)
    return Processes(processes=tuple(processes))


def pids() -> list[int]:
    """Numbers of all processes that can be seen, ascending."""
    return sorted(int(name) for name in os.listdir("/proc") if name.isdecimal())


def ours() -> frozenset[int]:
    """This process, its helpers, and the ones that started it, up to process 1, which starts everything."""
    found, pid = {helper_pid(), reader_pid()} - {0}, os.getpid()
    while pid > 1 and pid not in found:
        found.add(pid)
        above = stat_of(pid)
        pid = above.ppid if above else 0
    return frozenset(found)


def stat_of(pid: int) -> Stat | None:
    """None when the process is gone."""
    try:
        text = _bytes(f"/proc/{pid}/stat", 4_096).decode("utf8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    name, _, after = text[text.index("(") + 1 :].rpartition(") ")  # a name may hold parentheses itself
    fields = after.split()
    return Stat(
        name=name, status=_STATUS.get(fields[0], fields[0]), ppid=int(fields[1]), busy=int(fields[11]) + int(fields[12]),
        threads=int(fields[17]), started=int(fields[19]), pages=int(fields[21]),
    )  # fmt: skip


def _process(pid: int, found: Stat, started: float, cpu: float, *, files: bool, ours: bool) -> Process | None:
    folder, denied = f"/proc/{pid}", []
    try:
        owner = os.stat(folder).st_uid
    except (FileNotFoundError, ProcessLookupError):
        return None
    argv: tuple[str, ...] = ()
    try:
        line = _bytes(folder + "/cmdline", ARGV_BYTES + 1)
        if len(line) > ARGV_BYTES:
            denied.append(f"argv: cut after {ARGV_BYTES:,} bytes")
        argv = tuple(line[:ARGV_BYTES].rstrip(b"\0").decode("utf8", "replace").split("\0")) if line.rstrip(b"\0") else ()
    except PermissionError:
        denied.append("argv")
    except (FileNotFoundError, ProcessLookupError):
        return None
    links: dict[str, str | None] = {}
    names: tuple[Literal["cwd", "exe"], ...] = ("cwd", "exe")
    for name in names:
        try:
            links[name] = _shown(link_of(pid, name))
        except PermissionError:
            denied.append(name)
        except OSError:  # kernel threads and zombies have none
            links[name] = None
    unit = None
    try:
        unit = unit_of(_bytes(folder + "/cgroup", 8_192).decode("utf8", "replace"))
    except PermissionError:
        denied.append("unit")
    except OSError:
        pass  # a kernel without control groups: there are no units
    deleted: tuple[str, ...] = ()
    if files:
        try:
            deleted = _deleted(open_files(pid))
        except PermissionError:
            denied.append("open files")
        except OSError:
            return None
    return Process(
        pid=pid, ppid=found.ppid, name=found.name, argv=argv, user=_user(owner), cwd=links.get("cwd"), exe=links.get("exe"),
        status=found.status, started=from_epoch(started), rss=found.pages * _PAGE, cpu_percent=cpu, threads=found.threads,
        unit=unit, deleted_files=deleted, denied=tuple(denied), ours=ours,
    )  # fmt: skip


_PAGE = os.sysconf("SC_PAGE_SIZE")


def unit_of(cgroup: str) -> str | None:
    """The innermost systemd unit in the text of `/proc/PID/cgroup`, both versions; slices are not what one restarts."""
    for line in cgroup.splitlines():
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        if number == "0" or controllers == "name=systemd":
            units = [part for part in path.split("/") if _UNIT.fullmatch(part)]
            if units:
                return units[-1]
    return None


def _deleted(opened: list[Open]) -> tuple[str, ...]:
    """Open regular files without a name, each once, as `path (bytes)`."""
    found: dict[tuple[int, int], str] = {}
    for item in opened:
        # shared memory and anonymous files are never named: they are not what fills a disk
        if not item.target.endswith(" (deleted)") or item.target.startswith(_NEVER_NAMED):
            continue
        if item.regular and item.names == 0 and item.size:
            path = _shown(item.target.removesuffix(" (deleted)"))
            found[item.device, item.inode] = f"{path} ({item.size} bytes)"
    return tuple(sorted(found.values()))


_NEVER_NAMED = ("/memfd:", "/dev/zero", "/SYSV", "/[aio]", "/anon_")


def _bytes(path: str, limit: int) -> bytes:
    """At most `limit` bytes of a small file, without the cost of a file object."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, limit)
    finally:
        os.close(fd)


def _shown(path: str) -> str:
    return path.encode("utf8", "surrogateescape").decode("utf8", "replace")


@lru_cache(maxsize=512)
def _user(uid: int) -> str:
    """The user's name, or the number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
