"""The workflow of pods carried out against a real API server: a tag that no registry has, and the same service well.

There is no kubelet in the tests' cluster; what one would report is written where it reports it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.outcome import Outcome
from mcp_server.core.settings import load_settings
from mcp_server.engine.catalog import load_catalog
from mcp_server.engine.session import Asking, Session
from mcp_server.surface.tools import inventory
from tests.cluster.manifests import container, deployment
from tests.kubernetes_cluster import Cluster

TOOLS = inventory(load_catalog())
IMAGE = "reg.io/shop/api:1.2"
WAITING = {
    "phase": "Pending",
    "containerStatuses": [
        {
            "name": "app", "image": IMAGE, "imageID": "", "ready": False, "started": False, "restartCount": 0,
            "state": {"waiting": {"reason": "ErrImagePull", "message": f"Failed to pull image {IMAGE!r}: not found"}},
        }
    ],
}  # fmt: skip
RUNNING = {
    "phase": "Running",
    "conditions": [{"type": kind, "status": "True"} for kind in ("Initialized", "Ready", "ContainersReady", "PodScheduled")],
    "containerStatuses": [
        {
            "name": "app", "image": IMAGE, "imageID": "sha256:1", "ready": True, "started": True, "restartCount": 0,
            "state": {"running": {"startedAt": "2026-11-28T00:00:00Z"}},
        }
    ],
}  # fmt: skip


@pytest.fixture
def space(kubernetes: Cluster) -> str:
    return kubernetes.namespace()


@pytest.fixture
def session(kubernetes: Cluster, space: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setenv("KUBECONFIG", str(kubernetes.kubeconfig()))
    settings = tmp_path / "config.toml"
    settings.write_text(f'[services.shop]\nworkload = "k8s://test/{space}/deploy/api"\n', encoding="utf8")
    keys = {"VETERAN_STATE_DIR": str(tmp_path / "state"), "VETERAN_CONFIG": str(settings), "HOME": str(tmp_path)}
    made = Session(load_settings(keys), program="test")
    yield made
    made.close()


def triage(kubernetes: Cluster, session: Session, space: str, status: dict[str, Any]) -> Outcome:
    kubernetes.create(deployment("api", {"containers": [container("app", IMAGE, 80)]}, space=space))
    (pod,) = kubernetes.until(lambda: kubernetes.pods(space), "a pod")
    kubernetes.patch_status(space, pod["metadata"]["name"], status)
    if status is RUNNING:
        path = f"/apis/apps/v1/namespaces/{space}/deployments/api"
        kubernetes.until(lambda: kubernetes.call("GET", path)["status"].get("readyReplicas"), "a ready replica")
    opened = TOOLS["open_incident"].call(session, {"title": "api pods do not come up", "service": "shop"}, Asking())
    return TOOLS["triage"].call(session, {"incident": opened.incident, "playbook": "kubernetes_pods"}, Asking())


def test_a_tag_that_no_registry_has(kubernetes: Cluster, session: Session, space: str) -> None:
    told = triage(kubernetes, session, space, WAITING)
    assert told.verdict == "finding"
    (found,) = [finding for finding in told.findings if finding.code == "kubernetes_diagnosis.image_not_found"]
    assert found.values["object"] == f"Deployment {space}/api"


def test_no_alarm_where_it_runs(kubernetes: Cluster, session: Session, space: str) -> None:
    told = triage(kubernetes, session, space, RUNNING)
    assert [finding.code for finding in told.findings if finding.code.startswith(("kubernetes", "rollout"))] == []
    assert {part.verdict for part in told.parts if part.name == "kubernetes_diagnosis"} == {"ok"}
