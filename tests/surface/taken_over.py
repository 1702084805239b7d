"""A server that has been taken over: the real one, in whose locked process, once it serves, code of the test runs.

`ATTACK=CODE python -m tests.surface.taken_over`. CODE has `tried(name, act)`, which notes on stderr how an attempt ended,
and everything that the process has.
"""

import os
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

from mcp_server.__main__ import main
from mcp_server.witness import front

_step_behind = front.step_behind


def tried(name: str, act: Callable[[], object]) -> None:
    try:
        how = f"returned {act()!r}"
    except BaseException as error:  # whatever it raises is how it ended
        how = f"raised {type(error).__name__}: {error}"
    os.write(2, f"TRIED {name}: {how}\n".replace("\n", " ").encode() + b"\n")


def attack(session: Any) -> None:
    try:
        exec(os.environ["ATTACK"], {"tried": tried, "session": session, "settings": session.settings})
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    os.write(2, b"TRIED all of it\n")


def step_behind() -> front.Hatch | None:
    ends = _step_behind()  # only the server comes back
    from mcp_server.surface.mcp import server

    build = server.build

    def build_and_fall(session: Any, calls: Any) -> Any:
        threading.Thread(target=attack, args=(session,), daemon=True).start()
        return build(session, calls)

    server.build = build_and_fall
    return ends


if __name__ == "__main__":
    front.step_behind = step_behind
    sys.exit(main())
