"""The ledger: append-only, chained, shared, and honest after a crash."""

import secrets
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mcp_server.core.errors import BadInput, Broken
from mcp_server.core.ledger import GENESIS, Ledger, chain_hash, installation_key

APPENDER = """
import sys
from mcp_server.core.ledger import Ledger
ledger = Ledger(sys.argv[1])
if sys.argv[4:]:
    print("ready", flush=True)
    sys.stdin.readline()
for number in range(int(sys.argv[2])):
    entry = ledger.append("test", {"n": number, "who": sys.argv[3]}, blob=b"x" * 2000 + str(number).encode())
    print(entry.seq, entry.hash, flush=True)
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "state")


def raw(ledger: Ledger) -> sqlite3.Connection:
    """A connection of somebody who does not respect the ledger: the triggers are removed first."""
    db = sqlite3.connect(ledger.path)
    for name in ("entry_kept", "entry_fixed", "blob_kept", "blob_fixed"):
        db.execute(f"DROP TRIGGER {name}")
    return db


def test_entries_come_back_in_order_with_their_chain(ledger: Ledger) -> None:
    first = ledger.append("note", {"text": "a"}, incident="INC-1")
    second = ledger.append("note", {"text": "b"})
    assert [entry.body["text"] for entry in ledger.entries(kind="note")] == ["a", "b"]
    assert [entry.seq for entry in ledger.entries(incident="INC-1")] == [first.seq]
    assert second.hash == chain_hash(first.hash, 2, second.at, "note", None, '{"text":"b"}')
    assert ledger.head() == (2, second.hash)
    assert ledger.verify().intact


def test_an_empty_ledger_verifies(ledger: Ledger) -> None:
    assert ledger.verify().head == GENESIS


def test_a_blob_comes_back_and_its_digest_is_in_the_entry(ledger: Ledger) -> None:
    entry = ledger.append("evidence", {}, blob=b"bytes")
    assert ledger.blob(entry.body["sha256"]) == b"bytes"


def test_an_unknown_entry_is_a_sentence(ledger: Ledger) -> None:
    with pytest.raises(BadInput, match="no entry 7"):
        ledger.entry(7)


@pytest.mark.parametrize("statement", ["DELETE FROM entry", "UPDATE entry SET body = '{}'", "DELETE FROM blob"])
def test_the_file_itself_refuses_changes(ledger: Ledger, statement: str) -> None:
    ledger.append("note", {}, blob=b"x")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        sqlite3.connect(ledger.path).execute(statement)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("body", '{"n":99}'), ("kind", "outcome"), ("incident", "INC-9"), ("incident", None),
        ("at", "2026-01-01T00:00:00.000Z"), ("hash", "0" * 64),
    ],
)  # fmt: skip
def test_verify_names_the_altered_entry(ledger: Ledger, column: str, value: str | None) -> None:
    for number in range(5):
        ledger.append("note", {"n": number}, incident="INC-1")
    with raw(ledger) as db:
        db.execute(f"UPDATE entry SET {column} = ? WHERE seq = 3", (value,))
    verification = ledger.verify()
    assert verification.broken_at == 3
    assert verification.problem.startswith("entry 3 (")


def test_what_is_durable_waits_for_the_disk_and_what_is_not_rides_along(ledger: Ledger) -> None:
    """A power cut cannot be had in a test; what SQLite promises at these levels can: 2 is FULL, 1 NORMAL."""
    ledger.append("answer", {})
    assert ledger._db.execute("PRAGMA synchronous").fetchone() == (2,)
    ledger.append("look", {}, durable=False)
    assert ledger._db.execute("PRAGMA synchronous").fetchone() == (1,)


def test_verify_names_a_removed_entry(ledger: Ledger) -> None:
    for number in range(5):
        ledger.append("note", {"n": number})
    with raw(ledger) as db:
        db.execute("DELETE FROM entry WHERE seq = 2")
    assert ledger.verify().problem == "entry 2 is missing"


def test_a_cut_tail_shows_in_the_head_hash(ledger: Ledger) -> None:
    for number in range(5):
        ledger.append("note", {"n": number})
    head = ledger.head()
    with raw(ledger) as db:
        db.execute("DELETE FROM entry WHERE seq > 3")
    assert ledger.verify().intact  # the chain that is left is whole …
    assert ledger.head() != head  # … but its head is another


def test_an_altered_or_missing_blob_is_named(ledger: Ledger) -> None:
    entry = ledger.append("evidence", {}, blob=b"bytes")
    with raw(ledger) as db:
        db.execute("UPDATE blob SET bytes = x'00'")
    assert ledger.verify().missing_blobs == (f"entry 1: {entry.body['sha256']}",)
    with pytest.raises(Broken, match="altered"):
        ledger.blob(entry.body["sha256"])


def test_several_threads_and_processes_write_one_chain(ledger: Ledger) -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", APPENDER, str(ledger.folder), "80", f"p{n}", "together"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for n in range(3)
    ]  # fmt: skip
    threads = [threading.Thread(target=lambda: [ledger.append("test", {}) for _ in range(40)]) for _ in range(3)]
    for child in children:  # all at once, or they would hardly meet
        assert child.stdout
        assert child.stdout.readline() == b"ready\n"
    for child in children:
        assert child.stdin
        child.stdin.write(b"go\n")
        child.stdin.flush()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for child in children:
        child.communicate(timeout=60)
        assert child.returncode == 0
    verification = ledger.verify()
    assert verification.intact, verification
    assert verification.entries == 360


@pytest.mark.parametrize("after", [1, 7, 23])
def test_kill_9_loses_nothing_acknowledged(ledger: Ledger, after: int) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", APPENDER, str(ledger.folder), "100000", "victim"], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout
    acknowledged = [child.stdout.readline().split() for _ in range(after)]
    child.send_signal(signal.SIGKILL)
    rest, _ = child.communicate(timeout=30)
    acknowledged += [line.split() for line in rest.splitlines() if len(line.split()) == 2]
    assert ledger.verify().intact
    for seq, digest in acknowledged:
        if len(digest) == 64:  # the pipe may end in the middle of a line
            assert ledger.entry(int(seq)).hash == digest
    assert ledger.append("note", {}).seq > after


def test_a_folder_that_cannot_be_used_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(Broken, match="state_dir"):
        Ledger(tmp_path / "file")


def test_a_file_that_is_no_ledger_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite3").write_bytes(b"this is not a database, but it is long enough to look like one" * 20)
    with pytest.raises(Broken, match="cannot be opened"):
        Ledger(tmp_path)


def test_the_key_is_made_once_and_by_one(tmp_path: Path) -> None:
    keys: list[bytes] = []
    threads = [threading.Thread(target=lambda: keys.append(installation_key(tmp_path / "s"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(keys)) == 1
    assert (tmp_path / "s" / "key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "s").iterdir()] == ["key"]
    (tmp_path / "s" / "key").write_bytes(b"short")
    with pytest.raises(Broken, match="damaged"):
        installation_key(tmp_path / "s")


def test_a_full_disk_is_a_sentence_and_nothing_half_written(ledger: Ledger) -> None:
    ledger.append("test", {})
    ledger._db.execute("PRAGMA max_page_count = 20")
    with pytest.raises(Broken, match=r"could not be written: database or disk is full\. check space and rights"):
        ledger.append("test", {}, blob=secrets.token_bytes(200_000))
    ledger._db.execute("PRAGMA max_page_count = 2000")
    assert ledger.append("test", {}).seq == 2
    assert ledger.verify().intact
