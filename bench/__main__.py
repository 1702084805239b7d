"""Prints the table. Nothing here fails on a slow machine: what counts is the ratio to the peer of the same run."""

import json
import re
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.pipe import Piped
from mcp_server.core.redaction import Redactor

OURS, PEER = ("-m", "mcp_server"), ("-m", "bench.peer")
STARTS, CALLS = 10, 400
LINES = [
    "2026-11-20T10:31:07.412Z INFO shop.views GET /checkout 200 38 ms user=4711",
    '10.0.0.7 - - [20/Nov/2026:10:31:07 +0000] "GET /api/cart?page=2 HTTP/1.1" 502 157 "-" "curl/8.5.0"',
    "2026-11-20T10:31:07.413Z ERROR shop.db could not connect to postgres://shop:s3cr3t-pw@db:5432/shop",
    '  File "/srv/shop/views.py", line 41, in checkout',
    "ModuleNotFoundError: No module named 'redis'",
    "Authorization: Bearer abcdefghijklmnopqrstuvwxyz0123456789",
    "kernel: [12345.678] oom-kill: constraint=CONSTRAINT_NONE task=gunicorn pid=4242",
    "worker 4242 booted, listening at unix:/run/shop.sock, 4 threads",
]


@dataclass
class Row:
    """One line of the table; `limit` is the promise, in the unit of `ratio` or of `ours`."""

    what: str
    ours: str
    peer: str
    ratio: str
    promise: str


def main() -> None:
    """Measure, printing each line as it comes."""
    began = time.perf_counter()
    print(f"{'figure':<44}{'ours':>14}{'peer':>14}{'ratio':>9}  promise")
    with tempfile.TemporaryDirectory(prefix="bench-") as state:
        for part in (
            starts,
            calls,
            listing,
            triage,
            redaction,
            knowledge,
            ranking,
            changes,
            timeline,
            topology,
            gate,
            preflight,
            kubernetes,
            logs,
        ):
            for row in part(state):
                print(f"{row.what:<44}{row.ours:>14}{row.peer:>14}{row.ratio:>9}  {row.promise}", flush=True)
    print(f"peer: a one-tool server of the same SDK, unless the line says otherwise · {time.perf_counter() - began:.0f} s")


def starts(state: str) -> Iterator[Row]:
    """Spawn → initialize → tools/list → first tool call; interleaved, so that load hits both alike."""

    def once(program: tuple[str, ...], tool: str, arguments: dict[str, int]) -> list[float]:
        server = Piped(program, state)
        server.ask("tools/list", {})
        server.mark()
        server.call(tool, arguments)
        server.mark()
        server.close()
        return [mark * 1000 for mark in server.marks]

    once(OURS, "show_config", {})  # both once unmeasured, for bytecode and file cache
    once(PEER, "add", {"a": 1, "b": 2})
    runs = [(once(OURS, "show_config", {}), once(PEER, "add", {"a": 1, "b": 2})) for _ in range(STARTS)]
    for index, name in ((0, "start → initialize"), (1, "start → tools/list"), (2, "start → first answer")):
        ours, peer = [run[0][index] for run in runs], [run[1][index] for run in runs]
        for label, pick in (("min", min), ("p50", statistics.median)):
            promise = "≤ 1.15" if index == 2 else ""
            yield _versus(f"{name}, {label}", pick(ours), pick(peer), "ms", promise)


def calls(state: str) -> Iterator[Row]:
    """Round trips on a warm server. Ours include checks, ledger (durable on return), evidence and redaction."""
    ours, peer = Piped(OURS, state), Piped(PEER, state)
    times: dict[str, list[float]] = {}
    plan: list[tuple[str, Callable[[], str]]] = [
        ("peer", lambda: peer.call("add", {"a": 1, "b": 2})),
        ("own settings (2 ledger entries)", lambda: ours.call("show_config", {})),
        ("a look at the disks (3 entries)", lambda: ours.call("disk_space", {"warn_percent": 100})),
    ]
    for turn in range(CALLS + 20):
        for name, call in plan:
            began = time.perf_counter()
            call()
            if turn >= 20:
                times.setdefault(name, []).append((time.perf_counter() - began) * 1000)
    base = statistics.median(times["peer"])
    for name, _ in plan[1:]:
        middle = statistics.median(times[name])
        over = f"+{middle - base:.2f} ms"
        promise = "≤ +2 ms" if name.startswith("own") else ""
        yield Row(f"call, p50: {name}", f"{middle:.2f} ms", f"{base:.2f} ms", over, promise)
    ours.close()
    peer.close()


def listing(state: str) -> Iterator[Row]:
    """What a client carries in every conversation."""
    server = Piped(OURS, state)
    tools = server.ask("tools/list", {})["tools"]
    size, peer = len(json.dumps(tools, separators=(",", ":"))), 25_484
    yield Row("tools/list (peer: kubernetes-mcp-server, 20)", f"{size:,} B", f"{peer:,} B", f"{size / peer:.2f}", "≤ 16,000 B")
    yield Row("  per tool", f"{size / len(tools):.0f} B", f"{peer / 20:.0f} B", f"{size / len(tools) / (peer / 20):.2f}", "")
    server.close()


def triage(state: str) -> Iterator[Row]:
    """A new incident on this host, until triage has answered."""
    server = Piped(OURS, state)
    names = {tool["name"] for tool in server.ask("tools/list", {})["tools"]}
    if {"open_incident", "triage"} <= names:
        began = time.perf_counter()
        server.call("open_incident", {"title": "bench: is this host healthy?"})
        opened = time.perf_counter()
        text = server.call("triage", {})
        ended = time.perf_counter()
        yield Row("open_incident", f"{opened - began:.2f} s", "", "", "")
        yield Row(f"triage of this host ({text.split()[0].lower()})", f"{ended - opened:.2f} s", "", "", "≤ 3 s")
    server.close()


def redaction(state: str) -> Iterator[Row]:
    """Log lines through all rules; the peer is one regular expression over the same text."""
    text = "\n".join(LINES * 2_000)
    count, one = text.count("\n") + 1, re.compile(r"(?i)(password|secret|token)\s*[=:]\s*\S+")
    redactor = Redactor()
    ours = min(_seconds(lambda: redactor.text(text)) for _ in range(5))
    peer = min(_seconds(lambda: one.sub("x", text)) for _ in range(5))
    yield Row("redaction, lines/s (peer: one regex)", f"{count / ours:,.0f}", f"{count / peer:,.0f}", f"{ours / peer:.1f}×", "")


def ranking(state: str) -> Iterator[Row]:
    """How often the guilty change comes first, on incidents of a fresh seed. Two thirds of these need git."""
    from bench.ranking import rows

    seed = secrets.token_hex(4)
    for what, figure, promise in rows(seed):
        yield Row(what, figure, "", "", promise)
    yield Row(f"  seed {seed}: python -m bench.ranking {seed}", "", "", "", "")


def changes(state: str) -> Iterator[Row]:
    """What a long history costs `what_changed`: a journal, dpkg's log, a repository."""
    from bench.changes import rows

    for what, figure, promise in rows():
        yield Row(what[:74], figure, "", "", promise)


def gate(state: str) -> Iterator[Row]:
    """What planning costs beyond its reads, and the gate around an act."""
    from bench.gate import rows

    for what, figure, promise in rows():
        yield Row(what[:44], figure, "", "", promise)


def preflight(state: str) -> Iterator[Row]:
    """What a daemon or a cluster costs that hangs."""
    from bench.preflight import rows

    for what, figure, promise in rows():
        yield Row(what, figure, "", "", promise)


def knowledge(state: str) -> Iterator[Row]:
    """Search, and the router, on paraphrased symptoms."""
    from bench.knowledge import rows

    for what, figure, promise in rows():
        yield Row(what, figure, "", "", promise)


def kubernetes(state: str) -> Iterator[Row]:
    """Diagnosis of a cluster of 5,000 pods from recorded objects."""
    from bench.kubernetes import rows

    for what, figure, promise in rows():
        yield Row(what, figure, "", "", promise)


def topology(state: str) -> Iterator[Row]:
    """The dependency map of 10,000 components and 50,000 edges; there is no peer to compare with."""
    from bench.topology import figures

    for what, seconds, remark in figures():
        yield Row(f"map 10,000/50,000: {what}"[:44], f"{seconds * 1000:.0f} ms" if seconds else remark, "", "", "")


def timeline(state: str) -> Iterator[Row]:
    """A timeline of 100,000 events, from the answers to the page; there is no peer to compare with."""
    from bench.timeline import figures

    for what, seconds, remark in figures():
        yield Row(f"timeline 100,000: {what}"[:44], f"{seconds * 1000:.0f} ms" if seconds else remark, "", "", "")


def logs(state: str) -> Iterator[Row]:
    """Large logs beside grep, ripgrep, tail, sort -m and lnav; BENCH_LOG_GB sizes the largest (default 2)."""
    from bench.logs import rows

    for figure in rows():
        yield Row(*figure)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _versus(what: str, ours: float, peer: float, unit: str, promise: str) -> Row:
    return Row(what, f"{ours:.0f} {unit}", f"{peer:.0f} {unit}", f"{ours / peer:.2f}", promise)


if __name__ == "__main__":
    main()
