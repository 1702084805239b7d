"""The kernel keeps the promise: after `lock_writes`, this process and every command it runs can change nothing but what lies
beneath its state folder. Also when somebody else's code runs in it, and also when it runs as root.

The threat is a server taken over by the text that it reads. Three things are given up for good, in this order:

1. *Landlock*: opening for writing, truncating, creating, removing, renaming and linking files, ioctls of devices, mounting,
   looking into other processes, and from its sixth version on signals to processes outside this program.
2. *System calls* (seccomp) for what Landlock does not know: sockets of this host (a service manager's, Docker's, a bus),
   modes, owners and times of files, namespaces, the clock, other processes' priorities (`targets/confinement.py`).
3. *Capabilities* of root: all that change anything (`targets/capabilities.py`).

Between the first and the second two helpers are forked, which can do what a look needs and nothing else: the lookout, which
reads links of /proc and knows no other call, and the reader, which runs commands of the read table and puts questions to
sockets of this host (`targets/reader_line.py` says who may do what). After the fork this process steps into a second Landlock
domain: it can neither signal the reader nor look into it. What the reader runs can write nowhere at all.

What stays open: whatever the account may do over TCP, and with credentials that it may read (a kubeconfig with rights to
write, a private key, a Docker daemon that listens on a port without TLS, a database that trusts localhost): give the account
read-only ones. Locks on files of others, and the side effects that merely opening some devices has (a watchdog). A service that
starts when somebody connects to its socket, or asks for its name on the bus. What a program on a socket of this host does on
GET. Descriptors that were open before. The account's rights in a database, which the reader uses for one fixed question in a
read-only session.
"""

import ctypes
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from mcp_server.core.settings import ReadSettings
from mcp_server.targets import capabilities, confinement, lookout, reader_line, reader_start

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
    """Whether the kernel enforces it; in words what it enforces, or why nothing."""

    enforced: bool
    detail: str
    remedy: str = ""
    open: str = ""
    """What is missing although writing files is bounded: what stays open, or cannot be seen. Empty when nothing is."""


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


def lock_writes(writable: Sequence[str], policy: ReadSettings | None = None) -> LockReport:
    """Give up, for good, changing anything but beneath `writable` (existing folders) and writing to /dev/null.

    `policy` is what the reader may print of files. Call it before any thread is started: the kernel binds the calling thread
    and what comes from it. Never raises; what a kernel cannot do is reported, with the reason.
    """
    global _report  # noqa: PLW0603 -- see above
    try:
        _report = _lock(writable, policy or ReadSettings())
    except (OSError, AttributeError) as error:
        remedy = {"ENOSYS": "a kernel from 5.13 on with CONFIG_SECURITY_LANDLOCK", "EOPNOTSUPP": "boot with lsm=landlock,…"}
        name = _errno_name(error)
        _report = LockReport(False, f"Landlock is not available ({name}: {error})", remedy.get(name, ""))
    return _report


def _errno_name(error: BaseException) -> str:
    import errno

    return errno.errorcode.get(getattr(error, "errno", 0) or 0, type(error).__name__)


def _lock(writable: Sequence[str], policy: ReadSettings) -> LockReport:
    if sys.platform != "linux":
        return LockReport(False, f"{sys.platform} has no Landlock", "the read table of commands still holds")
    kernel = _Landlock()
    ours, bare = kernel.ruleset((*writable, os.devnull)), kernel.ruleset((os.devnull,))
    try:
        # a locked process may not look into others; a helper that can only read does it in its stead
        lookout.start()
        kernel.restrict(ours)
        gaps = [_reader(writable, policy, lambda: kernel.restrict(bare))]
        kernel.restrict(ours)  # once more: the reader is outside of this one
    finally:
        os.close(ours)
        os.close(bare)
    gaps += [_calls(), *_rest_of_root(writable)]
    if not kernel.signals:
        gaps.append("signals are not covered by this kernel")
    if not lookout.helper_pid():
        gaps.append("open files and sockets of other processes are hidden from it")
    held = [f"Landlock version {kernel.version}: writing only beneath {', '.join(writable)}"]
    held += ["no signals to others"] if kernel.signals else []
    held += ["seccomp: no local sockets, modes, namespaces, clock"] if confinement.in_force() else []
    held += ["a reader runs the looks"] if reader_line.is_there() else []
    missing = "; ".join(gap for gap in gaps if gap)
    return LockReport(True, "; ".join(held), open=missing)


def _reader(writable: Sequence[str], policy: ReadSettings, bind: Callable[[], None]) -> str:
    try:
        reader_start.start(writable, policy, bind)
    except OSError as error:
        return f"there is no reader ({error}): what needs a socket of this host is not seen"
    return ""


def _rest_of_root(writable: Sequence[str]) -> Iterator[str]:
    """Give up capabilities; what could not be."""
    keep = [capabilities.DAC_READ_SEARCH, capabilities.SYS_PTRACE]
    keep += [capabilities.FOWNER] if confinement.in_force() else []  # without the filter it would change modes
    try:
        owner = capabilities.stranger(writable)
        keep += [capabilities.DAC_OVERRIDE] if owner or capabilities.of_strangers(writable) else []
        capabilities.give_up(keep, owner if os.geteuid() == 0 else None)
    except (OSError, AttributeError) as error:
        yield f"capabilities were not given up ({error})"


def _calls() -> str:
    why = confinement.filter_calls()
    return f"sockets of this host and modes of files stay open to it: seccomp is not available ({why})" if why else ""


class _Landlock:
    """The kernel's Landlock. Raises OSError where it has none."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.version = self._call(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
        self.signals = self.version >= 6

    def _call(self, number: int, *arguments: object) -> int:
        result = int(self._libc.syscall(ctypes.c_long(number), *arguments))
        if result < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return result

    def ruleset(self, writable: Iterable[str]) -> int:
        """A descriptor: writing is allowed beneath these only."""
        version = self.version
        rights = _TREE | sum(right for since, right in _SINCE if version >= since)
        size = 24 if version >= 6 else 16 if version >= 4 else 8
        rules = _Ruleset(rights, 0, _SCOPE_SIGNAL if self.signals else 0)
        ruleset = self._call(_CREATE, ctypes.byref(rules), ctypes.c_size_t(size), ctypes.c_uint32(0))
        try:
            for path in writable:
                self._allow(ruleset, path, rights)
        except BaseException:
            os.close(ruleset)
            raise
        return ruleset

    def _allow(self, ruleset: int, path: str, rights: int) -> None:
        folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            allowed = rights if stat.S_ISDIR(os.fstat(folder).st_mode) else rights & _ON_FILES
            rule = _Beneath(allowed, folder)
            self._call(_ADD, ctypes.c_int(ruleset), ctypes.c_int(1), ctypes.byref(rule), ctypes.c_uint32(0))
        finally:
            os.close(folder)

    def restrict(self, ruleset: int) -> None:
        """Accept it, for good; once more makes a domain inside the one before."""
        if self._libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "no_new_privs was refused")
        self._call(_RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint32(0))
