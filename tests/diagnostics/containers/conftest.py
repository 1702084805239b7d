"""One daemon for all tests of this folder, and questions asked of it as every door asks."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mcp_server.core.outcome import Outcome
from tests.diagnostics.asking import asking
from tests.docker_daemon import Daemon, docker_daemon


@pytest.fixture(scope="package")
def daemon() -> Iterator[Daemon]:
    with docker_daemon(Path(f"/tmp/veteran-containers-{os.getpid()}")) as running:
        yield running


@pytest.fixture
def ask(daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Outcome]]:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", daemon.url)
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    with asking(tmp_path / "asking") as put:
        yield put
