"""Dependencies inside a cluster, on a real API server."""

import pytest

from mcp_server.core.edge import EdgeScope
from mcp_server.core.settings import LogSettings, ReadSettings
from mcp_server.engine.catalog import load_catalog
from mcp_server.engine.places import resolve
from mcp_server.engine.run import door
from mcp_server.engine.session import Asking, Session
from tests.cluster.manifests import container, deployment, meta, service
from tests.kubernetes_cluster import Cluster


def test_from_the_ingress_down_to_the_node(kubernetes: Cluster, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    space = kubernetes.namespace()
    env = [
        {"name": "DB", "value": "postgres://db:5432/shop"}, {"name": "MAIL", "value": "smtp.example.com:587"},
        {"name": "MODE", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "mode"}}},
    ]  # fmt: skip
    spec = {"nodeName": "edge-node", "containers": [container("app", "reg.io/api:1", 80, env=env)]}
    kubernetes.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("settings", space), "data": {"mode": "live"}})
    kubernetes.create(deployment("api", spec, space=space))
    kubernetes.create(deployment("db", {"containers": [container("db", "postgres:15", 5432)]}, space=space))
    kubernetes.create(service("api", 80, 80, space))
    kubernetes.create(service("db", 5432, 5432, space))
    kubernetes.create({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": meta("front", space),
        "spec": {"rules": [{"host": "shop.test", "http": {"paths": [
            {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "api", "port": {"number": 80}}}}]}}]},
    })  # fmt: skip
    kubernetes.until(lambda: len(kubernetes.pods(space)) >= 2, "pods")
    monkeypatch.setenv("KUBECONFIG", str(kubernetes.kubeconfig()))
    unit = load_catalog().edges["kubernetes"]
    reader = door(session, resolve(f"k8s://test/{space}", ReadSettings(), LogSettings(), session.redactor), unit, Asking())
    edges = {(edge.dependent.key, edge.dependency.key): edge for edge in unit.collect(reader, EdgeScope())}
    assert reader.coverage().blind == ()
    for near, far in (
        (f"service:ingress {space}/front", f"service:{space}/api"), (f"service:{space}/api", f"workload:{space}/api"),
        (f"workload:{space}/api", "host:edge-node"), (f"workload:{space}/api", f"file:ConfigMap {space}/settings"),
        (f"workload:{space}/api", f"service:{space}/db"), (f"service:{space}/db", f"workload:{space}/db"),
        (f"workload:{space}/api", "external:smtp.example.com:587"),
    ):  # fmt: skip
        assert (near, far) in edges, sorted(edges)
    assert all(edge.evidence for edge in edges.values())
