"""Real nginx: its own configuration, and upstreams that live, refuse, hang and close."""

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.diagnostics.asking import asking, codes
from tests.real_parts import free_port, need, wait_until

pytestmark = pytest.mark.real


@contextmanager
def upstream(answer: bytes | None) -> Iterator[int]:
    """A server that answers these bytes to everyone; None never answers, an empty answer closes."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as server:
        held: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                held.append(client)
                if answer is not None:
                    client.recv(65_536)
                    client.sendall(answer)
                    client.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)
            for client in held:
                client.close()


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def configuration(folder: Path, body: str) -> Path:
    conf = folder / "nginx.conf"
    conf.write_text(
        f"pid {folder}/nginx.pid;\nerror_log {folder}/error.log;\nevents {{}}\nhttp {{\n  access_log off;\n{body}\n}}\n"
    )
    return conf


def test_the_configuration_of_this_host_loads(tmp_path: Path) -> None:
    need("nginx")
    with asking(tmp_path) as ask:
        outcome = ask("nginx_config")
    assert outcome.verdict == "ok", outcome
    assert isinstance(outcome.data, dict)
    assert outcome.data["config"]["files"]  # type: ignore[index,call-overload]


def test_the_same_judgement_as_nginx_itself(tmp_path: Path) -> None:
    need("nginx")
    bodies = [
        "server { listen 8080; location / { return 200; } }",
        "server { listen 8080; location / { proxy_passs http://127.0.0.1:1; } }",
        "server { listen 8080 location / { return 200; } }",
        "server { listen 8080;",
        "server { listen 8080; } }",
        "include nowhere.conf;",
        "include nowhere/*.conf;",
        "map $uri $x { default 1; ~^/a 2; }  server { if ($x = 2) { return 403; } }",
        "proxy_read_timeout 5s\nproxy_send_timeout 5s;",
        "server { location / { proxy_set_header X 'a; } }",
        "gzip maybe;",
    ]
    for body in bodies:
        conf = configuration(tmp_path, body)
        own = subprocess.run(["nginx", "-t", "-c", str(conf), "-p", str(tmp_path)], capture_output=True, text=True, check=False)
        with asking(tmp_path) as ask:
            verdict = ask("nginx_config", conf=str(conf)).verdict
        assert verdict == ("ok" if own.returncode == 0 else "finding"), (body, own.stderr)


def test_upstreams_that_live_refuse_hang_close_and_fail(tmp_path: Path) -> None:
    need("nginx")
    dead = free_port()
    good = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with (
        upstream(good) as living,
        upstream(None) as hanging,
        upstream(b"") as closing,
        upstream(good.replace(b"200", b"500")) as bad,
    ):
        ports = {"living": living, "dead": dead, "hanging": hanging, "closing": closing, "bad": bad}
        body = "".join(f"location /{name} {{ proxy_pass http://127.0.0.1:{port}; }}\n" for name, port in ports.items())
        front = free_port()
        conf = configuration(tmp_path, f"server {{ listen 127.0.0.1:{front}; server_name shop; {body} }}")
        nginx = subprocess.Popen(
            ["nginx", "-c", str(conf), "-p", str(tmp_path), "-g", "daemon off;"], stderr=subprocess.DEVNULL
        )
        try:
            wait_until(lambda: accepts(front), "nginx listens")
            with asking(tmp_path) as ask:
                outcome = ask("nginx_upstreams", conf=str(conf), timeout_s=0.5)
                only = ask("recent_errors", paths=[str(tmp_path / "error.log")])
        finally:
            nginx.terminate()
            nginx.wait(30)
    assert codes(outcome) == ["upstream_refused", "upstream_hangs", "upstream_closed", "upstream_error"]
    refused, hangs = outcome.findings[:2]
    assert {f"port:{dead}", f"path:{conf}"} <= set(refused.clues)
    assert f"port:{hanging}" in hangs.clues
    assert any(clue.startswith("path:") for clue in hangs.clues)
    assert refused.values["users"] == "shop /dead"
    assert "answers 200" in str(outcome.statements)
    assert only.verdict == "ok"  # asking the upstreams leaves nothing in nginx's log
