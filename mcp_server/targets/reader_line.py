"""Asking the reader: the locked server's side of the line (`reader_start.py` forks it).

Three processes, and who may do what:

- the *witness* (`witness/front.py`) stands before the server; it alone starts the executor, and is not locked;
- the *server* (or a script) reads untrusted text. It writes only beneath the state folder, has no capability that changes
  anything, and no way to a socket of this host: not Docker's, not the service manager's, nobody's (`confinement.py`);
- the *reader* (`reader_process.py`) runs commands that the read table knows and opens sockets of this host, as the account
  may, and can write to no file at all. It is forked from the server before the server gives up the rest, believes nothing
  it is told, and reads no text but requests.

The server names a command, or a socket and the protocol spoken there; the reader decides by itself whether that is a look.
Whoever takes over the server can ask the reader too, and gets what a look gets. Where there is no reader (tests, a system
without Landlock, the executor) everything is done directly. Where it was, and died, nothing is: that is a blind spot.
"""

import errno
import json
import os
import select
import socket
import time
from collections.abc import Sequence
from typing import Any, Literal, cast

from mcp_server.core.calls import Completed
from mcp_server.core.errors import Cancelled, CouldNotLook, Reason
from mcp_server.core.reader import Limits

Speaks = Literal["docker", "http", "redis", "nothing"]
"""What is said over a socket: GET of Docker's list; GET or HEAD; `INFO`; nothing, it is only seen whether somebody accepts."""
FRAME = 65_536
"""Bytes of one request."""
_STEP_S, _GRACE_S, _END_S = 0.05, 5.0, 3.0
_STATUS = 4_096


class Line:
    """This process's end; it belongs to the process as the lock does."""

    requests: socket.socket | None = None
    pid = 0
    written: Sequence[str] = ()


def is_there() -> bool:
    """Whether looks of this process go through a reader; also when it is dead by now."""
    return Line.requests is not None


def reader_pid() -> int:
    """The reader's process number; 0 when there is none."""
    return Line.pid


def written() -> Sequence[str]:
    """What this process can write, as real paths; the reader was told the same."""
    return Line.written


# --- what is asked --------------------------------------------------------------------------------------------------


def command(what: str, argv: Sequence[str], limits: Limits) -> Completed:
    """A command that the read table knows. Raises CouldNotLook as `command.look` does, also when the reader is gone;
    Cancelled, once the command and all its children have ended."""
    return _completed(what, _ask(what, {"do": "command", "argv": list(argv), **_bounds(limits)}), limits)


def postgres(what: str, asked: dict[str, Any], limits: Limits) -> Completed:
    """The one question to a PostgreSQL server, by psql. Raises as `command`."""
    return _completed(what, _ask(what, {"do": "postgres", "call": asked, **_bounds(limits)}), limits)


def connected(what: str, speaks: Speaks, path: str, seconds: float) -> socket.socket:
    """A line to a socket of this host, over which only this protocol's questions pass, one for each line.

    Raises CouldNotLook, and OSError as connecting does.
    """
    line = _ask(what, {"do": "line", "what": what, "speaks": speaks, "path": path, "timeout_s": seconds})
    try:
        line.settimeout(seconds + _GRACE_S)
        data = b""
        while not data.endswith(b"\n"):
            part = line.recv(_STATUS)
            if not part:
                raise _gone(what)
            data += part
        status = json.loads(data)
        if number := status.get("errno"):
            raise OSError(number, os.strerror(number))
        _raise(status)
        line.settimeout(seconds)
    except TimeoutError:
        line.close()
        raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)) from None
    except BaseException:
        line.close()
        raise
    return line


def _bounds(limits: Limits) -> dict[str, float | int]:
    return {"timeout_s": limits.timeout_s, "max_bytes": limits.max_bytes}


def _ask(what: str, request: dict[str, Any]) -> socket.socket:
    """Send a request with one end of a new stream; the other end is returned. Raises CouldNotLook."""
    if Line.requests is None:
        raise _gone(what)
    frame = json.dumps(request).encode()
    if len(frame) > FRAME:
        raise CouldNotLook(what, "refused", f"a request to the reader has at most {FRAME:,} bytes")
    ours, theirs = socket.socketpair()
    try:
        socket.send_fds(Line.requests, [frame], [theirs.fileno()])
    except OSError:
        ours.close()
        raise _gone(what) from None
    finally:
        theirs.close()
    return ours


def _completed(what: str, line: socket.socket, limits: Limits) -> Completed:
    from mcp_server.targets.streams import Streams, completed

    until = time.monotonic() + limits.timeout_s + _GRACE_S
    with line:
        room, begun = bytearray(_STATUS), b""
        while b"\n" not in begun:
            size = _received(what, line, memoryview(room), limits, until)
            if not size or len(begun) > FRAME:
                raise _gone(what)
            begun += room[:size]
        first, _, text = begun.partition(b"\n")
        answer = json.loads(first)
        _raise(answer)
        out, err = answer["out"], answer["err"]
        if len(text) > out + err or max(out, err) > limits.max_bytes + 2 * FRAME:
            raise CouldNotLook(what, "failed", "the reader's answer is longer than it may be", "start anew")
        whole = bytearray(out + err)
        whole[: len(text)] = text
        view, size = memoryview(whole), len(text)
        while size < len(whole):
            part = _received(what, line, view[size:], limits, until)
            if not part:
                raise _gone(what)
            size += part
    return completed(Streams(answer["exit"], view[:out], view[out:], answer["full"]), limits.max_bytes)


def _received(what: str, line: socket.socket, room: memoryview, limits: Limits, until: float) -> int:
    """Bytes that came, 0 at the end. To cancel, we hang up: the reader answers by ending the command, then its end."""
    poller = select.poll()
    poller.register(line, select.POLLIN)
    while True:
        if limits.cancel.is_set():
            _hang_up(line)
            raise Cancelled("cancelled; the command was ended")
        if poller.poll(_STEP_S * 1000):
            break
        if time.monotonic() > until:
            raise CouldNotLook(what, "timed_out", f"the reader gave no answer within {limits.timeout_s:g} s", "start anew")
    try:
        return line.recv_into(room)
    except OSError:
        raise _gone(what) from None


def _hang_up(line: socket.socket) -> None:
    try:
        line.shutdown(socket.SHUT_WR)
        line.settimeout(_END_S)
        while line.recv(1 << 18):
            pass
    except OSError:  # stuck in the kernel, on a dead mount: nobody waits for that
        return


def _raise(answer: dict[str, Any]) -> None:
    if reason := answer.get("reason"):
        failure = CouldNotLook(answer["what"], cast(Reason, reason), answer["detail"])
        failure.remedy = answer["remedy"]
        raise failure
    if answer.get("cancelled"):
        raise Cancelled("cancelled; the command was ended")


def _gone(what: str) -> CouldNotLook:
    return CouldNotLook(
        what, "failed", "the reader, the process that runs commands for this one, has ended: nothing was seen", "start anew"
    )
