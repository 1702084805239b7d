"""Checkouts of this host: which commits were made, and which reached the checkout, inside a window.

The repository is found and checked against the allowed roots before git sees it. What it costs grows with the window
and with what arrived in it, not with the length of the history.
"""

import os
import re
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from mcp_server.core.errors import CouldNotLook
from mcp_server.core.git_calls import Commit, HeadMove, History, ReadHistory, Tag
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.core.text import amount, one_line
from mcp_server.targets.git_early import Early, Read
from mcp_server.targets.git_log import LogReader
from mcp_server.targets.git_reflog import Graph, Move, arrivals, departures, parse, reachable
from mcp_server.targets.git_run import Runner
from mcp_server.targets.git_tags import tags_of
from mcp_server.targets.opening import Gate, check_form, explain, failed, moment, open_checked, shown

_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SMALL_BYTES = 1_048_576
_REFLOG_BYTES = 2_097_152
_DEPARTURES, _FILES = 20, 200
_REGION = 50_000
"""Commits looked through to tell which move brought what."""


def look(call: Any, limits: Limits, policy: ReadSettings) -> Any:
    """Answer ReadHistory (History). Raises CouldNotLook, Cancelled."""
    limits.check()
    if not isinstance(call, ReadHistory):
        raise CouldNotLook(call.title(), "missing", "git answers no such call")
    gate = Gate(policy)
    place = _find(call.path, gate)
    return _Reading(call, place, gate, Runner(one_line(call.title()), place.git_dir, limits), limits).history()


# --- where the repository is ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Place:
    """A repository: the folder shown to people, the one of this checkout's HEAD, the one of the objects."""

    top: str
    git_dir: str
    common: str


def _find(path: str, gate: Gate) -> _Place:
    check_form(path)
    start = os.path.realpath(path)
    gate.check(path, start)
    try:
        folder = start if stat.S_ISDIR(os.stat(start).st_mode) else os.path.dirname(start)
        while True:
            gate.check(path, folder)
            git_dir = _git_dir(folder, gate)
            if git_dir is not None:
                break
            if folder == "/":
                raise _no_repository(path)
            folder = os.path.dirname(folder)
    except OSError as error:
        raise explain(path, error) from None
    except CouldNotLook as failure:
        if failure.reason == "refused" and folder != start:  # the roots end before a repository begins
            raise _no_repository(path) from None
        raise
    common = git_dir
    if os.path.exists(os.path.join(git_dir, "commondir")):
        common = os.path.realpath(os.path.join(git_dir, _small(os.path.join(git_dir, "commondir"), gate)))
    alternates = os.path.join(common, "objects", "info", "alternates")
    borrowed = _small(alternates, gate).splitlines() if os.path.exists(alternates) else []
    for name in (git_dir, common, *(os.path.join(common, "objects", item) for item in borrowed if item[:1] not in "#")):
        gate.check(name, os.path.realpath(name))
    top = os.path.dirname(folder) if os.path.basename(folder) == ".git" and git_dir == folder else folder
    return _Place(top, git_dir, common)


def _git_dir(folder: str, gate: Gate) -> str | None:
    """The git folder of a work tree, of a linked work tree (a file `.git`), or the folder itself when it is a bare one."""
    dot = os.path.join(folder, ".git")
    if os.path.isfile(dot):
        name = _small(dot, gate)
        if not name.startswith("gitdir:"):
            raise failed(dot, "damaged", "is no link to a repository")
        real = os.path.realpath(os.path.join(folder, name.removeprefix("gitdir:").strip()))
        gate.check(dot, real)
        return real
    for candidate in (dot, folder):
        try:
            os.lstat(os.path.join(candidate, "HEAD"))
            if os.path.isdir(os.path.join(candidate, "objects")) or os.path.isfile(os.path.join(candidate, "commondir")):
                return os.path.realpath(candidate)
        except (FileNotFoundError, NotADirectoryError):
            continue
    return None


def _no_repository(path: str) -> CouldNotLook:
    return failed(path, "missing", "no git repository here or above", "name the folder of a checkout")


def _small(path: str, gate: Gate) -> str:
    """A small file of git's own, at most 1 MiB of it."""
    return _tail(path, gate, _SMALL_BYTES)[0].decode("utf8", "surrogateescape").strip()


def _tail(path: str, gate: Gate, length: int) -> tuple[bytes, bool]:
    """The last bytes of a file, and whether that is all of it."""
    handle, _ = open_checked(path, gate)
    with os.fdopen(handle, "rb") as file:
        start = max(0, os.fstat(handle).st_size - length)
        file.seek(start)
        return file.read(length), start == 0


# --- its history ----------------------------------------------------------------------------------------------------


_T = TypeVar("_T")
_Found = tuple[Read, dict[str, datetime]]
"""Commits, and when commits arrived."""


class _Reading:
    """One ReadHistory under way."""

    def __init__(self, call: ReadHistory, place: _Place, gate: Gate, git: Runner, limits: Limits) -> None:
        self._call, self._place, self._gate, self._git, self._limits = call, place, gate, git, limits
        self._cut: list[str] = []
        self._problem: str | None = None
        self._committed: dict[str, datetime] = {}
        self._below: dict[str, datetime] = {}
        self._departures: list[tuple[Move, int, int]] = []

    def history(self) -> History:
        shallow = os.path.join(self._place.common, "shallow")
        edge = frozenset(_small(shallow, self._gate).split()) if os.path.exists(shallow) else frozenset()
        name = _small(os.path.join(self._place.git_dir, "HEAD"), self._gate)
        branch = name.removeprefix("ref:").strip().removeprefix("refs/heads/") if name.startswith("ref:") else None
        head = self._head()
        commits: tuple[Commit, ...] = ()
        tags: tuple[Tag, ...] = ()
        if head is not None:
            moves = self._moves()
            read, arrived = self._straight(head, moves, edge) or self._around(head, moves, edge)
            commits = self._read(self._chosen(read, arrived), arrived, edge, read)
            tags = tags_of(self._git, self._place.common, self._gate, self._call.since, self._call.until)
        return History(
            top=shown(self._place.top), head=head, branch=None if branch is None else shown(branch), shallow=bool(edge),
            commits=commits, tags=tags, moves=self._left(), reflog_problem=self._problem, cut="; ".join(self._cut) or None,
        )  # fmt: skip

    def _head(self) -> str | None:
        """The commit checked out: where its file says so plainly without asking git."""
        try:
            name = _small(os.path.join(self._place.git_dir, "HEAD"), self._gate)
            if name.startswith("ref: refs/heads/"):
                name = _small(os.path.join(self._place.common, name.removeprefix("ref: ")), self._gate)
            if _SHA.fullmatch(name):
                return name
        except CouldNotLook:  # packed, or kept in another form
            pass
        lines = list(self._git.stream(("rev-parse", "--quiet", "--verify", "HEAD"), accept=(0, 1)))
        return lines[0].decode() if lines else None

    def _moves(self) -> list[Move]:
        path = os.path.join(self._place.git_dir, "logs", "HEAD")
        try:
            data, whole = _tail(path, self._gate, _REFLOG_BYTES)
        except CouldNotLook as failure:
            missing = failure.reason == "missing"
            why = "this repository keeps no reflog" if missing else f"the reflog cannot be read: {failure.detail}"
            self._problem = f"{why}: when commits arrived is unknown"
            return []
        moves, self._problem = parse(data, self._call.since, whole=whole)
        return moves

    def _straight(self, head: str, moves: list[Move], edge: frozenset[str]) -> _Found | None:
        """Where HEAD only went forward, as it nearly always does, what it went over is what arrived, and unless a clock
        was wrong nothing else was made meanwhile: one run reads it all. None where that is not certain.
        """
        first = moves[0].old if moves else None
        if first is None or head == first or moves[-1].at > self._call.until:
            return None
        revisions = ("--ignore-missing", f"--max-count={self._call.limit + 1}", head, f"^{first}")
        read, forward = self._beside(revisions, edge, lambda: self._forward(head, moves))
        # what these stand on was here before; dated inside the window it would be told as made in it
        ahead = any(at >= self._call.since.replace(microsecond=0) for at in self._below.values())
        return None if forward is None or ahead else (read, self._followed(head, *forward))

    def _around(self, head: str, moves: list[Move], edge: frozenset[str]) -> _Found:
        """What was made in the window is read while the moves are followed one by one."""
        since, until = int(self._call.since.timestamp()), int((self._call.until + timedelta(seconds=1)).timestamp())
        revisions = (f"--max-age={since}", f"--min-age={until}", f"--max-count={self._call.limit + 1}", head)
        return self._beside(revisions, edge, lambda: self._arrived(head, moves))

    def _beside(self, revisions: Sequence[str], edge: frozenset[str], work: Callable[[], _T]) -> tuple[Read, _T]:
        """These commits, and the outcome of a work done while they are read."""
        early = Early(self._git, revisions, edge, self._limits.max_bytes)
        try:
            done = work()
            return early.result(), done
        except BaseException:
            early.stop()
            raise

    def _arrived(self, head: str, moves: list[Move]) -> dict[str, datetime]:
        """When commits arrived, for those that arrived since the window began."""
        if not moves:
            return {}
        graph, followed = self._forward(head, moves) or self._region(head, moves)
        if len(graph) >= _REGION:
            self._problem = f"more than {amount(_REGION, 'commit')} moved: when some of them arrived is unknown"
        return self._followed(head, graph, followed)

    def _followed(self, head: str, graph: Graph, followed: list[Move]) -> dict[str, datetime]:
        """When each commit arrived that is here; what moves left behind is remembered."""
        arrived = arrivals(followed, graph, self._git.in_time)
        until = self._call.until
        self._departures = departures([move for move in followed if move.at <= until], graph, self._git.in_time)
        for move in reversed(followed):
            if move.old is None:  # a clone, or the first commit: all that was there arrived with it
                begun = self._commits(f"--max-count={self._call.limit + 1}", move.new)
                arrived = dict.fromkeys(begun, move.at) | arrived
        here = reachable(head, graph) | (self._committed.keys() - graph.keys())
        return {sha: at for sha, at in arrived.items() if sha in here}

    def _forward(self, head: str, moves: list[Move]) -> tuple[Graph, list[Move]] | None:
        """What the moves brought, where HEAD only went forward, as it nearly always does; None where it is not certain."""
        first = moves[0].old
        ends = dict.fromkeys(sha for move in moves for sha in (move.old, move.new) if sha is not None and sha != first)
        if first is None or not ends or any(move.old is None for move in moves):
            return None
        graph = self._commits("--boundary", "--ignore-missing", f"--max-count={_REGION}", *ends, head, f"^{first}")
        # were it missing, nothing would stand on it and everything would be listed
        stands = any(first in parents for parents in graph.values())
        whole = len(graph) < _REGION and stands and head in graph and all(sha in graph for sha in ends)
        return (graph, moves) if whole else None

    def _region(self, head: str, moves: list[Move]) -> tuple[Graph, list[Move]]:
        """The commits between all positions of HEAD, and the moves between positions that still exist."""
        ends = dict.fromkeys(sha for move in moves for sha in (move.old, move.new) if sha is not None)
        known = self._known(tuple(ends))
        gone = len(ends.keys() - known.keys())
        if gone:
            self._problem = f"{amount(gone, 'earlier position')} of HEAD no longer exist: what arrived with them is unknown"
        followed = [move for move in moves if move.new in known and (move.old is None or move.old in known)]
        tips = dict.fromkeys((head, *known))
        base = [line.decode() for line in self._git.stream(("merge-base", "--octopus", *tips), accept=(0, 1))]
        return self._commits(f"--max-count={_REGION}", *tips, *(f"^{sha}" for sha in base)), followed

    def _left(self) -> tuple[HeadMove, ...]:
        """Moves that left commits behind, the newest of them, each with the files that differ since."""
        if len(self._departures) > _DEPARTURES:
            self._cut.append(f"only the newest {_DEPARTURES} of {len(self._departures)} moves that left commits behind")
        told: list[HeadMove] = []
        for move, lost, brought in self._departures[-_DEPARTURES:]:
            assert move.old is not None
            # diff-tree reads no index and no work tree
            names = self._git.lines("diff-tree", "-r", "--name-only", "--no-renames", move.old, move.new, "--")
            files = tuple(name.decode("utf8", "replace")[:4_096] for name in names[:_FILES])
            told.append(HeadMove(old=move.old, new=move.new, at=move.at, lost=lost, brought=brought, files=files))
        return tuple(told)

    def _known(self, names: tuple[str, ...]) -> Graph:
        return self._commits("--no-walk=unsorted", "--ignore-missing", *names)

    def _commits(self, *argv: str) -> Graph:
        """Parents of the commits that rev-list names; their times are remembered, and those of what they stand on."""
        graph: Graph = {}
        for line in self._git.lines("rev-list", "--timestamp", "--parents", *argv, "--"):
            seconds, sha, *parents = line.decode().split(" ")
            if sha[:1] == "-":
                self._below[sha[1:]] = moment(float(seconds))
                continue
            graph[sha] = tuple(parents)
            self._committed[sha] = moment(float(seconds))
        return graph

    def _chosen(self, read: Read, arrived: dict[str, datetime]) -> list[str]:
        """Commits that were made or arrived inside the window, newest first, as many as asked for."""
        since, until, limit = self._call.since, self._call.until, self._call.limit
        self._committed |= {sha: commit.committed for sha, commit in read.commits.items()}
        inside = [sha for sha in read.commits if since <= self._committed[sha] <= until]
        chosen = list(
            dict.fromkeys((*inside, *(sha for sha, at in arrived.items() if since.replace(microsecond=0) <= at <= until)))
        )
        chosen.sort(key=lambda sha: (arrived.get(sha, self._committed[sha]), self._committed[sha]), reverse=True)
        if len(chosen) > limit:
            self._cut.append(f"only the newest {amount(limit, 'commit')}; ask for a shorter window or a higher limit")
        return chosen[:limit]

    def _read(self, chosen: list[str], arrived: dict[str, datetime], edge: frozenset[str], read: Read) -> tuple[Commit, ...]:
        """The chosen commits: those read already, and what only arrived in the window."""
        found, missing = dict(read.commits), [sha for sha in chosen if sha not in read.commits]
        left_out = read.left_out
        if missing:
            reader = LogReader({}, edge, max(0, self._limits.max_bytes - read.kept))
            found |= {
                item.sha: item
                for item in reader.commits(self._git.stream((*reader.arguments(), "--no-walk=unsorted", *missing, "--")))
            }
            left_out = left_out or reader.left_out
        if left_out:
            self._cut.append(f"file names or lines beyond {amount(self._limits.max_bytes, 'character')} were left out")
        return tuple(
            found[sha].model_copy(update={"arrived": arrived[sha]}) if sha in arrived else found[sha]
            for sha in chosen if sha in found
        )  # fmt: skip
