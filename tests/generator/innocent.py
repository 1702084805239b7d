"""What makes a small web service fail although no change did it."""

import random
from datetime import datetime

from tests.generator.stories import CLOSED, TIMED_OUT, Names, Story, Told, error, trace


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
        lambda n, at, c: trace(n, at, (("views.py", 8, "answer"), ("payments.py", 2, "post")), last),
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
        lambda n, at, c: trace(n, at, (("views.py", 8, "answer"), ("payments.py", 2, "post")), last),
        TIMED_OUT,
    )


def database_down(n: Names, c: random.Random) -> Story:
    last = f'psycopg2.OperationalError: connection to server at "{n.host}" (10.0.8.4), port 5432 failed: Connection refused'
    return Story(
        "database down", (), lambda n, at, c: trace(n, at, (("views.py", 8, "answer"), ("orders.py", 2, "total")), last), None
    )


def disk_full(n: Names, c: random.Random) -> Story:
    return Story(
        "disk filled up",
        (),
        lambda n, at, c: trace(
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
        lambda n, at, c: [error(at, f"Worker (pid:{c.randint(900, 9999)}) was sent SIGKILL! Perhaps out of memory?")],
        CLOSED,
    )


def dns(n: Names, c: random.Random) -> Story:
    last = f"socket.gaierror: [Errno -3] Temporary failure in name resolution while resolving {n.host}"
    return Story(
        "resolver down", (), lambda n, at, c: trace(n, at, (("views.py", 8, "answer"), ("orders.py", 2, "total")), last), None
    )


INNOCENT: list[Told] = [traffic, certificate, vendor, database_down, disk_full, memory, dns]
