"""One line of an incident's story: something that has a time, who says so, and how sure that time is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from mcp_server.core.clock import stamp
from mcp_server.core.outcome import Severity, Statement

Kind = Literal["change", "log", "alert", "finding", "action", "incident", "note", "answer"]
KINDS: tuple[Kind, ...] = ("change", "log", "alert", "finding", "action", "incident", "note", "answer")
"""In the order in which they stand at the same moment: what may be a cause before what may be its trace."""
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")


@dataclass(frozen=True, slots=True)
class Sighting:
    """Another source that saw the same event, with its own time and stamp."""

    source: str
    at: datetime
    stamp: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Happening:
    """One event. No pydantic record: a hundred thousand of them stand in memory at once."""

    at: datetime
    kind: Kind
    source: str
    """Who says so, a name of ours: a change source, a diagnostic, the ledger."""
    statement: Statement
    stamp: str = ""
    """The source's own stamp, untouched; data."""
    doubt_ms: int = 0
    inferred: bool = False
    """The time is when it was seen, not when it happened."""
    origin: str = ""
    """What the source read, where it reads several things: a log's path; data."""
    component: str = ""
    severity: Severity | None = None
    until: datetime | None = None
    """When it was last seen, for what goes on."""
    label: str = ""
    """A few words for a drawing; data."""
    identity: tuple[str, ...] = ()
    """Traces under which another source would name the same event."""
    also: tuple[Sighting, ...] = ()

    def cites(self) -> tuple[str, ...]:
        """Evidence ids."""
        return self.statement.evidence

    def key(self) -> tuple[datetime, int, str, str, str]:
        """Its place in the order; the same for the same event, however often the story is folded."""
        return (self.at, KINDS.index(self.kind), self.source, self.origin, self.label)

    def lane(self) -> str:
        """Whose row of the drawing it stands in."""
        return self.origin or self.source

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        said: dict[str, Any] = {
            "at": stamp(self.at), "kind": self.kind, "source": self.source, "statement": self.statement.model_dump(mode="json"),
            "stamp": self.stamp, "doubt_ms": self.doubt_ms, "inferred": self.inferred,
        }  # fmt: skip
        for name in ("origin", "component", "severity"):
            if value := getattr(self, name):
                said[name] = value
        if self.until:
            said["until"] = stamp(self.until)
        if self.also:
            said["also"] = [
                {"source": item.source, "origin": item.origin, "at": stamp(item.at), "stamp": item.stamp} for item in self.also
            ]
        return said


def in_order(happenings: Sequence[Happening]) -> tuple[Happening, ...]:
    """Oldest first."""
    return tuple(sorted(happenings, key=Happening.key))
