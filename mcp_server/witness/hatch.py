"""The hatch: the one thing that the server can have done by somebody who may write, `execute PLAN`.

A request is a plan's number and a label for the answers; nothing else is accepted. The executor process decides by itself,
from its own ledger, whether that plan may be carried out. It belongs to nobody's session: once begun it ends what it
began, also when the server or the client is gone. What it says is passed back as far as somebody listens.
"""

import os
import re
import select
import threading
import time

from mcp_server.witness.helper import command

_REQUEST = re.compile(rb"execute (P[1-9][0-9]{0,11}) ([0-9]{1,9})")
_EXECUTOR = "mcp_server.executor"
AT_ONCE = 8
"""Executors at the same time; further requests are turned away with status `BUSY`."""
BUSY = 75
_MESSAGE = 4_000
"""Bytes of one line passed back: below what a pipe takes in one piece (PIPE_BUF)."""
_LAST_WORD_S = 10.0


def serve(requests: int, answers: int) -> None:
    """Answer requests until their pipe ends. Answers are lines `LABEL + TEXT`, with `LABEL ~ TEXT` for what comes
    before the last piece of a long one, and as the last `LABEL = STATUS`."""
    os.set_blocking(answers, False)
    running = threading.Semaphore(AT_ONCE)
    waiting = b""
    while piece := os.read(requests, 4_096):
        *lines, waiting = (waiting + piece).split(b"\n")
        waiting = waiting[-64:]  # a request is shorter
        for line in lines:
            if found := _REQUEST.fullmatch(line):
                threading.Thread(target=_execute, args=(answers, running, *found.groups()), daemon=True).start()


def _execute(answers: int, running: threading.Semaphore, plan: bytes, label: bytes) -> None:
    if not running.acquire(blocking=False):
        _answer(answers, b"%s = %d\n" % (label, BUSY), _LAST_WORD_S)
        return
    try:
        nothing, (ours, theirs) = os.open(os.devnull, os.O_RDONLY), os.pipe()
        argv = command(_EXECUTOR, plan.decode())
        actions = [(os.POSIX_SPAWN_DUP2, nothing, 0), (os.POSIX_SPAWN_DUP2, theirs, 1)]
        pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=actions, setsid=True, setsigmask=())
        os.close(nothing)
        os.close(theirs)
        with open(ours, "rb") as said:
            for line in said:
                _tell(answers, label, line.rstrip(b"\n"))
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        _answer(answers, b"%s = %d\n" % (label, status), _LAST_WORD_S)
    finally:
        running.release()


def _tell(answers: int, label: bytes, line: bytes) -> None:
    """One line of the executor, in pieces where it is long. Its result is waited for; other lines only if there is room."""
    seconds = _LAST_WORD_S if b'"result"' in line or len(line) > _MESSAGE else 0.0
    while len(line) > _MESSAGE:
        if not _answer(answers, b"%s ~ %s\n" % (label, line[:_MESSAGE]), seconds):
            return
        line = line[_MESSAGE:]
    _answer(answers, b"%s + %s\n" % (label, line), seconds)


def _answer(answers: int, message: bytes, seconds: float) -> bool:
    """Whole or not at all (False): somebody who does not listen must not hold up an executor."""
    until = time.monotonic() + seconds
    while True:
        try:
            os.write(answers, message)
        except BlockingIOError:
            left = until - time.monotonic()
            if left <= 0:
                return False
            poller = select.poll()
            poller.register(answers, select.POLLOUT)
            poller.poll(left * 1000)
            continue
        except OSError:
            return False  # the server is gone; the executor goes on
        return True
