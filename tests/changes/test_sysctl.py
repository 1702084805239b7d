"""Kernel parameters that are not as their files say, and edits of these files."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from mcp_server.core.calls import Completed, HostFacts
from mcp_server.core.change import Window
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.settings import ReadSettings
from mcp_server.engine.places import Local
from mcp_server.engine.session import Session
from tests.changes.world import World, collect, spots
from tests.real_parts import need


def facts(world: World, booted: datetime | None = None) -> HostFacts:
    return HostFacts(
        hostname="web1", system="Linux", kernel="6.1.0-13-amd64", booted=booted or world.moment - timedelta(days=30), cpus=2,
        load=(0, 0, 0), cpu_percent=1, memory_total=1, memory_available=1, swap_total=0, swap_used=0,
    )  # fmt: skip


@pytest.fixture
def host(world: World, window: Window) -> World:
    world.answers["host"] = facts(world)
    world.file("/usr/lib/sysctl.d/10-shop.conf", "net.core.somaxconn = 4096\nvm.swappiness=10\n")
    world.answers["command"] = Completed(exit=0, out="net.core.somaxconn = 4096\nvm.swappiness = 10\n")
    return world


def test_as_the_files_say(session: Session, host: World, window: Window) -> None:
    changes, coverage = collect(session, host, "sysctl", window)
    assert changes == []
    assert not coverage.blind
    assert "sysctl: 2 kernel parameters as the files say" in coverage.empty


def test_a_value_set_by_hand_has_no_time_but_since_the_boot(session: Session, host: World, window: Window) -> None:
    host.answers["command"] = Completed(exit=0, out="net.core.somaxconn = 128\nvm.swappiness = 10\n")
    (change,) = collect(session, host, "sysctl", window)[0]
    assert (change.kind, change.component) == ("drift", "net.core.somaxconn")
    assert "net.core.somaxconn is 128, but /usr/lib/sysctl.d/10-shop.conf says 4096" in change.summary.told(str)
    assert change.doubt_ms == 30 * 86_400_000
    assert change.clues == ("path:/usr/lib/sysctl.d/10-shop.conf",)


def test_many_are_one_line(session: Session, host: World, window: Window) -> None:
    host.file("/usr/lib/sysctl.d/20-more.conf", "".join(f"a.b{i} = 1\n" for i in range(30)))
    host.answers["command"] = Completed(exit=0, out="".join(f"a.b{i} = 2\n" for i in range(30)))
    (change,) = collect(session, host, "sysctl", window)[0]
    assert change.summary.values["count"] == 30
    assert change.summary.quotes[0].endswith(" …")


def test_an_edit_counts_once_it_is_applied(session: Session, host: World, window: Window) -> None:
    host.file("/etc/sysctl.conf", "vm.swappiness = 10\n", window.until - timedelta(minutes=5))
    change = collect(session, host, "sysctl", window)[0][0]
    assert (change.kind, change.component) == ("edit", "/etc/sysctl.conf")
    assert "it counts once it is applied" in change.summary.text


def test_every_way_of_not_seeing(session: Session, host: World, window: Window) -> None:
    host.answers["command"] = CouldNotLook("sysctl", "missing", "program sysctl is not installed", "install procps")
    assert spots(collect(session, host, "sysctl", window)[1]) == (
        "kernel parameters against their files (missing: program sysctl is not installed; install procps)"
    )
    host.answers["command"] = Completed(exit=1, err="broken")
    assert "ended with 1 and showed no parameter" in spots(collect(session, host, "sysctl", window)[1])
    shown, closed = "vm.swappiness = 10\n", "sysctl: permission denied on key 'net.core.somaxconn'\n"
    host.answers["command"] = Completed(exit=1, out=shown, err=closed)
    assert "1 kernel parameter (denied: may not be read; run as root)" in spots(collect(session, host, "sysctl", window)[1])
    host.file("/usr/lib/sysctl.d/30-glob.conf", "net.*.x = 1\n")
    assert "1 pattern could not be compared" in spots(collect(session, host, "sysctl", window)[1])
    host.refuse["/usr/lib/sysctl.d/30-glob.conf"] = CouldNotLook("x", "denied", "permission denied", "run as root")
    assert "kernel parameters against their files (denied: permission denied" in spots(
        collect(session, host, "sysctl", window)[1]
    )


def test_damaged_files_say_nothing_and_no_files_are_said(session: Session, world: World, window: Window) -> None:
    changes, coverage = collect(session, world, "sysctl", window)
    assert changes == []
    assert "sysctl: no file sets a kernel parameter" in coverage.empty
    world.file("/etc/sysctl.conf", b"\xff\x00= \n===\n", window.since - timedelta(days=1))
    assert "no file sets a kernel parameter" in " ".join(collect(session, world, "sysctl", window)[1].empty)


def test_what_is_now_says_nothing_of_a_window_before_the_boot(session: Session, host: World, window: Window) -> None:
    host.answers["host"] = facts(host, booted=window.until + timedelta(minutes=1))
    assert "the host was booted after the window" in spots(collect(session, host, "sysctl", window)[1])


def test_a_clock_set_back_behind_the_boot_gives_no_negative_doubt(session: Session, host: World, window: Window) -> None:
    host.answers["command"] = Completed(exit=0, out="net.core.somaxconn = 128\n")
    host.answers["host"] = facts(host, booted=window.until)
    (change,) = collect(session, host, "sysctl", window)[0]
    assert change.doubt_ms >= 0


@pytest.mark.real
def test_the_parameters_of_this_host(session: Session, window: Window) -> None:
    need("sysctl")
    place: Any = Local(ReadSettings())
    changes, _ = collect(session, place, "sysctl", window)
    assert all(item.kind in ("drift", "edit", "attributes", "remove") for item in changes)
