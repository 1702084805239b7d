from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from mcp_server.core.change import Window
from mcp_server.core.settings import load_settings
from mcp_server.engine.session import Session
from tests.changes.world import World


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    made = Session(load_settings({"VETERAN_STATE_DIR": str(tmp_path / "state"), "HOME": str(tmp_path)}), program="test")
    yield made
    made.close()


@pytest.fixture
def world(tmp_path: Path) -> World:
    (tmp_path / "host" / "etc").mkdir(parents=True)
    return World(tmp_path / "host")


@pytest.fixture
def window(world: World) -> Window:
    """The last two hours."""
    return Window(since=world.moment - timedelta(hours=2), until=world.moment + timedelta(seconds=5))
