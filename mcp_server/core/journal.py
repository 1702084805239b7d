"""How a source of change asks the journal without hiding what it could not see."""

from collections.abc import Sequence

from mcp_server.core.change import Window
from mcp_server.core.clock import stamp
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.journal_calls import MOST, JournalEntry, JournalSeen, ReadJournal
from mcp_server.core.reader import Reader, Seen


class Journal:
    """The journal over one window. Opening it looks whether it can be read and reaches back; raises CouldNotLook.

    `before` is the last entry before the window: without one the journal begins inside the window, which is noted.
    """

    def __init__(self, reader: Reader, window: Window, folder: str | None) -> None:
        self._reader, self._window, self._folder = reader, window, folder
        seen = self._look(ReadJournal(folder=folder, until=window.since, fields=("MESSAGE_ID",), limit=1))
        self.evidence = seen.evidence
        self.before: JournalEntry | None = seen.value.entries[0] if seen.value.entries else None
        if self.before is None and not seen.value.doubts:
            reader.cut(
                f"journal: it holds nothing from before {stamp(window.since)}, so its beginning may lie inside the window",
                "older journals may be elsewhere: name their folder in the setting logs.journal",
            )

    def entries(
        self, matches: Sequence[Sequence[str]], *, fields: Sequence[str], what: str, grep: str | None = None,
        limit: int = MOST, window: Window | None = None,
    ) -> Seen[JournalSeen]:  # fmt: skip
        """Entries of the window (or of a part of it); whatever keeps some of them from being seen is noted."""
        part = window or self._window
        call = ReadJournal(
            folder=self._folder, since=part.since, until=part.until, matches=tuple(map(tuple, matches)), grep=grep,
            fields=tuple(fields), limit=limit, hints=False,
        )  # fmt: skip
        seen = self._look(call)
        if seen.value.cut:
            begin = f", back to {stamp(seen.value.entries[0].at)}" if seen.value.entries else ""
            self._reader.cut(f"{what} in the journal: {seen.value.cut}{begin}", "ask for a shorter window with since=… until=…")
        return seen

    def last(self, window: Window) -> JournalEntry | None:
        """The newest entry of a part of the window, whatever it says."""
        call = ReadJournal(
            folder=self._folder, since=window.since, until=window.until, fields=("MESSAGE_ID",), limit=1, hints=False
        )
        entries = self._look(call).value.entries
        return entries[0] if entries else None

    def _look(self, call: ReadJournal) -> Seen[JournalSeen]:
        try:
            seen = self._reader.look(call)
        except CouldNotLook as failure:
            if failure.reason == "missing":
                failure.remedy = "ask on the host itself, or name the folder of its journal in the setting logs.journal"
            raise
        for doubt in seen.value.doubts:
            self._reader.blind(doubt.what, f"{doubt.reason}: {doubt.detail}", doubt.remedy)
        return seen
