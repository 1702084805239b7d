"""A real Docker daemon as a place: what is seen, what is refused, and how a daemon that is down, closed or hung is told."""

import json
import os
import re
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.docker_calls import (
    Container,
    ReadComposeFiles,
    ReadContainers,
    ReadDaemon,
    ReadEvents,
    ReadImages,
    ReadNetworks,
    ReadUsage,
)
from mcp_server.core.errors import BadInput, CouldNotLook
from mcp_server.core.log_calls import LogSummary, SearchLog, TailLog
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.engine.places import Place, resolve
from tests.docker_daemon import Daemon, docker_daemon
from tests.hung_socket import hung_socket
from tests.real_parts import wait_until

pytestmark = pytest.mark.real
ANYWHERE = ReadSettings()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with docker_daemon(Path(f"/tmp/veteran-docker-{os.getpid()}")) as running:
        yield running


@pytest.fixture
def place(daemon: Daemon, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", daemon.url)
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)

    def named(address: str) -> Place:
        return resolve(address, ANYWHERE)

    return named


def only(place: Place) -> Container:
    (found,) = place.look(ReadContainers(), Limits()).containers
    return found


def test_a_container_killed_for_want_of_memory_again_and_again(daemon: Daemon, place: Any) -> None:
    policy = {"Name": "on-failure", "MaximumRetryCount": 2}
    made = daemon.run("hog", "sh", "-c", "tail /dev/zero", mem_limit="16m", restart_policy=policy, wait="exited")
    wait_until(lambda: made.reload() or made.attrs["RestartCount"] == 2, "restarted twice")
    seen = only(place("docker://hog"))
    assert (seen.oom_killed, seen.exit_code, seen.restarts, seen.restart_policy) == (True, 137, 2, "on-failure:2")
    assert seen.memory_limit == 16_777_216
    events = place("docker://hog").look(ReadEvents(), Limits())
    actions = [event.action for event in events.events if event.type == "container"]
    assert actions.count("oom") == actions.count("die") == 3 and actions[0] == "create"
    assert events.reaches is not None and {event.name for event in events.events} <= {"hog", "none", "test/busybox:1"}


def test_an_unhealthy_container_with_its_check_and_no_values_of_its_environment(daemon: Daemon, place: Any) -> None:
    check = {"test": ["CMD-SHELL", "echo connection refused; exit 3"], "interval": 200_000_000, "retries": 2}
    environment = {
        "DB_PASSWORD": "x7dKq29fLw", "DATABASE_URL": "postgres://u:p7dKq29f@db:5432/x", "REDIS_HOST": "cache",
        "REDIS_PORT": "6379", "API": "http://api/v1", "BROKERS": "k1:9092,k2:9092", "DB_PASSWORD_FILE": "/run/secrets/db",
    }  # fmt: skip
    daemon.run("sick", "sleep", "900", healthcheck=check, environment=environment, wait="unhealthy", ports={"80/tcp": 18080})
    seen = only(place("docker://sick"))
    assert seen.health == "unhealthy" and seen.failing_streak >= 2
    assert seen.health_runs[-1].exit == 3 and seen.health_runs[-1].output == "connection refused"
    assert seen.secret_names == ("DB_PASSWORD", "DATABASE_URL")
    assert {f"{item.variable} {item.address}" for item in seen.addresses} == {
        "DATABASE_URL db:5432", "REDIS_HOST cache:6379", "API api:80", "BROKERS k1:9092", "BROKERS k2:9092",
    }  # fmt: skip
    assert "7dKq29f" not in seen.model_dump_json()
    assert any(port.wanted and port.host == "0.0.0.0:18080" for port in seen.ports)


def test_the_daemon_its_images_networks_and_use(daemon: Daemon, place: Any) -> None:
    network = daemon.client.networks.create(f"net{os.getpid()}", driver="bridge")
    daemon.run("attached", "sleep", "900", network_mode=network.name)
    whole = place("docker://")
    told = whole.look(ReadDaemon(), Limits())
    assert told.version and told.endpoint == daemon.url and abs(told.clock_ahead_ms) < 2_000 and not told.refused
    images = place("docker://attached").look(ReadImages(), Limits())
    assert images.images[0].tags == ("test/busybox:1",) and not images.images[0].health_check
    assert images.tagged == {"test/busybox:1": images.images[0].id} and not images.missing
    networks = {item.name: item for item in whole.look(ReadNetworks(), Limits()).networks}
    assert "attached" in networks[network.name].containers
    (use,) = place("docker://attached").look(ReadUsage(), Limits()).containers
    assert use.name == "attached" and use.memory and use.memory > 0
    assert place("docker://attached").look(ReadComposeFiles(), Limits()).files == ()


def test_the_output_of_containers_through_the_log_engine(daemon: Daemon, place: Any) -> None:
    daemon.run("talks", "sh", "-c", "for i in 1 2 3; do echo line $i; echo ERROR no $i >&2; done", wait="exited")
    says = 'echo "Traceback (most recent call last):"; echo "  File \\"x.py\\", line 3"; echo "KeyError: 1"'
    daemon.run("trace", "sh", "-c", says, wait="exited", tty=True)
    page = place("docker://talks").look(TailLog(sources=("container",), count=100), Limits())
    assert sorted(record.text.split(" ", 1)[1] for record in page.records) == [
        "ERROR no 1", "ERROR no 2", "ERROR no 3", "line 1", "line 2", "line 3",
    ]  # fmt: skip
    assert page.cursor is None and not page.seen.doubts
    traces = place("docker://trace").look(TailLog(sources=("container",)), Limits())
    assert len(traces.records) == 1 and traces.records[0].text.count("\n") == 2
    both = place("docker://").look(
        SearchLog(sources=("container:talks", "container:trace"), patterns=("KeyError", "ERROR")), Limits()
    )
    assert both.counts == (1, 3)
    summary = place("docker://talks").look(LogSummary(sources=("container",)), Limits())
    assert summary.levels.get("error") == 3
    since = page.records[-1].at
    later = place("docker://talks").look(TailLog(sources=("container",), since=since + timedelta(seconds=5)), Limits())
    assert later.records == ()
    with pytest.raises(CouldNotLook, match="no such container"):
        place("docker://talks").look(TailLog(sources=("container:trace",)), Limits())


def test_a_compose_project_is_a_place_and_its_files_are_read(daemon: Daemon, place: Any, tmp_path: Path) -> None:
    file = tmp_path / "compose.yaml"
    file.write_text(
        "services:\n  web: {image: 'test/busybox:2', depends_on: [db], environment: {PASSWORD: tops3cret}}\n  db: {image: x}\n"
    )
    labels = {"com.docker.compose.project": "shopping", "com.docker.compose.project.config_files": str(file)}
    for name in ("web", "db"):
        daemon.run(f"shopping-{name}-1", "sleep", "900", labels=labels | {"com.docker.compose.service": name, "secret": "x"})
    daemon.run("stranger", "sleep", "900")
    seen = place("docker://shopping").look(ReadContainers(), Limits())
    assert {item.service for item in seen.containers} == {"web", "db"} and "secret" not in seen.containers[0].labels
    assert seen.others and {item.project for item in seen.others} == {""}
    files = place("docker://shopping").look(ReadComposeFiles(), Limits())
    assert [(item.name, item.image, item.depends_on) for item in files.files[0].services] == [
        ("web", "test/busybox:2", ("db",)), ("db", "x", ()),
    ]  # fmt: skip
    assert "tops3cret" not in files.model_dump_json()
    file.write_text("services: [")
    assert "no YAML" in place("docker://shopping").look(ReadComposeFiles(), Limits()).files[0].problem
    file.unlink()
    assert "missing" in place("docker://shopping").look(ReadComposeFiles(), Limits()).failed[str(file)]


@pytest.mark.parametrize("context", ["staging", "docker://staging/"])
def test_contexts_are_named_never_switched(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, context: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
    daemon.context(tmp_path, "staging")
    assert resolve("docker://staging/", ANYWHERE).look(ReadDaemon(), Limits()).endpoint == daemon.url
    with pytest.raises(CouldNotLook, match="does not exist"):
        resolve("docker://", ANYWHERE).look(ReadDaemon(), Limits())
    with pytest.raises(BadInput, match="contexts: default, staging"):
        resolve("docker://prod/x", ANYWHERE)


def test_a_name_that_means_nothing_is_no_empty_answer(place: Any) -> None:
    with pytest.raises(CouldNotLook, match="has none of this name") as failure:
        place("docker://nobody").look(ReadContainers(), Limits())
    assert failure.value.reason == "missing"


def test_nothing_but_listed_reads_leaves_the_door(daemon: Daemon, place: Any) -> None:
    daemon.run("kept", "sleep", "900")
    there = place("docker://kept")
    before = only(there)
    client: Any = there._door._door._client
    for attempt in (
        lambda: client.restart("kept"), lambda: client.stop("kept"), lambda: client.kill("kept"), lambda: client.pause("kept"),
        lambda: client.remove_container("kept", force=True), lambda: client.update_container("kept", mem_limit=1 << 30),
        lambda: client.exec_create("kept", "true"), lambda: client.create_container("test/busybox:1"),
        client.prune_containers, lambda: client.remove_image("test/busybox:1"), lambda: client.create_network("x"),
        lambda: client.export("kept"), lambda: client.get_archive("kept", "/etc"),
        lambda: client.attach_socket("kept", ws=True), lambda: client.pull("x"),
        lambda: client.get(f"{client.base_url}/v1.41/containers/kept/attach/ws"),
        lambda: client.get(f"{client.base_url}/v1.41/containers/../containers/kept/export"),
    ):  # fmt: skip
        with pytest.raises(CouldNotLook, match="no read of a docker daemon"):
            attempt()
    assert only(there).started == before.started


def test_a_daemon_that_hangs_costs_its_time_limit_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with hung_socket(tmp_path / "d.sock") as address:
        monkeypatch.setenv("DOCKER_HOST", address)
        there = resolve("docker://", ANYWHERE)
        started = time.monotonic()
        for call in (ReadDaemon(), ReadContainers(), ReadNetworks()):
            with pytest.raises(CouldNotLook, match="did not answer") as failure:
                there.look(call, Limits(1))
            assert failure.value.reason == "timed_out"
        assert time.monotonic() - started < 6, "twice each"


def test_a_socket_without_a_daemon_or_without_the_right(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/d.sock")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "d.sock"))
    with pytest.raises(CouldNotLook, match="refused") as failure:
        resolve("docker://", ANYWHERE).look(ReadDaemon(), Limits())
    assert failure.value.reason == "unreachable"
    monkeypatch.setenv("DOCKER_HOST", "ssh://web1")
    with pytest.raises(CouldNotLook, match="reached by ssh"):
        resolve("docker://", ANYWHERE).look(ReadDaemon(), Limits())


def test_pages_of_a_long_output_meet_exactly(daemon: Daemon, place: Any) -> None:
    script = "i=0; while [ $i -lt 3000 ]; do echo entry $i; i=$((i+1)); done"
    daemon.run("long", "sh", "-c", script, wait="exited")
    seen: list[str] = []
    cursor = None
    while True:
        page = place("docker://long").look(TailLog(sources=("container",), count=700, chars=60_000, cursor=cursor), Limits())
        assert page.rotated is None
        seen = [record.text.split(" ", 1)[1] for record in page.records] + seen
        cursor = page.cursor
        if cursor is None:
            break
    assert seen == [f"entry {number}" for number in range(3_000)]


def test_a_proxy_that_allows_little_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As docker-socket-proxy does: some paths are 403 before the daemon sees them."""
    monkeypatch.setenv("HOME", str(tmp_path))
    answers = {
        "/version": {"Version": "26.1", "ApiVersion": "1.45", "MinAPIVersion": "1.24"}, "/info": {"Name": "web1"},
        "/containers/json": [],
    }  # fmt: skip
    with proxy(tmp_path / "p.sock", answers) as address:
        monkeypatch.setenv("DOCKER_HOST", address)
        there = resolve("docker://", ANYWHERE)
        told = there.look(ReadDaemon(), Limits())
        assert (told.name, told.refused) == ("web1", ("images", "networks", "events"))
        assert there.look(ReadContainers(), Limits()).containers == ()
        with pytest.raises(CouldNotLook, match="refused before the daemon") as failure:
            there.look(ReadNetworks(), Limits())
        assert failure.value.reason == "denied" and "proxy" in failure.value.remedy


@contextmanager
def proxy(path: Path, answers: dict[str, Any]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = answers.get(re.sub(r"^/v[0-9.]+(?=/)", "", self.path.partition("?")[0]))
            body = json.dumps({"message": "Forbidden"} if known is None else known).encode()
            self.send_response(403 if known is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            return None

    class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
        daemon_threads = True

    with Server(str(path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"unix://{path}"
        finally:
            server.shutdown()
            thread.join()


def test_of_too_many_containers_the_old_dead_ones_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    states = ["exited"] * 5 + ["running"] * 3 + ["restarting"]
    rows = [{"Id": f"{n:064}", "Names": [f"/c{n}"], "State": state, "Created": n} for n, state in enumerate(states)]
    answers: dict[str, Any] = {"/version": {"ApiVersion": "1.45"}, "/containers/json": rows}
    for row in rows:
        answers[f"/containers/{row['Id']}/json"] = {
            "Id": row["Id"], "Name": row["Names"][0], "Created": "2026-11-20T00:00:00Z", "Image": "sha256:0", "HostConfig": {},
            "State": {"Status": row["State"]}, "Config": {"Image": "x"},
        }  # fmt: skip
    with proxy(tmp_path / "p.sock", answers) as address:
        monkeypatch.setenv("DOCKER_HOST", address)
        seen = resolve("docker://", ANYWHERE).look(ReadContainers(limit=5), Limits())
    assert [item.name for item in seen.containers] == ["c8", "c7", "c6", "c5", "c4"]
    assert seen.cut == "only 5 containers were read"
