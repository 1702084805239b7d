"""Names and what is told of them without opening: folders, owners, times, links, words of a process."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mcp_server.core.calls import FileStat, StatFile
from mcp_server.core.clock import from_epoch
from mcp_server.core.reader import Limits
from mcp_server.core.redaction import Redactor
from mcp_server.targets import files
from tests.targets.files_seen import ANYWHERE, listing, names, read


def stat_of(path: object) -> FileStat:
    answer = files.look(StatFile(path=str(path)), Limits(), ANYWHERE)
    assert isinstance(answer, FileStat)
    return answer


def test_stat_does_not_follow_and_needs_no_right_to_read(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("abc")
    (tmp_path / "log").chmod(0o600)
    (tmp_path / "link").symlink_to("log")
    os.utime(tmp_path / "log", (0, 1_700_000_000.5))
    found = stat_of(tmp_path / "log")
    assert (found.type, found.size, found.mode, found.link) == ("file", 3, "-rw-------", None)
    assert found.modified == from_epoch(1_700_000_000.5)
    assert (stat_of(tmp_path / "link").type, stat_of(tmp_path / "link").link) == ("link", "log")
    assert stat_of(tmp_path).type == "folder"
    assert stat_of("/").type == "folder"
    assert stat_of("/etc/shadow").type == "file"


def test_a_time_that_no_calendar_holds_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    os.utime(tmp_path / "log", (0, -5))
    assert stat_of(tmp_path / "log").modified == from_epoch(0)


def test_an_owner_without_a_name_is_a_number(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to give a file away")
    (tmp_path / "log").touch()
    os.chown(tmp_path / "log", 54_321, 0)
    assert stat_of(tmp_path / "log").owner == "54321"
    assert stat_of(tmp_path).owner == "root"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a.conf", "sub/b.conf", "sub/deep/c.conf", "node_modules/d.conf", "sub/e.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "loop").symlink_to(tmp_path)
    return tmp_path


def test_depth_pattern_and_skip(tree: Path) -> None:
    assert names(listing(tree)) == ["a.conf", "loop", "node_modules", "sub"]
    found = listing(tree, depth=12, pattern="*.conf", skip=("node_modules",))
    assert names(found) == ["a.conf", "sub/b.conf", "sub/deep/c.conf"]
    assert found.cut is None
    assert names(listing(tree, depth=2, pattern="[ab].conf")) == ["a.conf", "sub/b.conf"]


def test_a_full_listing_says_where_it_stopped(tree: Path) -> None:
    assert listing(tree, limit=4).cut is None
    found = listing(tree, limit=3)
    assert len(found.entries) == 3
    assert found.cut is not None
    assert "3 entries" in found.cut


def test_a_listing_out_of_time_is_cut_not_lost(tree: Path) -> None:
    found = listing(tree, limits=Limits(timeout_s=0))
    assert found.cut is not None


def test_modified_after_takes_content_and_inode_changes(tree: Path) -> None:
    old = time.time() - 10_000
    for name in ("a.conf", "sub/b.conf"):
        os.utime(tree / name, (old, old))  # mtime goes back, ctime is now: renamed, restored or edited with cp -p
    future = from_epoch(time.time() + 100)
    past = from_epoch(time.time() - 5_000)
    assert names(listing(tree, depth=2, pattern="*.conf", modified_after=past)) == [
        "a.conf",
        "node_modules/d.conf",
        "sub/b.conf",
    ]
    assert names(listing(tree, depth=2, modified_after=future)) == []


def test_names_that_are_no_text_are_shown_escaped(tmp_path: Path) -> None:
    os.mkdir(os.fsencode(tmp_path) + b"/bad\xff")
    with open(os.fsencode(tmp_path) + b"/bad\xff/line\nbreak", "w"):
        pass
    assert names(listing(tmp_path, depth=2)) == ["bad\\xff", "bad\\xff/line\nbreak"]


def test_the_words_of_a_process_stand_apart() -> None:
    words = [sys.executable, "-c", "print(flush=True); input()", "--db-password", "hunter2"]
    with subprocess.Popen(words, env={"ONE": "1", "TWO": "2"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin
        assert child.stdout
        child.stdout.readline()  # it is itself by now, no longer a copy of us
        line, environment = read(f"/proc/{child.pid}/cmdline"), read(f"/proc/{child.pid}/environ")
        child.stdin.close()
    assert (line.text.rstrip(), line.binary) == (" ".join(words), False)
    assert {"ONE=1", "TWO=2"} <= set(environment.text.splitlines())
    assert "hunter2" not in Redactor(b"k" * 32).text(line.text)
