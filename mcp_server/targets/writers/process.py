"""Processes of this host: start a declared command, stop or signal exactly the process that was planned on."""

import contextlib
import os
import posixpath
import select
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from mcp_server.core.writer import Doing, WriteFailed
from mcp_server.targets.command import environment
from mcp_server.targets.processes import stat_of

SETTLE_S = 0.3
"""A program that ends within this time did not start; one that goes into the background has by then written its pid file."""


def _start(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    argv, pid_file = [str(word) for word in _list(arguments["argv"])], str(arguments["pid_file"])
    if living(pid_file):
        raise WriteFailed(f"{pid_file} names a process that runs already", sure=True)
    try:
        child = subprocess.Popen(
            argv, cwd=str(arguments["cwd"]), env=_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise WriteFailed(f"{argv[0]} could not be started: {error.strerror}", sure=True) from None
    # waits for its end as long as this process lives, so that no dead child stays behind
    threading.Thread(target=child.wait, daemon=True, name=f"reap {child.pid}").start()
    end = time.monotonic() + SETTLE_S
    while time.monotonic() < end and child.returncode is None:
        time.sleep(0.01)
    if child.returncode is not None:
        if child.returncode == 0 and (pid := living(pid_file)):
            return f"started in the background as process {pid}"
        raise WriteFailed(f"{argv[0]} ended at once with status {child.returncode}", sure=True)
    if living(pid_file) is None:  # a program that keeps its own pid file has written it, or will write the same
        _keep(pid_file, child.pid)
    return f"started as process {child.pid}"


def _stop(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    pid = living(str(arguments["pid_file"]))
    if pid is None:
        return "it did not run"
    signalled(pid, None, signal.SIGTERM, wait_s=float(str(arguments["stop_s"])))
    with contextlib.suppress(FileNotFoundError):
        os.unlink(str(arguments["pid_file"]))
    return f"process {pid} ended"


def _restart(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    ended = _stop(arguments, doing) + "; " if living(str(arguments["pid_file"])) else ""
    try:
        return ended + _start(arguments, doing)
    except WriteFailed as failure:
        raise WriteFailed(ended + failure.sentence, sure=failure.sure and not ended) from None


def _reload(arguments: Mapping[str, JsonValue], doing: Doing) -> str:
    pid = living(str(arguments["pid_file"]))
    if pid is None:
        raise WriteFailed(f"{arguments['pid_file']} names no running process", sure=True)
    ticks = doing.before.get("started_ticks")
    signalled(pid, int(ticks) if isinstance(ticks, int) else None, signal.SIGHUP, wait_s=0)
    return f"HUP sent to process {pid}"


def living(pid_file: str) -> int | None:
    """The process that a pid file names, while it runs. A dead one, or a number that is none, is nobody."""
    try:
        with open(pid_file, encoding="ascii", errors="replace") as file:
            text = file.read(64).strip()
    except OSError:
        return None
    pid = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
    found = stat_of(pid) if pid > 1 else None
    return pid if found is not None and found.status not in ("zombie", "dead") else None


def signalled(pid: int, ticks: int | None, number: signal.Signals, *, wait_s: float) -> None:
    """Send a signal to this very process, whatever becomes of its number; wait for its end where `wait_s` is not 0.

    Raises WriteFailed when it is gone or another one (nothing was sent), or does not end in time (it was sent).
    """
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        raise WriteFailed(f"process {pid} is gone", sure=True) from None
    except OSError as error:
        raise WriteFailed(f"process {pid} cannot be held: {error.strerror}", sure=True) from None
    try:
        found = stat_of(pid)
        if found is None or (ticks is not None and found.started != ticks):
            raise WriteFailed(f"process {pid} is another one now", sure=True)
        try:
            signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            raise WriteFailed(f"process {pid} is gone", sure=True) from None
        except PermissionError:
            raise WriteFailed(f"process {pid} belongs to somebody else: no right to send it a signal", sure=True) from None
        if wait_s:
            poller = select.poll()
            poller.register(handle, select.POLLIN)
            if not poller.poll(wait_s * 1000):
                raise WriteFailed(f"process {pid} did not end within {wait_s:g} s of {number.name}")
    finally:
        os.close(handle)


def _environment() -> dict[str, str]:
    """A service gets what a login would give it, nothing of ours: the assistant's own secrets least of all."""
    kept = environment()
    return {name: kept[name] for name in ("PATH", "HOME", "USER", "LOGNAME") if name in kept} | {"LANG": "C.UTF-8"}


def _keep(path: str, pid: int) -> None:
    draft = posixpath.join(posixpath.dirname(path), f".{posixpath.basename(path)}.{os.getpid()}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
        with open(handle, "w", encoding="ascii") as file:
            file.write(f"{pid}\n")
        os.rename(draft, path)
    except OSError as error:
        raise WriteFailed(f"process {pid} was started, but {path} could not be written: {error.strerror}") from None


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


VERBS: dict[str, Any] = {
    "start_process": _start, "stop_process": _stop, "restart_process": _restart, "reload_process": _reload,
}  # fmt: skip
