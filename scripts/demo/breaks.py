"""Six ways in which the service breaks for real. Each returns, once users see the failure, the change that broke it."""

import subprocess
from collections.abc import Callable
from contextlib import suppress

from scripts.demo import shop
from scripts.demo.world import World, listens


def missing_module(world: World) -> str:
    """A deployed commit imports a package that nobody installed, beside two innocent changes and a new package."""
    world.install("coloredlines", "1.2.0")
    commit = world.deploy(shop.COMPRESS, shop.CACHE, shop.MISSING_MODULE)
    world.end("gunicorn")
    world.start_app()
    world.wait(lambda: world.ended("gunicorn"), "gunicorn gave up")
    _seen(world, 502)
    return commit


def wrong_upstream_port(world: World) -> str:
    """nginx is told to ask a port on which nothing listens."""
    commit = world.deploy(shop.CACHE, shop.wrong_upstream(world.app_port, world.spare_port))
    world.reload_nginx()
    _seen(world, 502)
    return commit


def upstream_hangs(world: World) -> str:
    """Every page waits for a supplier that never answers."""
    commit = world.deploy(shop.COMPRESS, shop.hanging(world.listen_in_silence()))
    world.end("gunicorn")
    world.start_app()
    world.wait(lambda: world.logged("gunicorn.log", "Booting worker"), "gunicorn is back")
    _seen(world, 504)
    world.wait(lambda: world.logged("gunicorn.log", "WORKER TIMEOUT"), "gunicorn lost patience")
    return commit


def port_taken(world: World) -> str:
    """A new program of the service takes the port while gunicorn restarts."""
    commit = world.deploy(shop.CACHE, shop.exporter(world.app_port))
    world.end("gunicorn")
    world.spawn("exporter", [str(world.env / "bin" / "python"), "deploy/exporter.py"])
    world.wait(lambda: listens(world.app_port), "the new program has the port")
    world.start_app()
    world.wait(lambda: world.ended("gunicorn"), "gunicorn gave up")
    _seen(world, 502)
    return commit


def disk_full(world: World) -> str:
    """The folder of orders and visits is full: the service cannot write. Needs a mount, hence root, before `start`."""
    assert world.mounted, "call small_disk before start"
    world.deploy(shop.CACHE)
    export = world.data / "export-customers.csv"
    with suppress(OSError), export.open("wb", buffering=0) as file:
        while True:  # until there is no space left
            file.write(b"0" * 65536)
    _seen(world, 502)  # gunicorn takes the app's OSError for a broken connection and hangs up
    return str(export)


def small_disk(world: World) -> None:
    """Put the service's data on a filesystem of 16 MiB."""
    command = ["mount", "-t", "tmpfs", "-o", "size=16m", "shop-data", str(world.data)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    world.mounted = True


def nginx_syntax_error(world: World) -> str:
    """Somebody edits the configuration on the server by hand, forgets a semicolon, and restarts nginx."""
    text = world.config.read_text(encoding="utf8")
    world.config.write_text(text.replace("proxy_read_timeout 1s;", "proxy_read_timeout 5s"), encoding="utf8")
    world.end("nginx")
    world.start_nginx()
    world.wait(lambda: world.ended("nginx"), "nginx refused to start")
    _seen(world, None)
    return str(world.config)


MISSING = "recotools"
"""What the deployed commit imports and nobody installed."""

SCENARIOS: dict[str, Callable[[World], str]] = {
    function.__name__: function
    for function in (missing_module, wrong_upstream_port, upstream_hangs, port_taken, disk_full, nginx_syntax_error)
}


def _seen(world: World, status: int | None) -> None:
    """Users meet the failure, several times over. Without nginx nothing answers where nginx would have said 502."""
    expected = status if world.nginx else None if status == 502 else status
    world.wait(lambda: world.traffic(4) == {expected: 4}, f"users see {expected}")
