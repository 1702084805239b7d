"""Commits read in one run of `git log` while other questions are asked: starting git is most of what a look costs."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from mcp_server.core.git_calls import Commit
from mcp_server.targets.git_log import LogReader
from mcp_server.targets.git_run import Runner


@dataclass
class Read:
    """The commits found, in git's order, and the characters kept of them."""

    commits: dict[str, Commit] = field(default_factory=dict)
    kept: int = 0
    left_out: bool = False


class Early:
    """Begins at once, in a thread of its own. `result` waits; it raises what went wrong there. `stop` ends its git."""

    def __init__(self, git: Runner, revisions: Sequence[str], shallow: frozenset[str], budget: int) -> None:
        self._git, self._revisions, self._reader = git, revisions, LogReader({}, shallow, budget)
        self._found = Read()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="git log")
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
        found, reader = self._found, self._reader
        for commit in reader.commits(self._git.stream((*reader.arguments(), *self._revisions, "--"))):
            found.commits[commit.sha] = commit
        found.kept, found.left_out = reader.kept, reader.left_out
