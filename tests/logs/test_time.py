"""Stamps as programs write them, and everything that only looks like one."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.core.clock import stamp
from mcp_server.logs.time import find_stamp, stamp_of

NOW = datetime(2026, 11, 20, 10, 32, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2026-11-20T10:31:07.412Z start", "2026-11-20T10:31:07.412Z"),
        ("2026-11-20T12:31:07+02:00 start", "2026-11-20T10:31:07.000Z"),
        ("2026-11-20 12:31:07.5 +0200 start", "2026-11-20T10:31:07.500Z"),
        ("2026-11-20 10:31:07 UTC [12] LOG:  ready", "2026-11-20T10:31:07.000Z"),
        ("2026-11-20 11:31:07,412 ERROR shop: no", "2026-11-20T10:31:07.412Z"),
        ("2026/11/20 11:30:58 [error] 1#1: *1 no", "2026-11-20T10:30:58.000Z"),
        ("[2026-11-20 10:31:07 +0000] [411] [INFO] up", "2026-11-20T10:31:07.000Z"),
        ('10.0.0.1 - - [20/Nov/2026:10:31:07 +0000] "GET / HTTP/1.1" 200 1', "2026-11-20T10:31:07.000Z"),
        ("[Fri Nov 20 11:31:07.412345 2026] [core:error] no", "2026-11-20T10:31:07.412Z"),
        ("Nov 20 11:31:07 host sshd[1]: no", "2026-11-20T10:31:07.000Z"),
        ("<34>Nov 20 11:31:07 host su: no", "2026-11-20T10:31:07.000Z"),
        ("<34>1 2026-11-20T10:31:07.003Z host su - - no", "2026-11-20T10:31:07.003Z"),
        ("Dec 31 23:59:59 host x: last year", "2025-12-31T22:59:59.000Z"),
        ("Feb 29 12:00:00 host x: the last leap day", "2024-02-29T11:00:00.000Z"),
        ("1795170667.412 squid", "2026-11-20T10:31:07.412Z"),
        ("1795170667412 millis", "2026-11-20T10:31:07.412Z"),
        ('{"level":"error","time":"2026-11-20T10:31:07Z","msg":"no"}', "2026-11-20T10:31:07.000Z"),
        ('{"ts":1795170667.5,"msg":"no"}', "2026-11-20T10:31:07.500Z"),
        ('time="2026-11-20T10:31:07Z" level=error msg=no', "2026-11-20T10:31:07.000Z"),
        ("ERROR 2026-11-20 11:31:07,412 shop no", "2026-11-20T10:31:07.412Z"),
    ],
)
def test_known_forms(line: str, expected: str) -> None:
    found = stamp_of(line, BERLIN, NOW)
    assert found is not None
    assert stamp(found) == expected


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ValueError: time data '2026-11-20 10:31:07' does not match",
        "2026-13-45 10:31:07 no such month",
        "2026-02-31 10:31:07 no such day",
        "2026-11-20 25:31:07 no such hour",
        "Foo 20 11:31:07 no such month",
        "0000-00-00 00:00:00",
        "9999-12-31 23:59:59 -1200",
        "0001-01-01 00:00:00 +1200",
        "2026-11-20 10:31:07 +99:99 no such zone",
        "12345 lines",
    ],
)
def test_what_is_no_stamp(line: str) -> None:
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


@given(st.from_regex(r"[\[<{]?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d([.,]\d{1,9})?( ?[+-]\d\d:?\d\d)?", fullmatch=True))
def test_never_raises_near_the_real_forms(line: str) -> None:
    for zone in (UTC, BERLIN, None):
        stamp_of(line, zone, NOW)
