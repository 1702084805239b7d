"""The questions about clusters, asked of a real API server through the engine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.outcome import Outcome
from mcp_server.core.settings import load_settings
from mcp_server.engine.run import Question, ask
from mcp_server.engine.session import Asking, Session
from mcp_server.surface.render import render
from tests.cluster.manifests import container, deployment, meta, service
from tests.kubernetes_cluster import ADMIN, VIEWER, Cluster


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    made = Session(load_settings({"VETERAN_STATE_DIR": str(tmp_path / "state"), "HOME": str(tmp_path)}), program="test")
    yield made
    made.close()


@pytest.fixture
def inquire(kubernetes: Cluster, session: Session, monkeypatch: pytest.MonkeyPatch) -> Any:
    def asked(name: str, target: str, token: str = ADMIN, **arguments: Any) -> Outcome:
        monkeypatch.setenv("KUBECONFIG", str(kubernetes.kubeconfig(token)))
        return ask(session, Question.of(session, name, arguments), target, Asking())

    return asked


def codes(outcome: Outcome) -> list[str]:
    return [finding.code.partition(".")[2] for finding in outcome.findings]


def test_a_selector_that_matches_nothing(kubernetes: Cluster, inquire: Any) -> None:
    space = kubernetes.namespace()
    kubernetes.create(deployment("api", {"containers": [container("app", "reg.io/api:1", 80)]}, space=space))
    kubernetes.create(service("api", 80, 80, space, {"app": "apii"}))
    kubernetes.until(lambda: kubernetes.pods(space), "a pod")
    outcome = inquire("kubernetes_diagnosis", f"k8s://test/{space}")
    assert "service_selector_mismatch" in codes(outcome)
    told = render(outcome)
    assert "app=api" in told
    assert len(told) < 6_000
    only = inquire("kubernetes_diagnosis", f"k8s://test/{space}/svc/api")
    assert "service_selector_mismatch" in codes(only)


def test_a_quota_that_admits_no_further_pod(kubernetes: Cluster, inquire: Any) -> None:
    space = kubernetes.namespace()
    kubernetes.create(
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta("few", space), "spec": {"hard": {"pods": "1"}}}
    )
    kubernetes.create(deployment("api", {"containers": [container("app", "reg.io/api:1", 80)]}, 3, space))
    kubernetes.until(lambda: [event for event in kubernetes.call("GET", f"/api/v1/namespaces/{space}/events")["items"]
                              if event["reason"] == "FailedCreate"], "FailedCreate")  # fmt: skip
    outcome = inquire("kubernetes_diagnosis", f"k8s://test/{space}")
    found = next(item for item in outcome.findings if item.code.endswith("quota_exceeded"))
    assert found.values["object"] == f"ResourceQuota {space}/few"
    assert "requested: pods=1" in found.quotes[0]


def test_a_stuck_rollout_with_what_it_changed(kubernetes: Cluster, inquire: Any) -> None:
    space = kubernetes.namespace()
    obj = deployment("api", {"containers": [container("app", "reg.io/api:1", 80)]}, space=space, progressDeadlineSeconds=2)
    kubernetes.create(obj)
    sets = f"/apis/apps/v1/namespaces/{space}/replicasets"
    kubernetes.until(lambda: kubernetes.call("GET", sets)["items"], "a ReplicaSet")
    path = f"/apis/apps/v1/namespaces/{space}/deployments/api"
    change = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "reg.io/api:2-typo"}]}}}}
    kubernetes.patch(path, change, "application/strategic-merge-patch+json")
    kubernetes.until(
        lambda: any(
            item.get("reason") == "ProgressDeadlineExceeded"
            for item in kubernetes.call("GET", path)["status"].get("conditions") or []
        ),
        "the deadline",
        40,
    )
    outcome = inquire("rollout_status", f"k8s://test/{space}", workload="api")
    assert codes(outcome) == ["stuck"]
    assert "spec.containers[app].image: reg.io/api:1 → reg.io/api:2-typo" in outcome.findings[0].quotes
    unknown = inquire("rollout_status", f"k8s://test/{space}", workload="none")
    assert unknown.verdict == "unknown"


def test_a_viewer_gets_unknown_and_the_rule_to_paste(kubernetes: Cluster, inquire: Any) -> None:
    space = kubernetes.namespace()
    outcome = inquire("kubernetes_diagnosis", f"k8s://test/{space}", VIEWER)
    assert outcome.verdict == "unknown"
    assert 'resources: ["nodes"' in render(outcome)
    assert inquire("node_status", "k8s://test", VIEWER).verdict == "unknown"


def test_nodes_with_what_is_requested_of_them(kubernetes: Cluster, inquire: Any) -> None:
    kubernetes.create(
        {"apiVersion": "v1", "kind": "Node", "metadata": meta("full-node", None), "spec": {"unschedulable": True}}
    )
    kubernetes.patch(
        "/api/v1/nodes/full-node/status", {"status": {"allocatable": {"cpu": "100m", "memory": "1Gi", "pods": "10"}}}
    )
    space = kubernetes.namespace()
    kubernetes.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta("p", space),
                       "spec": {"nodeName": "full-node", "containers": [container("app", "reg.io/api:1", 80)]}})  # fmt: skip
    outcome = inquire("node_status", "k8s://test")
    full = [item for item in outcome.findings if item.code.endswith(".full") and item.component == "Node full-node"]
    assert [item.values["requested"] for item in full] == ["0.1"]


def test_what_does_not_exist_is_not_healthy(kubernetes: Cluster, inquire: Any) -> None:
    for name in ("kubernetes_diagnosis", "rollout_status"):
        outcome = inquire(name, "k8s://test/no-such-namespace")
        assert outcome.verdict == "unknown", name
        assert "no such namespace" in render(outcome)
    space = kubernetes.namespace()
    outcome = inquire("kubernetes_diagnosis", f"k8s://test/{space}/deploy/none")
    assert outcome.verdict == "unknown"
    assert "there is none of that name" in render(outcome)


def test_without_a_cluster_the_question_names_what_to_give(inquire: Any) -> None:
    outcome = inquire("kubernetes_diagnosis", "local")
    assert outcome.verdict == "unknown"
    assert "k8s://CONTEXT/NAMESPACE" in render(outcome)
