"""What other processes hold open and where they stand, asked of a helper that was started before the kernel's lock.

Landlock forbids a locked process to look into processes outside its own domain: `/proc/PID/fd`, `cwd` and `exe` of
everything else are refused, to root as well. So a helper is forked before the lock. It answers three questions about a
process number and nothing else, and the kernel keeps its promise too: a seccomp filter refuses it every system call but
reading, opening for reading, and answering its parent. It ends with its parent.
"""

import ctypes
import errno
import json
import os
import platform
import signal
import socket
import stat
import threading
from typing import Any, Literal, NamedTuple, NoReturn

from mcp_server.targets.seccomp import ALLOW, ANY_BIT, RETURN, all_of, argument, install, known_machine, refusal, when

_ANSWER_S = 5.0
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | (os.O_TMPFILE & ~os.O_DIRECTORY)


class Open(NamedTuple):
    """One open file of a process: where its link points, and for a file without a name what is known of it."""

    target: str
    regular: bool = False
    names: int = 1
    size: int = 0
    device: int = 0
    inode: int = 0


def link_of(pid: int, name: Literal["cwd", "exe"]) -> str:
    """Where `/proc/PID/cwd` or `exe` points. Raises OSError as `os.readlink` does."""
    try:
        return os.readlink(f"/proc/{pid}/{name}")
    except PermissionError:
        return str(_asked(name, pid))


def open_files(pid: int) -> list[Open]:
    """Everything a process holds open. Raises OSError: PermissionError, or FileNotFoundError when it is gone."""
    try:
        return _open_files(pid)
    except PermissionError:
        return [Open(*item) for item in _asked("fd", pid)]


def _open_files(pid: int) -> list[Open]:
    folder, found = f"/proc/{pid}/fd", []
    for name in os.listdir(folder):
        try:
            target = os.readlink(f"{folder}/{name}")
            if target.endswith(" (deleted)"):
                seen = os.stat(f"{folder}/{name}")
                regular = stat.S_ISREG(seen.st_mode)
                found.append(Open(target, regular, seen.st_nlink, seen.st_size, seen.st_dev, seen.st_ino))
            else:
                found.append(Open(target))
        except FileNotFoundError:
            continue  # closed meanwhile
    return found


# --- the parent's side ----------------------------------------------------------------------------------------------


class _Helper:
    """The helper of this process; it belongs to the process as the lock does."""

    pid = 0
    line: socket.socket | None = None
    turn = threading.Lock()


def helper_pid() -> int:
    """The helper's process number; 0 when there is none. It is one of ours, and no part of what is looked at."""
    return _Helper.pid


def start() -> bool:
    """Fork the helper, once, before any thread is started. False where the kernel cannot bind it: then there is none."""
    if _Helper.line is not None:
        return True
    if not known_machine():
        return False
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        _serve(theirs)
    theirs.close()
    ours.settimeout(_ANSWER_S)
    try:
        ready = ours.recv(1) == b"+"
    except OSError:
        ready = False
    if not ready:
        ours.close()
        os.waitpid(pid, 0)
        return False
    _Helper.pid, _Helper.line = pid, ours
    return True


def _asked(what: str, pid: int) -> Any:
    """The helper's answer. Raises OSError with the number it met; PermissionError where there is no helper."""
    with _Helper.turn:
        if _Helper.line is None:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        try:
            _Helper.line.sendall(b"%s %d\n" % (what.encode(), pid))
            data = b""
            while not data.endswith(b"\n"):
                part = _Helper.line.recv(1 << 16)
                if not part:
                    raise ConnectionError
                data += part
        except OSError:  # it was killed or hangs: from now on we see as much as we may ourselves
            _Helper.line.close()
            _Helper.line = None
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES)) from None
    answer = json.loads(data)
    if isinstance(answer, int):
        raise OSError(answer, os.strerror(answer))
    return answer[0]


# --- the helper's side ----------------------------------------------------------------------------------------------


def _serve(line: socket.socket) -> NoReturn:
    """Forget everything inherited, accept the filter, answer until the parent is gone."""
    try:
        for polite in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(polite, signal.SIG_IGN)  # it ends when its parent does
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(line.fileno(), 3)
        for number in (0, 1, 2):
            os.dup2(nothing, number)
        os.closerange(4, os.sysconf("SC_OPEN_MAX"))
        _only_reading()
        os.write(3, b"+")
        _answers()
    finally:
        os._exit(0)


def _answers() -> None:
    waiting = b""
    while part := os.read(3, 4_096):
        waiting += part
        while b"\n" in waiting:
            request, _, waiting = waiting.partition(b"\n")
            what, _, number = request.decode("ascii").partition(" ")
            try:
                pid = int(number)
                answer: Any = [_open_files(pid) if what == "fd" else os.readlink(f"/proc/{pid}/{what}")]
            except OSError as error:
                answer = error.errno or errno.EIO
            data = json.dumps(answer).encode() + b"\n"
            while data:
                data = data[os.write(3, data) :]


# x86-64 and arm64: openat, and the calls that are allowed whatever their arguments
_MACHINES: dict[str, tuple[int, tuple[int, ...]]] = {
    "x86_64": (257, (
        0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 25, 28, 60, 89, 202, 217, 228, 231, 262, 267, 318, 332)),
    "aarch64": (56, (
        57, 61, 62, 63, 64, 73, 78, 79, 80, 93, 94, 98, 113, 134, 135, 139, 214, 215, 216, 222, 226, 233, 278, 291)),
}  # fmt: skip
"""read write close stat lseek poll memory signal-handling exit readlink futex getdents clock random."""
_DIE_WITH_PARENT = 1


def _only_reading() -> None:
    """Give up, for good, every system call but those above, and every way of opening a file but for reading."""
    openat, allowed = _MACHINES[platform.machine()]
    opening = [argument(2), (ANY_BIT, 0, 1, _WRITING), (RETURN, 0, 0, refusal()), (RETURN, 0, 0, ALLOW)]
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
    install([*when(openat, opening), *all_of(allowed, ALLOW), (RETURN, 0, 0, refusal())])
