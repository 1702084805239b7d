"""dnf's own databases of transactions, dnf5's and dnf 4's: told, half told, denied, damaged, and never written to."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mcp_server.core.calls import Completed
from mcp_server.core.change import Window
from mcp_server.core.errors import CouldNotLook
from mcp_server.engine.session import Session
from tests.changes.world import World, collect, spots
from tests.dnf_history import History

DNF5 = "/usr/lib/sysimage/libdnf5/transaction_history.sqlite"
DNF4 = "/var/lib/dnf/history.sqlite"
PATHS = {"dnf5": DNF5, "dnf4": DNF4}
WINDOW = Window(since=datetime(2026, 11, 20, 9, tzinfo=UTC), until=datetime(2026, 11, 20, 11, tzinfo=UTC))
TEN = int(datetime(2026, 11, 20, 10, tzinfo=UTC).timestamp())
OLD = TEN - 86_400 * 40
DEEDS = [
    ("upgrade", "openssl-libs", 1, "3.2.2", "6.fc41"), ("replaced", "openssl-libs", 1, "3.0.7", "27.fc41"),
    ("install", "nginx-core", 2, "1.24.0", "4.fc41"), ("remove", "tcpdump", 14, "4.99.0", "9.fc41"),
    ("downgrade", "curl", 0, "7.76.1", "26.fc41"), ("replaced", "curl", 0, "7.76.1", "31.fc41"),
    ("replaced", "sysvinit", 0, "2.88", "9.fc41"), ("reason", "bash", 0, "5.2", "1.fc41"),
]  # fmt: skip
TOLD = [
    ("upgrade", "openssl-libs", "1:3.0.7-27.fc41", "1:3.2.2-6.fc41"), ("install", "nginx-core", "?", "2:1.24.0-4.fc41"),
    ("remove", "tcpdump", "14:4.99.0-9.fc41", "?"), ("downgrade", "curl", "7.76.1-31.fc41", "7.76.1-26.fc41"),
    ("remove", "sysvinit", "2.88-9.fc41", "?"),
]  # fmt: skip


@pytest.fixture
def rpm(world: World) -> World:
    world.file("/usr/lib/sysimage/rpm/rpmdb.sqlite", "")
    return world


@pytest.fixture(params=["dnf5", "dnf4"])
def history(request: pytest.FixtureRequest, rpm: World) -> Iterator[History]:
    made = History(rpm.root / PATHS[request.param].lstrip("/"), request.param)
    made.write(OLD, [("install", "old", 0, "1", "1")])
    yield made
    made.close()


def told(session: Session, world: World) -> tuple[list[tuple[str, str, object, object]], str]:
    changes, coverage = collect(session, world, "packages", WINDOW)
    rows = [(item.kind, item.component, item.summary.values["old"], item.summary.values["new"]) for item in changes]
    return rows, spots(coverage)


def test_a_transaction_is_told_with_its_command(session: Session, rpm: World, history: History) -> None:
    history.write(TEN, DEEDS, command="dnf upgrade --refresh")
    history.write(TEN + 7_200, [("install", "later", 0, "1", "1")])
    changes, coverage = collect(session, rpm, "packages", WINDOW)
    assert [(item.kind, item.component, item.summary.values["old"], item.summary.values["new"]) for item in changes] == TOLD
    assert changes[0].at == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert changes[0].doubt_ms == 3_000
    assert changes[0].stamp == str(TEN)
    assert changes[0].summary.values["command"] == "dnf upgrade --refresh"
    assert not coverage.blind
    assert not coverage.cut


def test_nothing_in_the_window_is_said(session: Session, rpm: World, history: History) -> None:
    changes, coverage = collect(session, rpm, "packages", WINDOW)
    assert (changes, coverage.blind) == ([], ())
    assert "rpm did nothing" in coverage.empty[0]


@pytest.mark.parametrize(("state", "end", "said"), [("failed", -1, "failed: not all"), ("open", None, "without an end")])
def test_what_was_not_finished_is_told_as_such(
    session: Session, rpm: World, history: History, state: str, end: int | None, said: str
) -> None:
    history.write(TEN, DEEDS[:2], state=state, end=end)
    (change,), _ = collect(session, rpm, "packages", WINDOW)
    assert said in change.summary.text


def test_a_history_that_begins_in_the_window_or_holds_nothing_is_a_blind_spot(session: Session, rpm: World) -> None:
    made = History(rpm.root / DNF5.lstrip("/"), "dnf5")
    assert f"packages before the beginning of {DNF5} (it begins at its end: it holds no transaction" in told(session, rpm)[1]
    made.write(TEN, DEEDS)
    rows, blind = told(session, rpm)
    assert rows == TOLD
    assert f"packages before the beginning of {DNF5} (it begins at 2026-11-20T10:00:00.000Z" in blind
    older = History(rpm.root / DNF4.lstrip("/"), "dnf4")  # before the host went over to dnf5
    older.write(OLD, [])
    older.write(TEN - 1_800, [("install", "from-dnf4", 0, "1", "1")])
    rows, blind = told(session, rpm)
    assert rows == [("install", "from-dnf4", "?", "1-1"), *TOLD]
    assert not blind
    made.close()
    older.close()


def test_a_log_of_dnf_4_that_was_left_behind_does_not_hide_what_dnf5_did(session: Session, rpm: World) -> None:
    made = History(rpm.root / DNF5.lstrip("/"), "dnf5")
    made.write(TEN, DEEDS)
    made.close()
    rpm.file("/var/log/dnf.rpm.log", "2025-10-01T08:00:00+0000 INFO --- logging initialized ---\n")
    assert told(session, rpm) == (TOLD, "")


def test_what_the_log_holds_is_told_once_and_what_packagekit_did_as_well(session: Session, rpm: World) -> None:
    made = History(rpm.root / DNF4.lstrip("/"), "dnf4")
    made.write(OLD, [])
    made.write(TEN, DEEDS[:3], end=TEN + 5)
    made.write(TEN + 600, [("install", "by-packagekit", 0, "1", "1")], command="")
    rpm.file(
        "/var/log/dnf.rpm.log",
        "2026-10-01T08:00:00+0000 INFO --- logging initialized ---\n"
        "2026-11-20T10:00:02+0000 SUBDEBUG Upgrade: openssl-libs-1:3.2.2-6.fc41.x86_64\n"
        "2026-11-20T10:00:03+0000 SUBDEBUG Installed: nginx-core-2:1.24.0-4.fc41.x86_64\n"
        "2026-11-20T10:00:04+0000 SUBDEBUG Upgraded: openssl-libs-1:3.0.7-27.fc41.x86_64\n",
    )
    assert told(session, rpm) == ([*TOLD[:2], ("install", "by-packagekit", "?", "1-1")], "")
    rpm.refuse[DNF4] = CouldNotLook(DNF4, "denied", "permission denied", "run as root")
    rows, blind = told(session, rpm)
    assert rows == TOLD[:2]
    assert f"packages in {DNF4}" in blind or "denied" in blind


def test_a_write_ahead_log_is_read_and_nothing_is_written(session: Session, rpm: World) -> None:
    made = History(rpm.root / DNF5.lstrip("/"), "dnf5", wal=True)
    made.write(OLD, [("install", "old", 0, "1", "1")])
    made.write(TEN, DEEDS)
    folder = (rpm.root / DNF5.lstrip("/")).parent
    (folder / "transaction_history.sqlite-shm").unlink()  # as an unclean end leaves it
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert len(before) == 2
    assert told(session, rpm) == (TOLD, "")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    # pages that were taken into the database already, and a log that is used again from its start
    made.database.execute("PRAGMA wal_checkpoint(RESTART)")
    assert told(session, rpm) == (TOLD, "")
    made.write(TEN + 60, [("install", "newest", 0, "1", "1")])
    assert told(session, rpm) == ([*TOLD, ("install", "newest", "?", "1-1")], "")
    made.close()


def test_the_torn_end_of_a_write_ahead_log_is_told(session: Session, rpm: World) -> None:
    made = History(rpm.root / DNF5.lstrip("/"), "dnf5", wal=True)
    made.write(OLD, [("install", "old", 0, "1", "1")])
    made.write(TEN, DEEDS)
    kept = rpm.root / f"{DNF5.lstrip('/')}-wal"
    size = kept.stat().st_size
    made.write(TEN + 60, [("install", "torn", 0, "1", "1")])
    data = bytearray(kept.read_bytes())
    data[size + 2_000] ^= 0xFF
    main = (rpm.root / DNF5.lstrip("/")).read_bytes()
    made.close()
    (rpm.root / DNF5.lstrip("/")).write_bytes(main)
    kept.write_bytes(data)
    rows, blind = told(session, rpm)
    assert rows == TOLD
    assert f"the newest transactions in {DNF5} (the end of its write-ahead log is damaged or half written" in blind


def test_a_rollback_journal_that_is_in_use_is_doubt(session: Session, rpm: World, history: History) -> None:
    history.write(TEN, DEEDS)
    path = PATHS[history.manager]
    rpm.file(f"{path}-journal", b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(504))
    rows, blind = told(session, rpm)
    assert rows == TOLD
    assert "its rollback journal is there" in blind
    rpm.file(f"{path}-journal", bytes(512))  # as PERSIST leaves it after a clean end
    assert told(session, rpm)[1] == ""


def test_denied_damaged_and_strange_databases_are_blind_spots(session: Session, rpm: World, history: History) -> None:
    path = PATHS[history.manager]
    file = rpm.root / path.lstrip("/")
    history.write(TEN, DEEDS)
    history.close()
    whole = file.read_bytes()
    for data in (b"", b"no database", whole[:5_000], whole[:100] + b"\xff" * (len(whole) - 100)):
        file.write_bytes(data)
        rows, blind = told(session, rpm)
        assert rows == []
        assert f"packages in {path} (damaged" in blind
    rpm.refuse[path] = CouldNotLook(path, "denied", "permission denied", "run as root")
    assert "denied: permission denied; run as root" in told(session, rpm)[1]


def test_columns_that_hold_something_else_are_damage(session: Session, rpm: World, history: History) -> None:
    history.database.execute("UPDATE trans SET dt_begin = 'yesterday', dt_end = 1e300")
    history.database.commit()
    rows, blind = told(session, rpm)
    assert rows == []
    assert "damaged" in blind


def test_more_than_is_told_at_once_says_so(session: Session, rpm: World, history: History) -> None:
    history.write(TEN, [("install", f"p{number}", 0, "1", "1") for number in range(5_100)])
    rows, blind = told(session, rpm)
    assert len(rows) == 5_000
    assert "more than 5,000 packages" in blind


def test_without_history_and_log_rpm_is_asked(session: Session, rpm: World) -> None:
    rpm.answers["command"] = Completed(exit=0, out="nginx-1-1.x86_64    Fri Nov 20 10:00:03 2026\n")
    rows, blind = told(session, rpm)
    assert rows == [("install", "nginx", "?", "1-1")]
    assert "packages that were removed" in blind


def test_a_month_back_costs_no_more_looks_than_a_day(session: Session, rpm: World, history: History) -> None:
    for day in range(400):
        history.write(TEN - 86_400 * day, [("install", f"p{day}", 0, "1", "1")])
    month = Window(since=WINDOW.until - timedelta(days=30), until=WINDOW.until)
    day = collect(session, rpm, "packages", WINDOW)
    back = collect(session, rpm, "packages", month)
    assert (len(day[0]), len(back[0])) == (1, 30)
    assert len(day[1].looked) == len(back[1].looked)


def test_files_next_to_it_that_cannot_be_read_are_doubt(session: Session, rpm: World, tmp_path: Path) -> None:
    made = History(rpm.root / DNF5.lstrip("/"), "dnf5")
    made.write(OLD, [])
    made.close()
    (rpm.root / f"{DNF5.lstrip('/')}-wal").mkdir()
    assert "its write-ahead log cannot be read" in told(session, rpm)[1]
