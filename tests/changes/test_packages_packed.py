"""Package logs that were rotated and packed: read as far as the window reaches, and no further."""

import bz2
import gzip
import lzma
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from mcp_server.core.change import Window
from mcp_server.core.clock import stamp
from mcp_server.core.errors import CouldNotLook
from mcp_server.engine.session import Session
from tests.changes.world import World, collect, spots

END = datetime(2026, 11, 20, 12, tzinfo=UTC)
MONTH = Window(since=END - timedelta(days=30), until=END)
PACKERS: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "xz": lzma.compress, "bz2": bz2.compress}


def line(at: datetime, package: str) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} install {package}:amd64 <none> 1.0-1\n"


def log(begin: datetime, *packages: str) -> str:
    return "".join(line(begin + timedelta(hours=place), package) for place, package in enumerate(packages))


DAYS = {
    "/var/log/dpkg.log": END - timedelta(days=2),
    "/var/log/dpkg.log.1": END - timedelta(days=10),
    "/var/log/dpkg.log.2.gz": END - timedelta(days=20),
    "/var/log/dpkg.log.3.gz": END - timedelta(days=40),
    "/var/log/dpkg.log.4.gz": END - timedelta(days=80),
}


@pytest.fixture
def rotated(world: World) -> World:
    """A log and four older ones, each holding two lines and last written with the second of them."""
    world.file("/var/lib/dpkg/status", "")
    for number, (path, begin) in enumerate(DAYS.items()):
        text = log(begin, f"first{number}", f"second{number}").encode()
        world.file(path, gzip.compress(text) if path.endswith(".gz") else text, at=begin + timedelta(hours=1))
    return world


def test_a_month_is_read_from_the_packed_log_and_what_is_older_stays_closed(session: Session, rotated: World) -> None:
    changes, coverage = collect(session, rotated, "packages", MONTH)
    names = ["first2", "second2", "first1", "second1", "first0", "second0"]
    assert [item.component for item in changes] == names
    assert not coverage.blind
    assert not coverage.cut
    assert not [path for path in coverage.looked if path.endswith((".3.gz", ".4.gz"))]


def test_a_day_opens_nothing_but_the_log(session: Session, rotated: World) -> None:
    day = Window(since=END - timedelta(days=2), until=END)
    changes, coverage = collect(session, rotated, "packages", day)
    assert [item.component for item in changes] == ["first0", "second0"]
    assert not [path for path in coverage.looked if "dpkg.log." in path]


def test_a_quiet_time_between_two_logs_is_known_to_be_quiet(session: Session, rotated: World) -> None:
    quiet = Window(since=END - timedelta(days=8), until=END - timedelta(days=4))
    changes, coverage = collect(session, rotated, "packages", quiet)
    assert (changes, coverage.blind) == ([], ())
    assert "dpkg did nothing" in coverage.empty[0]


def test_behind_the_last_log_is_a_blind_spot(session: Session, rotated: World) -> None:
    year = Window(since=END - timedelta(days=365), until=END)
    changes, coverage = collect(session, rotated, "packages", year)
    assert len(changes) == 10
    assert f"packages before the beginning of /var/log/dpkg.log.4.gz (what was read begins at {stamp(changes[0].at)}" in spots(
        coverage
    )


@pytest.mark.parametrize("ending", PACKERS)
def test_every_packing_and_names_by_date(session: Session, world: World, ending: str) -> None:
    world.file("/var/lib/rpm/rpmdb.sqlite", "")
    world.file("/var/log/zypp/history", "2026-11-19 10:00:00|install|new|1-1|x86_64||repo|a|\n", at=END)
    old = "2026-10-01 08:00:00|install|older|1-1|x86_64||repo|a|\n2026-11-01 08:00:00|install|old|1-1|x86_64||repo|a|\n"
    packed = PACKERS[ending](old.encode())
    world.file(f"/var/log/zypp/history-20261101.{ending}", packed, at=END - timedelta(days=19))
    world.file(f"/var/log/zypp/history-20261001.{ending}", b"never opened", at=END - timedelta(days=50))
    changes, coverage = collect(session, world, "packages", MONTH)
    assert [item.component for item in changes] == ["old", "new"]
    assert not coverage.blind


def test_zstd(session: Session, rotated: World) -> None:
    zstandard = pytest.importorskip("zstandard")
    (rotated.root / "var/log/dpkg.log.2.gz").unlink()
    text = log(DAYS["/var/log/dpkg.log.2.gz"], "a", "b").encode()
    rotated.file("/var/log/dpkg.log.2.zst", zstandard.ZstdCompressor().compress(text))
    changes, coverage = collect(session, rotated, "packages", MONTH)
    assert [item.component for item in changes][:2] == ["a", "b"]
    assert not coverage.blind


@pytest.mark.parametrize("keep", [0.9, 0.5])
def test_a_log_cut_short_keeps_its_beginning_and_is_told(session: Session, rotated: World, keep: float) -> None:
    begin = DAYS["/var/log/dpkg.log.2.gz"]
    packed = gzip.compress(log(begin, *(f"package{number * 7919 % 10_007}" for number in range(200))).encode())
    rotated.file("/var/log/dpkg.log.2.gz", packed[: int(len(packed) * keep)], at=END)
    changes, coverage = collect(session, rotated, "packages", MONTH)
    assert 50 < len(changes) < 204
    assert "what /var/log/dpkg.log.2.gz says after 2026-11" in spots(coverage)
    assert "damaged: it ends in the middle of packed data" in spots(coverage)
    assert all(item.summary.values["new"] == "1.0-1" for item in changes)  # half a line is no line


def test_a_flipped_bit_keeps_what_stands_before_it(session: Session, rotated: World) -> None:
    begin = DAYS["/var/log/dpkg.log.2.gz"]
    packed = bytearray(gzip.compress(log(begin, *(f"package{number * 7919 % 10_007}" for number in range(400))).encode()))
    packed[-6] ^= 0xFF  # in the check sum: all of it came out by then
    rotated.file("/var/log/dpkg.log.2.gz", bytes(packed), at=END)
    changes, coverage = collect(session, rotated, "packages", MONTH)
    assert len(changes) > 350
    assert "damaged: its packed data are damaged" in spots(coverage)


def test_what_is_no_packed_file_or_denied_is_a_blind_spot_and_the_others_are_read(session: Session, rotated: World) -> None:
    path = "/var/log/dpkg.log.2.gz"
    rotated.file(path, b"not packed at all\n", at=END)
    changes, coverage = collect(session, rotated, "packages", MONTH)
    assert len(changes) == 4
    assert "its first bytes are those of no packed file" in spots(coverage)
    rotated.refuse[path] = CouldNotLook(path, "denied", "permission denied", "add group adm")
    changes, coverage = collect(session, rotated, "packages", MONTH)
    assert len(changes) == 4
    assert f"packages in {path} (denied: permission denied; add group adm)" in spots(coverage)


def test_a_bomb_ends_early_and_is_told(session: Session, rotated: World) -> None:
    rotated.file("/var/log/dpkg.log.2.gz", gzip.compress(bytes(120_000_000), 6), at=END)
    changes, coverage = collect(session, rotated, "packages", MONTH)
    assert len(changes) == 4
    assert "unfold" in spots(coverage)


def test_a_log_that_is_missing_between_two_others_is_a_blind_spot(session: Session, rotated: World) -> None:
    (rotated.root / "var/log/dpkg.log.1").unlink()
    changes, coverage = collect(session, rotated, "packages", MONTH)
    assert len(changes) == 4
    assert "packages between /var/log/dpkg.log.2.gz and /var/log/dpkg.log (missing" in spots(coverage)


def test_a_log_just_being_packed_is_read_once(session: Session, rotated: World) -> None:
    text = (rotated.root / "var/log/dpkg.log.1").read_bytes()
    rotated.file("/var/log/dpkg.log.1.gz", gzip.compress(text))
    changes, coverage = collect(session, rotated, "packages", MONTH)
    assert len(changes) == 6
    assert not coverage.blind


def test_a_link_does_not_tell_when_its_file_was_written(session: Session, rotated: World) -> None:
    import os

    kept = rotated.root / "var/log/dpkg.log.1"
    kept.rename(rotated.root / "var/kept")
    kept.symlink_to("../kept")
    os.utime(kept, (0, 0), follow_symlinks=False)
    changes, coverage = collect(session, rotated, "packages", MONTH)
    assert len(changes) == 6
    assert not coverage.blind


def test_commands_of_apt_come_from_its_packed_history(session: Session, rotated: World) -> None:
    def run(at: datetime, command: str) -> str:
        when = f"{at:%Y-%m-%d  %H:%M:%S}"
        return f"\nStart-Date: {when}\nCommandline: {command}\nInstall: x\nEnd-Date: {when}\n"

    newest, oldest = DAYS["/var/log/dpkg.log"], DAYS["/var/log/dpkg.log.2.gz"]
    rotated.file("/var/log/apt/history.log", run(newest, "apt install new"), at=END)
    rotated.file("/var/log/apt/history.log.1.gz", gzip.compress(run(oldest, "apt install old").encode()), at=oldest)
    rotated.file("/var/log/apt/history.log.2.gz", b"never opened", at=oldest - timedelta(days=1))
    changes, coverage = collect(session, rotated, "packages", MONTH)
    commands = {item.component: item.summary.values.get("command") for item in changes}
    assert commands["first0"] == "apt install new"
    assert commands["first2"] == "apt install old"
    assert commands["first1"] is None
    assert not coverage.blind
    rotated.file("/var/log/apt/history.log.1.gz", b"\x1f\x8b\x08", at=END)
    changes, coverage = collect(session, rotated, "packages", MONTH)
    assert len(changes) == 6
    assert "command lines at the end of /var/log/apt/history.log.1.gz (damaged" in spots(coverage)


def test_a_long_packed_log_is_read_from_its_end(session: Session, rotated: World) -> None:
    begin = END - timedelta(days=20)
    noise = "".join(
        f"2026-10-30 10:{number // 60 % 60:02}:{number % 60:02} status unpacked é{number}:amd64 1.0-1\n"
        for number in range(60_000)
    )
    rotated.file(
        "/var/log/dpkg.log.2.gz",
        gzip.compress((line(MONTH.since - timedelta(days=1), "before") + line(begin, "inside") + noise).encode()),
        at=END,
    )
    changes, coverage = collect(session, rotated, "packages", MONTH)
    assert changes[0].component == "inside"
    assert not coverage.blind
    assert not coverage.cut


def echo(place: str) -> Window:
    return Window(since=DAYS[place] - timedelta(minutes=30), until=DAYS[place] + timedelta(minutes=30))


def test_an_hour_long_ago_opens_only_the_log_of_that_time(session: Session, rotated: World) -> None:
    changes, coverage = collect(session, rotated, "packages", echo("/var/log/dpkg.log.2.gz"))
    assert [item.component for item in changes] == ["first2"]
    assert not coverage.blind
    opened = {path for path in coverage.looked if path.startswith("/var/log/dpkg.log")}
    assert opened == {"/var/log/dpkg.log.2.gz"}


def test_a_copy_that_is_younger_than_what_it_holds_hides_nothing(session: Session, rotated: World) -> None:
    import os

    for path in ("/var/log/dpkg.log.2.gz", "/var/log/dpkg.log.3.gz"):  # restored from a backup today
        os.utime(rotated.root / path.lstrip("/"), (END.timestamp(), END.timestamp()))
    changes, coverage = collect(session, rotated, "packages", echo("/var/log/dpkg.log.1"))
    assert [item.component for item in changes] == ["first1"]
    assert not coverage.blind


def test_a_packing_that_cannot_be_read_here_is_told_with_its_remedy(
    session: Session, rotated: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "zstandard", None)
    (rotated.root / "var/log/dpkg.log.2.gz").unlink()
    rotated.file("/var/log/dpkg.log.2.zst", b"\x28\xb5\x2f\xfd" + bytes(20), at=END)
    changes, coverage = collect(session, rotated, "packages", MONTH)
    assert len(changes) == 4
    assert "reading zstd needs the package zstandard" in spots(coverage)
