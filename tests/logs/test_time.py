"""Stamps as programs write them, and everything that only looks like one. The cases stand in stamps.txt."""

import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.core.clock import stamp
from mcp_server.logs.dialects import plain
from mcp_server.logs.time import Stamp, find_stamp, parse, stamp_of

NOW = datetime(2026, 11, 20, 10, 32, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
SHANGHAI = ZoneInfo("Asia/Shanghai")
_DATA = (Path(__file__).parent / "stamps.txt").read_text(encoding="utf-8").replace("\\e", "\x1b")
CASES = [tuple(line.split(" | ", 1)) for line in _DATA.splitlines() if line and not line.startswith("#")]


def said(found: Stamp | None) -> str:
    """What a stamp says in the notation of stamps.txt."""
    if found is None:
        return "-"
    if found.elapsed is not None:
        clock = datetime.min + found.elapsed
        seconds = f"{found.elapsed.total_seconds():.6f}".rstrip("0")
        return f"boot {seconds}" if found.kind == "boot" else f"clock {clock:%H:%M:%S}" + fraction(found.ns)
    assert found.moment is not None
    wall = found.moment.astimezone(UTC) if found.moment.tzinfo else found.moment
    return f"{wall:%Y-%m-%dT%H:%M:%S}" + fraction(found.ns) + ("Z" if found.moment.tzinfo else "")


def fraction(ns: int) -> str:
    return f".{ns:09d}".rstrip("0") if ns else ""


@pytest.mark.parametrize(("expected", "line"), CASES, ids=[line[:48] for _, line in CASES])
def test_dialects(expected: str, line: str) -> None:
    if expected.count(":") == 1 and "T" in expected:
        expected += ":00"
    assert said(parse(line, NOW)) == expected


def test_a_stamp_keeps_its_text_its_dialect_and_the_rule_of_its_zone() -> None:
    line = "<34>Nov 20 11:31:07 CST host su: no"
    found = parse(line, NOW, SHANGHAI)
    assert found is not None
    assert (line[found.start :][: len(found.text)], found.dialect, found.zone) == (found.text, "month name", "line")
    assert found.text == "Nov 20 11:31:07 CST"
    assert found.assumed == {"year"}
    assert found.utc() == datetime(2026, 11, 20, 3, 31, 7, tzinfo=UTC)


def test_a_shared_abbreviation_means_what_the_source_means_and_else_the_commonest_with_a_doubt() -> None:
    line = "2026-11-20 11:31:07 CST x"
    here, there = parse(line, NOW, SHANGHAI), parse(line, NOW, BERLIN)
    assert here is not None
    assert there is not None
    assert (here.utc(), here.assumed) == (datetime(2026, 11, 20, 3, 31, 7, tzinfo=UTC), frozenset())
    assert (there.utc(), there.assumed) == (datetime(2026, 11, 20, 17, 31, 7, tzinfo=UTC), {"zone"})


def test_day_or_month_first_is_marked_where_it_is_a_guess() -> None:
    doubtful, sure = parse("03/04/2026 10:31:07 x", NOW), parse("03/14/2026 10:31:07 x", NOW)
    assert doubtful is not None
    assert sure is not None
    assert (doubtful.assumed, sure.assumed) == ({"order"}, frozenset())


def test_utc_is_given_in_milliseconds() -> None:
    found = stamp_of("2026-11-20 11:31:07.4129 x", BERLIN, NOW)
    assert found is not None
    assert stamp(found) == "2026-11-20T10:31:07.412Z"
    assert found.microsecond == 412_000


@pytest.mark.parametrize("line", ["9999-12-31 23:59:59 -1200", "0001-01-01 00:00:00 +1200", "2026-11-20 10:31:07 +99:99 x"])
def test_moments_that_no_clock_can_show(line: str) -> None:
    assert stamp_of(line, BERLIN, NOW) is None


def test_a_stamp_without_a_zone_is_found_naive() -> None:
    found = find_stamp("2026/11/20 10:30:58 [error]", NOW)
    assert found is not None
    assert found.tzinfo is None
    assert stamp_of("2026/11/20 10:30:58 [error]", UTC, NOW) == found.replace(tzinfo=UTC)


def test_a_year_that_is_not_named_is_the_latest_not_over_a_day_ahead() -> None:
    soon = stamp_of("Nov 20 20:00:00 x", UTC, NOW)
    later = stamp_of("Nov 22 20:00:00 x", UTC, NOW)
    assert soon is not None
    assert later is not None
    assert (soon.year, later.year) == (2026, 2025)


@given(st.text(max_size=600))
def test_never_raises(line: str) -> None:
    found = stamp_of(line, UTC, NOW)
    assert found is None or found.utcoffset() == timedelta(0)


_PIECES = """2026 26 11 20 1120 10:31:07 10-31-07 103107 T Z + - / . , : [ ] ( ) { } " ' = | ; @4 0 9 99 +01:00 -0700 UTC GET
AM p.m. Nov november. Mai Fri, 1795170667 1795170667412 .412 ,412 .123456789 ts= time= "time":" "ts": <34>1 audit( UPID: I1120
[pid 年11月"""


@given(
    st.lists(st.sampled_from([*_PIECES.split(), " ", "  ", "\t", "\u2212", "\ufeff", "\0", "\ud800"]), max_size=25).map("".join)
)
def test_never_raises_near_the_real_forms(line: str) -> None:
    for zone in (UTC, BERLIN, None):
        found = stamp_of(line, zone, NOW)
        assert found is None or found.tzinfo is UTC
    whole = parse(line, NOW)
    assert whole is None or (plain(line)[whole.start :].startswith(whole.text) and 0 <= whole.ns < 10**9)


_ZONES = st.integers(-14 * 4, 14 * 4).map(lambda quarters: timezone(timedelta(minutes=15 * quarters)))
_MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2068, 12, 31))
_FORMATS = """
%Y-%m-%dT%H:%M:%S.%f%z
%Y-%m-%d %H:%M:%S.%f %z
%Y-%m-%d %H:%M:%S,%f%z
%Y-%m-%d+%H-%M-%S.%f %z
%Y/%m/%d %H:%M:%S.%f %z
%Y%m%dT%H%M%S.%f%z
[%d/%b/%Y:%H:%M:%S %z]
%d-%b-%Y %H:%M:%S.%f %z
%d %B %Y %H:%M:%S,%f %z
%a, %d %b %Y %H:%M:%S %z
%a %b %d %H:%M:%S.%f %Y %z
%a %b %d %H:%M:%S %z %Y
%A, %b %d %Y %H:%M:%S %z
%b %d %Y %H:%M:%S.%f %z
%B %d, %Y %I:%M:%S %p %z
%Y %b %d %H:%M:%S %z
%d.%m.%Y %H:%M:%S.%f %z""".strip().splitlines()


@given(_MOMENTS, _ZONES, st.sampled_from(_FORMATS), st.sampled_from(["", "ERROR: ", "[", "<34>", "app "]))
def test_what_strftime_writes_is_read_back(moment: datetime, zone: timezone, form: str, before: str) -> None:
    moment = moment.replace(tzinfo=zone, microsecond=moment.microsecond if "%f" in form else 0)
    if "%d.%m." in form and moment.day <= 12:
        moment = moment.replace(day=13)
    found = parse(f"{before}{moment.strftime(form)} message 12", NOW)
    assert found is not None
    assert found.utc() == moment.astimezone(UTC)


@pytest.mark.parametrize(
    "piece", ["1", "10:", "2026-11-20 ", "Nov ", "[", "{", '{"time":', '"', " ", "20/Nov/2026:", "a=", "年", "+01:00"]
)
def test_a_line_of_ten_megabytes_costs_only_its_head(piece: str) -> None:
    line = piece * (10_000_000 // len(piece))
    began = time.process_time()
    for _ in range(20):
        parse(line, NOW)
    assert time.process_time() - began < 1
