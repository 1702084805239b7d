"""The real executor, killed at the n-th boundary: before or after an entry of the record, before or after an act.

`python -m tests.engine.killed_executor N P12`; it prints what it was about to do, then ends as by `kill -9`.
"""

import os
import signal
import sys
from typing import Any

from mcp_server.core.ledger import Ledger
from mcp_server.engine import execute

KINDS = ("execution.claimed", "execution.step", "execution.state")


def main() -> int:
    deadly, seen = int(sys.argv[1]), 0

    def boundary(what: str) -> None:
        nonlocal seen
        seen += 1
        if seen == deadly:
            sys.stderr.write(what)
            sys.stderr.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    append, act = Ledger.append, execute._Work._act

    def recorded(self: Ledger, kind: str, body: Any, **more: Any) -> Any:
        name = f"{kind} {body.get('state', '')}".strip()
        if kind in KINDS:
            boundary(f"before {name}")
        entry = append(self, kind, body, **more)
        if kind in KINDS:
            boundary(f"after {name}")
        return entry

    def acted(self: Any, step: Any, before: Any) -> str:
        boundary(f"before {step.verb}")
        said = act(self, step, before)
        boundary(f"after {step.verb}")
        return said

    Ledger.append, execute._Work._act = recorded, acted  # type: ignore[method-assign]
    from mcp_server.executor import main as run

    return run(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
