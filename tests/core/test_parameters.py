"""Arguments at the border."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from mcp_server.core.clock import When
from mcp_server.core.errors import BadInput
from mcp_server.core.parameters import Parameters


class Params(Parameters):
    lines: int = Field(10, ge=1, le=100, description="How many lines")
    path: str | None = Field(None, max_length=300, description="Which file")
    since: When | None = Field(None, description="From when")
    names: tuple[str, ...] = Field((), max_length=5, description="Which names")


class Required(Parameters):
    url: str = Field(max_length=100, description="Address to ask")


def test_defaults_and_coercion() -> None:
    assert Params.parse(None).lines == 10
    assert Params.parse({"lines": "42"}).lines == 42
    assert Params.parse({"since": "2026-11-20T10:00:00+02:00"}).since.isoformat() == "2026-11-20T08:00:00+00:00"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"lnes": 3}, "unknown argument `lnes` (did you mean `lines`?); valid arguments: `lines`, `path`, `since`, `names`"),
        ({"lines": "many"}, "`lines` is `many`; it should be a valid integer"),
        ({"lines": 0}, "`lines` is `0`; it should be greater than or equal to 1 (How many lines)"),
        ({"lines": 3.5}, "`lines` is `3.5`"),
        ({"path": ["a"]}, "`path` is `['a']`; it should be a valid string"),
        ({"since": "yesterday-ish"}, "`since` is `yesterday-ish`; it should be use ISO 8601"),
        ({"since": "2026-11-20T10:00:00"}, "names no zone"),
        ({"path": "x" * 20_000}, "`path` has 20,000 characters; at most 16,384"),
        ({"path": "x" * 50_000_000}, "`path` has 50,000,000 characters"),
        ({"names": ["a"] * 20_000}, "more than 10,000 values"),
        ({"path": {"a": {"b": "x" * 20_000}}}, "`path.a.b` has 20,000 characters"),
        ({"\x1b[31mred": 1}, "unknown argument `␛[31mred`"),
    ],
)
def test_wrong_arguments_get_a_sentence(arguments: dict[str, object], says: str) -> None:
    with pytest.raises(BadInput) as caught:
        Params.parse(arguments)
    assert says in caught.value.message
    assert len(caught.value.message) < 600


def test_a_missing_argument_says_what_it_is_for() -> None:
    with pytest.raises(BadInput, match="`url` is required: Address to ask"):
        Required.parse({})


def test_the_schema_is_closed_and_carries_no_titles() -> None:
    schema = Params.input_schema()
    assert schema["additionalProperties"] is False
    assert '"title"' not in json.dumps(schema)
    assert schema["properties"]["lines"]["description"] == "How many lines"


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["lines", "path", "since", "names"]) | st.text(max_size=10), JSON, max_size=5))
def test_whatever_comes_is_taken_or_refused_with_a_sentence(arguments: dict[str, object]) -> None:
    try:
        Params.parse(arguments)
    except BadInput as error:
        assert error.message
