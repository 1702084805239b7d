"""Histories of real repositories and of odd ones: what was made in them."""

import os
from pathlib import Path

import pytest

from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from tests.targets.git_repository import HOUR, NOON, Repository, history, one, refusal, subjects

pytestmark = pytest.mark.real


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
