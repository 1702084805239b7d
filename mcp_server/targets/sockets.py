"""Sockets from /proc/net, and who owns them from the open files of every process."""

import contextlib
import ipaddress
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from mcp_server.core.calls import ReadSockets, Socket, Sockets
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.targets.lookout import open_files
from mcp_server.targets.processes import pids, stat_of

_TCP = {
    1: "ESTABLISHED", 2: "SYN_SENT", 3: "SYN_RECV", 4: "FIN_WAIT1", 5: "FIN_WAIT2", 6: "TIME_WAIT", 7: "CLOSE", 8: "CLOSE_WAIT",
    9: "LAST_ACK", 10: "LISTEN", 11: "CLOSING", 12: "SYN_RECV",
}  # fmt: skip
_UDP = {1: "ESTABLISHED", 7: "UNCONN"}
_ACCEPTS = 0x10000
"""The flag of a unix socket that listens (__SO_ACCEPTCON)."""


Left = Callable[[], float]
"""Seconds left for the look."""


@dataclass(frozen=True)
class Found:
    """One line of a table, before its owner is known."""

    family: Literal["tcp", "udp", "unix"]
    address: str
    port: int | None
    remote: str | None
    state: str
    inode: int


def read(call: ReadSockets, limits: Limits) -> Sockets:
    """Listening sockets, with `connected` every other TCP and UDP socket as well.

    A socket that several processes share is shown with the oldest of them, usually the master.
    """
    left = limits.until()
    found = [item for item in _sockets(limits, left) if call.connected or item.state in ("LISTEN", "UNCONN")]
    owners, denied = _owners({item.inode for item in found if item.inode}, limits, left)
    names = {pid: stat.name for pid in set(owners.values()) if (stat := stat_of(pid))}
    sockets = tuple(
        Socket(
            family=item.family, address=item.address, port=item.port, remote=item.remote, state=item.state,
            pid=owners.get(item.inode), process=names.get(owners.get(item.inode, 0)),
        )
        for item in found
    )  # fmt: skip
    # a socket in TIME_WAIT has no inode: nobody owns it any more
    return Sockets(sockets=sockets, owners_hidden=denied and any(item.inode and item.inode not in owners for item in found))


def _sockets(limits: Limits, left: Left) -> Iterator[Found]:
    tables: tuple[tuple[Literal["tcp", "udp"], str, int], ...] = (
        ("tcp", "tcp", 4), ("tcp", "tcp6", 6), ("udp", "udp", 4), ("udp", "udp6", 6),
    )  # fmt: skip
    for family, name, version in tables:
        for number, fields in enumerate(_table(name)):
            if number % 512 == 0:
                _still(limits, left)
            yield _internet(family, version, fields)
    for fields in _table("unix"):
        if len(fields) > 7 and int(fields[3], 16) & _ACCEPTS:
            # a blank in the path splits it; `@` stands for an abstract name
            yield Found("unix", " ".join(fields[7:]), None, None, "LISTEN", int(fields[6]))


def _still(limits: Limits, left: Left) -> None:
    limits.check()
    if left() <= 0:
        raise CouldNotLook("sockets", "timed_out", f"not all sockets were read in {limits.timeout_s:g} s")


def _table(name: str) -> Iterator[list[str]]:
    """Lines of one table; a kernel without IPv6 has no such file."""
    try:
        with open(f"/proc/net/{name}", encoding="utf8", errors="replace") as file:
            next(file, None)
            for line in file:
                yield line.split()
    except FileNotFoundError:
        return


def _internet(family: Literal["tcp", "udp"], version: int, fields: list[str]) -> Found:
    address, port = address_of(fields[1], version)
    remote, remote_port = address_of(fields[2], version)
    number = int(fields[3], 16)
    state = (_TCP if family == "tcp" else _UDP).get(number, str(number))
    return Found(family, address, port, remote if remote_port else None, state, int(fields[9]))


def address_of(text: str, version: int) -> tuple[str, int]:
    """`0100007F:1F90` as `127.0.0.1:8080` and its port: words of 32 bits, each in the order of this machine's bytes."""
    packed, _, port = text.partition(":")
    words = (int(packed[at : at + 8], 16) for at in range(0, len(packed), 8))
    raw = b"".join(word.to_bytes(4, sys.byteorder) for word in words)
    number = int(port, 16)
    if version == 4:
        return f"{ipaddress.IPv4Address(raw)}:{number}", number
    six = ipaddress.IPv6Address(raw)
    return (f"{six.ipv4_mapped}:{number}" if six.ipv4_mapped else f"[{six}]:{number}"), number


def _owners(wanted: set[int], limits: Limits, left: Left) -> tuple[dict[int, int], bool]:
    """Process of each inode, and whether the open files of some process could not be read."""
    owners: dict[int, int] = {}
    denied, missing = False, set(wanted)
    for pid in pids():
        if not missing:
            break
        _still(limits, left)
        try:
            held = _held(pid)
        except PermissionError:  # of the folder, or of each link in it: both happen
            denied = True
            continue
        for inode in held & missing:
            owners[inode] = pid
        missing -= held
    return owners, denied


def _held(pid: int) -> set[int]:
    """Inodes of the sockets a process holds. Raises PermissionError."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # gone
        return {int(item.target[8:-1]) for item in open_files(pid) if item.target.startswith("socket:[")}
    return set()
