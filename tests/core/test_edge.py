"""Addresses and what people call components."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.core.edge import component_of, endpoint, is_here, split_address


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("127.0.0.1:8000", "port:8000"), ("0.0.0.0:80", "port:80"), ("[::]:80", "port:80"), ("[::1]:443", "port:443"),
        ("localhost:6379", "port:6379"), ("*:80", "port:80"), ("10.0.0.9:5432", "external:10.0.0.9:5432"),
        ("DB.internal:5432", "external:db.internal:5432"), ("[2001:db8::1]:53", "external:[2001:db8::1]:53"),
        ("unix:/run/x.sock", "file:/run/x.sock"), ("/run/x.sock", "file:/run/x.sock"), ("@abstract", "file:@abstract"),
        ("no address", None), ("host:0", None), ("host:65536", None), ("host:٣", None), (":80", None), ("2001:db8::1:53", None),
    ],
)  # fmt: skip
def test_what_stands_at_an_address(address: str, key: str | None) -> None:
    found = endpoint(address)
    assert (found.key if found else None) == key


def test_an_own_address_is_a_port_here() -> None:
    found = endpoint("10.0.0.5:6379", frozenset({"10.0.0.5"}))
    assert found is not None
    assert found.key == "port:6379"
    assert is_here("127.8.9.10")
    assert not is_here("10.0.0.5")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("shop", "service:shop"), ("8000", "port:8000"), ("port:8000", "port:8000"), ("unit:x.service", "unit:x.service"),
        ("nginx.service", "unit:nginx.service"), ("db:5432", "external:db:5432"), ("path:/run/x", "file:/run/x"),
        ("/run/x.sock", "file:/run/x.sock"), ("unit:9999", "external:unit:9999"), ("whatever", None), ("", None),
    ],
)  # fmt: skip
def test_what_a_person_means(text: str, key: str | None) -> None:
    found = component_of(text, {"shop": None})
    assert (found.key if found else None) == key


@given(st.text(max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    for found in (endpoint(text), component_of(text, {})):
        assert found is None or found.name
    parts = split_address(text)
    assert parts is None or 0 < parts[1] < 65_536
