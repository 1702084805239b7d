"""Each source of edges: what it sees, and what it says when it could not look."""

from pathlib import Path
from typing import Any

import pytest

from mcp_server import edges as edges_room
from mcp_server.core.calls import Completed, Process, Processes, Socket, Sockets
from mcp_server.core.errors import CouldNotLook
from mcp_server.edges.names import servers, written
from mcp_server.edges.systemd import edges_in
from mcp_server.engine.catalog import load_catalog
from mcp_server.engine.session import Session
from mcp_server.logs.addresses import addresses
from tests.changes.world import World, spots
from tests.edges.telling import pairs, process, tell

INIT = process(1, 0, "init")
GUNICORN = ("/venv/bin/python3.11", "-m", "gunicorn", "shop.wsgi:app")


def tcp(address: str, *, remote: str | None = None, pid: int | None = None, state: str = "LISTEN") -> Socket:
    return Socket(
        family="tcp", address=address, port=int(address.rpartition(":")[2]), remote=remote, pid=pid, state=state
    )  # fmt: skip


def test_the_rooms_files_are_the_sources() -> None:
    files = {path.stem for path in Path(edges_room.__path__[0]).glob("*.py")} - {"__init__"}
    assert set(load_catalog().edges) == files
    assert {"compose", "configuration", "declared", "environment", "haproxy", "names", "nginx", "sockets", "systemd"} <= files


def test_sockets_name_the_master_the_unit_and_the_far_end(session: Session, world: World) -> None:
    world.answers["processes"] = Processes(
        processes=(INIT, process(7, 1, *GUNICORN, unit="shop.service"), process(8, 7, *GUNICORN, unit="shop.service"))
    )
    world.answers["sockets"] = Sockets(
        sockets=(
            tcp("0.0.0.0:8000", pid=8),
            tcp("10.0.0.5:40001", remote="10.0.0.9:5432", pid=8, state="ESTABLISHED"),
            tcp("10.0.0.5:40002", remote="10.0.0.9:5432", pid=7, state="ESTABLISHED"),
            tcp("10.0.0.5:8000", remote="10.0.0.77:55555", pid=8, state="ESTABLISHED"),  # somebody calls us
            Socket(family="unix", address="/run/shop.sock", state="LISTEN", pid=7),
        )
    )
    edges, coverage = tell(session, world, "sockets")
    assert pairs(edges) == {
        ("port:8000", "listens", "process:gunicorn[7]"), ("file:/run/shop.sock", "listens", "process:gunicorn[7]"),
        ("process:gunicorn[7]", "connects", "external:10.0.0.9:5432"), ("unit:shop.service", "runs", "process:gunicorn[7]"),
        ("process:gunicorn[7]", "managed", "unit:shop.service"),
    }  # fmt: skip
    assert next(edge.count for edge in edges if edge.relation == "connects") == 2
    assert not coverage.blind


def test_a_connection_to_an_own_address_is_a_connection_to_an_own_port(session: Session, world: World) -> None:
    world.answers["processes"] = Processes(processes=(INIT, process(7, 1, "nginx"), process(9, 1, "redis-server")))
    world.answers["sockets"] = Sockets(
        sockets=(
            tcp("10.0.0.5:6379", pid=9), tcp("10.0.0.5:40001", remote="10.0.0.5:6379", pid=7, state="ESTABLISHED"),
            tcp("10.0.0.5:6379", remote="10.0.0.5:40001", pid=9, state="ESTABLISHED"),
        )
    )  # fmt: skip
    assert pairs(tell(session, world, "sockets")[0]) == {
        ("port:6379", "listens", "process:redis-server[9]"), ("process:nginx[7]", "connects", "port:6379"),
    }  # fmt: skip


def test_a_port_whose_owner_is_hidden_is_served_and_the_owner_a_blind_spot(session: Session, world: World) -> None:
    world.answers["sockets"] = Sockets(
        sockets=(tcp("0.0.0.0:80"), tcp("10.0.0.5:4", remote="10.0.0.9:9", state="ESTABLISHED")), owners_hidden=True
    )
    edges, coverage = tell(session, world, "sockets")
    assert pairs(edges) == {("port:80", "listens", "process:unseen owner of port:80")}
    assert "owners of some sockets" in spots(coverage)
    assert "callers of 1 open connection" in spots(coverage)


def test_nginx_sites_stand_on_ports_and_upstreams_with_the_time_they_wait(session: Session, world: World) -> None:
    world.file(
        "/srv/nginx.conf",
        "events {}\nhttp {\n proxy_read_timeout 90s;\n upstream app { server 127.0.0.1:8000; server 10.0.0.9:8000; }\n"
        " server { listen 80; server_name shop.example;\n  location / { proxy_pass http://app; }\n"
        "  location /slow { proxy_pass http://unix:/run/slow.sock; proxy_read_timeout 5m; }\n"
        "  location /var { proxy_pass http://$where; } }\n}\n",
    )
    world.answers["which"] = CouldNotLook("program nginx", "failed")
    world.answers["processes"] = Processes(processes=(INIT, process(5, 1, "nginx"), process(6, 5, "nginx")))
    world.answers["sockets"] = Sockets(sockets=(tcp("0.0.0.0:80", pid=6),))
    edges, coverage = tell(session, world, "nginx", shop={"nginx": "/srv/nginx.conf"})
    site = "service:site shop.example"
    assert {
        (site, "listens", "port:80"), (site, "proxies", "port:8000"), (site, "proxies", "external:10.0.0.9:8000"),
        ("port:80", "proxies", "port:8000"), ("process:nginx[5]", "proxies", "file:/run/slow.sock"),
    } <= pairs(edges)  # fmt: skip
    waits = {edge.dependency.key: edge.timeout_ms for edge in edges if edge.relation == "proxies"}
    assert waits == {"port:8000": 90_000, "external:10.0.0.9:8000": 90_000, "file:/run/slow.sock": 300_000}
    assert "http://$where" in spots(coverage)


def test_an_nginx_configuration_that_cannot_be_read_is_a_blind_spot(session: Session, world: World) -> None:
    world.refuse["/srv/nginx.conf"] = CouldNotLook("/srv/nginx.conf", "denied", "permission denied", "run as root")
    edges, coverage = tell(session, world, "nginx", shop={"nginx": "/srv/nginx.conf"})
    assert not edges
    assert "nginx configuration /srv/nginx.conf (denied" in spots(coverage)


SHOW = """Id=shop.service
Requires=postgresql.service system.slice
Wants=redis.service network-online.target
After=redis.service postgresql.service nscd.service sysinit.target

Id=postgresql.service
Requires=-.mount
After=system.slice

Id=ghost.target
Requires=shop.service
"""


def test_units_need_units_and_targets_are_left_out(session: Session, world: World) -> None:
    (world.root / "run" / "systemd" / "system").mkdir(parents=True)
    world.answers["command"] = Completed(exit=0, out=SHOW)
    edges, coverage = tell(session, world, "systemd")
    assert pairs(edges) == {
        ("unit:shop.service", "requires", "unit:postgresql.service"), ("unit:shop.service", "wants", "unit:redis.service"),
        ("unit:shop.service", "orders", "unit:nscd.service"), ("unit:postgresql.service", "requires", "unit:-.mount"),
    }  # fmt: skip
    assert not coverage.blind


def test_systemd_that_is_not_there_is_not_the_same_as_one_that_cannot_be_asked(session: Session, world: World) -> None:
    edges, coverage = tell(session, world, "systemd")
    assert not edges
    assert "systemd does not run here" in coverage.empty[0]
    assert not coverage.blind
    (world.root / "run" / "systemd" / "system").mkdir(parents=True)
    world.answers["command"] = Completed(exit=1, err="Failed to connect to bus: Permission denied")
    edges, coverage = tell(session, world, "systemd")
    assert not edges
    assert "Failed to connect to bus" in spots(coverage)
    assert list(edges_in("", "E1")) == []


ENV = """# REDIS_URL=redis://old-cache:6379/0
DATABASE_URL=postgresql+psycopg://shop:‹secret:299c01›@db.internal:5432/shop
CACHE=redis://localhost/0
LISTEN=0.0.0.0:8000
bind = "127.0.0.1:8001"
MAIL_HOST=smtp.example.org
MAIL_PORT=587
BROKER_ADDR=mq.internal:5672
at="10:31:07" src="shop.views:12"
peer: 10.0.0.9:9000
DOCS=see http://
"""


def test_addresses_in_a_file_are_callees_and_never_what_it_listens_on_itself() -> None:
    assert [(item.key, line) for item, line in addresses(ENV)] == [
        ("external:db.internal:5432", 2), ("port:6379", 3), ("external:mq.internal:5672", 8), ("external:10.0.0.9:9000", 10),
        ("external:smtp.example.org:587", 6),
    ]  # fmt: skip


def test_configuration_of_a_declared_service_without_its_secrets(session: Session, world: World) -> None:
    world.file("/srv/shop/.env", "DATABASE_URL=postgresql://shop:hunter2-horse@db.internal:5432/shop\n")
    world.file("/srv/shop/app.py", 'URL = "http://not.config:80"\n')
    edges, coverage = tell(session, world, "configuration", shop={"root": "/srv/shop"})
    assert pairs(edges) == {("service:shop", "configured", "external:db.internal:5432")}
    assert edges[0].detail == "/srv/shop/.env:1"
    assert "hunter2" not in str(edges) + str(coverage)


def test_a_folder_that_is_not_there_and_a_file_that_is_refused_are_blind_spots(session: Session, world: World) -> None:
    world.file("/srv/shop/.env", "A=http://x.example/\n")
    world.refuse["/srv/shop/.env"] = CouldNotLook("/srv/shop/.env", "denied", "permission denied", "run as root")
    edges, coverage = tell(session, world, "configuration", shop={"root": "/srv/shop", "folders": ["/srv/gone"]})
    assert not edges
    assert "/srv/shop/.env (denied" in spots(coverage)
    assert "/srv/gone" in spots(coverage)


def test_too_many_files_are_said(session: Session, world: World) -> None:
    for number in range(65):
        world.file(f"/srv/shop/c{number}.ini", "x=1\n")
    assert "5 of 65 configuration files" in spots(tell(session, world, "configuration", shop={"root": "/srv/shop"})[1])


def test_names_are_read_from_hosts_and_their_servers_from_resolv_conf(session: Session, world: World) -> None:
    world.file("/etc/hosts", "127.0.0.1 localhost\n::1 ip6-loopback\n10.0.0.9 db.internal DB # the database\nnonsense here\n")
    world.file("/etc/resolv.conf", "search example.org\nnameserver 127.0.0.53\nnameserver 10.0.0.2\n")
    edges, coverage = tell(session, world, "names")
    assert pairs(edges) == {
        ("host:db.internal", "resolves", "host:10.0.0.9"), ("host:db", "resolves", "host:10.0.0.9"),
        ("host:name resolution", "resolves", "port:53/udp"), ("host:name resolution", "resolves", "external:10.0.0.2:53"),
    }  # fmt: skip
    assert not coverage.blind
    assert list(written("garbage\n\0\n")) == []
    assert list(servers("nameserver a.b\n" + "nameserver 10.0.0.1\n" * 5)) == ["10.0.0.1"] * 3


def test_a_missing_resolv_conf_is_a_blind_spot_and_hosts_is_still_told(session: Session, world: World) -> None:
    world.file("/etc/hosts", "10.0.0.9 db.internal\n")
    edges, coverage = tell(session, world, "names")
    assert pairs(edges) == {("host:db.internal", "resolves", "host:10.0.0.9")}
    assert "/etc/resolv.conf" in spots(coverage)


def test_what_is_declared_is_an_edge_and_what_names_nothing_is_said(session: Session, world: World) -> None:
    world.answers["processes"] = Processes(processes=(INIT, process(7, 1, *GUNICORN), process(8, 7, *GUNICORN)))
    shop: dict[str, Any] = {
        "port": 8000, "unit": "shop", "url": "https://shop.example/", "process": "gunicorn shop.wsgi",
        "depends_on": ["payments", "db.internal:5432", "unit:redis.service", "8025", "partner-api", "what is this?"],
    }  # fmt: skip
    edges, coverage = tell(session, world, "declared", shop=shop, payments={})
    assert {key for _, _, key in pairs(edges)} == {
        "port:8000", "unit:shop.service", "external:shop.example:443", "process:gunicorn[7]", "service:payments",
        "external:db.internal:5432", "unit:redis.service", "port:8025", "external:partner-api",
    }  # fmt: skip
    assert "services.shop.depends_on `what is this?`" in spots(coverage)


@pytest.mark.parametrize("name", ["sockets", "declared"])
def test_a_look_that_fails_is_a_blind_spot(session: Session, world: World, name: str) -> None:
    world.answers["processes"] = CouldNotLook("processes", "denied", "no /proc", "mount it")
    edges, coverage = tell(session, world, name, shop={"process": "gunicorn"})
    assert "no /proc" in spots(coverage)
    assert all(edge.relation == "declared" for edge in edges)


def test_a_source_with_a_defect_is_a_blind_spot(session: Session, world: World) -> None:
    world.answers["processes"] = Process(pid=1, ppid=0, name="no list at all")
    _, coverage = tell(session, world, "sockets")
    assert "defect in this source of edges" in spots(coverage)
