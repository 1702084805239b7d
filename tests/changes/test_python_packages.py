"""Python environments by the times of their metadata folders."""

import os
from datetime import datetime, timedelta

import pytest

from mcp_server.changes.python_packages import CHANGE_SOURCE
from mcp_server.core.change import Window
from mcp_server.core.errors import CouldNotLook
from mcp_server.engine.session import Session
from tests.changes.world import World, collect, spots

SITE = "/srv/venv/lib/python3.11/site-packages"


def install(world: World, name: str, at: datetime, record: str | None = None, site: str = SITE) -> None:
    folder = world.file(f"{site}/{name}.dist-info/METADATA", "Name: x").parent
    if record is not None:
        world.file(f"{site}/{name}.dist-info/RECORD", record)
    for path in (folder, folder.parent):
        os.utime(path, (at.timestamp(), at.timestamp()))


@pytest.fixture
def past(world: World) -> Window:
    """A window that ends before the test's own files were made, so that only their set times lie in it."""
    return Window(since=world.moment - timedelta(hours=5), until=world.moment - timedelta(hours=1))


def test_an_install_with_version_and_modules(session: Session, world: World, past: Window) -> None:
    at = world.moment - timedelta(hours=2)
    install(world, "PyYAML-6.0.2", at, "yaml/__init__.py,sha256=a,1\n_yaml/x.so,,\nPyYAML-6.0.2.dist-info/RECORD,,\n")
    install(world, "old_thing-1.0", world.moment - timedelta(days=9))
    os.utime(world.root / SITE.lstrip("/"), (at.timestamp(), at.timestamp()))
    for python in ("/srv/venv", "/srv/venv/bin/python3.11"):
        changes, coverage = collect(session, world, "python_packages", past, pythons=(python,))
        (change,) = changes
        assert (change.kind, change.component, change.reference) == ("install", "pyyaml", "6.0.2")
        assert change.clues == ("package:pyyaml", "module:_yaml", "module:yaml")
        assert abs(change.at - at) < timedelta(seconds=1)
        # a removal that this install covered cannot be seen by anybody: the question says so, not every answer
        assert not coverage.blind
        assert not coverage.cut
        assert "removal shows until the next install" in CHANGE_SOURCE.question


def test_nothing_installed(session: Session, world: World, past: Window) -> None:
    install(world, "old_thing-1.0", world.moment - timedelta(days=9))
    changes, coverage = collect(session, world, "python_packages", past, pythons=("/srv/venv",))
    assert changes == []
    assert not coverage.blind
    assert not coverage.cut
    assert "none installed into /srv/venv" in coverage.empty[0]


def test_a_removal_leaves_the_time_of_the_folder(session: Session, world: World, past: Window) -> None:
    install(world, "old_thing-1.0", world.moment - timedelta(days=9))
    gone = world.moment - timedelta(hours=3)
    os.utime(world.root / SITE.lstrip("/"), (gone.timestamp(), gone.timestamp()))
    (change,) = collect(session, world, "python_packages", past, pythons=("/srv/venv",))[0]
    assert change.kind == "remove"
    assert abs(change.at - gone) < timedelta(seconds=1)


def test_a_copied_environment_is_told_by_its_inodes(session: Session, world: World, window: Window) -> None:
    install(world, "old_thing-1.0", world.moment - timedelta(days=9))
    (change,) = collect(session, world, "python_packages", window, pythons=("/srv/venv",))[0]
    assert change.kind == "arrive"
    assert change.clues == ("package:old-thing", "module:old_thing")


def test_environments_are_found_in_the_folders(session: Session, world: World, past: Window) -> None:
    world.file("/srv/venv/pyvenv.cfg", "home = /usr/bin")
    (world.root / "usr/local/lib").mkdir(parents=True)
    install(world, "left_pad-1.0", world.moment - timedelta(hours=2))
    (change,) = collect(session, world, "python_packages", past, folders=("/srv",))[0]
    assert change.component == "left-pad"


def test_missing_denied_and_damaged(session: Session, world: World, past: Window) -> None:
    changes, coverage = collect(session, world, "python_packages", past, pythons=("/nowhere",))
    assert changes == []
    assert "Python packages of /nowhere (missing" in spots(coverage)
    install(world, "thing-1.0", world.moment - timedelta(hours=2), "\0\0\xff")
    world.file(f"{SITE}/not a package-info", "")
    assert len(collect(session, world, "python_packages", past, pythons=("/srv/venv",))[0]) == 1
    world.refuse[SITE] = CouldNotLook(SITE, "denied", "permission denied", "run as the service's user")
    changes, coverage = collect(session, world, "python_packages", past, pythons=("/srv/venv",))
    assert changes == []
    assert "run as the service's user" in spots(coverage)
