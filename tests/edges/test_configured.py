"""Sources that read what is written down: HAProxy, compose files, the environment of units, application settings."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.core.calls import Completed
from mcp_server.core.errors import CouldNotLook
from mcp_server.engine.session import Session
from mcp_server.logs.addresses import addresses_in
from mcp_server.logs.compose_file import compose_services
from tests.changes.world import World, spots
from tests.edges.telling import pairs, tell

HAPROXY = """global
  maxconn 100
defaults
  timeout server 30s
frontend web
  bind *:443 ssl crt /etc/x.pem
  bind 10.0.0.5:8443
  default_backend app
backend app
  server a 127.0.0.1:8000 check
  server b app2.internal:8000
backend slow
  timeout server 5m
  server s /run/slow.sock
listen plain
  bind :5000
  server p db.internal
  server q $SOMEWHERE:90
"""


def test_haproxy_hands_its_ports_on_with_the_time_it_waits(session: Session, world: World) -> None:
    world.file("/etc/haproxy/haproxy.cfg", HAPROXY)
    edges, coverage = tell(session, world, "haproxy")
    web = "service:haproxy web"
    assert {
        (web, "listens", "port:443"), (web, "listens", "port:8443"), (web, "proxies", "port:8000"),
        ("port:443", "proxies", "external:app2.internal:8000"),
        ("service:haproxy plain", "proxies", "external:db.internal:5000"),
    } <= pairs(edges)  # fmt: skip
    assert not any(edge.dependency.key == "file:/run/slow.sock" for edge in edges), "no frontend leads there"
    assert {edge.timeout_ms for edge in edges if edge.relation == "proxies"} == {30_000}
    assert "server $SOMEWHERE:90" in spots(coverage) or any("somewhere" in edge.dependency.name for edge in edges)


def test_haproxy_absent_is_empty_and_unreadable_is_blind(session: Session, world: World) -> None:
    edges, coverage = tell(session, world, "haproxy")
    assert not edges
    assert coverage.empty
    assert not coverage.blind
    path = "/etc/haproxy/haproxy.cfg"
    world.refuse[path] = CouldNotLook(path, "denied", "permission denied", "run as root")
    _, coverage = tell(session, world, "haproxy")
    assert path in spots(coverage)


COMPOSE = """
services:
  web:
    image: shop
    depends_on: {db: {condition: service_healthy}}
    ports: ["8080:80", "127.0.0.1:9090:90/tcp", "${PORT}:1"]
    environment:
      DATABASE_URL: postgres://shop:s3cr3t-value@db:5432/shop
      PAYMENT_URL: https://pay.example/v1
      PAYMENT_TIMEOUT: 5
      OTHER: nothing
    env_file: [.env]
    volumes: ["data:/data", "./code:/code"]
  worker:
    depends_on: [web, cache]
    network_mode: "service:web"
    volumes: [{type: volume, source: data, target: /data}]
  db: {image: postgres}
  cache: {image: redis}
"""


def test_compose_services_stand_on_each_other_and_on_what_their_environment_names(session: Session, world: World) -> None:
    world.file("/srv/shop/compose.yaml", COMPOSE)
    world.file("/srv/shop/.env", "CACHE_URL=redis://cache:6379/0\nMAIL_HOST=smtp.example.org\nMAIL_PORT=587\n")
    edges, coverage = tell(session, world, "compose", shop={"root": "/srv/shop"})
    web, worker = "service:shop/web", "service:shop/worker"
    assert {
        (web, "wants", "service:shop/db"), (web, "configured", "service:shop/db"), ("port:8080", "listens", web),
        ("port:9090", "listens", web), (web, "configured", "external:pay.example:443"), (worker, "wants", web),
        (worker, "wants", "service:shop/cache"), (web, "configured", "service:shop/cache"),
        (web, "configured", "external:smtp.example.org:587"), (web, "attached", "volume:shop_data"),
        (worker, "attached", "volume:shop_data"),
    } <= pairs(edges)  # fmt: skip
    assert {edge.timeout_ms for edge in edges if edge.dependency.key == "external:pay.example:443"} == {5_000}
    assert "web in /srv/shop/compose.yaml" in spots(coverage), "a port that holds a variable"
    assert not any("s3cr3t" in edge.model_dump_json() for edge in edges)


@pytest.mark.parametrize("text", ["services: [", "- 1\n", "a: b\n", "x: &a [*a]\nservices: 3\n"])
def test_a_damaged_compose_file_is_a_blind_spot(session: Session, world: World, text: str) -> None:
    world.file("/srv/shop/docker-compose.yml", text)
    edges, coverage = tell(session, world, "compose", shop={"root": "/srv/shop"})
    assert not edges
    assert "/srv/shop/docker-compose.yml (damaged" in spots(coverage)


_YAML: Any = st.recursive(
    st.none() | st.booleans() | st.integers(0, 99) | st.text("a:/$.8=", max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(("a", "source", "published")), inner, max_size=3)
    ),
    max_leaves=8,
)
_KEYS = ("depends_on", "ports", "environment", "env_file", "volumes", "links", "networks", "network_mode")


@given(st.dictionaries(st.sampled_from(_KEYS), _YAML))
def test_any_form_of_a_service_is_survived(body: dict[str, Any]) -> None:
    import yaml

    assert compose_services(yaml.safe_dump({"services": {"a": body}}))[0].name == "a"


def test_aliases_that_multiply_are_harmless() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{number}: &a{number} [*a{number - 1}, *a{number - 1}]" for number in range(1, 40)]
    text = "\n".join([*lines, "services:", "  web:", "    depends_on: *a39", "    environment: *a39"])
    assert compose_services(text)[0].needs == ()


def test_the_environment_of_units(session: Session, world: World) -> None:
    (world.root / "run" / "systemd" / "system").mkdir(parents=True)
    world.file("/etc/default/shop", "BROKER_URL=amqp://u:‹secret:1›@mq.internal\nBROKER_TIMEOUT_MS=2500\n")
    out = (
        "Environment=DB_HOST=db.internal DB_PORT=5432 DEBUG=1\n"
        "EnvironmentFiles=/etc/default/shop (ignore_errors=yes)\nEnvironmentFiles=/etc/missing (ignore_errors=no)\n"
    )
    world.answers["command"] = Completed(exit=0, out=out)
    edges, coverage = tell(session, world, "environment", shop={"unit": "shop"})
    unit = "unit:shop.service"
    expected = {(unit, "configured", "external:db.internal:5432"), (unit, "configured", "external:mq.internal:5672")}
    assert expected <= pairs(edges)
    assert {edge.timeout_ms for edge in edges if "mq" in edge.dependency.name} == {2_500}
    assert "/etc/missing" in spots(coverage)


def test_no_unit_and_no_systemd_are_said(session: Session, world: World) -> None:
    _, coverage = tell(session, world, "environment", shop={})
    assert "no declared service has a unit" in coverage.empty[0]
    _, coverage = tell(session, world, "environment", shop={"unit": "shop"})
    assert "systemd does not run here" in coverage.empty[0]


def test_addresses_in_application_settings_and_the_time_a_client_waits() -> None:
    text = (
        "DATABASES = {\n  'default': {\n    'NAME': 'shop',\n    'HOST': 'db.internal',\n    'PORT': '5432',\n  }\n}\n"
        "STOCK_URL = 'http://stock.internal:8080/api'\nSTOCK_TIMEOUT = 2.5\nMAIL_TIMEOUT_MS=900\nHOST = 'nobody'\n"
    )
    told = {found.thing.key: (found.line, found.wait_ms) for found in addresses_in(text)}
    assert told == {"external:db.internal:5432": (4, None), "external:stock.internal:8080": (8, 2_500)}


def test_settings_of_an_application_are_read_and_other_code_is_not(session: Session, world: World) -> None:
    world.file("/srv/shop/shop/settings.py", "STOCK_URL = 'http://stock.internal:8080/api'\nSTOCK_TIMEOUT = 3\n")
    world.file("/srv/shop/shop/views.py", "URL = 'http://other.internal:8080/api'\n")
    edges, _ = tell(session, world, "configuration", shop={"root": "/srv/shop"})
    assert pairs(edges) == {("service:shop", "configured", "external:stock.internal:8080")}
    assert edges[0].timeout_ms == 3_000


def test_a_services_file_declares_dependencies_and_how_long_each_waits(session: Session, world: World) -> None:
    world.file(
        "/srv/shop/services.yaml",
        "services:\n  checkout:\n    depends_on: [cart, 'db.internal:5432', 'unit:redis.service', 7, '']\n"
        "    timeout_s: {cart: 2}\n  cart: [shop]\n  mail: {depends_on: cart, timeout_s: 5}\n",
    )
    edges, coverage = tell(session, world, "services_file", shop={"root": "/srv/shop"})
    told = {(edge.dependent.name, edge.dependency.key): edge.timeout_ms for edge in edges}
    assert told == {
        ("checkout", "service:cart"): 2_000, ("checkout", "external:db.internal:5432"): None,
        ("checkout", "unit:redis.service"): None, ("cart", "service:shop"): None, ("mail", "service:cart"): 5_000,
    }  # fmt: skip
    assert spots(coverage).count("it names no component") == 2


@pytest.mark.parametrize("text", ["services: 3", "a: [", "services:\n- x\n"])
def test_a_damaged_services_file_is_a_blind_spot(session: Session, world: World, text: str) -> None:
    world.file("/srv/shop/services.yml", text)
    edges, coverage = tell(session, world, "services_file", shop={"root": "/srv/shop"})
    assert not edges
    assert "/srv/shop/services.yml (damaged" in spots(coverage)
    assert "none beside" in tell(session, world, "services_file", shop={})[1].empty[0]
