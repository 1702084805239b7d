"""What the gate costs: a plan beyond its reads, and the checks, claims and records around an act."""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from mcp_server.core.clock import now
from mcp_server.core.plan import Approval, Request
from mcp_server.core.settings import load_settings
from mcp_server.engine import plan as planning
from mcp_server.engine.gate_store import Gate
from mcp_server.engine.proposals import propose
from mcp_server.engine.reader import EvidenceReader
from mcp_server.engine.session import Asking, Session

RUNS = 15
_SETTINGS = """
state_dir = "{folder}/state"
[environments.bench]
kind = "process"
protection = "dev"
[services.shop]
start = ["/bin/sleep", "1000"]
pid_file = "{folder}/shop.pid"
process = "no such process anywhere"
"""


def rows() -> Iterator[tuple[str, str, str]]:
    """(what, figure, promise)."""
    with tempfile.TemporaryDirectory(prefix="gate-") as folder:
        (Path(folder) / "veteran.toml").write_text(_SETTINGS.format(folder=folder), encoding="utf8")
        settings = load_settings({"HOME": folder, "VETERAN_CONFIG": f"{folder}/veteran.toml"})
        session, gate = Session(settings, program="bench"), Gate(settings, write=True)
        wish = Request(operation="restart_service", environment="bench", parameters={"service": "shop"})
        whole, reads = [], []
        for _ in range(RUNS):
            spent: list[float] = []
            with _watched(spent):
                began = time.perf_counter()
                plan = planning.make_plan(session, gate, wish, Asking())
                whole.append((time.perf_counter() - began) * 1000)
            reads.append(sum(spent) * 1000)
        beyond = [both - look for both, look in zip(whole, reads, strict=True)]
        yield "a plan, p50 (reads alone, p50)", f"{_ms(whole)} ({_ms(reads)})", ""
        yield "a plan beyond its reads, p50", _ms(beyond), "≤ 300 ms"
        yield "a plan beyond its reads, min", f"{min(beyond):.1f} ms", ""
        overhead = []
        for _ in range(RUNS):
            proposal = propose(session, plan)
            moment = now()
            given = gate.approve(
                Approval(
                    plan=proposal.id, digest=plan.digest, approver="bench", route="terminal", at=moment,
                    expires=moment + timedelta(minutes=10),
                )
            )  # fmt: skip
            began = time.perf_counter()
            gate.stopped()
            gate.executions(plan=proposal.id)
            gate.approvals(proposal.id, plan.digest)
            with gate.working_on(proposal.id, "environment-bench"):
                execution = gate.claim(proposal, plan, [given], times_ms={}, check=lambda: None)
                gate.step(execution, 1, "started")
                gate.step(execution, 1, "done", "x")
                gate.state(execution, "verifying")
                gate.state(execution, "done", "x")
            overhead.append((time.perf_counter() - began) * 1000)
        yield "gate around an act: checks, claim, 4 records, p50", _ms(overhead), "≤ 20 ms"
        yield "gate around an act, min", f"{min(overhead):.1f} ms", ""
        starts = []
        for _ in range(5):
            began = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "mcp_server.executor", "P999999"], check=False, capture_output=True,
                env={"HOME": folder, "VETERAN_CONFIG": f"{folder}/veteran.toml", "PATH": "/usr/bin:/bin"},
            )  # fmt: skip
            starts.append((time.perf_counter() - began) * 1000)
        yield "executor process, start to refusal, p50", _ms(starts), ""
        gate.close()
        session.close()


class _watched:  # noqa: N801 -- reads as a word of the `with` line
    """Adds up the time spent in looks."""

    def __init__(self, spent: list[float]) -> None:
        self._spent = spent

    def __enter__(self) -> None:
        self._look: Callable[..., Any] = EvidenceReader.look
        look, spent = self._look, self._spent

        def timed(reader: EvidenceReader, call: Any) -> Any:
            began = time.perf_counter()
            try:
                return look(reader, call)
            finally:
                spent.append(time.perf_counter() - began)

        EvidenceReader.look = timed  # type: ignore[method-assign]

    def __exit__(self, *_: object) -> None:
        EvidenceReader.look = self._look  # type: ignore[method-assign]


def _ms(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} ms"


if __name__ == "__main__":
    for row in rows():
        print(*row, sep=" | ")
