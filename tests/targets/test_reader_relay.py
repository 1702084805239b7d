"""What the reader lets through: one plain question, written anew; everything else is nothing."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.targets.docker_reads import is_read
from mcp_server.targets.reader_relay import docker_request, http_request, redis_request

PLAIN = re.compile(
    rb"(GET|HEAD) /[!-~]* HTTP/1\.1\r\nHost: [A-Za-z0-9._:\[\]-]+\r\nUser-Agent: veteran/[^\r\n]+\r\nAccept: [^\r\n]+\r\n"
    rb"Accept-Encoding: identity\r\nConnection: close\r\n\r\n"
)
PIECES = st.sampled_from([
    b"GET ", b"POST ", b"HEAD ", b"/", b"/_ping", b"/containers/x/json", b"/containers/x/attach/ws", b"..", b"%2e%2e", b"%2f",
    b" HTTP/1.1", b" HTTP/1.0", b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"Host: a", b"Content-Length: 4", b"Upgrade: tcp", b": ",
    b"Transfer-Encoding: chunked", b"\0", b"\xff", b"X: y", b" ", b"?a=1", b"DELETE /containers/x HTTP/1.1",
])  # fmt: skip


@given(st.lists(PIECES | st.binary(max_size=12), max_size=20).map(b"".join))
def test_whatever_is_said_only_a_plain_look_goes_out(request_: bytes) -> None:
    for asked in (docker_request(request_), http_request(request_)):
        assert asked is None or PLAIN.fullmatch(asked)
    docker = docker_request(request_)
    assert docker is None or is_read(docker.split(b" ")[1].decode().partition("?")[0])
    assert redis_request(request_) in (None, b"INFO\r\n")


@given(st.text(st.sampled_from("abcx./%25fFeE:@-_v1/"), max_size=40).map(lambda text: "/containers/" + text))
def test_no_path_of_docker_has_a_detour(path: str) -> None:
    if is_read(path):
        assert not re.search(r"//|/\.\.?(/|$)", path)
        assert not re.search(r"%(2e|2f|25|5c|00)", path, re.I)


@pytest.mark.parametrize(
    "path",
    [
        "/_ping", "/version", "/v1.47/info", "/v1.41/containers/json", "/containers/4f1c/json", "/containers/shop_web.1/logs",
        "/v1.47/containers/shop/stats", "/images/sha256:4f1c/json", "/images/registry:5000/team/shop:1/history",
        "/images/shop@sha256:4f/json", "/images/registry%3A5000/shop%3A1/json", "/networks/shop_default", "/events",
    ],
)  # fmt: skip
def test_reads_of_docker(path: str) -> None:
    assert is_read(path)
    asked = docker_request(b"GET %s?all=1 HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n" % path.encode())
    assert asked is not None
    assert asked.startswith(b"GET %s?all=1 HTTP/1.1\r\nHost: docker\r\n" % path.encode())


@pytest.mark.parametrize(
    "path",
    [
        "/containers/x/attach/ws", "/containers/x/export", "/containers/x/archive", "/containers/x/restart", "/exec/x/json",
        "/containers/../x/json", "/containers/x/../../exec/y/json", "/containers//x/json", "//_ping", "/containers/%2e%2e/json",
        "/containers/x%2f..%2fy/json", "/containers/%252e%252e/json", "/containers/x%00/json", "/containers/x%0a/json", "_ping",
        "/containers/./json", "/containers/x/json/", "/_ping/", "/v1/_ping", "/V1.41/_ping", "/containers/x;y/json",
        "/containers/\u017f/json", "/swarm/unlockkey", "/secrets", "/configs", "/build",
        "/images/get", "/images/x/get", "/",
    ],
)  # fmt: skip
def test_no_reads_of_docker(path: str) -> None:
    assert not is_read(path)
    assert docker_request(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()) is None


def test_a_host_is_passed_on_and_nothing_else_of_the_headers() -> None:
    asked = http_request(b"HEAD /a;b?c=%20d HTTP/1.1\r\nhost: shop.example:8080\r\nCookie: x\r\nAuthorization: y\r\n\r\n")
    assert asked is not None
    assert asked.startswith(b"HEAD /a;b?c=%20d HTTP/1.1\r\nHost: shop.example:8080\r\n")
    assert b"Cookie" not in asked
    assert b"Authorization" not in asked
    for host in (b"a b", b"a;b", b"a\tb", b"", b"a/b", b"x@y"):
        assert http_request(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n") is None
