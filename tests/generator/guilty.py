"""What breaks a small web service: one change each, and what its failure writes into the logs."""

import random
from datetime import datetime

from tests.generator.stories import CLOSED, REFUSED, TIMED_OUT, Names, Story, Told, error, line_of, trace


def missing_module(n: Names, c: random.Random) -> Story:
    def app(n: Names, at: datetime, c: random.Random) -> list[str]:
        caller = line_of(n, "views.py", f"from {n.package} import", 1)
        line = line_of(n, f"{n.feature}.py", f"import {n.module}", 1)
        last = f"ModuleNotFoundError: No module named '{n.module}'"
        return trace(n, at, (("views.py", caller, "<module>"), (f"{n.feature}.py", line, "<module>")), last)

    files = {f"{n.package}/{n.feature}.py": f"^import {n.module}\n"}
    return Story("missing module", ("commit", f"{n.feature}: nicer receipts", files), app, REFUSED)


def requirement_bumped(n: Names, c: random.Random) -> Story:
    installed = f"/srv/venv/lib/python3.11/site-packages/{n.module}/__init__.py"
    last = f"ImportError: cannot import name 'Client' from '{n.module}' ({installed})"
    return Story(
        "requirement bumped",
        ("commit", "renew dependencies", {"requirements.txt": f"${n.module}==9.0.1\n"}),
        lambda n, at, c: trace(n, at, (("payments.py", 1, "<module>"),), last),
        REFUSED,
    )


def wrong_port(n: Names, c: random.Random) -> Story:
    def nginx(n: Names, at: datetime, c: random.Random) -> list[str]:
        return [line.replace(f":{n.port}/", f":{n.other_port}/") for line in REFUSED(n, at, c)]

    files = {"deploy/nginx.conf": f"upstream app {{\n    server 127.0.0.1:{n.other_port};\n}}\n"}
    return Story("wrong port", ("commit", "move behind the new balancer", files), None, nginx)


def code_bug(n: Names, c: random.Random) -> Story:
    kind = c.choice(
        (
            "TypeError: unsupported operand type(s) for +: 'int' and 'NoneType'",
            "AttributeError: 'NoneType' object has no attribute 'items'",
            "ZeroDivisionError: division by zero",
        )
    )
    files = {f"{n.package}/{n.feature}.py": "$\n\ndef rounded(value):\n    return value + None\n"}

    def app(n: Names, at: datetime, c: random.Random) -> list[str]:
        line = line_of(n, f"{n.feature}.py", "return value + None", 6)
        return trace(n, at, (("views.py", 8, "answer"), (f"{n.feature}.py", line, "rounded")), kind)

    return Story("code bug", ("commit", f"{n.feature}: round amounts", files), app, None)


def missing_setting(n: Names, c: random.Random) -> Story:
    files = {f"{n.package}/settings.py": f"$\nEXTRA = os.environ['{n.setting}']\n"}
    return Story(
        "missing setting",
        ("commit", "take it from the environment", files),
        lambda n, at, c: trace(n, at, (("settings.py", 7, "<module>"),), f"KeyError: '{n.setting}'"),
        REFUSED,
    )


def small_pool(n: Names, c: random.Random) -> Story:
    def app(n: Names, at: datetime, c: random.Random) -> list[str]:
        return trace(
            n,
            at,
            (("views.py", 8, "answer"), ("orders.py", 2, "total")),
            "sqlalchemy.exc.TimeoutError: QueuePool limit of size 2 overflow 0 reached, connection timed out, timeout 30.00",
        )

    files = {f"{n.package}/settings.py": "$\nPOOL_SIZE = 2\nMAX_OVERFLOW = 0\n"}
    return Story("small pool", ("commit", "spare the database", files), app, TIMED_OUT)


def wrong_host(n: Names, c: random.Random) -> Story:
    wrong = n.host.replace(".internal", ".intern")
    files = {f"{n.package}/settings.py": f"$\nDB = 'postgresql://{wrong}/app'\n"}
    last = f'psycopg2.OperationalError: could not translate host name "{wrong}" to address: Name or service not known'
    return Story(
        "wrong host",
        ("commit", "settings: tidy up", files),
        lambda n, at, c: trace(n, at, (("views.py", 8, "answer"), ("orders.py", 2, "total")), last),
        None,
    )


def cache_moved(n: Names, c: random.Random) -> Story:
    files = {f"{n.package}/settings.py": "$\nCACHE = 'redis://cache-9.internal:6380/0'\n"}
    last = "redis.exceptions.ConnectionError: Error 111 connecting to cache-9.internal:6380. Connection refused."
    return Story(
        "cache moved",
        ("commit", "the cache has a new home", files),
        lambda n, at, c: trace(n, at, (("views.py", 8, "answer"),), last),
        None,
    )


def short_timeout(n: Names, c: random.Random) -> Story:
    def app(n: Names, at: datetime, c: random.Random) -> list[str]:
        pid = c.randint(900, 4000)
        return [
            error(at, f"WORKER TIMEOUT (pid:{pid})", "CRITICAL", 811),
            error(at, f"Worker exiting (pid: {pid})", "INFO", pid),
        ]

    files = {"gunicorn.conf.py": f"bind = '127.0.0.1:{n.port}'\ntimeout = 1\nworkers = 4\n"}
    return Story("short timeout", ("commit", "gunicorn: shorter timeout", files), app, CLOSED)


def dropped_column(n: Names, c: random.Random) -> Story:
    files = {f"migrations/00{c.randint(11, 80)}_clean_up.sql": f"ALTER TABLE orders DROP COLUMN {n.column};\n"}
    last = f"psycopg2.errors.UndefinedColumn: column orders.{n.column} does not exist"
    return Story(
        "dropped column",
        ("commit", "orders: clean up", files),
        lambda n, at, c: trace(n, at, (("views.py", 8, "answer"), ("orders.py", 2, "total")), last),
        None,
    )


def template_renamed(n: Names, c: random.Random) -> Story:
    name = f"{n.feature}_summary.html"
    files = {f"{n.package}/views.py": f"$\nPAGE = '{n.feature}_summary_v2.html'\n"}
    return Story(
        "template renamed",
        ("commit", "pages: second version", files),
        lambda n, at, c: trace(
            n, at, (("views.py", 12, "answer"),), f"jinja2.exceptions.TemplateNotFound: {name.replace('.html', '_v2.html')}"
        ),
        None,
    )


def rate_limit(n: Names, c: random.Random) -> Story:
    def nginx(n: Names, at: datetime, c: random.Random) -> list[str]:
        return [
            f"{at:%Y/%m/%d %H:%M:%S} [error] 902#902: *{c.randint(1, 9999)} limiting requests, excess: 5.240 by zone "
            '"perclient", client: 10.0.3.9, server: app.example, request: "GET / HTTP/1.1", host: "app.example"'
        ]

    files = {"deploy/nginx.conf": "^limit_req_zone $binary_remote_addr zone=perclient:10m rate=1r/s;\n"}
    return Story("rate limit", ("commit", "nginx: be strict", files), None, nginx)


def port_taken(n: Names, c: random.Random) -> Story:
    files = {"deploy/exporter.py": f"import http.server\n\nPORT = {n.port}\nhttp.server.HTTPServer(('', PORT), None)\n"}
    return Story(
        "port taken",
        ("commit", "export metrics", files),
        lambda n, at, c: [error(at, f"Connection in use: ('127.0.0.1', {n.port})")],
        REFUSED,
    )


def new_path(n: Names, c: random.Random) -> Story:
    files = {
        f"{n.package}/new_{n.feature}.py": "def run(request):\n    raise NotImplementedError\n",
        f"{n.package}/views.py": f"^from {n.package} import new_{n.feature}\n",
    }
    return Story(
        "new code path",
        ("commit", f"{n.feature}: switch on the new path", files),
        lambda n, at, c: trace(n, at, (("views.py", 9, "answer"), (f"new_{n.feature}.py", 2, "run")), "NotImplementedError"),
        None,
    )


def bad_nginx_edit(n: Names, c: random.Random) -> Story:
    path = c.choice(("/etc/nginx/nginx.conf", "/etc/nginx/sites-enabled/app", "/etc/nginx/conf.d/tls.conf"))

    def nginx(n: Names, at: datetime, c: random.Random) -> list[str]:
        return [f'{at:%Y/%m/%d %H:%M:%S} [emerg] 950#950: unexpected "}}" in {path}:12']

    return Story("bad nginx edit", ("edit", path, "server {\n    listen 443 ssl\n}\n"), None, nginx)


def locked_folder(n: Names, c: random.Random) -> Story:
    path = f"{'/srv/app'}/{n.package}/uploads.key"
    last = f"PermissionError: [Errno 13] Permission denied: '{path}'"
    return Story(
        "rights taken",
        ("rights", path),
        lambda n, at, c: trace(n, at, (("views.py", 8, "answer"), ("payments.py", 3, "sign")), last),
        None,
    )


def driver_upgraded(n: Names, c: random.Random) -> Story:
    def app(n: Names, at: datetime, c: random.Random) -> list[str]:
        return trace(
            n,
            at,
            (("views.py", 8, "answer"), ("orders.py", 2, "total")),
            'psycopg2.ProgrammingError: invalid dsn: invalid connection option "options_" (psycopg2 2.9.10)',
        )

    return Story("driver upgraded", ("upgrade", "python3-psycopg2", "2.9.10-1"), app, None)


def library_upgraded(n: Names, c: random.Random) -> Story:
    def app(n: Names, at: datetime, c: random.Random) -> list[str]:
        return trace(
            n,
            at,
            (("views.py", 8, "answer"), ("payments.py", 3, "sign")),
            "OSError: libxmlsec1.so.1: cannot open shared object file: No such file or directory",
        )

    return Story("library upgraded", ("upgrade", "libxmlsec1", "1.3.2-1"), app, None)


GUILTY: list[Told] = [
    missing_module, requirement_bumped, wrong_port, code_bug, missing_setting, small_pool, wrong_host, cache_moved,
    short_timeout,
    dropped_column, template_renamed, rate_limit, port_taken, new_path, bad_nginx_edit, locked_folder, driver_upgraded,
    library_upgraded,
]  # fmt: skip
