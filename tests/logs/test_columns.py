import random
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.logs.columns import Columns
from mcp_server.logs.stamps import StampReader
from mcp_server.logs.window import At, nanoseconds

FORMS = [
    "%Y-%m-%dT%H:%M:%S.{ms:03d}Z INFO {n}", "%Y-%m-%d %H:%M:%S,{ms:03d} INFO {n}", "[%Y-%m-%d %H:%M:%S] {n}",
    "%Y/%m/%d %H:%M:%S {n}",
    "%Y-%m-%dT%H:%M:%S.{ms:03d}123+02:00 {n}", "%Y%m%d %H:%M:%S.{ms:03d} {n}", "%Y-%m-%d %H:%M:%S +0000 x {n}",
    '{{"level":"info","ts":"%Y-%m-%dT%H:%M:%S.{ms:03d}Z","n":{n}}}', "%s INFO {n}", "%s.{ms:03d} {n}", "[%s{ms:03d}] {n}",
    '{{"n":"{n}","time": %s.{ms:03d}, "x":"y"}}',
]  # fmt: skip
DAYS = [
    "%b %d %H:%M:%S host app[1]: {n}", "%b %d %H:%M:%S.{ms:03d} {n}",
    '10.1.{n}.7 - - [%d/%b/%Y:%H:%M:%S +0100] "GET /{n} HTTP/1.1" 200 {n}', "web{n}.example - bob [%d/%b/%Y:%H:%M:%S -0330] x",
    "E%m%d %H:%M:%S.{ms:03d}123 7 x.go:1] {n}", "[%a %b %d %H:%M:%S.{ms:03d}456 %Y] [error] {n}", "%d.%m.%Y %H:%M:%S x {n}",
    "[%d/%b/%Y %H:%M:%S] {n}", "%a, %d %b %Y %H:%M:%S +0000 x {n}", "%b %d, %Y %H:%M:%S x {n}",
    "%d-%b-%Y %H:%M:%S.{ms:03d} {n}",
]  # fmt: skip
"""Stamps whose day is no number, or in no order: stretches of one day are taken as they stand."""


def clock(zone: str = "UTC") -> At:
    reader = StampReader(zone=ZoneInfo(zone), reference=datetime.fromisoformat("2026-12-01T00:00:00+00:00"))

    def at(line: bytes) -> int | None:
        found = reader.at(line)
        return None if found is None else nanoseconds(found)

    return at


def lines(form: str, begin: str, count: int, step: float) -> list[bytes]:
    first = datetime.fromisoformat(begin)
    moments = [first + timedelta(seconds=step * number) for number in range(count)]
    texts = [m.strftime(form.replace("%s", str(round(m.replace(tzinfo=UTC, microsecond=0).timestamp())))) for m in moments]
    return [
        (text.format(ms=m.microsecond // 1_000, n=n) + "\n").encode()
        for n, (m, text) in enumerate(zip(moments, texts, strict=True))
    ]


@pytest.mark.parametrize("form", FORMS)
def test_what_is_in_order_is_taken_as_it_stands(form: str) -> None:
    at, some = clock(), lines(form, "2026-11-19T22:00:00", 400, 61.25)
    found = Columns(at).keys(some, b"".join(some))
    assert found is not None
    assert (found.first, found.earliest, found.latest) == (at(some[0]), at(some[0]), at(some[-1]))
    assert found.keys is found.written and found.form.moments(found.keys) == [at(line) for line in some]


@pytest.mark.parametrize("form", DAYS)
def test_what_is_in_order_within_a_day_is_taken_as_it_stands(form: str) -> None:
    at = clock()
    columns = Columns(at)
    for day in ("2026-11-02", "2026-11-19"):
        some = lines(form, f"{day}T10:00:00", 200, 31.25)
        found = columns.keys(some, b"".join(some))
        assert found is not None
        assert found.form.moments(found.keys) == [at(line) for line in some]
        assert (found.first, found.latest) == (at(some[0]), at(some[-1]))


@pytest.mark.parametrize("form", ["%m/%d/%Y %I:%M:%S %p {n}", "%H:%M:%S {n}", "[%H:%M:%S.{ms:03d}] {n}", "pid 71 %H:%M:%S x"])
def test_half_days_and_times_without_a_day_are_read_in_full(form: str) -> None:
    some = lines(form, "2026-11-02T10:00:00", 50, 60.0)
    assert Columns(clock()).keys(some, b"".join(some)) is None


_ODD = st.sampled_from([
    b"  at frame\n", b"", b"2026-11-20T10:00:61.000Z INFO x\n", b"2026-11-20 10:00:01,000 +0300 x\n",
    b"2026-11-20 25:00:01,000 INFO x\n",
    b"2026-11-20T10:00:01.000+03:00 x\n", b"2026-11-31 10:00:01,000 INFO x\n", b"2026-11-20 10:00:01,0005 INFO x\n",
    b"2026-11-20 10:00:01,000 UTC x\n", b"2026-11-20 10:00:01,000 EST x\n", b"2026-11-20T10:70:01.000Z INFO\n", b"\xff\xfe\n",
    b"2026-11-20T10:00:01.000Z:x\n", b"Nov 20 10:00:01 2025 x\n", b"Nov 20 10:00:01 EST host\n", b"Nov 20 10:00:01 AM x\n",
    b'::1 - - [20/Nov/2026:10:00:01 +0100] "GET / HTTP/1.1" 200 1\n', b"20261120100001 - - [20/Nov/2026:10:00:02 +0100] x\n",
    b"1.1.1.1 - 20261120 [20/Nov/2026:10:00:02 +0100] x\n", b"1.1.1.1 - [x] [20/Nov/2026:10:00:02 +0100] x\n",
    b'{"msg":"\\"ts\\":\\"2026-11-20T10:00:01.000Z\\"","ts":"2026-11-20T10:00:02.000Z"}\n', b'{"ts":"soon"}\n',
    b'{"time":"2026-11-20T10:00:01.000Z","ts":"2026-11-20T10:00:02.000Z"}\n', b"1795170667.4125 x\n", b"1795170667:1 x\n",
    b"[1795170667412] x\n", b"E1120 10:00:01.000123 7 x.go:1] x\n", b"X1120 10:00:01.000123 7 x.go:1] x\n",
    b"1120 10:00:01 x\n", b"9999-12-31T23:59:59.999Z INFO x\n", b"0000-11-20T10:00:01.000Z INFO x\n",
])  # fmt: skip


@settings(max_examples=300)
@given(
    st.sampled_from(FORMS + DAYS), st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
    st.sampled_from(["2026-10-25T00:30:00", "2026-03-29T00:30:00", "2026-11-01T00:10:00", "2026-11-20T23:50:00"]),
    st.sampled_from([0.0, 0.25, 59.0, 1_900.0, 90_000.0]), st.lists(st.tuples(st.integers(0, 30), _ODD), max_size=2),
    st.integers(0, 9),
)  # fmt: skip
def test_what_is_taken_is_what_each_line_says(
    form: str, zone: str, begin: str, step: float, odd: list[tuple[int, bytes]], seed: int
) -> None:
    at, some = clock(zone), lines(form, begin, 30, step)
    for place, line in odd:
        some.insert(place, line)
    if seed == 0:
        random.Random(step).shuffle(some)
    elif seed < 4:
        some[seed : seed + 5] = some[seed : seed + 5][::-1]
    columns = Columns(at)
    for stretch in (some[:10], some[10:], some):
        found = columns.keys(stretch, b"".join(stretch)) if stretch else None
        if found is None:
            continue
        moments: list[Any] = [at(line) for line in stretch]
        assert found.form.moments(found.written) == moments
        assert found.form.moments(found.keys) == list(accumulate(moments, max))
        assert (found.first, found.earliest, found.latest) == (moments[0], min(moments), max(moments))


def test_a_log_that_is_never_of_one_form_is_soon_left_alone() -> None:
    asked: list[bytes] = []
    plain = clock()

    def at(line: bytes) -> int | None:
        asked.append(line)
        return plain(line)

    columns, some = Columns(at), lines(FORMS[0], "2026-11-20T10:00:00", 20, 1.0)
    some.append(b"  at frame\n")
    for _ in range(50):
        assert columns.keys(some[::-1], b"".join(some[::-1])) is None
    assert len(asked) < 20 and columns.keys(some, b"".join(some)) is None
