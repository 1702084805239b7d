"""nginx configurations, ordinary and hostile, through a reader that holds texts."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.core.calls import FileStat, FileText, Folder, ListFolder, ReadFile
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Seen
from mcp_server.logs.nginx_config import MAX_NESTING, read_config
from mcp_server.logs.nginx_model import address_of, targets

NOW = datetime(2026, 11, 20, tzinfo=UTC)
MAIN = "/etc/nginx/nginx.conf"


class Texts:
    """A reader over a dictionary of files."""

    def __init__(self, **files: str) -> None:
        self.files = files
        self.said: list[tuple[str, ...]] = []

    def look(self, call: Any) -> Any:
        if isinstance(call, ReadFile):
            if call.path not in self.files:
                raise CouldNotLook(call.path, "missing", "no such file")
            text = self.files[call.path]
            size = len(text.encode("utf8", "replace"))
            return Seen(FileText(path=call.path, text=text, start=0, end=size, size=size, modified=NOW), "E1")
        assert isinstance(call, ListFolder)
        stat = {"type": "file", "size": 1, "modified": NOW, "changed": NOW, "mode": "-", "owner": "root", "device": 1}
        names = [name for name in self.files if name.rpartition("/")[0] == call.path]
        return Seen(Folder(path=call.path, entries=tuple(FileStat(path=name, **stat) for name in names)), "E2")

    def blind(self, *words: str) -> None:
        self.said.append(("blind", *words))

    def cut(self, *words: str) -> None:
        self.said.append(("cut", *words))


def read(text: str, **more: str) -> tuple[Any, Texts]:
    reader = Texts(**{MAIN: text, **more})
    return read_config(reader, MAIN), reader  # type: ignore[arg-type]


def test_sites_upstreams_and_where_requests_go() -> None:
    config, reader = read(
        "events {}\nhttp {\n  include sites-enabled/*;\n"
        "  upstream app { server 127.0.0.1:8000 weight=2; server 10.0.0.2 down; }\n}\n",
        **{
            "/etc/nginx/sites-enabled/a": "server { location / { proxy_pass http://app/x; }\n"
            "location /s { proxy_pass http://unix:/run/s.sock:/y; } server_name a.example; listen 80; }",
            "/etc/nginx/sites-enabled/.hidden": "nonsense",
        },
    )
    assert (config.problems, reader.said) == ((), [])
    assert config.sites[0].names == ("a.example",)
    assert [(item.address, item.users, item.file) for item in targets(config)] == [
        ("127.0.0.1:8000", ("a.example /",), MAIN),
        ("unix:/run/s.sock", ("a.example /s",), "/etc/nginx/sites-enabled/a"),
    ]


@pytest.mark.parametrize(
    ("text", "scheme", "address"),
    [
        ("127.0.0.1", "http", "127.0.0.1:80"),
        ("[::1]:9000", "fastcgi", "[::1]:9000"),
        ("app.internal", "https", "app.internal:443"),
        ("$backend", "http", None),
        ("unix:relative", "http", None),
        ("host:99999", "http", None),
        ("a b", "http", None),
    ],
)
def test_addresses(text: str, scheme: str, address: str | None) -> None:
    assert address_of(text, scheme) == address


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("events {}\nhttp { server { listen 80 } }", "listen"),
        ("events {}\nhttp {", 'expecting "}"'),
        ("events {} }", 'unexpected "}"'),
        ("events {}\nhttp { server_names_hash_bucket_siz 64; }", "unknown directive"),
        ("events {}\nlisten 80;", "not allowed here"),
        ("events {}\nuser", 'expecting ";"'),
        ("events {}\n'www", "quoted"),
        ("events {}\nhttp { proxy_read_timeout 5s\n proxy_send_timeout 5s; }", "invalid number of arguments"),
        ("events {};", 'unexpected ";"'),
    ],
)
def test_what_nginx_would_refuse(text: str, message: str) -> None:
    config, _ = read(text)
    assert any(message in problem.message for problem in config.problems), config.problems


def test_an_include_loop_is_a_problem_and_ends() -> None:
    config, _ = read("events {}\ninclude a;\n", **{"/etc/nginx/a": "include b;", "/etc/nginx/b": "include a;"})
    assert "include loop" in config.problems[0].message


def test_a_file_of_data_may_be_included_in_data() -> None:
    config, reader = read(
        "events {}\nhttp { types { include t; } map $a $b { include t; } }", **{"/etc/nginx/t": "text/html html;"}
    )
    assert (config.problems, reader.said) == ((), [])


def test_unknown_directives_of_loaded_modules_are_doubt() -> None:
    config, reader = read("load_module x.so;\nevents {}\nhttp { zebra on; }")
    assert config.problems == ()
    assert "zebra" in str(reader.said)


@pytest.mark.parametrize(
    "text",
    [
        "a {" * 100_000,
        "a " * 300_000,
        "http { " + "server { location / {" * 20_000,
        '"' + "a\\" * 200_000,
        "{" * 9,
        "a" * 500_000,
    ],
    ids=["nested", "words", "locations", "quote", "braces", "word"],
)
def test_hostile_files_are_bounded(text: str) -> None:
    began = time.monotonic()
    config, reader = read(text)
    assert config.problems or reader.said
    assert len(config.problems) <= 20
    assert time.monotonic() - began < 8


def test_nesting_has_a_limit_that_is_said() -> None:
    _, reader = read("http {" + "location / {" * (MAX_NESTING + 5) + "}" * (MAX_NESTING + 6))
    assert "nested deeper" in str(reader.said)


def test_many_includes_are_bounded() -> None:
    files = {f"/etc/nginx/d/{number}": "include d/*;" for number in range(40)}
    began = time.monotonic()
    _, reader = read("include d/*;", **files)
    assert "includes" in str(reader.said)
    assert time.monotonic() - began < 8


@settings(max_examples=150)
@given(st.text(alphabet=st.sampled_from("abc{};'\"#\\$ \n\0é"), max_size=300))
def test_never_raises(text: str) -> None:
    config, _ = read("http {\n" + text)
    assert all(problem.message for problem in config.problems)
