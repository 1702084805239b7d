"""Python environments by the times of their metadata folders."""

import os
import subprocess
import sys
import time
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mcp_server.changes.python_packages import CHANGE_SOURCE
from mcp_server.core.change import Change, Window
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.outcome import Coverage
from mcp_server.core.settings import ReadSettings
from mcp_server.engine.places import Local
from mcp_server.engine.session import Session
from tests.changes.world import World, collect, spots
from tests.real_parts import lacking

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


# --- against requirements and locks ---------------------------------------------------------------------------------

APP = "/srv/shop"


def venv(world: World, *installed: str, at: datetime) -> None:
    world.file("/srv/shop/venv/pyvenv.cfg", "home = /usr/bin", at)
    for name in installed:
        install(world, name, at, site="/srv/shop/venv/lib/python3.11/site-packages")


def ask(session: Session, world: World, window: Window) -> tuple[dict[str, Change], Coverage]:
    changes, coverage = collect(session, world, "python_packages", window, folders=(APP,))
    assert len({item.component for item in changes}) == len(changes)
    return {item.component: item for item in changes}, coverage


def test_a_list_that_nobody_installed(session: Session, world: World, past: Window) -> None:
    venv(world, "Flask-3.0.0", "qrcode-7.4", at=world.moment - timedelta(days=9))
    text = "Flask==3.0\nqrcode==7.4.2\nstripe==9.1\npywin32==306 ; sys_platform == 'win32'\nnumpy>=1\n"
    at = world.moment - timedelta(hours=2)
    world.file(f"{APP}/requirements.txt", text, at)
    changes, coverage = ask(session, world, past)
    assert set(changes) == {"qrcode", "stripe"}
    assert changes["qrcode"].kind == changes["stripe"].kind == "drift"
    assert changes["qrcode"].summary.values["found"] == "7.4"
    assert abs(changes["stripe"].at - at) < timedelta(seconds=1)
    assert {"package:stripe", "module:stripe", f"path:{APP}/requirements.txt"} == set(changes["stripe"].clues)
    assert not coverage.blind


def test_an_install_that_left_the_lock(session: Session, world: World, past: Window) -> None:
    old = world.moment - timedelta(days=9)
    venv(world, "flask-3.0.0", at=old)
    world.file(f"{APP}/uv.lock", '[[package]]\nname = "qrcode"\nversion = "7.4.2"\n', old)
    world.file(f"{APP}/freeze.txt", "flask==3.0.0\n", old)
    assert ask(session, world, past)[0] == {}, "old drift, old environment: no change"
    kinds = [
        entry.body["call"]["path"] for entry in session.ledger.entries(kind="evidence") if entry.body["call"]["kind"] == "file"
    ]
    assert kinds == [], "and nothing is read for it"
    install(world, "qrcode-8.0", world.moment - timedelta(hours=2), site="/srv/shop/venv/lib/python3.11/site-packages")
    changes, _ = collect(session, world, "python_packages", past, folders=(APP,))
    assert [(item.kind, item.component) for item in changes] == [("install", "qrcode"), ("drift", "qrcode")]


def test_a_removal_is_named_by_the_list(session: Session, world: World, past: Window) -> None:
    old = world.moment - timedelta(days=9)
    venv(world, "flask-3.0.0", at=old)
    world.file(f"{APP}/requirements.txt", "flask==3.0.0\nqrcode==7.4\n", old)
    world.file(f"{APP}/requirements-dev.txt", "pytest==8.0\n", old)
    gone = world.moment - timedelta(hours=3)
    os.utime(world.root / "srv/shop/venv/lib/python3.11/site-packages", (gone.timestamp(), gone.timestamp()))
    (change,) = ask(session, world, past)[0].values()
    assert (change.kind, change.summary.values["missing"]) == ("remove", "qrcode")
    assert {"package:qrcode", "module:qrcode"} <= set(change.clues)


def test_damaged_and_denied_lists_are_blind_spots(session: Session, world: World, past: Window) -> None:
    venv(world, "flask-3.0.0", at=world.moment - timedelta(days=9))
    at = world.moment - timedelta(hours=2)
    world.file(f"{APP}/poetry.lock", "[[package", at)
    world.file(f"{APP}/requirements.txt", "flask==1\n", at)
    world.refuse[f"{APP}/requirements.txt"] = CouldNotLook("requirements.txt", "denied", "permission denied", "add group shop")
    changes, coverage = ask(session, world, past)
    assert changes == {}
    text = spots(coverage)
    assert f"list of packages {APP}/poetry.lock (damaged" in text
    assert "add group shop" in text


@pytest.mark.real
def test_what_the_real_pip_leaves(session: Session, tmp_path: Path) -> None:
    """pip installs a wheel of our own making without a network, and takes it away again."""
    shop = tmp_path / "shop"
    shop.mkdir()
    wheel = tmp_path / "leftpadx-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("leftpadx.py", "x = 1\n")
        archive.writestr("leftpadx-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: leftpadx\nVersion: 1.0\n")
        archive.writestr(
            "leftpadx-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("leftpadx-1.0.dist-info/RECORD", "leftpadx.py,,\nleftpadx-1.0.dist-info/RECORD,,\n")
    made = subprocess.run([sys.executable, "-m", "venv", str(shop / "venv")], capture_output=True, timeout=120, check=False)
    if made.returncode:
        lacking("python cannot make environments with pip here")
    python = str(shop / "venv" / "bin" / "python")
    (shop / "requirements.txt").write_text("leftpadx==1.0\n")
    old = time.time() - 9 * 86_400
    os.utime(shop / "requirements.txt", (old, old))
    place: Any = Local(ReadSettings())

    def told(since: datetime) -> list[tuple[str, str]]:
        window = Window(since=since, until=place.now() + timedelta(seconds=5))
        changes, coverage = collect(session, place, "python_packages", window, folders=(str(shop),))
        assert not coverage.blind, spots(coverage)
        return [(item.kind, item.component) for item in changes if item.component not in ("pip", "setuptools")]

    def pip(*argv: str) -> datetime:
        begun: datetime = place.now()
        subprocess.run([python, "-m", "pip", *argv, "--quiet"], check=True, capture_output=True, timeout=120)
        return begun

    begun = pip("install", "--no-index", "--no-deps", str(wheel))
    assert ("install", "leftpadx") in told(begun)
    begun = pip("uninstall", "--yes", "leftpadx")
    ((kind, component),) = told(begun)
    assert kind == "remove"
    assert component.endswith("site-packages")
