"""Output of pods through the log engine: merged by time over the pods of a workload, and the run before a restart.

A stub serves what a kubelet would: there is none beside the control plane of the other tests. It proves plumbing only.
"""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from mcp_server.core.outcome import Outcome
from mcp_server.core.settings import load_settings
from mcp_server.engine.run import Question, ask
from mcp_server.engine.session import Asking, Session
from mcp_server.surface.render import render


def pod(name: str, restarts: int = 0) -> dict[str, Any]:
    owner = {"kind": "ReplicaSet", "name": "api-7c9f8d6b5", "controller": True}
    return {
        "metadata": {
            "name": name,
            "namespace": "shop",
            "ownerReferences": [owner],
            "creationTimestamp": "2026-11-20T09:00:00Z",
        },
        "spec": {"containers": [{"name": "app"}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "app", "restartCount": restarts}]},
    }


PODS = [pod("api-7c9f8d6b5-aaaaa"), pod("api-7c9f8d6b5-bbbbb", 3), pod("other-1")]
PODS[2]["metadata"]["ownerReferences"] = []
LOGS = {
    ("api-7c9f8d6b5-aaaaa", False): "2026-11-20T10:00:00.100000000Z a one\n2026-11-20T10:00:02.000000000Z a two\n",
    ("api-7c9f8d6b5-bbbbb", False): "2026-11-20T10:00:01.000000000Z b one\n2026-11-20T10:00:03.000000000Z b two\n",
    ("api-7c9f8d6b5-bbbbb", True): "2026-11-20T09:59:59.000000000Z KeyError: 'REDIS_URL'\n",
}  # fmt: skip


class Kubelet(BaseHTTPRequestHandler):
    """Pods and their logs; no other path."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query, way = parse_qs(parts.query), parts.path.strip("/").split("/")
        kind, status, body = "application/json", 200, b"{}"
        if way[-1] == "log":
            kind = "text/plain"
            told = LOGS.get((way[-2], "previous" in query))
            status, body = (
                (200, told.encode()) if told is not None else (400, b'{"message":"previous terminated container not found"}')
            )
        elif way[-1] == "pods":
            body = json.dumps({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": PODS}).encode()
        elif way[-1] in ("replicasets", "jobs"):
            body = json.dumps({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": []}).encode()
        else:
            status, body = 404, b'{"kind":"Status","message":"not found"}'
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Quiet."""


@pytest.fixture
def inquire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Kubelet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    config = tmp_path / "config"
    config.write_text(json.dumps({
        "contexts": [{"name": "stub", "context": {"cluster": "c"}}],
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_address[1]}"}}],
    }))  # fmt: skip
    monkeypatch.setenv("KUBECONFIG", str(config))
    session = Session(load_settings({"VETERAN_STATE_DIR": str(tmp_path / "state"), "HOME": str(tmp_path)}), program="test")

    def asked(name: str, target: str, **arguments: Any) -> Outcome:
        return ask(session, Question.of(session, name, arguments), target, Asking())

    yield asked
    session.close()
    server.shutdown()
    thread.join()
    server.server_close()


def test_pods_of_a_workload_are_merged_by_time(inquire: Any) -> None:
    told = render(inquire("log_merge", "k8s://stub/shop/deploy/api", sources=["container"]))
    places = [told.index(words) for words in ("a one", "b one", "a two", "b two")]
    assert places == sorted(places), told


def test_the_run_before_the_restart(inquire: Any) -> None:
    told = render(inquire("log_tail", "k8s://stub/shop/deploy/api", path="previous"))
    assert "REDIS_URL" in told
    assert "b one" not in told


def test_one_pod_alone_and_a_name_that_is_none(inquire: Any) -> None:
    told = render(inquire("log_tail", "k8s://stub/shop/deploy/api", path="container:api-7c9f8d6b5-aaaaa"))
    assert "a two" in told
    assert "b two" not in told
    assert inquire("log_tail", "k8s://stub/shop/deploy/none", path="container").verdict == "unknown"
    assert inquire("log_tail", "k8s://stub", path="container").verdict == "unknown"
