"""Well-known errors are recognised from the program's own words only."""

import pytest

from mcp_server.logs.known import KNOWN, frames, recognise, shape, subject
from mcp_server.logs.records import Record, level_of

TO = "while connecting to upstream"
ASKED = "reading response header from upstream"
TAIL = ', client: 1.2.3.4, server: x, request: "GET / HTTP/1.1", upstream: "http://127.0.0.1:8000/", host: "x"'


def record(text: str) -> Record:
    return Record(text, level=level_of(text))


@pytest.mark.parametrize(
    ("text", "code", "about"),
    [
        (f"[error] *1 connect() failed (111: Connection refused) {TO}{TAIL}", "upstream_refused", "port:8000"),
        (f"[crit] *1 connect() to unix:/a failed (2: No such file or directory) {TO}{TAIL}", "upstream_refused", "port:8000"),
        (f"[error] *1 upstream timed out (110: Connection timed out) while {ASKED}{TAIL}", "upstream_timed_out", "port:8000"),
        (f"[error] *1 upstream prematurely closed connection while {ASKED}{TAIL}", "upstream_closed", "port:8000"),
        ("ModuleNotFoundError: No module named 'stripe.api'", "import_failed", "module:stripe"),
        ("ImportError: cannot import name 'x' from 'shop.util' (/srv/shop/util.py)", "import_failed", "module:shop"),
        ("[ERROR] Connection in use: ('127.0.0.1', 8000)", "address_in_use", "port:8000"),
        ("[emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)", "address_in_use", "port:80"),
        ("OSError: [Errno 28] No space left on device: '/srv/data/x'", "no_space", "path:/srv/data/x"),
        ('[emerg] 1#1: unknown directive "x" in /etc/nginx/a.conf:3', "configuration_rejected", "path:/etc/nginx/a.conf"),
        ("[CRITICAL] WORKER TIMEOUT (pid:12)", "worker_timeout", ""),
        ("Out of memory: Killed process 12", "out_of_memory", ""),
        ("OSError: [Errno 24] Too many open files", "too_many_files", ""),
        ("socket.gaierror: [Errno -2] Name or service not known", "name_not_resolved", ""),
        ("ssl: certificate verify failed: certificate has expired", "tls_expired", ""),
        ("PermissionError: [Errno 13] Permission denied: '/srv/a'", "permission_denied", "path:/srv/a"),
        ("redis: Connection refused", "connection_refused", ""),
    ],
)  # fmt: skip
def test_recognised(text: str, code: str, about: str) -> None:
    found = recognise(record(text))
    assert found is not None
    assert (found.code, subject(found, record(text))) == (code, about)


@pytest.mark.parametrize(
    "text",
    [
        "INFO retrying after Connection refused",
        '[error] 1#1: *1 open() "/srv/No space left on device" failed (2: No such file or directory), client: 1.2.3.4',
        '[error] 1#1: *1 access forbidden, client: 1.2.3.4, request: "GET /?q=upstream timed out (110 HTTP/1.1"',
        '1.2.3.4 - - [20/Nov/2026:10:31:07 +0000] "GET /Address%20already%20in%20use HTTP/1.1" 200 1 "-" "EADDRINUSE"',
    ],
)
def test_words_of_visitors_and_of_calm_levels_do_not_count(text: str) -> None:
    assert recognise(record(text)) is None


def test_every_known_error_says_what_it_means() -> None:
    assert len({item.code for item in KNOWN}) == len(KNOWN)
    assert all(item.meaning.endswith(".") and item.advice.endswith(".") for item in KNOWN)


def test_shapes_mask_what_differs() -> None:
    assert shape(record("ERROR user 17 at 0xdeadbeef 'ann'")) == shape(record("ERROR user 4 at 0xcafebabe 'bob'"))
    assert shape(record("ERROR disk")) != shape(record("ERROR network"))
    assert len(shape(record("ERROR " + "x" * 100_000))) <= 300


def test_frames_name_the_applications_own_files() -> None:
    files = ("/v/lib/python3.11/x.py", "/srv/a.py", "/srv/b.py", "/v/site-packages/c.py")
    text = "\n".join(f'  File "{file}", line 4, in x\n    x()' for file in files)
    assert frames(text) == ("/srv/b.py", "/srv/a.py")
