"""Traces in lines and the classes of files: what counts, and the look-alikes that must not."""

import pytest

from mcp_server.core.clues import class_of, classes_of, modules_in, packages_in, ports_in


@pytest.mark.parametrize(
    ("line", "ports"),
    [
        ("    listen 80;", ["80"]),
        ("listen [::]:443 ssl;", ["443"]),
        ("listen 0.0.0.0:8080 default_server;", ["8080"]),
        ("proxy_pass http://backend:8001/;", ["8001"]),
        ("  server 10.0.0.1:9000; server app1:9001;", ["9000", "9001"]),
        ('bind = "127.0.0.1:8010"', ["8010"]),
        ("APP_PORT=5000", ["5000"]),
        ('"port": 5432,', ["5432"]),
        ("run --port 8081 --workers 4", ["8081"]),
        ("app.py:123: error", []),
        ("10:31:07 all well", []),
        ("report = 8000", []),
        ("port = 70000", []),
        ("timeout = 8000", []),
    ],
)
def test_ports(line: str, ports: list[str]) -> None:
    assert list(ports_in([line])) == [f"port:{port}" for port in ports]


@pytest.mark.parametrize(
    ("line", "modules"),
    [
        ("import stripe", ["stripe"]),
        ("    import a.b as c, d  # why", ["a", "d"]),
        ("from stripe.error import CardError", ["stripe"]),
        ("from . import views", []),
        ("from .views import x", []),
        ("import React from 'react'", []),
        ("important = 3", []),
        ("# import stripe", []),
        ("please import the data from there", []),
    ],
)
def test_modules(line: str, modules: list[str]) -> None:
    assert list(modules_in([line])) == [f"module:{name}" for name in modules]


@pytest.mark.parametrize(
    ("line", "bare", "packages"),
    [
        ("qrcode==7.4.2", False, ["qrcode"]),
        ("Django_Extensions[x] >= 3.2  # why", False, ["django-extensions"]),
        ('    "requests>=2.32,<3",', False, ["requests"]),
        ('  "left-pad": "^1.3.0",', False, ["left-pad"]),
        ("flask", False, []),
        ("flask", True, ["flask"]),
        ("-r base.txt", True, []),
        ("some words here", True, []),
    ],
)
def test_packages(line: str, bare: bool, packages: list[str]) -> None:
    assert list(packages_in([line], bare=bare)) == [f"package:{name}" for name in packages]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("shop/app.py", "code"), ("requirements/prod.txt", "dependency"), ("pyproject.toml", "dependency"),
        ("conf/nginx.conf", "configuration"), (".env.production", "configuration"), ("shop/migrations/0001_x.py", "migration"),
        ("schema.sql", "migration"), ("Dockerfile", "infrastructure"), ("k8s/web.yaml", "infrastructure"),
        ("/etc/nginx/sites-enabled/shop", "configuration"), ("notes", "other"), ("dump.gz", "data"),
    ],
)  # fmt: skip
def test_classes(path: str, kind: str) -> None:
    assert class_of(path) == kind


def test_classes_of_several_files_leave_out_other_unless_it_is_all() -> None:
    assert classes_of(("a.py", "notes", "b.py", "x.conf")) == ("code", "configuration")
    assert classes_of(("notes",)) == ("other",)
    assert classes_of(()) == ("other",)


def test_long_hostile_lines_cost_time_in_proportion() -> None:
    line = ("listen " + "a:" * 50 + "1.1.1." * 50 + "//" + "x" * 200) * 1_000
    assert list(ports_in([line])) == []
    assert list(modules_in(["import " + "a, " * 50_000 + "!"])) == []
    assert list(packages_in(["a" * 300_000, '"' * 300_000])) == []
