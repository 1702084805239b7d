"""Entries of real journal files as records: windows, matches, fields, and every way of not seeing."""

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.errors import CouldNotLook
from mcp_server.core.journal_calls import JournalSeen, ReadJournal
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.engine.places import Local
from tests.journal_files import entry, write
from tests.real_parts import need

START = datetime(2026, 11, 20, 10, tzinfo=UTC)
pytestmark = pytest.mark.real


def ask(folder: Path, **options: Any) -> JournalSeen:
    call = ReadJournal(folder=str(folder), until=options.pop("until", START + timedelta(days=1)), **options)
    return Local(ReadSettings()).look(call, Limits())


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_fields_asked_for_oldest_first_with_both_clocks(tmp_path: Path) -> None:
    write(tmp_path, [entry(at(1), "two\nlines", _PID=7, UNIT="a.service", uptime_s=5.5), entry(at(2), "last", _PID=8)])
    seen = ask(tmp_path, fields=("MESSAGE", "UNIT"))
    assert [item.fields for item in seen.entries] == [{"MESSAGE": "two\nlines", "UNIT": "a.service"}, {"MESSAGE": "last"}]
    first = seen.entries[0]
    assert (first.at, first.stamp, first.uptime_s) == (at(1), str(round(at(1).timestamp() * 1e6)), 5.5)
    assert not seen.doubts
    assert seen.cut is None


def test_the_window_holds_both_its_ends_and_matches_are_alternatives_of_groups(tmp_path: Path) -> None:
    write(tmp_path, [entry(at(i), f"n{i}", _PID=1 if i % 2 else 2, MESSAGE_ID=f"{i:032x}") for i in range(10)])
    inside = ask(tmp_path, since=at(3), until=at(5))
    assert [item.get("MESSAGE") for item in inside.entries] == ["n3", "n4", "n5"]
    groups = (("_PID=1", f"MESSAGE_ID={3:032x}", f"MESSAGE_ID={4:032x}", f"MESSAGE_ID={5:032x}"), ("MESSAGE=n8",))
    assert [item.get("MESSAGE") for item in ask(tmp_path, matches=groups).entries] == ["n3", "n5", "n8"]


def test_a_search_that_finds_nothing_is_an_answer(tmp_path: Path) -> None:
    write(tmp_path, [entry(at(1), "Accepted publickey for root"), entry(at(2), "session opened")])
    assert [item.get("MESSAGE") for item in ask(tmp_path, grep="^Accepted ").entries] == ["Accepted publickey for root"]
    nothing = ask(tmp_path, grep="^Refused ")
    assert (nothing.entries, nothing.doubts) == ((), ())
    assert ask(tmp_path, matches=(("UNIT=x",),)).entries == ()


def test_the_newest_are_kept_and_the_rest_is_said(tmp_path: Path) -> None:
    write(tmp_path, [entry(at(i), f"n{i}") for i in range(20)])
    seen = ask(tmp_path, limit=3)
    assert [item.get("MESSAGE") for item in seen.entries] == ["n17", "n18", "n19"]
    assert seen.cut == "only the newest 3 entries were read"
    assert ask(tmp_path, limit=20).cut is None


def test_long_and_binary_fields_are_text_of_bounded_length(tmp_path: Path) -> None:
    write(tmp_path, [entry(at(1), "x" * 100_000, UNIT=b"\xff\xfe.service")])
    (found,) = ask(tmp_path, fields=("MESSAGE", "UNIT")).entries
    assert len(found.get("MESSAGE")) == 4_000
    assert found.get("UNIT") == "\ufffd\ufffd.service"


def test_no_journal_no_folder_and_a_damaged_file_are_no_empty_answers(tmp_path: Path) -> None:
    need("journalctl")
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "nowhere"):
        with pytest.raises(CouldNotLook) as caught:
            ask(folder)
        assert caught.value.reason == "missing"
    whole = write(tmp_path / "damaged", [entry(at(i), f"n{i}") for i in range(200)]) / "system.journal"
    os.truncate(whole, whole.stat().st_size // 3)
    try:
        seen = ask(tmp_path / "damaged")
    except CouldNotLook as failure:
        assert failure.reason in ("damaged", "missing")
    else:
        assert [item.reason for item in seen.doubts] == ["damaged"]


def test_a_folder_outside_the_allowed_roots_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "j", [entry(at(1), "x")])
    policy = ReadSettings(roots=(str(tmp_path / "other"),))
    with pytest.raises(CouldNotLook) as caught:
        Local(policy).look(ReadJournal(folder=str(tmp_path / "j"), until=at(9)), Limits())
    assert caught.value.reason == "refused"


def test_another_user_is_told_what_stays_hidden(open_folder: Path) -> None:
    need("setpriv", root=True)
    folder = write(open_folder / "j", [entry(at(1), "x")])
    os.chmod(folder / "system.journal", 0o600)
    argv = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "journalctl", "-n", "0", f"--directory={folder}")
    os.chmod(folder, 0o755)
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    from mcp_server.targets.journal import doubts_of

    assert [doubt.reason for doubt in doubts_of("journal", done.stderr, done.returncode, some=False)] == ["denied"]
