"""Commands of this host: argv only, known reads only, bounded in time and bytes, ended together with their children."""

import contextlib
import os
import resource
import select
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

from mcp_server.core.calls import Command, Completed, Found, Which
from mcp_server.core.errors import Cancelled, CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.core.text import one_line
from mcp_server.targets import reader_line
from mcp_server.targets.lowered import NICE, lowered
from mcp_server.targets.opening import Gate
from mcp_server.targets.read_table import content_paths, why_not
from mcp_server.targets.reader_paths import why_not_ours
from mcp_server.targets.streams import Streams, completed

_STEP_MS = 50
_STANDARD = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_KEPT = (
    "HOME", "USER", "LOGNAME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "KUBECONFIG", "DOCKER_HOST", "DOCKER_CONTEXT",
    "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "AWS_PROFILE", "AWS_REGION", "AWS_CONFIG_FILE",
    "CLOUDSDK_CONFIG", "AZURE_CONFIG_DIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip
_GIT = {
    "core.fsmonitor": "false", "core.hooksPath": "/dev/null", "core.untrackedCache": "keep", "diff.autoRefreshIndex": "false",
    "log.showSignature": "false", "format.pretty": "medium", "diff.ignoreSubmodules": "dirty",
    "maintenance.auto": "false",
}  # fmt: skip
_FIXED = {
    "LC_ALL": "C.UTF-8", "TZ": "UTC", "TERM": "dumb", "NO_COLOR": "1", "PAGER": "cat", "SYSTEMD_PAGER": "",
    "SYSTEMD_COLORS": "0", "SYSTEMD_URLIFY": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_PAGER": "cat", "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "", "GIT_CONFIG_COUNT": str(len(_GIT)),
    "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_CACHE_DIR": "1", "PYTHONDONTWRITEBYTECODE": "1",
    # below a file nothing can be created: the discovery cache stays unwritten
    "KUBECACHEDIR": "/dev/null/none",
} | {
    f"GIT_CONFIG_{part}_{index}": text
    for index, pair in enumerate(_GIT.items()) for part, text in zip(("KEY", "VALUE"), pair, strict=True)
}  # fmt: skip


def look(call: Any, limits: Limits, policy: ReadSettings) -> Any:
    """Answer Command or Which.

    Any exit status is an answer. Raises CouldNotLook: refused (no known read, or outside the allowed roots), missing,
    denied, timed_out, failed (ended by a signal, could not be started); and Cancelled.
    """
    limits.check()
    if isinstance(call, Which):
        return Found(path=find_program(call.program))
    assert isinstance(call, Command)
    if reader_line.is_there() and not left_to_us(call.argv):
        return reader_line.command(one_line(call.title()), call.argv, limits)
    return run_program(one_line(call.title()), judged(call.argv, policy), call.argv, limits)


def left_to_us(argv: tuple[str, ...]) -> bool:
    """Whether the reader would leave this command to the locked process itself; see `reader_paths.py`."""
    return bool(why_not_ours(argv, find_program(argv[0], executable=False), reader_line.written()))


def judged(argv: tuple[str, ...], policy: ReadSettings) -> str:
    """The program's path, when this is a known read inside the allowed roots; else raises CouldNotLook."""
    what = one_line(" ".join(argv))
    if sentence := why_not(argv):
        raise CouldNotLook(what, "refused", sentence)
    _check_files(what, argv, policy)
    program = find_program(argv[0], executable=False)
    if program is None:
        name = one_line(argv[0], 80)
        raise CouldNotLook(what, "missing", f"program {name} is not installed", f"install the package that provides {name}")
    return program


def search_path() -> tuple[str, ...]:
    """Folders in which programs are looked for: the absolute entries of PATH, then the standard ones."""
    named = (entry for entry in os.environ.get("PATH", "").split(os.pathsep) if entry.startswith("/"))
    return tuple(dict.fromkeys((*named, *_STANDARD)))


def find_program(program: str, *, executable: bool = True) -> str | None:
    """Absolute path of a program, or None. With `executable=False`, a file we may not run rather than nothing."""
    if "\0" in program or not program or (os.sep in program and not program.startswith("/")):
        return None
    candidates = [program] if program.startswith("/") else [os.path.join(folder, program) for folder in search_path()]
    files = [path for path in candidates if os.path.isfile(path)]
    runnable = [path for path in files if os.access(path, os.X_OK)]
    return next(iter(runnable or ([] if executable else files)), None)


def environment() -> dict[str, str]:
    """What a command sees: nothing of ours but what it needs to find its configuration and its server."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {"PATH": os.pathsep.join(search_path()), **kept, **_FIXED}


def _check_files(what: str, argv: tuple[str, ...], policy: ReadSettings) -> None:
    """Raises CouldNotLook when the command would print a file that may not be read."""
    gate = None
    for path, recursive in content_paths(argv):
        gate = gate or Gate(policy)
        asked = os.path.join("/", path)
        real = os.path.realpath(asked)
        try:
            found = os.stat(real)
        except OSError:  # the command itself will say so
            found = None
        gate.check(asked, real, found)
        below = [item for item in policy.denied if os.path.normpath(item).startswith(real.rstrip("/") + "/")]
        if recursive and below:
            raise CouldNotLook(
                what, "refused", f"{below[0]}, which is never opened, lies below it", "search a folder further down"
            )


def run_program(what: str, program: str, argv: tuple[str, ...], limits: Limits) -> Completed:
    """A program of ours to choose, with its output; the caller answers for its being a read."""
    return completed(streams_of(what, program, argv, limits), limits.max_bytes)


def streams_of(what: str, program: str, argv: tuple[str, ...], limits: Limits) -> Streams:
    """The same, not yet made text of."""
    left = limits.until()
    try:
        child = lowered(lambda: subprocess.Popen(
            argv, executable=program, env=environment(), cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True, bufsize=0,
        ))  # fmt: skip
    except PermissionError:
        raise CouldNotLook(what, "denied", f"{program} may not be run by this user") from None
    except FileNotFoundError:
        raise CouldNotLook(what, "missing", f"{program} or its interpreter is gone", "reinstall it") from None
    except OSError as error:
        raise CouldNotLook(what, "failed", f"{program} could not be started: {error.strerror}") from None
    with _ended(child):
        _tame(child.pid, limits.timeout_s)
        streams = {child.stdout.fileno(): bytearray(), child.stderr.fileno(): bytearray()}  # type: ignore[union-attr]
        full = _collect(child.pid, streams, limits, lambda: left() <= 0)
    if full == "late":
        raise CouldNotLook(
            what, "timed_out", f"no end within {limits.timeout_s:g} s; it was ended", "raise `limits.look_s` or ask for less"
        )
    if child.returncode < 0 and not full:
        raise CouldNotLook(what, "failed", f"it was ended by signal {_signal_name(-child.returncode)}")
    out, err = streams.values()
    return Streams(child.returncode, out, err, full)


def _tame(pid: int, seconds: float) -> None:
    """Lower its priority, forbid core dumps, and bound its processor time in case we do not live to end it."""
    cpu = int(seconds) + 2
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.setpriority(os.PRIO_PGRP, pid, max(NICE, os.getpriority(os.PRIO_PROCESS, 0)))
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
        resource.prlimit(pid, resource.RLIMIT_CPU, (cpu, cpu))


@contextlib.contextmanager
def _ended(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """On leaving, by whatever way, the whole process group is gone, the child reaped and the pipes closed."""
    try:
        yield
    finally:
        # before reaping: while the leader is a zombie, nobody else can have its group's number
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        for pipe in (child.stdout, child.stderr):
            pipe.close()  # type: ignore[union-attr]
        try:
            child.wait(2)
        except subprocess.TimeoutExpired:  # stuck in the kernel (a dead mount): reap it whenever it comes back
            threading.Thread(target=child.wait, daemon=True, name=f"reap {child.pid}").start()
            child.returncode = -signal.SIGKILL


def _collect(pid: int, streams: dict[int, bytearray], limits: Limits, late: Any) -> str:
    """Fill `streams` until the child has ended: "" then, the name of a stream that is full, or "late". Raises Cancelled."""
    poller, names = select.poll(), dict(zip(streams, ("stdout", "stderr"), strict=True))
    for fd in streams:
        os.set_blocking(fd, False)
        poller.register(fd, select.POLLIN)
    open_fds, pause = set(streams), 0.0005
    while True:
        if limits.cancel.is_set():
            raise Cancelled("cancelled; the command was ended")
        if late():
            return "late"
        # asked before reading: what an ended child wrote is then already in the pipes
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        ready = poller.poll(0 if ended else _STEP_MS) if open_fds else []
        if ended and not ready:  # a grandchild may still hold a pipe; it ends with the group
            return ""
        for fd, _ in ready:
            if data := _read(fd):
                streams[fd] += data
                if len(streams[fd]) > limits.max_bytes:
                    return names[fd]
            elif data is not None:
                poller.unregister(fd)
                open_fds.discard(fd)
        if not open_fds and not ended:
            time.sleep(pause)
            pause = min(pause * 2, _STEP_MS / 1000)


def _signal_name(number: int) -> str:
    return signal.Signals(number).name if number in signal.valid_signals() and number < signal.SIGRTMIN else str(number)


def _read(fd: int) -> bytes | None:
    """Some bytes, b"" at the end, None when there is nothing yet."""
    try:
        return os.read(fd, 65_536)
    except BlockingIOError:
        return None
