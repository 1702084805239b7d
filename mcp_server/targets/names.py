"""Names: by the system's resolver, in a thread with a deadline, and by each name server with one question of our own."""

import ipaddress
import os
import socket
import struct
import time

from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.core.store_calls import Resolution, ResolveName, ServerAnswer
from mcp_server.core.text import one_line
from mcp_server.targets.wire import Wire

_CODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}
_SERVERS = 3


def look(call: ResolveName, limits: Limits, policy: ReadSettings) -> Resolution:
    """Both ways. A name without an address is an answer; only a resolver that never answers is a failed look."""
    try:
        question = _question(call.name)
    except (UnicodeError, ValueError) as error:
        raise CouldNotLook(call.title(), "refused", f"it is no host name: {one_line(error)}") from None
    seconds = min(call.timeout_s, limits.timeout_s / 2)
    began = time.monotonic()

    def work() -> tuple[tuple[str, ...], str]:
        try:
            found = socket.getaddrinfo(call.name, None, type=socket.SOCK_STREAM)
        except OSError as error:
            return (), str(error.strerror or error)
        return tuple(dict.fromkeys(str(item[4][0]) for item in found)), ""

    try:
        addresses, problem = Wire(call.title(), seconds, limits).within_time(work)
    except CouldNotLook as failure:
        addresses, problem = (), failure.detail
    took = round((time.monotonic() - began) * 1000, 1)
    answers = tuple(_asked(server, question, seconds, limits) for server in _servers())
    return Resolution(name=call.name, addresses=addresses, problem=problem, took_ms=took, servers=answers)


def _servers() -> list[str]:
    try:
        with open("/etc/resolv.conf", encoding="utf8", errors="replace") as file:
            lines = [line.split() for line in file.read(65_536).splitlines()]
    except OSError:
        return []
    found = [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"]
    return found[:_SERVERS]


def _question(name: str) -> bytes:
    """A query for A records, recursion wanted (RFC 1035)."""
    labels = [label.encode("idna") for label in name.rstrip(".").split(".")]
    if not all(0 < len(label) < 64 for label in labels):
        raise ValueError("a part of it is empty or longer than 63 characters")
    body = b"".join(bytes((len(label),)) + label for label in labels) + b"\0" + struct.pack(">HH", 1, 1)
    return struct.pack(">HHHHHH", int.from_bytes(os.urandom(2), "big"), 0x0100, 1, 0, 0, 0) + body


def _asked(server: str, question: bytes, seconds: float, limits: Limits) -> ServerAnswer:
    limits.check()
    began = time.monotonic()
    try:
        address = ipaddress.ip_address(server.partition("%")[0])
        family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as line:
            line.settimeout(seconds)
            line.connect((server, 53))
            line.send(question)
            while True:
                data = line.recv(4_096)
                if data[:2] == question[:2]:
                    break
    except (OSError, ValueError) as error:
        problem = (
            f"no answer within {seconds:g} s"
            if isinstance(error, TimeoutError)
            else str(getattr(error, "strerror", None) or error)
        )
        return ServerAnswer(server=server, code="", took_ms=round((time.monotonic() - began) * 1000, 1), problem=problem)
    took = round((time.monotonic() - began) * 1000, 1)
    try:
        code, addresses = _read(data, len(question))
    except (IndexError, struct.error):
        return ServerAnswer(server=server, code="", took_ms=took, problem="its answer is damaged")
    return ServerAnswer(server=server, code=code, addresses=addresses, took_ms=took)


def _read(data: bytes, start: int) -> tuple[str, tuple[str, ...]]:
    """The response code, and the A records behind the question."""
    flags, _, answers = struct.unpack(">HHH", data[2:8])
    found, place = [], start
    for _ in range(min(answers, 64)):
        while data[place] and data[place] < 0xC0:
            place += data[place] + 1
        place += 2 if data[place] >= 0xC0 else 1
        kind, _, _, length = struct.unpack(">HHIH", data[place : place + 10])
        place += 10
        if kind == 1 and length == 4:
            found.append(str(ipaddress.IPv4Address(data[place : place + 4])))
        place += length
    return _CODES.get(flags & 15, f"code {flags & 15}"), tuple(found)
