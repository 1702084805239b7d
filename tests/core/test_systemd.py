"""Units in the words of `systemctl show`; whole outputs of a real one are in tests/cases/service_status."""

from datetime import UTC, datetime, timedelta

import pytest

from mcp_server.core.systemd import Unit, moment, read_unit

NOW = datetime(2026, 11, 20, 12, 54, 31, tzinfo=UTC)


def unit(**more: object) -> Unit:
    return Unit.model_validate({"name": "shop.service", "load": "loaded", "state": "active"} | more)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fri 2026-11-20 12:54:25.093126 UTC", "2026-11-20T12:54:25.093126+00:00"),
        ("Fri 2026-11-20 12:54:25 UTC", "2026-11-20T12:54:25+00:00"),
        ("Fri 2026-11-20 12:54:25 CET", None),  # three letters name several zones
        ("Fri 2026-13-40 12:54:25 UTC", None),
        ("n/a", None),
        ("", None),
    ],
)
def test_moments(text: str, expected: str | None) -> None:
    found = moment(text)
    assert (found.isoformat() if found else None) == expected


def test_a_value_may_hold_equal_signs_and_a_number_may_be_absent() -> None:
    found = read_unit("Id=a.service\nActiveState=active\nTriggeredBy=x=y\nNRestarts=[not set]\nWorkingDirectory=!/srv/shop\n")
    assert found is not None
    assert (found.triggered_by, found.restarts, found.paths) == ("x=y", 0, ("/srv/shop",))


@pytest.mark.parametrize("text", ["", "Failed to connect to bus", "Id=a.service\n", "ActiveState=active\n"])
def test_what_is_no_answer_is_no_unit(text: str) -> None:
    assert read_unit(text) is None


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"state": "failed", "result": "start-limit-hit"}, True),
        ({"state": "failed", "result": "exit-code", "restart": "always", "restarts": 3}, True),
        ({"state": "failed", "result": "exit-code", "restart": "no", "restarts": 0}, False),
        ({"state": "active", "restart": "always", "restarts": 3}, False),
    ],
)
def test_giving_up(more: dict[str, object], expected: bool) -> None:
    assert unit(**more).gave_up() is expected


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"state": "activating", "sub": "auto-restart", "restarts": 1}, True),
        ({"state": "activating", "sub": "auto-restart", "restarts": 0}, False),
        ({"restarts": 3, "started": NOW - timedelta(seconds=599)}, True),
        ({"restarts": 3, "started": NOW - timedelta(seconds=601)}, False),
        ({"restarts": 2, "started": NOW}, False),
        ({"restarts": 9, "started": None}, False),  # when it started last is not known: no loop is claimed
    ],
)
def test_looping(more: dict[str, object], expected: bool) -> None:
    assert unit(**more).loops(NOW, 3, 600) is expected
