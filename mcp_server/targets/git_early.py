"""The commits of the window, read while the reflog is still being followed: git's own work is most of the time it takes."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mcp_server.core.git_calls import Commit, ReadHistory
from mcp_server.targets.git_log import LogReader
from mcp_server.targets.git_reflog import Graph
from mcp_server.targets.git_run import Runner

Walk = tuple[Graph, dict[str, datetime]]
"""Parents and times of commits, in git's order."""


@dataclass
class Read:
    """What was found: the commits made inside the window, their times, and their contents where these are few enough."""

    made: Graph = field(default_factory=dict)
    times: dict[str, datetime] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    kept: int = 0
    left_out: bool = False


class Early:
    """Begins at once, in a thread of its own. `result` waits; it raises what went wrong there. `stop` ends its git."""

    def __init__(
        self, call: ReadHistory, head: str, walk: Callable[..., Walk], git: Runner, shallow: frozenset[str], budget: int
    ) -> None:  # fmt: skip
        self._call, self._head, self._walk, self._git = call, head, walk, git
        self._shallow, self._budget = shallow, budget
        self._found = Read()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="commits of the window")
        self._thread.start()

    def result(self) -> Read:
        """What was found. Raises CouldNotLook and Cancelled."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self._found

    def stop(self) -> None:
        """Nobody waits any more."""
        self._git.stopped.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._read()
        except BaseException as failure:  # noqa: BLE001 -- handed over to who waits
            self._failure = failure

    def _read(self) -> None:
        since, until, limit = self._call.since, self._call.until, self._call.limit
        found = self._found
        found.made, found.times = self._walk(
            f"--max-age={int(since.timestamp())}", f"--min-age={int((until + timedelta(seconds=1)).timestamp())}",
            f"--max-count={limit + 1}", self._head,
        )  # fmt: skip
        inside = [sha for sha in found.made if since <= found.times[sha] <= until]
        if inside and len(found.made) <= limit:  # else the arrivals decide which of them are told
            reader = LogReader({}, self._shallow, self._budget)
            for commit in reader.commits(self._git.stream((*reader.arguments(), *inside, "--"))):
                found.commits[commit.sha] = commit
            found.kept, found.left_out = reader.kept, reader.left_out
