"""What docs/ranking.md says is what happens: its example is run, its fields are those that are known."""

import contextlib
import io
import re
from pathlib import Path

from mcp_server.engine.ranking_data import Candidate
from mcp_server.engine.ranking_json import Asked

PAGE = (Path(__file__).parents[2] / "docs" / "ranking.md").read_text(encoding="utf8")


def test_the_example_prints_what_the_page_says() -> None:
    code = re.search(r"## An example to copy.*?```python\n(.*?)```\n\nprints\n\n```text\n(.*?)```", PAGE, re.DOTALL)
    assert code is not None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code[1], "docs/ranking.md", "exec"), {})
    assert printed.getvalue() == code[2]


def test_every_field_is_told() -> None:
    for name in Asked.model_fields:
        assert f"`{name}`" in PAGE, name
    for name in set(Candidate.model_fields) - {"taken"}:
        assert f"`{name}`" in PAGE, name
