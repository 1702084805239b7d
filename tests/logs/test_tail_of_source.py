import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.core.source import Opened, in_memory
from mcp_server.logs.tail import last_records


def at(line: bytes) -> int | None:
    return int(line[1:].split(b" ")[0]) if line[:1] == b"@" and line[1:].split(b" ")[0].isdigit() else None


def records(data: bytes) -> list[bytes]:
    """Records by reading everything from the front."""
    found: list[bytes] = []
    for line in data.splitlines(keepends=True):
        if at(line) is not None or not found:
            found.append(line)
        else:
            found[-1] += line
    return found


_LINES = st.sampled_from([b"@1 a\n", b"@2 bb\n", b"  trace\n", b"\n", b"@3 " + b"x" * 50 + b"\n"])


@settings(max_examples=150)
@given(st.lists(_LINES, max_size=40), st.integers(1, 12), st.booleans(), st.sampled_from([5_000, 100_000]))
def test_pages_backwards_meet_exactly(lines: list[bytes], count: int, ended: bool, filler: int) -> None:
    data = b"@0 first\n" + b"@9 " + b"y" * filler + b"\n" + b"".join(lines)
    data = data if ended else data[:-1]
    end, seen = None, []
    while end != 0:
        page = last_records(in_memory("log", data), count, at=at, end=end, max_bytes=1_000_000)
        assert len(page.pieces) <= count and not page.notes
        seen = [piece.data for piece in page.pieces] + seen
        end = page.start
    assert seen == records(data)


def test_without_times_every_line_is_a_record() -> None:
    data = b"one\n two\nthree"
    assert [piece.data for piece in last_records(in_memory("log", data), 2).pieces] == [b" two\n", b"three"]
    assert [piece.data for piece in last_records(in_memory("log", data), 2, at=at).pieces] == [b" two\n", b"three"]
    assert last_records(in_memory("log", b""), 5).pieces == ()


def test_a_record_longer_than_what_is_read_is_cut_and_said() -> None:
    data = b"@1 a\n@2 " + b"x" * 100_000
    page = last_records(in_memory("log", data), 3, at=at, max_bytes=10_000)
    assert page.pieces[0].cut and len(page.pieces[0].data) == 10_000 and page.start == len(data) - 10_000
    assert "only the last 10,000 bytes" in page.few
    page = last_records(in_memory("log", data + b"\n@3 b\n"), 3, at=at, max_bytes=10_000)
    assert [piece.data for piece in page.pieces] == [b"@3 b\n"] and "1 whole record" in page.few


def test_a_file_cut_short_meanwhile_is_survived_and_said() -> None:
    short = Opened("log", 1_000, lambda offset, length: (b"@1 a\n" * 10)[offset : offset + length])
    page = last_records(short, 3, at=at)
    assert len(page.pieces) == 3 and "truncated" in page.notes[0]
    gone = Opened("log", 1_000_000, lambda offset, length: b"")
    assert last_records(gone, 3, at=at).pieces == ()


def test_a_stream_has_no_end() -> None:
    with pytest.raises(ValueError, match="is a stream"):
        last_records(Opened("s.gz", None, lambda offset, length: b""), 3)


def test_the_end_of_ten_gigabytes_takes_no_time(tmp_path: Path) -> None:
    path = tmp_path / "sparse.log"
    with open(path, "wb") as file:
        file.seek(10 * 10**9)
        file.write(b"\n" + b"".join(b"@%d line\n" % number for number in range(1_000)))
    handle = os.open(path, os.O_RDONLY)
    source = Opened("log", path.stat().st_size, lambda offset, length: os.pread(handle, length, offset))
    times = []
    for _ in range(5):
        began = time.perf_counter()
        page = last_records(source, 100, at=at)
        times.append(time.perf_counter() - began)
    os.close(handle)
    assert [piece.at for piece in page.pieces] == list(range(900, 1_000)) and min(times) < 0.005
