"""Limits of application servers, read and never executed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.logs.nginx_model import duration_ms, listen_address
from mcp_server.logs.server_limits import (
    gunicorn_config,
    gunicorn_limit,
    haproxy_ms,
    haproxy_sections,
    option,
    python_literals,
    uwsgi_limit,
)


@pytest.mark.parametrize(
    ("words", "config", "ms"),
    [
        ("", None, 30_000), ("--timeout 5", None, 5_000), ("--timeout=5", None, 5_000), ("-t 5", "timeout = 9", 5_000),
        ("-t5", None, 5_000), ("", "timeout = 9", 9_000), ("", "timeout: int = 9", 9_000), ("--timeout 0", None, None),
        ("-k gevent", "timeout = 9", None), ("--threads 4", None, None), ("", "worker_class = 'gthread'", None),
        ("", "threads = 2\ntimeout = 9", None), ("-k sync", "timeout = 9", 9_000), ("--threads 1", "threads = 8", 30_000),
        ("", "timeout = 9\ntimeout = 11", 11_000), ("", "import sys\nworkers = len(sys.path)", 30_000),
    ],
)  # fmt: skip
def test_gunicorn(words: str, config: str | None, ms: int | None) -> None:
    limit = gunicorn_limit(["gunicorn", *words.split(), "a:b"], "here", config, "/c")
    assert (limit.ms, limit.problem) == (ms, "")


@pytest.mark.parametrize(
    "config",
    [
        "import os\ntimeout = int(os.environ['T'])", "timeout = 9\nif True:\n    timeout = 99", "timeout = 'soon'",
        "timeout = (", "from base import *", "for timeout in (1, 2): pass", "timeout = 1.5", "timeout = True", "\0",
        "timeout = " + "(" * 300,
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_not_guessed(config: str) -> None:
    limit = gunicorn_limit(["gunicorn", "a:b"], "here", config, "/c")
    assert limit.ms is None
    assert limit.problem


def test_a_configuration_is_never_executed(tmp_path: object) -> None:
    known, computed = python_literals("open('/nowhere/at/all')\ntimeout = 3\nx = exit()")
    assert known == {"timeout": 3}
    assert "x" in computed


@pytest.mark.parametrize(
    ("words", "cwd", "found"),
    [
        ("", "/srv", ("/srv/gunicorn.conf.py", False)), ("-c live.py", "/srv", ("/srv/live.py", True)),
        ("-c /etc/g.py", None, ("/etc/g.py", True)), ("--config=file:g.py", "/srv", ("/srv/g.py", True)),
        ("-c python:conf", "/srv", (None, True)), ("", None, (None, False)),
        ("--chdir /app", "/srv", ("/app/gunicorn.conf.py", False)),
    ],
)  # fmt: skip
def test_where_gunicorn_reads(words: str, cwd: str | None, found: tuple[str | None, bool]) -> None:
    assert gunicorn_config(["gunicorn", *words.split()], cwd) == found


@pytest.mark.parametrize(
    ("words", "ini", "ms", "problem"),
    [
        ("--harakiri 20", None, 20_000, False), ("", "[uwsgi]\nharakiri = 60\nsocket = %(x)s\n", 60_000, False),
        ("", "[uwsgi]\nworkers = 2\n", None, False), ("", "[uwsgi]\nharakiri = $(T)\n", None, True), ("", "no ini", None, True),
        ("--harakiri x", None, None, True),
    ],
)  # fmt: skip
def test_uwsgi(words: str, ini: str | None, ms: int | None, problem: bool) -> None:
    limit = uwsgi_limit(["uwsgi", *words.split()], "here", ini, "/i")
    assert (limit.ms, bool(limit.problem)) == (ms, problem)


HAPROXY = """global
  maxconn 10
defaults
  timeout server 20s   # everybody
frontend web
  bind :443 ssl crt /x
  use_backend api if { path_beg /api }
  default_backend app
backend app
  server a1 10.0.0.1:8000 check
backend api
  timeout server 1500
  server b1 10.0.0.2:8000
listen stats
  bind *:9000
"""


def test_haproxy_sections_take_the_defaults_and_their_own() -> None:
    found = {item.name: item for item in haproxy_sections(HAPROXY)}
    assert found["web"].uses == ("api", "app")
    assert found["web"].binds == (":443",)
    assert (found["app"].wait_ms, found["app"].servers) == (20_000, ("10.0.0.1:8000",))
    assert found["api"].wait_ms == 1_500
    assert (found["stats"].binds, found["stats"].line) == (("*:9000",), 14)


@pytest.mark.parametrize(
    ("text", "ms"),
    [("90", 90_000), ("1m 30s", 90_000), ("1h30m", 5_400_000), ("500ms", 500), ("$t", None), ("", None), ("5x", None)],
)
def test_nginx_durations(text: str, ms: int | None) -> None:
    assert duration_ms(text) == ms


def test_haproxy_durations_are_milliseconds_without_a_unit() -> None:
    assert [haproxy_ms(text) for text in ("5000", "5s", "2m", "100us", "x")] == [5_000, 5_000, 120_000, 0, None]


def test_listen_addresses() -> None:
    given_listens = ["80 default_server", "[::]:80", "127.0.0.1", "unix:/x.sock", "10.0.0.5:8443 ssl"]
    assert [listen_address(item) for item in given_listens] == [
        "*:80", "[::]:80", "127.0.0.1:80", "unix:/x.sock", "10.0.0.5:8443",
    ]  # fmt: skip


@given(st.text(max_size=200), st.lists(st.text(max_size=20), max_size=6))
def test_no_text_breaks_it(text: str, words: list[str]) -> None:
    gunicorn_limit(words, "here", text, "/c")
    uwsgi_limit(words, "here", text, "/i")
    list(haproxy_sections(text))
    duration_ms(text)
    option(words, "-t", "--timeout")
