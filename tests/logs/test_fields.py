"""JSON and logfmt members of a record, flat and bounded."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.logs.fields import MAX_FIELDS, MAX_VALUE, fields_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a":1,"b":{"c":"x","d":null},"e":[1,2],"f":true}', {"a": "1", "b.c": "x", "b.d": "", "e": "[1, 2]", "f": "true"}),
        ('2026-11-20T10:31:07Z INFO {"status":502}', {"status": "502"}),
        (
            'level=error msg="no \\"such\\" thing" took=1.2s empty=',
            {"level": "error", "msg": 'no "such" thing', "took": "1.2s", "empty": ""},
        ),
        (
            "type=SYSCALL msg=audit(1795170667.412:1): arch=c000003e uid=0",
            {"type": "SYSCALL", "msg": "audit(1795170667.412:1", "arch": "c000003e", "uid": "0"},
        ),
        ("a=1 a=2", {"a": "1"}),
        ('{"a":1,"a', {}),
        ("nothing of that kind", {}),
        ("x == y", {}),
    ],
)
def test_fields(text: str, expected: dict[str, str]) -> None:
    assert fields_of(text) == expected


def test_bounds() -> None:
    assert len(fields_of(" ".join(f"k{n}=v" for n in range(5_000)))) == MAX_FIELDS
    assert len(fields_of(json.dumps({"a": "x" * 60_000}))["a"]) == MAX_VALUE
    assert fields_of('{"a":' * 20_000) == {}


@given(st.dictionaries(st.from_regex("[a-z]{1,8}", fullmatch=True), st.text(max_size=40) | st.integers(), max_size=12))
def test_json_members_come_back(members: dict[str, str | int]) -> None:
    assert fields_of(json.dumps(members)) == {
        key: value if isinstance(value, str) else str(value) for key, value in members.items()
    }


@given(st.text(alphabet=st.sampled_from('a1 ={}[]":,\\.\n\0é'), max_size=300))
def test_never_raises(text: str) -> None:
    assert all(isinstance(value, str) for value in fields_of(text).values())
