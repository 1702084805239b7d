"""What passes between the locked server and a socket of this host: one question of the protocol named, then the answer.

The bytes of the server are never passed on. A request is read whole, taken apart strictly, and written anew from the little
that was understood: GET or HEAD, a path, for plain HTTP a host. So nothing can be smuggled behind it, no body, no second
request, no upgrade to another protocol. The connection is good for one request; whatever follows ends it.

For Docker the path must be on the list (`docker_reads.py`), and the socket one that Docker's configuration names, as this
process reads it. For plain HTTP any socket inside the allowed roots will do, because GET is a look; one of Docker's is held to
Docker's list all the same.
"""

import os
import re
import select
import socket
from collections.abc import Callable, Sequence

from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.targets.docker_reads import is_read
from mcp_server.targets.reader_paths import led

Passes = Callable[[bytes], bytes | None]
"""A whole request in; what is sent in its stead, or None where it is no look."""
_HEAD = 32_768
_PIECE = 1 << 16
_LINE = re.compile(r"(GET|HEAD) (/[!-~]{0,8191}) HTTP/1\.1")
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,80}): ?([ -~\t]{0,8192})")
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(?::\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::\d{1,5})?")
_NOT_IN_A_LOOK = {"transfer-encoding", "upgrade", "expect", "trailer", "http2-settings", "content-type"}


def opened(
    what: str, speaks: str, path: str, limits: Limits, policy: ReadSettings, written: Sequence[str]
) -> tuple[socket.socket, Passes | None]:  # fmt: skip
    """Connected to the socket, with what may be asked there. Raises CouldNotLook, OSError; ValueError for no such protocol."""
    if led(path, written):
        raise CouldNotLook(what, "refused", "the socket, or a link to it, lies where this program writes")
    if speaks == "docker":
        if not _dockers(path):
            raise CouldNotLook(what, "refused", "no docker context names this socket", "`places` lists the contexts")
        there = socket.socket(socket.AF_UNIX)
        try:
            there.settimeout(limits.timeout_s)
            there.connect(path)
        except BaseException:
            there.close()
            raise
        return there, docker_request
    from mcp_server.targets.wire import Wire

    passes = {"http": docker_request if _dockers(path) else http_request, "redis": redis_request, "nothing": None}
    if speaks not in passes:
        raise ValueError(speaks)
    return Wire(what, limits.timeout_s, limits).unix_directly(path, policy), passes[speaks]


def _dockers(path: str) -> bool:
    """Whether a context of docker names this very socket, or another name of it."""
    from mcp_server.targets.docker_contexts import contexts

    names = [item.url.removeprefix("unix://") for item in contexts()[0].values() if item.url.startswith("unix://")]
    return os.path.realpath(path) in {os.path.realpath("/" + name.lstrip("/")) for name in names}


def docker_request(request: bytes) -> bytes | None:
    """A read of a docker daemon, written anew."""
    found = _taken_apart(request)
    if found is None or found[0] != "GET" or not is_read(found[1].partition("?")[0]):
        return None
    return _written(*found[:2], "docker", "application/json, */*")


def http_request(request: bytes) -> bytes | None:
    """GET or HEAD, written anew."""
    found = _taken_apart(request)
    return None if found is None else _written(*found, "*/*")


def redis_request(request: bytes) -> bytes | None:
    """`INFO` and nothing else."""
    return request if request == b"INFO\r\n" else None


def _taken_apart(request: bytes) -> tuple[str, str, str] | None:
    """Method, target and host of a request without a body; None for anything that is not plainly one."""
    try:
        text = request.decode("ascii")
    except UnicodeDecodeError:
        return None
    if not text.endswith("\r\n\r\n"):
        return None
    first, *rows = text[:-4].split("\r\n")
    line, host = _LINE.fullmatch(first), "localhost"
    if line is None:
        return None
    for row in rows:
        field = _FIELD.fullmatch(row)
        if field is None:
            return None
        name, value = field[1].lower(), field[2].strip()
        if name in _NOT_IN_A_LOOK or (name == "content-length" and value != "0") or "upgrade" in value.lower():
            return None
        if name == "host":
            if not _HOST.fullmatch(value):
                return None
            host = value
    return line[1], line[2], host


def _written(method: str, target: str, host: str, accept: str) -> bytes:
    from mcp_server import __version__

    return (
        f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: veteran/{__version__}\r\nAccept: {accept}\r\n"
        "Accept-Encoding: identity\r\nConnection: close\r\n\r\n"
    ).encode("ascii")


def pass_on(asker: socket.socket, there: socket.socket, passes: Passes | None) -> None:
    """Wait for one question, put it, and pass the answer back until either side ends. Raises OSError when one breaks."""
    asker.settimeout(None)
    there.settimeout(None)
    request = b""
    while b"\n" not in request or (passes is not redis_request and b"\r\n\r\n" not in request):
        part = asker.recv(_PIECE)
        if not part or passes is None or len(request) + len(part) > _HEAD:
            return
        request += part
    question = passes(request) if passes is not None else None
    if question is None:
        return
    there.sendall(question)
    poller = select.poll()
    poller.register(asker, select.POLLIN | select.POLLRDHUP)
    poller.register(there, select.POLLIN)
    while True:
        if any(number == asker.fileno() for number, _ in poller.poll()):
            return  # gone, or it says more than one question
        piece = there.recv(_PIECE)
        if not piece:
            return
        asker.sendall(piece)
