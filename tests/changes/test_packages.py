"""dpkg's log: what it says, in which zone, and everything that keeps it from saying all."""

from datetime import UTC, datetime

import pytest

from mcp_server.core.change import Window
from mcp_server.core.errors import CouldNotLook
from mcp_server.engine.session import Session
from tests.changes.world import World, collect, spots

WINDOW = Window(since=datetime(2026, 11, 20, 9, tzinfo=UTC), until=datetime(2026, 11, 20, 11, tzinfo=UTC))
OLD = "2026-10-01 08:00:00 startup archives unpack\n"
LOG = (
    OLD
    + """2026-11-19 08:00:00 install old-news:amd64 <none> 1.0
2026-11-20 10:00:01 startup archives unpack
2026-11-20 10:00:02 upgrade nginx:amd64 1.22.1-9 1.24.0-1
2026-11-20 10:00:02 status half-configured nginx:amd64 1.22.1-9
2026-11-20 10:00:03 install libfoo:amd64 <none> 0.9
2026-11-20 10:00:04 remove libbar:amd64 2.1 <none>
2026-11-20 10:00:04 purge libbar:amd64 2.1 <none>
2026-11-20 10:30:00 upgrade openssl:amd64 3.0.11-1 3.0.9-1
"""
)
HISTORY = """
Start-Date: 2026-11-20  10:00:01
Commandline: apt-get install -y nginx
Upgrade: nginx:amd64 (1.22.1-9, 1.24.0-1)
End-Date: 2026-11-20  10:00:05
"""


@pytest.fixture
def dpkg(world: World) -> World:
    world.file("/var/lib/dpkg/status", "")
    world.file("/var/log/dpkg.log", LOG)
    return world


def test_installs_upgrades_downgrades_and_removals_with_versions_and_command(session: Session, dpkg: World) -> None:
    dpkg.file("/var/log/apt/history.log", HISTORY)
    changes, coverage = collect(session, dpkg, "packages", WINDOW)
    assert [(item.kind, item.component, item.reference) for item in changes] == [
        ("upgrade", "nginx", "1.24.0-1"), ("install", "libfoo", "0.9"), ("remove", "libbar", "2.1"),
        ("downgrade", "openssl", "3.0.9-1"),
    ]  # fmt: skip
    assert changes[0].clues == ("package:nginx",)
    assert changes[0].at == datetime(2026, 11, 20, 10, 0, 2, tzinfo=UTC)
    assert changes[0].summary.values["command"] == "apt-get install -y nginx"
    assert len(changes[0].summary.evidence) == 2
    assert "command" not in changes[3].summary.values
    assert not coverage.blind
    assert not coverage.cut


def test_nothing_in_the_window_is_said(session: Session, dpkg: World) -> None:
    quiet = Window(since=datetime(2026, 11, 20, 10, 45, tzinfo=UTC), until=WINDOW.until)
    changes, coverage = collect(session, dpkg, "packages", quiet)
    assert changes == []
    assert not coverage.blind
    assert "dpkg did nothing" in coverage.empty[0]


@pytest.mark.parametrize(("zone", "hour"), [("Europe/Berlin", 9), ("America/New_York", 15), ("Etc/UTC", 10)])
def test_local_stamps_are_read_in_the_hosts_zone(session: Session, dpkg: World, zone: str, hour: int) -> None:
    (dpkg.root / "etc/localtime").symlink_to(f"/usr/share/zoneinfo/{zone}")
    wide = Window(since=datetime(2026, 11, 20, 0, tzinfo=UTC), until=datetime(2026, 11, 21, tzinfo=UTC))
    changes, _ = collect(session, dpkg, "packages", wide)
    assert changes[0].at == datetime(2026, 11, 20, hour, 0, 2, tzinfo=UTC)
    assert changes[0].doubt_ms == 1_000


def test_a_zone_that_cannot_be_known_is_doubt_not_a_guess(session: Session, dpkg: World) -> None:
    dpkg.file("/etc/localtime", b"TZif2")  # a copy, not a link, and no /etc/timezone
    changes, _ = collect(session, dpkg, "packages", WINDOW)
    assert changes[0].doubt_ms == 14 * 3_600_000


def test_the_hour_that_comes_twice_is_in_doubt(session: Session, dpkg: World) -> None:
    (dpkg.root / "etc/localtime").symlink_to("/usr/share/zoneinfo/Europe/Berlin")
    dpkg.file("/var/log/dpkg.log", OLD + "2026-10-25 02:30:00 install twice:all <none> 1\n")
    window = Window(since=datetime(2026, 10, 25, tzinfo=UTC), until=datetime(2026, 10, 26, tzinfo=UTC))
    changes, _ = collect(session, dpkg, "packages", window)
    assert changes[0].doubt_ms == 3_601_000


def test_half_a_log_is_read_as_far_as_it_goes_and_the_rest_is_counted(session: Session, dpkg: World) -> None:
    dpkg.file("/var/log/dpkg.log", LOG + "\0\0\0\0garbage\n2026-11-20 10:40:00 install half:am")
    changes, coverage = collect(session, dpkg, "packages", WINDOW)
    assert len(changes) == 4
    assert "2 lines of /var/log/dpkg.log (damaged" in spots(coverage)


def test_damage_from_before_the_window_hides_nothing(session: Session, dpkg: World) -> None:
    dpkg.file("/var/log/dpkg.log", "garbage\n" + LOG)
    assert not collect(session, dpkg, "packages", WINDOW)[1].blind


def test_a_log_that_begins_inside_the_window_is_a_blind_spot_and_names_the_older_one(session: Session, dpkg: World) -> None:
    dpkg.file("/var/log/dpkg.log", LOG.split("\n", 2)[2])
    dpkg.file("/var/log/dpkg.log.2.gz", b"\x1f\x8b")
    _, coverage = collect(session, dpkg, "packages", WINDOW)
    assert "begins at 2026-11-20T10:00:01.000Z; zcat /var/log/dpkg.log.2.gz" in spots(coverage)


def test_the_rotated_log_is_read_where_the_window_needs_it(session: Session, dpkg: World) -> None:
    dpkg.file("/var/log/dpkg.log", "")
    dpkg.file("/var/log/dpkg.log.1", LOG)
    changes, coverage = collect(session, dpkg, "packages", WINDOW)
    assert len(changes) == 4
    assert not coverage.blind


def test_a_long_log_is_read_from_its_end_and_further_where_needed(session: Session, dpkg: World) -> None:
    filler = "2026-11-20 10:50:00 status unpacked filler:amd64 1.0-1\n"
    dpkg.file("/var/log/dpkg.log", LOG + filler * 8_000)
    changes, coverage = collect(session, dpkg, "packages", WINDOW)
    assert len(changes) == 4
    assert not coverage.blind
    dpkg.file("/var/log/dpkg.log", LOG + filler * 80_000)
    changes, coverage = collect(session, dpkg, "packages", WINDOW)
    assert changes == []
    assert "only its last 4194304 bytes" in spots(coverage)


def test_no_dpkg_is_never_nothing_changed(session: Session, world: World) -> None:
    changes, coverage = collect(session, world, "packages", WINDOW)
    assert changes == []
    assert "no package database" in spots(coverage)
    world.file("/var/lib/rpm/rpmdb.sqlite", "")
    assert "rpm -qa --last" in spots(collect(session, world, "packages", WINDOW)[1])


def test_a_missing_or_forbidden_log_is_a_blind_spot(session: Session, dpkg: World) -> None:
    dpkg.refuse["/var/log/dpkg.log"] = CouldNotLook("/var/log/dpkg.log", "denied", "permission denied", "add group adm")
    assert "denied: permission denied; add group adm" in spots(collect(session, dpkg, "packages", WINDOW)[1])
    dpkg.refuse.clear()
    (dpkg.root / "var/log/dpkg.log").unlink()
    assert "dpkg is here but its log is not" in spots(collect(session, dpkg, "packages", WINDOW)[1])
