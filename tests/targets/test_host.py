"""What this host says of itself, against what the kernel and other programs say."""

import json
import os
import pwd
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from mcp_server.core.calls import HostFacts, Processes, ReadFilesystems, ReadHost, ReadProcesses, ReadSockets, Sockets
from mcp_server.core.clock import now
from mcp_server.core.errors import Cancelled, CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.targets import filesystems, host
from mcp_server.targets.processes import unit_of
from mcp_server.targets.sockets import address_of
from tests.real_parts import least, need, wait_until

POLICY = ReadSettings()
NOBODY = 65534


def look(call: Any, **limits: Any) -> Any:
    return host.look(call, Limits(**limits), POLICY)


def process(pid: int, **call: Any) -> Any:
    return next((item for item in look(ReadProcesses(**call)).processes if item.pid == pid), None)


def as_nobody(call: str) -> dict[str, Any]:
    """The answer that an unprivileged user gets, from a process of its own."""
    code = (
        f"import os; os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
        "from mcp_server.core.calls import *\nfrom mcp_server.core.reader import Limits\n"
        "from mcp_server.core.settings import ReadSettings\nfrom mcp_server.targets.host import look\n"
        f"print(look({call}, Limits(), ReadSettings()).model_dump_json())"
    )
    # modules are imported before the rights are dropped: the interpreter may lie in a private folder
    code = "import mcp_server.targets.host, mcp_server.targets.processes, mcp_server.targets.sockets, platform, psutil\n" + code
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=Path.cwd(), timeout=20)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_host_agrees_with_the_kernel() -> None:
    seen = look(ReadHost(sample_s=0.05))
    assert isinstance(seen, HostFacts)
    assert seen.hostname == socket.gethostname()
    assert seen.kernel == os.uname().release
    assert seen.memory_total == psutil.virtual_memory().total
    assert 0 < seen.memory_available <= seen.memory_total
    assert 0 <= seen.cpu_percent <= 100
    assert seen.booted < now()
    assert bool(seen.pressure) == Path("/proc/pressure/cpu").exists()


def test_a_busy_processor_is_seen_busy() -> None:
    spin = "while True: pass"
    children = [subprocess.Popen([sys.executable, "-c", spin]) for _ in range(os.cpu_count() or 1)]
    try:
        wait_until(lambda: all(psutil.Process(item.pid).cpu_times().user > 0.05 for item in children), "the load has begun")
        assert look(ReadHost(sample_s=0.3)).cpu_percent > 60
        busiest = max(look(ReadProcesses(sample_s=0.2)).processes, key=lambda item: item.cpu_percent or 0)
        assert busiest.cpu_percent > 20
    finally:
        for item in children:
            item.kill()
            item.wait()


@pytest.mark.parametrize("call", [ReadHost(sample_s=5), ReadProcesses(sample_s=5)])
def test_sampling_stops_when_cancelled(call: Any) -> None:
    limits, raised = Limits(), []

    def ask() -> None:
        try:
            host.look(call, limits, POLICY)
        except Cancelled as error:
            raised.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    limits.cancel.set()
    thread.join(20)
    assert raised


def test_a_process_is_described_as_it_is(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()", "a b", ""], stdin=subprocess.PIPE, cwd=tmp_path
    )
    try:
        wait_until(lambda: (process(child.pid) or object()).argv[1:2] == ("-c",), "it has started")  # type: ignore[attr-defined]
        seen = process(child.pid)
        assert seen.argv[-2:] == ("a b",) or seen.argv[-1] == "a b"
        assert seen.ppid == os.getpid()
        assert seen.user == pwd.getpwuid(os.getuid()).pw_name
        assert seen.cwd == str(tmp_path)
        assert seen.exe == os.path.realpath(sys.executable)
        assert abs(seen.started.timestamp() - psutil.Process(child.pid).create_time()) < 2
        assert seen.rss > 100_000
        assert seen.threads == 1
        assert not seen.ours
        assert process(os.getpid()).ours
    finally:
        child.communicate()


def test_all_processes_are_there_and_quickly() -> None:
    look(ReadProcesses())
    started = time.perf_counter()
    seen = {item.pid for item in look(ReadProcesses()).processes}
    spent = (time.perf_counter() - started) / len(seen)
    assert spent < 0.001, f"{spent * 1e6:.0f} µs for each process"
    assert {1, os.getpid()} <= seen
    assert len(seen ^ set(psutil.pids())) <= 10


def test_a_zombie_is_seen_as_one() -> None:
    child = subprocess.Popen(["true"])
    try:
        wait_until(lambda: process(child.pid).status == "zombie", "it ends without being reaped")
        assert process(child.pid).argv == ()
    finally:
        child.wait()


def test_deleted_but_open_files_are_named_once_with_size(tmp_path: Path) -> None:
    path, empty, kept = tmp_path / "big log", tmp_path / "empty", tmp_path / "kept (deleted)"
    with path.open("w+b") as file, path.open("rb"), empty.open("w"), kept.open("w") as other:
        file.write(b"x" * 70_000)
        file.flush()
        other.write("still has its name")
        other.flush()
        assert process(os.getpid(), files=True).deleted_files == ()
        path.unlink()
        empty.unlink()
        assert process(os.getpid(), files=True).deleted_files == (f"{path} (70000 bytes)",)
        assert process(os.getpid()).deleted_files == ()


def test_what_the_system_refuses_is_named_as_denied() -> None:
    need(root=True)
    answer = as_nobody("ReadProcesses(files=True)")
    others = [item for item in answer["processes"] if item["user"] == "root" and item["argv"] and not item["ours"]]
    assert others
    for item in others:
        assert item["cwd"] is None
        assert {"cwd", "exe", "open files"} <= set(item["denied"])


def test_listening_sockets_have_address_port_and_owner(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as local,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.create_connection(server.getsockname()) as client,
    ):
        local.bind(str(tmp_path / "app.sock"))
        local.listen()
        udp.bind(("127.0.0.1", 0))
        seen = look(ReadSockets())
        assert isinstance(seen, Sockets)
        port = server.getsockname()[1]
        mine = next(item for item in seen.sockets if item.port == port)
        assert (mine.address, mine.state, mine.pid, mine.remote) == (f"127.0.0.1:{port}", "LISTEN", os.getpid(), None)
        assert mine.process == psutil.Process().name()
        path = next(item for item in seen.sockets if item.address == str(tmp_path / "app.sock"))
        assert (path.family, path.state, path.pid) == ("unix", "LISTEN", os.getpid())
        assert any(item.family == "udp" and item.port == udp.getsockname()[1] for item in seen.sockets)
        assert not any(item.state == "ESTABLISHED" for item in seen.sockets)
        own = client.getsockname()[1]
        every = look(ReadSockets(connected=True)).sockets
        assert any(item.port == own and item.remote == f"127.0.0.1:{port}" and item.state == "ESTABLISHED" for item in every)


def test_an_owner_that_may_not_be_seen_is_said_to_be_hidden() -> None:
    need(root=True)
    with socket.create_server(("127.0.0.1", 0)) as server:
        answer = as_nobody("ReadSockets()")
        mine = next(item for item in answer["sockets"] if item["port"] == server.getsockname()[1])
    assert mine["pid"] is None
    assert answer["owners_hidden"]


@pytest.mark.parametrize(
    ("text", "version", "address"),
    [
        ("0100007F:1F90", 4, "127.0.0.1:8080"),
        ("00000000:0000", 4, "0.0.0.0:0"),
        ("00000000000000000000000000000000:0050", 6, "[::]:80"),
        ("00000000000000000000000001000000:0050", 6, "[::1]:80"),
        ("0000000000000000FFFF00000100007F:0050", 6, "127.0.0.1:80"),
    ],
)
def test_addresses_of_the_socket_tables(text: str, version: int, address: str) -> None:
    if sys.byteorder == "little":
        assert address_of(text, version)[0] == address


@pytest.mark.parametrize(
    ("cgroup", "unit"),
    [
        ("0::/system.slice/nginx.service\n", "nginx.service"),
        ("12:pids:/x\n1:name=systemd:/system.slice/shop.service\n0::/\n", "shop.service"),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/editor.service", "editor.service"),
        ("0::/user.slice/user-1000.slice/session-3.scope", "session-3.scope"),
        ("0::/system.slice/docker-0123abcd.scope/inner", "docker-0123abcd.scope"),
        ("9:name=systemd:/\n0::/\n", None),
        ("", None),
    ],
)
def test_unit_of_a_control_group(cgroup: str, unit: str | None) -> None:
    assert unit_of(cgroup) == unit


def test_filesystems_agree_with_df() -> None:
    need("df")
    seen = {item.mount: item for item in look(ReadFilesystems()).mounted}
    fields = subprocess.run(["df", "-P", "-B1", "/"], capture_output=True, text=True, check=True).stdout.splitlines()[1].split()
    root = seen["/"]
    assert root.total == int(fields[1])
    assert abs(root.used - int(fields[2])) < 200_000_000
    assert root.inodes_total >= root.inodes_free > 0
    assert not {"proc", "sysfs", "devpts"} & {item.type for item in seen.values()}


MOUNTS = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
23 22 0:20 / /proc rw - proc proc rw
24 22 0:30 / /run rw,nosuid - tmpfs tmpfs rw,size=100k
25 22 254:0 /srv/data /mnt/bind\\040mount rw - ext4 /dev/vda rw
26 22 7:1 / /snap/core/1 ro,nodev - squashfs /dev/loop1 ro
27 22 0:50 / /var/lib/docker/overlay2/abc/merged rw - overlay overlay rw
28 22 0:60 / /mnt/nfs\\040share rw - nfs4 server:/export rw
29 22 0:70 / /mnt/nfs\\040share rw - nfs4 other:/export rw
"""


def test_each_storing_device_is_asked_once_at_its_shortest_path() -> None:
    mounts = {item.path: item for item in filesystems.storing(MOUNTS)}
    assert sorted(mounts) == ["/", "/mnt/nfs share", "/run", "/snap/core/1"]
    assert mounts["/snap/core/1"].read_only
    assert mounts["/mnt/nfs share"].device == "other:/export", "the upper of two mounts on one path is the one in sight"


def test_a_mount_that_hangs_is_named_and_the_others_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    release, real, asked = threading.Event(), os.statvfs, []
    mounts = [filesystems.Mount(path, "device", "ext4", path, False) for path in ("/dead", "/", "/broken", "/tmp")]

    def statvfs(path: str) -> os.statvfs_result:
        asked.append(path)
        if path == "/dead":
            release.wait(30)
        if path == "/broken":
            raise OSError(107, "Transport endpoint is not connected")
        return real(path)

    monkeypatch.setattr(filesystems, "PATIENCE_S", 0.2)
    monkeypatch.setattr(filesystems, "storing", lambda text: list(mounts))
    monkeypatch.setattr(filesystems.os, "statvfs", statvfs)
    try:
        before = threading.active_count()

        def measured() -> float:
            started = time.monotonic()
            for _ in range(3):
                seen = look(ReadFilesystems())
                assert sorted(item.mount for item in seen.mounted) == ["/", "/tmp"]
                assert set(seen.failed) == {"/dead", "/broken"}
                assert "no answer" in seen.failed["/dead"]
                assert "not connected" in seen.failed["/broken"]
            return time.monotonic() - started

        assert least(measured, 2) < 2
        assert asked.count("/dead") == 1, "a dead mount costs one thread, not one per look"
        assert threading.active_count() <= before + 2
        with pytest.raises(CouldNotLook) as failure:
            filesystems._hanging.clear()
            look(ReadFilesystems(), timeout_s=0.05)
        assert failure.value.reason == "timed_out"
    finally:
        release.set()
    wait_until(lambda: not any(item.is_alive() for item in filesystems._hanging.values()), "the threads end")
    filesystems._hanging.clear()


def test_an_unreadable_proc_is_a_failure_not_an_empty_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> list[str]:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("mcp_server.targets.processes.os.listdir", refuse)
    with pytest.raises(CouldNotLook) as failure:
        look(ReadProcesses())
    assert failure.value.reason == "denied"


def test_time_is_limited() -> None:
    with pytest.raises(CouldNotLook) as failure:
        look(ReadProcesses(), timeout_s=0)
    assert failure.value.reason == "timed_out"
    with pytest.raises(CouldNotLook):
        look(ReadSockets(), timeout_s=0)
    assert isinstance(look(ReadProcesses()), Processes)


@pytest.mark.real
def test_a_full_tmpfs_is_found_on_this_host(tmp_path: Path) -> None:
    need("mount", "umount", root=True)
    from mcp_server.core.settings import load_settings
    from mcp_server.engine.run import Question, ask
    from mcp_server.engine.session import Asking, Session

    mount = tmp_path / "small"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", mount], check=True)
    try:
        settings = load_settings({"VETERAN_STATE_DIR": str(tmp_path / "state"), "HOME": str(tmp_path)})
        session = Session(settings, program="test")
        try:
            empty = ask(session, Question.of(session, "disk_space", {}), "local", Asking())
            assert str(mount) not in {item.component for item in empty.findings}
            with pytest.raises(OSError, match="No space"), (mount / "log").open("wb", buffering=0) as file:
                while True:
                    file.write(b"x" * 65_536)
            full = ask(session, Question.of(session, "disk_space", {}), "local", Asking())
        finally:
            session.close()
    finally:
        subprocess.run(["umount", mount], check=True)
    found = next(item for item in full.findings if item.component == str(mount))
    assert full.verdict == "finding"
    assert found.code == "disk_space.full"
    assert f"path:{mount}" in found.clues
