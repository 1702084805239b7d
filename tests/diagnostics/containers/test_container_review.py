"""The rules for containers, on real containers and images."""

from collections.abc import Callable

import pytest

from mcp_server.core.outcome import Outcome
from tests.diagnostics.asking import codes
from tests.docker_daemon import Daemon

pytestmark = pytest.mark.real
Ask = Callable[..., Outcome]


def test_a_careless_container(daemon: Daemon, ask: Ask) -> None:
    daemon.image("careless", "ENV API_TOKEN=q8fKz02mXp7vLw3T")
    daemon.run(
        "careless", "sleep", "900", image="careless", environment={"DB_PASSWORD": "x7dKq29fLw", "MODE": "fast"},
        pid_mode="host", volumes={str(daemon.socket): {"bind": "/var/run/docker.sock", "mode": "ro"}},
    )  # fmt: skip
    outcome = ask("container_review", target="docker://careless")
    assert codes(outcome) == [
        "unpinned_image", "runs_as_root", "no_limits", "no_health_check", "secret_in_environment", "secret_in_image",
        "privileged", "docker_socket", "unbounded_log", "no_restart_policy",
    ]  # fmt: skip
    told = {item.code.partition(".")[2]: item.values["details"] for item in outcome.findings}
    assert told["secret_in_environment"] == "DB_PASSWORD" and told["secret_in_image"] == "API_TOKEN"
    text = outcome.model_dump_json()
    assert "x7dKq29fLw" not in text and "q8fKz02mXp7vLw3T" not in text
    daemon.image("careless", "ENV OTHER=1")
    assert "image_moved" in codes(ask("container_review", target="docker://careless"))


def test_a_careful_container_is_silent(daemon: Daemon, ask: Ask) -> None:
    daemon.image("careful:1.4", "USER 1000")
    check = {"test": ["CMD", "true"], "interval": 1_000_000_000}
    daemon.run(
        "careful", "sleep", "900", image="careful:1.4", mem_limit="64m", pids_limit=50, healthcheck=check,
        restart_policy={"Name": "always"}, environment={"DB_PASSWORD_FILE": "/run/secrets/db"},
        log_config={"type": "local", "config": {}},
    )  # fmt: skip
    outcome = ask("container_review", target="docker://careful")
    assert (outcome.verdict, codes(outcome)) == ("ok", []), outcome
    assert ask("container_review", target="docker://nobody").verdict == "unknown"
