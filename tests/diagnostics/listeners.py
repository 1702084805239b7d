"""Small real programs to look at, started and ended by a test."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SERVE = """
import os, socket, sys
sock = socket.socket(); sock.bind(("127.0.0.1", 0)); sock.listen()
if "--fork" in sys.argv and os.fork() == 0:  # the child keeps the socket under another command line
    os.set_inheritable(sock.fileno(), True)
    os.execv(sys.executable, [sys.executable, "-c", f"print({sock.getsockname()[1]}, flush=True); input()"])
if "--fork" in sys.argv:
    sock.close()
else:
    print(sock.getsockname()[1], flush=True)
sys.stdin.read()
"""


@contextmanager
def program(folder: Path, name: str, code: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A Python program called `name` running in `folder`; it ends when its standard input is closed, or is killed."""
    path = folder / name
    path.write_text(code, encoding="utf8")
    child = subprocess.Popen(
        [sys.executable, str(path), *words], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with child:
        try:
            yield child
        finally:
            child.kill()


@contextmanager
def listener(folder: Path, *words: str) -> Iterator[tuple[int, int]]:
    """`serve_here.py` listening on loopback: its port and process number."""
    with program(folder, "serve_here.py", SERVE, *words) as child:
        assert child.stdout is not None
        yield int(child.stdout.readline()), child.pid
