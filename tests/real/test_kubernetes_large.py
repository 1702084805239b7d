"""5,000 pods on a real API server: listed in pages, diagnosed within bounded memory, told within the budget."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mcp_server.core.address import parse
from mcp_server.core.kubernetes_calls import ReadObjects
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.targets import kubernetes_wire
from mcp_server.targets.kubernetes import open_place
from tests.cluster.manifests import container, meta, service
from tests.kubernetes_cluster import Cluster

PODS = 5_000
WATCHED = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""
"""A small parent: a child starts with the peak of who forked it, and the process of the tests is large."""
ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def crowded(kubernetes: Cluster) -> Iterator[str]:
    """A namespace with that many pods, which nobody schedules; emptied afterwards."""
    space = kubernetes.namespace()

    def make(number: int) -> None:
        spec = {"schedulerName": "nobody", "containers": [container("app", "reg.io/app:1", 80)]}
        labels = {"app": f"a{number // 100}"}
        named = meta(f"p{number:04}", space, labels)
        kubernetes.create({"apiVersion": "v1", "kind": "Pod", "metadata": named, "spec": spec})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(make, range(PODS)))
    kubernetes.create(service("a0", 80, 80, space))
    yield space

    def unmake(number: int) -> None:  # in steps: one deletion of all takes longer than a request may
        query = f"labelSelector=app%3Da{number}&gracePeriodSeconds=0"
        kubernetes.call("DELETE", f"/api/v1/namespaces/{space}/pods?{query}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(unmake, range(PODS // 100)))


def test_5000_pods(crowded: str, kubernetes: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = str(kubernetes.kubeconfig())
    monkeypatch.setenv("KUBECONFIG", config)
    place = open_place(parse(f"k8s://test/{crowded}"), ReadSettings())
    pages = []
    real = kubernetes_wire.Wire.json
    monkeypatch.setattr(kubernetes_wire.Wire, "json", lambda *given, **more: pages.append(more) or real(*given, **more))
    seen = place.look(ReadObjects(resource="pods", limit=20_000), Limits(60))
    assert len({item["metadata"]["name"] for item in seen.items}) == PODS
    assert seen.cut is None
    assert len(pages) == PODS / kubernetes_wire.PAGE

    argv = [sys.executable, str(ROOT / "scripts/diagnostics/kubernetes_diagnosis.py"), "--target", f"k8s://test/{crowded}"]
    environment = os.environ | {
        "KUBECONFIG": config,
        "VETERAN_STATE_DIR": str(tmp_path / "state"),
        "VETERAN_LIMITS_LOOK_S": "60",
        "VETERAN_LIMITS_CALL_S": "60",
    }
    done = subprocess.run([sys.executable, "-c", WATCHED, *argv], env=environment, capture_output=True, text=True, check=False)
    told, most = done.stdout, int(done.stderr.splitlines()[-1])
    assert done.returncode == 1, told + done.stderr
    assert "5000 pods" in told
    assert len(told) < 6_000
    assert most < 400 * 1024
