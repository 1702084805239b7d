"""Oracle Cloud, against a stand-in: power actions on the version that was seen, waited for, verified, taken back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_server.core.errors import BadInput, CouldNotLook, NotApplicable
from tests.gate_world import World, result
from tests.operations.oci_stand_in import CONTAINER, INSTANCE, Cloud, configuration, stand_in
from tests.real_parts import lacking


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[tuple[Cloud, World]]:
    try:
        import oci  # noqa: F401
    except ImportError:
        lacking("the package oci is not installed")
    with stand_in() as (made, address):
        path = configuration(tmp_path)
        world = World(tmp_path)
        text = (tmp_path / "veteran.toml").read_text().replace('kind = "process"', 'kind = "oci"')
        text = text.replace(
            "[services.shop]", f'[environments.test.options]\nconfig_file = "{path}"\nendpoint = "{address}"\n[services.shop]'
        )
        text += f'\n[services.api]\nocid = "{INSTANCE}"\n[services.jobs]\nocid = "{CONTAINER}"\n'
        (tmp_path / "veteran.toml").write_text(text)
        from mcp_server.core.settings import load_settings

        world.settings = load_settings(world.environment)
        yield made, world


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("service", "word", "state"), [("api", "SOFTRESET", "RUNNING"), ("jobs", "restart", "ACTIVE")])
def test_an_instance_is_restarted_on_the_version_that_was_seen(
    cloud: tuple[Cloud, World], service: str, word: str, state: str
) -> None:
    made, world = cloud
    proposal = world.approved(service=service)
    status, lines = world.execute(proposal.id)
    assert status == 0, lines
    assert made.writes == [(word, "v1", 200)]
    assert made.states[INSTANCE if service == "api" else CONTAINER] == state
    assert made.unsigned == 0


@pytest.mark.filterwarnings("ignore")
def test_stop_and_take_back(cloud: tuple[Cloud, World]) -> None:
    made, world = cloud
    status, lines = world.execute(world.approved("stop_service", service="api").id)
    assert status == 0, lines
    assert made.states[INSTANCE] == "STOPPED"
    back = world.approved("take_back", execution=world.executions()[0].id)
    status, lines = world.execute(back.id)
    assert status == 0, lines
    assert made.states[INSTANCE] == "RUNNING"
    assert [word for word, _, _ in made.writes] == ["SOFTSTOP", "START"]


@pytest.mark.filterwarnings("ignore")
def test_another_version_than_the_approved_one_is_another_world(cloud: tuple[Cloud, World]) -> None:
    made, world = cloud
    proposal = world.approved(service="api")
    made.versions[INSTANCE] += 1
    status, lines = world.execute(proposal.id)
    assert (status, made.writes) == (3, []), lines
    assert any("etag" in item for item in result(lines)["moved"])


@pytest.mark.filterwarnings("ignore")
def test_one_that_does_not_come_back_is_left_and_named(cloud: tuple[Cloud, World]) -> None:
    made, world = cloud
    made.stubborn = True
    status, lines = world.execute(world.approved(service="api").id)
    assert status == 2, lines
    assert "it is TERMINATED" in result(lines)["text"]
    assert "could not be taken back" in result(lines)["left"][0]


@pytest.mark.filterwarnings("ignore")
def test_what_cannot_be_seen_or_is_in_change_is_not_planned(cloud: tuple[Cloud, World]) -> None:
    made, world = cloud
    with pytest.raises(BadInput, match="service shop declares no `ocid`"):
        world.plan(service="shop")
    with pytest.raises(BadInput, match="an instance's OCID"):
        world.plan(service="ocid1.vcn.oc1.eu.abcdef")
    with pytest.raises(CouldNotLook, match="no right to see it"):
        world.plan(service=INSTANCE.replace("standin", "another"))
    made.states[INSTANCE] = "STOPPING"
    with pytest.raises(NotApplicable, match="it can only be acted on at rest or running"):
        world.plan(service="api")
