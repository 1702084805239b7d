"""Kernels installed, booted and half removed; what the next boot reads."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from mcp_server.core.change import Window
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.journal_calls import JournalSeen
from mcp_server.engine.session import Session
from tests.changes.test_sysctl import facts
from tests.changes.world import World, collect, spots
from tests.journal_files import entry, write

RUNNING, NEWER = "6.1.0-13-amd64", "6.1.0-18-amd64"


@pytest.fixture
def host(world: World, window: Window) -> World:
    """A host whose kernel has run for a month, with its image and its modules, all older than the window."""
    world.answers["host"] = facts(world)
    old = window.since - timedelta(days=30)
    for path in (f"/lib/modules/{RUNNING}/modules.dep", f"/lib/modules/{RUNNING}/kernel/x.ko"):
        world.file(path, "", old)
    (world.root / "boot").mkdir()
    os.utime(world.root / "lib/modules", (old.timestamp(), old.timestamp()))
    return world


def test_nothing_changed(session: Session, host: World, window: Window) -> None:
    changes, coverage = collect(session, host, "kernel", window)
    assert changes == []
    assert not coverage.blind
    assert "kernel: no image, module file or boot parameter changed in the window" in coverage.empty


def test_an_image_that_waits_for_the_next_boot(session: Session, host: World, window: Window) -> None:
    host.file(f"/boot/vmlinuz-{NEWER}", "", window.since - timedelta(days=90))
    (change,) = collect(session, host, "kernel", window)[0]
    assert (change.kind, change.component) == ("install", NEWER)
    assert change.summary.told(str) == (
        f"kernel {NEWER} was installed; {RUNNING} runs, so it counts from the next boot on"
    )  # fmt: skip
    assert window.since <= change.at <= window.until


def test_modules_of_the_running_kernel_that_are_gone_or_new(session: Session, host: World, window: Window) -> None:
    at = window.until - timedelta(minutes=5)
    index = host.root / f"lib/modules/{RUNNING}/modules.dep"
    os.utime(index, (at.timestamp(), at.timestamp()))
    (change,) = collect(session, host, "kernel", window)[0]
    assert (change.kind, change.component, change.at) == ("edit", RUNNING, at)
    (host.root / f"lib/modules/{RUNNING}").rename(host.root / f"lib/modules/{NEWER}")
    os.utime(host.root / "lib/modules", (at.timestamp(), at.timestamp()))
    (change,) = collect(session, host, "kernel", window)[0]
    assert (change.kind, change.at) == ("remove", at)
    assert "were removed: none can be loaded before the next boot" in change.summary.text


def test_what_the_next_boot_reads_counts_then(session: Session, host: World, window: Window) -> None:
    at = window.until - timedelta(minutes=5)
    host.file("/etc/default/grub", "GRUB_CMDLINE_LINUX=quiet\n", at)
    host.file("/etc/modprobe.d/x.conf", "blacklist x\n", at)
    first, second = collect(session, host, "kernel", window)[0]
    assert first.summary.told(str).endswith("; it counts from the next boot on")
    assert second.summary.told(str).endswith("; modules loaded since are concerned")
    host.answers["host"] = facts(host, booted=at + timedelta(minutes=1))
    host.answers["journal"] = JournalSeen()
    assert "it counts since the boot at" in collect(session, host, "kernel", window)[0][0].summary.told(str)


@pytest.mark.real
def test_a_boot_into_another_kernel(session: Session, host: World, window: Window, tmp_path: Path) -> None:
    booted = window.until - timedelta(minutes=30)
    host.answers["host"] = facts(host, booted=booted)
    kernel = {"_TRANSPORT": "kernel", "PRIORITY": 5}
    folder = write(tmp_path / "j", [
        entry(window.since - timedelta(days=40), "before"),
        entry(window.since - timedelta(days=9), "Linux version 6.1.0-9-amd64 (debian@x) (gcc 12)", boot="e" * 32, **kernel),
        entry(booted, f"Linux version {RUNNING} (debian@x) (gcc 12)", boot="f" * 32, **kernel),
    ])  # fmt: skip
    host.journals = True
    host.file("/proc/cmdline", f"BOOT_IMAGE=/vmlinuz-{RUNNING} root=UUID=1 ro quiet mitigations=off\n")
    host.file("/boot/grub/grub.cfg", f"\tlinux /vmlinuz-{RUNNING} root=UUID=1 ro quiet\n", window.since - timedelta(days=30))
    changes, coverage = collect(session, host, "kernel", window, journal=str(folder))
    told = {item.kind: item for item in changes}
    assert told["upgrade"].summary.told(str) == f"the host was booted into kernel {RUNNING}; before it ran 6.1.0-9-amd64"
    assert told["upgrade"].at == booted
    assert told["parameters"].summary.values["extra"] == "mitigations=off"
    assert not coverage.blind


def test_every_way_of_not_seeing(session: Session, host: World, window: Window) -> None:
    host.answers["host"] = facts(host, booted=window.until - timedelta(minutes=30))
    host.answers["journal"] = CouldNotLook("journal", "denied", "permission denied", "add the account to group adm")
    text = spots(collect(session, host, "kernel", window)[1])
    assert "journal (denied: permission denied" in text
    assert "command line of the kernel (missing" in text
    host.file("/proc/cmdline", "quiet\n")
    host.file("/boot/grub/grub.cfg", "")
    host.refuse["/boot/grub/grub.cfg"] = CouldNotLook("grub.cfg", "denied", "permission denied", "run as root")
    assert "command line of the kernel (denied: permission denied" in spots(collect(session, host, "kernel", window)[1])
    host.refuse["/boot"] = CouldNotLook("/boot", "denied", "permission denied", "run as root")
    host.refuse["/lib/modules"] = CouldNotLook("/lib/modules", "denied", "permission denied", "run as root")
    text = spots(collect(session, host, "kernel", window)[1])
    assert "kernel images (denied" in text
    assert "modules of the running kernel (denied" in text
    host.answers["host"] = CouldNotLook("host", "denied", "/proc/stat may not be read")
    assert "running kernel (denied" in spots(collect(session, host, "kernel", window)[1])


def test_a_container_has_no_kernel_of_its_own(session: Session, world: World, window: Window) -> None:
    world.answers["host"] = facts(world)
    changes, coverage = collect(session, world, "kernel", window)
    assert changes == []
    assert "kernel: no /boot here, as in a container" in coverage.empty
    assert not coverage.blind


def test_damaged_menus_and_versions_are_survived(session: Session, host: World, window: Window) -> None:
    host.answers["host"] = facts(host, booted=window.until - timedelta(minutes=30))
    host.answers["journal"] = JournalSeen()
    host.file("/proc/cmdline", "\0\xff")
    host.file("/boot/grub/grub.cfg", b"linux\nlinux \xff\xfe\n", window.since - timedelta(days=3))
    collect(session, host, "kernel", window)
