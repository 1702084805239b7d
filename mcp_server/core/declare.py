"""Declarations: the file is the registration. From these come the tools, the scripts and the reference pages."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from mcp_server.core.address import PlaceKind
from mcp_server.core.change import Change, Window
from mcp_server.core.last_good import LastGood
from mcp_server.core.outcome import Finding, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader


class Facts(BaseModel):
    """What a diagnostic saw, as plain data: `judge` sees this and nothing else; a test case is its JSON."""

    model_config = ConfigDict(extra="forbid", defer_build=True)


@dataclass(frozen=True)
class Need:
    """Something that must be there before a question can be asked; preflight looks, and names the remedy."""

    kind: Literal["binary", "path", "setting"]
    name: str
    remedy: str = ""


def binary(name: str, remedy: str = "") -> Need:
    """A program on the target's PATH."""
    return Need("binary", name, remedy or f"install the package that provides {name}")


def path(name: str, remedy: str = "") -> Need:
    """A file or folder on the target."""
    return Need("path", name, remedy or f"{name} must exist and be readable")


@dataclass(frozen=True, kw_only=True)
class Diagnostic:
    """One question. The module beside it holds `Params`, the facts class, `collect`, `judge`, optionally `show`.

    `needs` are looked for before collecting; `commands` are the only programs its reader will run.
    """

    question: str
    area: str
    facts: type[Facts]
    needs: tuple[Need, ...] = ()
    commands: tuple[str, ...] = ()
    timeout_s: float = 10.0
    places: tuple[PlaceKind, ...] = ("local",)
    """Kinds of places at which it can be asked; a recording is of the kind it recorded."""
    tool: bool = True
    """Listed as a tool of its own; otherwise reached through `run_diagnostic`."""
    paged: bool = False
    """Its parameter `budget` is the number of characters its answer may have: it shortens itself and gives a cursor."""
    examples: tuple[Mapping[str, Any], ...] = ({},)
    next: tuple[str, ...] = ()
    """Tools worth calling after a finding."""


@dataclass(frozen=True, kw_only=True)
class ChangeSource:
    """One source of change. The module beside it holds `collect(reader, window, scope) -> Iterator[Change]`."""

    question: str
    needs: tuple[Need, ...] = ()
    commands: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    """Those of `commands` that only some hosts have: where one is not installed, there is nothing to ask it."""
    places: tuple[PlaceKind, ...] = ("local",)
    timeout_s: float = 20.0


@dataclass(frozen=True)
class Scope:
    """Where to look for changes: what the service under examination declared, plus what the caller named."""

    folders: tuple[str, ...] = ()
    """Checkouts and configuration trees."""
    pythons: tuple[str, ...] = ()
    """Interpreters or environments of the applications concerned."""
    service: str | None = None
    urls: tuple[str, ...] = ()
    """Addresses that users call, for what they present."""
    feeds: tuple[str, ...] = ()
    """Files of JSON lines that tell of changes."""
    journal: str | None = None
    """A folder of journal files to read instead of this host's own journal."""
    container: str | None = None
    """The place of the service's container or compose project."""
    onset: datetime | None = None
    """When the trouble began, where known: what recurs is told by its last time before it."""
    last_good: LastGood | None = None
    """Files as the newest snapshot of this place saw them."""


@dataclass(frozen=True)
class DiagnosticUnit:
    """A diagnostic as the catalog found it."""

    name: str
    spec: Diagnostic
    params: type[Parameters]
    collect: Callable[[Reader, Any], Facts]
    judge: Callable[[Any, Any], Iterator[Finding]]
    show: Callable[[Any, Any], Iterator[Statement]]
    findings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ChangeUnit:
    """A change source as the catalog found it."""

    name: str
    spec: ChangeSource
    collect: Callable[[Reader, Window, Scope], Iterator[Change]]
