"""A clock that went back while the journal was written: every source that reads it tells what it can, and in order."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mcp_server.core.change import Window
from mcp_server.core.unit_events import FAILED, STARTED
from mcp_server.engine.session import Session
from tests.changes.test_sysctl import facts
from tests.changes.world import World, collect, spots
from tests.journal_files import entry, write

BACK = timedelta(minutes=40)


def rows(at: datetime, uptime_s: float) -> list[dict[str, object]]:
    """One entry for each source, all at one moment."""
    told = "deploy : TTY=pts/0 ; PWD=/srv ; USER=root ; COMMAND=/usr/bin/vi /etc/shop/a.conf"
    kernel = {"_TRANSPORT": "kernel", "uptime_s": uptime_s}
    return [
        entry(at, "Started", uptime_s=uptime_s, _PID=1, MESSAGE_ID=STARTED, UNIT="shop.service"),
        entry(at, "Failed", uptime_s=uptime_s, _PID=1, MESSAGE_ID=FAILED, UNIT="shop.service", UNIT_RESULT="exit-code"),
        entry(at, told, uptime_s=uptime_s, _COMM="sudo"),
        entry(at, "(root) CMD (/srv/shop/bin/job)", uptime_s=uptime_s, _COMM="cron"),
        entry(at, "System clock was stepped by -2400 seconds", uptime_s=uptime_s, SYSLOG_IDENTIFIER="chronyd"),
        entry(at, "EXT4-fs error (device sda1): bad", PRIORITY=3, **kernel),  # type: ignore[arg-type]
        entry(at, "eth0: NIC Link is Down", PRIORITY=6, **kernel),  # type: ignore[arg-type]
    ]


@pytest.mark.real
@pytest.mark.parametrize("name", ["systemd", "boots", "sessions", "cron", "kernel_messages", "network"])
def test_both_sides_of_the_step_are_told(session: Session, world: World, window: Window, tmp_path: Path, name: str) -> None:
    world.answers["host"] = facts(world)
    world.file("/sys/class/net/lo/flags", "0x9")
    early = window.since + timedelta(minutes=60)
    folder = write(tmp_path / "j", [
        entry(window.since - timedelta(hours=1), "before", uptime_s=1_000),
        *rows(early, 8_200), *rows(early + timedelta(minutes=20) - BACK, 9_400),
    ])  # fmt: skip
    world.journals = True
    changes, coverage = collect(session, world, name, window, journal=str(folder))
    moments = {item.at for item in changes}
    assert changes
    assert moments <= {early, early + timedelta(minutes=20) - BACK}
    assert all(window.since <= moment <= window.until for moment in moments)
    if name != "boots":
        counts = sum(int(str(item.summary.values.get("count", 1))) for item in changes)
        assert counts >= 2, "nothing of either side is lost"
    assert "journal" not in spots(coverage)


def test_state_from_a_clock_ahead_is_no_change_of_this_window(session: Session, world: World, window: Window) -> None:
    from mcp_server.core.calls import Completed
    from mcp_server.core.errors import CouldNotLook

    ahead = (window.until + timedelta(days=30)).strftime("%a %Y-%m-%d %H:%M:%S UTC")
    world.answers["journal"] = CouldNotLook("journal", "missing", "there is no journal here")
    world.answers["host"] = facts(world, booted=window.until - timedelta(days=1))
    world.answers["command"] = Completed(
        exit=0,
        out=f"Id=shop.service\nActiveState=active\nActiveEnterTimestamp={ahead}\nWhere=/x\nInactiveEnterTimestamp={ahead}\n",
    )
    world.file("/proc/self/mountinfo", "")
    for name in ("systemd", "mounts"):
        assert collect(session, world, name, window)[0] == []
