"""The gate before every file: the policy, and an opening that no link, race, device or FIFO can subvert.

A name is first opened as a mere handle (`O_PATH`: no device wakes, no FIFO waits), the handle is checked (kind, and the
path that it really is), and only the checked handle is opened for reading. Access times do not move where the system
allows that.
"""

import errno
import os
import re
import stat
from datetime import datetime
from functools import lru_cache

from mcp_server.core.clock import from_epoch
from mcp_server.core.errors import CouldNotLook, Reason
from mcp_server.core.settings import ReadSettings
from mcp_server.core.text import one_line

MAX_PATH_BYTES = 4_096
_HANDLES = hasattr(os, "O_PATH") and os.path.isdir("/proc/self/fd")
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_NOATIME = getattr(os, "O_NOATIME", 0)
# the memory of processes is no text, and reading a trace pipe takes its lines away from others
_CONSUMED = re.compile(r"/proc/\d+/(?:task/\d+/)?mem|/sys/kernel/(?:debug/)?tracing/(?:.*/)?trace_pipe\w*")
_KINDS = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


class Gate:
    """The policy with its links resolved, for the length of one look."""

    def __init__(self, policy: ReadSettings) -> None:
        self._named = policy.roots
        self._roots = tuple(os.path.realpath(root) for root in policy.roots)
        self._denied = {name for path in policy.denied for name in (os.path.normpath(path), os.path.realpath(path))}
        self._same: set[tuple[int, int]] = set()
        for path in self._denied:
            try:
                found = os.stat(path)
            except OSError:
                continue
            self._same.add((found.st_dev, found.st_ino))  # hard links and bind mounts are other names of the same thing

    def check(self, asked: str, real: str, found: os.stat_result | None = None) -> None:
        """Raises CouldNotLook when `real`, the path behind the name `asked`, may not be read."""
        leads = f"leads to {one_line(real)}, which " if real != asked else ""
        if not any(_within(real, root) for root in self._roots):
            allowed = ", ".join(one_line(root) for root in self._named) or "none"
            detail = f"{leads}is outside the folders that may be read: {allowed}"
            raise failed(asked, "refused", detail, "add its folder to the setting `read.roots`")
        same = found is not None and (found.st_dev, found.st_ino) in self._same
        if same or any(_within(real, path) for path in self._denied) or _CONSUMED.fullmatch(real):
            raise failed(asked, "refused", f"{leads}is never opened", "see the setting `read.denied`")


def check_form(path: str) -> None:
    """Raises CouldNotLook for a path that cannot name anything on this host, or whose meaning depends on who asks."""
    if not path:
        raise failed("path", "refused", "the path is empty", "name an absolute path, such as /var/log/syslog")
    if "\0" in path:
        raise failed(path, "refused", "the path holds a NUL character", "name an absolute path, such as /var/log/syslog")
    if len(os.fsencode(path)) > MAX_PATH_BYTES:
        raise failed(path, "refused", f"the path is longer than {MAX_PATH_BYTES:,} bytes", "name a shorter path")
    if not path.startswith("/"):
        raise failed(path, "refused", "the path is relative", "name an absolute path, such as /var/log/syslog")


def shown(path: str) -> str:
    """A name as text: bytes that are no UTF-8 become `\\xNN`."""
    return os.fsencode(path).decode("utf8", "backslashreplace")


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def failed(path: str, reason: Reason, detail: str, remedy: str = "") -> CouldNotLook:
    """CouldNotLook about one path, the path made safe to show."""
    return CouldNotLook(one_line(shown(path)), reason, detail, remedy)


def open_checked(path: str, gate: Gate, *, folder: bool = False, follow: bool = True) -> tuple[int, str]:
    """A descriptor for reading a regular file (or a folder), and the path behind all links."""
    check_form(path)
    nofollow = 0 if follow else os.O_NOFOLLOW
    real = path
    if follow:  # before anything is opened, for a sentence that names where the link leads
        real = os.path.realpath(path)
        gate.check(path, real)
    try:
        if not _HANDLES:
            found = os.stat(path)
            _check_kind(path, found, folder)
            gate.check(path, real, found)
            return _open_quietly(path, _READ | nofollow), real
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC | nofollow)
    except OSError as error:
        raise explain(path, error) from None
    try:
        found = os.fstat(handle)
        _check_kind(path, found, folder)
        real = os.readlink(f"/proc/self/fd/{handle}")
        gate.check(path, real, found)
        return _open_quietly(f"/proc/self/fd/{handle}", _READ), real
    except OSError as error:
        raise explain(path, error) from None
    finally:
        os.close(handle)


def _open_quietly(path: str, flags: int) -> int:
    """Opened without moving its access time, where the system lets us."""
    try:
        return os.open(path, flags | _NOATIME)
    except PermissionError:  # only the owner may ask for that
        return os.open(path, flags)


def _check_kind(path: str, found: os.stat_result, folder: bool) -> None:
    kind = stat.S_IFMT(found.st_mode)
    if kind in _KINDS:
        raise failed(path, "refused", f"is {_KINDS[kind]}; only regular files and folders are opened")
    if folder and kind != stat.S_IFDIR:
        raise failed(path, "damaged", "is a file, not a folder", "read it, or list the folder above")
    if not folder and kind != stat.S_IFREG:
        raise failed(path, "damaged", "is a folder, not a file", "list it, or name a file inside")


def explain(path: str, error: OSError) -> CouldNotLook:
    """What the system refused, as a sentence; for a lack of rights also which part of the path and who could grant it."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return failed(path, "missing", "no such file or folder")
    if error.errno == errno.ELOOP:
        return failed(path, "damaged", "its symbolic links go round in circles")
    if error.errno not in (errno.EACCES, errno.EPERM):
        return failed(path, "failed", f"the system says: {error.strerror}")
    # the first part of the path that keeps us out is what must be opened to us
    parts = os.path.realpath(path).split("/")
    for count in range(1, len(parts)):
        above = "/".join(parts[:count]) or "/"
        if not os.access(above, os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            return _denied(path, above, stat.S_IXGRP)
    return _denied(path, path, stat.S_IRGRP)


def _denied(path: str, blocking: str, group_bit: int) -> CouldNotLook:
    what = "it" if blocking == path else one_line(shown(blocking))
    try:
        found = os.stat(blocking)
    except OSError:
        return failed(path, "denied", f"permission denied at {what}")
    mode, group, owner = stat.filemode(found.st_mode), _group(found.st_gid), owner_name(found.st_uid)
    detail = f"permission denied: {what} is {mode} {owner}:{group}"
    if found.st_mode & group_bit and found.st_gid != 0 and found.st_gid not in os.getgroups():
        return failed(path, "denied", detail, f"add the account to group {group}")
    return failed(path, "denied", detail, f"let {owner} grant this account the right to read it")


def moment(seconds: float) -> datetime:
    """Seconds since 1970 as a moment; a clock far off leaves times that no calendar holds, which end at its edges."""
    return from_epoch(min(max(seconds, 0.0), 253_402_300_799.0))


@lru_cache(4_096)
def owner_name(uid: int) -> str:
    """The account's name, or its number where nobody has it."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


@lru_cache(4_096)
def _group(gid: int) -> str:
    import grp

    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
