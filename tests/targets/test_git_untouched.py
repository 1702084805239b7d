"""A look at a repository touches nothing of it, runs nothing of it, and ends in time."""

import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.calls import ReadHistory
from mcp_server.core.errors import Cancelled
from mcp_server.core.reader import Limits
from mcp_server.targets import git as target
from tests.real_parts import descriptors, least, wait_until
from tests.targets.git_repository import ANYWHERE, NOON, Repository, history, one, refusal, subjects

pytestmark = pytest.mark.real


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
    def measured() -> float:
        began = time.monotonic()
        failure = refusal(lambda: history(hanging.folder, limits=Limits(timeout_s=0.4)))
        assert failure.reason == "timed_out"
        took = time.monotonic() - began
        assert running(hanging.folder) == []
        return took

    assert least(measured, 2) < 2


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
    thread.join(20)
    assert ended == [True]
    assert running(hanging.folder / ".git") == []


def test_without_git_the_remedy_is_named(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    failure = refusal(lambda: history(repository.folder))
    assert (failure.reason, failure.remedy) == ("missing", "install the package that provides git")


def test_no_descriptor_is_left_open(repository: Repository, hanging: Repository) -> None:
    before = descriptors()
    refusal(lambda: history(hanging.folder, limits=Limits(timeout_s=0.1)))
    assert descriptors() <= before


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
