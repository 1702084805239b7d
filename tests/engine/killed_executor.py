"""The real executor, killed at the n-th boundary: before or after an entry of the record, before or after an act.

`python -m tests.engine.killed_executor` loads the program once and takes lines `[N, "P12", STDOUT, STDERR]`: each is a
process of its own, which writes to these files what it was about to do, then ends as by `kill -9`; without an N-th boundary
it runs to its end. The answer to a line is the exit status, negative for a signal.
"""

import json
import os
import signal
import sys
import traceback
from typing import Any, NoReturn

from mcp_server.core.ledger import Ledger
from mcp_server.engine import execute

KINDS = ("execution.claimed", "execution.step", "execution.state")


def main() -> None:
    from mcp_server.engine import gate_store, proposals, run, session  # noqa: F401 -- loaded before the first is asked for

    for line in sys.stdin:
        number, plan, out, err = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(number, plan, out, err)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _run(number: int, plan: str, out: str, err: str) -> NoReturn:
    status = 70
    try:
        for path, descriptor in ((os.devnull, 0), (out, 1), (err, 2)):
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), descriptor)
        status = _executor(number, plan)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _executor(deadly: int, plan: str) -> int:
    seen = 0

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

    return run([plan])


if __name__ == "__main__":
    main()
