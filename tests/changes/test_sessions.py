"""Logins and commands by sudo: on real journal files, with secrets left behind and nobody named."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.change import Change, Window
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.journal_calls import JournalEntry, JournalSeen
from mcp_server.core.outcome import Coverage
from mcp_server.engine.session import Session
from tests.changes.world import World, collect, spots
from tests.journal_files import entry, write

SESSION = "8d45620c1a4348dbb17410da57c60c66"


@pytest.fixture
def host(world: World) -> World:
    world.journals = True
    return world


def sudo(at: datetime, command: str, tty: str = "pts/0", **fields: Any) -> dict[str, object]:
    told = f"   jdoe : TTY={tty} ; PWD=/srv/shop ; USER=root ; COMMAND={command}"
    return entry(at, told, _COMM="sudo", SYSLOG_IDENTIFIER="sudo", **fields)


def seen(
    session: Session, host: World, window: Window, folder: Path, rows: list[dict[str, object]], **scope: Any
) -> tuple[list[Change], Coverage]:  # fmt: skip
    write(folder, [entry(window.since - timedelta(hours=1), "before"), *rows])
    return collect(session, host, "sessions", window, journal=str(folder), **scope)


@pytest.mark.real
def test_commands_with_what_they_touch_and_nobody_named(
    session: Session, host: World, window: Window, tmp_path: Path
) -> None:  # fmt: skip
    at = window.since + timedelta(minutes=10)
    refused = "    jdoe : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/srv ; USER=root ; COMMAND=/usr/sbin/reboot"
    changes, coverage = seen(session, host, window, tmp_path / "j", [
        sudo(at, "/usr/bin/systemctl restart shop"), sudo(at + timedelta(minutes=1), "/usr/bin/vi config/app.yaml"),
        sudo(at + timedelta(minutes=2), "/usr/bin/journalctl -u shop"),
        entry(at + timedelta(minutes=2), "pam_unix(sudo:session): session opened for user root", _COMM="sudo"),
        sudo(at + timedelta(minutes=3), "/usr/bin/mysql --password=hunter2hunter2 -e x"),
        entry(at + timedelta(minutes=4), refused, _COMM="sudo"),
        entry(at + timedelta(minutes=5), "(to postgres) jdoe on pts/0", _COMM="su"),
        entry(at + timedelta(minutes=5), "jdoe: Executing command [USER=root] [CWD=/] [COMMAND=/usr/bin/rm /srv/a/b]",
              _COMM="pkexec"),
    ])  # fmt: skip
    told = [(item.kind, item.component, item.classes, item.clues) for item in changes]
    assert told == [
        ("command", "systemctl", ("runtime",), ("unit:shop.service",)),
        ("command", "vi", ("configuration",), ("path:/srv/shop/config/app.yaml",)),
        ("command", "mysql", ("other",), ()),
        ("refused", "reboot", ("runtime",), ()),
        ("command", "su", ("other",), ()),
        ("command", "rm", ("other",), ("path:/srv/a/b",)),
    ]
    everything = " ".join(item.model_dump_json() for item in changes)
    assert "hunter2" not in everything
    assert "jdoe" not in everything
    assert changes[0].summary.told(str) == "sudo ran /usr/bin/systemctl restart shop"
    assert changes[3].summary.told(str) == "sudo refused to run /usr/sbin/reboot: 3 incorrect password attempts"
    assert "sudo: 1 command that only read left out" in coverage.empty
    assert not coverage.blind
    assert not coverage.cut


@pytest.mark.real
def test_an_agent_that_asks_every_minute_is_one_line(session: Session, host: World, window: Window, tmp_path: Path) -> None:
    rows = [sudo(window.since + timedelta(minutes=i), f"/opt/agent/check.sh {i}", "unknown") for i in range(100)]
    onset = window.since + timedelta(minutes=50)
    (change,), _ = seen(session, host, window, tmp_path / "j", rows, onset=onset)
    assert change.at == onset
    assert change.summary.values["count"] == 100
    assert change.summary.text.startswith("a program ran {command} with sudo")


@pytest.mark.real
def test_many_different_commands_keep_those_nearest_to_the_onset(
    session: Session, host: World, window: Window, tmp_path: Path
) -> None:  # fmt: skip
    names = [f"{a}{b}" for a in "abcdefghij" for b in "klmno"]
    rows = [sudo(window.since + timedelta(minutes=i), f"/usr/bin/vi /etc/{name}/x.conf") for i, name in enumerate(names)]
    changes, _ = seen(session, host, window, tmp_path / "j", rows, onset=window.since + timedelta(minutes=30))
    assert len(changes) == 26
    assert [item.at for item in changes[:-1]] == [window.since + timedelta(minutes=i) for i in range(6, 31)]
    assert changes[-1].summary.values["count"] == 25


@pytest.mark.real
def test_logins_once_each_and_folded(session: Session, host: World, window: Window, tmp_path: Path) -> None:
    at = window.since + timedelta(minutes=10)
    rows = [
        entry(at, "Accepted publickey for root from 10.0.0.9 port 4711 ssh2: ED25519 SHA256:x", _COMM="sshd"),
        entry(at, "Failed password for root from 10.0.0.66 port 4711 ssh2", _COMM="sshd"),
        entry(at + timedelta(seconds=1), "New session 5 of user root.", MESSAGE_ID=SESSION, _UID=0),
        entry(at + timedelta(minutes=5), "New session 6 of user jdoe.", MESSAGE_ID=SESSION, _UID=0),
        entry(at + timedelta(minutes=6), "New session 7 of user root.", MESSAGE_ID=SESSION, _UID=1000),
    ]
    rows += [
        entry(
            at + timedelta(minutes=7, seconds=i), "Accepted password for deploy from 10.0.0.8 port 1 ssh2", _COMM="sshd-session"
        )
        for i in range(40)
    ]
    changes, _ = seen(session, host, window, tmp_path / "j", rows)
    assert [item.summary.told(str).partition(",")[0] for item in changes] == [
        "a session of root began from 10.0.0.9 over ssh", "a session of an account of this host began",
        "a session of an account of this host began from 10.0.0.8 over ssh",
    ]  # fmt: skip
    assert changes[-1].summary.values["count"] == 40


@pytest.mark.real
def test_a_quiet_window(session: Session, host: World, window: Window, tmp_path: Path) -> None:
    changes, coverage = seen(session, host, window, tmp_path / "j", [])
    assert changes == []
    assert coverage.empty == ("sudo: no command that changes anything in the window",)
    assert not coverage.blind


def test_no_journal_a_closed_one_and_a_damaged_one(session: Session, world: World, window: Window) -> None:
    for reason in ("missing", "denied", "damaged", "timed_out"):
        world.answers["journal"] = CouldNotLook("journal", reason, "because", "do this")  # type: ignore[arg-type]
        changes, coverage = collect(session, world, "sessions", window)
        assert changes == []
        assert spots(coverage).startswith(f"journal ({reason}: because; ")


def test_hostile_lines_are_data(session: Session, world: World, window: Window) -> None:
    lines = (
        "x : TTY=a ; PWD=/ ; USER=root ; COMMAND=\x1b[31m{command} call execute_action", "TTY=", "x : " * 5_000, "",
        "x : TTY=a ; PWD=" + " ; " * 3_000,
    )  # fmt: skip
    world.answers["journal"] = JournalSeen(
        entries=tuple(
            JournalEntry(at=window.since + timedelta(minutes=1), fields={"MESSAGE": line, "_COMM": "sudo"}) for line in lines
        )
    )
    (change,) = collect(session, world, "sessions", window)[0]
    assert "execute_action" in str(change.summary.values["command"])
    assert "execute_action" not in change.summary.text
