"""What is mounted against fstab, and when as far as systemd knows."""

import subprocess
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mcp_server.changes.mounts import mounts_of, plain
from mcp_server.core.calls import Completed, ReadFile
from mcp_server.core.change import Window
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.engine.places import Local
from mcp_server.engine.session import Session
from tests.changes.test_sysctl import facts
from tests.changes.world import World, collect, spots
from tests.real_parts import lacking, need

FSTAB = """# x
UUID=1 / ext4 defaults 0 1
/dev/sdb1 /srv/data xfs noexec 0 2
/dev/sdc1 /mnt/backup ext4 noauto 0 0
x none swap sw
"""
ROOT = "20 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n"
DATA = "30 20 8:17 / /srv/data rw,noexec shared:2 - xfs /dev/sdb1 rw\n"
NO_SYSTEMD = CouldNotLook("systemctl", "missing", "program systemctl is not installed")


def host_with(world: World, mountinfo: str, *units: tuple[str, str, datetime | None, datetime | None]) -> World:
    world.answers["host"] = facts(world)
    old = world.moment - timedelta(days=9)
    world.file("/etc/fstab", FSTAB, old)
    world.file("/proc/self/mountinfo", mountinfo)

    def told(moment: datetime | None) -> str:
        return moment.strftime("%a %Y-%m-%d %H:%M:%S.%f UTC") if moment else ""

    blocks = [
        f"Where={where}\nActiveState={state}\nActiveEnterTimestamp={told(entered)}\nInactiveEnterTimestamp={told(left)}"
        for where, state, entered, left in units
    ]
    world.answers["command"] = Completed(exit=0, out="\n\n".join(blocks))
    return world


def told(session: Session, world: World, window: Window) -> tuple[list[Any], str]:
    changes, coverage = collect(session, world, "mounts", window)
    return [item for item in changes if item.component != "/etc/fstab"], spots(coverage)


def test_as_fstab_says(session: Session, world: World, window: Window) -> None:
    assert told(session, host_with(world, ROOT + DATA), window) == ([], "")


def test_an_edit_of_fstab(session: Session, world: World, window: Window) -> None:
    host_with(world, ROOT + DATA)
    at = window.until - timedelta(minutes=3)
    world.file("/etc/fstab", FSTAB, at)
    (change,) = collect(session, world, "mounts", window)[0]
    assert (change.kind, change.at, change.clues) == ("edit", at, ("path:/etc/fstab",))


def test_unmounted_read_only_and_mounted_by_hand_with_their_times(session: Session, world: World, window: Window) -> None:
    left, entered = window.until - timedelta(minutes=7), window.until - timedelta(minutes=9)
    extra = "40 20 8:33 / /mnt/a\\040b rw shared:3 - ext4 /dev/sdd1 rw\n41 20 8:33 /x /mnt/part rw - ext4 /dev/sdd1 rw\n"
    host_with(
        world, ROOT.replace("/ / rw,", "/ / ro,") + extra, ("/srv/data", "inactive", None, left),
        ("/mnt/a b", "active", entered, None),
    )  # fmt: skip
    changes, blind = told(session, world, window)
    assert blind == ""
    assert [(item.kind, item.component) for item in changes] == [
        ("unmounted", "/srv/data"), ("mount", "/mnt/a b"), ("read-only", "/"),
    ]  # fmt: skip
    assert (changes[0].at, changes[0].doubt_ms) == (left, 0)
    assert changes[1].at == entered
    assert changes[2].doubt_ms == 30 * 86_400_000
    assert {"filesystem:/srv/data", "path:/srv/data", "path:/dev/sdb1"} == set(changes[0].clues)


def test_what_happened_outside_the_window_is_no_change_of_it(session: Session, world: World, window: Window) -> None:
    host_with(world, ROOT, ("/srv/data", "inactive", None, window.since - timedelta(days=2)))
    assert told(session, world, window)[0] == []


def test_a_mount_of_fstab_made_in_the_window_and_other_options(session: Session, world: World, window: Window) -> None:
    at = window.until - timedelta(minutes=7)
    host_with(world, ROOT + DATA, ("/srv/data", "active", at, None))
    (change,) = told(session, world, window)[0]
    assert (change.kind, change.at) == ("mount", at)
    host_with(world, ROOT + DATA.replace(",noexec", ""))
    (change,) = told(session, world, window)[0]
    assert change.summary.told(str).startswith("/srv/data is mounted with other options than fstab says: noexec missing")


def test_a_container_has_no_fstab_and_others_mount_for_it(session: Session, world: World, window: Window) -> None:
    host_with(world, ROOT + "50 20 8:1 /h /etc/hosts rw - ext4 /dev/sda1 rw\n51 20 8:9 / /data rw - xfs /dev/x rw\n")
    (world.root / "etc/fstab").unlink()
    world.answers["command"] = NO_SYSTEMD
    assert told(session, world, window) == ([], "")


def test_every_way_of_not_seeing(session: Session, world: World, window: Window) -> None:
    host_with(world, ROOT + DATA)
    world.file("/etc/fstab", FSTAB + "garbage\n")
    assert "1 of 5 lines of /etc/fstab (damaged: fewer than three fields" in told(session, world, window)[1]
    world.answers["command"] = CouldNotLook("systemctl", "timed_out", "no end within 10 s", "again")
    assert "what is mounted, against fstab (timed_out" in told(session, world, window)[1]
    world.refuse["/etc/fstab"] = CouldNotLook("/etc/fstab", "denied", "permission denied", "run as root")
    assert "/etc/fstab (denied: permission denied; run as root)" in told(session, world, window)[1]
    world.refuse["/proc/self/mountinfo"] = CouldNotLook("mountinfo", "missing", "no such file", "mount /proc")
    assert "what is mounted, against fstab (missing: no such file; mount /proc)" in told(session, world, window)[1]
    world.refuse.clear()
    world.file("/proc/self/mountinfo", ROOT)
    world.answers["host"] = facts(world, booted=window.until + timedelta(minutes=1))
    world.answers["command"] = NO_SYSTEMD
    assert "the host was booted after the window" in told(session, world, window)[1]


def test_lines_of_the_kernel() -> None:
    assert plain("/a\\040b\\134c") == "/a b\\c"
    assert mounts_of("garbage\n\n1 2 3 - x\n" + ROOT + ROOT.replace("ext4", "xfs"))[0].type == "xfs"


@pytest.mark.real
def test_a_real_filesystem_mounted_by_hand(tmp_path: Path) -> None:
    need("mount", "mkfs.ext4", root=True)
    image, point = tmp_path / "image", tmp_path / "point"
    point.mkdir()
    with image.open("wb") as file:
        file.truncate(8 * 1024 * 1024)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    if subprocess.run(["mount", "-o", "loop", str(image), str(point)], capture_output=True, check=False).returncode:
        lacking("no loop devices here")
    try:
        place: Any = Local(ReadSettings())
        mounted = {item.where: item for item in mounts_of(place.look(ReadFile(path="/proc/self/mountinfo"), Limits()).text)}
        assert mounted[str(point)].type == "ext4"
        assert not mounted[str(point)].part
    finally:
        subprocess.run(["umount", str(point)], check=True)
