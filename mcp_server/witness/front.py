"""Two processes instead of one: the witness in front, which owns the client's pipes, and the server behind it.

The server reads untrusted text. Whoever takes it over must still not be able to answer an approval dialog in the client's
stead; so the process that talks with the client is another one, which runs no code but this package. It passes lines on
without looking into them, except those that carry an approval (see `dialogs`), and it opens the hatch (see `hatch`).

Called before anything heavy is imported and before the kernel's lock: the witness stays at the size of a bare
interpreter, and is itself not locked, because what it starts (the executor) must be able to write.
"""

import os
import sys
from typing import NamedTuple

STOP_S = 4.0
"""How long the server may take to end by itself before it is ended."""
_DIE_WITH_PARENT = 1


class Hatch(NamedTuple):
    """The server's ends of the two pipes to the witness: plan ids go out, progress comes in."""

    requests: int
    answers: int


def step_behind() -> Hatch | None:
    """Fork. The child returns with its hatch; the parent becomes the witness and never returns.

    None where there is nothing to stand in front of (stdin or stdout is closed) or no `fork`: then nobody can witness
    a dialog, and approvals come by the terminal or by signature only.
    """
    if not hasattr(os, "fork") or not (_is_open(0) and _is_open(1)):
        return None
    if not _is_open(2):  # or a pipe of ours would get its number
        os.open(os.devnull, os.O_WRONLY)
    inward, outward, requests, answers = os.pipe(), os.pipe(), os.pipe(), os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child:
        for end in (inward[0], outward[1], requests[1], answers[0]):
            os.close(end)
        from mcp_server.witness.relay import Relay

        Relay(child, to_server=inward[1], from_server=outward[0], requests=requests[0], answers=answers[1]).serve()
    _end_with(parent)
    for end in (inward[1], outward[0], requests[0], answers[1]):
        os.close(end)
    for end, number in ((inward[0], 0), (outward[1], 1)):
        os.dup2(end, number)
        os.close(end)
    return Hatch(requests[1], answers[0])


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _end_with(parent: int) -> None:
    """Have the kernel ask this process to end when its parent does, however that happens."""
    if sys.platform != "linux":
        return  # the end of the pipe says it too
    import ctypes
    import signal

    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(128 + signal.SIGTERM)
