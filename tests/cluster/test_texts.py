"""Text as it is pasted into an issue: described objects of today's kubectl, tables, logs, prompts and prose between them."""

from pathlib import Path
from typing import Any

import pytest

from mcp_server.cluster.diagnose import diagnose
from mcp_server.cluster.dump import read_dump
from mcp_server.cluster.told import read_text
from mcp_server.core.kubernetes_calls import Cause

TEXTS = Path(__file__).parent / "texts"
WANTED = {
    "pod_describe": ("probe_port", "Deployment shop/cart"),
    "mixed": ("secret_missing", "Deployment shop/cart"),
    "svc": ("service_selector_mismatch", "Service shop/pay"),
    "svc2": ("service_selector_mismatch", "Service shop/pay"),
    "rs": ("quota_exceeded", "ResourceQuota shop/compute"),
    "node": ("node_not_ready", "Node n1"),
    "hpa": ("hpa_needs_requests", "HorizontalPodAutoscaler shop/web"),
    "job": ("job_backoff", "Job shop/migrate"),
    "ing": ("ingress_backend_missing", "Ingress shop/web"),
    "logs": ("setting_missing", "Deployment shop/cart"),
}


def causes(text: str) -> list[Cause]:
    return diagnose(read_dump([("evidence.txt", text)]).cluster())


def test_every_text_is_wanted() -> None:
    assert {path.stem for path in TEXTS.glob("*.txt")} == set(WANTED)


@pytest.mark.parametrize("name", WANTED)
def test_pasted(name: str) -> None:
    found = causes((TEXTS / f"{name}.txt").read_text(encoding="utf8"))
    assert [(item.code, item.object) for item in found] == [WANTED[name]], [item.code for item in found]


def test_a_described_pod_tells_mounts_sources_and_what_it_does_not_tell() -> None:
    dump = read_dump([("pod.txt", (TEXTS / "pod_describe.txt").read_text(encoding="utf8"))])
    container = dump.objects[0]["spec"]["containers"][0]
    assert container["ports"] == [{"containerPort": 8080, "protocol": "TCP", "name": "http"}]
    assert container["envFrom"][0] == {"configMapRef": {"name": "cart-config", "optional": False}}
    assert container["volumeMounts"][1] == {
        "mountPath": "/etc/cart/extra.yml", "name": "config", "readOnly": False, "subPath": "extra.yml",
    }  # fmt: skip
    older = (TEXTS / "pod_describe.txt").read_text(encoding="utf8").replace(" (http)", "").replace("8081", "http")
    assert "probe_named_port" not in [item.code for item in causes(older)]


def table(*rows: list[str]) -> str:
    widths = [max(len(row[column]) for row in rows) + 3 for column in range(len(rows[0]))]
    return "\n".join("".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


HEADS = ["NAMESPACE", "LAST SEEN", "TYPE", "REASON", "OBJECT", "SUBOBJECT", "SOURCE", "MESSAGE", "FIRST SEEN", "COUNT", "NAME"]
OWN = "{node-role.kubernetes.io/control-plane: }"
PLACED = f"0/3 nodes are available: 1 node(s) had untolerated taint {OWN}, 2 Insufficient cpu."
EVENTS: list[list[str]] = [
    ["shop", "2m", "Warning", "FailedScheduling", "pod/cart-6f9d5c7b8-x2x9q", "", "scheduler", PLACED, "2m", "1", "a.1"],
    ["shop", "30s", "Warning", "Failed", "pod/pay-5f8d6c5b7d-abcde", "spec.containers{pay}", "kubelet, n1",
     'Failed to pull image "reg.test/pay:9": reg.test/pay:9: not found', "5m", "12", "a.2"],
]  # fmt: skip
PODS: list[list[str]] = [
    ["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE", "NOMINATED NODE", "READINESS GATES"],
    ["shop", "cart-6f9d5c7b8-x2x9q", "0/1", "Pending", "0", "2m", "<none>", "<none>", "<none>", "<none>"],
    ["shop", "pay-5f8d6c5b7d-abcde", "0/1", "ImagePullBackOff", "0", "6m", "10.4.1.7", "n1", "<none>", "<none>"],
    ["shop", "web-5f8d6c5b7d-zzzzz", "1/1", "Running", "3 (2m ago)", "6m", "10.4.1.8", "n1", "<none>", "<none>"],
]


def test_wide_tables() -> None:
    text = f"$ kubectl get events -A -o wide\n{table(HEADS, *EVENTS)}\n$ kubectl get pods -A -o wide\n{table(*PODS)}\n"
    found = {item.code: item.component for item in causes(text)}
    assert found == {"cluster_full": "Deployment shop/cart", "image_not_found": "Deployment shop/pay"}


BUNDLES: dict[str, tuple[str, str]] = {
    "must-gather": ("namespaces/shop/core/pods.yaml", "namespaces/shop/pods/api-1/app/app/logs/previous.log"),
    "support bundle": ("cluster-resources/pods/shop.json", "cluster-resources/pods/logs/shop/api-1/app-previous.log"),
    "cluster-info dump": ("shop/pods.json", "shop/api-1/logs.txt"),
}


@pytest.mark.parametrize("name", BUNDLES)
def test_layouts_of_bundles(name: str) -> None:
    import json

    pod: dict[str, Any] = {
        "kind": "Pod", "metadata": {"name": "api-1", "namespace": "shop", "managedFields": [{"manager": "x" * 10_000}]},
        "spec": {"containers": [{"name": "app"}, {"name": "proxy"}]},
        "status": {"phase": "Running", "containerStatuses": [
            {"name": "app", "ready": False, "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
             "lastState": {"terminated": {"exitCode": 1}}},
            {"name": "proxy", "ready": True, "restartCount": 0, "state": {"running": {}}},
        ]},
    }  # fmt: skip
    objects, log = BUNDLES[name]
    listed = json.dumps({"kind": "PodList", "apiVersion": "v1", "items": [pod]})
    dump = read_dump([(objects, listed), (log, "ModuleNotFoundError: No module named 'flask'\n")])
    assert [item.code for item in diagnose(dump.cluster())] == ["module_missing"]
    assert "x" * 100 not in json.dumps(dump.objects)


SECRETS = "NAME    TYPE     DATA   AGE\nother   Opaque   1      3d\n"


@pytest.mark.parametrize(
    ("command", "whole"),
    [
        ("", True),
        ("$ kubectl get secrets", True),
        ("$ kubectl get secrets -n default -o wide", True),
        ("kubectl get secrets -n default --sort-by .metadata.name", True),
        ("$ kubectl logs cart | tail\nKeyError: X\n", True),
        ("$ kubectl get secret other -o yaml\nkind: Secret\n", True),
        ("$ kubectl get secrets -l app=cart", False),
        ("$ kubectl get secrets -lapp=cart", False),
        ("$ kubectl -n default get secrets --selector=app=cart", False),
        ("$ kubectl get secrets -n default --field-selector type=Opaque", False),
        ("$ kubectl get secret other", False),
        ("$ kubectl get secret/other -n default", False),
        ("$ kubectl get secrets | grep other", False),
    ],
)
def test_what_a_filtered_table_lacks_may_exist(command: str, whole: bool) -> None:
    told = read_text(f"{command}\n{SECRETS}" if command else SECRETS)
    assert [item["metadata"]["name"] for item in told.objects] == ["other"]
    assert told.lists == ({("Secret", "default")} if whole else set())


def test_a_command_speaks_for_its_own_table_only() -> None:
    told = read_text(f"$ kubectl get secret other\n{SECRETS}\nand later, by somebody else:\n{SECRETS}")
    assert told.lists == {("Secret", "default")}
