"""Commands are run bounded, scrubbed and without leftovers, by this process itself and through the reader alike."""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from mcp_server.core.calls import Command, Completed, Found, Which
from mcp_server.core.errors import Cancelled, CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.targets import command, reader_start
from mcp_server.targets.command import NICE, environment, find_program, search_path
from tests.real_parts import descriptors, least, need, wait_until
from tests.through_reader import Through

POLICY = ReadSettings()
Shim = Callable[[str, str], Path]


@pytest.fixture
def shim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shim]:
    """A program of that name, first on PATH, running this script: a stand-in for a slow, noisy or broken one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def make(name: str, script: str) -> Path:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    yield make
    reader_start.stop()
    assert not [item for item in psutil.Process().children() if item.status() == psutil.STATUS_ZOMBIE]


class _Mode:
    through: Through | None = None


@pytest.fixture(params=["directly", "through the reader"], autouse=True)
def mode(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every case here holds in both."""
    _Mode.through = None if request.param == "directly" else Through()
    yield
    _Mode.through = None
    reader_start.stop()


def look(call: Any, limits: Limits, policy: ReadSettings) -> Any:
    return (command if _Mode.through is None else _Mode.through).look(call, limits, policy)


def run(*argv: str, **limits: Any) -> Completed:
    answer = look(Command(argv=argv), Limits(**limits), POLICY)
    assert isinstance(answer, Completed)
    return answer


def test_an_answer_has_both_streams_and_the_exit_status() -> None:
    done = run("ls", "/etc/hostname", "/nonexistent")
    assert done.exit == 2
    assert done.out == "/etc/hostname\n"
    assert "No such file" in done.err
    assert done.cut is None


def test_which_answers_with_a_path_or_none() -> None:
    assert look(Which(program="ls"), Limits(), POLICY) == Found(path=find_program("ls"))
    assert look(Which(program="no-such-program"), Limits(), POLICY) == Found(path=None)
    for odd in ("", "../bin/ls", "bin/ls", "l\0s"):
        assert look(Which(program=odd), Limits(), POLICY) == Found(path=None)


def test_what_the_table_does_not_know_is_refused_and_not_started(shim: Shim, tmp_path: Path) -> None:
    shim("find", f"touch {tmp_path}/started")
    with pytest.raises(CouldNotLook) as refusal:
        run("find", "/tmp", "-delete")
    assert refusal.value.reason == "refused"
    assert not (tmp_path / "started").exists()


def test_a_missing_program_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcp_server.targets.command._STANDARD", ())
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(CouldNotLook) as failure:
        run("docker", "ps")
    assert failure.value.reason == "missing"
    assert "install" in failure.value.remedy


def test_a_program_that_may_not_be_run_is_denied(shim: Shim, monkeypatch: pytest.MonkeyPatch) -> None:
    path = shim("kubectl", "true")
    path.chmod(0o644)
    monkeypatch.setattr("mcp_server.targets.command._STANDARD", ())
    monkeypatch.setenv("PATH", str(path.parent))
    with pytest.raises(CouldNotLook) as failure:
        run("kubectl", "version")
    assert failure.value.reason == "denied"


def test_a_missing_interpreter_is_missing(shim: Shim) -> None:
    path = shim("uptime", "true")
    path.write_text("#!/nonexistent/interpreter\n")
    with pytest.raises(CouldNotLook) as failure:
        run("uptime")
    assert failure.value.reason == "missing"


def test_relative_entries_of_path_are_never_searched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ls").write_text("#!/bin/sh\necho trap\n")
    (tmp_path / "ls").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "::.:bin:/usr/bin")
    assert all(folder.startswith("/") for folder in search_path())
    assert "trap" not in run("ls", "/").out


def test_the_environment_is_scrubbed_and_fixed(shim: Shim, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "hunter2")
    monkeypatch.setenv("LD_PRELOAD", "")
    monkeypatch.setenv("LESSOPEN", "| evil %s")
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "evil")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("KUBECONFIG", "/somewhere")
    shim("uptime", "/usr/bin/env; pwd; cat")
    lines = run("uptime").out.splitlines()
    assert not {"LESSOPEN", "LD_PRELOAD", "GIT_EXTERNAL_DIFF", "DATABASE_PASSWORD"} & {line.split("=")[0] for line in lines}
    assert {"LC_ALL=C.UTF-8", "TZ=UTC", "GIT_OPTIONAL_LOCKS=0", "SYSTEMD_PAGER=", "KUBECONFIG=/somewhere"} <= set(lines)
    assert lines[-1] == "/"
    assert set(environment()) >= {line.split("=")[0] for line in lines[:-1]} - {"PWD", "OLDPWD", "SHLVL", "_"}


def test_it_runs_at_low_priority_in_a_session_of_its_own(shim: Shim) -> None:
    # the priority is lowered just after the start: the grandchild, asked again and again, must come to see it
    shim("uptime", 'while [ "$(nice)" -lt 10 ]; do :; done; nice; ps -o sid= -p $$; echo $$; ulimit -c')
    nice, sid, pid, core = run("uptime").out.split()
    assert int(nice) == NICE
    assert sid == pid != str(os.getsid(0))
    assert core == "0"


def test_a_time_out_ends_the_whole_group(shim: Shim, tmp_path: Path) -> None:
    shim("uptime", f"sleep 60 & echo $! >{tmp_path}/pid; echo $$ >>{tmp_path}/pid; wait")

    def measured() -> float:
        started = time.monotonic()
        with pytest.raises(CouldNotLook) as failure:
            run("uptime", timeout_s=0.4)
        assert failure.value.reason == "timed_out"
        assert failure.value.retry
        took = time.monotonic() - started
        gone(tmp_path / "pid")
        return took

    assert least(measured, 2) < 2


def test_cancelling_ends_the_whole_group_at_once(shim: Shim, tmp_path: Path) -> None:
    shim("uptime", f"sleep 60 & echo $! >{tmp_path}/pid; echo $$ >>{tmp_path}/pid; echo ready >{tmp_path}/ready; wait")
    run("uname")  # a reader is forked before the first thread

    def measured() -> float:
        limits, raised = Limits(timeout_s=30), []

        def ask() -> None:
            try:
                look(Command(argv=("uptime",)), limits, POLICY)
            except Cancelled as error:
                raised.append(error)

        (tmp_path / "ready").unlink(missing_ok=True)
        thread = threading.Thread(target=ask)
        thread.start()
        wait_until((tmp_path / "ready").exists, "the command runs")
        cancelled = time.monotonic()
        limits.cancel.set()
        thread.join(20)
        took = time.monotonic() - cancelled
        assert raised
        gone(tmp_path / "pid")
        with pytest.raises(Cancelled):
            look(Command(argv=("uptime",)), limits, POLICY)
        return took

    assert least(measured, 0.5) < 0.5


def gone(file: Path) -> None:
    for pid in file.read_text().split():
        wait_until(lambda pid=pid: not _alive(int(pid)), f"process {pid} ends")


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_endless_output_is_cut_at_a_line_and_says_so(shim: Shim, stream: str, tmp_path: Path) -> None:
    redirect = " >&2" if stream == "stderr" else ""
    shim("uptime", f"echo $$ >{tmp_path}/pid; exec yes 'token=abcdefghij'{redirect}")
    done = run("uptime", max_bytes=5_000)
    text = done.out if stream == "stdout" else done.err
    assert 4_900 < len(text) <= 5_000
    assert text.endswith("token=abcdefghij\n")
    assert done.cut
    assert stream in done.cut
    assert "5,000 bytes" in done.cut
    gone(tmp_path / "pid")


def test_output_of_exactly_the_limit_is_not_cut(shim: Shim) -> None:
    shim("uptime", "printf 1234567890")
    assert run("uptime", max_bytes=10) == Completed(exit=0, out="1234567890")
    cut = run("uptime", max_bytes=9)
    assert (cut.out, bool(cut.cut)) == ("123456789", True)


def test_a_child_left_behind_does_not_hold_the_answer(shim: Shim, tmp_path: Path) -> None:
    shim("uptime", f"sleep 60 & echo $! >{tmp_path}/pid; echo done")

    def measured() -> float:
        started = time.monotonic()
        assert run("uptime").out == "done\n"
        took = time.monotonic() - started
        gone(tmp_path / "pid")
        return took

    assert least(measured, 2) < 2


def test_ended_by_a_signal_is_a_failure_not_an_answer(shim: Shim) -> None:
    shim("uptime", "kill -SEGV $$")
    with pytest.raises(CouldNotLook) as failure:
        run("uptime")
    assert failure.value.reason == "failed"
    assert "SIGSEGV" in failure.value.detail


def test_damaged_text_is_replaced(shim: Shim) -> None:
    shim("uptime", r"printf 'a\377b'")
    assert run("uptime").out == "a\ufffdb"


def test_denied_files_are_not_printed_by_any_route(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/shadow")
    for argv in (
        ("cat", "/etc/shadow"), ("cat", str(tmp_path / "link")), ("tail", "-n", "1", "/etc/../etc/shadow"),
        ("cat", "etc/shadow"), ("cat", "--", "/etc/shadow"), ("grep", "-r", "root", "/etc"), ("grep", "root", "/etc/shadow"),
        ("grep", "-e", "root", "/etc/shadow"), ("grep", "-R", "root", str(tmp_path)), ("wc", "-c", "/dev/null"),
    ):  # fmt: skip
        with pytest.raises(CouldNotLook) as refusal:
            run(*argv)
        assert refusal.value.reason == "refused", argv


def test_only_files_inside_the_roots_are_printed(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("line\n")
    policy = ReadSettings(roots=(str(tmp_path),))
    assert look(Command(argv=("cat", f"{tmp_path}/log")), Limits(), policy).out == "line\n"
    with pytest.raises(CouldNotLook) as refusal:
        look(Command(argv=("cat", "/etc/hostname")), Limits(), policy)
    assert refusal.value.reason == "refused"


def test_many_threads_at_once_leak_nothing() -> None:
    run("uname")
    before, wrong = descriptors(), []
    others = set(psutil.Process().children())  # servers that other tests share

    def ask(number: int) -> None:
        for turn in range(5):
            path = f"/nonexistent/{number}/{turn}"
            if path not in run("ls", path).err:
                wrong.append(path)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert descriptors() <= before
    assert set(psutil.Process().children()) <= others


def test_git_reads_leave_the_repository_as_it_was(tmp_path: Path) -> None:
    need("git")
    top, ran = tmp_path / "shop", tmp_path / "ran"

    def git(*words: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        subprocess.run(["git", "-C", top, *identity, *words], check=True, capture_output=True)

    top.mkdir()
    git("init", "-q")
    (top / "app.py").write_text("import os\n")
    git("add", "app.py")
    git("commit", "-qm", "first")
    # configuration that runs programs, and a file whose time no longer matches the index
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {ran}\n")
    trap.chmod(0o755)
    for key in ("core.fsmonitor", "diff.external", "core.pager", "gpg.program", "diff.trap.textconv"):
        git("config", key, str(trap))
    git("config", "log.showSignature", "true")
    git("config", "format.pretty", "format:%G?")
    (top / ".git/info/attributes").write_text("*.py diff=trap\n")
    ran.unlink(missing_ok=True)
    os.utime(top / "app.py", (1, 1))
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in top.rglob("*") if path.is_file()}
    quiet = ("--no-ext-diff", "--no-textconv")
    for words in (("status", "--porcelain"), ("diff", *quiet), ("log", "-p", *quiet), ("show", *quiet), ("log", "-n", "1")):
        done = run("git", "-C", str(top), *words)
        assert done.exit == 0, done.err
    assert "first" in done.out
    assert before == {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in top.rglob("*") if path.is_file()}
    assert not ran.exists(), "a program that the repository's configuration names was run"
