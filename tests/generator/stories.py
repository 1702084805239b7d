"""What a story of an incident is: a change, and the lines it leaves in the logs of a small web service."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
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
    checkout: Path | None = None
    """Where the application lies, once it is there: traces name the lines of its files as they stand."""

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


def line_of(n: Names, name: str, text: str, else_: int) -> int:
    """The line of the application's file that begins so, as the file stands when it fails."""
    path = n.checkout / n.package / name if n.checkout else None
    if path is None or not path.exists():
        return else_
    found = [number for number, line in enumerate(path.read_text().splitlines(), 1) if line.strip().startswith(text)]
    return found[0] if found else else_


@dataclass
class Story:
    """`change` is what happened: a verb of the maker with its arguments; empty when nothing did."""

    name: str
    change: tuple[Any, ...] = ()
    app: Lines | None = None
    nginx: Lines | None = None


Told = Callable[[Names, random.Random], Story]


def error(at: datetime, text: str, level: str = "ERROR", pid: int = 4211) -> str:
    """A line of gunicorn's error log."""
    return f"[{at:%Y-%m-%d %H:%M:%S} +0000] [{pid}] [{level}] {text}"


def trace(n: Names, at: datetime, files: tuple[tuple[str, int, str], ...], last: str) -> list[str]:
    """A Python trace as gunicorn's error log has it."""
    site = "/srv/venv/lib/python3.11/site-packages/gunicorn/workers/sync.py"
    lines = [error(at, f"Error handling request /{n.feature}"), "Traceback (most recent call last):"]
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
