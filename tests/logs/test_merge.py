import random
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.core.source import Opened, in_memory
from mcp_server.logs.merge import Merged, merge, merged_text
from mcp_server.logs.quick import QuickStamps
from mcp_server.logs.stamps import StampReader
from mcp_server.logs.time import stamp_of
from mcp_server.logs.window import At, nanoseconds


def at(line: bytes) -> int | None:
    found = stamp_of(line.decode("utf8", "replace"))
    return None if found is None else nanoseconds(found)


def stamped(second: int, text: str = "x") -> bytes:
    hours, rest = divmod(second, 3_600)
    return f"2026-11-20T{hours:02d}:{rest // 60:02d}:{rest % 60:02d}.{second % 7:03d}Z {text}\n".encode()


def log(rnd: random.Random, name: str, count: int, disorder: int) -> bytes:
    parts = [b"no time yet\n"] * rnd.randint(0, 2)
    second = rnd.randint(0, 100)
    for number in range(count):
        second += rnd.randint(0, 3)
        parts.append(stamped(max(0, second - rnd.randint(0, disorder)), f"{name}{number}"))
        parts.append(b"  at frame\n" * (rnd.randint(0, 4) == 0))
    data = b"".join(parts)
    return data if rnd.random() < 0.7 else data.rstrip(b"\n")


def merged(*logs: bytes, **options: object) -> list[Merged]:
    return list(merge([in_memory(str(n), data) for n, data in enumerate(logs)], [at] * len(logs), **options))  # type: ignore[arg-type]


@settings(max_examples=60)
@given(
    st.integers(0, 10_000), st.integers(1, 5), st.integers(0, 40), st.integers(0, 9), st.sampled_from([20, 100, 3_000, 262_144])
)
def test_every_line_is_told_once_in_the_order_of_its_source(
    seed: int, many: int, count: int, disorder: int, block: int
) -> None:
    rnd = random.Random(seed)
    logs = [log(rnd, f"s{number}-", count, disorder) for number in range(many)]
    found = merged(*logs, block=block)
    for number, data in enumerate(logs):
        own = [row for row in found if row.source == number]
        assert b"".join(row.data for row in own) == data
        assert all(data[row.start : row.end] == row.data and row.at == at(row.data) for row in own)
        highest = None
        for row in own:
            assert row.late == (row.at is not None and highest is not None and row.at < highest)
            highest = row.at if highest is None else max(highest, row.at or highest)
    keys = [(row.key, row.source) for row in found]
    assert keys == sorted(keys)
    assert found == merged(*logs)


def plain(rnd: random.Random, count: int, form: str) -> bytes:
    """A log in order, but for a rare line."""
    second, parts = rnd.randint(0, 1_000), list[bytes]()
    for number in range(count):
        second += rnd.randint(0, 2)
        clock = f"10:{second // 60 % 60:02d}:{second % 60:02d}"
        parts.append((form.format(clock, rnd.randint(0, 999)) + f" line {number}\n").encode())
        if rnd.random() < 0.01:
            parts.append(
                rnd.choice([b"  at frame\n", b"\n", stamped(5), b"2026-11-20T99:00:00.000Z x\n", b"x" * 70_000 + b"\n"])
            )
    return b"".join(parts)


@settings(max_examples=60)
@given(
    st.integers(0, 10_000), st.integers(1, 4), st.sampled_from([1, 30, 200]), st.sampled_from([50, 700, 4_000]),
    st.sampled_from([
        ("2026-11-20T{}.{:03d}Z",), ("2026-11-20T{}.{:03d}Z", "2026-11-20 {},{:03d}"), ("2026-11-20 {} {}", "Nov 20 {} {}"),
    ]),
)  # fmt: skip
def test_text_is_merged_as_records_are(seed: int, many: int, count: int, block: int, forms: tuple[str, ...]) -> None:
    rnd = random.Random(seed)
    logs = [plain(rnd, count, rnd.choice(forms)) for _ in range(many)]
    sources = [in_memory(str(n), data) for n, data in enumerate(logs)]
    rows = merged(*logs, block=block)
    assert b"".join(merged_text(sources, [at] * many, block=block)) == b"".join(row.data for row in rows)
    for number, data in enumerate(logs):
        own = [row for row in rows if row.source == number]
        assert [(row.start, row.end) for row in own] == list(
            zip([0, *(row.end for row in own)], [row.end for row in own], strict=False)
        )
        assert own[-1].end == len(data) and all(row.cut or row.data == data[row.start : row.end] for row in own)
    keys = [(row.key, row.source) for row in rows]
    assert keys == sorted(keys)


def line_by_line(logs: list[bytes], clocks: list[At]) -> bytes:
    """The same as a plain program would do it: every line read in full, then one stable sort."""
    records: list[tuple[int, int, bytes]] = []
    for number, (data, clock) in enumerate(zip(logs, clocks, strict=True)):
        floor, mine = -(1 << 100), list[bytes]()
        for line in data.splitlines(keepends=True):
            moment = clock(line)
            if moment is None and mine:
                mine.append(line)
                continue
            if mine:
                records.append((floor, number, b"".join(mine)))
            floor, mine = max(floor, moment if moment is not None else floor), [line]
        if mine:
            records.append((floor, number, b"".join(mine)))
    return b"".join(data for _, _, data in sorted(records, key=lambda record: record[0]))


_MANY = [
    "2026-11-20T{}.{:03d}Z", "2026-11-20 {},{:03d}", "Nov 20 {} host a[{}]:", "20/11/2026 {} {}", "[20/Nov/2026 {}] {}",
    '10.0.0.9 - - [20/Nov/2026:{} +0000] "GET /{}', '{{"level":"info","ts":"2026-11-20T{}.{:03d}Z"}}',
    "E1120 {}.{:03d}000 7 x.go]",
    '::1 - - [20/Nov/2026:{} +0000] "GET /{}', "[Fri Nov 20 {}.{:03d}123 2026] [error]", "EPOCH", "2026-11-20T{}.{:03d}+02:00",
]  # fmt: skip
_STRANGE = [
    b"  at frame\n", b"\n", b"no time\n", b"2026-11-20T99:00:00.000Z x\n", b"Nov 20 10:00:61 host a[1]: x\n", b"\xff\xfe\0\n",
    b"Nov 19 23:59:59 host a[1]: x\n", b"Nov 21 00:00:00 host a[1]: x\n",
    b"20261120000000 - - [20/Nov/2026:10:00:01 +0000] x\n",
    b'{"ts":"2026-11-20T10:00:01.000Z"}\n', b'10.0.0.9 - - [21/Nov/2026:00:00:00 +0000] "x\n', b"1795170667 x\n",
]  # fmt: skip


@settings(max_examples=150)
@given(
    st.integers(0, 10_000), st.lists(st.sampled_from(_MANY), min_size=1, max_size=5), st.sampled_from([1, 60, 300]),
    st.sampled_from([60, 700, 4_000, 262_144]), st.lists(st.tuples(st.integers(0, 400), st.sampled_from(_STRANGE)), max_size=4),
)  # fmt: skip
def test_logs_of_any_form_are_merged_as_line_by_line(
    seed: int, forms: list[str], count: int, block: int, strange: list[tuple[int, bytes]]
) -> None:
    rnd, logs = random.Random(seed), list[bytes]()
    for form in forms:
        second, rows = rnd.randint(0, 1_000), list[bytes]()
        for number in range(count):
            second += rnd.randint(0, 2)
            clock = f"10:{second // 60 % 60:02d}:{second % 60:02d}"
            epoch = f"{1_795_168_800 + second}.{rnd.randint(0, 999):03d}"
            rows.append(
                (epoch if form == "EPOCH" else form.format(clock, rnd.randint(0, 999))).encode() + b" line %d\n" % number
            )
        for place, line in strange:
            rows.insert(place, line)
            rows[place : place + 3] = rows[place : place + 3][::-1]
        logs.append(b"".join(rows))
    sources = [in_memory(str(number), data) for number, data in enumerate(logs)]
    assert b"".join(merged_text(sources, [at] * len(logs), block=block)) == line_by_line(logs, [at] * len(logs))


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(1, 7), st.integers(0, 9))
def test_pages_go_on_exactly(seed: int, many: int, page: int, disorder: int) -> None:
    rnd = random.Random(seed)
    logs = [log(rnd, f"s{number}-", 15, disorder) for number in range(many)]
    whole, seen, starts, floor = merged(*logs), [], [0] * many, None
    while True:
        rows = merged(*logs, starts=starts, floor=floor)[:page]
        if not rows:
            break
        for row in rows:
            seen.append(row)
            starts[row.source] = row.end
        floor = rows[-1].key
    assert [(row.source, row.start, row.data) for row in seen] == [(row.source, row.start, row.data) for row in whole]


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(0, 60), st.integers(0, 60))
def test_a_window_holds_what_lies_inside_it_and_nothing_else(seed: int, since: int, length: int) -> None:
    rnd = random.Random(seed)
    logs = [log(rnd, f"s{number}-", 30, 5) for number in range(3)]
    low, high = (at(stamped(second)) or 0 for second in (since, since + length))
    expected = [row.data for row in merged(*logs) if row.at is not None and low <= row.at <= high]
    assert sorted(row.data for row in merged(*logs, since=low, until=high)) == sorted(expected)


def test_a_line_longer_than_everything_is_cut_and_the_others_stay() -> None:
    data = stamped(1) + stamped(2, "y" * 9_000_000) + stamped(3)
    rows = merged(data, stamped(2, "other"))
    assert [(row.source, row.cut) for row in rows] == [(0, False), (0, True), (1, False), (0, False)]
    assert rows[1].end == len(data) - len(stamped(3)) and len(rows[1].data) == 65_536


def test_carriage_returns_end_no_line_by_themselves() -> None:
    data = stamped(1, "a\rb\r") + b"rest\r\n" + stamped(2)
    assert [row.data for row in merged(data)] == [stamped(1, "a\rb\r") + b"rest\r\n", stamped(2)]


def test_streams_and_a_file_cut_short_meanwhile() -> None:
    data, notes = stamped(1) + stamped(3), []  # type: tuple[bytes, list[str]]
    stream = Opened("s", None, lambda offset, length: data[offset : offset + length])
    short = Opened("f", 10_000, lambda offset, length: stamped(2)[offset : offset + length])
    rows = list(merge([stream, short], [at, at], notes=notes))
    assert [row.source for row in rows] == [0, 1, 0] and "truncated" in notes[0]
    assert merged() == [] and merged(b"", b"") == []


def test_memory_stays_bounded_by_the_blocks() -> None:
    asked: list[int] = []

    def read(offset: int, length: int) -> bytes:
        asked.append(offset)
        return b"".join(stamped(number) for number in range(20_000))[offset : offset + length]

    size = len(stamped(0)) * 20_000
    rows = merge([Opened("a", size, read), in_memory("b", stamped(0))], [at, at], block=10_000)
    next(rows)
    assert max(asked) < 30_000


_TIMES = st.sampled_from([
    b"2026-11-20T10:31:07.412Z x", b"2026-11-20T10:31:07.413Z y", b"2026-11-20T10:31:08.412+02:00 x",
    b"2026-11-20T10:31:07.4125Z", b"2026-11-20T10:31:07.412 +0200 x", b"2026-11-20T10:31:07.412 INFO",
    b"2026-11-20T10:31:07.412 1234", b"2026-11-20 10:31:07,412 x", b"2026-11-20 10:31:07 x",
    b"2026-11-20 10:31:07 +0200", b"2026-11-20 10:31:61 x", b"Nov 20 10:31:07 host a: b", b"  at frame", b"",
    b"2026-11-20T10:31 is when", b"2026-11-20T10:32:00.000Z", b"2026-11-20T10:32:00.412Z",
    b"2026-13-20T10:32:00.412Z", b"\xff10:31:07", b"10.0.0.7 - - [20/Nov/2026:10:31:07 +0000] x",
    b'{"ts":"2026-11-20T10:31:07.412Z"}', b"Nov 20 10:31:08 host a: b", b"::1 - - [20/Nov/2026:10:31:07 +0000] x",
    b"::1 - - [20/Nov/2026:10:32:07 +0000] x", b"::1 - - [20/Nov/2026:11:32:07 +0000] y", b"2026:324:10:31:07 x",
    b"2026:324:11:31:07 x", b'{"ts":"2026-11-20T10:31:08.412Z"}', b'{"ts":"2026-11-20T11:31:08.411Z"}', b"1795170667.412 x",
    b"1795170767.412 x", b"1795170767 x", b"[1795170667412] x", b"[1795170767412] y",
])  # fmt: skip


@settings(max_examples=400)
@given(st.lists(st.lists(_TIMES, min_size=1, max_size=12), max_size=4))
def test_memory_never_says_anything_else_than_the_line(blocks: list[list[bytes]]) -> None:
    quick = QuickStamps(at)
    for block in blocks:
        lines = [line + b"\n" for line in block]
        assert quick.of(lines) == [at(line) for line in lines]


@pytest.mark.parametrize("form", ["2026-11-20T{}.{:03d}Z x", "2026-11-20 {},{:03d} INFO x", "[2026-11-20 {}] x {}"])
def test_few_lines_are_read_in_full(form: str) -> None:
    read: list[bytes] = []

    def counting(line: bytes) -> int | None:
        read.append(line)
        return at(line)

    lines = [(form.format(f"10:{n // 60 % 60:02d}:{n % 60:02d}", n % 50) + "\n").encode() for n in range(3_000)]
    assert QuickStamps(counting).of(lines) == [at(line) for line in lines] and len(read) < 200


@pytest.mark.parametrize(
    "form", ["{:02d}:{:02d}:07 x", "[{:02d}:{:02d}:07.412] x", "[pid 71] {:02d}:{:02d}:07 x", "71 {:02d}:{:02d}:07 x"]
)
def test_a_time_of_day_means_another_day_when_it_turned(form: str) -> None:
    def reader() -> At:
        stamps = StampReader(reference=datetime(2026, 12, 1, tzinfo=UTC))
        return lambda line: None if (found := stamps.at(line)) is None else nanoseconds(found)

    lines = [(form.format(half // 2 % 24, half % 2 * 30) + "\n").encode() for half in range(20, 200)]
    quick, plain = QuickStamps(reader()), reader()
    assert quick.of(lines[:50]) + quick.of(lines[50:]) == [plain(line) for line in lines]


def test_a_record_behind_a_hole_is_told() -> None:
    for hole in (4, 3_000, 300_000, 9_000_000):
        data = stamped(1) + b"\0" * hole + stamped(2, "after") + stamped(3)
        assert [row.at for row in merged(data)] == [at(stamped(second)) for second in (1, 2, 3)]
