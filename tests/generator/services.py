"""Incidents whose logs nginx and gunicorn wrote themselves: a real service on loopback breaks, and its folder becomes a host.

Git history, deployments and every line of the logs are the programs' own, with their own times; around them the host has real
packages and edits in /etc that are innocent. Like the rest of the generator it does not know how changes are ranked.
"""

import os
import random
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mcp_server.core.clock import now
from scripts.demo import breaks, shop
from scripts.demo.world import World
from tests.certificates import issue
from tests.generator.incidents import Folder, Maker
from tests.generator.noise import NOISE
from tests.generator.packages import PROGRAMS

NEEDED = ("git", "nginx", *PROGRAMS)
LIFE = timedelta(seconds=12)
"""Enough for a service to start on a busy machine and be seen well before its certificate runs out."""


class Watched(World):
    """The service, and when its users first met a failure."""

    failed: datetime | None = None

    def get(self, path: str = "/", timeout: float = 5.0) -> int | None:
        """One request. Asked for a page that exists, anything but 200 is a failure."""
        status = super().get(path, timeout)
        if path == "/" and status != 200:
            self.failed = self.failed or now()
        return status

    def healthy(self) -> None:
        """Build, start, serve."""
        self.build()
        self.start()
        self.traffic(20)
        self.plant_instruction()
        self.failed = None


class WithCertificate(Watched):
    """nginx speaks TLS to gunicorn and checks the certificate, which was put there weeks ago and soon runs out."""

    def _make_history(self) -> None:
        super()._make_history()
        tls = self.folder / "tls"
        self._commit(self.root, shop.Step(30, "Ines Karlsson", "deploy: encrypt between nginx and gunicorn", shop.both(
            shop.change("deploy/nginx.conf", "proxy_pass http://shop;",
                        "proxy_pass https://shop;\n            proxy_ssl_verify on;\n"
                        "            proxy_ssl_name shop.example;\n            proxy_ssl_session_reuse off;\n"
                        f"            proxy_ssl_trusted_certificate {tls}/shop.pem;"),
            shop.change("gunicorn.conf.py", "workers = 2\n",
                        f'workers = 2\ncertfile = "{tls}/shop.pem"\nkeyfile = "{tls}/shop.key"\n'))))  # fmt: skip
        self.git(self.developer, "pull", "--quiet", "--ff-only", str(self.root), "main")

    def start(self) -> None:
        """Start with a certificate issued at the last moment, so that it is valid for a while."""
        tls, today = self.folder / "tls", datetime.now(UTC)
        tls.mkdir()
        for name, text in zip(("shop.pem", "shop.key"), issue("shop.example", today - timedelta(days=90), today + LIFE,
                                                              authority=True), strict=True):  # fmt: skip
            (tls / name).write_bytes(text)
            month_ago = time.time() - 29 * 86400
            os.utime(tls / name, (month_ago, month_ago))
        super().start()


def certificate_expired(world: World) -> None:
    """Two harmless commits are deployed; then the certificate's last second passes."""
    world.deploy(shop.COMPRESS, shop.CACHE)
    world.reload_nginx()
    world.wait(lambda: world.traffic(3) == {502: 3}, "the certificate has run out", 30)


KINDS: dict[str, Callable[[World], str | None]] = {
    "missing module": breaks.missing_module,
    "wrong upstream port": breaks.wrong_upstream_port,
    "upstream hangs": breaks.upstream_hangs,
    "port taken": breaks.port_taken,
    "configuration rejected": breaks.nginx_syntax_error,
    "certificate expired": certificate_expired,
}
"""What breaks, and the change that broke it: a commit, a file, or none."""
GUILTY = tuple(kind for kind in KINDS if kind != "certificate expired")


def make_real(root: Path, seed: str, kind: str) -> Folder:
    """The incident of this kind, below `root`. Needs `NEEDED`; raises TimeoutError when the service does not get that far."""
    chance = random.Random(f"{seed}-{kind}")
    root.mkdir(parents=True)
    with (WithCertificate if kind == "certificate expired" else Watched)() as service:
        service.healthy()
        trigger = KINDS[kind](service)
        service.traffic(4)
        logs = {str(path): path.read_bytes() for path in (service.log / "nginx-error.log", service.log / "gunicorn.log")}
        maker = Maker(root, chance)  # now somebody asks
        service.keep = True  # from here on the folder is the host's
    there = root / str(service.folder).lstrip("/")  # the logs speak of paths where it was
    there.parent.mkdir(parents=True)
    shutil.move(service.folder, there)
    for path, text in logs.items():
        maker.world.file(path, text)  # without what was written while the service was taken down
    maker.onset = service.failed or maker.world.moment
    maker.machine()
    maker.innocents([told for told in NOISE if told(maker.names, chance).change[0] != "commit"])
    maker.play()
    guilty = None
    if trigger:
        guilty = ("files", trigger) if trigger.startswith("/") else ("git", trigger[:12])
    return Folder(maker.world, maker.onset, kind, guilty, tuple(logs), len(maker.events) + 1, root=str(service.root))
