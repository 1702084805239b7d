"""What breaks a small web service, and what merely happens to it: each as a change and the lines it leaves in the logs."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Lines = Callable[["Names", datetime, random.Random], list[str]]


@dataclass
class Names:
    """Names that differ from incident to incident."""

    package: str
    feature: str
    port: int
    other_port: int
    module: str
    setting: str
    column: str
    host: str

    @classmethod
    def drawn(cls, chance: random.Random) -> "Names":
        feature = chance.choice(("checkout", "invoices", "returns", "search", "loyalty", "delivery", "profile"))
        return cls(
            package=chance.choice(("store", "portal", "bookings", "clinic", "library")), feature=feature,
            port=chance.choice((8000, 8080, 9001)), other_port=chance.choice((8002, 8081, 9100)),
            module=chance.choice(("stripe", "qrcode", "orjson", "phonenumbers", "zeep", "boto3", "pendulum")),
            setting=chance.choice(("PAYMENT_ENDPOINT", "MAIL_SENDER", "SESSION_SALT", "EXPORT_BUCKET")),
            column=chance.choice(("coupon_code", "vat_rate", "shipped_on", "loyalty_tier")),
            host=chance.choice(("db-main.internal", "cache-2.internal", "queue.internal", "ledger.internal")),
        )  # fmt: skip

    def files(self) -> dict[str, str]:
        """The application before anything happened."""
        p = self.package
        return {
            f"{p}/__init__.py": "",
            f"{p}/wsgi.py": f"from {p} import views\n\n\ndef app(environ, start):\n    return views.answer(environ)\n",
            f"{p}/views.py": f"from {p} import orders, {self.feature}\n",
            f"{p}/orders.py": "def total(items):\n    return sum(items)\n",
            f"{p}/{self.feature}.py": "def run(request):\n    return request\n", f"{p}/payments.py": "import requests\n",
            f"{p}/settings.py": f"import os\n\nPOOL = 20\nDB = 'postgresql://{self.host}/app'\n",
            "requirements.txt": "gunicorn>=23\nrequests>=2.32\n",
            "gunicorn.conf.py": f"bind = '127.0.0.1:{self.port}'\ntimeout = 30\nworkers = 4\n",
            "deploy/nginx.conf": f"upstream app {{\n    server 127.0.0.1:{self.port};\n}}\n",
            "templates/base.html": "<html></html>\n",
            f"templates/{self.feature}_summary.html": "<p></p>\n", "tests/test_orders.py": "def test_total(): ...\n",
        }  # fmt: skip


@dataclass
class Story:
    """`change` is what happened: a verb of the maker with its arguments; empty when nothing did."""

    name: str
    change: tuple[Any, ...] = ()
    app: Lines | None = None
    nginx: Lines | None = None


Told = Callable[[Names, random.Random], Story]


def _error(at: datetime, text: str, level: str = "ERROR", pid: int = 4211) -> str:
    return f"[{at:%Y-%m-%d %H:%M:%S} +0000] [{pid}] [{level}] {text}"


def _trace(n: Names, at: datetime, files: tuple[tuple[str, int, str], ...], last: str) -> list[str]:
    """A Python trace as gunicorn's error log has it."""
    site = "/srv/venv/lib/python3.11/site-packages/gunicorn/workers/sync.py"
    lines = [_error(at, f"Error handling request /{n.feature}"), "Traceback (most recent call last):"]
    lines += [f'  File "{site}", line 134, in handle', "    self.handle_request(listener, req, client, addr)"]
    for name, number, function in (("wsgi.py", 5, "app"), *files):
        lines += [f'  File "/srv/app/{n.package}/{name}", line {number}, in {function}', f"    return {function}(request)"]
    return [*lines, last]


def _upstream(reason: str) -> Lines:
    def lines(n: Names, at: datetime, chance: random.Random) -> list[str]:
        return [
            f"{at:%Y/%m/%d %H:%M:%S} [error] 902#902: *{chance.randint(100, 9999)} {reason}, "
            f"client: 10.0.3.7, server: app.example, "
            f'request: "GET /{n.feature} HTTP/1.1", upstream: "http://127.0.0.1:{n.port}/{n.feature}", host: "app.example"'
        ]

    return lines


REFUSED = _upstream("connect() failed (111: Connection refused) while connecting to upstream")
TIMED_OUT = _upstream("upstream timed out (110: Connection timed out) while reading response header from upstream")
CLOSED = _upstream("upstream prematurely closed connection while reading response header from upstream")


# --- one change did it ----------------------------------------------------------------------------------------------


def missing_module(n: Names, c: random.Random) -> Story:
    files = {f"{n.package}/{n.feature}.py": f"^import {n.module}\n"}
    last = f"ModuleNotFoundError: No module named '{n.module}'"
    return Story(
        "missing module",
        ("commit", f"{n.feature}: nicer receipts", files),
        lambda n, at, c: _trace(n, at, (("views.py", 1, "<module>"), (f"{n.feature}.py", 1, "<module>")), last),
        REFUSED,
    )


def requirement_bumped(n: Names, c: random.Random) -> Story:
    installed = f"/srv/venv/lib/python3.11/site-packages/{n.module}/__init__.py"
    last = f"ImportError: cannot import name 'Client' from '{n.module}' ({installed})"
    return Story(
        "requirement bumped",
        ("commit", "renew dependencies", {"requirements.txt": f"${n.module}==9.0.1\n"}),
        lambda n, at, c: _trace(n, at, (("payments.py", 1, "<module>"),), last),
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
    return Story(
        "code bug",
        ("commit", f"{n.feature}: round amounts", files),
        lambda n, at, c: _trace(n, at, (("views.py", 8, "answer"), (f"{n.feature}.py", 6, "rounded")), kind),
        None,
    )


def missing_setting(n: Names, c: random.Random) -> Story:
    files = {f"{n.package}/settings.py": f"$\nEXTRA = os.environ['{n.setting}']\n"}
    return Story(
        "missing setting",
        ("commit", "take it from the environment", files),
        lambda n, at, c: _trace(n, at, (("settings.py", 7, "<module>"),), f"KeyError: '{n.setting}'"),
        REFUSED,
    )


def small_pool(n: Names, c: random.Random) -> Story:
    def app(n: Names, at: datetime, c: random.Random) -> list[str]:
        return _trace(
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
        lambda n, at, c: _trace(n, at, (("views.py", 8, "answer"), ("orders.py", 2, "total")), last),
        None,
    )


def cache_moved(n: Names, c: random.Random) -> Story:
    files = {f"{n.package}/settings.py": "$\nCACHE = 'redis://cache-9.internal:6380/0'\n"}
    last = "redis.exceptions.ConnectionError: Error 111 connecting to cache-9.internal:6380. Connection refused."
    return Story(
        "cache moved",
        ("commit", "the cache has a new home", files),
        lambda n, at, c: _trace(n, at, (("views.py", 8, "answer"),), last),
        None,
    )


def short_timeout(n: Names, c: random.Random) -> Story:
    def app(n: Names, at: datetime, c: random.Random) -> list[str]:
        pid = c.randint(900, 4000)
        return [
            _error(at, f"WORKER TIMEOUT (pid:{pid})", "CRITICAL", 811),
            _error(at, f"Worker exiting (pid: {pid})", "INFO", pid),
        ]

    files = {"gunicorn.conf.py": f"bind = '127.0.0.1:{n.port}'\ntimeout = 1\nworkers = 4\n"}
    return Story("short timeout", ("commit", "gunicorn: shorter timeout", files), app, CLOSED)


def dropped_column(n: Names, c: random.Random) -> Story:
    files = {f"migrations/00{c.randint(11, 80)}_clean_up.sql": f"ALTER TABLE orders DROP COLUMN {n.column};\n"}
    last = f"psycopg2.errors.UndefinedColumn: column orders.{n.column} does not exist"
    return Story(
        "dropped column",
        ("commit", "orders: clean up", files),
        lambda n, at, c: _trace(n, at, (("views.py", 8, "answer"), ("orders.py", 2, "total")), last),
        None,
    )


def template_renamed(n: Names, c: random.Random) -> Story:
    name = f"{n.feature}_summary.html"
    files = {f"{n.package}/views.py": f"$\nPAGE = '{n.feature}_summary_v2.html'\n"}
    return Story(
        "template renamed",
        ("commit", "pages: second version", files),
        lambda n, at, c: _trace(
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
        lambda n, at, c: [_error(at, f"Connection in use: ('127.0.0.1', {n.port})")],
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
        lambda n, at, c: _trace(n, at, (("views.py", 9, "answer"), (f"new_{n.feature}.py", 2, "run")), "NotImplementedError"),
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
        lambda n, at, c: _trace(n, at, (("views.py", 8, "answer"), ("payments.py", 3, "sign")), last),
        None,
    )


def driver_upgraded(n: Names, c: random.Random) -> Story:
    def app(n: Names, at: datetime, c: random.Random) -> list[str]:
        return _trace(
            n,
            at,
            (("views.py", 8, "answer"), ("orders.py", 2, "total")),
            'psycopg2.ProgrammingError: invalid dsn: invalid connection option "options_" (psycopg2 2.9.10)',
        )

    return Story("driver upgraded", ("upgrade", "python3-psycopg2", "2.9.5-1", "2.9.10-1"), app, None)


def library_upgraded(n: Names, c: random.Random) -> Story:
    def app(n: Names, at: datetime, c: random.Random) -> list[str]:
        return _trace(
            n,
            at,
            (("views.py", 8, "answer"), ("payments.py", 3, "sign")),
            "OSError: libxmlsec1.so.1: cannot open shared object file: No such file or directory",
        )

    return Story("library upgraded", ("upgrade", "libxmlsec1", "1.2.37-2", "1.3.2-1"), app, None)


GUILTY: list[Told] = [
    missing_module, requirement_bumped, wrong_port, code_bug, missing_setting, small_pool, wrong_host, cache_moved,
    short_timeout,
    dropped_column, template_renamed, rate_limit, port_taken, new_path, bad_nginx_edit, locked_folder, driver_upgraded,
    library_upgraded,
]  # fmt: skip


# --- no change did it -----------------------------------------------------------------------------------------------


def traffic(n: Names, c: random.Random) -> Story:
    def nginx(n: Names, at: datetime, c: random.Random) -> list[str]:
        return [
            f"{at:%Y/%m/%d %H:%M:%S} [alert] 902#902: *{c.randint(1, 9999)} 768 worker_connections are not enough "
            'while connecting to upstream, client: 10.0.3.9, server: app.example, request: "GET / HTTP/1.1", '
            f'upstream: "http://127.0.0.1:{n.port}/", host: "app.example"',
            *TIMED_OUT(n, at, c),
        ]

    return Story("traffic spike", (), None, nginx)


def certificate(n: Names, c: random.Random) -> Story:
    last = (
        "requests.exceptions.SSLError: HTTPSConnectionPool(host='ledger.partner.example', port=443): Max retries exceeded "
        "(Caused by SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "
        "certificate has expired')))"
    )
    return Story(
        "expired certificate",
        (),
        lambda n, at, c: _trace(n, at, (("views.py", 8, "answer"), ("payments.py", 2, "post")), last),
        None,
    )


def vendor(n: Names, c: random.Random) -> Story:
    last = c.choice((
        "requests.exceptions.ConnectTimeout: HTTPSConnectionPool(host='api.vendor.example', port=443): Max retries exceeded "
        "with url: /v2/charge (Caused by ConnectTimeoutError)",
        "requests.exceptions.HTTPError: 503 Server Error: Service Unavailable for url: https://api.vendor.example/v2/charge",
    ))  # fmt: skip
    return Story(
        "upstream vendor",
        (),
        lambda n, at, c: _trace(n, at, (("views.py", 8, "answer"), ("payments.py", 2, "post")), last),
        TIMED_OUT,
    )


def database_down(n: Names, c: random.Random) -> Story:
    last = f'psycopg2.OperationalError: connection to server at "{n.host}" (10.0.8.4), port 5432 failed: Connection refused'
    return Story(
        "database down", (), lambda n, at, c: _trace(n, at, (("views.py", 8, "answer"), ("orders.py", 2, "total")), last), None
    )


def disk_full(n: Names, c: random.Random) -> Story:
    return Story(
        "disk filled up",
        (),
        lambda n, at, c: _trace(
            n,
            at,
            (("views.py", 8, "answer"), ("orders.py", 2, "total")),
            "OSError: [Errno 28] No space left on device: '/srv/data/exports/nightly.csv'",
        ),
        None,
    )


def memory(n: Names, c: random.Random) -> Story:
    return Story(
        "memory ran out",
        (),
        lambda n, at, c: [_error(at, f"Worker (pid:{c.randint(900, 9999)}) was sent SIGKILL! Perhaps out of memory?")],
        CLOSED,
    )


def dns(n: Names, c: random.Random) -> Story:
    last = f"socket.gaierror: [Errno -3] Temporary failure in name resolution while resolving {n.host}"
    return Story(
        "resolver down", (), lambda n, at, c: _trace(n, at, (("views.py", 8, "answer"), ("orders.py", 2, "total")), last), None
    )


INNOCENT: list[Told] = [traffic, certificate, vendor, database_down, disk_full, memory, dns]


# --- what else happens ----------------------------------------------------------------------------------------------


def _noise(*change: Any) -> Told:
    return lambda n, c: Story("noise", change)


def _grown(subject: str, file: str, text: str) -> Told:
    """A commit of a file in the application's package that nothing else has to do with."""
    return lambda n, c: Story("noise", ("commit", subject, {f"{n.package}/{file}": text}))


NOISE: list[Told] = [
    _noise("commit", "README: how to deploy", {"README.md": "$\nDeploy with git pull.\n"}),
    _noise("commit", "tests: totals", {"tests/test_orders.py": "$\ndef test_empty(): ...\n"}),
    _noise("commit", "style: softer shadows", {"static/app.css": ".card { box-shadow: 0 1px 2px #0003 }\n"}),
    _grown("keep pages longer", "cache.py", "PAGE_SECONDS = 120\n"),
    _grown("mail: wording of the welcome", "mail.py", "WELCOME = 'Good to see you'\n"),
    _grown("admin: list the newest first", "admin.py", "import json\n\nORDER = '-created'\n"),
    _grown("reports: count per week", "reports.py", "from datetime import date\n\n\ndef weeks():\n    return date.today()\n"),
    _grown("log a line per order", "audit.py", "import logging\n\nlog = logging.getLogger('audit')\n"),
    # these lie in the path of the failing request, and are innocent all the same
    _grown("orders: say what total means", "orders.py", "^# the sum of what was ordered\n"),
    _grown("payments: reuse connections", "payments.py", "$\nSESSION = requests.Session()\n"),
    _grown("views: sort imports", "views.py", "^# views\n"),
    lambda n, c: Story("noise", ("commit", "see the handbook", {f"{n.package}/{n.feature}.py": "^# see the handbook\n"})),
    _grown("settings: explain the pool", "settings.py", "$# pool: see the wiki\n"),
    _noise("commit", "requirements: newer rich", {"requirements.txt": "$rich==13.9\n"}),
    _noise("commit", "nginx: compress answers", {"deploy/nginx.conf": "^gzip on;\n"}),
    _noise("upgrade", "tzdata", "2026a-0", "2026b-0"), _noise("upgrade", "curl", "8.5.0-2", "8.5.0-3"),
    _noise("upgrade", "libc6", "2.39-0", "2.39-1"), _noise("upgrade", "vim-common", "9.1.1", "9.1.2"),
    _noise("upgrade", "python3-idna", "3.6-2", "3.6-3"), _noise("upgrade", "openssl", "3.0.13-0", "3.0.13-1"),
    _noise("edit", "/etc/motd", "Welcome\n"), _noise("edit", "/etc/cron.d/backup", "5 3 * * * root /usr/local/bin/backup\n"),
    _noise("edit", "/etc/ssh/sshd_config.d/10-keys.conf", "PasswordAuthentication no\n"),
    _noise("edit", "/etc/logrotate.d/app", "/var/log/app/*.log { weekly }\n"), _noise("rights", "/etc/sudoers.d/ops"),
]  # fmt: skip
