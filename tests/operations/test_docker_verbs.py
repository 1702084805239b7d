"""Acts on containers of a real daemon: planned, approved, carried out, verified; or taken back and proven equal."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.errors import BadInput, NotApplicable
from mcp_server.core.writer import Doing, WriteFailed
from mcp_server.engine.operations import verbs
from mcp_server.targets.writers import docker as writer
from tests.docker_daemon import IMAGE, Daemon, docker_daemon
from tests.gate_world import ROOT, World, result

pytestmark = pytest.mark.real
BOX = '[environments.box]\nkind = "docker"\ntarget = "docker://"\nprotection = "dev"\n'
# each verb that has a way back without making the container anew, in one run; it is verified by nothing
UNDONE = """
summary: Every act on a container that goes on, taken back
risk: low
parameters: {service: {type: name, description: Name of the container}}
kinds:
  docker:
    steps:
      - {verb: limit_container, arguments: {service: "{service}", memory_mib: 96, cpus: 1.5, pids: 70}}
      - {verb: restart_container, arguments: {service: "{service}"}}
      - {verb: stop_container, arguments: {service: "{service}"}}
      - {verb: start_container, arguments: {service: "{service}"}}
    verify: {diagnostic: container_status, arguments: {container: "{container}"}, expect: not_applicable, deadline_s: 0.1}
"""
WRITTEN_BY_OTHERS = {
    "State": "the daemon's, of the processes that run now; whether it runs is compared",
    "NetworkSettings": "its sandbox is made at each start",
    "ResolvConfPath": "written anew at each start", "HostnamePath": "the same", "HostsPath": "the same",
}  # fmt: skip
"""All that may differ of a container once an act was taken back, and why."""
CHECK = {"test": ["CMD-SHELL", "test ! -e /etc/broken"], "interval": 200_000_000, "retries": 2, "timeout": 2_000_000_000}


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with docker_daemon(Path(f"/tmp/veteran-verbs-{os.getpid()}")) as running:
        yield running


@pytest.fixture
def world(daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", daemon.url)
    declared = '[services.web]\ncontainer = "docker://web-1"\n'
    own = tmp_path / "operations"
    own.mkdir()
    # as shipped, with less patience for what will not be well
    text = (ROOT / "mcp_server/operations/change_image.yaml").read_text(encoding="utf8")
    (own / "change_image_soon.yaml").write_text(text.replace("deadline_s: 60", "deadline_s: 8"), encoding="utf8")
    (own / "each_undone.yaml").write_text(UNDONE, encoding="utf8")
    made = World(tmp_path, gate=f'[gate]\noperations = "{own}"\n', box=BOX, declared=declared)
    made.environment["DOCKER_HOST"] = daemon.url
    yield made
    made.stop()


def carried_out(world: World, operation: str, **parameters: Any) -> dict[str, Any]:
    """Planned in the environment of docker, approved, executed; the last line."""
    plan = world.plan(operation, environment="box", **parameters)
    assert plan.passed, [item.reason for item in plan.gates]
    proposal = world.propose(plan)
    world.approve(proposal)
    return dict(result(world.execute(proposal.id)[1]))


def facts(daemon: Daemon, name: str) -> dict[str, Any]:
    found: dict[str, Any] = daemon.client.api.inspect_container(name)
    return found


def test_both_halves_know_the_same_verbs() -> None:
    assert set(verbs("docker")) == set(writer.VERBS)


def test_restart_stop_and_start(daemon: Daemon, world: World) -> None:
    daemon.run("web-1", "sleep", "900", healthcheck=CHECK, wait="healthy")
    before = facts(daemon, "web-1")
    assert carried_out(world, "restart_service", service="web")["state"] == "done"
    after = facts(daemon, "web-1")
    assert after["Id"] == before["Id"] and after["State"]["StartedAt"] > before["State"]["StartedAt"]
    assert carried_out(world, "stop_service", service="web-1")["state"] == "done"
    assert not facts(daemon, "web-1")["State"]["Running"]
    with pytest.raises(AssertionError, match="as wanted already"):
        carried_out(world, "stop_service", service="web-1")
    assert carried_out(world, "start_service", service="web-1")["state"] == "done"
    assert facts(daemon, "web-1")["State"]["Running"]


def test_limits_are_changed_and_what_is_asked_of_nobody_is_refused(daemon: Daemon, world: World) -> None:
    daemon.run("bounded", "sleep", "900", mem_limit="64m", nano_cpus=500_000_000, pids_limit=50)
    done = carried_out(world, "limit_container", service="bounded", memory_mib=128, cpus=1.5)
    assert done["state"] == "done", done
    host = facts(daemon, "bounded")["HostConfig"]
    assert (host["Memory"], host["NanoCpus"], host["PidsLimit"]) == (134_217_728, 1_500_000_000, 50)
    (execution,) = [item for item in world.executions() if item.operation == "limit_container"]
    back = world.plan("take_back", environment="box", execution=execution.id)
    proposal = world.propose(back)
    world.approve(proposal)
    assert result(world.execute(proposal.id)[1])["state"] == "done"
    assert facts(daemon, "bounded")["HostConfig"]["Memory"] == 67_108_864
    with pytest.raises(NotApplicable, match="no container nobody"):
        world.plan("restart_service", environment="box", service="nobody")
    with pytest.raises(BadInput):
        world.plan("limit_container", environment="box", service="bounded")


def test_each_act_is_taken_back_in_reverse_order_and_the_container_is_as_it_was(daemon: Daemon, world: World) -> None:
    options = {"mem_limit": "64m", "memswap_limit": "80m", "nano_cpus": 500_000_000, "pids_limit": 50}
    daemon.run("each", "sleep", "900", restart_policy={"Name": "on-failure", "MaximumRetryCount": 4}, **options)
    before = facts(daemon, "each")
    plan = world.plan("each_undone", environment="box", service="each")
    assert [bool(step.undo and step.restores) for step in plan.steps] == [True] * 4
    elsewhere = {"recreate_container", "restore_container"}  # below; and the way back itself
    assert {step.step.verb for step in plan.steps} | elsewhere == set(verbs("docker"))
    assert "what they hold in memory" in plan.steps[1].lost
    proposal = world.propose(plan)
    world.approve(proposal)
    status, lines = world.execute(proposal.id)
    assert (status, result(lines)["state"]) == (1, "undone"), result(lines)
    states = [(line["number"], line["state"]) for line in lines if line["event"] == "step" and line["state"] != "started"]
    assert states == [*((number, "done") for number in (1, 2, 3, 4)), *((number, "undone") for number in (4, 3, 2, 1))]
    after = facts(daemon, "each")
    assert after["State"]["Running"] == before["State"]["Running"]
    assert after["State"]["StartedAt"] > before["State"]["StartedAt"], "it was acted on"
    assert {key: after[key] for key in after.keys() - WRITTEN_BY_OTHERS} == {
        key: before[key] for key in before.keys() - WRITTEN_BY_OTHERS
    }


def test_another_image_keeps_the_configuration(daemon: Daemon, world: World, tmp_path: Path) -> None:
    daemon.image("shop:1", "ENV FROM_IMAGE=one")
    daemon.image("shop:2", "ENV FROM_IMAGE=two")
    network = daemon.client.networks.create(f"verbs{os.getpid()}", driver="bridge")
    (tmp_path / "data").mkdir()
    daemon.run(
        "store", "sleep", "900", image="shop:1", environment={"MODE": "fast"}, mem_limit="64m", network_mode=network.name,
        volumes={str(tmp_path / "data"): {"bind": "/data", "mode": "rw"}}, labels={"team": "shop"}, healthcheck=CHECK,
        restart_policy={"Name": "always"}, wait="healthy",
    )  # fmt: skip
    before = facts(daemon, "store")
    done = carried_out(world, "change_image", service="store", image="shop:2")
    assert done["state"] == "done", done
    after = facts(daemon, "store")
    assert after["Id"] != before["Id"] and after["Config"]["Image"] == "shop:2" and after["State"]["Running"]
    assert set(after["Config"]["Env"]) >= {"MODE=fast", "FROM_IMAGE=two"}
    assert after["Config"]["Labels"] == {"team": "shop"} and after["HostConfig"]["Binds"] == before["HostConfig"]["Binds"]
    assert (after["HostConfig"]["Memory"], after["HostConfig"]["RestartPolicy"]["Name"]) == (67_108_864, "always")
    assert network.name in after["NetworkSettings"]["Networks"]
    kept = facts(daemon, f"store-before-{before['Id'][:12]}")
    assert not kept["State"]["Running"] and kept["HostConfig"]["RestartPolicy"]["Name"] == "no"


def test_an_image_that_is_not_well_is_taken_back_and_proven_equal(daemon: Daemon, world: World) -> None:
    daemon.image("api:1")
    daemon.image("api:broken", "HEALTHCHECK --interval=200ms --retries=2 CMD false")
    daemon.run("api", "sleep", "900", image="api:1", restart_policy={"Name": "on-failure", "MaximumRetryCount": 5})
    before = facts(daemon, "api")
    done = carried_out(world, "change_image_soon", service="api", image="api:broken")
    assert done["state"] == "undone", done
    after = facts(daemon, "api")
    assert after["Id"] == before["Id"] and after["State"]["Running"]
    assert after["HostConfig"]["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 5}
    assert [item.name for item in daemon.client.containers.list(all=True) if item.name.startswith("api")] == ["api"]


def test_what_moved_between_approval_and_execution_is_refused(daemon: Daemon, world: World) -> None:
    daemon.image("moved:2", "ENV A=1")
    made = daemon.run("moved", "sleep", "900")
    proposal = world.propose(world.plan("change_image", environment="box", service="moved", image="moved:2"))
    world.approve(proposal)
    daemon.image("moved:2", "ENV A=2")
    status, lines = world.execute(proposal.id)
    assert status == 3 and "the world moved" in result(lines)["text"], lines
    made.reload()
    assert made.attrs["Config"]["Image"] == IMAGE


def test_a_half_made_container_that_cannot_be_removed_hides_no_reason(
    daemon: Daemon, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.image("stuck:1", "ENV FROM_IMAGE=one")
    daemon.image("stuck:2", "ENV FROM_IMAGE=two")
    daemon.run("stuck", "sleep", "900", image="stuck:1")

    def fails(*_: object, **__: object) -> None:
        raise ConnectionError("the daemon is gone")

    monkeypatch.setattr("docker.APIClient.stop", fails)
    monkeypatch.setattr("docker.APIClient.remove_container", fails)
    doing = Doing(world.plan("restart_service", environment="box", service="stuck").environment, world.folder, {})
    with pytest.raises(WriteFailed, match=r"the daemon is gone; stuck-new-\w{12} is left half-made") as caught:
        writer.VERBS["recreate_container"]({"container": "stuck", "image": "stuck:2"}, doing)
    assert not caught.value.sure
    assert facts(daemon, "stuck")["State"]["Running"]
    monkeypatch.undo()
    daemon.client.api.remove_container(f"stuck-new-{facts(daemon, 'stuck')['Id'][:12]}", force=True)
