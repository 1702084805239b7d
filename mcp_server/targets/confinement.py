"""What Landlock leaves open, closed: the system calls that a process which only looks at this host is refused.

Landlock speaks of opening, creating and removing files, of devices, signals and tracing. It says nothing of sockets of this
host (a service manager's, Docker's), of modes, owners, times and attributes of files, of other processes' priorities and
limits, of the clock, of namespaces. Code that took over the server as root could use each of them; so they are refused here,
to it and to every program it starts. What of this a look needs is done by the reader (`reader_process.py`).

A list of refusals, not of permissions: Python, its libraries and git use some two hundred calls, and more with every
release. Calls newer than this file do not exist for the process.
"""

import errno
import resource

from mcp_server.targets.seccomp import (
    ABOVE,
    ALLOW,
    AND,
    ANY_BIT,
    AT_LEAST,
    EQUAL,
    RETURN,
    Instruction,
    all_of,
    argument,
    install,
    known_machine,
    only,
    refusal,
    when,
)

_NEWEST = 469
"""The last call that was looked at (Linux 6.17). Numbers are the same on both machines from 424 on."""

_NEVER: dict[str, dict[str, tuple[int, ...]]] = {
    # chmod chown lchown fchmod fchown …at, setxattr removexattr and their kin, utime utimes futimesat utimensat
    "modes, owners, times and attributes of files": {
        "x86_64": (90, 91, 92, 93, 94, 132, 188, 189, 190, 197, 198, 199, 235, 260, 261, 268, 280),
        "aarch64": (5, 6, 7, 14, 15, 16, 52, 53, 54, 55, 88),
    },
    # ptrace process_vm_readv process_vm_writev perf_event_open userfaultfd bpf migrate_pages move_pages
    "other processes": {
        "x86_64": (101, 256, 279, 298, 310, 311, 321, 323), "aarch64": (117, 238, 239, 241, 270, 271, 280, 282),
    },
    # System V shared memory, semaphores and queues, POSIX queues, keys: shared with whoever has this user
    "what others of this user share": {
        "x86_64": (29, 30, 31, 64, 65, 66, 68, 69, 70, 71, 220, 240, 241, 248, 249, 250),
        "aarch64": (180, 181, 186, 187, 188, 189, 190, 191, 192, 193, 194, 195, 196, 217, 218, 219),
    },
    # mount umount2 pivot_root chroot unshare setns open_by_handle_at fanotify_init
    "mounts and namespaces": {
        "x86_64": (155, 161, 165, 166, 272, 300, 304, 308), "aarch64": (39, 40, 41, 51, 97, 262, 265, 268),
    },
    # reboot kexec modules swap clock host name accounting quotas hang-up kernel log, and on x86-64 ports
    "the machine": {
        "x86_64": (103, 153, 163, 164, 167, 168, 169, 170, 171, 172, 173, 175, 176, 179, 227, 246, 313, 320),
        "aarch64": (58, 60, 89, 104, 105, 106, 112, 116, 142, 161, 162, 170, 224, 225, 273, 294),
    },
}  # fmt: skip
_NEVER_SINCE_424 = (
    425, 426, 427,  # io_uring: it does what the filter does not see
    428, 429, 430, 431, 432, 433, 442, 467,  # mounts
    438, 440, 448,  # pidfd_getfd process_madvise process_mrelease
    443, 452, 463, 466, 469,  # quotas; fchmodat2 setxattrat removexattrat file_setattr
)  # fmt: skip
_CLONE3 = 435

# socket socketpair clone ioctl fcntl setpriority prlimit64 sched_setparam sched_setscheduler sched_setaffinity sched_setattr
# ioprio_set
_ASKED: dict[str, tuple[int, ...]] = {
    "x86_64": (41, 53, 56, 16, 72, 141, 302, 142, 144, 203, 314, 251),
    "aarch64": (198, 199, 220, 29, 25, 140, 261, 118, 119, 122, 274, 30),
}

_UNIX, _INET, _INET6, _NETLINK, _ROUTES, _STREAM, _KINDS = 1, 2, 10, 16, 0, 1, 0xF
_PROCESS, _IO_PROCESS = 0, 1
_NEW_NAMESPACES = 0x7E020000
_SET_LEASE = 1024
_TERMINAL = (0x5401, 0x5413, 0x540F, 0x802C542A, 0x541B, 0x5421, 0x5450, 0x5451)
"""Whether it is a terminal, how wide, whose; how much is to be read; blocking or not, kept over exec or not."""
_INTERFACES = (0x8910, 0x894B)
"""Questions about network interfaces; setting anything there takes a capability that was given up."""


class _State:
    """Of this process; the filter cannot be taken off."""

    filtered = False


def in_force() -> bool:
    """Whether this process accepted the filter."""
    return _State.filtered


def filter_calls() -> str:
    """Accept the filter, for good: this thread, and what comes from it. Empty, or why it is not in force."""
    machine = known_machine()
    if not machine:
        return "no filter is known for this machine"
    try:
        install(rules(machine))
    except (OSError, AttributeError) as error:
        return str(error)
    # a core dump would be written by the kernel, and children cannot be given limits any more
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _State.filtered = True
    return ""


def rules(machine: str) -> list[Instruction]:
    """The filter's rules; the number of the call is loaded."""
    no, own = refusal(), [argument(0)]
    socket, pair, clone, ioctl, fcntl, priority, limit, *scheduling, io_priority = _ASKED[machine]
    blocks = {
        socket: [
            argument(0), (EQUAL, 5, 0, _INET), (EQUAL, 4, 0, _INET6), (EQUAL, 0, 2, _NETLINK),
            argument(2), (EQUAL, 1, 0, _ROUTES), (RETURN, 0, 0, no), (RETURN, 0, 0, ALLOW),
        ],
        # two ends of a stream cannot be connected to anything else; of datagrams they can
        pair: [
            argument(0), (EQUAL, 0, 3, _UNIX), argument(1), (AND, 0, 0, _KINDS), (EQUAL, 1, 0, _STREAM),
            (RETURN, 0, 0, no), (RETURN, 0, 0, ALLOW),
        ],
        # a namespace of users would give every capability back
        clone: [argument(0), (ANY_BIT, 0, 1, _NEW_NAMESPACES), (RETURN, 0, 0, no), (RETURN, 0, 0, ALLOW)],
        ioctl: [
            argument(1), (AT_LEAST, 0, 2, _INTERFACES[0]), (ABOVE, 1, 0, _INTERFACES[1]), (RETURN, 0, 0, ALLOW),
            *only([], _TERMINAL, no),
        ],
        # a lease makes others wait for us before they may open their file
        fcntl: [argument(1), (EQUAL, 0, 1, _SET_LEASE), (RETURN, 0, 0, no), (RETURN, 0, 0, ALLOW)],
        # of itself only; of others it may ask
        limit: [
            argument(0), (EQUAL, 4, 0, 0), argument(2), (EQUAL, 0, 3, 0), argument(2, upper=True), (EQUAL, 0, 1, 0),
            (RETURN, 0, 0, ALLOW), (RETURN, 0, 0, no),
        ],
        # of itself only: 0 also means its whole group, and all that its user runs
        priority: [argument(0), (EQUAL, 1, 0, _PROCESS), (RETURN, 0, 0, no), *only([argument(1)], [0], no)],
        io_priority: [argument(0), (EQUAL, 1, 0, _IO_PROCESS), (RETURN, 0, 0, no), *only([argument(1)], [0], no)],
        **{number: only(own, [0], no) for number in scheduling},
    }  # fmt: skip
    never = [number for numbers in _NEVER.values() for number in numbers[machine]]
    return [
        (ABOVE, 0, 1, _NEWEST), (RETURN, 0, 0, refusal(errno.ENOSYS)),  # those of x32 too
        *(instruction for number, block in blocks.items() for instruction in when(number, block)),
        *all_of([_CLONE3], refusal(errno.ENOSYS)),  # its flags cannot be seen; the C library then takes clone
        *all_of([*never, *_NEVER_SINCE_424], no),
        (RETURN, 0, 0, ALLOW),
    ]  # fmt: skip
