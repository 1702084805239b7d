"""UTC with milliseconds; a moment without a zone is refused, not guessed."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.core.clock import from_epoch, now, parse_moment, stamp, to_utc

REFERENCE = datetime(2026, 11, 20, 10, 31, 7, 412_000, tzinfo=UTC)


def test_the_one_form() -> None:
    assert stamp(REFERENCE) == "2026-11-20T10:31:07.412Z"
    assert stamp(datetime(2026, 11, 20, 12, 31, 7, 412_999, tzinfo=timezone(timedelta(hours=2)))) == "2026-11-20T10:31:07.412Z"
    assert from_epoch(0) == datetime(1970, 1, 1, tzinfo=UTC)
    assert now().tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("now", REFERENCE),
        ("15m", REFERENCE - timedelta(minutes=15)),
        ("24h", REFERENCE - timedelta(days=1)),
        ("7d ago", REFERENCE - timedelta(days=7)),
        ("2026-11-20T10:31:07.412Z", REFERENCE),
        ("2026-11-20 11:31:07.412+01:00", REFERENCE),
    ],
)
def test_what_people_type(text: str, moment: datetime) -> None:
    assert parse_moment(text, REFERENCE) == moment


@pytest.mark.parametrize("text", ["", "soon", "2026-11-20T10:31:07", "15 parsecs", "9999999h"])
def test_what_cannot_be_a_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="zone"):
        parse_moment(text, REFERENCE)


def test_a_naive_moment_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        to_utc(datetime(2026, 11, 20))


@given(st.datetimes(timezones=st.just(UTC)))
def test_stamp_and_parse_are_inverse(moment: datetime) -> None:
    assert parse_moment(stamp(moment)) == to_utc(moment)
