"""Having a plan executed: by the executor process, through the hatch. This process itself holds no writer.

The hatch was opened before the kernel's lock (`witness/front.py` for the server; `open_hatch` for a script). Through it
goes a plan's number and nothing else; what comes back is what the executor says, line by line, and its exit status.
"""

import itertools
import os
import queue
import threading
from collections.abc import Callable

from mcp_server.core.errors import Broken
from mcp_server.witness import hatch
from mcp_server.witness.front import Hatch

BUSY = hatch.BUSY
"""Status when too many executors are at work."""


class _Line:
    """This process's end; it belongs to the process as the lock does."""

    ends: Hatch | None = None
    waiting: dict[str, "queue.SimpleQueue[tuple[str, str]]"] = {}
    labels = itertools.count(1)
    turn = threading.Lock()
    reader: threading.Thread | None = None


def connect(ends: Hatch | None) -> None:
    """Use these ends from now on."""
    _Line.ends = ends


def open_hatch() -> None:
    """Fork a process that keeps the hatch, unless there is one. Before the lock, and before any thread is started."""
    if _Line.ends is not None or not hasattr(os, "fork"):
        return
    requests, answers = os.pipe(), os.pipe()
    if os.fork() == 0:
        try:
            os.close(requests[1])
            os.close(answers[0])
            os.setsid()  # a Ctrl-C is meant for the script
            hatch.serve(requests[0], answers[1])
        finally:
            os._exit(0)
    os.close(requests[0])
    os.close(answers[1])
    connect(Hatch(requests[1], answers[0]))


def is_open() -> bool:
    """Whether an executor can be had."""
    return _Line.ends is not None


def execute(plan: str, on_line: Callable[[str], None]) -> int:
    """Have the plan executed; each line that the executor prints goes to `on_line`. Returns its exit status, negative for
    one that was ended by a signal. Raises Broken when there is no hatch, or it is gone."""
    if _Line.ends is None:
        raise Broken("there is no way to the executor from this process", "run scripts/incident_response/execute.py")
    label, heard = str(next(_Line.labels)), queue.SimpleQueue[tuple[str, str]]()
    with _Line.turn:
        _Line.waiting[label] = heard
        if _Line.reader is None:
            _Line.reader = threading.Thread(target=_listen, args=(_Line.ends.answers,), daemon=True, name="hatch")
            _Line.reader.start()
    try:
        os.write(_Line.ends.requests, f"execute {plan} {label}\n".encode())
        begun = ""
        while True:
            kind, text = heard.get()
            if kind == "=":
                return int(text)
            if kind == "!":
                raise Broken("the executor's pipe is gone", "see action_status: what was begun is finished all the same")
            begun += text
            if kind == "+":
                on_line(begun.encode("utf8", "surrogateescape").decode("utf8", "replace"))  # a piece may end inside a letter
                begun = ""
    except BrokenPipeError:
        raise Broken("the executor's pipe is gone", "start the server again") from None
    finally:
        with _Line.turn:
            _Line.waiting.pop(label, None)


def _listen(answers: int) -> None:
    with open(answers, "rb", closefd=False) as lines:
        for line in lines:
            label, kind, text = line.rstrip(b"\n").decode("utf8", "surrogateescape").split(" ", 2)
            with _Line.turn:
                heard = _Line.waiting.get(label)
            if heard is not None:
                heard.put((kind, text))
    with _Line.turn:
        for heard in _Line.waiting.values():
            heard.put(("!", ""))
