"""What a stamp leaves out is told in milliseconds."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from mcp_server.logs.time import doubt_of


@pytest.mark.parametrize(
    ("line", "doubt_ms"),
    [
        ("2026-11-20 10:31:07 x", 999),
        ("2026-11-20 10:31:07.1 x", 99),
        ("2026-11-20 10:31:07,120 x", 0),
        ("2026-11-20T10:31:07.000Z a whole second that is meant", 0),
        ("2026-11-20T10:31:07+01:00 x", 999),
        ("2026-11-20 10:31 x", 59_999),
        ("Nov 20 10:31:07 h a: x", 999),
        ('1.2.3.4 - - [20/Nov/2026:10:31:07 +0000] "GET / HTTP/1.1" 200 1', 999),
        ("[Fri Nov 20 10:31:07.123456 2026] [error] x", 0),
        ("E1120 10:31:07.123456 1 x.go:1] x", 0),
        ("1763634667 x", 999),
        ("1763634667.12 x", 9),
        ("1763634667000 x", 0),
        ("no stamp", 999),
        ("2026-11-20 10:31:07.120 the first line counts\n2026-11-20 10:31:07 x", 0),
    ],
)
def test_doubt_of_a_stamp(line: str, doubt_ms: int) -> None:
    assert doubt_of(line) == doubt_ms


@pytest.mark.parametrize(
    ("line", "zone", "doubt_ms"),
    [
        ("2026-10-25 02:30:00.000 x", "Europe/Berlin", 3_600_000),
        ("2026-10-25 01:59:59.999 x", "Europe/Berlin", 0),
        ("2026-10-25 03:00:00.000 x", "Europe/Berlin", 0),
        ("2026-10-25T02:30:00.000+02:00 it says which", "Europe/Berlin", 0),
        ("2026-10-25 02:30:00 x", "Europe/Berlin", 3_600_999),
        ("2026-04-05 01:45:00.000 half an hour", "Australia/Lord_Howe", 1_800_000),
        ("2026-03-29 02:30:00.000 an hour that never was", "Europe/Berlin", 3_600_000),
        ("0001-01-01 00:00:00.000 x", "Europe/Berlin", 0),
    ],
)
def test_an_hour_that_the_clock_showed_twice_is_in_doubt(line: str, zone: str, doubt_ms: int) -> None:
    assert doubt_of(line, ZoneInfo(zone)) == doubt_ms
    assert doubt_of(line, UTC) < 1_000


def test_the_year_that_a_stamp_leaves_out_decides_whether_it_is_in_doubt() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    for year, twice in ((2025, 0), (2026, 3_600_000)):  # in 2025 it was the 26th
        assert doubt_of("Oct 25 02:30:00 h a: x", berlin, datetime(year, 10, 25, 0, 30, tzinfo=UTC)) == 999 + twice
    assert doubt_of("no stamp of its own", berlin, datetime(2026, 10, 25, 0, 30, tzinfo=UTC)) == 3_600_999
