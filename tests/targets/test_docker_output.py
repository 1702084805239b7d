"""The daemon's framing of output: whatever the pieces, whole lines come out in their order; no bytes raise."""

import struct
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from mcp_server.targets.docker_output import _lines

LINES = st.lists(
    st.tuples(st.sampled_from([1, 2]), st.binary(max_size=50).map(lambda text: text.replace(b"\n", b""))), max_size=30
)


def cut(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    at = 0
    for size in sizes:
        yield data[at : at + size]
        at += size
    yield data[at:]


@given(LINES, st.lists(st.integers(1, 40), max_size=60))
def test_frames_in_any_pieces(lines: list[tuple[int, bytes]], sizes: list[int]) -> None:
    data = b"".join(struct.pack(">BxxxL", stream, len(text) + 1) + text + b"\n" for stream, text in lines)
    assert list(_lines(cut(data, sizes))) == [text for _, text in lines]


@given(LINES, st.lists(st.integers(1, 40), max_size=60))
def test_a_terminal_in_any_pieces(lines: list[tuple[int, bytes]], sizes: list[int]) -> None:
    data = b"".join(b"2026 " + text + b"\n" for _, text in lines)
    assert list(_lines(cut(data, sizes))) == [b"2026 " + text for _, text in lines]


def test_a_line_in_several_frames_of_one_stream() -> None:
    frames = [(1, b"one "), (2, b"other\n"), (1, b"line\n"), (1, b"rest")]
    data = b"".join(struct.pack(">BxxxL", stream, len(text)) + text for stream, text in frames)
    assert list(_lines([data])) == [b"other", b"one line", b"rest"]


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    list(_lines([data]))
