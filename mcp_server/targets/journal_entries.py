"""Entries of the journal as records: `journalctl -o json` with selected fields, a window, and matches that it has indexed."""

import json
from datetime import datetime
from typing import Any

from mcp_server.core.calls import Command
from mcp_server.core.clock import from_epoch
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.journal_calls import JournalEntry, JournalSeen, ReadJournal
from mcp_server.core.log_calls import LogDoubt
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.core.text import amount
from mcp_server.targets import command
from mcp_server.targets.journal import doubts_of, said, when

MAX_BYTES = 33_554_432
FIELD_CHARS = 4_000
"""What is kept of one field: a message may be megabytes."""


def look(call: Any, limits: Limits, policy: ReadSettings) -> JournalSeen:
    """Answer ReadJournal. Raises CouldNotLook: missing (no journalctl, no journal), denied, damaged, timed_out."""
    assert isinstance(call, ReadJournal)
    bounds = Limits(limits.timeout_s, max(limits.max_bytes, MAX_BYTES), limits.cancel)
    place = (f"--directory={call.folder}",) if call.folder else ()
    # with -o json it keeps to itself that journals are missing or may not be read; asked for nothing it says so
    ask = Command(argv=("journalctl", "-n", "0", "--no-pager", *place))
    hints = command.look(ask, bounds, policy).err if call.hints else ""
    done = command.look(Command(argv=(*_argv(call), *place, *_matches(call))), bounds, policy)
    # a search that finds nothing ends with 1
    code = 0 if call.grep and done.exit == 1 and not done.err.strip() else done.exit
    doubts = list(doubts_of(call.title(), f"{hints}\n{done.err}", code, bool(done.out)))
    if doubts and not done.out:
        raise doubts[0]
    return _seen(call, done.out, done.cut, doubts)


def _argv(call: ReadJournal) -> list[str]:
    argv = ["journalctl", "-o", "json", "-a", "-r", "--no-pager", f"--output-fields={','.join(call.fields)}"]
    argv += [f"--since={when(_nanoseconds(call.since))}"] if call.since else []
    # the call's moments are whole milliseconds: the last one of the window belongs to it
    argv += [f"--until={when(_nanoseconds(call.until) + 999_000)}", "-n", str(call.limit + 1)]
    argv += [f"--grep={call.grep}", "--case-sensitive=true"] if call.grep else []
    return argv


def _nanoseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000) * 1_000_000


def _matches(call: ReadJournal) -> list[str]:
    return [item for index, group in enumerate(call.matches) for item in (*(["+"] if index else []), *group)]


def _seen(call: ReadJournal, out: str, cut: str | None, failures: list[CouldNotLook]) -> JournalSeen:
    entries: list[JournalEntry] = []
    strange = 0
    for row in out.split("\n"):
        if row:
            try:
                entries.append(_entry(json.loads(row)))
            except (ValueError, TypeError, KeyError, AttributeError, OverflowError, OSError):
                strange += 1
    if len(entries) > call.limit:
        entries, cut = entries[: call.limit], "more"
    doubts = [LogDoubt(what=item.what, reason=item.reason, detail=item.detail, remedy=item.remedy) for item in failures]
    if strange:
        detail = f"{amount(strange, 'entry', 'entries')} not readable"
        doubts.append(LogDoubt(what=call.title(), reason="damaged", detail=detail))
    entries.reverse()
    kept = f"only the newest {amount(len(entries), 'entry', 'entries')} were read"
    return JournalSeen(entries=tuple(entries), doubts=tuple(doubts), cut=kept if cut else None)


def _entry(found: dict[str, Any]) -> JournalEntry:
    micro = int(found["__REALTIME_TIMESTAMP"])
    fields = {
        name: said(value)[:FIELD_CHARS]
        for name, value in found.items()
        if not name.startswith("__") and name != "_BOOT_ID" and value is not None
    }
    return JournalEntry(
        at=from_epoch(micro / 1_000_000), stamp=str(micro), boot=said(found.get("_BOOT_ID")),
        uptime_s=int(said(found.get("__MONOTONIC_TIMESTAMP")) or 0) / 1_000_000, fields=fields,
    )  # fmt: skip
