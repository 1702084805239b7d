"""From what systemd writes to what happened: restarts, failures and their episodes, timers by the hundred."""

from datetime import UTC, datetime, timedelta

from mcp_server.core import unit_events as units
from mcp_server.core.journal_calls import JournalEntry
from mcp_server.core.recurring import nearest
from mcp_server.core.unit_events import Happening, family, happenings

START = datetime(2026, 11, 20, 10, tzinfo=UTC)


def said(seconds: float, kind: str, unit: str = "shop.service", message: str = "Started", **fields: str) -> JournalEntry:
    told = {"MESSAGE_ID": kind, "UNIT": unit, "MESSAGE": message, **fields}
    return JournalEntry(at=START + timedelta(seconds=seconds), fields=told)


def kinds(found: list[Happening]) -> list[tuple[str, str, float]]:
    return [(item.unit, item.kind, (item.at - START).total_seconds()) for item in found]


def test_start_stop_reload_and_run() -> None:
    found = happenings([
        said(0, units.STARTED), said(1, units.RELOADED), said(2, units.STOPPED, JOB_TYPE="stop"),
        said(3, units.STARTED, "job.service", "Finished job.service - Job."),
        said(4, units.STARTED, "x.service", "x.service - X was skipped because of an unmet condition check"),
        said(5, units.STARTED, "basic.target"), said(6, units.STARTED, "user@1000.service"),
        JournalEntry(at=START + timedelta(seconds=7), fields={"MESSAGE": "Reloading."}),
        JournalEntry(at=START + timedelta(seconds=8), fields={"MESSAGE": "Something else by that function"}),
    ])  # fmt: skip
    assert kinds(found) == [
        ("shop.service", "start", 0), ("shop.service", "reload", 1), ("shop.service", "stop", 2), ("job.service", "run", 3),
        ("systemd", "daemon-reload", 7),
    ]  # fmt: skip


def test_a_restart_is_one_happening_from_its_stop_and_one_that_never_ends_is_a_stop() -> None:
    again = [said(0, units.STOPPED, JOB_TYPE="restart"), said(5, units.STARTED)]
    assert kinds(happenings(again)) == [("shop.service", "restart", 0)]
    assert kinds(happenings(again[:1])) == [("shop.service", "stop", 0)]


def crash(seconds: float) -> list[JournalEntry]:
    return [
        said(seconds, units.EXITED, EXIT_CODE="exited", EXIT_STATUS="3"), said(seconds, units.FAILED, UNIT_RESULT="exit-code"),
        said(seconds + 1, units.RESTARTING),
        said(seconds + 1, units.STOPPED, JOB_TYPE="restart"), said(seconds + 1, units.STARTED),
    ]  # fmt: skip


def test_a_crash_loop_is_one_trouble_from_its_first_failure() -> None:
    entries = [entry for i in range(50) for entry in crash(i * 60)]
    entries += [said(3_002, units.FAILED, UNIT_RESULT="exit-code"), said(3_002, units.NOT_STARTED, JOB_RESULT="failed")]
    (trouble,) = happenings(entries)
    assert (trouble.kind, trouble.at, trouble.count, trouble.why, trouble.status) == (
        "fail",
        START,
        51,
        "exit-code",
        "exited 3",
    )
    assert trouble.last == START + timedelta(seconds=3_002)


def test_troubles_far_apart_are_told_apart() -> None:
    assert kinds(happenings([*crash(0), *crash(3_600)])) == [("shop.service", "fail", 0), ("shop.service", "fail", 3_600)]
    many = happenings([entry for i in range(10) for entry in crash(i * 3_600)], START + timedelta(hours=5, minutes=1))
    assert [(item.count, item.at - START) for item in many] == [(10, timedelta(hours=5))]


def test_a_dependency_that_failed_and_a_restart_after_a_clean_end() -> None:
    assert [item.why for item in happenings([said(0, units.NOT_STARTED, JOB_RESULT="dependency")])] == ["dependency"]
    clean = [said(0, units.RESTARTING), said(0, units.STOPPED, JOB_TYPE="restart"), said(1, units.STARTED)]
    assert [(item.kind, item.why) for item in happenings(clean)] == [("restart", "automatic")]


def test_what_recurs_is_told_by_its_last_time_before_the_onset() -> None:
    entries = [said(i * 300, units.STARTED, "job.service", "Finished job") for i in range(288)]
    for onset, seconds in ((None, 287 * 300), (START + timedelta(seconds=3_700), 3_600), (START - timedelta(hours=1), 0)):
        (row,) = happenings(entries, onset)
        assert ((row.at - START).total_seconds(), row.count) == (seconds, 288)
        assert (row.first, row.last) == (START, START + timedelta(seconds=287 * 300))


def test_units_of_one_template_are_told_as_one() -> None:
    entries = [said(i, units.STARTED, f"sshd@{i}-10.0.0.{i}:22.service") for i in range(40)]
    (row,) = happenings(entries)
    assert (row.unit, len(row.units), row.count) == ("sshd@*.service", 40, 40)
    few = happenings([said(i, units.STARTED, f"worker@{i}.service") for i in range(3)])
    assert [item.unit for item in few] == ["worker@0.service", "worker@1.service", "worker@2.service"]
    made = [said(i, units.STARTED, f"run-u{i:04}.service") for i in range(40)]
    assert [item.unit for item in happenings(made)] == ["run-*.service"]


def test_families() -> None:
    assert family("shop.service") == "shop.service"
    assert family("shop@a.b.service") == "shop@*.service"
    assert family("a" * 64 + "-1f.timer") == "*.timer"


def test_the_nearest_before_the_onset_come_first() -> None:
    row = [Happening(unit=f"{i}.service", kind="run", at=START + timedelta(seconds=i)) for i in range(10)]
    near, rest = nearest(row, START + timedelta(seconds=5), 4)
    assert [item.unit[0] for item in near] == ["2", "3", "4", "5"]
    assert len(rest) == 6
    assert [item.unit[0] for item in nearest(row, START - timedelta(seconds=1), 2)[0]] == ["0", "1"]
    assert [item.unit[0] for item in nearest(row, None, 2)[0]] == ["8", "9"]
