"""Requests of access logs: formats people use, and lines that are none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.core.clock import stamp
from mcp_server.logs.access import request

JSON = '{"time":"2026-11-28T10:31:07.412Z","status":200,"path":"/x","duration_ms":12.5}'
CLF = '10.0.0.7 - bob [28/Nov/2026:10:31:07 +0100] "GET /cart?page=2 HTTP/1.1" 502 157 "-" "curl/8.5.0"'


@pytest.mark.parametrize(
    ("line", "at", "status", "path", "took"),
    [
        (CLF, "2026-11-28T09:31:07.000Z", 502, "/cart", None),
        (CLF + " 0.250", "2026-11-28T09:31:07.000Z", 502, "/cart", 250),
        (CLF + " rt=1.500 uct=0.001", "2026-11-28T09:31:07.000Z", 502, "/cart", 1500),
        (JSON, "2026-11-28T10:31:07.412Z", 200, "/x", 12.5),
        ('ts=2026-11-28T10:31:07Z level=info status=404 path=/y?z=1 request_time=0.1',
         "2026-11-28T10:31:07.000Z", 404, "/y", 100),
        ('Nov 28 10:31:07 lb haproxy[1]: 10.0.0.7:51 [28/Nov/2026:10:31:07.412] http shop/web1 0/0/1/24/25 503 2750 - - ---- '
         '1/1/1/1/0 0/0 "GET /pay HTTP/1.1"', None, 503, "/pay", 25),
    ],
)  # fmt: skip
def test_formats(line: str, at: str | None, status: int, path: str, took: float | None) -> None:
    found = request(line)
    assert found
    assert (found.status, found.path, found.took_ms) == (status, path, took)
    if at:
        assert stamp(found.at) == at


@pytest.mark.parametrize(
    "line",
    ["", "2026/11/28 10:31:07 [error] 1#1: *1 connect() failed (111)", '"GET / HTTP/1.1" 200 5', "status=ok", "a" * 20_000],
)
def test_lines_that_are_none(line: str) -> None:
    assert request(line) is None


@given(st.text(max_size=300))
def test_no_line_raises(line: str) -> None:
    request(line)
