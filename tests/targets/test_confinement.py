"""The filter of system calls and the capabilities that are kept, tried in processes of their own."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.ledger import Ledger
from mcp_server.targets import capabilities, confinement, seccomp
from tests.real_parts import lacking, need

ROOT = Path(__file__).parents[2]


def confined(body: str, before: str = "") -> dict[str, Any]:
    """Run `body` behind the filter; it fills `seen`, by itself or by `tried`."""
    program = textwrap.dedent("""
        import ctypes, json, os, resource, signal, socket, subprocess, sys, threading
        sys.path.insert(0, {root!r})
        from mcp_server.targets import capabilities, confinement
        seen = {{}}
        def tried(name, act):
            try:
                seen[name] = act() or "done"
            except OSError as error:
                seen[name] = type(error).__name__
        {before}
        why = confinement.filter_calls()
        seen["why"] = why
        {body}
        print(json.dumps(seen, default=str))
    """).format(root=str(ROOT), before=before, body=textwrap.dedent(body).strip())
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    if why := seen.pop("why"):
        lacking(f"seccomp: {why}")
    return seen


def test_what_the_server_does_all_day_still_works(tmp_path: Path) -> None:
    need("git")
    seen = confined(f"""
        import asyncio, sqlite3, psutil
        from concurrent.futures import ThreadPoolExecutor
        folder = {str(tmp_path)!r}
        def database():
            with sqlite3.connect(folder + "/a.db") as db:
                db.execute("PRAGMA journal_mode=WAL")
                db.execute("CREATE TABLE a (b)")
        async def work():
            await asyncio.sleep(0)
            return await asyncio.to_thread(os.getpid) == os.getpid()
        def talk():
            with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as line:
                line.sendall(b"x")
                return bool(server.accept()[0].recv(1))
        tried("database", database)
        tried("asyncio", lambda: asyncio.run(work()))
        tried("threads", lambda: sum(ThreadPoolExecutor(8).map(abs, range(100))))
        tried("program", lambda: subprocess.run(["git", "--version"], capture_output=True, check=True).stdout.decode())
        tried("shell", lambda: subprocess.check_output(["sh", "-c", "echo $(echo a | cat) & wait"]).decode())
        tried("tcp", talk)
        tried("names", lambda: str(socket.getaddrinfo("localhost", 80)[0][0]))
        tried("interfaces", lambda: len(psutil.net_if_addrs()) + len(psutil.net_if_stats()))
        tried("connections", lambda: len(psutil.net_connections()) + 1)
        tried("memory file", lambda: os.close(os.memfd_create("x")))
        tried("terminal", lambda: str(os.isatty(0)))
        tried("own priority", lambda: os.setpriority(os.PRIO_PROCESS, 0, 5))
        tried("own limit", lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)))
        tried("limits of others", lambda: resource.prlimit(os.getppid(), resource.RLIMIT_CPU)[0])
        tried("child", lambda: os.waitpid(os.posix_spawn("/bin/true", ["true"], {{}}), 0)[1])
        tried("temporary", lambda: __import__("tempfile").NamedTemporaryFile(dir=folder).name)
        tried("core", lambda: resource.getrlimit(resource.RLIMIT_CORE)[0])
    """)
    failed = {name: how for name, how in seen.items() if str(how).endswith("Error")}
    assert failed == {}
    assert seen["shell"] == "a\n"
    assert seen["core"] == "done"


def test_programs_started_behind_it_are_bound_and_lowered() -> None:
    need("chmod", "nice")
    seen = confined("""
        from mcp_server.core.reader import Limits
        from mcp_server.targets.command import run_program
        before = os.getpriority(os.PRIO_PROCESS, 0)
        from mcp_server.targets.lowered import lowered
        code = "import socket; socket.socket(socket.AF_UNIX)"
        seen["socket"] = subprocess.run([sys.executable, "-c", code], capture_output=True).returncode
        seen["chmod"] = subprocess.run(["chmod", "600", sys.executable], capture_output=True).returncode
        seen["nice"] = run_program("nice", "/usr/bin/nice", ("nice",), Limits()).out.strip()
        tried("missing", lambda: lowered(lambda: subprocess.Popen(["/nonexistent"])))
        seen["ours"] = os.getpriority(os.PRIO_PROCESS, 0) - before
    """)
    assert seen == {"socket": 1, "chmod": 1, "nice": "10", "missing": "FileNotFoundError", "ours": 0}


def test_a_user_without_powers_is_bound_as_well() -> None:
    if os.geteuid() != 0:
        lacking("root, to become another user")
    seen = confined("""
        tried("socket", lambda: socket.socket(socket.AF_UNIX))
        tried("capabilities", lambda: capabilities.give_up([]))
        libc = ctypes.CDLL(None, use_errno=True)
        seen["namespace"] = libc.unshare(0x10000000), ctypes.get_errno()
    """, before="os.setgid(65534), os.setuid(65534)")  # fmt: skip
    assert seen == {"socket": "PermissionError", "capabilities": "done", "namespace": [-1, 1]}


def test_priorities_are_its_own_only_not_those_of_all_that_its_user_runs() -> None:
    if os.geteuid() != 0:
        lacking("root, to become a user who runs nothing else")
    seen = confined("""
        libc = ctypes.CDLL(None, use_errno=True)
        for which in (os.PRIO_PGRP, os.PRIO_USER):
            tried(f"nice {which}", lambda: os.setpriority(which, 0, 19))
        number = {"x86_64": 251, "aarch64": 30}[os.uname().machine]
        for which in (1, 2, 3):
            seen[f"io {which}"] = libc.syscall(number, which, 0, 2 << 13 | 7)
        tried("own", lambda: os.setpriority(os.PRIO_PROCESS, 0, 19))
    """, before="os.setsid(), os.setgid(54321), os.setuid(54321)")  # fmt: skip
    assert seen == {
        "nice 1": "PermissionError", "nice 2": "PermissionError", "io 1": 0, "io 2": -1, "io 3": -1, "own": "done",
    }  # fmt: skip


def test_calls_of_another_architecture_end_the_process(tmp_path: Path) -> None:
    need("cc", "gcc")
    if seccomp.known_machine() != "x86_64":
        lacking("an x86-64 machine")
    source, program = tmp_path / "a.c", tmp_path / "a"
    source.write_text('int main(void) { int r; __asm__ volatile("int $0x80" : "=a"(r) : "a"(20)); return r > 0 ? 7 : 8; }\n')
    subprocess.run(["cc", "-o", program, source], check=True)
    if subprocess.run([program], check=False).returncode != 7:
        lacking("a kernel with 32-bit calls")
    seen = confined(f"seen['status'] = subprocess.run([{str(program)!r}]).returncode")
    assert seen["status"] == -31


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_both_machines_have_whole_filters(machine: str) -> None:
    rules = confinement.rules(machine)
    assert len(rules) < 400
    for index, (code, yes, no, _) in enumerate(rules):
        if code & 7 == 5:
            assert max(yes, no) < 255
            assert index + 1 + max(yes, no) < len(rules)
    for numbers in confinement._NEVER.values():
        assert list(numbers[machine]) == sorted(set(numbers[machine]))
    assert len(set(confinement._ASKED[machine])) == len(confinement._ASKED[machine])


HEADERS = {
    "x86_64": "/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "aarch64": "/usr/include/asm-generic/unistd.h",
}  # fmt: skip
NEVER = [
    "chmod", "chown", "lchown", "fchmod", "fchown", "setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr",
    "fremovexattr", "utime", "utimes", "futimesat", "fchownat", "fchmodat", "utimensat", "ptrace", "process_vm_readv",
    "process_vm_writev", "perf_event_open", "userfaultfd", "bpf", "migrate_pages", "move_pages", "shmget", "shmat", "shmctl",
    "semget", "semop", "semtimedop", "semctl", "msgget", "msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink", "add_key",
    "request_key", "keyctl", "mount", "umount2", "pivot_root", "chroot", "unshare", "setns", "open_by_handle_at",
    "fanotify_init", "reboot", "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "swapon",
    "swapoff", "settimeofday", "clock_settime", "sethostname", "setdomainname", "acct", "quotactl", "vhangup", "syslog",
    "iopl", "ioperm", "io_uring_setup", "io_uring_enter", "io_uring_register", "open_tree", "move_mount", "fsopen",
    "fsconfig", "fsmount", "fspick", "mount_setattr", "pidfd_getfd", "process_madvise", "process_mrelease", "quotactl_fd",
]  # fmt: skip
ASKED = [
    "socket", "socketpair", "clone", "ioctl", "fcntl", "setpriority", "prlimit64", "sched_setparam", "sched_setscheduler",
    "sched_setaffinity", "sched_setattr", "ioprio_set",
]  # fmt: skip


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_numbers_are_those_of_the_kernels_headers(machine: str) -> None:
    header = Path(HEADERS[machine])
    if not header.exists():
        lacking(f"{header} (linux-libc-dev)")
    words = (line.replace("__NR3264_", "__NR_").split() for line in header.read_text().splitlines() if "__NR" in line)
    known = {row[1][5:]: int(row[2]) for row in words if len(row) == 3 and row[0] == "#define" and row[2].isdecimal()}
    assert confinement._ASKED[machine] == tuple(known[name] for name in ASKED)
    old = {number for numbers in confinement._NEVER.values() for number in numbers[machine]}
    ours = old | {number for number in confinement._NEVER_SINCE_424 if number <= max(known.values())}
    theirs = {known[name] for name in NEVER if name in known}
    assert ours == theirs


KEPT = """
    header, sets = capabilities._Header(capabilities._VERSION, 0), (capabilities._Sets * 2)()
    ctypes.CDLL(None).capget(ctypes.byref(header), sets)
    seen["held"] = sorted(n for n in range(32) if sets[0].effective >> n & 1)
    status = subprocess.check_output(["cat", "/proc/self/status"], text=True)
    seen["child"] = next(int(row.split()[1], 16) for row in status.splitlines() if row.startswith("CapEff"))
"""


def test_roots_powers_are_given_up_and_do_not_come_back() -> None:
    if os.geteuid() != 0:
        lacking("root")
    seen = confined(f"""
        keep = [capabilities.DAC_READ_SEARCH, capabilities.SYS_PTRACE]
        capabilities.give_up(keep)
        {textwrap.indent(textwrap.dedent(KEPT), " " * 8).strip()}
        tried("clock", lambda: __import__("time").clock_settime(0, __import__("time").time()))
        tried("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
        tried("others", lambda: len(os.listdir("/root")) + 1)
    """)
    mask = sum(1 << number for number in (capabilities.DAC_READ_SEARCH, capabilities.SYS_PTRACE))
    assert set(seen["held"]) <= {capabilities.DAC_READ_SEARCH, capabilities.SYS_PTRACE}
    assert seen["child"] & ~mask == 0
    assert (seen["clock"], seen["raw"]) == ("PermissionError", "PermissionError")


ELSEWHERE = """
import json, os, sqlite3, sys
sys.path.insert(0, {root!r})
from mcp_server.core.ledger import Ledger
from mcp_server.engine.lock import lock_report, lock_writes
state = {state!r}
ledger = Ledger(state)
lock_writes([state])
ledger.append("test", {{}}, blob=b"x" * 100_000)
other = sqlite3.connect(state + "/other.sqlite3")
other.execute("PRAGMA journal_mode=WAL")
other.execute("CREATE TABLE a (b)")
open(state + "/new", "w").write("x")
open(state + "/roots", "a").write("x")
open("/proc/self/status").read()
seen = {{name: os.stat(state + "/" + name).st_uid for name in sorted(os.listdir(state))}}
seen["enforced"], seen["open"] = lock_report().enforced, lock_report().open
seen["read"] = len(os.listdir("/root")) >= 0
print(json.dumps(seen))
ledger.close()
"""


def test_root_works_in_a_state_folder_of_somebody_else(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        lacking("root")
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    Ledger(state).close()
    for path in (state, *state.iterdir()):
        os.chown(path, 12_345, 12_345)
    (state / "roots").write_text("x")
    code = ELSEWHERE.format(root=str(ROOT), state=str(state))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    if not seen.pop("enforced"):
        lacking("no Landlock here")
    assert (seen.pop("open"), seen.pop("read"), seen.pop("roots")) == ("", True, 0)
    assert "other.sqlite3-wal" in seen
    assert set(seen.values()) == {12_345}, "what is made there is not root's: its owner works there too"
