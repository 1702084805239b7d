"""One command of a writer: argv only, bounded in time and bytes, its own words kept short and visible."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from mcp_server.core.text import one_line
from mcp_server.core.writer import Doing, WriteFailed
from mcp_server.targets.command import environment, find_program


@dataclass(frozen=True)
class Ran:
    """How a command ended. `said` is the end of what it wrote, as data."""

    exit: int
    said: str


def run(argv: Sequence[str], doing: Doing, *, cwd: str = "/", program: str | None = None) -> Ran:
    """Run to the end. Raises WriteFailed when it cannot be started (nothing changed) or does not end in time (open)."""
    program = program or find_program(argv[0])
    if program is None:
        raise WriteFailed(f"program {argv[0]} is not installed", sure=True)
    try:
        child = subprocess.Popen(
            list(argv), executable=program, env=environment(), cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise WriteFailed(f"{program} could not be started: {error.strerror}", sure=True) from None
    try:
        out, _ = child.communicate(timeout=doing.timeout_s)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        raise WriteFailed(f"{argv[0]} did not end within {doing.timeout_s:g} s and was ended; what it did is open") from None
    lines = out[-4_096:].decode("utf8", "replace").strip().splitlines()
    return Ran(child.returncode, one_line(" / ".join(lines[-3:]) or "it said nothing", 300))
