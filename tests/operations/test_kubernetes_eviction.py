"""The eviction of pods on the wire, of a newer server than tests can run: what is sent, in which order, and where it ends."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.environment import Environment
from mcp_server.core.writer import Doing, WriteFailed
from mcp_server.targets.writers.kubernetes import VERBS

PODS = {"shop/a-1": "u1", "shop/b-1": "u2", "shop/c-1": "u3"}


class Server(ThreadingHTTPServer):
    """Says what an API server from 1.22 on documents. `refusals` are given out once per pod, first for its first eviction."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.pods = {key: {"uid": uid, "resourceVersion": "7"} for key, uid in PODS.items()}
        self.refusals: dict[str, list[tuple[int, str]]] = {}
        self.seen: list[tuple[str, dict[str, Any]]] = []

    def answer(self, path: str, query: str, body: dict[str, Any] | None) -> tuple[int, Any]:
        """Status and object."""
        words = path.split("/")
        if path == "/api/v1":
            resource = {"name": "pods/eviction", "kind": "Eviction", "group": "policy", "version": "v1"}
            return 200, {"kind": "APIResourceList", "resources": [{"name": "pods", "kind": "Pod"}, resource]}
        if path == "/api/v1/nodes/n1":
            return 200, {"metadata": {"uid": "n", "resourceVersion": "1"}, "spec": {"unschedulable": True}}
        if path == "/api/v1/pods":
            items = [{"metadata": meta} for meta in self.pods.values()]
            return 200, {"kind": "PartialObjectMetadataList", "items": items}
        key = f"{words[4]}/{words[6]}"
        if key not in self.pods:
            return 404, {"message": f"pods {key} not found"}
        if body is None:
            return 200, {"metadata": self.pods[key]}
        dry = body["deleteOptions"].get("dryRun") == ["All"]
        self.seen.append((f"{key}{' dry' if dry else ''}", body))
        assert ("dryRun=All" in query) == dry
        if not dry and self.refusals.get(key):
            status, text = self.refusals[key].pop(0)
            cause = {"reason": "DisruptionBudget", "message": text}
            return status, {
                "message": "Cannot evict pod",
                "details": {"causes": [cause]} if status == 429 else {},
                "text": text,
            }
        if not dry:
            del self.pods[key]
        return 201, {"kind": "Status", "status": "Success"}


class Handler(BaseHTTPRequestHandler):
    """HTTP around it."""

    protocol_version = "HTTP/1.1"
    server: Server

    def _say(self, body: dict[str, Any] | None = None) -> None:
        path, _, query = self.path.partition("?")
        status, answer = self.server.answer(path, query, body)
        content = json.dumps(answer).encode()
        if status == 0:  # it did what was asked, or not, and was gone
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        self._say()

    def do_POST(self) -> None:
        self._say(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    cluster = {"server": f"http://127.0.0.1:{made.server_port}"}
    config = {
        "clusters": [{"name": "c", "cluster": cluster}], "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "stub", "context": {"cluster": "c", "user": "u"}}],
    }  # fmt: skip
    (tmp_path / "config").write_text(json.dumps(config), encoding="utf8")
    (tmp_path / "config").chmod(0o600)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


def evict(tmp_path: Path, said: list[str], stop: Any = lambda: "") -> str:
    place = Environment(name="stub", kind="kubernetes", target="k8s://stub/shop")
    doing = Doing(place, tmp_path, {"uid": "n", "pods": PODS}, note=said.append, stop=stop)
    done: str = VERBS["evict_pods"]({"node": "n1", "wait_s": 5}, doing)
    return done


def test_all_are_tried_first_and_each_is_bound_to_the_pod_that_was_planned_on(server: Server, tmp_path: Path) -> None:
    server.refusals = {"shop/b-1": [(429, "The disruption budget b needs 1 healthy pods and has 1 currently"), (409, "")]}
    said: list[str] = []
    assert evict(tmp_path, said) == "3 pods were evicted and are gone from the node"
    order = [name for name, _ in server.seen]
    assert order == [*(f"{key} dry" for key in PODS), "shop/a-1", "shop/b-1", "shop/b-1", "shop/b-1", "shop/c-1"]
    for name, body in server.seen:
        key = name.partition(" ")[0]
        assert (body["apiVersion"], body["kind"]) == ("policy/v1", "Eviction")
        assert body["metadata"] == {"namespace": "shop", "name": key.partition("/")[2]}
        assert body["deleteOptions"]["preconditions"] == {"uid": PODS[key], "resourceVersion": "7"}
    assert [text for text in said if "budget b" in text] == [
        "waiting with shop/b-1: The disruption budget b needs 1 healthy pods and has 1 currently"
    ]


def test_the_first_refusal_ends_it_and_every_pod_is_accounted_for(server: Server, tmp_path: Path) -> None:
    server.refusals = {"shop/b-1": [(403, "no")]}
    with pytest.raises(WriteFailed, match=r"does not evict shop/b-1 \(403: Cannot evict pod\); 1 evicted, 2 left") as caught:
        evict(tmp_path, [])
    assert not caught.value.sure
    assert caught.value.left == (
        "not evicted, still on the node: shop/b-1, shop/c-1",
        "evicted, and made anew elsewhere by their controllers: shop/a-1",
    )
    assert set(server.pods) == {"shop/b-1", "shop/c-1"}


@pytest.mark.parametrize("status", [500, 504, 0])
def test_an_eviction_without_a_clear_answer_is_open_not_undone(server: Server, tmp_path: Path, status: int) -> None:
    server.refusals = {"shop/a-1": [(status, "")]}
    with pytest.raises(WriteFailed, match="0 evicted, 2 left, shop/a-1 open") as caught:
        evict(tmp_path, [])
    assert not caught.value.sure, "it may have been evicted"
    assert caught.value.left == (
        "whether it was evicted is open: shop/a-1", "not evicted, still on the node: shop/b-1, shop/c-1",
    )  # fmt: skip


def test_a_refusal_of_the_first_changed_nothing(server: Server, tmp_path: Path) -> None:
    server.refusals = {"shop/a-1": [(403, "no")]}
    with pytest.raises(WriteFailed, match="0 evicted, 3 left") as caught:
        evict(tmp_path, [])
    assert caught.value.sure


def test_whoever_went_meanwhile_is_not_evicted_and_a_namesake_is_left_alone(server: Server, tmp_path: Path) -> None:
    del server.pods["shop/a-1"]
    server.pods["shop/b-1"]["uid"] = "another"
    assert evict(tmp_path, []) == "1 pod was evicted and is gone from the node"
    assert [name for name, _ in server.seen] == ["shop/c-1 dry", "shop/c-1"]
    assert set(server.pods) == {"shop/b-1"}


def test_told_to_stop_it_evicts_no_further_pod(server: Server, tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.raises(WriteFailed, match="switched off; 1 evicted, 2 left"):
        evict(tmp_path, said, stop=lambda: "changes are switched off" if said else "")
    assert said == ["evicting shop/a-1"]
