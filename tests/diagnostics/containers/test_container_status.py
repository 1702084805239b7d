"""Faults made real in a real daemon, each found with its cause; a healthy container is silent."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.outcome import Finding, Outcome
from tests.diagnostics.asking import codes
from tests.docker_daemon import Daemon
from tests.hung_socket import hung_socket
from tests.real_parts import wait_until

pytestmark = pytest.mark.real
Ask = Callable[..., Outcome]
QUICK = {"interval": 200_000_000, "retries": 2, "timeout": 1_000_000_000}


def one(outcome: Outcome, code: str) -> Finding:
    (found,) = (item for item in outcome.findings if item.code == f"container_status.{code}")
    return found


def until(ask: Ask, target: str, code: str, severity: str = "") -> Outcome:
    """Ask until the fault shows, as severe as that: a loop takes its time to be one."""
    seen: list[Outcome] = []

    def shows() -> bool:
        seen[:] = [ask("container_status", target=target)]
        return any(found.code == f"container_status.{code}" and severity in ("", found.severity) for found in seen[0].findings)

    wait_until(shows, f"{code} is found at {target}", 30)
    return seen[0]


def test_killed_for_want_of_memory_in_a_loop(daemon: Daemon, ask: Ask) -> None:
    daemon.run("hog", "sh", "-c", "echo loading; tail /dev/zero", mem_limit="16m", restart_policy={"Name": "always"})
    # the process is killed first, and its container ends a moment later: until then it is a warning
    outcome = until(ask, "docker://hog", "oom_killed", "critical")
    found = one(outcome, "oom_killed")
    assert codes(outcome) == ["oom_killed"]
    assert found.values["limit"] == "16.0 MiB" and found.component == "hog" and found.severity == "critical"
    assert outcome.target == "docker://default/hog"
    daemon.client.containers.get("hog").remove(force=True)


def test_a_program_that_ends_again_and_again_is_quoted(daemon: Daemon, ask: Ask) -> None:
    script = 'echo starting; echo "KeyError: SMTP_HOST" >&2; exit 3'
    daemon.run("loopy", "sh", "-c", script, restart_policy={"Name": "always"})
    outcome = until(ask, "docker://loopy", "restart_loop")
    found = one(outcome, "restart_loop")
    assert found.values["code"] == 3 and any("SMTP_HOST" in quote for quote in found.quotes)
    assert f"container:{found.component}" in found.clues
    daemon.client.containers.get("loopy").remove(force=True)


def test_an_unhealthy_container_and_what_its_check_says(daemon: Daemon, ask: Ask) -> None:
    check = QUICK | {"test": ["CMD-SHELL", "echo connection to db refused; exit 3"]}
    daemon.run("sick", "sleep", "900", healthcheck=check, wait="unhealthy")
    found = one(ask("container_status", target="docker://sick"), "unhealthy")
    assert found.values["why"] == "the check ended with exit code 3" and found.quotes[0] == "connection to db refused"
    daemon.run("nocheck", "sleep", "900", healthcheck=QUICK | {"test": ["CMD", "/curl"]}, wait="unhealthy")
    assert "cannot be run" in str(one(ask("container_status", target="docker://nocheck"), "unhealthy").values["why"])
    slow = QUICK | {"test": ["CMD", "sleep", "30"], "timeout": 300_000_000}
    daemon.run("slowcheck", "sleep", "900", healthcheck=slow, wait="unhealthy")
    assert "did not end" in str(one(ask("container_status", target="docker://slowcheck"), "unhealthy").values["why"])


def test_the_wrong_network_and_what_it_explains(daemon: Daemon, ask: Ask) -> None:
    names = [f"{name}{os.getpid()}" for name in ("front", "back")]
    front, back = (daemon.client.networks.create(name, driver="bridge") for name in names)
    daemon.run("db", "sleep", "900", network_mode=back.name)
    check = QUICK | {"test": ["CMD-SHELL", "nc -w 1 db 5432 </dev/null"]}
    environment = {"DATABASE_URL": "postgres://shop:s3cretpw9@db:5432/shop", "DOCS": "https://example.com/"}
    daemon.run("api", "sleep", "900", network_mode=front.name, environment=environment, healthcheck=check, wait="unhealthy")
    outcome = ask("container_status", target="docker://api")
    assert codes(outcome) == ["wrong_network", "unhealthy"]
    found = one(outcome, "wrong_network")
    assert (found.values["own"], found.values["theirs"], found.severity) == (front.name, back.name, "critical")
    assert found.values["address"] == "db:5432" and "s3cretpw9" not in outcome.model_dump_json()
    front.connect("db")
    assert "wrong_network" not in codes(ask("container_status", target="docker://api"))
    daemon.client.containers.get("db").stop(timeout=0)
    outcome = ask("container_status", target="docker://api")
    assert codes(outcome)[0] == "dependency_down" and one(outcome, "dependency_down").values["status"] == "exited"


def test_what_cannot_start_what_ended_and_what_was_stopped(daemon: Daemon, ask: Ask) -> None:
    with pytest.raises(Exception, match="no such file"):
        daemon.run("nothing", "/no/such/program")
    found = one(ask("container_status", target="docker://nothing"), "cannot_start")
    assert found.values["why"] == "its command is not in the image" and "no such" in found.quotes[0]
    daemon.run("failed", "sh", "-c", "echo no disk space left; exit 7", wait="exited")
    found = one(ask("container_status", target="docker://failed"), "exited")
    assert found.values["code"] == 7 and "no disk space left" in found.quotes[0]
    daemon.run("halted", "sleep", "900", restart_policy={"Name": "unless-stopped"}).stop(timeout=0)
    assert one(ask("container_status", target="docker://halted"), "stopped").severity == "critical"
    daemon.run("frozen", "sleep", "900").pause()
    assert codes(ask("container_status", target="docker://frozen")) == ["paused"]
    daemon.client.containers.get("frozen").unpause()


def test_a_healthy_container_and_a_job_that_is_done_are_silent(daemon: Daemon, ask: Ask) -> None:
    daemon.run("fine", "sleep", "900", healthcheck=QUICK | {"test": ["CMD", "true"]}, mem_limit="64m", wait="healthy")
    daemon.run("job", "true", wait="exited")
    for name in ("fine", "job"):
        outcome = ask("container_status", target=f"docker://{name}")
        assert (outcome.verdict, outcome.findings) == ("ok", ()), outcome
    outcome = ask("container_limits", target="docker://fine")
    assert outcome.verdict == "ok" and any("fine" in str(item.values) for item in outcome.statements)


def test_near_its_limits(daemon: Daemon, ask: Ask) -> None:
    daemon.run("many", "sh", "-c", "for i in 1 2 3 4 5 6 7 8; do sleep 900 & done; wait", pids_limit=9)
    wait_until(lambda: "near_pids_limit" in codes(ask("container_limits", target="docker://many")), "near its limit", 20)
    daemon.run("busy", "sh", "-c", "while :; do :; done", nano_cpus=100_000_000)
    wait_until(lambda: "throttled" in codes(ask("container_limits", target="docker://busy", periods=5)), "throttled", 20)
    daemon.client.containers.get("busy").remove(force=True)


def test_a_daemon_that_cannot_be_asked_is_unknown(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:  # fmt: skip
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/gone.sock")
    for name in ("container_status", "container_limits"):
        outcome = ask(name, target="docker://")
        assert outcome.verdict == "unknown" and "does not exist" in outcome.coverage.blind[0].reason
    with hung_socket(tmp_path / "h.sock") as address:
        monkeypatch.setenv("DOCKER_HOST", address)
        outcome = ask("container_status", target="docker://shop")
    assert outcome.verdict == "unknown" and "did not answer" in outcome.coverage.blind[0].reason


def test_a_recording_answers_as_the_daemon_did(daemon: Daemon, ask: Ask, tmp_path: Path) -> None:
    from mcp_server.core.settings import load_settings
    from mcp_server.engine.session import Asking, Session
    from mcp_server.surface.tools import inventory

    daemon.run("kept", "sh", "-c", "echo nothing works; exit 4", wait="exited")
    session = Session(load_settings({"HOME": str(tmp_path), "VETERAN_STATE_DIR": str(tmp_path / "s2")}), program="test")
    try:
        tools = inventory(session.catalog)

        def call(name: str, **arguments: Any) -> Outcome:
            return tools[name].call(session, arguments, Asking())

        first = call("container_status", target="docker://kept")
        saved = call("save_recording", id=first.id)
        assert isinstance(saved.data, dict)
        daemon.client.containers.get("kept").remove(force=True)
        again = call("container_status", target=f"recorded:{saved.data['path']}")
        assert codes(again) == codes(first) == ["exited"]
    finally:
        session.close()
