from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_server.core.calls import Process, Processes, Sockets
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
    """A host with an empty /etc, nobody listening, and process 1."""
    (tmp_path / "host" / "etc").mkdir(parents=True)
    made = World(tmp_path / "host")
    made.answers["processes"] = Processes(processes=(Process(pid=1, ppid=0, name="init", argv=("init",)),))
    made.answers["sockets"] = Sockets(sockets=())
    return made
