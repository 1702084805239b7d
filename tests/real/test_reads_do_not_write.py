"""The proof that reads do not write: everything is asked under a recorder of system calls, with and without the lock.

Fails on a file opened for writing, made, moved, removed or given other rights outside the state folder; on a signal to
a process that is not our own child; on a command that is not a read; on a request that is not GET or HEAD.
"""

import ast
import http.server
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_server.engine.catalog import load_catalog
from scripts.demo import breaks
from scripts.demo.world import World
from tests.real.watching import leaks, snapshot
from tests.real_parts import lacking, need

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]

CALLS = (
    "open,openat,openat2,creat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,truncate,ftruncate,kill,tkill,"
    "tgkill,link,linkat,symlink,symlinkat,chmod,fchmod,fchmodat,chown,fchown,fchownat,lchown,utimensat,utime,utimes,mknod,"
    "mknodat,setxattr,fsetxattr,mount,umount2,execve,clone,clone3,fork,vfork,pidfd_send_signal"
)
MUTATING = ("rm", "mv", "cp", "tee", "touch", "chmod", "chown", "kill", "pkill", "killall", "service", "apt-get", "dpkg", "pip",
            "nginx", "mount", "umount", "sed", "dd", "truncate", "logger", "reboot", "iptables")  # fmt: skip
"""Programs that no question has a reason to run; shims with these names stand first on PATH."""
READS = {
    "git": {"log", "rev-parse", "merge-base", "cat-file", "show", "diff", "diff-tree", "rev-list", "for-each-ref", "version",
            "symbolic-ref", "ls-files"},
    "systemctl": {"show", "status", "list-units", "is-active"},
    "timedatectl": {"show"},
}  # fmt: skip
JOURNAL_WRITES = ("--vacuum", "--rotate", "--flush", "--sync", "--relinquish", "--smart", "--setup-keys", "--update-catalog")
WRAPPERS = ("env", "nice", "ionice", "chrt")
ON_DESCRIPTORS = ("ftruncate", "fchmod", "fchown", "fsetxattr")
_LINE = re.compile(r"^(?P<pid>\d+)\s+(?P<call>\w+)\((?P<rest>.*)$")
_PATH = re.compile(r'"((?:[^"\\]|\\.)*)"')


@pytest.fixture
def recording_server() -> Iterator[tuple[str, list[str]]]:
    """An HTTP server that keeps the method of every request."""
    methods: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if self.raw_requestline and self.parse_request():
                methods.append(self.command)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", methods
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("lock", ["locked", "open"])
def test_nothing_is_written_outside_the_state_folder(
    lock: str, world: World, recording_server: tuple[str, list[str]], tmp_path: Path
) -> None:
    need("strace")
    address, methods = recording_server
    world.start()
    world.traffic(5)
    breaks.missing_module(world)
    shims = _shims(tmp_path, world.folder / "state" / "shims.log")
    trace = tmp_path / "trace"
    known = {
        "url": address, "path": str(world.log / "gunicorn.log"), "paths": [str(world.log / "gunicorn.log")], "service": "shop",
        "conf": str(world.config), "python": str(world.env / "bin/python"), "root": str(world.root), "entry": "shop.wsgi",
        "process": "shop.wsgi:app", "port": world.app_port,
    }  # fmt: skip
    env = {
        "PATH": f"{shims}:{os.environ['PATH']}", "HOME": str(world.folder), "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(ROOT), "VETERAN_CONFIG": str(world.folder / "veteran.toml"),
    }  # fmt: skip
    before = snapshot(world)
    command = ["strace", "-f", "--seccomp-bpf", "-qq", "-y", "-s", "300", "-o", str(trace), "-e", f"trace={CALLS}"]
    asked = [sys.executable, str(Path(__file__).with_name("ask_everything.py")), json.dumps(known), lock]
    done = subprocess.run(
        [*command, *asked],
        check=False,
        capture_output=True,
        text=True,
        env=env,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        timeout=240,
    )
    if "Operation not permitted" in done.stderr and "ptrace" in done.stderr:
        lacking("this system does not allow tracing")
    assert done.returncode == 0, done.stderr[-2000:]
    verdicts = json.loads(done.stdout)
    assert set(load_catalog().diagnostics) <= set(verdicts), "every diagnostic was asked"
    assert violations(trace, str(world.folder / "state")) == []
    assert not (world.folder / "state" / "shims.log").exists(), (world.folder / "state" / "shims.log").read_text()
    assert snapshot(world) == before
    assert set(methods) <= {"GET", "HEAD"}
    assert methods
    assert {line.split('"')[1].split()[0] for line in (world.log / "nginx-access.log").read_text().splitlines()} <= {
        "GET",
        "HEAD",
    }
    assert leaks(world, done.stdout, done.stderr) == []


def test_the_recorder_sees_a_write_a_signal_and_a_command(tmp_path: Path) -> None:
    """The proof is worth nothing if the recorder is blind."""
    need("strace")
    trace, target = tmp_path / "trace", tmp_path / "written"
    code = (
        f"import os, subprocess; open({str(target)!r}, 'w').close(); os.chmod({str(target)!r}, 0o600)\n"
        f"os.fchmod(os.open({str(target)!r}, os.O_RDONLY), 0o600); os.kill(os.getppid(), 18)\n"
        f"subprocess.run(['rm', {str(target)!r}])"
    )
    command = [
        "strace",
        "-f",
        "--seccomp-bpf",
        "-qq",
        "-y",
        "-s",
        "300",
        "-o",
        str(trace),
        "-e",
        f"trace={CALLS}",
        sys.executable,
        "-c",
        code,
    ]
    subprocess.run(command, check=True, env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"})
    seen = " ".join(violations(trace, "/nowhere"))
    for word in ("openat", " chmod", "fchmod", "kill", "unlink", "execve"):
        assert word in seen


def _shims(folder: Path, log: Path) -> Path:
    """Programs that leave a line and do nothing."""
    shims = folder / "shims"
    shims.mkdir()
    for name in MUTATING:
        (shims / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {log}\n', encoding="utf8")
        (shims / name).chmod(0o755)
    return shims


def violations(trace: Path, state: str) -> list[str]:
    """Every traced line that is more than reading."""
    lines = trace.read_text(encoding="utf8", errors="replace").splitlines()
    ours = {line.split(None, 1)[0] for line in lines}
    return [line for line in lines if (match := _LINE.match(line)) and not _harmless(match["call"], match["rest"], state, ours)]


def _harmless(call: str, rest: str, state: str, ours: set[str]) -> bool:
    if call in ("clone", "clone3", "fork", "vfork"):
        return True
    if call == "execve":
        return rest.rstrip().endswith("ENOENT (No such file or directory)") or _is_read(rest)
    if call in ("kill", "tkill", "tgkill", "pidfd_send_signal"):
        number = rest.split(",", maxsplit=1)[0].lstrip("-").strip()
        return number in ours or ", 0)" in rest
    if call in ("open", "openat", "openat2") and not re.search(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND|O_TMPFILE", rest):
        return True
    # with -y the path of a descriptor stands behind it: fchmod(3</srv/file>, 0600)
    paths = re.findall(r"^\d+<([^>]*)>", rest) if call in ON_DESCRIPTORS else _PATH.findall(rest)
    return bool(paths) and all(path == "/dev/null" or path == state or path.startswith(state + "/") for path in paths)


def _is_read(rest: str) -> bool:
    """`"/usr/bin/git", ["git", "--git-dir=…", "log"], …`: the program and its subcommand are known reads."""
    match = re.match(r'"([^"]*)", (\[.*?\])(?:, 0x|\.\.\.)', rest)
    assert match, rest
    argv = [str(word) for word in ast.literal_eval(match[2].replace("...", ""))]
    program = Path(match[1]).name
    if program.startswith("python") or program in WRAPPERS:
        return True  # what they start is traced as well
    if program == "journalctl":  # all flags: none of those that change the journal, nor one cut short to look otherwise
        return not any(
            write.startswith(word.partition("=")[0]) for word in argv[1:] if word.startswith("--") for write in JOURNAL_WRITES
        )
    if program == "sysctl":  # names only: `name=value`, -w and -p change the kernel
        return all(word in ("-e", "-n", "-a", "--") or re.fullmatch(r"[\w.*/-]+", word) for word in argv[1:])
    if program == "uname":  # a library asks what machine this is; it takes nothing but flags
        return all(word.startswith("-") for word in argv[1:])
    if program == "psql":  # a session that the server itself keeps from writing
        return any("default_transaction_read_only=on" in word for word in argv)
    if program not in READS:
        return False
    words = iter(argv[1:])
    for word in words:
        if word in ("-c", "-C"):
            next(words, None)
        elif not word.startswith("-"):
            return word in READS[program]
    return False
