"""A daemon's answers as facts: addresses are found, values never leave, whatever stands in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.targets.docker_facts import addresses, container_of, image_of, usage_of


def found(**environment: str) -> list[str]:
    return [item.address for item in addresses(environment)]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"DATABASE_URL": "postgres://u:p@db:5432/x"}, ["db:5432"]),
        ({"DATABASE_URL": "postgresql+psycopg://u:p@db/x"}, ["db:5432"]),
        ({"JDBC_URL": "jdbc:mysql://db:3306/shop?useSSL=false"}, ["db:3306"]),
        ({"KAFKA_BROKERS": "k1:9092,k2:9092"}, ["k1:9092", "k2:9092"]),
        ({"REDIS_HOST": "cache", "REDIS_PORT": "6379"}, ["cache:6379"]),
        ({"API": "http://api/v1"}, ["api:80"]),
        ({"BASIC_AUTH": "admin:12345"}, []),
        ({"DATABASE_URL": "postgres://u:123/4@db:5432/x"}, []),
        ({"SERVER": "user:12345@host"}, []),
        ({"TIME": "12:30:45", "IMAGE": "shop:1234", "VERSION": "1.2"}, []),
        ({"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}, []),
    ],
)
def test_addresses_in_values(environment: dict[str, str], expected: list[str]) -> None:
    assert found(**environment) == expected


@pytest.mark.parametrize(
    "value",
    [
        "{}",
        "postgres://shop:{}@db:5432/x",
        "host=db password={} user=x",
        '{{"password": "{}"}}',
        "Bearer {}",
        "user:{}@host:80",
    ],
)
def test_no_value_of_the_environment_leaves(value: str) -> None:
    secret = "s3cretPart9fKq2"
    given_values = [f"DB_PASSWORD={value.format(secret)}", "EMPTY=", "ODD"]
    data = {
        "Id": "0" * 64, "Name": "/x", "Created": "2026-11-20T00:00:00Z", "Image": "sha256:0", "HostConfig": {},
        "State": {"Status": "running"}, "Config": {"Image": "x", "Env": given_values},
    }  # fmt: skip
    seen = container_of(data)
    assert secret not in seen.model_dump_json() and seen.environment == ("DB_PASSWORD", "EMPTY", "ODD")
    image = image_of({"Id": "sha256:0", "Config": data["Config"]}, [{"CreatedBy": f"ARG DB_PASSWORD={value.format(secret)}"}])
    assert secret not in image.model_dump_json() and image.secret_names == seen.secret_names


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=200) | st.text("ab:/@,.0123456789 ", max_size=200), max_size=5))
def test_any_environment(environment: dict[str, str]) -> None:
    list(addresses(environment))


def test_use_of_both_kinds_of_control_groups() -> None:
    first = {"memory_stats": {"usage": 100, "limit": 200, "failcnt": 3, "stats": {"total_inactive_file": 40}}}
    second = {"memory_stats": {"usage": 100, "limit": 200, "stats": {"inactive_file": 30}}, "pids_stats": {"current": 4}}
    assert (usage_of("x", first).memory, usage_of("x", first).memory_failures) == (60, 3)
    assert (usage_of("x", second).memory, usage_of("x", second).pids) == (70, 4)
    assert usage_of("x", {}).memory is None
