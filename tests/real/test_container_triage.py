"""An incident of a service that runs in Docker, from its title to the cause, on a real daemon."""

import os
from pathlib import Path

import pytest

from mcp_server.core.errors import BadInput
from mcp_server.core.settings import load_settings
from mcp_server.engine.session import Asking, Session
from mcp_server.surface.tools import inventory
from tests.docker_daemon import docker_daemon
from tests.real_parts import wait_until

pytestmark = pytest.mark.real


def test_the_title_leads_to_the_container_and_its_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[services.shop]\ncontainer = "docker://shop"\n')
    settings = {"HOME": str(tmp_path), "VETERAN_STATE_DIR": str(tmp_path / "state"), "VETERAN_CONFIG": str(config)}
    with docker_daemon(Path(f"/tmp/veteran-triage-{os.getpid()}")) as daemon:
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("DOCKER_HOST", daemon.url)
        made = daemon.run("shop", "sh", "-c", "tail /dev/zero", mem_limit="16m", restart_policy={"Name": "always"})
        wait_until(lambda: made.reload() or made.attrs["RestartCount"] >= 2, "restarted", 30)
        session = Session(load_settings(settings), program="test")
        try:
            tools = inventory(session.catalog)
            tools["open_incident"].call(session, {"title": "container of shop is restarting", "service": "shop"}, Asking())
            outcome = tools["triage"].call(session, {}, Asking())
            incident = {"id": str(outcome.incident)}
            with pytest.raises(BadInput, match="docker://default/shop"):
                tools["save_recording"].call(session, incident, Asking())
            saved = tools["save_recording"].call(session, incident | {"target": "docker://shop"}, Asking())
            assert isinstance(saved.data, dict)
            again = tools["run_diagnostic"].call(
                session, {"name": "container_status", "arguments": {"target": f"recorded:{saved.data['path']}"}}, Asking()
            )
            assert [item.code for item in again.findings] == ["container_status.oom_killed"]
        finally:
            session.close()
    assert any(item.code == "container_status.oom_killed" for item in outcome.findings), outcome.findings
    changes = next(part for part in outcome.parts if part.name == "what_changed")
    assert "docker events" in changes.coverage.looked, changes.coverage
    assert isinstance(outcome.data, dict)
    parts = {part.name: part.target for part in outcome.parts}
    assert parts["container_status"] == parts["log_summary"] == "docker://default/shop"


@pytest.mark.parametrize("value", ["shop", "docker://", "local", "k8s://prod", "docker://a/b/c"])
def test_a_container_setting_that_names_none_is_refused(tmp_path: Path, value: str) -> None:
    from mcp_server.core.errors import Broken

    config = tmp_path / "config.toml"
    config.write_text(f'[services.shop]\ncontainer = "{value}"\n')
    with pytest.raises(Broken, match=r"services\.shop\.container.*docker://"):
        load_settings({"HOME": str(tmp_path), "VETERAN_CONFIG": str(config)})


def test_the_image_that_came_is_named_as_the_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two containers are made anew within a minute; only one of them breaks."""
    config = tmp_path / "config.toml"
    config.write_text('[services.shop]\ncontainer = "docker://shop"\n')
    settings = {"HOME": str(tmp_path), "VETERAN_STATE_DIR": str(tmp_path / "state"), "VETERAN_CONFIG": str(config)}
    with docker_daemon(Path(f"/tmp/veteran-cause-{os.getpid()}")) as daemon:
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("DOCKER_HOST", daemon.url)
        labels = {"com.docker.compose.project": "shop"}
        for tag in ("web:1", "web:2", "cache:1", "cache:2"):
            daemon.image(tag, f"ENV TAG={tag}")
        for version in (1, 2):
            for name in ("web", "cache"):
                if version == 2:
                    daemon.client.containers.get(name).remove(force=True)
                script = "echo KeyError: SMTP_HOST; exit 3" if (name, version) == ("web", 2) else "sleep 900"
                made = daemon.run(
                    name, "sh", "-c", script, image=f"{name}:{version}", labels=labels, restart_policy={"Name": "always"}
                )
        web = daemon.client.containers.get("web")
        wait_until(lambda: web.reload() or web.attrs["RestartCount"] >= 3, "restarted", 30)
        assert made.name == "cache"
        session = Session(load_settings(settings), program="test")
        try:
            tools = inventory(session.catalog)
            opened = {"title": "container of shop is restarting", "service": "shop", "target": "docker://shop"}
            tools["open_incident"].call(session, opened, Asking())
            tools["triage"].call(session, {}, Asking())
            outcome = tools["probable_cause"].call(session, {}, Asking())
        finally:
            session.close()
    told = " ".join(item.told(str) for item in (*outcome.statements, *outcome.findings))
    assert "triggering change: container web was recreated with another image: web:1 before, web:2 now" in told, told
    assert "container cache was recreated with another image: cache:1 before, cache:2 now not linked" in told, told
