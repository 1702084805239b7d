"""Write-ahead logs laid over databases in memory: as SQLite itself would read them, whatever was done to their bytes."""

import shutil
import sqlite3
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.core.errors import Cancelled, CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.targets.sqlite_image import committed, opened


def _made(folder: Path, page: int = 512) -> tuple[bytes, bytes]:
    """A database and its write-ahead log, after some commits, one of which makes it smaller."""
    path = folder / "made.sqlite"
    database = sqlite3.connect(path)
    database.executescript(
        f"PRAGMA page_size={page}; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; PRAGMA auto_vacuum=2;"
    )
    database.execute("CREATE TABLE t (x)")
    for number in range(20):
        database.execute("INSERT INTO t VALUES (?)", (f"{number}" * 300,))
        database.commit()
    database.execute("DELETE FROM t WHERE rowid > 8")
    database.commit()
    database.execute("PRAGMA incremental_vacuum")
    data = path.read_bytes(), Path(f"{path}-wal").read_bytes()
    database.close()
    return data


def _rows(path: Path, limits: Limits | None = None) -> list[object]:
    with opened(str(path), limits or Limits(), ReadSettings()) as image:
        return image.connection.execute("SELECT x FROM t ORDER BY rowid").fetchall()


def _by_sqlite(folder: Path, path: Path) -> list[object]:
    copy = folder / "copy.sqlite"
    shutil.copy(path, copy)
    shutil.copy(f"{path}-wal", f"{copy}-wal")
    database = sqlite3.connect(copy)
    try:
        return database.execute("SELECT x FROM t ORDER BY rowid").fetchall()
    finally:
        database.close()


@pytest.mark.parametrize("page", [512, 4_096, 65_536])
def test_it_reads_what_sqlite_reads(tmp_path: Path, page: int) -> None:
    main, wal = _made(tmp_path, page)
    path = tmp_path / "a.sqlite"
    path.write_bytes(main)
    for end in (len(wal), len(wal) // 2, len(wal) // 3, 40, 0):
        Path(f"{path}-wal").write_bytes(wal[:end])
        try:
            expected: list[object] | None = _by_sqlite(tmp_path, path)
        except sqlite3.Error:
            expected = None
        if expected is None:
            with pytest.raises(CouldNotLook, match="cannot be read"):
                _rows(path)
        else:
            assert _rows(path) == expected
    assert sorted(item.name for item in tmp_path.glob("a.sqlite*")) == ["a.sqlite", "a.sqlite-wal"]


@settings(max_examples=60)
@given(place=st.integers(0, 40_000), flip=st.integers(1, 255), cut=st.integers(0, 40_000))
def test_damage_anywhere_is_read_as_sqlite_reads_it_or_refused(
    tmp_path_factory: pytest.TempPathFactory, place: int, flip: int, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("damage")
    main, wal = _made(folder)
    data = bytearray(wal)
    data[place % len(data)] ^= flip
    path = folder / "a.sqlite"
    path.write_bytes(main)
    Path(f"{path}-wal").write_bytes(data[: len(data) - cut % 4_000])
    try:
        expected: list[object] | None = _by_sqlite(folder, path)
    except sqlite3.Error:
        expected = None
    try:
        found: list[object] | None = _rows(path)
    except CouldNotLook:
        found = None
    assert found == expected


@given(st.binary(max_size=4_000))
def test_any_bytes_are_no_write_ahead_log(data: bytes) -> None:
    assert committed(data, lambda: None) == ({}, False)


def test_a_query_without_end_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    database = sqlite3.connect(path)
    database.execute(
        "CREATE VIEW t AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n WHERE x < 0"
    )
    database.close()
    limits = Limits(timeout_s=0.2)
    with pytest.raises(CouldNotLook) as caught, opened(str(path), limits, ReadSettings()) as image:
        image.connection.execute("SELECT count(*) FROM t").fetchall()
    assert caught.value.reason == "timed_out"
    limits = Limits(cancel=threading.Event())
    with pytest.raises(Cancelled), opened(str(path), limits, ReadSettings()) as image:
        limits.cancel.set()
        image.connection.execute("SELECT count(*) FROM t").fetchall()


def test_nothing_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE t (x)")
    database.close()
    with pytest.raises(CouldNotLook), opened(str(path), Limits(), ReadSettings()) as image:
        image.connection.execute("INSERT INTO t VALUES (1)")
