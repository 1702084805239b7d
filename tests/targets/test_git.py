"""Histories of real repositories, odd ones and hostile ones: what was made, what arrived, nothing touched, nothing run."""

import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.calls import Commit, History, ReadHistory
from mcp_server.core.errors import Cancelled, CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.targets import git as target
from mcp_server.targets.git_reflog import parse
from mcp_server.targets.git_run import Runner
from tests.real_parts import lacking, need, wait_until

pytestmark = pytest.mark.real
ANYWHERE = ReadSettings()
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Repository:
    """A real repository, driven by the real git at moments of our choosing."""

    def __init__(self, folder: Path, *options: str) -> None:
        need("git")
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main", *options)

    def git(self, *argv: str, at: datetime = NOON, text: bytes = b"") -> str:
        moment = f"{int(at.timestamp())} +0000"
        environment = {
            "PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_AUTHOR_DATE": moment, "GIT_COMMITTER_DATE": moment,
            "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "a@example", "GIT_COMMITTER_NAME": "Ada",
            "GIT_COMMITTER_EMAIL": "a@example", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
        }  # fmt: skip
        done = subprocess.run(
            ["git", "-c", "protocol.file.allow=always", *argv],
            cwd=self.folder,
            env=environment,
            input=text,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode("utf8", "replace").strip()

    def commit(self, subject: str, at: datetime, **files: str | bytes) -> str:
        for name, content in (files or {"a.txt": subject + "\n"}).items():
            path = self.folder / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-F", "-", at=at, text=subject.encode())
        return self.git("rev-parse", "HEAD")


def history(path: object, since: datetime = NOON - HOUR, until: datetime = NOON + 9 * HOUR, policy: ReadSettings = ANYWHERE,
            limits: Limits | None = None, **call: Any) -> History:  # fmt: skip
    answer = target.look(ReadHistory(path=str(path), since=since, until=until, **call), limits or Limits(), policy)
    assert isinstance(answer, History)
    return answer


def subjects(found: History) -> list[str]:
    return [commit.subject for commit in found.commits]


def one(found: History) -> Commit:
    assert len(found.commits) == 1
    return found.commits[0]


def refusal(act: Callable[[], object]) -> CouldNotLook:
    with pytest.raises(CouldNotLook) as caught:
        act()
    return caught.value


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "shop")


# --- what was made --------------------------------------------------------------------------------------------------


def test_commits_of_the_window_newest_first(repository: Repository) -> None:
    for hour in range(-5, 6):
        repository.commit(f"work {hour}", NOON + hour * HOUR)
    found = history(repository.folder, NOON - 2 * HOUR, NOON + 2 * HOUR)
    assert subjects(found) == ["work 2", "work 1", "work 0", "work -1", "work -2"]
    assert (found.top, found.branch, found.shallow, found.cut) == (str(repository.folder), "main", False, None)
    assert found.head == repository.git("rev-parse", "HEAD")
    newest = found.commits[0]
    assert newest.author == "Ada"
    assert newest.authored == newest.committed == newest.arrived == NOON + 2 * HOUR
    assert newest.stamp in {"2026-06-01T14:00:00+00:00", "2026-06-01T14:00:00Z"}
    assert (newest.files, newest.added, newest.removed, newest.merge) == (("a.txt",), ("work 2",), ("work 1",), False)


def test_the_limit_cuts_and_says_so(repository: Repository) -> None:
    for hour in range(4):
        repository.commit(f"work {hour}", NOON + hour * HOUR)
    assert history(repository.folder, limit=4).cut is None
    found = history(repository.folder, limit=3)
    assert subjects(found) == ["work 3", "work 2", "work 1"]
    assert found.cut is not None
    assert "newest 3 commits" in found.cut


def test_lines_are_bounded_one_by_one_by_commit_and_in_all(repository: Repository) -> None:
    repository.commit("much", NOON, **{"a.txt": "".join(f"{i} {'x' * 500}\n" for i in range(400))})
    commit = one(history(repository.folder))
    assert (len(commit.added), {len(line) for line in commit.added}) == (200, {300})
    found = history(repository.folder, limits=Limits(max_bytes=5_000))
    assert sum(map(len, one(found).added)) < 6_000
    assert found.cut is not None
    assert "left out" in found.cut


def test_a_giant_file_is_named_not_read(repository: Repository) -> None:
    repository.commit("dump", NOON, **{"dump.sql": b"x" * 3_000_000 + b"\n", "small.txt": "small\n"})
    commit = one(history(repository.folder))
    assert (commit.files, commit.added) == (("dump.sql", "small.txt"), ("small",))


def test_odd_subjects_names_and_content_survive(repository: Repository) -> None:
    name = b'we"ird\n\t\xff \xe2\x82\xac.txt'
    forged = "@@ -1,9 +1,9 @@\ndiff --git a/x b/x\n:100644 100644 a b M\tforged\n--- a\n+++ b\n\r\n"
    with open(os.fsencode(repository.folder) + b"/" + name, "wb") as file:
        file.write(forged.encode())
    message = b'subject "with" \x1b[31m quotes\nand a second line \xff\n\n:100644 body\n@@ -1 +1 @@\n+no line of a file'
    repository.git("add", "-A")
    repository.git("-c", "i18n.commitEncoding=UTF-8", "commit", "-q", "-F", "-", text=message)
    commit = one(history(repository.folder))
    assert commit.files == ('we"ird\n\t\ufffd €.txt',)
    assert commit.added == (*forged.split("\n")[:-2], "")
    assert commit.subject == 'subject "with" \x1b[31m quotes and a second line ÿ'


def test_removed_and_renamed_files_are_named_by_both_names(repository: Repository) -> None:
    repository.commit("one", NOON - 5 * HOUR, **{"old.txt": "same\n"})
    repository.git("mv", "old.txt", "new.txt")
    repository.git("commit", "-q", "-m", "renamed")
    assert one(history(repository.folder)).files == ("new.txt", "old.txt")


def test_a_merge_is_told_against_its_first_parent(repository: Repository) -> None:
    repository.commit("base", NOON - 9 * HOUR)
    repository.git("checkout", "-q", "-b", "side")
    repository.commit("side", NOON - 8 * HOUR, **{"side.txt": "new\n"})
    repository.git("checkout", "-q", "main")
    repository.commit("main", NOON - 7 * HOUR, **{"main.txt": "new\n"})
    repository.git("merge", "-q", "--no-ff", "-m", "merged", "side", at=NOON)
    found = {commit.subject: commit for commit in history(repository.folder).commits}
    assert set(found) == {"merged", "side"}, "the side's commit is old, but it arrived with the merge"
    assert (found["merged"].merge, found["merged"].files) == (True, ("side.txt",))
    assert found["side"].arrived == NOON


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


# --- kinds of repositories ------------------------------------------------------------------------------------------


def test_a_repository_without_commits(repository: Repository) -> None:
    found = history(repository.folder)
    assert (found.head, found.branch, found.commits) == (None, "main", ())


def test_a_detached_head(repository: Repository) -> None:
    repository.commit("one", NOON)
    repository.git("checkout", "-q", "--detach")
    found = history(repository.folder)
    assert (found.branch, subjects(found)) == (None, ["one"])


def test_a_bare_repository(repository: Repository, tmp_path: Path) -> None:
    repository.commit("one", NOON)
    repository.git("clone", "-q", "--bare", str(repository.folder), str(tmp_path / "shop.git"))
    found = history(tmp_path / "shop.git")
    assert (found.top, subjects(found)) == (str(tmp_path / "shop.git"), ["one"])
    assert "keeps no reflog" in str(found.reflog_problem)


def test_a_shallow_clone_does_not_call_everything_new(repository: Repository, tmp_path: Path) -> None:
    repository.commit("one", NOON - 9 * HOUR, **{"old.txt": "old\n"})
    repository.commit("two", NOON, **{"new.txt": "new\n"})
    repository.git("clone", "-q", "--depth", "1", f"file://{repository.folder}", str(tmp_path / "live"))
    found = history(tmp_path / "live")
    assert (found.shallow, subjects(found)) == (True, ["two"])
    assert (one(found).files, one(found).added) == ((), ())


def test_a_folder_or_file_inside_finds_the_top(repository: Repository) -> None:
    repository.commit("one", NOON, src__app__main="x")
    for inside in ("src", "src/app", "src/app/main", ".git"):
        assert history(repository.folder / inside).top == str(repository.folder)


def test_a_linked_work_tree(repository: Repository, tmp_path: Path) -> None:
    repository.commit("one", NOON - 99 * HOUR)
    repository.git("worktree", "add", "-q", "-b", "hotfix", str(tmp_path / "hotfix"), at=NOON - 98 * HOUR)
    (tmp_path / "hotfix" / "fix.txt").write_text("x\n")
    repository.git("-C", str(tmp_path / "hotfix"), "add", "-A")
    repository.git("-C", str(tmp_path / "hotfix"), "commit", "-q", "-m", "fix")
    found = history(tmp_path / "hotfix")
    assert (found.top, found.branch, subjects(found)) == (str(tmp_path / "hotfix"), "hotfix", ["fix"])
    assert one(found).arrived == NOON
    assert subjects(history(repository.folder)) == []


def test_no_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    failure = refusal(lambda: history(tmp_path))
    assert (failure.reason, failure.remedy) == ("missing", "name the folder of a checkout")
    assert refusal(lambda: history(tmp_path / "none")).reason == "missing"
    assert refusal(lambda: history("shop")).reason == "refused"


def test_damaged_objects_are_damage_not_an_empty_history(repository: Repository) -> None:
    sha = repository.commit("one", NOON)
    blob = repository.git("rev-parse", "HEAD:a.txt")
    for name in (blob, sha):
        path = repository.folder / ".git" / "objects" / name[:2] / name[2:]
        path.chmod(0o644)
        path.write_bytes(b"rubbish")
        assert refusal(lambda: history(repository.folder)).reason == "damaged"
    (repository.folder / ".git" / "HEAD").write_text("rubbish")
    assert refusal(lambda: history(repository.folder)).reason == "damaged"


def test_the_policy_holds_for_every_part_of_a_repository(repository: Repository, tmp_path: Path) -> None:
    repository.commit("one", NOON)
    elsewhere = ReadSettings(roots=(str(tmp_path / "live"),))
    assert refusal(lambda: history(repository.folder, policy=elsewhere)).reason == "refused"
    repository.git("worktree", "add", "-q", str(tmp_path / "live" / "linked"))
    assert "leads to" in refusal(lambda: history(tmp_path / "live" / "linked", policy=elsewhere)).message
    repository.git("clone", "-q", "--shared", str(repository.folder), str(tmp_path / "live" / "shared"))
    assert refusal(lambda: history(tmp_path / "live" / "shared", policy=elsewhere)).reason == "refused"
    (tmp_path / "live" / "plain").mkdir()
    assert refusal(lambda: history(tmp_path / "live" / "plain", policy=elsewhere)).reason == "missing"


# --- no trace, no foreign program -----------------------------------------------------------------------------------


def snapshot(folder: Path) -> dict[str, Any]:
    """Content, mode and every time of everything below, taken without moving a time."""
    found: dict[str, Any] = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        facts = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(facts.st_mode) else b""
        found[str(path)] = (facts.st_mode, facts.st_mtime_ns, facts.st_ctime_ns, content)
    return found


def test_nothing_of_the_repository_changes(repository: Repository) -> None:
    repository.commit("one", NOON)
    os.utime(repository.folder / "a.txt")  # the index is stale now: a plain `git status` would rewrite it
    before = snapshot(repository.folder)
    history(repository.folder)
    assert snapshot(repository.folder) == before


def test_a_hostile_configuration_runs_nothing(repository: Repository, tmp_path: Path) -> None:
    bait = tmp_path / "ran"
    program = tmp_path / "evil"
    program.write_text(f'#!/bin/sh\necho "$0 $*" >> {bait}\ncat\n')
    program.chmod(0o755)
    repository.commit("one", NOON, **{"a.py": "x\n", ".gitattributes": "*.py diff=evil filter=evil\n"})
    evil = str(program)
    programs = (
        "core.fsmonitor core.sshCommand core.gitProxy core.pager core.editor core.askPass core.alternateRefsCommand "
        "diff.external diff.evil.textconv diff.evil.command filter.evil.clean filter.evil.smudge filter.evil.process "
        "gpg.program gpg.ssh.program pager.log sequence.editor remote.origin.uploadpack"
    )
    for name, value in dict.fromkeys(programs.split(), evil).items() | {
        "core.hooksPath": str(tmp_path), "alias.log": f"!{evil}", "alias.rev-list": f"!{evil}", "credential.helper": f"!{evil}",
        "log.showSignature": "true", "color.ui": "always", "remote.origin.url": f"ext::{evil}",
        "remote.origin.promisor": "true", "remote.origin.partialclonefilter": "blob:none", "protocol.ext.allow": "always",
        "extensions.partialClone": "origin", "core.repositoryFormatVersion": "1", "diff.noprefix": "true",
        "diff.renames": "copies", "log.showRoot": "false",
        "diff.context": "9", "diff.interHunkContext": "9", "log.mailmap": "true", "include.path": str(tmp_path / "more"),
    }.items():  # fmt: skip
        repository.git("config", name, value)
    (tmp_path / "more").write_text(f"[core]\n\tfsmonitor = {evil}\n[gpg]\n\tprogram = {evil}\n")
    (repository.folder / ".git" / "info" / "attributes").write_text("*.py diff=evil filter=evil\n")
    for hook in ("post-checkout", "reference-transaction", "post-index-change"):
        shutil.copy(program, tmp_path / hook)
    assert one(history(repository.folder)).added == ("*.py diff=evil filter=evil", "x")
    # a signed commit asks for the signature program, a missing object for the promised remote
    tree = repository.git("rev-parse", "HEAD^{tree}")
    signed = f"tree {tree}\nauthor A <a> {int(NOON.timestamp())} +0000\ncommitter A <a> {int(NOON.timestamp())} +0000\n"
    signed += "gpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n\nsigned\n"
    path = tmp_path / "commit"
    path.write_text(signed)
    sha = repository.git("-c", "core.fsmonitor=false", "hash-object", "-t", "commit", "-w", str(path))
    (repository.folder / ".git" / "refs" / "heads" / "main").write_text(sha + "\n")
    assert one(history(repository.folder)).subject == "signed"
    bait.unlink(missing_ok=True)
    blob = subprocess.run(
        ["git", "hash-object", "--no-filters", str(repository.folder / "a.py")], capture_output=True, check=True
    )
    name = blob.stdout.decode().strip()
    (repository.folder / ".git" / "objects" / name[:2] / name[2:]).unlink()
    assert refusal(lambda: history(repository.folder)).reason == "damaged"
    assert not bait.exists(), bait.read_text()


def test_our_own_environment_does_not_lead_git_astray(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit("one", NOON)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(tmp_path / "other"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "/bin/false")
    target.look(ReadHistory(path=str(repository.folder), since=NOON, until=NOON), Limits(), ANYWHERE)  # git is imported
    monkeypatch.setenv("GIT_TRACE2_EVENT", str(tmp_path / "trace"))
    assert subjects(history(repository.folder)) == ["one"]
    assert not (tmp_path / "trace").exists()


# --- bounds ---------------------------------------------------------------------------------------------------------


def running(folder: Path) -> list[str]:
    """Processes with this folder on their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:
            continue
        if f"--git-dir={folder}".encode() in line:
            found.append(path.parent.name)
    return found


@pytest.fixture
def hanging(repository: Repository) -> Repository:
    """A repository on which git hangs: it waits for a writer of the configuration that it was told to include."""
    repository.commit("one", NOON)
    os.mkfifo(repository.folder / "fifo")
    with (repository.folder / ".git" / "config").open("a") as file:
        file.write(f"[include]\n\tpath = {repository.folder}/fifo\n")
    return repository


def test_a_git_that_hangs_is_ended_at_the_deadline(hanging: Repository) -> None:
    began = time.monotonic()
    failure = refusal(lambda: history(hanging.folder, limits=Limits(timeout_s=0.4)))
    assert failure.reason == "timed_out"
    assert time.monotonic() - began < 2
    assert running(hanging.folder) == []


def test_a_git_that_hangs_is_ended_when_the_caller_goes(hanging: Repository) -> None:
    limits, ended = Limits(timeout_s=30), []

    def ask() -> None:
        with pytest.raises(Cancelled):
            history(hanging.folder, limits=limits)
        ended.append(True)

    thread = threading.Thread(target=ask)
    thread.start()
    wait_until(lambda: running(hanging.folder / ".git") != [], "git runs")
    limits.cancel.set()
    thread.join(3)
    assert ended == [True]
    assert running(hanging.folder / ".git") == []


def test_without_git_the_remedy_is_named(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    failure = refusal(lambda: history(repository.folder))
    assert (failure.reason, failure.remedy) == ("missing", "install the package that provides git")


def test_no_descriptor_is_left_open(repository: Repository, hanging: Repository) -> None:
    before = len(os.listdir("/proc/self/fd"))
    refusal(lambda: history(hanging.folder, limits=Limits(timeout_s=0.1)))
    assert len(os.listdir("/proc/self/fd")) == before


LOOK = """
import sys
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.targets.git_run import Runner
try:
    Runner("x", sys.argv[1], Limits(timeout_s=0.3)).lines("log")
except CouldNotLook as failure:
    print(failure.reason)
"""


def test_not_even_loading_the_library_runs_git_without_a_limit(tmp_path: Path) -> None:
    program = tmp_path / "git"
    program.write_text('#!/bin/sh\necho "$*" >> "$0.calls"\nexec sleep 30\n')
    program.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(tmp_path)], env={"PATH": f"{tmp_path}:/usr/bin:/bin", "GIT_PYTHON_REFRESH": "raise"},
        check=False, capture_output=True, text=True, timeout=20, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.stdout == "timed_out\n", done.stderr
    calls = (tmp_path / "git.calls").read_text().splitlines()
    assert len(calls) == 1
    assert calls[0].endswith(" log")


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


# --- more kinds of repositories -------------------------------------------------------------------------------------


def test_a_submodule_that_is_moved_and_a_look_from_inside_it(repository: Repository, tmp_path: Path) -> None:
    library = Repository(tmp_path / "library")
    library.commit("lib one", NOON - 900 * HOUR)
    repository.commit("first", NOON - 900 * HOUR)
    repository.git("submodule", "--quiet", "add", str(library.folder), "lib", at=NOON - 800 * HOUR)
    repository.git("commit", "-q", "-m", "with lib", at=NOON - 800 * HOUR)
    new = library.commit("lib two", NOON - 2 * HOUR)
    inside = Repository(repository.folder / "lib")
    inside.git("pull", "-q", "--no-rebase", at=NOON)
    repository.git("commit", "-q", "-a", "-m", "lib moved", at=NOON + HOUR)
    moved = one(history(repository.folder))
    assert moved.files == ("lib",)
    assert moved.added == (f"Subproject commit {new}",)
    found = history(repository.folder / "lib")
    assert (found.top, subjects(found)) == (str(repository.folder / "lib"), ["lib two"])
    assert one(found).arrived == NOON


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
