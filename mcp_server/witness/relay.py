"""Lines from the client to the server and back, until either goes away. What happens in between is none of its business.

A thread each way, blocked in one read: nothing is polled, and a line costs one read and one write more than without.
Nobody waits for the dead: when the client leaves, the server is told and given `STOP_S`; when the server ends, its last
lines are passed on and the witness ends with its status; when the witness is killed, the kernel ends the server.
"""

import ctypes
import os
import signal
import sys
import threading
from typing import NoReturn

from mcp_server.witness import hatch
from mcp_server.witness.dialogs import FROM_CLIENT, FROM_SERVER, Dialogs, Look
from mcp_server.witness.front import STOP_S

_PIECE = 1 << 18
LOOKED_INTO = 1 << 20
"""Bytes of a server's line beyond which it is passed on unseen: what is not seen is no approval."""
_NOT_READABLE = 4
"""PR_SET_DUMPABLE: with 0, a process without privileges cannot look into this one's memory."""
_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Outlet:
    """One end that several threads write to, a whole line at a time. A closed one swallows what comes."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.turn = threading.Lock()
        self.closed = False

    def write(self, data: bytes) -> None:
        """Within `turn`: all of the bytes, or none where nobody reads any more."""
        view = memoryview(data)
        while view and not self.closed:
            try:
                view = view[os.write(self._number, view) :]
            except OSError:  # the reader is gone
                self.close()

    def line(self, data: bytes) -> None:
        """A line of our own, between two others."""
        with self.turn:
            self.write(data)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            os.close(self._number)


class Relay:
    """The witness at work. `serve` never returns."""

    def __init__(self, server: int, *, to_server: int, from_server: int, requests: int, answers: int) -> None:
        self._server, self._from_server = server, from_server
        self._to_server, self._to_client = Outlet(to_server), Outlet(1)
        self._requests, self._answers = requests, answers
        self._drained, self._ended = threading.Event(), threading.Event()
        self._status = 0
        self._dialogs = Dialogs(self._to_server.line, self._to_client.line)

    def serve(self) -> NoReturn:
        """Pass lines on until one side ends, then end with the server's status."""
        _hide()
        # taken from a queue, in every thread: a handler would run only when the read that this thread is blocked in has
        # returned, and a signal that comes just before the read does not interrupt it
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
        for work in (self._signals, self._watch, self._towards_client, self._hatch):
            threading.Thread(target=work, daemon=True).start()
        _pass(0, self._to_server, self._dialogs, FROM_CLIENT)
        with self._to_server.turn:
            self._to_server.close()
        if not self._ended.wait(STOP_S):
            self._end(signal.SIGTERM)
        self._leave()

    def _watch(self) -> None:
        # not reaped: so its number stays its own until we leave
        end = os.waitid(os.P_PID, self._server, os.WEXITED | os.WNOWAIT)
        if end is not None:
            self._status = end.si_status if end.si_code == os.CLD_EXITED else 128 + end.si_status
        self._ended.set()
        self._leave()

    def _towards_client(self) -> None:
        _pass(self._from_server, self._to_client, self._dialogs, FROM_SERVER)
        self._drained.set()
        if self._to_client.closed:
            self._end(signal.SIGTERM)
        self._leave()

    def _hatch(self) -> None:
        hatch.serve(self._requests, self._answers)

    def _signals(self) -> None:
        """A signal to us is meant for the server; one that does not obey is ended."""
        while True:
            self._end(signal.sigwait(_STOPPING))
            threading.Thread(target=self._leave, daemon=True).start()  # not here: another signal may follow

    def _end(self, number: int) -> None:
        if not self._ended.is_set():
            os.kill(self._server, number)

    def _leave(self) -> NoReturn:
        """Leave with the server's status, and with all that it said, if the client still reads."""
        if not self._ended.wait(STOP_S):
            self._end(signal.SIGKILL)
            self._ended.wait(STOP_S)
        self._drained.wait(STOP_S)
        os._exit(self._status)


def _pass(source: int, outlet: Outlet, dialogs: Dialogs, direction: int) -> None:
    """Pass everything from `source` on until its end. Lines in which the direction's mark is found are held, whole, and
    what `dialogs` makes of them is passed on instead; all others are not looked into."""
    mark, look = dialogs.marks[direction], dialogs.looks[direction]
    held: list[bytes] = []
    size, inside = 0, False  # bytes held; in the middle of a line that is passed on unseen
    try:
        while not outlet.closed and (piece := _read(source)):
            if inside:
                end = piece.find(b"\n") + 1
                outlet.write(piece[: end or len(piece)])
                if not end:
                    continue
                inside = False
                outlet.turn.release()
                piece = piece[end:]
            end = piece.rfind(b"\n") + 1
            if end:
                held.append(piece[:end])
                whole = held[0] if len(held) == 1 else b"".join(held)
                held, size = [], 0
                outlet.line(whole if mark not in whole else b"".join(_seen(whole, mark, look)))
                piece = piece[end:]
            if piece:
                held.append(piece)
                size += len(piece)
            # a client's line may be an answer that we wait for: then it is held, however long
            if size > LOOKED_INTO and not (direction == FROM_CLIENT and dialogs.waiting):
                outlet.turn.acquire()
                inside = True
                outlet.write(b"".join(held))
                held, size = [], 0
        if held:  # the end came in the middle of a line
            outlet.line(b"".join(held))
    finally:
        if inside:
            outlet.turn.release()


def _seen(whole: bytes, mark: bytes, look: Look) -> list[bytes]:
    return [look(line) if mark in line else line + b"\n" for line in whole.split(b"\n")[:-1]]


def _read(source: int) -> bytes:
    try:
        return os.read(source, _PIECE)
    except OSError:  # a terminal that hung up, a descriptor that cannot be read
        return b""


def _hide() -> None:
    """Keep others of this account out of this process's memory, where what makes a dialog's answer genuine is kept."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_NOT_READABLE, 0, 0, 0, 0)
