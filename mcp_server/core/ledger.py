"""The ledger: append-only, hash-chained, shared by several processes, embedded (SQLite, WAL).

Each entry's hash covers its number, time, kind, incident, body and the hash before it. Blobs (the redacted bytes of
evidence, kept apart so that the chain stays small) are addressed by their sha256, which the entry's body holds.
An entry survives the end of this process when `append` returns, and a power cut as well unless `durable=False` was said:
such an entry (the start of a call, a look) becomes durable with the next durable one, which is the answer that rests on it.
"""

import contextlib
import hashlib
import json
import os
import secrets
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mcp_server.core.clock import now, stamp
from mcp_server.core.errors import BadInput, Broken
from mcp_server.core.noun import Noun

GENESIS = "0" * 64
_SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
  seq INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL, incident TEXT, body TEXT NOT NULL, hash TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS entry_incident ON entry(incident, seq) WHERE incident IS NOT NULL;
CREATE INDEX IF NOT EXISTS entry_kind ON entry(kind, seq);
CREATE TABLE IF NOT EXISTS blob (sha256 TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS entry_kept BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS entry_fixed BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS blob_kept BEFORE DELETE ON blob BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS blob_fixed BEFORE UPDATE ON blob BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"""


class Entry(Noun):
    """One line of the ledger."""

    seq: int
    at: str
    kind: str
    incident: str | None
    body: dict[str, Any]
    hash: str


class Verification(Noun):
    """What `verify` found. `broken_at` is the first entry that does not fit; `head` names the newest."""

    entries: int
    head: str
    broken_at: int | None = None
    problem: str = ""
    missing_blobs: tuple[str, ...] = ()

    @property
    def intact(self) -> bool:
        return self.broken_at is None and not self.missing_blobs


def chain_hash(previous: str, seq: int, at: str, kind: str, incident: str | None, body: str) -> str:
    """sha256 over the previous hash and the entry's fields, in a form that cannot be read two ways."""
    return hashlib.sha256(json.dumps([previous, seq, at, kind, incident, body]).encode()).hexdigest()


class Ledger:
    """One folder of state. Safe for several threads and several processes at once.

    `mark` stands before the numbers of its evidence and answers (`GE12`), where several ledgers are cited side by side.
    """

    def __init__(self, folder: str | Path, *, mark: str = "", plain_file: bool = False, read_only: bool = False) -> None:
        """`plain_file` keeps everything in one file between writes, so that those who may not write here can read it."""
        self.folder = Path(folder)
        self.path = self.folder / "ledger.sqlite3"
        self.mark = mark
        self._lock = threading.RLock()
        try:
            if read_only:
                self._db = sqlite3.connect(
                    f"{self.path.absolute().as_uri()}?mode=ro",
                    timeout=5,
                    isolation_level=None,
                    check_same_thread=False,
                    uri=True,
                )
                self._db.execute("SELECT seq FROM entry LIMIT 1")
                return
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
            for pragma in (f"journal_mode={'TRUNCATE' if plain_file else 'WAL'}", "synchronous=FULL", "temp_store=MEMORY"):
                self._db.execute(f"PRAGMA {pragma}")
            self._db.executescript("BEGIN IMMEDIATE;" + _SCHEMA + "COMMIT;")
        except (OSError, sqlite3.Error) as error:
            raise Broken(
                f"the ledger in {self.folder} cannot be opened: {error}", "set state_dir to a writable folder with free space"
            ) from None

    def close(self) -> None:
        """Close the file; entries are already durable."""
        with self._lock:
            self._db.close()

    def append(
        self,
        kind: str,
        body: Mapping[str, Any],
        *,
        incident: str | None = None,
        blob: bytes | None = None,
        durable: bool = True,
        check: Callable[[], None] | None = None,
    ) -> Entry:
        """Add one entry, with its blob in the same transaction. Raises Broken when it cannot be written.

        `check` runs inside the transaction, when nobody else can write: what it raises undoes everything.
        """
        with self._lock:
            try:
                self._db.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    if check is not None:
                        check()
                    entry = self._insert(kind, dict(body), incident, blob)
                    self._db.execute("COMMIT")
                except BaseException:
                    if self._db.in_transaction:  # SQLite has rolled back by itself when the disk is full
                        self._db.execute("ROLLBACK")
                    raise
                return entry
            except sqlite3.Error as error:
                raise Broken(f"the ledger could not be written: {error}", f"check space and rights of {self.folder}") from None

    def _insert(self, kind: str, body: dict[str, Any], incident: str | None, blob: bytes | None) -> Entry:
        row = self._db.execute("SELECT seq, hash FROM entry ORDER BY seq DESC LIMIT 1").fetchone()
        seq, previous = (row[0] + 1, row[1]) if row else (1, GENESIS)
        if blob is not None:
            body["sha256"] = hashlib.sha256(blob).hexdigest()
            body["size"] = len(blob)
            self._db.execute("INSERT OR IGNORE INTO blob VALUES (?, ?)", (body["sha256"], zlib.compress(blob, 1)))
        at, text = stamp(now()), json.dumps(body, sort_keys=True, separators=(",", ":"))
        digest = chain_hash(previous, seq, at, kind, incident, text)
        self._db.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)", (seq, at, kind, incident, text, digest))
        return Entry(seq=seq, at=at, kind=kind, incident=incident, body=body, hash=digest)

    def entry(self, seq: int) -> Entry:
        """One entry by number. Raises BadInput when there is none."""
        with self._lock:
            row = self._db.execute("SELECT seq, at, kind, incident, body, hash FROM entry WHERE seq = ?", (seq,)).fetchone()
        if row is None:
            raise BadInput(f"the ledger has no entry {seq}")
        return _entry(row)

    def entries(self, *, incident: str | None = None, kind: str | None = None, after: int = 0) -> Iterator[Entry]:
        """Entries in order, optionally of one incident or kind."""
        where, arguments = ["seq > ?"], [after]  # type: tuple[list[str], list[Any]]
        for column, value in (("incident", incident), ("kind", kind)):
            if value is not None:
                where.append(f"{column} = ?")
                arguments.append(value)
        query = f"SELECT seq, at, kind, incident, body, hash FROM entry WHERE {' AND '.join(where)} ORDER BY seq"  # noqa: S608 -- columns are ours
        with self._lock:
            rows = self._db.execute(query, arguments).fetchall()
        return map(_entry, rows)

    def newest(self, kinds: tuple[str, ...], *, before: int, limit: int) -> Iterator[Entry]:
        """At most `limit` entries of these kinds below number `before`, newest first."""
        marks = ", ".join("?" * len(kinds))
        query = f"SELECT seq, at, kind, incident, body, hash FROM entry WHERE seq < ? AND kind IN ({marks}) ORDER BY seq DESC LIMIT ?"  # noqa: S608, E501 -- marks are ours
        with self._lock:
            rows = self._db.execute(query, (before, *kinds, limit)).fetchall()
        return map(_entry, rows)

    def blob(self, sha256: str) -> bytes:
        """The bytes with this digest. Raises Broken when they are missing or altered."""
        with self._lock:
            row = self._db.execute("SELECT bytes FROM blob WHERE sha256 = ?", (sha256,)).fetchone()
        try:
            data = zlib.decompress(row[0]) if row else None
        except zlib.error:
            data = None
        if data is None or hashlib.sha256(data).hexdigest() != sha256:
            raise Broken(f"the ledger's bytes {sha256[:12]}… are {'altered' if row else 'missing'}", "run verify_ledger")
        return data

    def head(self) -> tuple[int, str]:
        """Number and hash of the newest entry; keep the hash elsewhere to notice a cut tail."""
        with self._lock:
            row = self._db.execute("SELECT seq, hash FROM entry ORDER BY seq DESC LIMIT 1").fetchone()
        return (row[0], row[1]) if row else (0, GENESIS)

    def verify(self) -> Verification:
        """Walk the whole chain and every blob; the first entry that does not fit is named."""
        previous, count, missing = GENESIS, 0, []
        with self._lock:
            rows = self._db.execute("SELECT seq, at, kind, incident, body, hash FROM entry ORDER BY seq")
            for seq, at, kind, incident, text, digest in rows:
                count += 1
                problem = ""
                if seq != count:
                    problem = f"entry {count} is missing"
                elif chain_hash(previous, seq, at, kind, incident, text) != digest:
                    problem = f"entry {seq} ({kind}, {at}) does not match its hash: it or the one before was altered"
                if problem:
                    return Verification(entries=count, head=previous, broken_at=count, problem=problem)
                previous = digest
                sha256 = json.loads(text).get("sha256")
                if sha256:
                    try:
                        self.blob(sha256)
                    except Broken:
                        missing.append(f"entry {seq}: {sha256}")
        return Verification(entries=count, head=previous, missing_blobs=tuple(missing))


def _entry(row: tuple[Any, ...]) -> Entry:
    seq, at, kind, incident, body, digest = row
    return Entry(seq=seq, at=at, kind=kind, incident=incident, body=json.loads(body), hash=digest)


def installation_key(folder: Path) -> bytes:
    """The random key of this state folder, made once; redaction tags depend on it."""
    path = folder / "key"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            # written whole under another name first: a second process never sees half a key
            draft = folder / f"key.{os.getpid()}.{secrets.token_hex(4)}"
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(32))
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
            draft.unlink()
        key = path.read_bytes()
    except OSError as error:
        raise Broken(f"the state folder {folder} cannot be written: {error}", "set state_dir to a writable folder") from None
    if len(key) != 32:
        raise Broken(f"{path} is damaged: 32 bytes expected, {len(key)} found", "restore it, or remove it to start new tags")
    return key
