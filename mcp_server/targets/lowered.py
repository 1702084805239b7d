"""Starting a program at low priority where a process may set its own priority only: in a thread that lowers itself first.

On Linux a priority belongs to a thread, and what a thread starts inherits it. Elsewhere, and where the kernel lets us, the
program is lowered after its start instead (`command.py`, `git_run.py`).
"""

import os
import threading
from collections.abc import Callable
from typing import TypeVar

from mcp_server.targets import confinement

T = TypeVar("T")
NICE = 10
"""Our own load gives way. A process without an I/O class takes its I/O priority from this too (ioprio_set(2))."""


def lowered(start: Callable[[], T]) -> T:
    """What `start` returns, started at `NICE` where it could not be lowered later. Raises what `start` raises."""
    if not confinement.in_force():
        return start()
    started: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            os.setpriority(os.PRIO_PROCESS, 0, max(NICE, os.getpriority(os.PRIO_PROCESS, 0)))
            started.append(start())
        except BaseException as error:  # noqa: BLE001 -- handed to who waits
            failed.append(error)

    thread = threading.Thread(target=run, name="start")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return started[0]
