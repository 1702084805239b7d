"""Lists of Python packages in every form, and what is no list."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.logs.python_locks import Pin, pins, same_version

POETRY = """
[[package]]
name = "Flask"
version = "3.0.0"
optional = false

[[package]]
name = "mine"
version = "0.1"
[package.source]
type = "directory"
url = "../mine"
"""
UV = """
version = 1
[[package]]
name = "shop"
version = "0.1.0"
source = { editable = "." }
[[package]]
name = "qrcode"
version = "7.4.2"
source = { registry = "https://index.example/simple" }
"""


def test_requirements_and_freezes() -> None:
    text = """# a comment
-r base.txt
-e git+https://git.example/x.git#egg=x
Flask==3.0.0
PyYAML == 6.0.2 ; python_version >= "3.8"
requests[socks]==2.32.0 \\
    --hash=sha256:aa
uvicorn>=0.30
numpy===1.26.4  # pinned
urllib3 @ https://files.example/urllib3.whl
"""
    assert list(pins("requirements.txt", text)) == [
        Pin("flask", "3.0.0", True), Pin("pyyaml", "6.0.2", False), Pin("requests", "2.32.0", True),
        Pin("numpy", "1.26.4", True),
    ]  # fmt: skip


def test_locks() -> None:
    assert list(pins("poetry.lock", POETRY)) == [Pin("flask", "3.0.0", False)]
    assert list(pins("uv.lock", UV)) == [Pin("qrcode", "7.4.2", False)]
    lock = {"default": {"flask": {"version": "==3.0.0"}, "x": {"version": "==1", "markers": "a"}, "y": {"path": "."}}}
    assert list(pins("Pipfile.lock", json.dumps(lock))) == [Pin("flask", "3.0.0", True), Pin("x", "1", False)]


@pytest.mark.parametrize(
    ("name", "text"),
    [("poetry.lock", "[[package"), ("uv.lock", "package = 3"), ("uv.lock", "[[package]]\nversion='1'"), ("Pipfile.lock", "[]"),
     ("Pipfile.lock", "{")],
)  # fmt: skip
def test_a_damaged_lock_is_refused(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        list(pins(name, text))


def test_spellings_of_one_version() -> None:
    assert same_version("1.0", "1.0.0")
    assert same_version("2.3+cpu", "2.3")
    assert same_version("v1.2-1", "1.2.1")
    assert not same_version("1.10", "1.1")
    assert not same_version("2.0", "3.0")


@given(st.text(max_size=300), st.sampled_from(["requirements.txt", "poetry.lock", "uv.lock", "Pipfile.lock"]))
def test_any_text(text: str, name: str) -> None:
    with contextlib.suppress(ValueError):
        list(pins(name, text))
