"""Zones as lines name them."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mcp_server.logs.zones import abbreviation, iana, offset_zone, settled


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("+0200", 120),
        ("-08", -480),
        ("+05:30", 330),
        ("−0100", -60),
        ("GMT+2", 120),
        ("UTC-3", -180),
        ("+060", 60),
        ("-00:00", 0),
        ("+12:45", 765),
    ],
)
def test_offsets(text: str, minutes: int) -> None:
    zone = offset_zone(text)
    assert zone is not None
    assert zone.utcoffset(None) == timedelta(minutes=minutes)


@pytest.mark.parametrize("text", ["", "+", "+9999", "x", "+1:2", "+25:00"])
def test_what_is_no_offset(text: str) -> None:
    assert offset_zone(text) is None


@pytest.mark.parametrize(
    ("word", "minutes", "shared"),
    [
        ("PST", -480, True),
        ("pst", -480, True),
        ("CEST", 120, False),
        ("NPT", 345, False),
        ("EST", -300, True),
        ("GET", 240, False),
        ("MESZ", 120, False),
    ],
)
def test_abbreviations(word: str, minutes: int, shared: bool) -> None:
    found = abbreviation(word)
    assert found is not None
    assert (found[0].utcoffset(None), found[1]) == (timedelta(minutes=minutes), shared)


@pytest.mark.parametrize("word", ["get", "Cat", "art", "met", "FOO", "host", ""])
def test_words_are_no_zones(word: str) -> None:
    assert abbreviation(word) is None


def test_a_zone_settles_its_own_abbreviations_only() -> None:
    wall = datetime(2026, 7, 1, 12)
    dublin, kolkata = settled("IST", wall, ZoneInfo("Europe/Dublin")), settled("IST", wall, ZoneInfo("Asia/Kolkata"))
    assert dublin is not None
    assert kolkata is not None
    assert (dublin.utcoffset(None), kolkata.utcoffset(None)) == (timedelta(hours=1), timedelta(hours=5, minutes=30))
    assert settled("IST", datetime(2026, 1, 1), ZoneInfo("Europe/Dublin")) is None
    assert settled("CST", wall, None) is None


def test_names() -> None:
    assert iana("Europe/Berlin") == ZoneInfo("Europe/Berlin")
    assert iana("Europe/Nowhere") is None
    assert iana("../etc/passwd") is None
