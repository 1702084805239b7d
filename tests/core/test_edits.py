"""What happened to files, by both of their times; what left a folder; what is so since a boot."""

import os
from datetime import timedelta

import pytest

from mcp_server.core.calls import FileStat
from mcp_server.core.change import Window
from mcp_server.core.clock import parse_moment
from mcp_server.core.edits import change_of, edits, said, since_boot, when
from mcp_server.core.errors import CouldNotLook
from mcp_server.engine.catalog import load_catalog
from mcp_server.engine.run import door
from mcp_server.engine.session import Asking, Session
from tests.changes.conftest import session, window, world  # noqa: F401 -- fixtures
from tests.changes.world import World, spots

NOON = parse_moment("2026-11-20T12:00:00Z")
HOUR = Window(since=NOON - timedelta(hours=1), until=NOON)


def stat(modified: float, changed: float) -> FileStat:
    times = {"modified": NOON + timedelta(seconds=modified), "changed": NOON + timedelta(seconds=changed)}
    return FileStat(path="/etc/x", type="file", size=1, mode="-rw-r--r--", owner="root", device=1, **times)


@pytest.mark.parametrize(("modified", "changed", "kind", "doubt_s"), [
    (-60, -60, "edit", 0), (-60, -30, "edit", 30), (-9_000, -30, "attributes", 0), (-9_000, -9_000, None, 0),
    (9_000, -30, "attributes", 0),  # dated in the future: the inode's own time is believed
    (-60, -9_000, None, 0),  # content newer than its inode: a clock was set back
])  # fmt: skip
def test_both_times_of_a_file(modified: float, changed: float, kind: str | None, doubt_s: int) -> None:
    found = when(stat(modified, changed), HOUR)
    assert (found and (found[0], found[2])) == (kind and (kind, doubt_s * 1_000))


def look(session: Session, world: World, window: Window, *places: str, depth: int = 1):  # type: ignore[no-untyped-def]  # noqa: F811
    reader = door(session, world, load_catalog().changes["network"], Asking())
    return list(edits(reader, window, places, depth=depth)), reader.coverage()


def test_files_folders_links_and_what_is_not_there(session: Session, world: World, window: Window) -> None:  # noqa: F811
    at = window.until - timedelta(minutes=10)
    world.file("/etc/one", "x", at)
    world.file("/etc/many/a", "x", at)
    world.file("/etc/many/deep/b", "x", at)
    (world.root / "etc/link").symlink_to("/elsewhere")
    found, coverage = look(session, world, window, "/etc/one", "/etc/many", "/etc/link", "/etc/absent")
    assert [(item.entry.path, item.kind, item.at) for item in found[:2]] == [
        ("/etc/one", "edit", at), ("/etc/many/a", "edit", at),
    ]  # fmt: skip
    assert found[2].entry.link == "/elsewhere"
    assert len(found) == 3
    assert not coverage.blind
    assert len(look(session, world, window, "/etc/many", depth=2)[0]) == 2


def test_a_folder_tells_of_a_leaving_only_where_nothing_in_it_explains_it(
    session: Session, world: World, window: Window  # noqa: F811
) -> None:  # fmt: skip
    past = (window.since - timedelta(days=2)).timestamp()
    world.file("/etc/gone/a", "")
    (world.root / "etc/gone/a").unlink()
    world.file("/etc/added/a", "")
    found, _ = look(session, world, window, "/etc/gone", "/etc/added")
    assert [(item.entry.path, item.kind) for item in found] == [("/etc/gone", "remove"), ("/etc/added/a", "edit")]
    os.utime(world.root / "etc/gone", (past, past))
    assert look(session, world, window, "/etc/gone")[0] == []


def test_closed_places_are_said_and_do_not_hide_the_others(session: Session, world: World, window: Window) -> None:  # noqa: F811
    world.file("/etc/one", "x", window.until - timedelta(minutes=1))
    world.refuse["/etc/closed"] = CouldNotLook("/etc/closed", "denied", "permission denied", "run as root")
    found, coverage = look(session, world, window, "/etc/closed", "/etc/one")
    assert [item.entry.path for item in found] == ["/etc/one"]
    assert spots(coverage) == "/etc/closed (denied: permission denied; run as root)"


def test_the_sentence_and_the_change(session: Session, world: World, window: Window) -> None:  # noqa: F811
    at = window.until - timedelta(minutes=1)
    world.file("/etc/{x}", "x", at)
    (edit,), _ = look(session, world, window, "/etc/{x}")
    assert said(edit) == ("{path} was written ({size})", {"path": "/etc/{x}", "size": "1 B"})
    change = change_of(edit, "network", "it", ("configuration",), ("port:80",), add="; {more}", values={"more": "text"})
    assert change.summary.told(str) == "/etc/{x} was written (1 B); text"
    assert change.clues == ("path:/etc/{x}", "port:80")
    assert change.at == at


def test_what_is_so_since_a_boot() -> None:
    boot = NOON - timedelta(hours=5)
    assert since_boot(NOON, boot, HOUR) == (NOON, 5 * 3_600_000)
    assert since_boot(NOON + timedelta(minutes=5), boot, HOUR) == (NOON, 5 * 3_600_000)
    assert since_boot(boot, NOON - timedelta(seconds=1), HOUR)[1] >= 0, "a clock set back gives no negative doubt"
    with pytest.raises(CouldNotLook, match="booted after the window"):
        since_boot(NOON + timedelta(minutes=5), NOON + timedelta(minutes=1), HOUR)
    with pytest.raises(CouldNotLook, match="only the present is known"):
        since_boot(NOON + timedelta(hours=9), boot, HOUR)
