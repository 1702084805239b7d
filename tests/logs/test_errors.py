"""Well-known errors are recognised from the program's own words only."""

from datetime import UTC, datetime

import pytest

from mcp_server.logs.errors import group, recognise
from mcp_server.logs.records import Record, level_of
from mcp_server.logs.shapes import frames, shape
from mcp_server.logs.troubles import load

NOW = datetime(2026, 11, 20, tzinfo=UTC)
TO = "while connecting to upstream"
ASKED = "reading response header from upstream"
TAIL = ', client: 1.2.3.4, server: x, request: "GET / HTTP/1.1", upstream: "http://127.0.0.1:8000/", host: "x"'


def record(text: str) -> Record:
    return Record(text, level=level_of(text))


@pytest.mark.parametrize(
    ("text", "code", "about"),
    [
        (f"[error] *1 connect() failed (111: Connection refused) {TO}{TAIL}", "upstream_refused", "port:8000"),
        (f"[crit] *1 connect() to unix:/a failed (2: No such file or directory) {TO}{TAIL}", "upstream_refused", "path:/a"),
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
    found = recognise(load(), record(text))
    assert found is not None
    assert (found.trouble.finding, (*(clue for clue in found.clues if "pid:" not in clue), "")[0]) == (code, about)


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
    assert recognise(load(), record(text)) is None


def test_shapes_mask_what_differs() -> None:
    assert shape(record("ERROR user 17 at 0xdeadbeef 'ann'")) == shape(record("ERROR user 4 at 0xcafebabe 'bob'"))
    assert shape(record("ERROR disk")) != shape(record("ERROR network"))
    assert len(shape(record("ERROR " + "x" * 100_000))) <= 300


def test_frames_name_the_applications_own_files() -> None:
    files = ("/v/lib/python3.11/x.py", "/srv/a.py", "/srv/b.py", "/v/site-packages/c.py")
    text = "\n".join(f'  File "{file}", line 4, in x\n    x()' for file in files)
    assert frames(text) == ("/srv/b.py", "/srv/a.py")


def test_groups_tell_subjects_apart_but_not_without_end() -> None:
    records = [record(f"PermissionError: [Errno 13] Permission denied: '/srv/{number}'") for number in range(50)]
    records += [record(f"[CRITICAL] WORKER TIMEOUT (pid:{number})") for number in range(9)]
    records += [record("[notice] an upstream response is buffered to a temporary file /x")]
    groups = group("/l", "E1", records, troubles=load(), since=NOW, modified=NOW)
    assert [(item.code, item.subject, item.count) for item in groups] == [
        *(("permission_denied", f"path:/srv/{number}", 1) for number in range(5)),
        ("permission_denied", "", 45),
        ("worker_timeout", "", 9),
    ]


def test_what_is_known_goes_with_the_group() -> None:
    text = "FATAL:  sorry, too many clients already"
    (item,) = group("/l", "E1", [record(text)], troubles=load(), since=NOW, modified=NOW)
    assert (item.code, item.trouble, item.severity) == ("known_trouble", "postgresql.too_many_connections", "critical")
    assert "connections" in item.meaning
    assert "process_list" in item.next


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        (
            '[error] 1#1: *5 FastCGI sent in stderr: "Primary script unknown" while reading, client: 1.2.3.4',
            "php.primary_script",
        ),
        ('[error] 1#1: *5 limiting requests, excess: 20.480 by zone "perip", client: 1.2.3.4', "nginx.rate_limited"),
    ],
)
def test_what_an_application_says_through_nginx_counts(text: str, trouble: str) -> None:
    found = recognise(load(), record(text))
    assert found is not None
    assert found.trouble.id == trouble


def test_a_failed_request_does_not_make_its_visitors_words_true() -> None:
    text = '1.2.3.4 - - [20/Nov/2026:10:31:07 +0000] "GET / HTTP/1.1" 502 1 "-" "No space left on device"'
    assert recognise(load(), record(text)) is None
