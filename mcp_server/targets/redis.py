"""A Redis server, asked `INFO` and nothing else, over one connection with a deadline."""

import re
import socket

from mcp_server.core.edge import split_address
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.core.store_calls import ReadRedis, RedisState
from mcp_server.core.text import one_line
from mcp_server.targets.wire import Wire

_MOST = 262_144
_HEAD = re.compile(rb"\$(\d{1,7})\r\n")


def look(call: ReadRedis, limits: Limits, policy: ReadSettings) -> RedisState:
    """Ask. A server that refuses (a login is needed, too many clients) answers with its refusal."""
    wire = Wire(call.title(), limits.timeout_s, limits)
    address = split_address(call.address)
    if address is None and not call.address.startswith("unix:"):
        raise CouldNotLook(call.title(), "refused", "it should be host:port or unix:/path", "name its address")

    def work() -> bytes:
        line = wire.unix(call.address.removeprefix("unix:"), policy, "redis") if address is None else wire.tcp(*address)
        with line:
            line.sendall(b"INFO\r\n")
            return _answer(line, wire)

    data = wire.within_time(work)
    if data.startswith(b"-"):
        return RedisState(refusal=one_line(data[1:].split(b"\r\n")[0].decode("utf8", "replace"), 200))
    head = _HEAD.match(data)
    if head is None:
        raise CouldNotLook(call.title(), "damaged", "what answers does not speak the protocol of Redis", "is this its port?")
    text = data[head.end() : head.end() + int(head[1])].decode("utf8", "replace")
    pairs = (item.partition(":") for item in text.splitlines() if ":" in item and not item.startswith("#"))
    return RedisState(info={name: value for name, _, value in pairs})


def _answer(line: socket.socket, wire: Wire) -> bytes:
    data = b""
    while len(data) < _MOST:
        line.settimeout(wire.left())
        try:
            piece = line.recv(65_536)
        except TimeoutError:
            raise wire.slow() from None
        except OSError as error:
            raise wire.failed("unreachable", f"the connection broke: {one_line(error)}") from None
        data += piece
        head = _HEAD.match(data)
        if not piece or (head and len(data) >= head.end() + int(head[1]) + 2) or (not head and b"\r\n" in data):
            break
    return data
