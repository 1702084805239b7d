"""The kernel keeps the promise: after `lock_writes`, this process and every command it runs can write nowhere else.

Linux Landlock, called directly (no library). It covers opening for writing, truncating, creating, removing, renaming and
linking files, device ioctls, mounting, and, from its sixth version on, signals to processes outside this program.
It does not cover changes of mode, owner, times or extended attributes, messages over sockets (such as a service manager's
bus) and descriptors that were open before: the read table of commands keeps those out.
"""

import ctypes
import os
import stat
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mcp_server.targets import lookout

_CREATE, _ADD, _RESTRICT = 444, 445, 446
"""System calls; the same numbers on every architecture that Linux gained after 2019, x86-64 and arm64 included."""
_NO_NEW_PRIVILEGES = 38
_SCOPE_SIGNAL = 1 << 1
_WRITE_FILE = 1 << 1
_TREE = _WRITE_FILE | sum(1 << bit for bit in range(4, 13))
"""write_file, remove_dir, remove_file, make_char … make_sym."""
_SINCE = ((2, 1 << 13), (3, 1 << 14), (5, 1 << 15))
"""refer (rename and link across folders), truncate, ioctl_dev, with the version that brought each."""
_ON_FILES = _WRITE_FILE | 1 << 14 | 1 << 15
"""The rights that make sense for a single file; the kernel refuses the others in a rule for one."""


@dataclass(frozen=True)
class LockReport:
    """Whether the kernel enforces it, and in words how far, or why not."""

    enforced: bool
    detail: str
    remedy: str = ""


class _Ruleset(ctypes.Structure):
    _fields_ = [("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("access", ctypes.c_uint64), ("folder", ctypes.c_int32)]


# The lock belongs to the process, cannot be undone and is inherited; so its report is the process's too.
_report = LockReport(False, "not asked for by this process")


def lock_report() -> LockReport:
    """What `lock_writes` achieved in this process."""
    return _report


def lock_writes(writable: Sequence[str]) -> LockReport:
    """Give up, for good, writing anywhere but beneath `writable` (existing folders) and to /dev/null.

    Call it before any thread is started: the kernel binds the calling thread and what comes from it. Never raises; a
    kernel that cannot do it is reported, with the reason.
    """
    global _report  # noqa: PLW0603 -- see above
    try:
        _report = _lock(writable)
    except (OSError, AttributeError) as error:
        remedy = {"ENOSYS": "a kernel from 5.13 on with CONFIG_SECURITY_LANDLOCK", "EOPNOTSUPP": "boot with lsm=landlock,…"}
        name = _errno_name(error)
        _report = LockReport(False, f"Landlock is not available ({name}: {error})", remedy.get(name, ""))
    return _report


def _errno_name(error: BaseException) -> str:
    import errno

    return errno.errorcode.get(getattr(error, "errno", 0) or 0, type(error).__name__)


def _lock(writable: Iterable[str]) -> LockReport:
    if sys.platform != "linux":
        return LockReport(False, f"{sys.platform} has no Landlock", "the read table of commands still holds")
    libc = ctypes.CDLL(None, use_errno=True)

    def call(number: int, *arguments: object) -> int:
        result = int(libc.syscall(ctypes.c_long(number), *arguments))
        if result < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return result

    version = call(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    rights = _TREE | sum(right for since, right in _SINCE if version >= since)
    scoped = _SCOPE_SIGNAL if version >= 6 else 0
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = call(_CREATE, ctypes.byref(_Ruleset(rights, 0, scoped)), ctypes.c_size_t(size), ctypes.c_uint32(0))
    try:
        for path in (*writable, os.devnull):
            folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
            try:
                allowed = rights if stat.S_ISDIR(os.fstat(folder).st_mode) else rights & _ON_FILES
                rule = _Beneath(allowed, folder)
                call(_ADD, ctypes.c_int(ruleset), ctypes.c_int(1), ctypes.byref(rule), ctypes.c_uint32(0))
            finally:
                os.close(folder)
        # a locked process may not look into others; a helper that can only read does it in its stead
        lookout.start()
        if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "no_new_privs was refused")
        call(_RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)
    signals = "; signals reach only our own children" if scoped else "; signals are not covered by this kernel"
    others = "" if lookout.helper_pid() else "; open files and sockets of other processes are hidden from it"
    return LockReport(True, f"Landlock version {version}: writing only beneath {', '.join(writable)}{signals}{others}")
