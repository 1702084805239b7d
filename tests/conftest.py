"""What several folders of tests share: parts that are dear to start, once per session."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kubernetes_cluster import Cluster, control_plane


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
