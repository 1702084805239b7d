"""dpkg's log: what it says, in which zone, and everything that keeps it from saying all."""

from datetime import UTC, datetime, timedelta

import pytest

from mcp_server.core.calls import Completed
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


def test_a_log_that_begins_inside_the_window_is_a_blind_spot(session: Session, dpkg: World) -> None:
    dpkg.file("/var/log/dpkg.log", LOG.split("\n", 2)[2])
    _, coverage = collect(session, dpkg, "packages", WINDOW)
    assert "begins at 2026-11-20T10:00:01.000Z; there is no older log" in spots(coverage)


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
    # longer than what one look may return
    newest = "2026-11-20 10:55:00 install newest:amd64 <none> 1.0\n"
    dpkg.file("/var/log/dpkg.log", LOG + filler * 40_000 + newest)
    changes, coverage = collect(session, dpkg, "packages", WINDOW)
    assert [item.component for item in changes] == ["nginx", "libfoo", "libbar", "openssl", "newest"]
    assert not coverage.blind
    assert not coverage.cut
    dpkg.file("/var/log/dpkg.log", LOG + filler * 160_000)
    changes, coverage = collect(session, dpkg, "packages", WINDOW)
    assert changes == []
    assert "/var/log/dpkg.log: what it says before 2026-11-20T10:50:00.000Z" in spots(coverage)


def test_no_known_database_is_never_nothing_changed(session: Session, world: World) -> None:
    changes, coverage = collect(session, world, "packages", WINDOW)
    assert changes == []
    assert "no package database that is known here (dpkg, rpm, apk, pacman)" in spots(coverage)


def test_a_missing_or_forbidden_log_is_a_blind_spot(session: Session, dpkg: World) -> None:
    dpkg.refuse["/var/log/dpkg.log"] = CouldNotLook("/var/log/dpkg.log", "denied", "permission denied", "add group adm")
    assert "denied: permission denied; add group adm" in spots(collect(session, dpkg, "packages", WINDOW)[1])
    dpkg.refuse.clear()
    (dpkg.root / "var/log/dpkg.log").unlink()
    assert "dpkg is here but its log is not" in spots(collect(session, dpkg, "packages", WINDOW)[1])


# --- the other managers: no such host is at hand, so the samples have the shape that their documents show -------------

DNF = """2026-10-01T08:00:00+0000 INFO --- logging initialized ---
2026-11-20T09:59:58+0000 INFO --- logging initialized ---
2026-11-20T10:00:02+0000 SUBDEBUG Upgrade: openssl-libs-1:3.2.2-6.el9.x86_64
2026-11-20T10:00:03+0000 SUBDEBUG Installed: nginx-core-2:1.24.0-4.el9.x86_64
warning: /etc/nginx/nginx.conf created as /etc/nginx/nginx.conf.rpmnew
2026-11-20T10:00:04+0000 SUBDEBUG Upgraded: openssl-libs-1:3.0.7-27.el9.x86_64
2026-11-20T10:00:05+0000 SUBDEBUG Erase: tcpdump-14:4.99.0-9.el9.x86_64
2026-11-20T11:30:00+0100 SUBDEBUG Downgrade: curl-7.76.1-26.el9.x86_64
2026-11-20T11:30:01+0100 SUBDEBUG Downgraded: curl-7.76.1-31.el9.x86_64
"""
ZYPP = """# 2026-10-01 08:00:00 output of a script
2026-10-01 08:00:00|install|glibc|2.38-1|x86_64||repo|abc|
2026-11-20 10:00:01|command|root@web1|'zypper' 'in' 'nginx'|
2026-11-20 10:00:02|install|nginx|1.21.5-3.1|x86_64|root@web1|repo|def|
2026-11-20 10:00:03|remove |tcpdump|4.99-1|x86_64|root@web1|
2026-11-20 10:00:04|radd|repo|https://repo.example/|
"""
RPM_LAST = """nginx-core-1.24.0-4.el9.x86_64                Fri Nov 20 10:00:03 2026
tzdata-2026a-1.el9.noarch                     Thu Oct  1 08:00:00 2026
"""
PACMAN = """[2026-10-01T10:00:00+0200] [PACMAN] Running 'pacman -Syu'
[2026-11-20T10:59:59+0100] [PACMAN] Running 'pacman -S nginx'
[2026-11-20T11:00:01+0100] [ALPM] transaction started
[2026-11-20T11:00:02+0100] [ALPM] upgraded openssl (3.3.2-1 -> 3.4.0-1)
[2026-11-20T11:00:02+0100] [ALPM] installed nginx (1.26.2-1)
[2026-11-20T11:00:03+0100] [ALPM] removed nginx-mainline (1.27.1-1)
[2026-11-20T11:00:03+0100] [ALPM-SCRIPTLET] installed something (1)
[2026-11-20T11:00:04+0100] [ALPM] downgraded curl (8.10.1-1 -> 8.9.1-1)
"""
APK = """Running `apk upgrade` at 2026-10-01 06:10:04
OK: 129.7 MiB in 208 packages
Running `apk add nginx` at 2026-11-20 10:00:02
apk-tools 3.0.1-r0, compiled for x86_64.
(1/3) Installing nginx (1.28.0-r3)
(2/3) Upgrading openssl (3.5.4-r0 -> 3.5.5-r0)
(3/3) Purging tcpdump (4.99.5-r1)
OK: 130.1 MiB in 208 packages
"""
OTHERS = {
    "rpm": ("/var/lib/rpm/rpmdb.sqlite", "/var/log/dnf.rpm.log", DNF, [
        ("upgrade", "openssl-libs", "1:3.0.7-27.el9", "1:3.2.2-6.el9"), ("install", "nginx-core", "?", "2:1.24.0-4.el9"),
        ("remove", "tcpdump", "14:4.99.0-9.el9", "?"), ("downgrade", "curl", "7.76.1-31.el9", "7.76.1-26.el9")]),
    "zypp": ("/usr/lib/sysimage/rpm/rpmdb.sqlite", "/var/log/zypp/history", ZYPP, [
        ("install", "nginx", "?", "1.21.5-3.1"), ("remove", "tcpdump", "4.99-1", "?")]),
    "pacman": ("/var/lib/pacman/local", "/var/log/pacman.log", PACMAN, [
        ("upgrade", "openssl", "3.3.2-1", "3.4.0-1"), ("install", "nginx", "?", "1.26.2-1"),
        ("remove", "nginx-mainline", "1.27.1-1", "?"), ("downgrade", "curl", "8.10.1-1", "8.9.1-1")]),
    "apk": ("/lib/apk/db/installed", "/var/log/apk.log", APK, [
        ("install", "nginx", "?", "1.28.0-r3"), ("upgrade", "openssl", "3.5.4-r0", "3.5.5-r0"),
        ("remove", "tcpdump", "4.99.5-r1", "?")]),
}  # fmt: skip


MANAGER = {"zypp": "rpm"}


@pytest.mark.parametrize("name", OTHERS)
def test_every_manager_tells_what_it_did(session: Session, world: World, name: str) -> None:
    database, log, text, expected = OTHERS[name]
    world.file(database, "")
    world.file(log, text)
    changes, coverage = collect(session, world, "packages", WINDOW)
    told = [(item.kind, item.component, item.summary.values["old"], item.summary.values["new"]) for item in changes]
    assert told == expected
    assert not coverage.blind
    assert not coverage.cut
    first = datetime(2026, 11, 20, 10, 0, 2, tzinfo=UTC)
    assert changes[0].at == first
    command = {"rpm": None, "pacman": "pacman -S nginx", "apk": "apk add nginx", "zypp": "zypper in nginx"}[name]
    assert changes[0].summary.values.get("command") == command
    quiet = Window(since=datetime(2026, 11, 20, 10, 45, tzinfo=UTC), until=WINDOW.until)
    changes, coverage = collect(session, world, "packages", quiet)
    assert (changes, coverage.blind) == ([], ())
    assert f"{MANAGER.get(name, name)} did nothing" in coverage.empty[0]


@pytest.mark.parametrize("name", OTHERS)
def test_half_a_log_of_any_manager_is_damage(session: Session, world: World, name: str) -> None:
    database, log, text, expected = OTHERS[name]
    world.file(database, "")
    world.file(log, text[:-30] + "\0\0\0\0")
    changes, coverage = collect(session, world, "packages", WINDOW)
    assert len(expected) - 2 < len(changes) <= len(expected)
    assert f"of {log} (damaged" in spots(coverage)


@pytest.mark.parametrize("name", OTHERS)
def test_a_forbidden_or_young_log_of_any_manager_is_a_blind_spot(session: Session, world: World, name: str) -> None:
    database, log, text, _ = OTHERS[name]
    world.file(database, "")
    world.file(log, text.split("\n", 2)[2])
    assert f"packages before the beginning of {log}" in spots(collect(session, world, "packages", WINDOW)[1])
    world.refuse[log] = CouldNotLook(log, "denied", "permission denied", "add group adm")
    assert f"packages of {MANAGER.get(name, name)} (denied: permission denied; add group adm)" in spots(
        collect(session, world, "packages", WINDOW)[1]
    )


@pytest.mark.parametrize("name", ["apk", "pacman", "dpkg"])
def test_without_a_log_only_an_untouched_database_says_that_nothing_happened(session: Session, world: World, name: str) -> None:
    database = {"dpkg": "/var/lib/dpkg/status"}.get(name) or OTHERS[name][0]
    world.file(database, "")
    changes, coverage = collect(session, world, "packages", WINDOW)
    assert changes == []
    assert f"{name} is here but its log is not" in spots(coverage)
    later = Window(since=world.moment + timedelta(hours=1), until=world.moment + timedelta(hours=2))
    changes, coverage = collect(session, world, "packages", later)
    assert (changes, coverage.blind) == ([], ())
    assert f"{name} did nothing" in coverage.empty[0]


def test_rpm_itself_is_asked_where_dnf_keeps_no_log(session: Session, world: World) -> None:
    world.file("/usr/lib/sysimage/rpm/rpmdb.sqlite", "")
    world.answers["command"] = Completed(exit=0, out=RPM_LAST)
    (change,), coverage = collect(session, world, "packages", WINDOW)
    assert (change.kind, change.component, change.reference) == ("install", "nginx-core", "1.24.0-4.el9")
    assert change.at == datetime(2026, 11, 20, 10, 0, 3, tzinfo=UTC)
    assert "packages that were removed" in spots(coverage)
    world.answers["command"] = Completed(exit=1, out="error: rpmdb: damaged\n")
    assert "packages that rpm lists" in spots(collect(session, world, "packages", WINDOW)[1])
    world.answers["command"] = CouldNotLook("rpm -qa --last", "missing", "program rpm is not installed", "install rpm")
    assert "install rpm" in spots(collect(session, world, "packages", WINDOW)[1])


def test_two_managers_on_one_host_are_both_told(session: Session, dpkg: World) -> None:
    dpkg.file(OTHERS["rpm"][0], "")
    dpkg.file(OTHERS["rpm"][1], DNF)
    changes, _ = collect(session, dpkg, "packages", WINDOW)
    assert [item.component for item in changes][:4] == ["nginx", "libfoo", "libbar", "openssl"]
    assert len(changes) == 8
