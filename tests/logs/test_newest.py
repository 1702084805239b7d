"""The newest lines of a file: all of them, once, in order, whatever the pieces; and no more than the window asks for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcp_server.core.reader import Limits, Seen
from mcp_server.core.settings import ReadSettings
from mcp_server.logs import newest
from mcp_server.targets import files


class Looking:
    """Reads through the real file target; counts looks; `most` is our own limit on one look."""

    def __init__(self, most: int = 1_048_576) -> None:
        self.limits, self.looks = Limits(max_bytes=most), 0

    def look(self, call: Any) -> Seen[Any]:
        self.looks += 1
        return Seen(value=files.look(call, self.limits, ReadSettings()), evidence=f"E{self.looks}")


def never(lines: Sequence[str]) -> bool:
    return False


def read(path: Path, reached: Any = never, most: int = 1_048_576) -> tuple[newest.Newest, Looking]:
    looking: Any = Looking(most)
    return newest.newest_lines(looking, str(path), reached), looking


@pytest.mark.parametrize("most", [4_096, 1_048_576])
def test_a_long_file_comes_whole_and_in_order(tmp_path: Path, most: int) -> None:
    lines = [f"{number} {'é' * (number % 40)}" for number in range(40_000)]
    file = tmp_path / "log"
    file.write_text("\n".join(lines) + "\n")
    found, _ = read(file, most=most)
    told = found.texts()
    assert found.whole
    assert len(told) == len(lines)
    wrong = [text for text, line in zip(told, lines, strict=True) if text != line]
    assert all("\ufffd" in text for text in wrong), "at most a character cut by a piece's end"
    assert len(wrong) <= 4


def test_no_more_is_read_than_the_window_needs(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text("".join(f"{number}\n" for number in range(1_000_000)))
    found, looking = read(file, lambda lines: int(lines[0]) < 990_000)
    assert looking.looks == 1
    assert not found.whole
    assert int(found.texts()[0]) < 990_000
    assert found.texts()[-1] == "999999"
    assert read(file)[0].texts()[0] == "0"


def test_the_most_is_a_bound(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text("x" * 99 + "\n" + ("y" * 99 + "\n") * 40_000)
    looking: Any = Looking()
    found = newest.newest_lines(looking, str(file), never, most=1_000_000)
    assert not found.whole
    assert 1_000_000 <= len(found.lines) * 100 <= 1_700_000
    assert "x" not in found.texts()[0]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400), st.integers(1, 60), st.integers(1, 60))
def test_any_bytes_in_any_pieces(tmp_path: Path, raw: bytes, first: int, further: int) -> None:
    file = tmp_path / "log"
    file.write_bytes(raw)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(newest, "PIECES", (first, further))
        found, _ = read(file)
    assert found.whole
    whole = raw.decode("utf8", "replace")
    if "\ufffd" not in whole and whole.isascii() and raw[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        expected = [line.rstrip("\r") for line in whole.split("\n") if line.rstrip("\r").strip()]
        assert found.texts() == expected
