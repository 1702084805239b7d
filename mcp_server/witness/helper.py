"""A process of this program that the witness starts: unlocked, with its own memory, spoken to in lines."""

import contextlib
import json
import os
import select
import signal
import sys
import time
from typing import Any

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_START = (
    "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); "
    "runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"
)
LINE_BYTES = 1 << 20


def command(module: str, *arguments: str) -> list[str]:
    """argv that runs a module of this very program; a folder that the caller happens to stand in does not count."""
    return [sys.executable, "-P", "-c", _START, ROOT, module, *arguments]


class Helper:
    """One such process: `say` a line, wait for a `line` of JSON, `end` it. Not for several threads at once."""

    def __init__(self, module: str, *arguments: str) -> None:
        theirs_in, ours_in = os.pipe()
        ours_out, theirs_out = os.pipe()
        argv = command(module, *arguments)
        actions = [(os.POSIX_SPAWN_DUP2, theirs_in, 0), (os.POSIX_SPAWN_DUP2, theirs_out, 1)]
        self.pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=actions, setsid=True, setsigmask=())
        os.close(theirs_in)
        os.close(theirs_out)
        self._in, self._out, self._waiting, self._over = ours_in, ours_out, b"", False

    def line(self, seconds: float) -> dict[str, Any]:
        """The next line's JSON object; an empty one when none came in time, or something else did."""
        until = time.monotonic() + seconds
        poller = select.poll()
        poller.register(self._out, select.POLLIN)
        while b"\n" not in self._waiting:
            left = until - time.monotonic()
            if left <= 0 or not poller.poll(left * 1000):
                return {}
            data = os.read(self._out, 1 << 16)
            if not data or len(self._waiting) > LINE_BYTES:
                return {}
            self._waiting += data
        line, _, self._waiting = self._waiting.partition(b"\n")
        try:
            said = json.loads(line)
        except ValueError:
            return {}
        return said if isinstance(said, dict) else {}

    def say(self, text: str) -> None:
        """Write one short line; a process that is gone does not hear it."""
        with contextlib.suppress(OSError):
            os.write(self._in, text.encode() + b"\n")

    def end(self) -> None:
        """End and reap it, once."""
        if self._over:
            return
        self._over = True
        os.close(self._in)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._out)
