"""The read door as a diagnostic sees it: it can look, and it cannot do anything else."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from mcp_server.core.address import Address
from mcp_server.core.calls import Call, Completed, FileText
from mcp_server.core.errors import Cancelled

A = TypeVar("A")


@dataclass(frozen=True)
class Seen(Generic[A]):
    """An answer, already redacted, with the id of the evidence that keeps it."""

    value: A
    evidence: str


class Reader(Protocol):
    """Looks at one target. Each look is limited, redacted, and kept as evidence before it returns.

    A look that fails raises CouldNotLook. Inside `with reader.part("…")` such a failure is noted as a blind spot and
    the block is left; outside, it ends `collect` and the whole question is a blind spot.
    """

    target: str
    where: Address
    """The place looked at; of a recording, the one that it recorded."""
    now: datetime
    """The target's clock when collecting began; a recording returns the moment it was made."""
    patterns: str | None
    """Folder of the user's own patterns of known troubles, as the settings name it."""

    def look(self, call: Call[A]) -> Seen[A]: ...

    def run(self, argv: Sequence[str]) -> Seen[Completed]:
        """A read-only command. Any exit status is an answer; a program that cannot run raises CouldNotLook."""
        ...

    def file(self, path: str, start: int = 0, length: int = 262_144) -> Seen[FileText]:
        """A stretch of a file; a negative start counts from the end."""
        ...

    def part(self, what: str) -> AbstractContextManager[None]:
        """A part that may fail alone: a CouldNotLook inside becomes a blind spot named `what`."""
        ...

    def patience(self) -> float:
        """Seconds our own limits leave for the next look: a longer wait ends as ours, not as the service's silence."""
        ...

    def blind(self, what: str, reason: str, remedy: str = "") -> None:
        """Note something that was not seen, although no look failed."""
        ...

    def empty(self, what: str) -> None:
        """Note something that was looked at and holds nothing."""
        ...

    def cut(self, what: str, rest: str) -> None:
        """Note an answer of which only a part was seen, and how to get the rest."""
        ...


@dataclass
class Limits:
    """What one look may cost. `cancel` is set when the caller goes away; children are then ended."""

    timeout_s: float = 10.0
    max_bytes: int = 1_048_576
    cancel: threading.Event = field(default_factory=threading.Event)

    def first_s(self) -> float:
        """Seconds in which something must answer at all: what hangs must not cost as much as what is slow."""
        return self.timeout_s * 0.6

    def check(self) -> None:
        """Raises Cancelled once the caller has gone."""
        if self.cancel.is_set():
            raise Cancelled("cancelled before it was finished")

    def until(self) -> Callable[[], float]:
        """A function returning the seconds left, counted from now."""
        end = time.monotonic() + self.timeout_s
        return lambda: max(0.0, end - time.monotonic())
