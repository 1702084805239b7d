"""Snaps: what snapd remembers (the sample has the shape that its documents show) and where the links point."""

import os
from datetime import datetime, timedelta

import pytest

from mcp_server.core.calls import Completed
from mcp_server.core.change import Window
from mcp_server.core.clock import stamp
from mcp_server.core.errors import CouldNotLook, NotApplicable
from mcp_server.engine.session import Session
from tests.changes.world import World, collect, spots

HOUR = timedelta(hours=1)


def listing(at: datetime) -> Completed:
    def when(minutes: int) -> str:
        return stamp(at - timedelta(minutes=minutes)).replace(".000", "").split(".")[0] + "Z"

    return Completed(
        exit=0,
        out=f"""ID   Status  Spawn                 Ready                 Summary
58   Done    {when(6000)}  {when(5999)}  Install "old-news" snap
61   Done    {when(50)}  {when(48)}  Auto-refresh snaps "core20", "lxd"
62   Error   {when(40)}  {when(39)}  Refresh "hello" snap
63   Doing   {when(5)}  -  Remove "hello-world" snap
64   Done    {when(3)}  {when(2)}  Revert "postgres" snap
""",
    )


@pytest.fixture
def snapd(world: World) -> World:
    (world.root / "var/lib/snapd").mkdir(parents=True)
    world.answers["command"] = listing(world.moment)
    return world


def test_what_snapd_remembers(session: Session, snapd: World, window: Window) -> None:
    changes, coverage = collect(session, snapd, "snaps", window)
    assert [(item.kind, item.component, item.reference) for item in changes] == [
        ("upgrade", "core20", "61"), ("upgrade", "hello", "62"), ("remove", "hello-world", "63"),
        ("downgrade", "postgres", "64"),
    ]  # fmt: skip
    assert changes[0].clues == ("package:core20", "package:lxd")
    assert abs(changes[0].doubt_ms - 121_000) < 1_000
    assert changes[1].summary.values["status"] == "Error"
    assert changes[2].doubt_ms > 290_000, "it is still under way"
    assert not coverage.blind
    assert not coverage.cut


def test_links_tell_what_snapd_forgot(session: Session, snapd: World, window: Window) -> None:
    snapd.answers["command"] = Completed(exit=1, err="error: no changes found\n")
    for name in ("lxd", "core20"):
        (snapd.root / "snap" / name).mkdir(parents=True)
        (snapd.root / "snap" / name / "current").symlink_to("123")
    old = (snapd.moment - 99 * HOUR).timestamp()
    os.utime(snapd.root / "snap/core20/current", (old, old), follow_symlinks=False)
    (change,), coverage = collect(session, snapd, "snaps", window)
    assert (change.kind, change.component, change.reference) == ("upgrade", "lxd", "123")
    assert not coverage.blind
    assert "snaps: snapd remembers no change" in coverage.empty
    snapd.answers["command"] = listing(snapd.moment + 49 * timedelta(minutes=1))
    told = collect(session, snapd, "snaps", window)[0]
    assert [item.component for item in told].count("lxd") == 0, "the refresh and its link are one change"
    week = Window(since=snapd.moment - 7 * 24 * HOUR, until=window.until)
    assert "removals of snaps" in spots(collect(session, snapd, "snaps", week)[1])


def test_not_here_denied_and_damaged(session: Session, world: World, window: Window) -> None:
    with pytest.raises(NotApplicable):
        collect(session, world, "snaps", window)
    (world.root / "var/lib/snapd").mkdir(parents=True)
    world.answers["command"] = CouldNotLook("snap changes", "missing", "program snap is not installed", "install snapd")
    assert "install snapd" in spots(collect(session, world, "snaps", window)[1])
    world.answers["command"] = Completed(exit=1, err="error: cannot communicate with server: connection refused\n")
    assert "snapd does not answer" in spots(collect(session, world, "snaps", window)[1])
    world.answers["command"] = Completed(exit=0, out='ID Status\n\x1b[2J garbage\n9 Done never never Refresh "x" snap\n')
    text = spots(collect(session, world, "snaps", window)[1])
    assert "a line of snap changes (damaged" in text
    assert "snap change 9 (damaged" in text
    world.refuse["/var/lib/snapd"] = CouldNotLook("/var/lib/snapd", "denied", "permission denied", "run as root")
    assert "run as root" in spots(collect(session, world, "snaps", window)[1])
