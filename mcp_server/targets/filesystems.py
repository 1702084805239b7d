"""Mounted filesystems. Asking a dead network mount never returns, so a thread asks and is left behind when it hangs."""

import os
import queue
import re
import threading
from dataclasses import dataclass

from mcp_server.core.calls import Filesystem, Filesystems, ReadFilesystems
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Limits

PATIENCE_S = 2.0
"""How long one filesystem may take to answer."""

_PSEUDO = frozenset(
    ("proc", "sysfs", "cgroup", "cgroup2", "devpts", "devtmpfs", "mqueue", "debugfs", "tracefs", "securityfs", "pstore", "bpf",
     "configfs", "fusectl", "hugetlbfs", "rpc_pipefs", "binfmt_misc", "autofs", "nsfs", "efivarfs", "selinuxfs", "ramfs",
     "rootfs", "nfsd", "pipefs", "sockfs", "fuse.lxcfs", "fuse.gvfsd-fuse", "fuse.portal", "fuse.snapfuse")
)  # fmt: skip
_OCTAL = re.compile(r"\\([0-7]{3})")

_hanging: dict[str, threading.Thread] = {}
"""Threads still waiting for a mount, so that a dead one costs one thread, not one per look."""


@dataclass(frozen=True)
class Mount:
    """One line of mountinfo."""

    path: str
    device: str
    type: str
    number: str
    read_only: bool


def read(call: ReadFilesystems, limits: Limits) -> Filesystems:
    """Ask every filesystem that stores something; the ones that do not answer in time are named in `failed`."""
    with open("/proc/self/mountinfo", "rb") as file:
        mounts = storing(file.read().decode("utf8", "surrogateescape"))
    left = limits.until()
    answered: list[Filesystem] = []
    failed: dict[str, str] = {}
    while mounts:
        asked = 0
        answers: queue.SimpleQueue[os.statvfs_result | OSError] = queue.SimpleQueue()
        abandoned = threading.Event()
        if (hung := _hanging.get(mounts[0].path)) and hung.is_alive():
            failed[_shown(mounts.pop(0).path)] = "no answer: an earlier look at it still hangs"
            continue
        thread = threading.Thread(target=_ask, args=([item.path for item in mounts], answers, abandoned), daemon=True)
        thread.start()
        for mount in mounts:
            answer = _wait(answers, min(PATIENCE_S, left()), limits)
            asked += 1
            if answer is None:
                abandoned.set()
                _hanging[mount.path] = thread
                if left() <= 0:
                    raise CouldNotLook(call.title(), "timed_out", f"{_shown(mount.path)} gave no answer in time")
                failed[_shown(mount.path)] = f"no answer within {PATIENCE_S:g} s: the mount may be dead"
                break
            if isinstance(answer, OSError):
                failed[_shown(mount.path)] = f"{answer.strerror}"
            elif answer.f_blocks:  # no blocks: it stores nothing
                answered.append(_filesystem(mount, answer))
            if asked < len(mounts) and mounts[asked].path in _hanging:
                abandoned.set()
                break
        mounts = mounts[asked:]
    return Filesystems(mounted=tuple(answered), failed=failed)


def storing(mountinfo: str) -> list[Mount]:
    """Mounts that store something: the top one of each path, and each device once, at its shortest path."""
    by_path: dict[str, Mount] = {}
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields, (kind, device, *_) = before.split(" "), after.split(" ")
        path = _plain(fields[4])
        by_path[path] = Mount(path, _plain(device), kind, fields[2], "ro" in fields[5].split(","))
    by_device: dict[str, Mount] = {}
    for mount in sorted(by_path.values(), key=lambda item: (item.read_only, len(item.path), item.path)):
        # an overlay shows the numbers of the filesystem below it, which is listed itself unless we live in the overlay
        if mount.type not in _PSEUDO and (mount.type != "overlay" or mount.path == "/"):
            by_device.setdefault(mount.number, mount)
    return sorted(by_device.values(), key=lambda item: item.path)


def _plain(field: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), field)


def _shown(path: str) -> str:
    return path.encode("utf8", "surrogateescape").decode("utf8", "replace")


def _ask(paths: list[str], answers: "queue.SimpleQueue[os.statvfs_result | OSError]", abandoned: threading.Event) -> None:
    for path in paths:
        if abandoned.is_set():
            break
        try:
            answers.put(os.statvfs(path))
        except OSError as error:
            answers.put(error)


def _wait(
    answers: "queue.SimpleQueue[os.statvfs_result | OSError]", seconds: float, limits: Limits
) -> os.statvfs_result | OSError | None:
    """The next answer, or None when it does not come in time. Raises Cancelled."""
    while True:
        limits.check()
        step = min(0.05, seconds)
        try:
            return answers.get(timeout=max(step, 0.001))
        except queue.Empty:
            seconds -= step
            if seconds <= 0:
                return None


def _filesystem(mount: Mount, seen: os.statvfs_result) -> Filesystem:
    return Filesystem(
        mount=_shown(mount.path), device=_shown(mount.device), type=mount.type,
        read_only=mount.read_only or bool(seen.f_flag & os.ST_RDONLY),
        total=seen.f_blocks * seen.f_frsize, used=(seen.f_blocks - seen.f_bfree) * seen.f_frsize,
        available=seen.f_bavail * seen.f_frsize, inodes_total=seen.f_files, inodes_free=seen.f_ffree,
    )  # fmt: skip
