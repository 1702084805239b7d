"""The reader: what it does for a locked process, for how long, and what it leaves behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from mcp_server.core.calls import Command, Connect, Http
from mcp_server.core.errors import Cancelled, CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.core.store_calls import ReadPostgres, ReadRedis
from mcp_server.targets import command, http, lookout, postgres, processes, reader_line, redis
from tests.hung_socket import hung_socket
from tests.listening import Listening
from tests.real_parts import lacking, least, need, wait_until
from tests.through_reader import through_reader

POLICY = ReadSettings()


@pytest.fixture
def reader() -> Iterator[int]:
    with through_reader() as pid:
        yield pid


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Listening]:
    made = Listening(tmp_path / "s")
    yield made
    made.close()


def uname() -> str:
    return str(command.look(Command(argv=("uname",)), Limits(), POLICY).out)


def raw(frame: bytes, *kinds: int) -> bytes:
    """What the reader answers to a frame with such sockets."""
    requests = reader_line.Line.requests
    assert requests is not None
    pairs = [socket.socketpair(socket.AF_UNIX, kind) for kind in kinds]
    try:
        if pairs:
            socket.send_fds(requests, [frame], [theirs.fileno() for _, theirs in pairs])
        else:
            requests.send(frame)
        for _, theirs in pairs:
            theirs.close()
        if not pairs or kinds[0] != socket.SOCK_STREAM:
            return b""
        pairs[0][0].settimeout(10)
        return pairs[0][0].recv(4_096)
    finally:
        for pair in pairs:
            for end in pair:
                end.close()


BOUNDS = {"timeout_s": 5, "max_bytes": 1_000}


@pytest.mark.parametrize(
    "frame",
    [
        b"", b"\xff", b"[]", b"{}", b"[" * 60_000, b"x" * 70_000,
        *(
            json.dumps(request).encode()
            for request in (
                {"do": "exec", "argv": ["ls"], **BOUNDS}, {"do": "command", "argv": "ls", **BOUNDS}, {"do": "command"},
                {"do": "command", "argv": [], **BOUNDS}, {"do": "command", "argv": [["ls"]], **BOUNDS},
                {"do": "command", "argv": ["ls"], "timeout_s": None, "max_bytes": 1},
                {"do": "command", "argv": ["ls"], "timeout_s": float("nan"), "max_bytes": 1},
                {"do": "line", "what": "x", "speaks": "raw", "path": "/", "timeout_s": 1},
                {"do": "line", "what": "x", "speaks": "http", "path": 7, "timeout_s": 1},
                {"do": "line", "what": "x", "speaks": "http", "path": "/", "timeout_s": 1, "policy": {}},
                {"do": "postgres", "call": {"host": "h", "query": "DROP"}, **BOUNDS}, {"do": "postgres", "call": 1, **BOUNDS},
            )
        ),
    ],
    ids=lambda frame: frame[:60].decode("latin1"),
)  # fmt: skip
def test_what_is_no_request_is_not_answered_and_changes_nothing(reader: int, frame: bytes) -> None:
    for kinds in ((socket.SOCK_STREAM,), (), (socket.SOCK_STREAM,) * 2, (socket.SOCK_SEQPACKET,), (socket.SOCK_DGRAM,)):
        assert raw(frame, *kinds) == b""
    assert uname() == "Linux\n"


def test_a_read_that_is_none_is_refused_by_the_reader_itself(reader: int) -> None:
    for argv in (
        ["systemctl", "restart", "shop"],
        ["ls", "a\0b"],
        ["cat", "/etc/shadow"],
        ["git", "status"],
        ["ls", "x" * 20_000],
    ):
        with pytest.raises(CouldNotLook) as refusal:
            reader_line.command("x", argv, Limits())
        assert refusal.value.reason == "refused", argv
    assert uname() == "Linux\n"


def test_descriptors_and_threads_do_not_pile_up(reader: int) -> None:
    uname()
    wait_until(
        lambda: len(os.listdir(f"/proc/{reader}/task")) == 1, "the first answer's thread, which holds its line, has ended"
    )
    before = len(os.listdir(f"/proc/{reader}/fd"))
    for _ in range(50):
        raw(b"{}", *(socket.SOCK_STREAM,) * 5)
        raw(b"{}", socket.SOCK_STREAM)
        uname()
    wait_until(lambda: len(os.listdir(f"/proc/{reader}/task")) == 1, "threads have ended")
    wait_until(lambda: len(os.listdir(f"/proc/{reader}/fd")) == before, "descriptors are closed")


def test_twenty_at_once(reader: int) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(uname())) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["Linux\n"] * 20


def test_beyond_its_number_it_says_so(reader: int, listening: Listening) -> None:
    lines = []
    try:
        with pytest.raises(CouldNotLook) as busy:
            while True:
                lines.append(reader_line.connected("x", "http", str(listening.path), 5))
        assert "under way already" in busy.value.detail
    finally:
        for line in lines:
            line.close()
    wait_until(lambda: len(os.listdir(f"/proc/{reader}/task")) == 1, "threads have ended")
    assert uname() == "Linux\n"


def test_a_dead_reader_is_a_blind_spot_at_once(reader: int, listening: Listening) -> None:
    os.kill(reader, signal.SIGKILL)
    wait_until(lambda: psutil.Process(reader).status() == psutil.STATUS_ZOMBIE, "it is dead")

    def measured() -> float:
        started = time.monotonic()
        for look in (
            uname,
            lambda: http.look(Connect(address=f"unix:{listening.path}"), Limits(), POLICY),
            lambda: redis.look(ReadRedis(address=f"unix:{listening.path}"), Limits(), POLICY),
            lambda: postgres.look(ReadPostgres(host="127.0.0.1", port=1), Limits(), POLICY),
        ):
            with pytest.raises(CouldNotLook) as blind:
                look()
            assert blind.value.reason == "failed"
            assert "has ended" in blind.value.detail
        return time.monotonic() - started

    assert least(measured, 2) < 2
    assert listening.told == []


def test_a_reader_that_dies_in_the_middle_is_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    (tmp_path / "uptime").write_text(f"#!/bin/sh\necho part; echo $$ >{tmp_path}/pid; exec sleep 60\n")
    (tmp_path / "uptime").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with through_reader() as reader:
        found: list[CouldNotLook] = []

        def ask() -> None:
            try:
                command.look(Command(argv=("uptime",)), Limits(30), POLICY)
            except CouldNotLook as blind:
                found.append(blind)

        thread = threading.Thread(target=ask)
        thread.start()
        wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip() != "", "it runs")
        os.kill(reader, signal.SIGKILL)
        thread.join(20)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    assert "has ended" in found[0].detail


def test_a_stopped_reader_costs_no_more_than_the_look(reader: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_line, "_GRACE_S", 0.2)
    os.kill(reader, signal.SIGSTOP)
    try:
        with pytest.raises(CouldNotLook) as late:
            command.look(Command(argv=("uname",)), Limits(0.3), POLICY)
        assert late.value.reason == "timed_out"
        with pytest.raises(TimeoutError):
            reader_line.connected("x", "docker", "/nowhere", 0.1)
        limits = Limits(30)
        limits.cancel.set()
        with pytest.raises(Cancelled):
            command.look(Command(argv=("uname",)), limits, POLICY)
    finally:
        os.kill(reader, signal.SIGCONT)
    assert uname() == "Linux\n"


def test_sockets_of_this_host(reader: int, listening: Listening, tmp_path: Path) -> None:
    path = str(listening.path)
    assert http.look(Connect(address=f"unix:{path}"), Limits(), POLICY).took_ms < 8_000
    assert listening.told == []
    answer = http.look(Http(url="http://shop/health?x=1", unix=path), Limits(), POLICY)
    assert (answer.status, answer.body) == (200, "OK")
    assert listening.told.pop().split(b"\r\n")[:2] == [b"GET /health?x=1 HTTP/1.1", b"Host: shop"]
    with pytest.raises(CouldNotLook) as damaged:
        redis.look(ReadRedis(address=f"unix:{path}"), Limits(), POLICY)
    assert damaged.value.reason == "damaged"
    assert listening.told.pop() == b"INFO\r\n"
    with pytest.raises(CouldNotLook) as tls:
        http.look(Http(url="https://shop/", unix=path), Limits(), POLICY)
    assert tls.value.reason == "refused"
    with pytest.raises(CouldNotLook) as missing:
        http.look(Connect(address=f"unix:{tmp_path}/none"), Limits(), POLICY)
    assert missing.value.reason == "missing"
    with pytest.raises(CouldNotLook) as denied:
        http.look(Connect(address="unix:/dev/log"), Limits(), POLICY)
    assert denied.value.reason in ("refused", "missing")


def test_a_socket_that_hangs_is_late_not_gone(reader: int, tmp_path: Path) -> None:
    with hung_socket(tmp_path / "h") as address, pytest.raises(CouldNotLook) as late:
        http.look(Http(url="http://shop/", unix=address.removeprefix("unix://"), timeout_s=0.5), Limits(), POLICY)
    assert late.value.reason == "timed_out"


def test_sockets_where_the_server_writes_are_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    made = Listening(folder / "s")
    try:
        with through_reader(str(folder)):
            for path in (f"{folder}/s", f"{tmp_path}/link/s", f"{tmp_path}/../{tmp_path.name}/state/s"):
                with pytest.raises(CouldNotLook) as refusal:
                    http.look(Http(url="http://shop/", unix=path), Limits(), POLICY)
                assert refusal.value.reason == "refused"
    finally:
        made.close()
    assert made.told == []


def test_only_sockets_of_docker_are_asked_as_docker(
    listening: Listening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setenv("DOCKER_HOST", f"unix://{listening.path}")
    other = Listening(tmp_path / "other")
    try:
        with through_reader():
            assert b"200 OK" in _asked("docker", listening.path, b"GET /v1.41/info HTTP/1.1\r\n\r\n")
            assert _asked("docker", listening.path, b"POST /v1.41/containers/x/kill HTTP/1.1\r\n\r\n") == b""
            assert _asked("http", listening.path, b"GET /v1.41/containers/x/export HTTP/1.1\r\n\r\n") == b""
            with pytest.raises(CouldNotLook) as refusal:
                _asked("docker", other.path, b"GET /v1.41/info HTTP/1.1\r\n\r\n")
            assert "no docker context names this socket" in refusal.value.detail
    finally:
        other.close()
    assert other.told == []
    assert [part.split(b"\r\n")[0] for part in listening.told] == [b"GET /v1.41/info HTTP/1.1"]


def _asked(speaks: reader_line.Speaks, path: Path, request: bytes) -> bytes:
    with reader_line.connected("x", speaks, str(path), 5) as line:
        line.sendall(request)
        return line.recv(4_096)


def test_what_the_server_could_have_written_steers_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state, log = tmp_path / "state", tmp_path / "err.log"
    (state / "bin").mkdir(parents=True)
    (state / "bin/uptime").write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    (state / "bin/uptime").chmod(0o755)
    monkeypatch.setenv("PATH", f"{state}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("KUBECONFIG", f"{state}/kube")
    with log.open("w"), through_reader(str(state)) as reader:
        assert reader_line.written()[0] == str(state)
        assert str(log) in reader_line.written()
        for argv in (["cat", str(log)], ["cat", f"{state}/x"], [f"{state}/bin/uptime"], ["cat", "/proc/self/maps"]):
            with pytest.raises(CouldNotLook) as refusal:
                reader_line.command("x", argv, Limits())
            assert refusal.value.reason == "refused"
        need("uptime")
        assert "load average" in reader_line.command("x", ["uptime"], Limits()).out
        # asked as a look, the process itself does what the reader leaves to it
        assert command.look(Command(argv=("cat", str(log))), Limits(), POLICY).exit == 0
        assert reader in processes.ours()
    assert not (tmp_path / "ran").exists()


def test_a_daemon_that_hangs_or_is_gone_is_told_as_without_a_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mcp_server.targets.docker_contexts import Endpoint
    from mcp_server.targets.docker_door import DockerDoor

    with hung_socket(tmp_path / "h.sock") as address:
        for url, reason, words in (
            (address, "timed_out", "accepted the connection and did not answer for"),
            (f"unix://{tmp_path}/none.sock", "unreachable", "does not exist"),
        ):
            monkeypatch.setenv("DOCKER_HOST", url)
            with through_reader(), pytest.raises(CouldNotLook) as blind:
                DockerDoor(Endpoint("default", url)).json("/info", Limits(0.5), "docker daemon")
            assert blind.value.reason == reason
            assert words in blind.value.detail


def test_a_large_answer_comes_whole(reader: int, tmp_path: Path) -> None:
    text = "".join(f"{number} äöü\n" for number in range(1_500_000))
    (tmp_path / "log").write_text(text, encoding="utf8")
    done = command.look(Command(argv=("cat", f"{tmp_path}/log")), Limits(30, 60_000_000), POLICY)
    assert (done.exit, done.cut, done.out == text) == (0, None, True)


CLOSED = """
import os, sys
sys.path.insert(0, {root!r})
from mcp_server.core.calls import Command
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.targets import command, reader_start
said = os.dup(1)
for number in {closed}:
    os.close(number)
reader_start.start((), ReadSettings(), lambda: None)
os.write(said, command.look(Command(argv=("uname",)), Limits(), ReadSettings()).out.encode())
"""


@pytest.mark.parametrize("closed", ["(0,)", "(0, 1, 2)", "(2,)", "(0, 2)"])
def test_closed_standard_streams_do_not_confuse_it(closed: str) -> None:
    code = CLOSED.format(root=os.getcwd(), closed=closed)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout == "Linux\n", done.stderr


ORPHAN = """
import os, sys
sys.path.insert(0, {root!r})
from mcp_server.core.calls import Command
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.engine.lock import lock_writes
from mcp_server.targets import command, reader_line, reader_start
report = lock_writes([{state!r}])
print(report.enforced, reader_line.reader_pid(), flush=True)
command.look(Command(argv=("uptime",)), Limits(60), ReadSettings())
"""


def test_what_it_runs_can_write_nowhere(tmp_path: Path) -> None:
    state, kept = tmp_path / "state", tmp_path / "kept"
    state.mkdir()
    kept.write_text("kept")
    shim = tmp_path / "uptime"
    shim.write_text(
        f"#!/bin/sh\nfor path in {state}/x {kept} {tmp_path}/x /proc/self/comm; do (echo x >$path) && echo wrote $path; done\n"
        f"rm -f {kept} && echo removed\necho nothing >/dev/null && echo end\n"
    )
    shim.chmod(0o755)
    code = (
        ORPHAN.format(root=os.getcwd(), state=str(state)).replace("command.look(", "done = command.look(") + "print(done.out)\n"
    )
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False, env=env)
    first, *said = done.stdout.split("\n", 1)
    if first.split()[0] != "True":
        lacking("no Landlock here")
    assert said == ["end\n\n"], done.stderr
    assert kept.read_text() == "kept"
    assert os.listdir(state) == []


def test_when_the_asker_dies_its_command_and_the_reader_end(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "uptime").write_text("#!/bin/sh\nsleep 60 & exec sleep 61\n")
    (tmp_path / "uptime").chmod(0o755)
    code = ORPHAN.format(root=os.getcwd(), state=str(tmp_path / "state"))
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=env) as process:
        enforced, pid = process.stdout.readline().split()
        if enforced != "True":
            lacking("no Landlock here")
        reader = psutil.Process(int(pid))
        wait_until(lambda: len(reader.children(recursive=True)) == 2, "the command runs")
        running = [reader, *reader.children(recursive=True)]
        process.kill()
    gone, alive = psutil.wait_procs(running, 30)
    assert (len(gone), alive) == (3, [])


def test_without_a_lock_there_is_none() -> None:
    assert not reader_line.is_there()
    assert (reader_line.reader_pid(), lookout.helper_pid()) == (0, 0)
