"""A real service for each test, ended and removed whatever happens."""

from collections.abc import Iterator

import pytest

from scripts.demo.world import World
from tests.real_parts import need


@pytest.fixture
def world() -> Iterator[World]:
    """Built, not yet started."""
    need("git", "nginx")
    with World() as built:
        built.build()
        yield built
