"""Images and containers of a real daemon in a snapshot: a tag that was moved, a container that is gone."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.declare import Scope
from mcp_server.core.settings import ReadSettings, load_settings
from mcp_server.engine import snapshot as module
from mcp_server.engine.places import Local
from mcp_server.engine.session import Asking, Session
from mcp_server.engine.snapshot_data import Snapshot, differences
from tests.docker_daemon import docker_daemon
from tests.real_parts import need

pytestmark = pytest.mark.real


def test_a_tag_that_was_moved_and_a_container_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("docker")
    session = Session(load_settings({"VETERAN_STATE_DIR": str(tmp_path / "state"), "HOME": str(tmp_path)}), program="test")
    monkeypatch.setattr(module, "PARTS", {"images": module.PARTS["images"]})
    place: Any = Local(ReadSettings())

    def seen() -> Snapshot:
        taken, coverage, _ = module.take(session, place, Scope(), Asking())
        assert not coverage.blind, coverage.blind
        return taken

    folder = Path(f"/tmp/veteran-images-{os.getpid()}")
    try:
        with docker_daemon(folder) as daemon:
            monkeypatch.setenv("DOCKER_HOST", f"unix://{folder}/docker.sock")
            daemon.image("shop:42", "ENV RELEASE=1")
            running = daemon.run("web", "sh", "-c", "sleep 100")
            before = seen()
            assert "container web" in before.parts["images"].states()
            daemon.image("shop:42", "ENV RELEASE=2")
            running.remove(force=True)
            found, blind = differences(before, seen())
            assert blind == ()
            told = {item.item: (item.before is None, item.after is None) for item in found}
            assert told["image shop:42"] == (False, False)
            assert told["container web"] == (False, True)
        taken, coverage, _ = module.take(session, place, Scope(), Asking())
        assert {spot.what for spot in coverage.blind} == {"images", "containers"}, "a daemon that is gone is not an empty one"
        assert not taken.parts["images"].whole
    finally:
        session.close()
        shutil.rmtree(folder, ignore_errors=True)
