"""What several folders of tests share: parts that are dear to start, once per session."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.kubernetes_cluster import Cluster, control_plane

# No deadlines: a busy machine is no failure, and speed is measured by `make bench`. Where every real part is required, the
# examples are those of the run before; elsewhere fresh ones are drawn.
settings.register_profile(
    "veteran", deadline=None, derandomize=bool(os.environ.get("REQUIRE_REAL")), suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("veteran")


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A real control plane, started with the first test that asks for it and stopped with the session."""
    folder: Path = tmp_path_factory.mktemp("kubernetes")
    with control_plane(folder) as cluster:
        yield cluster


@pytest.fixture
def kubernetes(plane: Cluster) -> Iterator[Cluster]:
    """That control plane without the nodes and other things of the whole cluster that earlier tests made."""
    yield plane
    plane.tidy()


@pytest.fixture(scope="session", autouse=True)
def shared_folder() -> Iterator[None]:
    """Tests that run as root leave the modes of folders that are not theirs alone."""
    folder = Path(tempfile.gettempdir())
    before = folder.stat().st_mode
    yield
    assert folder.stat().st_mode == before, f"a test changed the mode of {folder}"
