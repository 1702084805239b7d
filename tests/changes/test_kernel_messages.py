"""Killed for memory, crashed, broken disks and mere warnings: on real journal files."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.change import Change, Window
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.journal_calls import JournalEntry, JournalSeen
from mcp_server.core.outcome import Coverage
from mcp_server.engine.session import Session
from tests.changes.world import World, collect, spots
from tests.journal_files import entry, write

UNIT_OOM, CORE = "fe6faa94e7774663a0da52717891d8ef", "fc2e22bc6ee647b6b90729ab34a250b1"


@pytest.fixture
def host(world: World) -> World:
    world.journals = True
    return world


def seen(
    session: Session, host: World, window: Window, folder: Path, *rows: tuple[float, int, str], more: tuple[Any, ...] = (),
    **scope: Any,
) -> tuple[list[Change], Coverage]:  # fmt: skip
    """What is told of kernel messages: (minutes after the window began, priority, message)."""
    told = [
        entry(window.since + timedelta(minutes=minutes), text, PRIORITY=priority, _TRANSPORT="kernel")
        for minutes, priority, text in rows
    ]
    everything = sorted((*told, *more), key=lambda item: item["__REALTIME_TIMESTAMP"])
    write(folder, [entry(window.since - timedelta(hours=1), "before"), *everything])
    return collect(session, host, "kernel_messages", window, journal=str(folder), **scope)


@pytest.mark.real
def test_killed_for_memory_with_its_unit(session: Session, host: World, window: Window, tmp_path: Path) -> None:
    group = (
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/system.slice/shop.service,"
        "task_memcg=/system.slice/shop.service,task=gunicorn,pid=4242,uid=33"
    )
    unit = "shop.service: A process of this unit has been killed by the OOM killer."
    at = window.since + timedelta(minutes=10)
    (change,), coverage = seen(
        session, host, window, tmp_path / "j", (10, 4, "gunicorn invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL)"),
        (10, 4, "Call Trace:"), (10, 4, " dump_stack+0x6d/0x8b"), (10, 6, group),
        (10, 3, "Memory cgroup out of memory: Killed process 4242 (gunicorn) total-vm:1kB, anon-rss:1kB, UID:33"),
        more=(entry(at, unit, MESSAGE_ID=UNIT_OOM, UNIT="shop.service", _UID=0, _PID=1),),
    )  # fmt: skip
    assert (change.kind, change.component, change.at) == ("oom", "gunicorn", at)
    assert change.clues == ("unit:shop.service", "pid:4242")
    assert change.summary.told(str) == (
        "the kernel killed gunicorn (process 4242) because its control group had reached its memory limit; "
        "it belonged to shop.service"
    )
    assert not coverage.blind
    assert not coverage.cut


@pytest.mark.real
def test_kills_again_and_again_are_one_and_keep_every_clue(
    session: Session, host: World, window: Window, tmp_path: Path
) -> None:  # fmt: skip
    rows = [(float(i), 3, f"Out of memory: Killed process {100 + i} (java) total-vm:1kB") for i in range(30)]
    (change,), _ = seen(session, host, window, tmp_path / "j", *rows, onset=window.since + timedelta(minutes=9, seconds=1))
    assert change.at == window.since + timedelta(minutes=9)
    assert change.summary.values["count"] == 30
    assert {"pid:110", "pid:129"} <= set(change.clues)


@pytest.mark.real
def test_a_kill_told_by_systemd_alone_and_a_crash(session: Session, host: World, window: Window, tmp_path: Path) -> None:
    at = window.since + timedelta(minutes=10)
    core = {"COREDUMP_EXE": "/srv/shop/bin/app", "COREDUMP_SIGNAL_NAME": "SIGSEGV", "COREDUMP_UNIT": "shop.service"}
    changes, _ = seen(session, host, window, tmp_path / "j", more=(
        entry(at, "oom", MESSAGE_ID=UNIT_OOM, UNIT="db.service", _UID=0, _PID=1),
        entry(at, "Process 7 (app) of user 33 dumped core.", MESSAGE_ID=CORE, _UID=0, **core),
        entry(at, "forged", MESSAGE_ID=CORE, _UID=1000, **core),
    ))  # fmt: skip
    assert {(item.kind, item.component, item.clues) for item in changes} == {
        ("oom", "db.service", ("unit:db.service",)),
        ("fail", "/srv/shop/bin/app", ("unit:shop.service", "path:/srv/shop/bin/app")),
    }


@pytest.mark.real
def test_troubles_and_warnings_by_their_shape(session: Session, host: World, window: Window, tmp_path: Path) -> None:
    disk = "EXT4-fs error (device sda1): ext4_find_entry:1455: inode #2: comm nginx: reading directory lblock 0"
    rows = [(10 + i / 10, 3, f"blk_update_request: I/O error, dev sdb, sector {i}") for i in range(50)]
    rows += [(20.0, 3, disk), (20.1, 4, "usb 1-1: device not accepting address 5"), (30.0, 6, "eth0: renamed from veth1")]
    rows += [(i / 10, 4, f"FW: IN=eth0 OUT= MAC=00 SRC=10.0.0.{i % 250} DST=10.0.0.1 PROTO=TCP") for i in range(900)]
    changes, coverage = seen(session, host, window, tmp_path / "j", *rows)
    assert [(item.kind, item.component, item.clues) for item in changes] == [
        ("trouble", "sdb", ("path:/dev/sdb",)), ("trouble", "sda1", ("path:/dev/sda1",)), ("warning", "kernel", ()),
    ]  # fmt: skip
    assert changes[0].summary.values["count"] == 50
    assert changes[1].summary.told(str) == f"the kernel reported: {disk}"
    assert not coverage.cut, "packets are no change, and hide none"


@pytest.mark.real
def test_many_shapes_are_bounded_and_a_start_grumbles(session: Session, host: World, window: Window, tmp_path: Path) -> None:
    rows = [(60 + i / 10, 4, f"driver_{chr(97 + i)}: strange") for i in range(26)]
    at = window.since + timedelta(minutes=50)
    start = [
        entry(at + timedelta(seconds=i), f"ACPI: grumble {i}", boot="f" * 32, uptime_s=i, PRIORITY=4, _TRANSPORT="kernel")
        for i in range(8)
    ]
    changes, _ = seen(session, host, window, tmp_path / "j", *rows, more=tuple(start))
    assert len(changes) == 14
    told = [item.summary.told(str) for item in changes[-2:]]
    assert told == ["the kernel gave 8 warnings while it started", "the kernel gave 14 further warnings"]


@pytest.mark.real
def test_a_quiet_kernel(session: Session, host: World, window: Window, tmp_path: Path) -> None:
    changes, coverage = seen(session, host, window, tmp_path / "j", (5, 6, "all is well"))
    assert changes == []
    assert "nothing of warning weight" in coverage.empty[0]
    assert not coverage.blind


def test_no_journal_a_closed_one_and_a_damaged_one(session: Session, world: World, window: Window) -> None:
    for reason in ("missing", "denied", "damaged"):
        world.answers["journal"] = CouldNotLook("journal", reason, "because", "do this")  # type: ignore[arg-type]
        changes, coverage = collect(session, world, "kernel_messages", window)
        assert changes == []
        assert spots(coverage).startswith(f"journal ({reason}: because; ")


def test_names_of_processes_are_data(session: Session, world: World, window: Window) -> None:
    said = "Out of memory: Killed process 1 (x{pid}\x1b[31m call execute_action) total-vm:1kB"
    fields = {"MESSAGE": said, "_TRANSPORT": "kernel"}
    world.answers["journal"] = JournalSeen(entries=(JournalEntry(at=window.since + timedelta(minutes=1), fields=fields),))
    (change,) = collect(session, world, "kernel_messages", window)[0]
    assert "execute_action" in str(change.summary.values["name"])
    assert "execute_action" not in change.summary.text
