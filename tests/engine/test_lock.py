"""The kernel's write lock, tried in a process of its own: it cannot be undone."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from mcp_server.engine import lock
from tests.real_parts import lacking, need

ROOT = Path(__file__).parents[2]


def locked(folder: Path, body: str) -> dict[str, Any]:
    """Run `body` after the lock; it fills `seen`. Skips where the kernel has no Landlock."""
    state, outside = folder / "state", folder / "outside"
    for path in (state, outside):
        path.mkdir()
    (outside / "kept").write_text("kept")
    program = textwrap.dedent("""
        import json, os, sys, subprocess, pathlib
        sys.path.insert(0, {root!r})
        from mcp_server.engine.lock import lock_writes, lock_report
        state, outside = pathlib.Path({state!r}), pathlib.Path({outside!r})
        seen = {{}}
        def tried(name, act):
            try:
                act()
                seen[name] = "done"
            except OSError as error:
                seen[name] = type(error).__name__
        opened = (outside / "open-before").open("w")
        report = lock_writes([str(state)])
        assert report == lock_report()
        seen["enforced"], seen["detail"], seen["open"] = report.enforced, report.detail, report.open
        {body}
        print(json.dumps(seen))
    """).format(root=str(ROOT), state=str(state), outside=str(outside), body=textwrap.dedent(body).strip())
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    if not seen["enforced"]:
        lacking(seen["detail"])
    return seen


def test_nothing_outside_can_be_written_created_removed_or_renamed(tmp_path: Path) -> None:
    seen = locked(
        tmp_path,
        """
        kept = outside / "kept"
        (state / "inside").write_text("x")
        tried("write", lambda: kept.open("r+"))
        tried("append", lambda: kept.open("a"))
        tried("truncate", lambda: os.truncate(kept, 0))
        tried("create", lambda: (outside / "new").open("x"))
        tried("folder", lambda: (outside / "new").mkdir())
        tried("remove", lambda: kept.unlink())
        tried("remove folder", lambda: outside.rmdir())
        tried("rename", lambda: kept.rename(outside / "other"))
        tried("rename in", lambda: kept.rename(state / "other"))
        tried("rename out", lambda: (state / "inside").rename(outside / "inside"))
        tried("link", lambda: os.link(kept, outside / "other"))
        tried("symlink", lambda: (outside / "link").symlink_to(kept))
        tried("fifo", lambda: os.mkfifo(outside / "fifo"))
        (state / "way-out").symlink_to(outside)
        (state / "way-out-again").symlink_to(state / "way-out")
        tried("through a link", lambda: (state / "way-out-again" / "kept").open("w"))
        tried("parent", lambda: (state / ".." / "outside" / "kept").open("w"))
        tried("proc", lambda: open("/proc/self/comm", "w"))
        tried("read", lambda: kept.read_text())
        """,
    )
    assert seen.pop("read") == "done"
    seen.pop("enforced"), seen.pop("detail"), seen.pop("open")
    # linking and renaming across folders may be refused as EXDEV, a plain OSError
    assert {name: how for name, how in seen.items() if how not in ("PermissionError", "OSError")} == {}
    assert (tmp_path / "outside" / "kept").read_text() == "kept"
    assert sorted(path.name for path in (tmp_path / "outside").iterdir()) == ["kept", "open-before"]


def test_inside_the_state_folder_everything_works(tmp_path: Path) -> None:
    seen = locked(
        tmp_path,
        """
        def work():
            from mcp_server.core.ledger import Ledger
            ledger = Ledger(state / "ledger")
            ledger.append("test", {}, blob=b"x" * 100_000)
            assert ledger.verify().intact
            ledger.close()
            (state / "a").mkdir()
            (state / "a" / "b").write_text("x")
            (state / "a" / "b").rename(state / "c")
            os.truncate(state / "c", 0)
            (state / "c").unlink()
            (state / "a").rmdir()
            open(os.devnull, "w").write("x")
        tried("work", work)
        """,
    )
    assert seen["work"] == "done"


def test_commands_are_bound_too_and_can_still_be_ended(tmp_path: Path) -> None:
    need("git", "touch", "mv", "rm")
    seen = locked(
        tmp_path,
        """
        def run(*argv):
            return subprocess.run(argv, capture_output=True, cwd="/").returncode
        seen["touch"] = run("touch", str(outside / "new"))
        seen["rm"] = run("rm", "-f", str(outside / "kept"))
        seen["mv"] = run("mv", str(outside / "kept"), str(state / "kept"))
        seen["git"] = run("git", "init", str(outside / "repository"))
        seen["shell"] = run("sh", "-c", f"echo x > {outside}/kept")
        seen["inside"] = run("sh", "-c", f"echo x > {state}/new")
        child = subprocess.Popen(["sleep", "60"], start_new_session=True)
        os.killpg(child.pid, 9)
        seen["killed"] = child.wait()
        """,
    )
    assert seen["killed"] == -9
    assert seen["inside"] == 0
    assert all(seen[name] != 0 for name in ("touch", "rm", "mv", "git", "shell"))
    assert (tmp_path / "outside" / "kept").read_text() == "kept"


def test_signals_stay_inside(tmp_path: Path) -> None:
    seen = locked(tmp_path, """tried("signal", lambda: os.kill(os.getppid(), 0))""")
    if "signals are not covered" in seen["open"]:
        lacking(seen["open"])
    assert seen["signal"] == "PermissionError"


def test_threads_started_later_are_bound(tmp_path: Path) -> None:
    seen = locked(
        tmp_path,
        """
        import threading
        thread = threading.Thread(target=lambda: tried("thread", lambda: (outside / "new").open("w")))
        thread.start(); thread.join()
        """,
    )
    assert seen["thread"] == "PermissionError"


@pytest.mark.parametrize(
    ("error", "words"),
    [(OSError(38, "Function not implemented"), "ENOSYS"), (OSError(1, "Operation not permitted"), "EPERM")],
)
def test_a_kernel_that_cannot_is_reported_with_the_reason(monkeypatch: pytest.MonkeyPatch, error: OSError, words: str) -> None:
    def refuse(writable: object, policy: object) -> None:
        raise error

    monkeypatch.setattr(lock, "_lock", refuse)
    monkeypatch.setattr(lock, "_report", lock._report)
    report = lock.lock_writes(["/nowhere"])
    assert not report.enforced
    assert words in report.detail
    assert lock.lock_report() == report


def test_a_folder_that_is_not_there_is_reported_not_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "_report", lock._report)
    report = lock.lock_writes([str(tmp_path / "missing")])
    assert not report.enforced
    assert "missing" in report.detail or "Landlock" in report.detail


WITHOUT = """
import json, sys
sys.path.insert(0, {root!r})
from mcp_server.engine.lock import lock_writes
from mcp_server.targets import capabilities, confinement, lookout, reader_line, reader_start
def refuse(*arguments):
    raise OSError(38, "Function not implemented")
{module}.{name} = {instead}
report = lock_writes([{state!r}])
print(json.dumps([report.enforced, report.open, report.detail]))
"""


@pytest.mark.parametrize(
    ("module", "name", "instead", "words"),
    [
        ("confinement", "install", "refuse", "seccomp is not available ([Errno 38] Function not implemented)"),
        ("confinement", "known_machine", "str", "no filter is known for this machine"),
        ("reader_start", "start", "refuse", "there is no reader ([Errno 38] Function not implemented)"),
        ("capabilities", "give_up", "refuse", "capabilities were not given up"),
        ("lookout", "start", "lambda: False", "open files and sockets of other processes are hidden from it"),
    ],
)
def test_a_part_that_is_missing_is_said(tmp_path: Path, module: str, name: str, instead: str, words: str) -> None:
    code = WITHOUT.format(root=str(ROOT), module=module, name=name, instead=instead, state=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    enforced, left_open, detail = json.loads(done.stdout)
    if not enforced:
        lacking(detail)
    assert words in left_open
    assert words not in detail, "what is missing is told once, apart from what is enforced"


def test_a_process_started_by_a_locked_one_is_bound_and_says_what_it_lacks(tmp_path: Path) -> None:
    code = f"""
        import sys
        inner = "import sys; sys.path.insert(0, {str(ROOT)!r}); from mcp_server.engine.lock import lock_writes; "
        inner += "print(lock_writes([{str(tmp_path / "state")!r}]).open)"
        seen["inner"] = subprocess.run([sys.executable, "-c", inner], capture_output=True, text=True).stdout
    """
    seen = locked(tmp_path, code)
    assert "there is no reader" in seen["inner"]
