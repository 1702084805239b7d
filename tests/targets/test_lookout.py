"""The helper that looks into other processes: it sees what the lock hides, and it can do nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_server.targets import lookout
from tests.real_parts import wait_until

ROOT = Path(__file__).parents[2]
POSSIBLE = sys.platform == "linux" and os.uname().machine in ("x86_64", "aarch64")
pytestmark = pytest.mark.skipif(not POSSIBLE, reason="Linux on x86-64 or arm64")


def python(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: lock and filter cannot be taken off again."""
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, timeout=30)


LOCKED = """
import os, sys
from mcp_server.engine.lock import lock_writes
from mcp_server.targets import lookout
report = lock_writes([sys.argv[2]])
pid = int(sys.argv[1])
"""


def test_a_locked_process_sees_folder_program_and_open_files_of_another(tmp_path: Path) -> None:
    kept = tmp_path / "kept.txt"
    with kept.open("w") as file:
        file.write("still here")
        file.flush()
        kept.unlink()
        code = LOCKED + "print(lookout.link_of(pid, 'cwd'), lookout.link_of(pid, 'exe'), lookout.open_files(pid), sep='\\n')"
        out = python(code, str(os.getpid()), str(tmp_path)).stdout.splitlines()
    assert out[0] == os.getcwd()
    assert out[1] == os.readlink("/proc/self/exe")
    assert f"Open(target='{kept} (deleted)', regular=True, names=0, size=10" in out[2]


def test_without_the_helper_the_lock_hides_them(tmp_path: Path) -> None:
    """Otherwise the test above proves nothing."""
    code = LOCKED.replace("report =", "lookout.start = lambda: False\nreport =") + (
        "print(report.enforced)\ntry: print(lookout.link_of(pid, 'cwd'))\nexcept PermissionError: print('hidden', report.open)"
    )
    enforced, seen = python(code, str(os.getpid()), str(tmp_path)).stdout.splitlines()
    if enforced != "True":
        pytest.skip("no Landlock here")
    assert seen.startswith("hidden")
    assert "hidden from it" in seen


def test_a_process_that_is_gone_is_gone(tmp_path: Path) -> None:
    code = LOCKED + "try: lookout.open_files(999999999)\nexcept FileNotFoundError: print('gone')"
    assert python(code, "1", str(tmp_path)).stdout == "gone\n"


@pytest.mark.parametrize(
    "deed",
    [
        "open('{folder}/new', 'w')", "os.open('{folder}/old', os.O_RDWR)", "os.open('{folder}/old', os.O_RDONLY | os.O_TRUNC)",
        "os.open('{folder}', os.O_TMPFILE | os.O_WRONLY)", "os.unlink('{folder}/old')",
        "os.rename('{folder}/old', '{folder}/x')", "os.mkdir('{folder}/x')",
        "os.chmod('{folder}/old', 0)", "os.utime('{folder}/old')", "os.symlink('a', '{folder}/x')",
        "os.link('{folder}/old', '{folder}/x')", "os.kill(1, 0)", "os.fork()", "os.execv('/bin/true', ['true'])",
        "__import__('socket').socket()", "os.truncate('{folder}/old', 0)", "os.setpriority(0, 0, 5)",
    ],
)  # fmt: skip
def test_the_filter_refuses_every_deed(deed: str, tmp_path: Path) -> None:
    (tmp_path / "old").write_text("as it was", encoding="utf8")
    code = (
        "import os, socket, sys\nfrom mcp_server.targets import lookout\nlookout._only_reading()\n"
        f"try:\n    {deed.format(folder=tmp_path)}\nexcept PermissionError: os.write(1, b'refused')\nos._exit(0)"
    )
    assert python(code).stdout == "refused"
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old").read_text(encoding="utf8") == "as it was"


def test_under_the_filter_reading_still_works() -> None:
    code = (
        "import os\nfrom mcp_server.targets import lookout\npid = os.getpid()\nlookout._only_reading()\n"
        "os.write(1, str(len(lookout._open_files(pid))).encode())\nos._exit(0)"
    )
    assert int(python(code).stdout) >= 3


def test_it_ends_with_its_parent_and_holds_none_of_its_pipes(tmp_path: Path) -> None:
    code = LOCKED + "print(lookout.helper_pid(), flush=True); os.kill(os.getpid(), 9)"
    process = subprocess.Popen([sys.executable, "-c", code, "1", str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    out, _ = process.communicate(timeout=20)  # returns only when nobody holds the pipe
    wait_until(lambda: not Path(f"/proc/{int(out)}").exists() or _zombie(int(out)), "the helper is gone")


def _zombie(pid: int) -> bool:
    try:
        return " Z " in Path(f"/proc/{pid}/stat").read_text(encoding="utf8")
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_a_killed_helper_leaves_us_with_our_own_eyes(tmp_path: Path) -> None:
    code = LOCKED.replace("report = lock_writes([sys.argv[2]])", "lookout.start()") + (
        "os.kill(lookout.helper_pid(), 9)\nimport errno\n"
        "try: lookout._asked('cwd', pid)\nexcept PermissionError: print('denied')\n"
        "print(lookout.link_of(os.getpid(), 'cwd') == os.getcwd())"
    )
    assert python(code, "1", str(tmp_path)).stdout.split() == ["denied", "True"]


def test_no_helper_in_a_process_that_did_not_lock() -> None:
    assert lookout.helper_pid() == 0
