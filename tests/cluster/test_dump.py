"""Recorded objects however they were kept: lists, arrays, YAML, cluster-info dumps, bundles, text; and hostile ones."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.cluster.diagnose import diagnose
from mcp_server.cluster.dump import read_dump
from mcp_server.cluster.objects import kind_of, matches, quantity, selects
from mcp_server.cluster.slim import slim
from mcp_server.cluster.world import Cluster
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.kubernetes_calls import DiagnoseCluster, DiagnosisSeen
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.targets.kubernetes_dump import look
from tests.cluster.world import recorded

POD: dict[str, Any] = {
    "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "api-1", "namespace": "shop", "labels": {"app": "api"}},
    "spec": {"containers": [{"name": "app", "image": "reg.io/api:1"}]},
    "status": {
        "phase": "Running", "conditions": [{"type": "Ready", "status": "False"}],
        "containerStatuses": [{
            "name": "app", "ready": False, "restartCount": 5, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
        }],
    },
}  # fmt: skip


def codes(files: list[tuple[str, str]]) -> set[str]:
    return {item.code for item in diagnose(read_dump(files).cluster())}


def bare(kind: str, items: list[dict[str, Any]]) -> str:
    return json.dumps(
        {"kind": f"{kind}List", "apiVersion": "v1", "items": [{k: v for k, v in item.items() if k != "kind"} for item in items]}
    )


@pytest.mark.parametrize("files", [
    [("pod.json", json.dumps(POD))],
    [("pods.json", json.dumps({"kind": "List", "apiVersion": "v1", "items": [POD]}))],
    [("shop/pods.json", bare("Pod", [POD]))],
    [("cluster-resources/pods/shop.json", json.dumps([{k: v for k, v in POD.items() if k != "kind"}]))],
    [("all.yaml", yaml.safe_dump(POD) + "---\n" + yaml.safe_dump({"kind": "Service", "metadata": {"name": "x"}}))],
    [("stream", json.dumps(POD) + "\n" + json.dumps({"kind": "ServiceList", "items": []}) + "\n")],
], ids=["object", "list", "typed list", "array", "yaml", "stream"])  # fmt: skip
def test_every_form_is_read(files: list[tuple[str, str]]) -> None:
    assert codes(files) == {"crash_loop"}


@pytest.mark.parametrize("name", [
    "shop/api-1/logs.txt", "pods/logs/shop/api-1/app-previous.log", "logs/api-1.log", "api-1_app.txt",
])  # fmt: skip
def test_logs_are_matched_to_their_pods(name: str) -> None:
    dump = read_dump([(name, "listen tcp :80: bind: address already in use\n"), ("pod.json", json.dumps(POD))])
    assert [(log.pod, log.container, log.previous) for log in dump.logs] == [("api-1", "app", "previous" in name)]
    assert {item.code for item in diagnose(dump.cluster())} == {"address_in_use"}


def test_a_cluster_info_dump_on_one_stream() -> None:
    text = bare("Pod", [POD]) + "\n==== START logs for container app of pod shop/api-1 ====\nKeyError: 'REDIS_URL'\n" \
        "==== END logs for container app of pod shop/api-1 ====\n"  # fmt: skip
    assert codes([("dump.txt", text)]) == {"setting_missing"}
    alone = text.split("\n", 1)[1]
    assert len(read_dump([("pods.json", bare("Pod", [POD])), ("shop/api-1/logs.txt", alone)]).logs) == 1
    large = read_dump(
        [("pods.json", bare("Pod", [POD])), ("shop/api-1/logs.txt", "line of a log\n" * 1_000_000 + "last\n")]
    ).logs[0]
    assert len(large.text) <= 65_536
    assert large.text.endswith("last\n")


def test_text_of_kubectl() -> None:
    text = (
        "$ kubectl get pods -n shop\nNAME                   READY   STATUS             RESTARTS      AGE\n"
        "api-7c9f8d6b5-xyz12    0/1     ImagePullBackOff   0             12m\nweb-5f8d6c5b7d-abcde   1/1     Running   "
        "         0             12m\n\n"
        "$ kubectl get events -n shop\nLAST SEEN   TYPE      REASON   OBJECT                    MESSAGE\n"
        '2m10s       Warning   Failed   pod/api-7c9f8d6b5-xyz12   Failed to pull image "reg.io/api:9": manifest unknown\n'
    )
    causes = diagnose(read_dump([("evidence.txt", text)]).cluster())
    assert [item.code for item in causes] == ["image_not_found"]
    assert causes[0].component == "Deployment shop/api"
    assert read_dump([("notes.txt", "Name of the customer: Ada\nnothing else")]).objects == []


def test_a_described_pod_and_service() -> None:
    text = """Name:             api-7c9f8d6b5-xyz12
Namespace:        shop
Service Account:  default
Node:             n1/10.0.0.1
Labels:           app=api
                  tier=back
Status:           Pending
IP:
Controlled By:  ReplicaSet/api-7c9f8d6b5
Containers:
  app:
    Image:         reg.io/api:1
    Port:          8080/TCP
    State:          Waiting
      Reason:       CreateContainerConfigError
    Ready:          False
    Restart Count:  0
    Liveness:       http-get http://:8080/live delay=5s timeout=1s period=10s #success=1 #failure=3
    Environment:
      MODE:  <set to the key 'mode' of config map 'settings'>  Optional: false
Conditions:
  Type           Status
  Initialized    True
  Ready          False
Volumes:
  data:
    Type:       PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)
    ClaimName:  data
Node-Selectors:  disk=ssd
Events:
  Type     Reason  Age                 From     Message
  ----     ------  ----                ----     -------
  Warning  Failed  9s (x12 over 2m)    kubelet  Error: configmap "settings" not found
"""
    dump = read_dump([("pod.txt", text)])
    pod = next(obj for obj in dump.objects if kind_of(obj) == "Pod")
    assert pod["metadata"]["labels"] == {"app": "api", "tier": "back"}
    assert pod["spec"]["nodeSelector"] == {"disk": "ssd"}
    assert pod["spec"]["containers"][0]["livenessProbe"]["httpGet"] == {"port": 8080, "path": "/live", "scheme": "HTTP"}
    assert pod["spec"]["volumes"][0]["persistentVolumeClaim"] == {"claimName": "data"}
    causes = diagnose(dump.cluster())
    assert causes[0].code == "configmap_missing"
    assert "(x12)" in causes[0].quotes[0]


# --- on disk --------------------------------------------------------------------------------------------------------


def ask(path: Path, **more: Any) -> DiagnosisSeen:
    seen = look(DiagnoseCluster(dump=str(path), **more), Limits(), ReadSettings())
    assert isinstance(seen, DiagnosisSeen)
    return seen


def test_a_folder_a_file_and_a_packed_bundle(tmp_path: Path) -> None:
    folder = tmp_path / "bundle" / "cluster-resources"
    folder.mkdir(parents=True)
    (folder / "pods.json").write_text(json.dumps(POD))
    (folder / "noise.bin").write_bytes(b"\0\1\2")
    (folder / "other.txt").write_text("nothing of interest")
    packed = tmp_path / "bundle.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(tmp_path / "bundle", "bundle")
    for path in (tmp_path / "bundle", folder / "pods.json", packed):
        seen = ask(path)
        assert [item.code for item in seen.causes] == ["crash_loop"], path
    assert any("other.txt" in doubt.detail for doubt in ask(folder).doubts)
    assert ask(folder, namespace="elsewhere").causes == ()


def test_what_holds_no_objects_is_not_healthy(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("hello")
    with pytest.raises(CouldNotLook, match="no objects"):
        ask(tmp_path)
    with pytest.raises(CouldNotLook):
        ask(tmp_path / "absent")
    broken = tmp_path / "broken.tgz"
    broken.write_bytes(b"no archive")
    with pytest.raises(CouldNotLook):
        ask(broken)
    with pytest.raises(CouldNotLook, match="is no cluster"):
        look(DiagnoseCluster(), Limits(), ReadSettings())


def test_a_bundle_is_never_unpacked_outside(tmp_path: Path) -> None:
    path = tmp_path / "evil.tar"
    with tarfile.open(path, "w") as archive:
        content = json.dumps(POD).encode()
        member = tarfile.TarInfo("../../escape.json")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert [item.code for item in ask(path).causes] == ["crash_loop"]
    assert sorted(item.name for item in tmp_path.iterdir()) == ["evil.tar"]


def test_values_of_secrets_and_configmaps_are_left_out() -> None:
    secret = {
        "kind": "Secret",
        "metadata": {
            "name": "s",
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": '{"apiVersion":"v1","data":{"p":"aHVudGVy"}}'},
        },
        "data": {"p": "aHVudGVy"},
        "stringData": {"q": "hunter"},
    }
    config = {
        "kind": "ConfigMap",
        "metadata": {"name": "c"},
        "data": {"a": "hunter", "b": "http://db:5432/x"},
        "binaryData": {"z": "aHVudGVy"},
    }
    told = json.dumps([slim(secret), slim(config)])
    assert "hunter" not in told
    assert "aHVudGVy" not in told
    assert slim(secret)["data"] == {"p": "", "q": ""}
    assert slim(config)["data"] == {"a": "", "b": "http://db:5432/x"}


# --- hostile --------------------------------------------------------------------------------------------------------

_LEAF = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 70_000),
    st.text(max_size=12),
    st.sampled_from(
        [
            "Pod",
            "True",
            "False",
            "shop",
            "api",
            "100%",
            "1Gi",
            "2026-11-20T10:00:00Z",
            "CrashLoopBackOff",
            "Pending",
            "0/1 nodes are available: taint {x}",
        ]
    ),
)
_ANY = st.recursive(
    _LEAF,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                [
                    "metadata",
                    "spec",
                    "status",
                    "name",
                    "namespace",
                    "labels",
                    "containers",
                    "containerStatuses",
                    "state",
                    "waiting",
                    "reason",
                    "selector",
                    "template",
                    "matchLabels",
                    "conditions",
                    "type",
                    "ports",
                    "replicas",
                    "rules",
                    "http",
                    "paths",
                    "backend",
                    "env",
                    "value",
                    "items",
                ]
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)
_HOLES = [obj for line in recorded("healthy").splitlines() for obj in json.loads(line)["items"]]


def _ways(node: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [way] * bool(way) + [more for key, value in items for more in _ways(value, (*way, key))]


@settings(max_examples=150)
@given(st.data())
def test_no_shape_of_an_object_breaks_a_family(data: st.DataObject) -> None:
    """Something strange at any place of any object: every family still answers."""
    objects = json.loads(json.dumps(_HOLES))
    for _ in range(data.draw(st.integers(1, 4))):
        obj = data.draw(st.sampled_from(objects))
        way = data.draw(st.sampled_from(_ways(obj)))
        node = obj
        for key in way[:-1]:
            node = node[key]
        node[way[-1]] = data.draw(_ANY)
    failed: list[str] = []
    diagnose(Cluster([slim(obj) for obj in objects if isinstance(obj, dict)]), failed)
    assert failed == []


@settings(max_examples=100)
@given(st.text(max_size=400))
def test_no_text_breaks_the_readers(text: str) -> None:
    for start in ("", "{", "NAME   READY   STATUS   RESTARTS\n", "Name: x\nContainers:\n  a:\n", "kind: Pod\n"):
        read_dump([("x", start + text)])


@given(st.text(max_size=20))
def test_quantities(text: str) -> None:
    quantity(text)
    assert (quantity("500m"), quantity("1Gi"), quantity("1e3"), quantity("2"), quantity("x")) == (0.5, 2**30, 1000.0, 2.0, None)


def test_selectors() -> None:
    assert matches({"a": "1"}, {"a": "1", "b": "2"})
    assert not matches({}, {"a": "1"})
    assert selects({}, {"a": "1"})
    assert not selects(None, {})
    rule = {"matchExpressions": [{"key": "a", "operator": "In", "values": ["1"]}, {"key": "b", "operator": "DoesNotExist"}]}
    assert selects(rule, {"a": "1"})
    assert not selects(rule, {"a": "1", "b": ""})


def test_events_of_the_newer_group() -> None:
    event = {
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e", "namespace": "shop"}, "type": "Warning",
        "regarding": {"kind": "Pod", "namespace": "shop", "name": "api-1", "fieldPath": "spec.containers{app}"},
        "reason": "Failed", "note": 'Failed to pull image "reg.io/api:1": reg.io/api:1: not found',
        "series": {"count": 7, "lastObservedTime": "2026-11-20T10:00:00.123456Z"}, "deprecatedCount": 2,
    }  # fmt: skip
    status = {"containerStatuses": [{"name": "app", "ready": False, "state": {"waiting": {"reason": "ImagePullBackOff"}}}]}
    pod = POD | {"status": status}
    dump = read_dump([("events.json", json.dumps(event)), ("pods.json", json.dumps(pod))]).cluster()
    (read,) = dump.every_event()
    assert (read.count, read.container, read.last and read.last.year) == (7, "app", 2026)
    assert [item.code for item in diagnose(dump)] == ["image_not_found"]


@pytest.mark.parametrize("text", [
    "/a" * 30_000, "error 401 " * 6_000, "exec: " * 10_000, "a" * 60_000, "a.b:1/" * 10_000, "/" * 60_000, "k " * 30_000,
])  # fmt: skip
def test_no_long_line_keeps_the_patterns_busy(text: str) -> None:
    from time import monotonic

    waiting = {"waiting": {"reason": "RunContainerError", "message": text}}
    status = {"containerStatuses": [{"name": "app", "ready": False, "restartCount": 3, "state": waiting}]}
    pod = POD | {"status": status, "spec": {"containers": [{"name": "app", "image": "a", "command": ["sh", "-c", text]}]}}
    event = {
        "kind": "Event", "metadata": {"name": "e", "namespace": "shop"}, "reason": "FailedScheduling", "type": "Warning",
        "message": text, "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "api-1"},
    }  # fmt: skip
    ingress = (
        f"Name: web\nDefault backend: none\nRules:\n  Host  Path  Backends\n  {text}\nEvents:\n  Normal  {text}    {text}\n"
    )
    files = [("p.json", json.dumps(pod)), ("e.json", json.dumps(event)), ("shop/api-1/logs.txt", f"{text}\n" * 20)]
    files += [("pasted.txt", f"{text}\n" * 20), ("ingress.txt", ingress), ("spaces.txt", ingress.replace(text, " " * 30_000))]
    start = monotonic()
    diagnose(read_dump(files).cluster())
    assert monotonic() - start < 5


def test_keys_of_a_secret_that_was_seen_by_its_metadata_only_are_not_known() -> None:
    """As a live cluster is asked for Secrets, and as a table shows them."""
    secret = {"kind": "Secret", "metadata": {"name": "web-tls", "namespace": "shop"}}
    ingress = {"kind": "Ingress", "metadata": secret["metadata"], "spec": {"tls": [{"secretName": "web-tls"}]}}
    found = {True: {"data": {"cert": "eA=="}}, False: {}}
    told = {keys: diagnose(Cluster([slim(secret | held), ingress])) for keys, held in found.items()}
    assert [item.code for item in told[True]] == ["ingress_tls_unusable"]
    assert told[False] == []
