"""How a source of change asks the journal without hiding what it could not see."""

from collections.abc import Sequence

from mcp_server.core.change import Window
from mcp_server.core.clock import stamp
from mcp_server.core.journal_calls import MOST, JournalSeen, ReadJournal
from mcp_server.core.reader import Reader, Seen


def entries_of(
    reader: Reader, window: Window, folder: str | None, matches: Sequence[Sequence[str]], *, fields: Sequence[str],
    what: str, grep: str | None = None, limit: int = MOST,
) -> Seen[JournalSeen]:  # fmt: skip
    """Entries of the window; whatever keeps some of them from being seen is noted. Raises CouldNotLook."""
    call = ReadJournal(
        folder=folder, since=window.since, until=window.until, matches=tuple(map(tuple, matches)), grep=grep,
        fields=tuple(fields), limit=limit,
    )  # fmt: skip
    seen = reader.look(call)
    for doubt in seen.value.doubts:
        reader.blind(doubt.what, f"{doubt.reason}: {doubt.detail}", doubt.remedy)
    if seen.value.cut:
        begin = f", back to {stamp(seen.value.entries[0].at)}" if seen.value.entries else ""
        reader.cut(f"{what} in the journal: {seen.value.cut}{begin}", "ask for a shorter window with since=… until=…")
    return seen


def reach(reader: Reader, window: Window, folder: str | None) -> Seen[JournalSeen]:
    """The last entry before the window, if any. Without one the journal begins inside the window, which is noted."""
    seen = reader.look(ReadJournal(folder=folder, until=window.since, fields=("_HOSTNAME",), limit=1))
    if not seen.value.entries and not seen.value.doubts:
        reader.cut(
            f"journal: it holds nothing from before {stamp(window.since)}, so its beginning may lie inside the window",
            "older journals may be elsewhere: name their folder in the setting logs.journal",
        )
    return seen
