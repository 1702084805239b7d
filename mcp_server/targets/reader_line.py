"""Asking the reader: the locked server's side of the line, and the reader's start.

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
import fcntl
import json
import os
import select
import signal
import socket
import stat
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, NoReturn, cast

from mcp_server.core.calls import Completed
from mcp_server.core.errors import Cancelled, CouldNotLook, Reason
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings

Speaks = Literal["docker", "http", "redis", "nothing"]
"""What is said over a socket: GET of Docker's list; GET or HEAD; `INFO`; nothing, it is only seen whether somebody accepts."""
FRAME = 65_536
"""Bytes of one request."""
_STEP_S, _GRACE_S, _SEND_S, _END_S = 0.05, 5.0, 5.0, 3.0
_STATUS = 4_096


class _Line:
    """This process's end; it belongs to the process as the lock does."""

    requests: socket.socket | None = None
    pid = 0
    written: Sequence[str] = ()


def is_there() -> bool:
    """Whether looks of this process go through a reader; also when it is dead by now."""
    return _Line.requests is not None


def reader_pid() -> int:
    """The reader's process number; 0 when there is none."""
    return _Line.pid


def written() -> Sequence[str]:
    """What this process can write, as real paths; the reader was told the same."""
    return _Line.written


def start(folders: Sequence[str], policy: ReadSettings, bind: Callable[[], None]) -> None:
    """Fork the reader, before any thread is started. `folders` are those that this process will be able to write; `bind` is
    called in the reader, and binds it further. Raises OSError."""
    written = _what_is_written(folders)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        _become(theirs, written, policy, bind)
    theirs.close()
    ours.settimeout(_SEND_S)
    _Line.pid, _Line.requests, _Line.written = pid, ours, written


def stop() -> None:
    """End the reader and forget it: for tests, which need no lock."""
    if _Line.requests is not None:
        _Line.requests.close()
        _Line.requests = None
        os.waitpid(_Line.pid, 0)
        _Line.pid = 0


def _what_is_written(folders: Sequence[str]) -> tuple[str, ...]:
    """Real paths of these folders and of every file that this process has open for writing: what the server will write."""
    found = [os.path.realpath(folder) for folder in folders]
    for name in os.listdir("/proc/self/fd"):
        try:
            writes = fcntl.fcntl(int(name), fcntl.F_GETFL) & (os.O_WRONLY | os.O_RDWR)
            if writes and stat.S_ISREG(os.fstat(int(name)).st_mode):
                found.append(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:  # the listing's own descriptor
            continue
    return tuple(dict.fromkeys(found))


def _become(theirs: socket.socket, written: Sequence[str], policy: ReadSettings, bind: Callable[[], None]) -> NoReturn:
    """Forget everything inherited, and serve."""
    try:
        for polite in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # it ends when its parent does; not SIG_IGN, which the commands would inherit
            signal.signal(polite, lambda *_: None)
        os.setsid()  # a Ctrl-C is meant for the script
        bind()
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(theirs.fileno(), 3)
        for number in (0, 1, 2):
            os.dup2(nothing, number)
        os.closerange(4, os.sysconf("SC_OPEN_MAX"))
        theirs.detach()
        from mcp_server.targets.reader_paths import settings_apart_from
        from mcp_server.targets.reader_process import serve

        settings_apart_from(written)
        serve(3, written, policy)
    finally:
        os._exit(0)


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
    if _Line.requests is None:
        raise _gone(what)
    frame = json.dumps(request).encode()
    if len(frame) > FRAME:
        raise CouldNotLook(what, "refused", f"a request to the reader has at most {FRAME:,} bytes")
    ours, theirs = socket.socketpair()
    try:
        socket.send_fds(_Line.requests, [frame], [theirs.fileno()])
    except OSError:
        ours.close()
        raise _gone(what) from None
    finally:
        theirs.close()
    return ours


def _completed(what: str, line: socket.socket, limits: Limits) -> Completed:
    with line:
        data = _whole(what, line, limits)
    head, _, text = data.partition(b"\n")
    try:
        answer = json.loads(head)
    except ValueError:
        raise _gone(what) from None
    _raise(answer)
    out, err = answer["out"], answer["err"]
    if len(text) != out + err:
        raise _gone(what)
    return Completed(exit=answer["exit"], out=text[:out].decode(), err=text[out:].decode(), cut=answer["cut"])


def _whole(what: str, line: socket.socket, limits: Limits) -> bytes:
    """Everything until the reader hangs up. To cancel, we hang up: it answers by ending the command, then its end."""
    poller, data = select.poll(), bytearray()
    poller.register(line, select.POLLIN)
    until, most = time.monotonic() + limits.timeout_s + _GRACE_S, 8 * limits.max_bytes + FRAME
    while True:
        if limits.cancel.is_set():
            _hang_up(line)
            raise Cancelled("cancelled; the command was ended")
        if poller.poll(_STEP_S * 1000):
            try:
                part = line.recv(1 << 18)
            except OSError:
                raise _gone(what) from None
            if not part:
                return bytes(data)
            data += part
        elif time.monotonic() > until:
            raise CouldNotLook(what, "timed_out", f"the reader gave no answer within {limits.timeout_s:g} s", "start anew")
        if len(data) > most:
            raise CouldNotLook(what, "failed", "the reader's answer is longer than it may be", "start anew")


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
