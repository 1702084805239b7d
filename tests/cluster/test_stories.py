"""Faults as they are met: several things are wrong at once, and the first thing told must be what to mend."""

from typing import Any

import pytest

from mcp_server.cluster.diagnose import diagnose
from tests.cluster.world import World

_CRASH = {"waiting": "CrashLoopBackOff", "restarts": 5, "last": {"exit": 1}}
_REFUSED = "dial tcp 10.0.0.5:6379: connect: connection refused cache:6379\n" * 4
_TIMEOUT = "GET cache:6379: i/o timeout\n" * 4
_UNKNOWN = "dial tcp: lookup cache on 10.0.0.10:53: no such host\n" * 4
_NXDOMAIN = ".:53 {\n    template ANY ANY svc.cluster.local {\n        rcode NXDOMAIN\n    }\n    kubernetes cluster.local\n}\n"
_WRONG = 'password authentication failed for user "shop"'
_DENY = {
    "kind": "NetworkPolicy",
    "metadata": {"name": "deny"},
    "spec": {"podSelector": {"matchLabels": {"app": "cache"}}, "policyTypes": ["Ingress"]},
}
_ZERO = [
    ["Deployment/cache", "spec.replicas", 0],
    ["Deployment/cache", "status.readyReplicas", 0],
    ["Endpoints/cache", "subsets", []],
]
_SILENT = [
    {
        "type": "Ready",
        "status": "Unknown",
        "reason": "NodeStatusUnknown",
        "message": "Kubelet stopped posting",
        "lastTransitionTime": "-400s",
    }
]

STORIES: dict[str, tuple[dict[str, Any], str, str, list[str]]] = {
    # what is changed, the first cause and its object, and what must be folded under it
    "callers are refused because the Service leads to the wrong port": (
        {"set": [["Service/cache", "spec.ports", [{"port": 6379, "targetPort": 9999}]]], "logs": {"api": _REFUSED}},
        "service_target_port_mismatch",
        "Service shop/cache",
        ["dependency_refused"],
    ),
    "callers crash because the database crashes": (
        {
            "states": {"db": {"db": _CRASH}, "api": {"app": _CRASH}},
            "previous": {"db": "FATAL: wrong ownership", "api": "dial tcp: db:5432: connect: connection refused"},
        },
        "crash_loop",
        "StatefulSet shop/db",
        ["dependency_refused", "service_no_ready_endpoints"],
    ),
    "callers are refused by what is scaled to zero": (
        {"set": _ZERO, "remove": ["Pod/app=cache"], "logs": {"api": _REFUSED}},
        "scaled_to_zero",
        "Deployment shop/cache",
        ["dependency_refused"],
    ),
    "callers wait for what a policy shuts off": (
        {"add": [_DENY], "logs": {"api": _TIMEOUT}},
        "network_policy_blocks_ingress",
        "NetworkPolicy shop/deny",
        ["dependency_timeout"],
    ),
    "names are unknown because the resolver was told so": (
        {"set": [["ConfigMap/kube-system/coredns", "data.Corefile", _NXDOMAIN]], "logs": {"api": _UNKNOWN}},
        "dns_configuration",
        "ConfigMap kube-system/coredns",
        ["dependency_unknown"],
    ),
    "a name is unknown because its Service was deleted": (
        {"remove": ["Service/cache"], "logs": {"api": _UNKNOWN}},
        "called_service_missing",
        "Deployment shop/api",
        ["dependency_unknown"],
    ),
    "pods are not ready because their node is silent": (
        {
            "set": [["Node/n1", "status.conditions", _SILENT], ["Node/n2", "status.conditions", _SILENT]],
            "unready": ["worker", "cache"],
        },
        "node_not_ready",
        "Node n1",
        ["replicas_unavailable", "pod_unready"],
    ),
    "a container is killed for asking the wrong port": (
        {
            "spec": {"api": {"containers.0.livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080}}}},
            "states": {"api": {"app": _CRASH}},
            "events": [
                ["Pod/app=api", "Unhealthy", "Liveness probe failed: dial tcp 10.1.4.12:8080: connect: connection refused", 20]
            ],
        },
        "probe_port",
        "Deployment shop/api",
        ["liveness_kills", "crash_loop"],
    ),
    "a pod waits for a claim of another name": (
        {
            "spec": {"db": {"volumes.0.persistentVolumeClaim.claimName": "data-pvc"}},
            "unplaced": {"db": 'persistentvolumeclaim "data-pvc" not found'},
        },
        "claim_missing",
        "StatefulSet shop/db",
        ["service_no_ready_endpoints"],
    ),
    "a server turns away a client that has the wrong password": (
        {
            "spec": {"db": {"containers.0.image": "reg.io/library/postgres:16"}},
            "states": {"api": {"app": _CRASH}},
            "previous": {"api": 'connection to server at "db" (10.0.0.5), port 5432 failed: FATAL:  ' + _WRONG},
            "logs": {"db": f"FATAL:  {_WRONG}\n" * 3},
        },
        "authentication_failed",
        "Deployment shop/api",
        ["clients_refused", "crash_loop"],
    ),
    "an init container waits for what is scaled to zero": (
        {
            "spec": {
                "api": {
                    "initContainers": [{"name": "wait", "command": ["sh", "-c", "until nc -z cache 6379; do sleep 2; done"]}]
                }
            },
            "states": {"api": {"wait": {"running": 1200}, "app": {"waiting": "PodInitializing"}}},
            "set": _ZERO,
            "remove": ["Pod/app=cache"],
        },
        "scaled_to_zero",
        "Deployment shop/cache",
        ["init_container_waits"],
    ),
    "the Ingress fails because the image does not exist": (
        {"states": {"web": {"web": {"waiting": "ImagePullBackOff", "message": "manifest unknown"}}}, "unready": ["web"]},
        "image_not_found",
        "Deployment shop/web",
        ["service_no_ready_endpoints", "ingress_no_ready_backend"],
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_the_first_thing_told_is_what_to_mend(name: str) -> None:
    change, code, about, folded = STORIES[name]
    causes = diagnose(World().change(change))
    told = "\n".join(f"{item.code} {item.object} {item.explains}" for item in causes)
    assert (causes[0].code, causes[0].object) == (code, about), told
    explained = {line.rpartition(": ")[2] for line in causes[0].explains}
    assert set(folded) <= explained, told
    assert not [item.code for item in causes[1:] if item.code in folded], told
