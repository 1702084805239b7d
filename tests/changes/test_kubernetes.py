"""Changes of a cluster, on a real API server: revisions with their differences, who edited what, Helm, scaling."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mcp_server.core.change import Change, Window
from mcp_server.core.outcome import Coverage
from mcp_server.core.settings import LogSettings, ReadSettings
from mcp_server.engine.catalog import load_catalog
from mcp_server.engine.places import resolve
from mcp_server.engine.run import door
from mcp_server.engine.session import Asking, Session
from tests.cluster.manifests import container, deployment, meta
from tests.kubernetes_cluster import ADMIN, VIEWER, Cluster


def tell(
    session: Session, cluster: Cluster, monkeypatch: pytest.MonkeyPatch, space: str, token: str = ADMIN
) -> tuple[list[Change], Coverage]:
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig(token)))
    unit = load_catalog().changes["kubernetes"]
    place = resolve(f"k8s://test/{space}", ReadSettings(), LogSettings(), session.redactor)
    reader = door(session, place, unit, Asking())
    now = datetime.now(UTC)
    from mcp_server.core.declare import Scope

    window = Window(since=now - timedelta(minutes=10), until=now + timedelta(seconds=5))
    return list(unit.collect(reader, window, Scope())), reader.coverage()


def of(changes: list[Change], component: str, kind: str) -> list[Change]:
    return [item for item in changes if item.component == component and item.kind == kind]


def roll(cluster: Cluster, space: str, change: dict[str, Any], cause: str = "") -> None:
    """A new revision, and its ReplicaSet."""
    path = f"/apis/apps/v1/namespaces/{space}/deployments/api"
    sets = f"/apis/apps/v1/namespaces/{space}/replicasets"
    before = len(cluster.call("GET", sets)["items"])
    notes = {"metadata": {"annotations": {"kubernetes.io/change-cause": cause}}} if cause else {}
    cluster.patch(path, {**notes, "spec": {"template": {"spec": change}}}, "application/strategic-merge-patch+json")
    cluster.until(lambda: len(cluster.call("GET", sets)["items"]) > before, "a new ReplicaSet")


def test_an_image_change_is_told_with_its_difference_and_cause(
    kubernetes: Cluster, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = kubernetes.namespace()
    env = [{"name": "MODE", "value": "live"}, {"name": "DB_PASSWORD", "value": "hunter-2-x"}]
    kubernetes.create(deployment("api", {"containers": [container("app", "reg.io/api:1", 80, env=env)]}, space=space))
    kubernetes.until(lambda: kubernetes.call("GET", f"/apis/apps/v1/namespaces/{space}/replicasets")["items"], "a ReplicaSet")
    env = [{"name": "MODE", "value": "test"}, {"name": "DB_PASSWORD", "value": "hunter-3-x"}]
    roll(kubernetes, space, {"containers": [{"name": "app", "image": "reg.io/api:2", "env": env}]}, "release 2")
    changes, _ = tell(session, kubernetes, monkeypatch, space)
    newest = max(of(changes, f"Deployment {space}/api", "rollout"), key=lambda item: int(item.reference))
    assert newest.reference == "2"
    assert "code" in newest.classes
    assert "spec.containers[app].image: reg.io/api:1 → reg.io/api:2" in newest.summary.quotes
    assert "spec.containers[app].env[MODE]: live → test" in newest.summary.quotes
    assert newest.summary.values["cause"] == "release 2"
    assert "hunter" not in newest.model_dump_json()


def test_edits_name_the_manager_and_the_keys_and_never_values(
    kubernetes: Cluster, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = kubernetes.namespace()
    kubernetes.create(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("settings", space), "data": {"mode": "secretly"}}
    )
    kubernetes.create(
        {"apiVersion": "v1", "kind": "Secret", "metadata": meta("database", space), "stringData": {"password": "hunter-2-x"}}
    )
    kubernetes.create(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "helm.sh/release.v1",
            "metadata": meta(
                "sh.helm.release.v1.shop.v3", space, {"owner": "helm", "name": "shop", "version": "3", "status": "deployed"}
            ),
        }
    )
    changes, coverage = tell(session, kubernetes, monkeypatch, space)
    told = of(changes, f"ConfigMap {space}/settings", "create")[0]
    assert "data.mode" in str(told.summary.values["fields"])
    assert told.summary.values["manager"] == "tests"
    secret = of(changes, f"Secret {space}/database", "create")[0]
    assert "data.password" in str(secret.summary.values["fields"])
    release = of(changes, f"Secret {space}/shop", "release")[0]
    assert release.summary.values["revision"] == "3"
    text = "".join(item.model_dump_json() for item in changes)
    assert "secretly" not in text
    assert "hunter" not in text
    assert coverage.blind == ()


def test_scaling_is_a_change_and_a_viewer_is_told_what_it_cannot_see(
    kubernetes: Cluster, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = kubernetes.namespace()
    kubernetes.create(deployment("api", {"containers": [container("app", "reg.io/api:1", 80)]}, space=space))
    kubernetes.patch(f"/apis/apps/v1/namespaces/{space}/deployments/api/scale", {"spec": {"replicas": 3}})
    _, whole = tell(session, kubernetes, monkeypatch, space)
    assert whole.blind == (), "an empty list of releases is no blind spot"
    changes, coverage = tell(session, kubernetes, monkeypatch, space, VIEWER)
    assert of(changes, f"Deployment {space}/api", "rollout")
    blind = {spot.what for spot in coverage.blind}
    assert "secrets" in blind
    assert "Helm releases" in blind
