"""Clusters as places, on a real API server: rights, paging, reviews, what is never read, what a hang costs."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from mcp_server.core.address import parse
from mcp_server.core.errors import BadInput, CouldNotLook
from mcp_server.core.kubernetes_calls import DiagnoseCluster, MayI, ReadCluster, ReadObjects
from mcp_server.core.output import OutputAsked
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.targets.kubernetes import KubernetesPlace, open_place
from mcp_server.targets.kubernetes_config import contexts
from mcp_server.targets.kubernetes_lists import Gathered
from mcp_server.targets.kubernetes_resources import extra_resources
from mcp_server.targets.kubernetes_wire import Wire
from tests.cluster.manifests import container, deployment, meta
from tests.kubernetes_cluster import ADMIN, NOBODY, VIEWER, Cluster
from tests.real_parts import least


def place(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, token: str = ADMIN, address: str = "k8s://test"
) -> KubernetesPlace:
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig(token)))
    return open_place(parse(address), ReadSettings())


def pod(name: str, space: str, **labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": meta(name, space, labels),
        "spec": {"schedulerName": "nobody", "containers": [container("app", "reg.io/app:1", 80)]},
    }  # fmt: skip


def test_the_administrator_sees_all(kubernetes: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = place(kubernetes, monkeypatch).look(ReadCluster(), Limits())
    assert seen.version == "v1.20.2"
    assert seen.refused == ()


def test_a_viewer_is_told_what_it_may_not_see_and_the_rule(kubernetes: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    space = kubernetes.namespace()
    viewer = place(kubernetes, monkeypatch, VIEWER, f"k8s://test/{space}")
    seen = viewer.look(ReadCluster(), Limits())
    assert seen.unsure == ()
    assert "list nodes" in seen.refused
    assert "list secrets" in seen.refused
    assert "list pods" not in seen.refused
    assert any('"nodes"' in rule and rule.startswith("bind a ClusterRole") for rule in seen.rules)
    assert any('"secrets"' in rule and f"Role of namespace {space}" in rule for rule in seen.rules)
    assert viewer.look(MayI(verb="list", resource="pods"), Limits()).allowed
    assert not viewer.look(MayI(verb="delete", resource="pods"), Limits()).allowed
    with pytest.raises(CouldNotLook) as caught:
        viewer.look(ReadObjects(resource="nodes"), Limits())
    assert caught.value.reason == "denied"
    assert 'resources: ["nodes"], verbs: ["get", "list"]' in caught.value.remedy


def test_what_is_forbidden_is_a_doubt_of_the_diagnosis_and_not_its_end(
    kubernetes: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = kubernetes.namespace()
    seen = place(kubernetes, monkeypatch, VIEWER, f"k8s://test/{space}").look(DiagnoseCluster(), Limits())
    denied = [doubt for doubt in seen.doubts if doubt.reason == "denied"]
    assert any("nodes" in doubt.what and 'apiGroups: [""]' in doubt.remedy for doubt in denied)
    assert seen.counts["ConfigMap"] == 1
    with pytest.raises(CouldNotLook) as caught:
        place(kubernetes, monkeypatch, NOBODY, f"k8s://test/{space}").look(ReadObjects(resource="pods"), Limits())
    assert caught.value.reason == "denied"
    assert f"a Role of namespace {space}" in caught.value.remedy


def test_a_wrong_token_is_no_missing_right(kubernetes: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CouldNotLook) as caught:
        place(kubernetes, monkeypatch, "wrong").look(ReadObjects(resource="pods"), Limits())
    assert caught.value.reason == "denied"
    assert "log in" in caught.value.remedy


def test_lists_are_read_in_pages_and_filtered_by_the_server(kubernetes: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    space = kubernetes.namespace()
    for number in range(12):
        kubernetes.create(pod(f"p{number:02}", space, half=str(number % 2)))
    monkeypatch.setattr("mcp_server.targets.kubernetes_wire.PAGE", 5)
    here = place(kubernetes, monkeypatch, address=f"k8s://test/{space}")
    assert [item["metadata"]["name"] for item in here.look(ReadObjects(resource="po"), Limits()).items] == [
        f"p{number:02}" for number in range(12)
    ]
    assert len(here.look(ReadObjects(resource="pods", labels="half=1"), Limits()).items) == 6
    assert len(here.look(ReadObjects(resource="pods", name="p03"), Limits()).items) == 1
    cut = here.look(ReadObjects(resource="pods", limit=7), Limits())
    assert len(cut.items) == 7
    assert cut.cut


def test_values_of_secrets_are_never_on_the_wire(kubernetes: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    space = kubernetes.namespace()
    kubernetes.create(
        {"apiVersion": "v1", "kind": "Secret", "metadata": meta("s", space), "stringData": {"password": "hunter-2-x"}}
    )
    kubernetes.create(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("c", space), "data": {"a": "hunter-2-x", "b": "db:5432"}}
    )
    here = place(kubernetes, monkeypatch, address=f"k8s://test/{space}")
    told: list[bytes] = []
    real = type(here.wire)._answer

    def spy(*arguments: Any) -> Any:
        status, body = real(*arguments)
        told.append(body)
        return status, body

    monkeypatch.setattr(type(here.wire), "_answer", spy)
    secrets = here.look(ReadObjects(resource="secrets"), Limits())
    assert "s" in [item["metadata"]["name"] for item in secrets.items]
    assert b"aHVudGVyLTIteA" not in b"".join(told)
    found = here.look(ReadObjects(resource="configmaps", name="c"), Limits()).items[0]
    assert found["data"] == {"a": "", "b": "db:5432"}
    assert "hunter" not in here.look(DiagnoseCluster(), Limits()).model_dump_json()


def test_only_reads_are_sent(kubernetes: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    here = place(kubernetes, monkeypatch)
    with pytest.raises(AssertionError):
        here.wire.exchange("DELETE", "/api/v1/pods", Limits(), "x")
    with pytest.raises(AssertionError):
        here.wire.exchange("POST", "/api/v1/namespaces", Limits(), "x")


def test_a_whole_cluster_is_diagnosed_live(kubernetes: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    space = kubernetes.namespace()
    spec = {"nodeSelector": {"disk": "ssd"}, "containers": [container("app", "reg.io/app:1", 80)]}
    kubernetes.create(deployment("api", spec, space=space))
    kubernetes.until(  # the scheduler tells its event first and writes the condition afterwards
        lambda: [pod for pod in kubernetes.pods(space) if pod["status"].get("conditions")],
        "the condition PodScheduled",
    )
    seen = place(kubernetes, monkeypatch).look(DiagnoseCluster(), Limits(20))
    assert any(cause.namespace == space and cause.component == f"Deployment {space}/api" for cause in seen.causes)
    assert seen.pods >= 1


def test_a_pod_without_a_node_wrote_nothing_and_an_unknown_workload_is_refused(
    kubernetes: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = kubernetes.namespace()
    kubernetes.create(pod("quiet", space))
    here = place(kubernetes, monkeypatch, address=f"k8s://test/{space}/pod/quiet")
    assert [(output.name, output.lines) for output in here.outputs(OutputAsked(), Limits())] == [("quiet/app", [])]
    with pytest.raises(CouldNotLook) as caught:
        place(kubernetes, monkeypatch, address=f"k8s://test/{space}/deploy/none").outputs(OutputAsked(), Limits())
    assert "quiet" in caught.value.detail


# --- the configuration ----------------------------------------------------------------------------------------------


def test_contexts_are_listed_and_an_unknown_one_is_refused_with_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "one", tmp_path / "two"
    first.write_text(
        json.dumps(
            {
                "current-context": "prod",
                "contexts": [{"name": "prod", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}],
                "clusters": [{"name": "c", "cluster": {"server": "https://10.0.0.1:6443"}}],
                "users": [{"name": "u", "user": {"token": "t0p"}}],
            }
        )
    )
    second.write_text("- no: mapping")
    monkeypatch.setenv("KUBECONFIG", f"{first}:{second}:{tmp_path / 'absent'}")
    found, current, failed = contexts()
    assert (list(found), current, found["prod"].namespace) == (["prod"], "prod", "shop")
    assert list(failed) == [str(second)]
    assert "t0p" not in repr(found["prod"])
    with pytest.raises(BadInput, match="prod"):
        open_place(parse("k8s://staging"), ReadSettings())


@contextmanager
def silent_server() -> Iterator[int]:
    """Accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []
        over = threading.Event()

        def accept() -> None:
            server.settimeout(0.1)
            while not over.is_set():
                try:
                    held.append(server.accept()[0])
                except TimeoutError:
                    continue

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            thread.join()
            for one in held:
                one.close()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_hanging_cluster_costs_less_than_two_seconds(scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with silent_server() as port:
        config = tmp_path / "config"
        config.write_text(json.dumps({
            "contexts": [{"name": "hang", "context": {"cluster": "c", "user": "u"}}], "users": [],
            "clusters": [{"name": "c", "cluster": {"server": f"{scheme}://127.0.0.1:{port}"}}],
        }))  # fmt: skip
        monkeypatch.setenv("KUBECONFIG", str(config))
        here = open_place(parse("k8s://hang"), ReadSettings())

        def measured() -> float:
            began = time.monotonic()
            with pytest.raises(CouldNotLook) as caught:
                here.look(ReadCluster(), Limits(10))
            assert caught.value.reason == "timed_out"
            return time.monotonic() - began

        assert least(measured, 2) < 2


def test_nobody_at_the_address_is_unreachable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config"
    config.write_text(json.dumps({
        "contexts": [{"name": "gone", "context": {"cluster": "c"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
    }))  # fmt: skip
    monkeypatch.setenv("KUBECONFIG", str(config))
    with pytest.raises(CouldNotLook) as caught:
        open_place(parse("k8s://gone"), ReadSettings()).look(ReadObjects(resource="pods"), Limits())
    assert caught.value.reason == "unreachable"


class Groups:
    """A server with the Gateway API and cert-manager, as it answers what groups it has."""

    def json(self, path: str, limits: Limits, what: str) -> Any:
        names = ("gateway.networking.k8s.io", "cert-manager.io")
        return {"groups": [{"name": name, "preferredVersion": {"groupVersion": f"{name}/v1"}} for name in names]}


@pytest.mark.parametrize(("reason", "told"), [("denied", ["httproutes, grpcroutes"]), ("missing", [])])
def test_routes_that_may_not_be_seen_are_a_blind_spot(reason: Any, told: list[str]) -> None:
    extra = extra_resources(cast(Wire, Groups()), Limits())
    assert {"httproutes", "gateways", "certificates"} <= {item.name for item in extra}
    gathered = Gathered(failures=[(item, "", CouldNotLook(item.name, reason, "no")) for item in extra])
    assert [doubt.what for doubt in gathered.doubts()] == told
    assert all('"gateway.networking.k8s.io"' in doubt.remedy for doubt in gathered.doubts())
