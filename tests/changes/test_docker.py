"""Changes and dependencies of containers, from a real daemon: the new image is what counts, a loop is told once."""

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from mcp_server.core.change import Change, Window
from mcp_server.core.clock import now
from mcp_server.core.declare import Scope
from mcp_server.core.outcome import Outcome
from mcp_server.core.settings import load_settings
from mcp_server.engine.dependencies import Mapped, dependencies
from mcp_server.engine.session import Asking, Session
from mcp_server.engine.what_changed import what_changed
from tests.docker_daemon import Daemon, docker_daemon
from tests.real_parts import wait_until

pytestmark = pytest.mark.real
Changed = Callable[[str], Outcome]


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with docker_daemon(Path(f"/tmp/veteran-changes-{os.getpid()}")) as running:
        yield running


@pytest.fixture
def session(daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", daemon.url)
    opened = Session(load_settings({"HOME": str(tmp_path), "VETERAN_STATE_DIR": str(tmp_path / "state")}), program="test")
    yield opened
    opened.close()


def changes(session: Session, target: str, minutes: float = 5) -> tuple[Outcome, list[Change]]:
    window = Window(since=now() - timedelta(minutes=minutes), until=now())
    outcome = what_changed(session, target, window, Scope(), None, Asking(), limit=200)
    assert isinstance(outcome.data, dict)
    return outcome, [Change.model_validate(item) for item in outcome.data["changes"]]


def mapped(session: Session, target: str) -> Mapped:
    return dependencies(session, target, Asking())


def test_a_container_recreated_with_another_image(daemon: Daemon, session: Session) -> None:
    daemon.image("shop:1")
    daemon.image("shop:2", "ENV V=2")
    daemon.run("web", "sleep", "900", image="shop:1")
    daemon.client.containers.get("web").remove(force=True)
    daemon.run("web", "sleep", "900", image="shop:2")
    outcome, found = changes(session, "docker://web")
    (recreated,) = (item for item in found if item.kind == "recreate")
    assert recreated.summary.values["before"] == "shop:1" and recreated.reference == "shop:2"
    assert "image:shop:2" in recreated.clues and "code" in recreated.classes
    assert {item.component for item in found if item.kind in ("import", "tag")} <= {"shop:1", "shop:2"}
    assert outcome.verdict == "unknown" and "remembers no more" in outcome.coverage.cut[0].remedy


def test_a_loop_is_told_once_and_a_stop_is_no_death(daemon: Daemon, session: Session) -> None:
    looping = daemon.run("looping", "sh", "-c", "exit 9", restart_policy={"Name": "always"})
    wait_until(lambda: looping.reload() or looping.attrs["RestartCount"] >= 4, "restarted", 30)
    daemon.run("halted", "sleep", "900").stop(timeout=0)
    died = [item for item in changes(session, "docker://looping")[1] if item.kind == "die"]
    assert len(died) == 1 and died[0].summary.values["code"] == 9
    assert int(str(died[0].summary.values["count"])) >= 4
    looping.remove(force=True)
    told = [item.kind for item in changes(session, "docker://halted")[1] if "container" in item.summary.text]
    assert sorted(told) == ["create", "start", "stop"]


def test_a_compose_edit_with_its_drift(daemon: Daemon, session: Session, tmp_path: Path) -> None:
    file = tmp_path / "compose.yaml"
    file.write_text("services:\n  api: {image: 'test/busybox:2'}\n")
    labels = {
        "com.docker.compose.project": "drift", "com.docker.compose.service": "api",
        "com.docker.compose.project.config_files": str(file),
    }  # fmt: skip
    daemon.run("drift-api-1", "sleep", "900", labels=labels)
    (edit,) = (item for item in changes(session, "docker://drift")[1] if item.kind == "edit")
    assert "test/busybox:2" in str(edit.summary.values["drift"]) and f"path:{file}" in edit.clues


def test_who_stands_on_whom(daemon: Daemon, session: Session) -> None:
    network = daemon.client.networks.create(f"map{os.getpid()}", driver="bridge")
    daemon.run("mapdb", "sleep", "900", network_mode=network.name)
    environment = {"DATABASE_URL": "postgres://u:geheim7Kq2@mapdb:5432/x", "PAY": "https://pay.example.com/v1"}
    daemon.run("mapapi", "sleep", "900", network_mode=network.name, environment=environment, ports={"80/tcp": ("127.0.0.1", 0)})
    found = mapped(session, "docker://mapapi")
    told = {(edge.dependent.key.partition(":")[0], edge.relation, edge.dependency.key) for edge in found.graph.edges}
    assert ("container", "configured", "container:mapdb") in told
    assert ("container", "configured", "external:pay.example.com:443") in told
    assert ("container", "attached", f"network:{network.name}") in told
    assert "geheim7Kq2" not in str(found.graph.edges)


def test_no_daemon_is_unknown_in_both(session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    outcome, found = changes(session, "docker://")
    assert outcome.verdict == "unknown" and not found
    assert mapped(session, "docker://").coverage.blind


def test_a_context_that_is_gone_is_a_blind_spot_of_the_host(session: Session) -> None:
    window = Window(since=now() - timedelta(minutes=5), until=now())
    outcome = what_changed(session, "local", window, Scope(container="docker://gone/shop"), None, Asking())
    assert any("docker://gone/shop" in spot.what and "contexts: default" in spot.reason for spot in outcome.coverage.blind)
