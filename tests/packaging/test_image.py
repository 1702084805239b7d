"""The image is built from the Dockerfile, answers a real call as nobody in particular, and passes our own review (rule 11)."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.diagnostics.asking import asking, codes
from tests.docker_daemon import Daemon, docker_daemon
from tests.real_parts import CACHE, lacking

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.real


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    """With a stand-in for the base image (`.ci/image`): a small Debian with Python and the locked wheels."""
    lock = hashlib.sha256((ROOT / "locks/runtime.txt").read_bytes()).hexdigest()[:16]
    base = CACHE / "image" / f"base-{lock}.tar"
    if not base.exists():
        lacking(f"no base image {base.name} (run .ci/image)")
    with docker_daemon(Path(f"/tmp/veteran-image-{os.getpid()}")) as running:
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        running.client.api.import_image_from_file(str(base), repository="base", tag="1", changes=[f"ENV {path}"])
        yield running


def test_it_is_built_answers_and_passes_our_own_review(daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon.client.images.build(path=str(ROOT), tag="veteran:1", buildargs={"BASE": "base:1"}, network_mode="none", rm=True)
    box: Any = daemon.client.containers.run(
        "veteran:1", name="veteran", detach=True, stdin_open=True, network_mode="none", read_only=True, mem_limit="512m",
        nano_cpus=2_000_000_000, pids_limit=200, tmpfs={"/tmp": ""}, cap_drop=["ALL"], security_opt=["no-new-privileges"],
        healthcheck={"interval": 500_000_000}, restart_policy={"Name": "on-failure", "MaximumRetryCount": 3},
        log_config={"type": "json-file", "config": {"max-size": "10m"}},
    )  # fmt: skip
    daemon.wait(box, "healthy", 60)  # the check asks the server a question through MCP
    assert box.exec_run(["id", "-u"]).output.strip() == b"10001"
    assert box.exec_run(["touch", "/app/mcp_server/x"]).exit_code != 0
    assert box.exec_run(["stat", "-c", "%u", "/app/mcp_server"]).output.strip() == b"0", (
        "not its own, also where it is writable"
    )
    monkeypatch.setenv("DOCKER_HOST", daemon.url)
    with asking(tmp_path) as ask:
        review = ask("container_review", target="docker://veteran")
        assert codes(review) == [], [item.text for item in review.findings]
        assert review.verdict == "ok", review.coverage
    box.stop(timeout=20)
    box.reload()
    assert box.attrs["State"]["ExitCode"] in (0, 143), "it ends when it is asked to, not when it is killed"
