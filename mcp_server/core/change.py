"""Something that changed, on the one clock, whatever its source."""

from typing import Literal

from pydantic import Field

from mcp_server.core.clock import Moment
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import Statement

ChangeClass = Literal["code", "configuration", "dependency", "migration", "infrastructure", "data", "runtime", "other"]


class Touched(Noun):
    """Lines that a change wrote in one place of a file, numbered as the file stood afterwards.

    Where it only took lines away, `first` is the line that followed them, and `last` is one less.
    """

    path: str
    first: int
    last: int
    removed: int = Field(0, description="lines that stood there before")
    code: bool = Field(True, description="False where it wrote nothing but comments")
    defines: tuple[str, ...] = Field((), description="functions and classes whose head is among them")


class Change(Noun):
    """One change. `summary` is an authored sentence whose values (a commit's subject, a path) are data."""

    source: str = Field(description="the change source that saw it: git, packages, files, …")
    kind: str = Field(description="commit, merge, install, upgrade, remove, edit, create, start …")
    classes: tuple[ChangeClass, ...] = ("other",)
    at: Moment = Field(description="when it took effect here, as well as the source can tell")
    doubt_ms: int = Field(0, ge=0, description="how far off `at` may be")
    stamp: str = Field("", description="the source's own stamp, untouched")
    component: str = Field(description="repository, package, file, process")
    reference: str = Field("", description="commit, version, digest")
    summary: Statement
    clues: tuple[str, ...] = Field((), description="typed traces shared with findings: module:x path:/x port:80 word:x")
    words: tuple[str, ...] = Field((), description="words of the lines changed, to compare with an error's words; data")
    touched: tuple[Touched, ...] = Field((), description="places of code that it wrote, to compare with an error's frames")


class Window(Noun):
    """A stretch of time, both ends included."""

    since: Moment
    until: Moment
