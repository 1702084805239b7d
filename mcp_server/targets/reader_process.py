"""The reader: the process that runs commands and opens sockets of this host for the locked server.

It believes nothing. What it was told before the server could be taken over (the policy of what may be read, what the server
can write) it got by being forked; a request names a command, a question to PostgreSQL, or a socket, never a rule. Each is
judged here by the same tables as everywhere, and done by the same code, each in a thread of its own; when the asker hangs up,
for whatever reason, the command and all its children are ended. It ends when the server does.

    {"do": "command", "argv": ["systemctl", "status", "shop"], "timeout_s": 10, "max_bytes": 1048576}
    {"do": "postgres", "call": {…ReadPostgres…}, "timeout_s": 10, "max_bytes": 1048576}
    {"do": "line", "what": "docker daemon", "speaks": "docker", "path": "/var/run/docker.sock", "timeout_s": 5}

With each request comes one descriptor, a stream on which the answer goes out: a line of JSON, then the bytes it announces, or
for a line what `reader_relay.py` lets through. Anything else is closed without an answer.
"""

import gc
import json
import math
import os
import select
import socket
import stat
import threading
import time
from collections.abc import Sequence
from typing import Any

from mcp_server.core.errors import Cancelled, CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.core.text import one_line
from mcp_server.targets.reader_line import FRAME
from mcp_server.targets.streams import Streams

AT_ONCE = 256
"""Requests at work; further ones are told so."""
_MOST_S, _MOST_BYTES = 600.0, 67_108_864
_LAST_S = 4.0


class _HungUp(threading.Event):
    """Set once the asker is gone: its end is closed, or half of it. It has nothing more to say."""

    def __init__(self, line: socket.socket) -> None:
        super().__init__()
        self._poller = select.poll()
        self._poller.register(line, select.POLLIN | select.POLLRDHUP)

    def is_set(self) -> bool:
        return super().is_set() or bool(self._poller.poll(0))


def serve(number: int, written: Sequence[str], policy: ReadSettings) -> None:
    """Answer the requests on this socket until nobody can send any more, and all that was begun is ended."""
    gc.enable()
    gc.freeze()
    free, working = threading.BoundedSemaphore(AT_ONCE), set[_Work]()
    requests = socket.socket(fileno=number)
    ended = select.poll()
    ended.register(requests, select.POLLRDHUP)
    while True:
        try:
            frame, files, flags, _ = socket.recv_fds(requests, FRAME, 8, socket.MSG_CMSG_CLOEXEC)
        except OSError:
            if ended.poll(0):
                break
            continue
        lines = _streams(files)
        if not frame and not lines and ended.poll(0):
            break
        if len(lines) != 1 or flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
            for line in lines:
                line.close()
            continue
        if not free.acquire(blocking=False):
            _busy(lines[0])
            continue
        work = _Work(lines[0], frame, written, policy, free, working)
        working.add(work)
        work.start()
    until = time.monotonic() + _LAST_S
    for work in list(working):  # their askers are gone with the server: each is about to end
        work.join(max(0.0, until - time.monotonic()))


def _streams(files: Sequence[int]) -> list[socket.socket]:
    """Ends of streams; whatever else was sent is closed. (The requests' own socket among it: we would never see its end.)"""
    found = []
    for file in files:
        if stat.S_ISSOCK(os.fstat(file).st_mode):
            line = socket.socket(fileno=file)
            if (line.family, line.type) == (socket.AF_UNIX, socket.SOCK_STREAM):
                found.append(line)
            else:
                line.close()
        else:
            os.close(file)
    return found


def _busy(line: socket.socket) -> None:
    with line:
        line.setblocking(False)
        _say(line, CouldNotLook("the reader", "failed", f"{AT_ONCE} looks are under way already", "ask again"))


class _Work(threading.Thread):
    """One request."""

    def __init__(
        self, line: socket.socket, frame: bytes, written: Sequence[str], policy: ReadSettings, free: threading.Semaphore,
        working: "set[_Work]",
    ) -> None:  # fmt: skip
        super().__init__(daemon=True)
        self._line, self._frame, self._written, self._policy = line, frame, written, policy
        self._free, self._working = free, working

    def run(self) -> None:
        try:
            with self._line:
                self._answer()
        except OSError:  # nobody listens any more
            return
        finally:
            self._working.discard(self)
            self._free.release()

    def _answer(self) -> None:
        try:
            request = json.loads(self._frame)
            done = request["do"]
            if done == "line":
                self._open(**{key: value for key, value in request.items() if key != "do"})
                return
            limits = Limits(_number(request["timeout_s"], _MOST_S), int(_number(request["max_bytes"], _MOST_BYTES)))
            limits.cancel = _HungUp(self._line)
            answer = self._command(request["argv"], limits) if done == "command" else self._postgres(request["call"], limits)
        except CouldNotLook as failure:
            _say(self._line, failure)
        except Cancelled:
            self._line.sendall(b'{"cancelled": true}\n')
        except (ValueError, TypeError, KeyError, RecursionError):
            return  # no request of ours
        else:
            head = {"exit": answer.exit, "out": len(answer.out), "err": len(answer.err), "full": answer.full}
            self._line.sendall(json.dumps(head).encode() + b"\n")
            self._line.sendall(answer.out)
            self._line.sendall(answer.err)

    def _command(self, argv: Any, limits: Limits) -> Streams:
        from mcp_server.targets.command import judged, streams_of
        from mcp_server.targets.reader_paths import why_not_ours

        if not isinstance(argv, list) or not argv or not all(isinstance(word, str) for word in argv):
            raise ValueError("no command line")
        words, what = tuple(argv), one_line(" ".join(argv))
        program = judged(words, self._policy)
        if sentence := why_not_ours(words, program, self._written):
            raise CouldNotLook(what, "refused", sentence)
        return streams_of(what, program, words, limits)

    def _postgres(self, asked: Any, limits: Limits) -> Streams:
        from mcp_server.core.store_calls import ReadPostgres
        from mcp_server.targets.command import streams_of
        from mcp_server.targets.postgres import command_of

        call = ReadPostgres.model_validate(asked)
        return streams_of(call.title(), *command_of(call), limits)

    def _open(self, what: str, speaks: str, path: str, timeout_s: float) -> None:
        """A line to a socket: connect, say so, then let one question through."""
        from mcp_server.targets.reader_relay import opened, pass_on

        if not all(isinstance(text, str) for text in (what, speaks, path)):
            raise ValueError("no line")
        limits = Limits(_number(timeout_s, _MOST_S))
        try:
            there, passes = opened(what, speaks, path, limits, self._policy, self._written)
        except CouldNotLook as failure:
            _say(self._line, failure)
            return
        except OSError as error:
            import errno

            self._line.sendall(json.dumps({"errno": error.errno or errno.ETIMEDOUT}).encode() + b"\n")
            return
        with there:
            self._line.sendall(b"{}\n")
            pass_on(self._line, there, passes)


def _number(value: Any, most: float) -> float:
    if not isinstance(value, int | float) or math.isnan(value):
        raise ValueError("no limit")
    return min(max(float(value), 0.001), most)


def _say(line: socket.socket, failure: CouldNotLook) -> None:
    told = {"what": failure.what, "reason": failure.reason, "detail": failure.detail, "remedy": failure.remedy}
    line.sendall(json.dumps(told).encode() + b"\n")
