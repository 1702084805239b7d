"""Crontabs and the jobs that ran: in the journal, else in the log of syslog."""

from datetime import timedelta
from pathlib import Path

import pytest

from mcp_server.core.change import Window
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.journal_calls import JournalEntry, JournalSeen
from mcp_server.core.log_calls import LogDoubt, LogHits, LogRecord, LogSeen
from mcp_server.engine.session import Session
from tests.changes.world import World, collect, spots
from tests.journal_files import entry, write

NO_JOURNAL = CouldNotLook("journal", "missing", "there is no journal here", "name the folder")


@pytest.fixture
def host(world: World) -> World:
    world.answers["journal"] = JournalSeen(entries=(JournalEntry(at=world.moment - timedelta(days=9)),))
    return world


def test_nothing_ran_and_nothing_was_edited(session: Session, host: World, window: Window) -> None:
    changes, coverage = collect(session, host, "cron", window)
    assert changes == []
    assert len(coverage.empty) == 2
    assert not coverage.blind


def test_an_edit_knows_what_the_crontab_runs(session: Session, host: World, window: Window) -> None:
    at, old = window.until - timedelta(minutes=20), window.since - timedelta(days=3)
    host.file("/etc/cron.d/shop", "# x\nSHELL=/bin/sh\n*/5 * * * * shop /srv/shop/bin/job --out /srv/data/x.csv\n", at)
    host.file("/var/spool/cron/crontabs/root", "@daily systemctl restart shop\n", at)
    host.file("/etc/cron.daily/backup", "#!/bin/sh\n/srv/never/read\n", at)
    host.file("/etc/crontab", "1 2 3 4 5 root /old\n", old)
    changes, coverage = collect(session, host, "cron", window)
    told = {item.component: item for item in changes if item.kind == "edit"}
    assert set(told["/etc/cron.d/shop"].clues) == {
        "path:/etc/cron.d/shop", "path:/srv/shop/bin/job", "path:/srv/data/x.csv",
    }  # fmt: skip
    assert "unit:shop.service" in told["/var/spool/cron/crontabs/root"].clues
    assert told["/etc/cron.daily/backup"].clues == ("path:/etc/cron.daily/backup",)
    assert told["/etc/cron.d/shop"].at == at
    assert not coverage.blind


@pytest.mark.real
def test_jobs_of_a_real_journal(session: Session, world: World, window: Window, tmp_path: Path) -> None:
    def ran(minutes: float, text: str, **fields: object) -> dict[str, object]:
        told = {"_COMM": "cron", "SYSLOG_IDENTIFIER": "CRON", **fields}
        return entry(window.since + timedelta(minutes=minutes), text, **told)  # type: ignore[arg-type]

    rows = [ran(5 * i, "(root) CMD (/srv/shop/bin/tick)") for i in range(20)]
    rows += [ran(6, "pam_unix(cron:session): session opened for user root"), ran(7, "(root) CMD (forged)", _COMM="logger")]
    rows += [ran(8, "Job `cron.daily' started", _COMM="anacron"), ran(8, "(jdoe) CMD (tar czf /srv/b.tgz /srv/data)")]
    rows += [ran(70 + i, f"(root) CMD (/opt/job-{name})") for i, name in enumerate("abcdefghijklmnop")]
    rows.sort(key=lambda item: str(item["__REALTIME_TIMESTAMP"]))
    folder = write(tmp_path / "j", [entry(window.since - timedelta(hours=1), "before"), *rows])
    world.journals = True
    changes, coverage = collect(
        session, world, "cron", window, journal=str(folder), onset=window.since + timedelta(minutes=41)
    )  # fmt: skip
    assert not coverage.blind
    told = [(item.component, item.summary.values.get("count")) for item in changes]
    assert told[:3] == [("cron.daily", None), ("tar", None), ("tick", 20)]
    tick = changes[2]
    assert tick.at == window.since + timedelta(minutes=40)
    assert tick.clues == ("path:/srv/shop/bin/tick",)
    assert len(changes) == 13
    assert changes[-1].component == "7 jobs of cron"
    assert "jdoe" not in "".join(item.model_dump_json() for item in changes)


def test_without_a_journal_the_log_of_syslog_tells(session: Session, world: World, window: Window) -> None:
    at = window.since + timedelta(minutes=1)
    world.answers["journal"] = NO_JOURNAL
    world.file("/var/log/syslog", "")
    world.answers["log_search"] = LogHits(
        seen=LogSeen(doubts=(LogDoubt(what="/var/log/syslog", reason="damaged", detail="half a line"),)),
        records=(
            LogRecord(text="Nov 20 10:00:01 web1 CRON[7]: (root) CMD (/opt/job)", at=at),
            LogRecord(text="Nov 20 10:00:01 web1 x: ) CMD (", at=at), LogRecord(text="(root) CMD (no time)"),
        ),
        cursor="more",
    )  # fmt: skip
    (change,), coverage = collect(session, world, "cron", window)
    assert (change.component, change.at, change.stamp) == ("job", at, "Nov 20 10:00:01")
    assert "/var/log/syslog (damaged: half a line" in spots(coverage)
    assert "only the first of the window were read" in spots(coverage)


def test_every_way_of_not_seeing(session: Session, world: World, window: Window) -> None:
    world.answers["journal"] = NO_JOURNAL
    assert "journal (missing: there is no journal here" in spots(collect(session, world, "cron", window)[1])
    world.answers["journal"] = CouldNotLook("journal", "denied", "permission denied", "add the account to group adm")
    assert "journal (denied: permission denied" in spots(collect(session, world, "cron", window)[1])
    world.refuse["/var/spool/cron"] = CouldNotLook("/var/spool/cron", "denied", "permission denied", "run as root")
    assert "/var/spool/cron (denied: permission denied; run as root)" in spots(collect(session, world, "cron", window)[1])
    world.file("/etc/cron.d/shop", "* * * * * root /x/y\n", window.until - timedelta(minutes=1))
    world.refuse["/etc/cron.d/shop"] = CouldNotLook("/etc/cron.d/shop", "denied", "permission denied", "run as root")
    changes, coverage = collect(session, world, "cron", window)
    assert [item.clues for item in changes] == [("path:/etc/cron.d/shop",)]
    assert "commands in /etc/cron.d/shop (denied" in spots(coverage)


def test_a_damaged_crontab_is_still_an_edit(session: Session, host: World, window: Window) -> None:
    host.file("/etc/crontab", b"\xff\x00\xfe * * \n'unfinished", window.until - timedelta(minutes=1))
    assert [item.component for item in collect(session, host, "cron", window)[0]] == ["/etc/crontab"]


def test_a_file_dated_in_the_future_is_seen_by_its_inode(session: Session, host: World, window: Window) -> None:
    host.file("/etc/crontab", "", window.until + timedelta(days=400))
    (change,) = collect(session, host, "cron", window)[0]
    assert change.kind == "attributes"
    assert window.since <= change.at <= window.until
