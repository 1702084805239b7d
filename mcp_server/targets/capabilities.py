"""Root's powers given up, for good: what is kept lets a process read more, and change nothing. Linux.

A process that runs as root is root in parts (capabilities). Kept, where they were held: reading what belongs to others
(DAC_READ_SEARCH), looking into other processes (SYS_PTRACE), and FOWNER, by which a file of others is opened without moving
its time of access; what else FOWNER permits, the filter of system calls and Landlock refuse. Where the state folder belongs to
somebody else, DAC_OVERRIDE is kept too: Landlock bounds where it counts.
"""

import ctypes
import os
from collections.abc import Sequence

DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, SYS_PTRACE = 1, 2, 3, 19
_DROP_BOUND, _AMBIENT, _CLEAR_ALL, _DUMPABLE = 24, 47, 4, 4
_VERSION = 0x20080522
_MOST = 64


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Sets(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


def give_up(keep: Sequence[int], owner: os.stat_result | None = None) -> None:
    """Keep at most these capabilities in this thread and in all that comes from it. Raises OSError.

    With `owner`, files are from now on made as his, not as root's. Before any thread is started.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = _Header(_VERSION, 0), (_Sets * 2)()
    if libc.capget(ctypes.byref(header), sets):
        raise OSError(ctypes.get_errno(), "capget was refused")
    held = sets[0].permitted | sets[1].permitted << 32
    if not held:
        return
    for number in range(_MOST):  # without SETPCAP it stays: but no new privileges, so nothing comes back by exec
        if number not in keep and libc.prctl(_DROP_BOUND, number, 0, 0, 0):
            break
    libc.prctl(_AMBIENT, _CLEAR_ALL, 0, 0, 0)
    if owner is not None:
        libc.setfsgid(owner.st_gid)
        libc.setfsuid(owner.st_uid)  # takes capabilities over files away; the kept ones are raised again below
    left = held & sum(1 << number for number in keep)
    for index in range(2):
        part = left >> 32 * index & 0xFFFFFFFF
        sets[index].effective, sets[index].permitted, sets[index].inheritable = part, part, 0
    if libc.capset(ctypes.byref(header), sets):
        raise OSError(ctypes.get_errno(), "capset was refused")
    libc.prctl(_DUMPABLE, 1, 0, 0, 0)  # or /proc/self would not be ours any more


def stranger(folders: Sequence[str]) -> os.stat_result | None:
    """The first of these folders that belongs to another user."""
    return next((found for folder in folders if (found := os.stat(folder)).st_uid != os.geteuid()), None)


def of_strangers(folders: Sequence[str]) -> bool:
    """Whether what lies in these folders belongs in part to another user."""
    for folder in folders:
        with os.scandir(folder) as entries:
            if any(entry.stat(follow_symlinks=False).st_uid != os.geteuid() for entry in entries):
                return True
    return False
