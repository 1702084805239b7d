"""The executor: `python -m mcp_server.executor P12` carries out one approved plan, once.

It takes a plan id and nothing else, and trusts nobody: it plans afresh from the operation's file, the settings and fresh
facts, and checks digest, approvals, expiry, policy, protection, cooldown and the kill switch itself, in the gate's folder
(`gate_dir`), where the locked server cannot write. No SDK of the protocol is imported here.

Line protocol, for whoever started it: one JSON object per line on stdout.

    {"event": "progress", "text": "planning on fresh facts"}
    {"event": "step", "number": 1, "of": 2, "state": "started" | "done" | "failed" | "undone", "text": "…"}
    {"event": "result", "state": "done" | "undone" | "left" | "refused", "execution": "X7" | null, "text": "…",
     "left": ["…"], "moved": ["…"]}

`result` is the last line; without one the executor was killed, and the next start says where. Exit status: 0 done and
verified · 1 failed and undone · 2 failed, something is left · 3 refused, nothing was changed · 64 bad usage · 70 broken.
"""

import json
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

EXITS = {"done": 0, "undone": 1, "left": 2, "refused": 3}
BAD_USAGE, BROKEN = 64, 70


def main(arguments: list[str]) -> int:
    """Carry out the plan named, once. Signals do not stop it half-way: what was begun is ended or taken back."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from mcp_server.core.errors import BadInput, VeteranError
    from mcp_server.core.redaction import Redactor
    from mcp_server.core.text import visible

    def say(line: Mapping[str, Any]) -> None:
        try:
            sys.stdout.write(visible(json.dumps(line, ensure_ascii=False), keep="") + "\n")
            sys.stdout.flush()
        except OSError:  # nobody listens any more: the record tells it all the same
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def ended(state: str, text: str, **more: Any) -> None:
        say({"event": "result", "state": state, "execution": None, "text": text, "left": [], "moved": []} | more)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # a handler that does nothing, not SIG_IGN: that would be inherited by the services it starts
        signal.signal(number, lambda *_: None)
    try:
        from mcp_server.core.settings import load_settings
        from mcp_server.engine.execute import execute
        from mcp_server.engine.proposals import checked

        if len(arguments) != 1:
            raise BadInput("one plan, and nothing else: python -m mcp_server.executor P12")
        result = execute(load_settings(), checked(arguments[0]), say)
    except BadInput as error:
        ended("refused", error.sentence())
        return BAD_USAGE
    except VeteranError as error:
        ended("refused", Redactor().text(error.sentence()))
        return BROKEN
    except Exception as error:  # noqa: BLE001 -- a defect must be said, and its end is open
        ended("left", Redactor().text(f"defect in the executor: {type(error).__name__}: {error}"), left=["see action_status"])
        return BROKEN
    ended(result.state, result.text, execution=result.execution, left=list(result.left), moved=list(result.moved))
    return EXITS[result.state]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
