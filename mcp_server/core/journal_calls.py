"""Entries of the journal as records: a way to look, like `core/calls.py`, for those who need fields and not lines."""

from typing import Any, Literal

from pydantic import Field

from mcp_server.core.call import Call
from mcp_server.core.clock import Moment
from mcp_server.core.log_calls import LogDoubt
from mcp_server.core.noun import Noun

MOST = 5_000


class JournalEntry(Noun):
    """One entry with the fields asked for. `uptime_s` is the boot's own clock, which nobody can set."""

    at: Moment
    stamp: str = Field("", description="journald's own stamp: microseconds since 1970")
    boot: str = ""
    uptime_s: float = 0.0
    fields: dict[str, str] = {}

    def get(self, name: str) -> str:
        """A field's text, empty where it has none."""
        return self.fields.get(name, "")


class JournalSeen(Noun):
    """Entries, oldest first. `doubts` are blind spots; `cut` says that older entries of the window are missing."""

    entries: tuple[JournalEntry, ...] = ()
    doubts: tuple[LogDoubt, ...] = ()
    cut: str | None = None


class ReadJournal(Call[JournalSeen]):
    """The newest `limit` entries of a window that fit any of `matches`; of a group all fields must fit.

    A field named twice in a group may have either value, as with journalctl. `grep` looks at the messages of those.
    """

    kind: Literal["journal"] = "journal"
    folder: str | None = Field(None, description="a folder of journal files instead of this host's journal")
    since: Moment | None = None
    until: Moment
    matches: tuple[tuple[str, ...], ...] = ()
    grep: str | None = None
    fields: tuple[str, ...] = ("MESSAGE",)
    limit: int = Field(MOST, ge=1, le=100_000)
    hints: bool = Field(True, description="ask journalctl first what it does not show; no need to ask that twice")

    def title(self) -> str:
        return f"journal in {self.folder}" if self.folder else "journal"


ANSWERS: dict[type[Call[Any]], type[Noun]] = {ReadJournal: JournalSeen}
"""The calls of this module, each with the type of its answer."""
