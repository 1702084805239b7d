"""One of a thing is told as one, several as several, in every sentence about logs."""

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_server.surface.answers import bounded
from tests.diagnostics.asking import Ask, asking

LINE = "2026-11-20T10:31:07Z ERROR shop could not be reached\n"
_NOUNS = r"(?:old )?(?:record|line|shape|file|cop|log|day)"
_MANY_OF_ONE = re.compile(
    rf"(?<![\d.,:-])1 (?:\w+ )?{_NOUNS}(?:s|ies)\b|(?<![\d.,:-])1 of them are|(?<![\d.,:-])1 [a-z ]+ (?:are|match)\b"
)
_ONE_OF_MANY = re.compile(rf"(?<![\d.,:-])(?:[2-9]|\d\d+) {_NOUNS}y?\b|(?:[2-9]|\d\d+) lines matches")


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Ask]:
    with asking(tmp_path / "home") as put:
        yield put


_ASKED: list[tuple[str, dict[str, Any]]] = [
    ("log_tail", {}), ("log_search", {"patterns": ["ERROR"]}), ("log_search", {"patterns": ["ERROR"], "limit": 1}),
    ("log_merge", {"since": "2026-11-20T00:00:00Z"}), ("log_summary", {}),
    ("log_patterns", {}), ("recent_errors", {"since": "2026-11-20T00:00:00Z"}),
    ("log_waste", {"min_mb": 1, "keep_days": 1}),
]  # fmt: skip


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(("name", "params"), _ASKED)
def test_numbers_agree_with_their_words(ask: Ask, tmp_path: Path, name: str, params: dict[str, Any], count: int) -> None:
    log, old = tmp_path / "app.log", time.time() - 500 * 86_400
    log.write_text(LINE * count + "  at an end\n" * (count - 1))
    for number in range(count if name in ("log_waste", "log_merge") else 0):
        copy = tmp_path / f"app.log.{number + 1}"
        copy.write_bytes(b"x" * 2_000_000)
        os.utime(copy, (old, old))
    where = {"log_tail": {"path": str(log)}, "recent_errors": {"paths": [str(log)]}, "log_waste": {"paths": [str(tmp_path)]}}
    outcome = ask(name, **where.get(name, {"sources": [str(log)]}), **params)
    text = bounded(outcome, 20_000)
    assert not _MANY_OF_ONE.findall(text), text
    assert not _ONE_OF_MANY.findall(text), text
    if name != "log_waste":
        assert ("1 line matches" if name == "log_search" else "1 record ") in text or count > 1


def test_a_late_record_and_one_without_a_time(ask: Ask, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("no time yet: ERROR\n" + LINE + LINE.replace("10:31", "10:30") + LINE)
    assert "1 record is stamped earlier than one before it" in bounded(ask("log_merge", sources=[str(log)]), 20_000)
    assert "1 record carries no time" in bounded(ask("recent_errors", paths=[str(log)]), 20_000)
