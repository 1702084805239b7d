"""Boots, clocks set forward and back, and messages lost: on real journal files."""

from datetime import timedelta
from pathlib import Path

import pytest

from mcp_server.changes import boots
from mcp_server.core.change import Window
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.journal_calls import JournalEntry, JournalSeen
from mcp_server.engine.session import Session
from tests.changes.world import World, collect, spots
from tests.journal_files import BOOT, entry, write

pytestmark = pytest.mark.real
NEXT = "f" * 32
BEGAN, ENDED = "f77379a8490b408bbe5f6940505a777b", "d93fb3c9c24d451a97cea615ce59c00b"
DROPPED = "a596d6fe7bfa4994828e72309e95d61e"


@pytest.fixture
def host(world: World) -> World:
    world.journals = True
    return world


def seen(session: Session, host: World, window: Window, folder: Path) -> tuple[list[tuple[str, str]], str]:
    changes, coverage = collect(session, host, "boots", window, journal=str(folder))
    return [(item.kind, item.summary.told(str)) for item in changes], spots(coverage)


def test_a_quiet_journal(session: Session, host: World, window: Window, tmp_path: Path) -> None:
    at = window.since - timedelta(hours=1)
    write(tmp_path / "j", [entry(at + timedelta(minutes=i), f"n{i}") for i in range(170)])
    changes, coverage = collect(session, host, "boots", window, journal=str(tmp_path / "j"))
    assert changes == []
    assert not coverage.blind
    assert not coverage.cut
    assert len(coverage.empty) == 2


@pytest.mark.parametrize("orderly", [True, False])
def test_a_reboot_with_and_without_a_shutdown(
    session: Session, host: World, window: Window, tmp_path: Path, orderly: bool
) -> None:  # fmt: skip
    at = window.until - timedelta(minutes=30)
    end = {"MESSAGE_ID": ENDED} if orderly else {}
    write(tmp_path / "j", [
        entry(window.since - timedelta(hours=1), "before"), entry(at - timedelta(seconds=60), "the last words", _UID=0, **end),
        entry(at + timedelta(seconds=3), "Journal started", boot=NEXT, uptime_s=3, MESSAGE_ID=BEGAN, _UID=0),
        entry(at + timedelta(seconds=900), "Journal started", boot=NEXT, uptime_s=900, MESSAGE_ID=BEGAN, _UID=0),
    ])  # fmt: skip
    changes, coverage = collect(session, host, "boots", window, journal=str(tmp_path / "j"))
    (boot,) = changes
    assert (boot.kind, boot.at, boot.reference) == ("boot", at, NEXT[:12])
    told = "the host was booted; the last entry before it is 60 s older"
    assert boot.summary.told(str) == told + ("" if orderly else ", and no orderly shutdown was noted")
    assert not coverage.blind


def test_a_container_is_booted_on_an_old_machine(session: Session, host: World, window: Window, tmp_path: Path) -> None:
    at = window.until - timedelta(minutes=30)
    write(tmp_path / "j", [
        entry(window.since - timedelta(hours=1), "before"),
        entry(at, "Journal started", boot=NEXT, uptime_s=9e6, MESSAGE_ID=BEGAN, _UID=0),
    ])  # fmt: skip
    assert [item.at for item in collect(session, host, "boots", window, journal=str(tmp_path / "j"))[0]] == [at]


def test_a_clock_set_back_is_seen_without_any_message(session: Session, host: World, window: Window, tmp_path: Path) -> None:
    at = window.since + timedelta(minutes=30)
    rows = [entry(window.since - timedelta(hours=1), "before", uptime_s=10_000)]
    rows += [entry(at + timedelta(seconds=i), "x", uptime_s=15_400 + i, SYSLOG_IDENTIFIER="chronyd") for i in range(3)]
    back = timedelta(seconds=400)
    rows += [
        entry(at - back + timedelta(seconds=i), "y", uptime_s=15_400 + i, SYSLOG_IDENTIFIER="chronyd") for i in range(5, 9)
    ]
    write(tmp_path / "j", rows)
    told, blind = seen(session, host, window, tmp_path / "j")
    assert told == [("clock", "the clock was set back by 400.0 s")]
    assert blind == ""
    (change,) = collect(session, host, "boots", window, journal=str(tmp_path / "j"))[0]
    assert change.doubt_ms == 3_000, "somewhere between two entries"


def test_a_step_forward_is_told_in_the_words_of_who_made_it(
    session: Session, host: World, window: Window, tmp_path: Path
) -> None:  # fmt: skip
    at = window.since + timedelta(minutes=30)
    write(tmp_path / "j", [
        entry(window.since - timedelta(hours=1), "before", uptime_s=10_000),
        entry(at, "System clock was stepped by 90.0 seconds", uptime_s=15_310, SYSLOG_IDENTIFIER="chronyd"),
        entry(at, "Clock change detected. Flushing caches.", uptime_s=15_310, SYSLOG_IDENTIFIER="systemd-resolved"),
        entry(at + timedelta(seconds=600), "Selected source 10.0.0.1", uptime_s=15_910, SYSLOG_IDENTIFIER="chronyd"),
    ])  # fmt: skip
    told, _ = seen(session, host, window, tmp_path / "j")
    assert told == [
        ("clock", "the clock was set forward, or the host slept, by 90.0 s: System clock was stepped by 90.0 seconds")
    ]


def test_messages_that_were_lost_are_said(session: Session, host: World, window: Window, tmp_path: Path) -> None:
    write(tmp_path / "j", [
        entry(window.since - timedelta(hours=1), "before"),
        entry(window.since + timedelta(hours=1), "Suppressed 500 messages", MESSAGE_ID=DROPPED, _UID=0),
    ])  # fmt: skip
    assert "messages were dropped or missed 1 time between" in seen(session, host, window, tmp_path / "j")[1]


def test_forged_entries_of_ordinary_users_are_no_boots(session: Session, host: World, window: Window, tmp_path: Path) -> None:
    at = window.since + timedelta(hours=1)
    write(tmp_path / "j", [
        entry(window.since - timedelta(hours=1), "before"), entry(at, "System is down", MESSAGE_ID=DROPPED, _UID=1000),
    ])  # fmt: skip
    assert seen(session, host, window, tmp_path / "j") == ([], "")


def test_sleep_and_slewing_are_no_steps() -> None:
    from mcp_server.core.clock import parse_moment

    start = parse_moment("2026-11-20T10:00:00Z")

    def series(*rows: tuple[float, float, str]) -> list[JournalEntry]:
        return [
            JournalEntry(at=start + timedelta(seconds=a), uptime_s=b, boot=BOOT, fields={"MESSAGE_ID": c}) for a, b, c in rows
        ]

    assert not list(boots.steps(series((0, 0, ""), (36_010, 36_000, ""))))
    assert not list(boots.steps(series((0, 0, ""), (7_200, 100, "8811e6df2a8e40f58a94cea26f8ebf14"))))
    assert [step.by.total_seconds() for step in boots.steps(series((0, 0, ""), (7_200, 100, "")))] == [7_100]
    assert not list(boots.steps(series((0, 5, ""))))


def test_no_journal_a_closed_one_and_a_damaged_one(session: Session, world: World, window: Window, tmp_path: Path) -> None:
    for reason, detail in (("missing", "there is no journal here"), ("denied", "permission denied"), ("damaged", "corrupted")):
        world.answers["journal"] = CouldNotLook("journal", reason, detail, "name the folder")  # type: ignore[arg-type]
        changes, coverage = collect(session, world, "boots", window)
        assert changes == []
        assert spots(coverage).startswith(f"journal ({reason}: {detail}; ")
        assert not coverage.empty
    world.answers["journal"] = JournalSeen()
    assert "it holds nothing from before" in spots(collect(session, world, "boots", window)[1])
