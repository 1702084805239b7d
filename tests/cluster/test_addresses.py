"""Addresses in settings: what is one, what is none, what is somebody else's."""

import pytest

from mcp_server.cluster.addresses import addresses, asked_hosts, lone_host
from mcp_server.cluster.diagnose import diagnose
from mcp_server.cluster.slim import slim
from tests.cluster.test_causes import told
from tests.cluster.world import World


@pytest.mark.parametrize(("value", "found"), [
    ("db:5432", [("db", 5432)]), ("postgres://u:p@db:5433/shop", [("db", 5433)]), ("a:9092,b:9092", [("a", 9092), ("b", 9092)]),
    ("jdbc:postgresql://db:5433/x?a=b", [("db", 5433)]), ("u:p@tcp(db:3306)/x", [("db", 3306)]), ("10.0.0.1:80", []), ("", []),
    ("http://web/api", [("web", 80)]), ("https://u:p@web.shop", [("web.shop", 443)]), ("--cache=cache:6379", [("cache", 6379)]),
    ("mongodb+srv://x.mongodb.net", []), ("a sentence: with 10:30", []), ("localhost:80", []), ("u:12345@db", []),
])  # fmt: skip
def test_addresses(value: str, found: list[tuple[str, int]]) -> None:
    assert list(addresses(value)) == found


def test_lone_hosts() -> None:
    assert lone_host("MYSQL_HOST", "db") == "db"
    assert (
        lone_host("BIND_HOST", "db")
        == lone_host("HOSTNAME", "db")
        == lone_host("MODE", "db")
        == lone_host("DB_HOST", "0.0.0.0")
        == ""
    )


def test_hosts_that_a_command_asks_for() -> None:
    assert asked_hosts("until nslookup mydb.$(cat /ns).svc.cluster.local; do sleep 2; done") == ["mydb"]
    assert asked_hosts("pg_isready -U x -h db -p 5432") == ["db"]
    assert asked_hosts("curl -sf http://web:80/ready && wget -q cache -O -") == ["web", "cache"]
    assert asked_hosts("echo hello; sleep 5") == []


WELL = (
    {"name": "CACHE_HOST", "value": "cache"}, {"name": "CACHE_HOST", "value": "x.eu-west-1.rds.amazonaws.com"},
    {"name": "SEEDS", "value": "db-0.db:5432,db-0.db.shop.svc.cluster.local:5432"}, {"name": "WEB_URL", "value": "http://web/api"},
    {"name": "BIND_HOST", "value": "api-main"}, {"name": "API_HOST", "value": "shop.test"},
    {"name": "SMTP_HOST", "value": "mailrelay"},
)  # fmt: skip


@pytest.mark.parametrize("env", WELL, ids=lambda env: env["value"])
def test_a_healthy_caller_is_left_alone(env: dict[str, str]) -> None:
    assert told(diagnose(World().change({"spec": {"api": {"containers.0.env.1": env}}}))) == ""


def test_a_configmap_keeps_hosts_and_ports_and_nothing_else() -> None:
    held = {
        "DB_HOST": "db", "DB_PORT": "5432", "DB_PASS": "hunter", "MODE": "hunter", "API_URL": "http://u:hunter@web/",
        "X_URI": "http://web/a",
    }  # fmt: skip
    kept = slim({"kind": "ConfigMap", "metadata": {"name": "c"}, "data": held})["data"]
    assert {key: value for key, value in kept.items() if value} == {"DB_HOST": "db", "DB_PORT": "5432", "X_URI": "http://web/a"}
