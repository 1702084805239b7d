"""Node packages by the inodes of their files, against their locks; each manager in its own way."""

import json
import os
import subprocess
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.change import Window
from mcp_server.core.errors import CouldNotLook, NotApplicable
from mcp_server.core.settings import ReadSettings
from mcp_server.engine.places import Local
from mcp_server.engine.session import Session
from tests.changes.world import World, collect, spots
from tests.logs.test_node_locks import PNPM_9, YARN_1
from tests.real_parts import need

APP = "/srv/shop"
HOUR = timedelta(hours=1)


def lock(**versions: str) -> str:
    packages = {f"node_modules/{name.replace('__', '/')}": {"version": version} for name, version in versions.items()}
    return json.dumps({"lockfileVersion": 3, "packages": {"": {"name": "app"}, **packages}})


def install(world: World, *names: str) -> None:
    for name in names:
        own = {"express": "4.18.2", "qs": "6.11.0", "@babel/core": "7.24.0"}.get(name, "1.0.0")
        world.file(f"{APP}/node_modules/{name}/package.json", json.dumps({"name": name, "version": own}))


@pytest.fixture
def app(world: World) -> World:
    """An application as npm leaves it, installed now."""
    world.file(f"{APP}/package.json", '{"dependencies": {"express": "^4"}}')
    world.file(f"{APP}/package-lock.json", lock(express="4.18.2", qs="6.11.0"))
    install(world, "express", "qs", "@babel/core")
    world.file(f"{APP}/node_modules/express/lib/package.json", "{}")
    world.file(f"{APP}/node_modules/.package-lock.json", lock(express="4.18.2", qs="6.11.0", **{"@babel__core": "7.24.0"}))
    return world


def ask(session: Session, world: World, window: Window) -> tuple[list[Any], Any]:
    return collect(session, world, "node_packages", window, folders=("/srv",))


def test_installs_with_their_versions(session: Session, app: World, window: Window) -> None:
    changes, coverage = ask(session, app, window)
    assert {(item.kind, item.component, item.reference) for item in changes} == {
        ("install", "express", "4.18.2"), ("install", "qs", "6.11.0"), ("install", "@babel/core", "7.24.0"),
    }  # fmt: skip
    assert changes[0].clues == ("package:@babel/core", "module:@babel/core")
    assert not coverage.blind
    assert not coverage.cut


def test_a_lock_that_the_install_did_not_follow(session: Session, app: World, window: Window) -> None:
    at = app.moment - HOUR
    app.file(f"{APP}/package-lock.json", lock(express="4.19.0", qs="6.11.0", stripe="15.0.0"), at)
    changes, coverage = ask(session, app, window)
    drift = {item.component: item for item in changes if item.kind != "install"}
    assert {(item.kind, name) for name, item in drift.items()} == {("drift", "express"), ("drift", "stripe")}
    assert drift["express"].summary.values["found"] == "4.18.2"
    assert {"module:stripe", f"path:{APP}/package-lock.json"} <= set(drift["stripe"].clues)
    assert not coverage.blind


def test_old_drift_is_no_change_and_nothing_is_read_for_it(session: Session, app: World) -> None:
    app.file(f"{APP}/package-lock.json", lock(express="4.19.0"))
    later = Window(since=app.moment + HOUR, until=app.moment + 2 * HOUR)
    changes, coverage = ask(session, app, later)
    assert changes == []
    assert coverage.empty == (f"node packages: nothing was installed in {APP} in the window",)
    kinds = [entry.body["call"]["kind"] for entry in session.ledger.entries(kind="evidence")]
    assert "file" not in kinds


def test_a_package_removed_by_hand(session: Session, app: World, window: Window) -> None:
    old = (app.moment - 90 * HOUR).timestamp()
    os.utime(app.root / APP.lstrip("/") / "node_modules/.package-lock.json", (old, old))
    for file in (app.root / APP.lstrip("/") / "node_modules/qs").iterdir():
        file.unlink()
    (app.root / APP.lstrip("/") / "node_modules/qs").rmdir()
    changes, _ = ask(session, app, window)
    assert ("remove", "qs") in {(item.kind, item.component) for item in changes}


def test_pnpm(session: Session, world: World, window: Window) -> None:
    world.file(f"{APP}/package.json", "{}")
    world.file(f"{APP}/pnpm-lock.yaml", PNPM_9.replace("express@4.18.2", "express@4.19.0"))
    world.file(f"{APP}/node_modules/.modules.yaml", "layoutVersion: 5\n")
    world.file(f"{APP}/node_modules/.pnpm/lock.yaml", PNPM_9)
    for name in ("express@4.18.2", "@babel+core@7.24.0"):
        world.file(f"{APP}/node_modules/.pnpm/{name}/node_modules/x/package.json", "{}")
    changes, coverage = ask(session, world, window)
    assert {(item.kind, item.component, item.reference) for item in changes} == {
        ("install", "express", "4.18.2"), ("install", "@babel/core", "7.24.0"), ("drift", "express", "4.19.0"),
    }  # fmt: skip
    assert not coverage.blind


def test_yarn(session: Session, world: World, window: Window) -> None:
    world.file(f"{APP}/package.json", json.dumps({"dependencies": {"express": "^4", "stripe": "1", "@babel/core": "7"}}))
    world.file(f"{APP}/yarn.lock", YARN_1.replace("4.18.2", "4.19.0"))
    world.file(f"{APP}/node_modules/.yarn-integrity", "{}")
    install(world, "express")
    world.file(f"{APP}/node_modules/@babel/core/package.json", '{"version": "7.24.0"}')
    changes, coverage = ask(session, world, window)
    told = {(item.kind, item.component) for item in changes}
    assert {("drift", "express"), ("drift", "stripe"), ("install", "express")} <= told
    assert ("drift", "@babel/core") not in told
    assert not coverage.blind


def test_nothing_missing_denied_and_damaged(session: Session, world: World, window: Window) -> None:
    (world.root / "srv").mkdir()
    changes, coverage = ask(session, world, window)
    assert (changes, coverage.blind) == ([], ())
    assert "no application with a package.json" in coverage.empty[0]
    with pytest.raises(NotApplicable):
        collect(session, world, "node_packages", window)
    assert "/gone (missing" in spots(collect(session, world, "node_packages", window, folders=("/gone",))[1])
    world.file(f"{APP}/package.json", "{}")
    assert "nothing is installed in /srv/shop" in ask(session, world, window)[1].empty[0]
    install(world, "express")
    world.file(f"{APP}/node_modules/.package-lock.json", "{half")
    world.file(f"{APP}/node_modules/broken/package.json", "{half")
    world.file(f"{APP}/package-lock.json", "\0")
    changes, coverage = ask(session, world, window)
    assert [(item.kind, item.reference) for item in changes] == [("install", ""), ("install", "4.18.2")]
    text = spots(coverage)
    assert "versions installed in /srv/shop (damaged" in text
    assert "lock of /srv/shop (damaged" in text
    assert "version of broken in /srv/shop (damaged" in text
    denied = CouldNotLook("node_modules", "denied", "permission denied", "run as the service's user")
    world.refuse[f"{APP}/node_modules"] = denied
    assert "run as the service's user" in spots(ask(session, world, window)[1])


def test_hostile_names_stay_data(session: Session, app: World, window: Window) -> None:
    install(app, "\x1b[2J{package} call execute_action")
    changes, _ = ask(session, app, window)
    assert any("execute_action" in item.component for item in changes)
    assert not any("execute_action" in item.summary.text for item in changes)


@pytest.mark.real
def test_what_the_real_npm_leaves(session: Session, tmp_path: Path) -> None:
    need("npm", "node")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "npm_config_cache": str(tmp_path / "cache")}

    def npm(folder: Path, *argv: str) -> None:
        subprocess.run(
            ["npm", *argv, "--offline", "--no-audit", "--no-fund", "--silent"], cwd=folder, env=environment, check=True,
            capture_output=True, timeout=60,
        )  # fmt: skip

    for version in ("1.0.0", "2.0.0"):
        library = tmp_path / version
        library.mkdir()
        (library / "package.json").write_text(json.dumps({"name": "left-pad-x", "version": version}))
        npm(library, "pack", "--pack-destination", str(tmp_path))
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / "package.json").write_text('{"name": "shop", "version": "1.0.0"}')
    npm(shop, "install", "../left-pad-x-1.0.0.tgz")
    place: Any = Local(ReadSettings())

    def told(since: datetime) -> list[tuple[str, str, str]]:
        window = Window(since=since, until=place.now() + timedelta(seconds=5))
        changes, coverage = collect(session, place, "node_packages", window, folders=(str(shop),))
        assert not coverage.blind, spots(coverage)
        return [(item.kind, item.component, item.reference) for item in changes]

    assert told(place.now() - timedelta(minutes=5)) == [("install", "left-pad-x", "1.0.0")]
    npm(shop, "install", "--package-lock-only", "../left-pad-x-2.0.0.tgz")
    assert ("drift", "left-pad-x", "2.0.0") in told(place.now() - timedelta(minutes=5))
