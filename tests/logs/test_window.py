import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.core.source import Opened, in_memory
from mcp_server.logs.window import SECOND, Piece, Ranges, find_window, moment_of, nanoseconds, pieces


def at(line: bytes) -> int | None:
    """`@12 text` stands at second 12."""
    number, space, _ = line.partition(b" ")
    return int(number[1:]) * SECOND if number[:1] == b"@" and number[1:].isdigit() and space else None


def plain(data: bytes, since: int, until: int) -> list[tuple[int, bytes]]:
    """The records of the window by reading everything."""
    found: list[tuple[int, bytes]] = []
    wanted = False
    for line in data.splitlines(keepends=True):
        moment = at(line)
        if moment is not None:
            wanted = since <= moment <= until
            if wanted:
                found.append((moment, b""))
        if wanted:
            found[-1] = (found[-1][0], found[-1][1] + line)
    return found


def told(found: list[Piece]) -> list[tuple[int, bytes]]:
    return [(piece.at or 0, piece.data) for piece in found]


def log(count: int, seed: int = 1, disorder: int = 0, trace: float = 0.2) -> bytes:
    rnd = random.Random(seed)
    parts = []
    for number in range(count):
        moment = max(0, number + rnd.randint(-disorder, disorder)) if disorder else number
        parts.append(b"@%d %s\n" % (moment, b"x" * rnd.choice([3, 10, 60])))
        if rnd.random() < trace:
            parts.append(b"  trace\n" * rnd.randint(1, 30) + b"\n" * rnd.randint(0, 2))
    return b"".join(parts)


@settings(max_examples=150)
@given(
    st.integers(0, 400), st.integers(0, 10_000), st.integers(0, 20), st.integers(-10, 410), st.integers(0, 100),
    st.sampled_from([1, 7, 64, 1_000, 100_000]), st.sampled_from([50, 300, 5_000]), st.sampled_from([1, 2, 16]), st.booleans(),
)  # fmt: skip
def test_nothing_inside_is_missing_and_nothing_outside_is_told(
    count: int, seed: int, disorder: int, since: int, length: int, block: int, leaf: int, spread: int, ended: bool
) -> None:
    data = b"head without a time\n" * (seed % 3) + log(count, seed, disorder)
    data = data if ended else data.rstrip(b"\n")
    low, high = since * SECOND, (since + length) * SECOND
    source = in_memory("log", data)
    # two lines a whole disorder early and late stand twice that apart
    ranges = find_window(source, at, low, high, slack=2 * disorder * SECOND, small=0, leaf=leaf, spread=spread)
    assert told(list(pieces(source, at, low, high, ranges=ranges, block=block))) == plain(data, low, high)


@pytest.mark.parametrize("back", [100, 1_000, 5_000, 9_000])
@pytest.mark.parametrize("place", [1_000, 10_000, 19_000])
def test_a_clock_that_went_back_is_noticed_and_both_sides_are_read(back: int, place: int) -> None:
    back = min(back, place)
    data = log(place) + b"".join(b"@%d after\n" % (place - back + number) for number in range(20_000 - place + back))
    source = in_memory("log", data)
    for since in (place - back - 50, place - back + 20, place - 30, place - 5, place + 40):
        low, high = since * SECOND, (since + 25) * SECOND
        ranges = find_window(source, at, low, high, small=0, leaf=2_000)
        assert told(list(pieces(source, at, low, high, ranges=ranges))) == plain(data, low, high), since
        assert any("go back by more than 60 s at 1 place" in doubt for doubt in ranges.doubts) or back <= 100


def test_two_days_in_the_wrong_order() -> None:
    data = log(5_000, 1).replace(b"@", b"@1") + log(5_000, 2)
    low, high = 2_000 * SECOND, 2_050 * SECOND
    found = list(
        pieces(in_memory("log", data), at, low, high, ranges=find_window(in_memory("log", data), at, low, high, small=0))
    )
    assert told(found) == plain(data, low, high)


def test_lines_in_no_order_are_all_read_and_it_is_said() -> None:
    numbers = list(range(30_000))
    random.Random(1).shuffle(numbers)
    data = b"".join(b"@%d x\n" % (60 * number) for number in numbers)
    low, high = 60_000 * SECOND, 90_000 * SECOND
    notes: list[str] = []
    ranges = find_window(in_memory("log", data), at, low, high, small=0, leaf=500)
    found = list(pieces(in_memory("log", data), at, low, high, ranges=ranges, notes=notes))
    assert told(found) == plain(data, low, high)
    assert notes == ["times are in no order: all of it was read"]


def test_reads_grow_with_the_logarithm() -> None:
    reads = {}
    for size in (1 << 24, 1 << 30, 1 << 36):
        seconds = size // 32

        def line(number: int) -> bytes:
            return (b"@%d " % number).ljust(31, b"x") + b"\n"

        def read(offset: int, length: int, size: int = size) -> bytes:
            first, last = offset // 32, -(-min(offset + length, size) // 32)
            text = b"".join(line(number) for number in range(first, last))
            return text[offset - first * 32 : min(offset + length, size) - first * 32]

        low = seconds // 3
        ranges = find_window(Opened("log", size, read), at, low * SECOND, (low + 10) * SECOND)
        assert sum((high or 0) - begin for begin, high in ranges.ranges) < 3 * 131_072
        assert any(begin <= low * 32 and (low + 10) * 32 < (high or 0) for begin, high in ranges.ranges)
        reads[size] = ranges.reads
    assert max(reads.values()) < 256 + 20 * math.log2(1 << 36) and reads[1 << 36] - reads[1 << 30] < 20 * 6


def test_a_stretch_without_times_belongs_to_the_record_before_it() -> None:
    data = b"@1 a\n" + b"dump\n" * 60_000 + b"@2 b\n@500 c\n"
    for since in (0, 1, 2, 400):
        low, high = since * SECOND, (since + 1) * SECOND
        ranges = find_window(in_memory("log", data), at, low, high, slack=0, small=0, leaf=1_000)
        found = list(pieces(in_memory("log", data), at, low, high, ranges=ranges))
        assert [(piece.start, piece.end) for piece in found] == [
            (place, end)
            for place, end, second in ((0, 300_005, 1), (300_005, 300_010, 2), (300_010, len(data), 500))
            if since <= second <= since + 1
        ]
    assert any(piece.cut and len(piece.data) == 65_536 for piece in pieces(in_memory("log", data), at))


def test_a_line_longer_than_blocks_is_one_record() -> None:
    data = b"@1 a\n@2 " + b"x" * 300_000 + b"\n@3 c\n"
    found = list(pieces(in_memory("log", data), at, block=1_000))
    assert [(piece.at, piece.cut) for piece in found] == [(SECOND, False), (2 * SECOND, True), (3 * SECOND, False)]
    ranges = find_window(in_memory("log", data), at, 3 * SECOND, None, slack=0, small=0, leaf=100, spread=64)
    assert [piece.data for piece in pieces(in_memory("log", data), at, 3 * SECOND, ranges=ranges)] == [b"@3 c\n"]


def test_a_log_without_times_is_kept_whole_and_it_is_said() -> None:
    ranges = find_window(in_memory("log", b"no time\n" * 1_000), at, 0, SECOND, small=0)
    assert ranges.ranges == ((0, 8_000),) and "no line looked at carries a time" in ranges.doubts[0]
    assert list(pieces(in_memory("log", b"no time\n"), at, 0, SECOND)) == []
    assert [piece.at for piece in pieces(in_memory("log", b"no time\n"), at)] == [None]


def test_empty_and_tiny_sources() -> None:
    assert find_window(in_memory("log", b""), at, 0, 1).ranges == ()
    assert list(pieces(in_memory("log", b""), at)) == []
    assert [piece.data for piece in pieces(in_memory("log", b"@1 a"), at, 0, SECOND)] == [b"@1 a"]


def test_a_stream_is_read_once_forwards() -> None:
    data = log(300)
    asked = [0]

    def read(offset: int, length: int) -> bytes:
        assert offset >= asked[0]
        asked[0] = offset + len(data[offset : offset + length])
        return data[offset : offset + length]

    found = list(pieces(Opened("stream", None, read), at, 50 * SECOND, 60 * SECOND, block=64))
    assert told(found) == plain(data, 50 * SECOND, 60 * SECOND)


def test_a_file_cut_short_meanwhile_is_survived_and_said() -> None:
    data, notes = log(2_000), []  # type: tuple[bytes, list[str]]
    source = Opened("log", len(data) + 50_000, lambda offset, length: data[offset : offset + length])
    assert len(list(pieces(source, at, 0, 10_000 * SECOND, ranges=Ranges(((0, len(data) + 50_000),)), notes=notes))) == 2_000
    assert "truncated" in notes[0]
    gone = Opened("log", 10_000_000, lambda offset, length: b"")
    assert find_window(gone, at, 0, SECOND).doubts


@settings(max_examples=100)
@given(st.binary(max_size=300), st.integers(0, 20), st.integers(0, 20), st.sampled_from([1, 5, 100]))
def test_no_bytes_raise(noise: bytes, since: int, length: int, block: int) -> None:
    data = noise + b"\n@5 x\n" + noise
    low, high = since * SECOND, (since + length) * SECOND
    ranges = find_window(in_memory("log", data), at, low, high, small=0, leaf=1, spread=4)
    found = list(pieces(in_memory("log", data), at, low, high, ranges=ranges, block=block))
    assert all(piece.at is not None and low <= piece.at <= high for piece in found)


def test_moments_there_and_back() -> None:
    assert nanoseconds(moment_of(1_763_634_667_412_000_000)) == 1_763_634_667_412_000_000
