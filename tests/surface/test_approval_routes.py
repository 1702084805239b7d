"""preflight says how a person can be asked here, and what the lock does not cover."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gate_world import World
from tests.keys import Keys
from tests.real_parts import need
from tests.surface.asking_client import asking_client
from tests.surface.wire import ERAS, server


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Keys]:
    need("ssh-keygen")
    made = Keys(tmp_path / "keys")
    made.make("alice")
    made.allow("alice")
    yield made


def test_preflight_names_the_routes_and_what_is_wrong_with_them(tmp_path: Path, keys: Keys) -> None:
    world = World(tmp_path, more=f'[approvals]\nallowed_signers = "{keys.allowed}"\n')
    with asking_client(world, ERAS[0]) as client:
        text = client.text("preflight", {"only": "disk_space"})
        assert "approval by the client's dialog: `a witness stands before this server`" in text
        assert f"approval by signature: `keys in {keys.allowed}`" in text
        assert ("beside the lock" in text) == (
            os.geteuid() == 0
            and any(map(os.path.exists, ("/run/systemd/private", "/run/dbus/system_bus_socket", "/var/run/docker.sock")))
        )
        keys.allowed.chmod(0o666)
        assert "can be written by its group or by everybody" in client.text("preflight", {"only": "disk_space"})


def test_where_nothing_is_to_be_changed_it_says_nothing_of_it(tmp_path: Path) -> None:
    with server(tmp_path) as wire:
        assert "approval" not in wire.text("preflight", {"only": "disk_space"})
