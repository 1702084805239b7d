"""What arrived in a checkout, what left it, and when: the reflog, tags, history that was rewritten."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mcp_server.core.settings import ReadSettings
from mcp_server.targets.git_reflog import parse
from mcp_server.targets.git_run import Runner
from tests.real_parts import lacking
from tests.targets.git_repository import HOUR, NOON, Repository, history, one, subjects

pytestmark = pytest.mark.real


# --- what arrived ---------------------------------------------------------------------------------------------------


def test_old_commits_that_are_deployed_now_arrived_now(repository: Repository, tmp_path: Path) -> None:
    first = repository.commit("first", NOON - 900 * HOUR)
    repository.git("clone", "-q", str(repository.folder), str(tmp_path / "live"), at=NOON - 800 * HOUR)
    live = Repository(tmp_path / "live")
    repository.commit("old work", NOON - 500 * HOUR)
    repository.commit("more old work", NOON - 400 * HOUR)
    live.git("fetch", "-q", at=NOON - HOUR)
    assert history(live.folder).commits == ()
    live.git("reset", "-q", "--hard", "origin/main", at=NOON)
    found = history(live.folder)
    assert subjects(found) == ["more old work", "old work"]
    assert {commit.arrived for commit in found.commits} == {NOON}
    assert found.reflog_problem is None
    live.git("reset", "-q", "--hard", first, at=NOON + HOUR)
    assert subjects(history(live.folder)) == [], "rolled back: nothing of it is here now"
    live.git("reset", "-q", "--hard", "origin/main", at=NOON + 2 * HOUR)
    assert {commit.arrived for commit in history(live.folder).commits} == {NOON + 2 * HOUR}


def test_everything_arrives_with_a_clone(repository: Repository, tmp_path: Path) -> None:
    for hour in range(3):
        repository.commit(f"old {hour}", NOON + (hour - 900) * HOUR)
    repository.git("clone", "-q", str(repository.folder), str(tmp_path / "live"), at=NOON)
    found = history(tmp_path / "live")
    assert subjects(found) == ["old 2", "old 1", "old 0"]
    assert {commit.arrived for commit in found.commits} == {NOON}
    assert history(tmp_path / "live", limit=2).cut is not None


def test_rewritten_history_tells_the_commit_that_is_there(repository: Repository) -> None:
    repository.commit("first", NOON - 900 * HOUR)
    repository.commit("typo", NOON - 3 * HOUR)
    repository.git("commit", "-q", "--amend", "-m", "fixed", at=NOON)
    commit = one(history(repository.folder, NOON - 5 * HOUR))
    assert (commit.subject, commit.arrived) == ("fixed", NOON)


def test_positions_that_no_longer_exist_are_said(repository: Repository) -> None:
    repository.commit("first", NOON - 900 * HOUR)
    repository.commit("second", NOON)
    log = repository.folder / ".git" / "logs" / "HEAD"
    first, second = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(first + second.replace(second[:40], b"1" * 40))
    found = history(repository.folder)
    assert one(found).arrived is None
    assert "1 earlier position" in str(found.reflog_problem)


@pytest.mark.parametrize("damage", [b"\0" * 500, b"garbage\n", b"a" * 40 + b" " + b"b" * 40 + b" no time\n"])
def test_a_damaged_reflog_tells_no_times(repository: Repository, damage: bytes) -> None:
    repository.commit("work", NOON)
    with (repository.folder / ".git" / "logs" / "HEAD").open("ab") as file:
        file.write(damage)
    found = history(repository.folder)
    assert one(found).arrived is None
    assert "line 2 of the reflog is damaged" in str(found.reflog_problem)


def test_a_reflog_that_cannot_be_read_or_is_not_kept_is_said(repository: Repository) -> None:
    repository.commit("work", NOON)
    log = repository.folder / ".git" / "logs" / "HEAD"
    policy = ReadSettings(denied=(str(log),))
    assert "cannot be read" in str(history(repository.folder, policy=policy).reflog_problem)
    log.unlink()
    found = history(repository.folder)
    assert one(found).arrived is None
    assert "keeps no reflog" in str(found.reflog_problem)


def test_a_reflog_that_begins_inside_the_window_is_said() -> None:
    line = b"a" * 40 + b" " + b"b" * 40 + b" Ada <a@example> 1780315200 +0000\tcommit: x\n"
    assert parse(line, NOON, whole=True)[1] is None
    assert "begins at 2026-06-01T12:00:00Z" in str(parse(line, NOON - HOUR, whole=True)[1])
    moves, problem = parse(b"half a line\n" + line, NOON - 2 * HOUR, whole=False)
    assert (len(moves), problem is None) == (1, False)


def test_a_clock_in_the_future(repository: Repository) -> None:
    repository.commit("now", NOON)
    repository.commit("from the future", NOON + 90_000 * HOUR)
    assert subjects(history(repository.folder)) == ["now"]
    assert subjects(history(repository.folder, until=NOON + 99_999 * HOUR)) == ["from the future", "now"]


def test_what_was_here_before_but_is_dated_inside_the_window_is_told_without_arrival(repository: Repository) -> None:
    repository.commit("first", NOON - 900 * HOUR)
    repository.commit("ahead", NOON)
    log = repository.folder / ".git" / "logs" / "HEAD"
    log.write_bytes(log.read_bytes().replace(b"%d" % int(NOON.timestamp()), b"%d" % int((NOON - 9 * HOUR).timestamp())))
    repository.commit("next", NOON + HOUR)
    found = history(repository.folder)
    assert {commit.subject: commit.arrived for commit in found.commits} == {"ahead": None, "next": NOON + HOUR}


def test_a_commit_older_than_the_window_that_arrived_in_it_costs_no_further_run(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit("first", NOON - 900 * HOUR)
    runs: list[str] = []
    stream = Runner.stream

    def counted(self: Runner, argv: Sequence[str], accept: tuple[int, ...] = (0,)) -> Iterator[bytes]:
        runs.append(argv[0])
        return stream(self, argv, accept)

    monkeypatch.setattr(Runner, "stream", counted)
    repository.commit("old work", NOON - 300 * HOUR)
    log = repository.folder / ".git" / "logs" / "HEAD"
    old, new = (b"%d" % int((NOON + ahead * HOUR).timestamp()) for ahead in (-300, 0))
    log.write_bytes(log.read_bytes().replace(old, new))
    repository.commit("new work", NOON + HOUR)
    assert subjects(history(repository.folder)) == ["new work", "old work"]
    assert sorted(runs) == ["log", "rev-list"]


# --- what left, tags, digests ---------------------------------------------------------------------------------------


def test_a_rollback_names_what_left(repository: Repository) -> None:
    first = repository.commit("first", NOON - 900 * HOUR)
    second = repository.commit("second", NOON - HOUR / 2, **{"b.txt": "b\n"})
    repository.git("reset", "-q", "--hard", first, at=NOON)
    (move,) = history(repository.folder).moves
    assert (move.old, move.new, move.at, move.lost, move.brought) == (second, first, NOON, 1, 0)
    assert move.files == ("b.txt",)
    assert history(repository.folder, until=NOON - HOUR / 4).moves == ()


def test_history_rewritten_elsewhere_names_what_left_and_what_came(repository: Repository, tmp_path: Path) -> None:
    repository.commit("first", NOON - 900 * HOUR)
    repository.commit("typo", NOON - 800 * HOUR, **{"b.txt": "b\n"})
    repository.git("clone", "-q", str(repository.folder), str(tmp_path / "live"), at=NOON - 700 * HOUR)
    live = Repository(tmp_path / "live")
    repository.git("reset", "-q", "--hard", "HEAD~1")
    repository.commit("other", NOON - 2 * HOUR, **{"c.txt": "c\n"})
    live.git("fetch", "-q", "--force", at=NOON)
    live.git("reset", "-q", "--hard", "origin/main", at=NOON)
    found = history(live.folder, NOON - HOUR)
    assert subjects(found) == ["other"]
    (move,) = found.moves
    assert (move.lost, move.brought, move.files) == (1, 1, ("b.txt", "c.txt"))
    assert found.reflog_problem is None


def test_going_forward_leaves_nothing_behind(repository: Repository) -> None:
    repository.commit("first", NOON - 900 * HOUR)
    repository.git("checkout", "-q", "-b", "side")
    repository.commit("side", NOON - HOUR / 2)
    repository.git("checkout", "-q", "main", at=NOON - HOUR / 3)
    repository.git("merge", "-q", "side", at=NOON)
    moves = history(repository.folder).moves
    assert [(move.at, move.lost, move.brought) for move in moves] == [(NOON - HOUR / 3, 1, 0)], "only leaving the branch"


def test_tags_that_came_in_the_window(repository: Repository, tmp_path: Path) -> None:
    sha = repository.commit("one", NOON - 900 * HOUR)
    for name, when in (("v1", NOON - 900 * HOUR), ("v2", NOON)):
        repository.git("tag", "-a", "-m", "release", name, at=when)
    repository.git("tag", "plain/one")
    tags = repository.folder / ".git" / "refs" / "tags"
    for name, when in (("v1", NOON - 900 * HOUR), ("v2", NOON + HOUR), ("plain/one", NOON + 2 * HOUR)):
        os.utime(tags / name, (when.timestamp(), when.timestamp()))
    assert [(tag.name, tag.sha, tag.at, tag.here, tag.annotated) for tag in history(repository.folder).tags] == [
        ("plain/one", sha, NOON + 2 * HOUR, True, None), ("v2", sha, NOON + HOUR, True, NOON),
    ]  # fmt: skip
    repository.git("pack-refs", "--all")
    packed = history(repository.folder, until=datetime(2040, 1, 1, tzinfo=UTC)).tags
    assert [(tag.name, tag.at, tag.here) for tag in packed] == [("v2", NOON, False)], "packed: only when it was made is known"
    os.utime(repository.folder / ".git" / "packed-refs", (0, 0))
    assert history(repository.folder).tags == ()


def test_a_digest_is_the_same_wherever_the_diff_applies_and_swapped_when_taken_back(repository: Repository) -> None:
    repository.commit("first", NOON - 900 * HOUR, **{"a.txt": "1\n2\n3\n"})
    good = repository.commit("change", NOON, **{"a.txt": "1\nx\n3\n"})
    repository.git("revert", "--no-edit", good, at=NOON + HOUR)
    repository.commit("lines above", NOON + 2 * HOUR, **{"a.txt": "0\n0\n1\n2\n3\n"})
    repository.git("cherry-pick", good, at=NOON + 3 * HOUR)
    binary = repository.commit("binary", NOON + 4 * HOUR, **{"b.bin": b"\0\1"})
    other = repository.commit("binary again", NOON + 5 * HOUR, **{"b.bin": b"\0\2"})
    found = {commit.sha: commit for commit in history(repository.folder).commits}
    by_subject = [commit for commit in found.values() if "hange" in commit.subject]
    picked, reverted, changed = by_subject
    assert picked.digest == changed.digest != ""
    assert reverted.takes_back(changed)
    assert changed.takes_back(reverted)
    assert not picked.takes_back(changed)
    assert found[binary].digest != found[other].digest
    assert not found[binary].takes_back(found[other])


def test_a_clock_that_went_back_between_moves(repository: Repository) -> None:
    repository.commit("first", NOON - 900 * HOUR)
    repository.commit("ahead", NOON + 2 * HOUR)
    repository.commit("corrected", NOON)
    found = history(repository.folder)
    assert set(subjects(found)) == {"ahead", "corrected"}
    assert {commit.subject: commit.arrived for commit in found.commits} == {"ahead": NOON + 2 * HOUR, "corrected": NOON}
    assert found.moves == ()


def test_a_reflog_that_this_account_may_not_read_is_said(repository: Repository) -> None:
    if os.geteuid() != 0:
        lacking("needs root, to become somebody else")
    repository.commit("work", NOON)
    (repository.folder / ".git" / "logs" / "HEAD").chmod(0)
    for folder in (repository.folder, *repository.folder.parents):
        if str(folder).startswith("/tmp/"):
            folder.chmod(folder.stat().st_mode | 0o755)
    script = (
        "import grp, os, pwd, sys; sys.path.insert(0, os.getcwd()); from datetime import *\n"
        "from mcp_server.core.git_calls import ReadHistory; from mcp_server.core.reader import Limits\n"
        "from mcp_server.core.settings import ReadSettings; from mcp_server.targets import git\n"
        "at = datetime(2026, 6, 1, tzinfo=UTC); call = ReadHistory(path=sys.argv[1], since=at, until=at + timedelta(days=9))\n"
        "git.look(call, Limits(), ReadSettings())  # everything is imported while it may be\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "found = git.look(call, Limits(), ReadSettings())\n"
        "print([item.subject for item in found.commits], found.commits[0].arrived, found.reflog_problem)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(repository.folder)], capture_output=True, text=True, check=False, timeout=60,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "['work'] None the reflog cannot be read: permission denied" in done.stdout
