"""When this checkout moved: the reflog of HEAD, and which commits each move brought."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from mcp_server.core.text import amount
from mcp_server.targets.opening import moment

_LINE = re.compile(rb"([0-9a-f]{40}|[0-9a-f]{64}) ([0-9a-f]{40}|[0-9a-f]{64}) [^\t\n]*? ?(\d{1,12}) [+-]\d{4}(?:\t.*)?")
_MOVES = 500

Graph = dict[str, tuple[str, ...]]
"""Parents by commit."""


@dataclass(frozen=True)
class Move:
    """HEAD went from `old` to `new`; `old` is None where the repository began (first commit, clone)."""

    old: str | None
    new: str
    at: datetime


def parse(data: bytes, since: datetime, *, whole: bool) -> tuple[list[Move], str | None]:
    """Moves since then, oldest first, and what is wrong with the reflog. A damaged one tells no moves: half of them would
    give wrong times. Without `whole` the data begin somewhere inside the file.
    """
    lines = data.split(b"\n")
    if not whole:
        del lines[0]
    moves: list[Move] = []
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            return [], f"line {number} of the reflog is damaged: when commits arrived is unknown"
        old, new = match[1].decode(), match[2].decode()
        moves.append(Move(None if set(old) == {"0"} else old, new, moment(int(match[3]))))
    problem = None
    if moves and moves[0].at > since and (not whole or moves[0].old is not None):
        problem = f"the reflog begins at {moves[0].at:%Y-%m-%dT%H:%M:%SZ}: what arrived before is unknown"
    recent = [move for move in moves if move.at >= since.replace(microsecond=0) and set(move.new) != {"0"}]
    if len(recent) > _MOVES:
        problem = f"only the last {amount(_MOVES, 'move')} of {amount(len(recent), 'move')} of HEAD were followed"
    return recent[-_MOVES:], problem


def arrivals(moves: Iterable[Move], graph: Graph, in_time: Callable[[], None]) -> dict[str, datetime]:
    """When each commit last arrived: for every move the commits reachable from its new end and not from its old one."""
    arrived: dict[str, datetime] = {}
    for move in reversed(list(moves)):
        in_time()
        if move.old is None:
            continue
        if graph.get(move.new) == (move.old,):
            arrived.setdefault(move.new, move.at)
            continue
        for sha in reachable(move.new, graph) - reachable(move.old, graph):
            arrived.setdefault(sha, move.at)
    return arrived


def departures(moves: Iterable[Move], graph: Graph, in_time: Callable[[], None]) -> list[tuple[Move, int, int]]:
    """Moves that left commits behind, each with how many went and how many came."""
    found: list[tuple[Move, int, int]] = []
    for move in moves:
        in_time()
        if move.old is None or move.old == move.new or graph.get(move.new) == (move.old,):
            continue
        before, after = reachable(move.old, graph), reachable(move.new, graph)
        if lost := len(before - after):
            found.append((move, lost, len(after - before)))
    return found


def reachable(tip: str, graph: Graph) -> set[str]:
    """Commits of the graph that can be reached from `tip`, itself included."""
    seen: set[str] = set()
    pending = [tip]
    while pending:
        sha = pending.pop()
        if sha in graph and sha not in seen:
            seen.add(sha)
            pending.extend(graph[sha])
    return seen
