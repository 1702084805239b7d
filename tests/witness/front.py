"""A server of a few lines behind the real witness, so that the witness alone is what is tested."""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ECHO = """
import os, sys
sys.path.insert(0, {root!r})
{before}
from mcp_server.witness.front import step_behind
hatch = step_behind()
out = os.fdopen(1, "wb", buffering=0)
def say(line):
    out.write(line)
def lines():
    with os.fdopen(0, "rb") as incoming:
        yield from incoming
{body}
"""


class Front:
    """The witness with a server whose life is `body`; lines in, lines out."""

    def __init__(self, body: str = "for line in lines(): say(line)", before: str = "", listen: bool = True, **env: str) -> None:
        code = ECHO.format(root=str(ROOT), body=body, before=before)
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=dict(os.environ) | env, bufsize=0,
        )  # fmt: skip
        self.lines = queue.Queue[bytes]()
        self._reader = threading.Thread(target=self._read, daemon=True)
        if listen:
            self._reader.start()
        self._end: tuple[int, bytes] | None = None

    def _read(self) -> None:
        with os.fdopen(os.dup(self.process.stdout.fileno()), "rb") as stdout:
            for line in stdout:
                self.lines.put(line)

    def server(self) -> int:
        """Number of the process behind the witness."""
        until = time.monotonic() + 10
        while time.monotonic() < until:
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            if children:
                return int(children[0])
        raise AssertionError("no server was forked")

    def send(self, message: bytes | dict[str, Any]) -> None:
        data = message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n"
        view = memoryview(data)
        while view:
            view = view[os.write(self.process.stdin.fileno(), view) :]

    def line(self, seconds: float = 20) -> bytes:
        return self.lines.get(timeout=seconds)

    def message(self, seconds: float = 20) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.line(seconds))
        return message

    def end(self) -> tuple[int, bytes]:
        """Close stdin; status and stderr."""
        if self._end is None:
            self.process.stdin.close()
            status = self.process.wait(20)
            if self._reader.ident:
                self._reader.join(5)
            self.process.stdout.close()
            with self.process.stderr:
                self._end = status, self.process.stderr.read()
        return self._end


@contextmanager
def front(body: str = "for line in lines(): say(line)", before: str = "", **more: Any) -> Iterator[Front]:
    started = Front(body, before, **more)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.process.kill()
        started.end()


def gone(pid: int) -> bool:
    """Whether the process has ended (or is only waiting to be reaped by process 1)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(") ")[2].split()[0] in "ZX"
