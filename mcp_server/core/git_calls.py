"""How a git checkout is looked at: what was committed, what reached it, what left it again, which tags came."""

from typing import Any, Literal

from pydantic import Field

from mcp_server.core.call import Call
from mcp_server.core.clock import Moment
from mcp_server.core.noun import Noun


class Hunk(Noun):
    """One place of a file that a commit changed, numbered as in the file afterwards; see `core.change.Touched`."""

    file: str
    first: int
    last: int
    removed: int = 0
    code: bool = True
    defines: tuple[str, ...] = Field((), description="functions and classes whose head is among them")


class Commit(Noun):
    """One commit. `arrived` is when this checkout moved to it (reflog), None where unknown."""

    sha: str
    author: str
    authored: Moment
    committed: Moment
    arrived: Moment | None = None
    stamp: str = Field("", description="the source's own stamp of `committed`")
    subject: str
    files: tuple[str, ...] = ()
    added: tuple[str, ...] = Field((), description="lines added, at most 200 per commit, cut at 300 characters")
    removed: tuple[str, ...] = Field((), description="lines removed, with the same limits")
    hunks: tuple[Hunk, ...] = Field((), description="places changed, at most 40")
    merge: bool = False
    digest: str = Field("", description="of the whole diff, wherever it applies: REMOVED-ADDED; the reverse has them swapped")

    def takes_back(self, other: "Commit") -> bool:
        """Whether this diff is the exact reverse of the other one."""
        mine, _, its = self.digest.partition("-")
        return bool(mine) and other.digest == f"{its}-{mine}" and mine != its


class Tag(Noun):
    """A tag that came to this checkout. `annotated` is the tagger's moment, None for a plain tag."""

    name: str
    sha: str = Field(description="the commit it names")
    at: Moment = Field(description="when it came here, where known; else when it was made")
    here: bool = Field(description="whether `at` is when it came here")
    annotated: Moment | None = None


class HeadMove(Noun):
    """HEAD moved so that commits are not here any more: a rollback, another branch, history rewritten elsewhere."""

    old: str
    new: str
    at: Moment
    lost: int = Field(description="commits that left")
    brought: int = Field(description="commits that came")
    files: tuple[str, ...] = Field((), description="files that differ between the two")


class History(Noun):
    """Commits of a checkout inside a window, newest first."""

    top: str = Field(description="folder of the work tree or bare repository")
    head: str | None = Field(description="commit checked out; None for a repository without commits")
    branch: str | None = Field(None, description="None for a detached HEAD")
    shallow: bool = False
    commits: tuple[Commit, ...] = ()
    tags: tuple[Tag, ...] = ()
    moves: tuple[HeadMove, ...] = ()
    reflog_problem: str | None = None
    cut: str | None = None


class ReadHistory(Call[History]):
    """Commits reachable from HEAD that were committed or reached this checkout after `since`."""

    kind: Literal["history"] = "history"
    path: str
    since: Moment
    until: Moment
    limit: int = Field(200, ge=1, le=5_000)

    def title(self) -> str:
        return f"git history of {self.path}"


ANSWERS: dict[type[Call[Any]], type[Noun]] = {ReadHistory: History}
"""The calls of this module, each with the type of its answer."""
