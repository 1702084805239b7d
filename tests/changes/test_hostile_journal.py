"""Whatever stands in the journal: every source that reads it survives, tells it as data, and stays bounded."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.changes import boots, cron, kernel_messages, network, sessions, systemd
from mcp_server.core import unit_events
from mcp_server.core.change import Change, Window
from mcp_server.core.clock import parse_moment
from mcp_server.core.declare import Scope
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.journal_calls import JournalEntry, JournalSeen, ReadJournal
from mcp_server.core.reader import Seen

NOON = parse_moment("2026-11-20T12:00:00Z")
WINDOW = Window(since=NOON - timedelta(hours=2), until=NOON)
NAMES = ("MESSAGE", "MESSAGE_ID", "UNIT", "JOB_TYPE", "UNIT_RESULT", "_COMM", "_TRANSPORT", "SYSLOG_IDENTIFIER", "COREDUMP_EXE")
SAID = (
    "Accepted publickey for root from 10.0.0.1 port 1", "x : TTY=a ; PWD=/x ; USER=root ; COMMAND=rm /x/y", "(root) CMD (x",
    "Out of memory: Killed process 1 (x)", "Reloading.", "Finished x", "eth0: Lost carrier", "kernel", "sudo", "su",
    *(value for key, value in vars(unit_events).items() if key.isupper() and isinstance(value, str)),
)  # fmt: skip
TEXT = st.sampled_from(SAID) | st.text(max_size=80) | st.tuples(st.sampled_from(SAID), st.text(max_size=30)).map("".join)
ENTRY = st.builds(
    lambda seconds, uptime, boot, fields: JournalEntry(
        at=NOON - timedelta(seconds=seconds), stamp="1", boot=boot, uptime_s=uptime, fields=fields
    ),
    st.integers(0, 7_200), st.floats(0, 1e7), st.sampled_from(("a" * 32, "b" * 32, "")),
    st.dictionaries(st.sampled_from(NAMES), TEXT),
)  # fmt: skip


class Journaled:
    """A reader that knows a journal and nothing else."""

    target, now, patterns = "local", NOON, None

    def __init__(self, entries: list[JournalEntry]) -> None:
        self.entries, self.notes = entries, list[str]()

    def look(self, call: object) -> Seen[JournalSeen]:
        if isinstance(call, ReadJournal):
            return Seen(JournalSeen(entries=tuple(self.entries)), "E1")
        raise CouldNotLook("it", "missing", "nothing here")

    run = file = look

    def part(self, what: str) -> "Journaled":
        return self

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type | None, failure: BaseException | None, trace: object) -> bool:
        return isinstance(failure, CouldNotLook)

    def blind(self, *said: str) -> None:
        self.notes.append(" ".join(said))

    empty = cut = blind


@pytest.mark.parametrize(
    "source", [boots, cron, kernel_messages, network, sessions, systemd], ids=lambda module: module.__name__
)
@given(entries=st.lists(ENTRY, max_size=30))
@settings(max_examples=60)
def test_any_journal_is_survived(source: object, entries: list[JournalEntry]) -> None:
    found: Iterator[Change] = source.collect(Journaled(entries), WINDOW, Scope(onset=NOON - timedelta(hours=1)))  # type: ignore[attr-defined]
    changes = list(found)
    assert len(changes) <= 80
    for change in changes:
        change.summary.told(str)  # every place of the text has its value
        for entry in entries:
            for name, value in entry.fields.items():
                if name == "MESSAGE" and len(value) > 30:
                    assert value not in change.summary.text
