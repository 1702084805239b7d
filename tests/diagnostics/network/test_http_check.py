"""Real servers on loopback: what they do is what is found."""

import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mcp_server.core.errors import BadInput
from tests.diagnostics.asking import Ask, asking, codes
from tests.real_parts import free_port


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Ask]:
    with asking(tmp_path) as put:
        yield put


class Handler(BaseHTTPRequestHandler):
    release = threading.Event()

    def do_GET(self) -> None:
        if self.path == "/hangs":
            self.release.wait(20)
            return
        if self.path == "/slow":
            self.release.wait(0.15)
        if self.path == "/dies":
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        status = int(self.path.strip("/")) if self.path.strip("/").isdigit() else 200
        body = f"<h1>{status}</h1> api_key=abcdef0123456789abcdef".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def serving(wrap: Callable[[socket.socket], socket.socket] | None = None) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign] -- clients that refuse a certificate hang up
    if wrap:
        server.socket = wrap(server.socket)
    Handler.release.clear()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        Handler.release.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def port() -> Iterator[int]:
    with serving() as number:
        yield number


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("502", "bad_gateway"),
        ("504", "gateway_timeout"),
        ("500", "server_error"),
        ("503", "server_error"),
        ("404", "client_error"),
    ],
)
def test_a_bad_status_is_named(ask: Ask, port: int, path: str, code: str) -> None:
    outcome = ask("http_check", url=f"http://127.0.0.1:{port}/{path}")
    assert codes(outcome) == [code]
    finding = outcome.findings[0]
    assert finding.values["status"] == int(path)
    assert finding.evidence and f"port:{port}" in finding.clues


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_good_answer_is_ok_with_its_time(ask: Ask, port: int, method: str) -> None:
    outcome = ask("http_check", url=f"http://127.0.0.1:{port}/", method=method)
    assert outcome.verdict == "ok"
    assert outcome.statements[0].values["status"] == 200


def test_a_denied_page_is_information(ask: Ask, port: int) -> None:
    outcome = ask("http_check", url=f"http://127.0.0.1:{port}/403")
    assert [finding.severity for finding in outcome.findings] == ["info"]


def test_the_body_is_quoted_without_its_secret(ask: Ask, port: int) -> None:
    outcome = ask("http_check", url=f"http://127.0.0.1:{port}/500")
    assert "<h1>500</h1>" in outcome.findings[0].quotes[0]
    assert "abcdef0123456789" not in outcome.model_dump_json()


def test_slow(ask: Ask, port: int) -> None:
    assert codes(ask("http_check", url=f"http://127.0.0.1:{port}/slow", slow_ms=100)) == ["slow"]


def test_a_server_that_hangs_is_a_finding_after_the_time_asked_for(ask: Ask, port: int) -> None:
    outcome = ask("http_check", url=f"http://127.0.0.1:{port}/hangs", timeout_s=0.3)
    assert codes(outcome) == ["no_answer"]
    assert outcome.findings[0].values["waited"] == 0.3
    assert any("accepts connections" in statement.text for statement in outcome.statements)


def test_a_server_that_hangs_is_unknown_when_our_own_limit_is_shorter(tmp_path: Path, port: int) -> None:
    with asking(tmp_path, VETERAN_LIMITS_LOOK_S="0.3") as ask:
        outcome = ask("http_check", url=f"http://127.0.0.1:{port}/hangs", timeout_s=5)
    assert outcome.verdict == "unknown"
    assert "our own limit" in outcome.coverage.blind[0].reason


def test_a_refused_connection_is_a_finding(ask: Ask) -> None:
    number = free_port()
    outcome = ask("http_check", url=f"http://127.0.0.1:{number}/")
    assert codes(outcome) == ["connection_refused"]
    assert outcome.findings[0].evidence == outcome.evidence[-1:]
    assert f"port:{number}" in outcome.findings[0].clues


def test_a_connection_closed_without_an_answer(ask: Ask, port: int) -> None:
    assert codes(ask("http_check", url=f"http://127.0.0.1:{port}/dies")) == ["connection_closed"]


def test_https_asked_of_plain_http(ask: Ask, port: int) -> None:
    assert codes(ask("http_check", url=f"https://127.0.0.1:{port}/")) == ["wrong_protocol"]


def test_a_name_that_cannot_be_looked_up_is_never_ok(ask: Ask) -> None:
    outcome = ask("http_check", url="http://nobody.invalid/")
    assert outcome.verdict in ("finding", "unknown")  # NXDOMAIN where there is a resolver, unknown where there is none
    assert codes(outcome) in ([], ["name_unresolved"])


def certificate(folder: Path, *, end: datetime.timedelta) -> Path:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - datetime.timedelta(days=90)).not_valid_after(now + end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "server.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@contextmanager
def tls(folder: Path, *, end: datetime.timedelta) -> Iterator[tuple[int, Path]]:
    path = certificate(folder, end=end)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    with serving(lambda sock: context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)) as number:
        yield number, path


@pytest.mark.parametrize(("days", "code"), [(-2, "tls_expired"), (5, "tls_expiring"), (200, None)])
def test_a_certificate_and_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, code: str | None, ask: Ask
) -> None:
    with tls(tmp_path, end=datetime.timedelta(days=days)) as (number, path):
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
        outcome = ask("http_check", url=f"https://localhost:{number}/")
    assert codes(outcome) == ([code] if code else [])
    assert outcome.verdict == ("finding" if code else "ok")


def test_a_certificate_nobody_vouches_for(tmp_path: Path, ask: Ask) -> None:
    with tls(tmp_path, end=datetime.timedelta(days=200)) as (number, _):
        assert codes(ask("http_check", url=f"https://localhost:{number}/")) == ["tls_untrusted"]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"url": "ftp://host/x"}, ("`url`", "ftp://host/x", "http:// or https://")),
        ({"url": "file:///etc/passwd"}, ("`url`", "http:// or https://")),
        ({"url": "http://a/", "method": "POST"}, ("`method`", "POST", "GET")),
        ({"url": "http://a/", "expect": "good"}, ("`expect`", "good", "2xx,3xx")),
        ({"url": "http://a/", "host": "a\r\nX: y"}, ("`host`",)),
        ({}, ("`url` is required",)),
    ],
)
def test_bad_input_gets_a_sentence(ask: Ask, params: dict[str, str], words: tuple[str, ...]) -> None:
    with pytest.raises(BadInput) as refused:
        ask("http_check", **params)
    assert all(word in refused.value.sentence() for word in words), refused.value.sentence()
