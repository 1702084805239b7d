"""Writer verbs: the closed set of acts that exist. A verb has two halves that never meet in one process of the server.

The **planning half** (`VerbUnit`, one module per environment kind in `operations/verbs/`) is pure or looks through a Reader:
it settles arguments, says the act in words, reads the state before, and computes the undo from it. The server has it.

The **doing half** (`Writer`, one module per kind in `targets/writers/`) changes the world. Only `engine/execute.py` imports
it, and only the executor process imports that.

A verb is added by adding it to both modules of its kind; `tests/operations/` checks that the two sets are equal.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import JsonValue

from mcp_server.core.noun import Noun
from mcp_server.core.outcome import Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.plan import Environment, Kind, Step
from mcp_server.core.reader import Reader
from mcp_server.core.settings import ServiceSettings


@dataclass(frozen=True)
class World:
    """What the settings say, for settling arguments: the environment and the declared services."""

    environment: Environment
    services: Mapping[str, ServiceSettings] = field(default_factory=dict)


class Before(Noun):
    """The state before an act. `state` enters the digest: the same content as long as the world is the same.

    No pids of things that restart all the time, no times, no durations, no counters that move by themselves.
    """

    state: Mapping[str, JsonValue]
    touches: tuple[str, ...]
    """Typed clues of everything it acts on, also under other names: unit:NAME, pid:N, path:/x, container:ID, service:x."""
    evidence: tuple[str, ...] = ()
    record: tuple[Statement, ...] = ()
    """For an act that removes something: usage, history, dependencies, as found out before."""


class Undo(Noun):
    """How an act is taken back: a step with its words, or the reason why nothing does."""

    step: Step | None = None
    restores: tuple[str, ...] = ()
    """Keys of the state before that must be equal again once the undo is done: that is what proves it."""
    lost: str = ""
    """Of ours, in words: what is lost and why, where `step` is None; beside a step, what it does not bring back."""


def nothing_known(arguments: Any, before: Before) -> dict[str, JsonValue]:
    """The `after` of a verb whose effect does not show in its own state."""
    return {}


def no_undo(arguments: Any, before: Before) -> Undo:
    """The `undo` of a verb that has none."""
    return Undo(lost="this act cannot be taken back")


@dataclass(frozen=True, kw_only=True)
class VerbUnit:
    """The planning half of one verb.

    `settle(arguments, world)` turns what the operation says (a declared service, a name) into what the writer takes, in full
    (unit name, argv, pid file). Raises BadInput with a sentence for a name that is no name: option dashes, spaces, control
    characters, `..`, look-alikes. `before` raises CouldNotLook where the state cannot be seen, NotApplicable where the act
    makes no sense (nothing of that name). `after` says which keys of the state must have which values once it is done.
    """

    kind: Kind | Literal["host"]
    name: str
    takes: tuple[str, ...]
    """Names of what an operation may give it; what `settle` reads."""
    arguments: type[Parameters]
    """What `settle` returns, field by field; unknown fields are refused."""
    settle: Callable[[Mapping[str, JsonValue], World], Mapping[str, JsonValue]]
    describe: Callable[[Any], Statement]
    before: Callable[[Reader, Any, World], Before]
    after: Callable[[Any, Before], Mapping[str, JsonValue]] = nothing_known
    undo: Callable[[Any, Before], Undo] = no_undo
    idempotent: bool = False
    """Once the state is as `after` says, there is nothing to do."""
    commands: tuple[str, ...] = ()
    """Programs its `before` runs; they must be known reads."""


class WriteFailed(Exception):
    """An act did not do what it should. `sure` says that nothing was changed; otherwise that is open. `left` says, where an
    act has parts, how each of them stands: sentences for whoever must finish it."""

    def __init__(self, sentence: str, *, sure: bool = False, left: tuple[str, ...] = ()) -> None:
        self.sentence, self.sure, self.left = sentence, sure, left
        super().__init__(sentence)


def _nobody_listens(text: str) -> None:
    return None


@dataclass
class Doing:
    """Circumstances of one act."""

    environment: Environment
    vault: Path
    """Folder, owned by the executor, for what an undo needs: copies named by their sha256."""
    before: Mapping[str, JsonValue] = field(default_factory=dict)
    """The state before, as it was planned on; an act on something that can be reused (a pid) checks it once more."""
    timeout_s: float = 60
    cancel: threading.Event = field(default_factory=threading.Event)
    note: Callable[[str], None] = _nobody_listens
    """An act of many parts says each before it does it: kept in the gate's record, so that a crash in the middle is told."""
    stop: Callable[[], str] = lambda: ""
    """Asked between the parts: a sentence when nothing more may be done."""


class Writer(Protocol):
    """The doing half for one kind: a module of `targets/writers/` that holds this name."""

    VERBS: Mapping[str, Callable[[Mapping[str, JsonValue], Doing], str]]
    """Verb → function(arguments, doing) that does it and says in one sentence what was done.

    It acts on exactly what the arguments name, argv only, bounded in time. Raises WriteFailed; any other exception counts
    as one whose effect is unknown. It never retries by itself.
    """
