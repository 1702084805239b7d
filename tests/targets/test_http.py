"""Addresses, sockets and ports are looked at under one deadline; what does not answer says how it did not."""

import contextlib
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from mcp_server import __version__
from mcp_server.core.errors import Cancelled
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.targets import wire
from tests.real_parts import descriptors, free_port, least, wait_until
from tests.targets.http_server import OK, connect, get, refusal


def test_an_answer_and_the_request_that_asked_for_it(serve: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password hush\n")
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("HOME", str(tmp_path))
    server = serve(OK)
    answer = get(f"http://127.0.0.1:{server.port}/health?deep=1")
    assert (answer.status, answer.reason, answer.body, answer.cut) == (200, "OK", "ready\n", None)
    assert answer.headers["Content-Type"] == "text/plain"
    assert 0 < answer.took_ms < 5_000
    asked = server.asked[0].decode()
    assert asked.startswith("GET /health?deep=1 HTTP/1.1\r\n")
    sent = dict(line.split(": ") for line in asked.split("\r\n")[1:] if line)
    assert sent == {
        "Host": f"127.0.0.1:{server.port}", "User-Agent": f"veteran/{__version__}", "Accept": "*/*",
        "Accept-Encoding": "identity",
    }  # fmt: skip


def test_head_asks_for_no_body_and_the_host_can_be_named(serve: Any) -> None:
    server = serve(OK.removesuffix(b"ready\n"))
    assert get(f"http://127.0.0.1:{server.port}/", method="HEAD", host="shop.example").body == ""
    assert server.asked[0].startswith(b"HEAD / ")
    assert b"\r\nHost: shop.example\r\n" in server.asked[0]


def test_redirects_are_not_followed_and_cookies_not_kept(serve: Any) -> None:
    server = serve(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nSet-Cookie: sid=hush\r\nContent-Length: 0\r\n\r\n")
    answer = get(f"http://127.0.0.1:{server.port}/")
    assert (answer.status, answer.headers["Location"]) == (302, "http://127.0.0.1:1/")
    assert "hush" not in repr(answer)
    get(f"http://127.0.0.1:{server.port}/")
    assert b"Cookie" not in server.asked[1]


def test_a_long_body_is_cut_and_says_so(serve: Any) -> None:
    server = serve(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000)
    answer = get(f"http://127.0.0.1:{server.port}/", body_limit=1_000)
    assert (len(answer.body), answer.cut) == (1_000, "the body was cut after 1,000 bytes")
    assert get(f"http://127.0.0.1:{server.port}/", limits=Limits(max_bytes=10)).body == "x" * 10
    assert get(f"http://127.0.0.1:{server.port}/", body_limit=0).cut is None


def test_many_long_headers_are_cut_and_say_so(serve: Any) -> None:
    server = serve(b"HTTP/1.1 200 OK\r\nX-Long: " + b"y" * 5_000 + b"\r\nContent-Length: 0\r\n\r\n")
    answer = get(f"http://127.0.0.1:{server.port}/")
    assert len(answer.headers["X-Long"]) == 1_000
    assert answer.cut is not None


@pytest.mark.parametrize(
    ("header", "raw", "text"),
    [
        (b"text/html; charset=ISO-8859-1", b"gr\xfc\xdfe", "grüße"),
        (b"text/html", "grüße".encode(), "grüße"),
        (b"text/html; charset=punycode", b"\xff", "\ufffd"),
    ],
)
def test_the_body_is_decoded_as_declared(serve: Any, header: bytes, raw: bytes, text: str) -> None:
    server = serve(b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: " + header + b"\r\n\r\n" + raw)
    answer = get(f"http://127.0.0.1:{server.port}/")
    assert (answer.status, answer.body) == (502, text)


def test_through_a_unix_socket(serve: Any, tmp_path: Path) -> None:
    server = serve(OK, family=socket.AF_UNIX, where=str(tmp_path / "app.sock"))
    assert get("http://shop/health", unix=str(tmp_path / "app.sock")).body == "ready\n"
    assert b"Host: shop\r\n" in server.asked[0]
    assert connect(f"unix:{tmp_path}/app.sock").took_ms >= 0
    outside = ReadSettings(roots=("/srv",))
    assert refusal(lambda: get("http://shop/", unix=str(tmp_path / "app.sock"), policy=outside)).reason == "refused"
    assert refusal(lambda: get("http://shop/", unix=str(tmp_path / "none"))).reason == "missing"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "stale.sock"))
    assert refusal(lambda: connect(f"unix:{tmp_path}/stale.sock")).reason == "unreachable"


# --- what does not answer -------------------------------------------------------------------------------------------


def test_nobody_there(serve: Any) -> None:
    port = free_port()
    for act in (lambda: get(f"http://127.0.0.1:{port}/"), lambda: connect(f"127.0.0.1:{port}")):
        failure = refusal(act)
        assert failure.reason == "unreachable"
        assert f"127.0.0.1 port {port} refuses connections" in failure.message
    failure = refusal(lambda: get("http://no-such-host.invalid/"))
    assert failure.reason == "unreachable"
    assert "no-such-host.invalid has no address" in failure.message


@pytest.mark.parametrize(
    "drip", [b"", b"HTTP/1.1 200 OK\r\nX-A: ", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"]
)
def test_the_deadline_is_for_all_of_it_however_slowly_it_drips(serve: Any, drip: bytes) -> None:
    over = threading.Event()

    def dripping(line: Any) -> None:
        with contextlib.suppress(OSError):
            while not over.wait(0.02):
                line.sendall(drip[:1] if drip.endswith(b": ") else drip)
                if drip.endswith(b": "):
                    line.sendall(b"")

    server = serve(dripping)

    def measured() -> float:
        began = time.monotonic()
        failure = refusal(lambda: get(f"http://127.0.0.1:{server.port}/", timeout_s=0.3, body_limit=1_000_000))
        assert failure.reason == "timed_out"
        return time.monotonic() - began

    assert 0.25 < least(measured, 1.5) < 1.5
    over.set()


def test_a_slow_name_server_does_not_hold_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(10) and [])

    def measured() -> float:
        began = time.monotonic()
        assert refusal(lambda: connect("db.example:5432", timeout_s=0.2)).reason == "timed_out"
        return time.monotonic() - began

    assert least(measured, 1.5) < 1.5
    over.set()


def test_a_cancelled_look_leaves_at_once_and_cuts_the_connection(serve: Any) -> None:
    closed = threading.Event()

    def waiting(line: Any) -> None:
        limits.cancel.set()
        if not line.recv(1):
            closed.set()

    limits = Limits()
    server = serve(waiting)
    with pytest.raises(Cancelled):
        get(f"http://127.0.0.1:{server.port}/", limits=limits)
    wait_until(closed.is_set, "the connection was cut")


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        (b"", "unreachable", "closed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", "unreachable", "closed"),
        (b"220 mail.example ESMTP\r\n", "damaged", "HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 100_000 + b"\r\n\r\n", "damaged", "HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nno gzip at all", "damaged", "encoded"),
    ],
)
def test_what_is_no_answer(serve: Any, answer: bytes, reason: str, words: str) -> None:
    server = serve(answer)
    failure = refusal(lambda: get(f"http://127.0.0.1:{server.port}/"))
    assert failure.reason == reason
    assert words in failure.message


# --- what is never asked --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"url": "file:///etc/passwd"}, "only addresses"),
        ({"url": "ftp://host/"}, "only addresses"),
        ({"url": "http:///path"}, "only addresses"),
        ({"url": "127.0.0.1:80"}, "only addresses"),
        ({"url": "http://host:99999/"}, "cannot be used"),
        ({"url": "http://[::1/"}, "cannot be used"),
        ({"url": "http://me:hush@host/"}, "credentials"),
        ({"url": "http://a b/"}, "space or control"),
        ({"url": "http://host/\r\nX: y"}, "space or control"),
        ({"url": "http://host/" + "a" * 9_000}, "longer than"),
        ({"url": "http://*/"}, "cannot be used"),
        ({"url": "http://host/", "host": "a\r\nX-Forwarded-For: b"}, "`host`"),
        ({"url": "http://host/", "host": "user@host"}, "`host`"),
    ],
)
def test_an_address_that_is_none_gets_a_sentence(call: Any, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", None)
    failure = refusal(lambda: get(**call))
    assert failure.reason == "refused"
    assert words in failure.message
    assert "hush" not in failure.sentence()


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254", "[fd00:ec2::254]", "metadata.google.internal", "metadata.google.internal.", "2852039166",
        "0xA9FEA9FE", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "0251.0376.0251.0376",
    ],
)  # fmt: skip
def test_metadata_addresses_are_refused_in_every_notation(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if host.startswith("metadata"):
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 80))]
        )
    connections: list[Any] = []
    monkeypatch.setattr(wire.Wire, "_connect", lambda *arguments: connections.append(arguments))
    failure = refusal(lambda: get(f"http://{host}/latest/meta-data/"))
    assert (failure.reason, connections) == ("refused", [])
    assert "metadata" in failure.message


@pytest.mark.parametrize(
    "address", ["host", "host:", "host:0", "host:70000", "::1:80", "a b:80", "unix:relative", "/run/app.sock", "-x:1\n"]
)
def test_a_connection_to_no_address_gets_a_sentence(address: str) -> None:
    assert refusal(lambda: connect(address)).reason == "refused"


def test_connect_sends_nothing_and_takes_ipv6(serve: Any) -> None:
    server = serve(OK)
    assert 0 <= connect(f"127.0.0.1:{server.port}").took_ms < 8_000
    assert 0 <= connect(f"localhost:{server.port}").took_ms < 8_000
    try:
        six = serve(OK, family=socket.AF_INET6, where=("::1", 0))
    except OSError:
        pytest.skip("no IPv6 here")
    assert connect(f"[::1]:{six.port}").took_ms >= 0
    assert get(f"http://[::1]:{six.port}/").status == 200
    assert server.asked == []


def test_no_descriptor_and_no_thread_is_left(serve: Any) -> None:
    server = serve(OK)
    get(f"http://127.0.0.1:{server.port}/")
    before = descriptors()
    for _ in range(5):
        get(f"http://127.0.0.1:{server.port}/")
        refusal(lambda: get(f"https://127.0.0.1:{server.port}/"))
        connect(f"127.0.0.1:{server.port}")
    wait_until(lambda: not any(thread.name == "wire" for thread in threading.enumerate()), "threads ended")
    wait_until(lambda: descriptors() <= before, "descriptors closed")
