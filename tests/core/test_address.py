"""Addresses: what is read is what is printed, and everything else is refused with a sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.core.address import LOCAL, SHAPES, Address, Shape, parse
from mcp_server.core.errors import BadInput

LATER = dict(SHAPES) | {"ssh": Shape(1, 1, "ssh://HOST", wraps=True)}


@pytest.mark.parametrize(
    ("text", "kind", "parts"),
    [
        ("local", "local", ()),
        ("recorded:/tmp/x:y.json", "recorded", ("/tmp/x:y.json",)),
        ("docker://", "docker", ("default",)),
        ("docker://shop", "docker", ("default", "shop")),
        ("docker://staging/", "docker", ("staging",)),
        ("docker://staging/shop-web-1", "docker", ("staging", "shop-web-1")),
        ("k8s://prod", "k8s", ("prod",)),
        ("k8s://prod/", "k8s", ("prod",)),
        ("k8s://prod/shop/deploy/api", "k8s", ("prod", "shop", "deploy", "api")),
        ("k8s://arn:aws:eks:eu-1:1:cluster%2Fprod/shop", "k8s", ("arn:aws:eks:eu-1:1:cluster/prod", "shop")),
        ("k8s://kubernetes-admin@kubernetes", "k8s", ("kubernetes-admin@kubernetes",)),
    ],
)
def test_read_and_printed(text: str, kind: str, parts: tuple[str, ...]) -> None:
    address = parse(text)
    assert (address.kind, address.parts) == (kind, parts)
    assert parse(str(address)) == address


def test_an_answer_names_the_context_that_was_left_out() -> None:
    assert str(parse("docker://shop")) == "docker://default/shop"
    assert str(parse("docker://")) == "docker://default/"
    assert str(LOCAL) == "local"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "local, recorded:FILE, docker://"), ("Local", "local, recorded:FILE"), ("shop", "k8s://CONTEXT"),
        ("recorded:", "path of a recording"), ("docker://a/b/c", "docker://CONTEXT/CONTAINER"), ("docker:///x", "each part"),
        ("docker://x%ff", "each part"), ("docker://a b", "without blanks"), ("k8s://", "k8s://CONTEXT"),
        ("k8s://a//b", "each part"), ("k8s://a/b/c/d/e", "KIND/NAME"), ("ssh://web1", "docker://"),
        ("docker://x\x1b[31m", "each part"), ("k8s://" + "a" * 254, "253"),
    ],
)  # fmt: skip
def test_refused_with_what_would_be_valid(text: str, part: str) -> None:
    with pytest.raises(BadInput, match=r"`target` is ") as refused:
        parse(text)
    assert part in str(refused.value)
    assert "\x1b" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "kinds", "parts"),
    [
        ("ssh://web1", ["ssh"], ("web1",)),
        ("ssh://web1/docker/shop", ["ssh", "docker"], ("default", "shop")),
        ("ssh://web1/docker/", ["ssh", "docker"], ("default",)),
        ("ssh://web1/docker/staging/shop", ["ssh", "docker"], ("staging", "shop")),
        ("ssh://jump/ssh/web1/k8s/prod/shop", ["ssh", "ssh", "k8s"], ("prod", "shop")),
    ],
)
def test_a_kind_that_wraps_is_one_row(text: str, kinds: list[str], parts: tuple[str, ...]) -> None:
    address: Address | None = parse(text, LATER)
    assert address and address.parts == parts
    assert parse(str(address), LATER) == address
    chain = []
    while address:
        chain.append(address.kind)
        address = address.through
    assert chain[::-1] == kinds


@pytest.mark.parametrize("text", ["ssh://web1/nowhere/x", "ssh://", "ssh:///docker/x"])
def test_what_stands_behind_a_wrapping_place_must_be_one(text: str) -> None:
    with pytest.raises(BadInput, match="ssh://HOST"):
        parse(text, LATER)


@given(st.text(max_size=80) | st.text(alphabet="docker8s:/%local ", max_size=40).map(lambda text: f"docker://{text}"))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        address = parse(text)
    except BadInput:
        return
    assert parse(str(address)) == address


@given(st.lists(st.text(alphabet=st.characters(categories=["L", "N", "P"]), min_size=1, max_size=30), min_size=1, max_size=4))
def test_any_printable_part_survives(parts: list[str]) -> None:
    address = Address("k8s", tuple(parts))
    assert parse(str(address)) == address
