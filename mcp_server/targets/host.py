"""This host: processor, memory, filesystems, processes, sockets. Each kind of look has its module, imported when used."""

import importlib
import os
import platform
import socket
from typing import Any

from mcp_server.core.calls import HostFacts, Pressure
from mcp_server.core.clock import from_epoch
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings

_MODULES = {"filesystems": "filesystems", "processes": "processes", "sockets": "sockets", "holders": "holders"}


def look(call: Any, limits: Limits, policy: ReadSettings) -> Any:
    """Answer ReadHost, ReadFilesystems, ReadProcesses, ReadSockets or ReadHolders. Raises CouldNotLook and Cancelled."""
    limits.check()
    try:
        if call.kind == "host":
            return _host(call.sample_s, limits)
        return importlib.import_module(f"mcp_server.targets.{_MODULES[call.kind]}").read(call, limits)
    except PermissionError as error:
        raise CouldNotLook(call.title(), "denied", f"{error.filename} may not be read") from None
    except OSError as error:
        raise CouldNotLook(call.title(), "failed", f"{error.filename or 'the system'}: {error.strerror}") from None


def rest(seconds: float, limits: Limits) -> None:
    """Wait, but not past the time limit and not once cancelled."""
    limits.cancel.wait(min(seconds, limits.timeout_s))
    limits.check()


def _host(sample_s: float, limits: Limits) -> HostFacts:
    import psutil

    busy, total = _ticks(psutil.cpu_times())
    if sample_s > 0:
        rest(sample_s, limits)
        busy_now, total_now = _ticks(psutil.cpu_times())
        busy, total = busy_now - busy, total_now - total
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    names = os.uname()
    return HostFacts(
        hostname=socket.gethostname(), system=_system(names.sysname), kernel=names.release,
        booted=from_epoch(psutil.boot_time()), cpus=os.cpu_count() or 1, load=os.getloadavg(),
        cpu_percent=round(max(0.0, min(100.0, 100 * busy / total)) if total > 0 else 0.0, 1),
        memory_total=memory.total, memory_available=memory.available, swap_total=swap.total, swap_used=swap.used,
        pressure=_pressure(),
    )  # fmt: skip


def _ticks(times: Any) -> tuple[float, float]:
    """Busy and total seconds; guests are already counted in `user`, waiting for a disk is not being busy."""
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return total - times.idle - getattr(times, "iowait", 0.0), total


def _system(otherwise: str) -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return otherwise


def _pressure() -> dict[str, Pressure]:
    """What the kernel tells; a kernel without pressure information, or with it switched off, tells nothing."""
    found: dict[str, Pressure] = {}
    for name in ("cpu", "memory", "io"):
        try:
            with open(f"/proc/pressure/{name}", encoding="ascii") as file:
                lines = [line.split() for line in file]
        except OSError:
            continue
        shares = {line[0]: float(line[1].partition("=")[2]) for line in lines if len(line) > 1 and line[1].startswith("avg10=")}
        if "some" in shares:
            found[name] = Pressure(some=shares["some"], full=shares.get("full"))
    return found
