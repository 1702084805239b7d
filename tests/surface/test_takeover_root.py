"""Code that took over a server which runs as root reaches nothing beyond the state folder: no socket of this host, no other
process, no mode or time of a file, not the clock; and the reader does for it what a look does, and nothing else."""

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docker_daemon import docker_daemon
from tests.gate_world import World
from tests.listening import Listening
from tests.real_parts import lacking, need, wait_until
from tests.surface.asking_client import AskingClient
from tests.surface.wire import ERAS

BASIS = r"""
import ctypes, fcntl, json, mmap, os, resource, signal, socket, struct, sys, threading, time
from mcp_server.core.reader import Limits
from mcp_server.engine.lock import lock_report
from mcp_server.targets import lookout, reader_line
libc, reader, sock = ctypes.CDLL(None, use_errno=True), reader_line.reader_pid(), os.environ["SOCK"]
tried("lock", lambda: (lock_report().enforced, lock_report().open))
def raw(frame, files=1):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        try:
            socket.send_fds(reader_line.Line.requests, [frame], [theirs.fileno()] * files)
        except OSError as error:
            return str(error)
        theirs.close()
        ours.settimeout(10)
        return ours.recv(1000)
def asked(*argv):
    done = reader_line.command("x", list(argv), Limits(20))
    return done.exit, done.out
def line(speaks, data, path=sock):
    with reader_line.connected("x", speaks, path, 5) as there:
        there.sendall(data)
        return there.recv(1000)
"""
ATTACK = (
    BASIS
    + r"""
machine = os.uname().machine
def call(x86, arm, *arguments):
    ctypes.set_errno(0)
    result = libc.syscall(x86 if machine == "x86_64" else arm, *arguments)
    return result, ctypes.get_errno()
service, victim, here = int(os.environ["SERVICE"]), os.environ["VICTIM"], os.stat(os.environ["VICTIM"])

# sockets of this host
tried("socket", lambda: socket.socket(socket.AF_UNIX).connect(sock))
tried("service manager", lambda: socket.socket(socket.AF_UNIX).connect("/run/systemd/private"))
tried("datagrams", lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].connect(sock))
tried("packets in order", lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET))
def pair(act, alone=False):
    one, other = socket.socketpair()
    with one, other:
        if alone:
            other.close()
        return act(one)
tried("pair elsewhere", lambda: pair(lambda one: one.connect(sock)))
tried("orphan elsewhere", lambda: pair(lambda one: one.connect(sock), True))
tried("orphan of a shutdown", lambda: pair(lambda one: (one.shutdown(2), one.connect(sock)), True))
tried("pair sent elsewhere", lambda: pair(lambda one: one.sendto(b"x", sock)))
tried("pair listens", lambda: pair(lambda one: one.listen()))
tried("pair freed", lambda: pair(lambda one: (
    libc.connect(one.fileno(), struct.pack("H14x", 0), 16) or one.connect(sock), ctypes.get_errno())))
tried("reader's line elsewhere", lambda: reader_line.Line.requests.connect(sock))
tried("lookout's line elsewhere", lambda: lookout._Helper.line.connect(sock))
for family in (17, 15, 38, 40, 44, 29, 31, 4, 9, 21):
    tried(f"family {family}", lambda: socket.socket(family, socket.SOCK_RAW))
tried("audit", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9))
tried("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
with socket.socket() as inet:
    flags = fcntl.ioctl(inet, 0x8913, struct.pack("16sH14x", b"lo", 0))
    tried("interface", lambda: fcntl.ioctl(inet, 0x8914, flags))
tried("io_uring", lambda: call(425, 425, 8, ctypes.create_string_buffer(256)))

# namespaces and the machine
tried("unshare", lambda: call(272, 97, 0x10000000))
tried("clone", lambda: call(56, 220, 0x10000000 | 17, 0, 0, 0, 0))
tried("clone3", lambda: call(435, 435, ctypes.create_string_buffer(struct.pack("Q", 0x10000000) + bytes(80)), 88))
tried("setns", lambda: call(308, 268, os.open("/proc/self/ns/net", os.O_RDONLY), 0))
tried("mount", lambda: (libc.mount(b"none", b"/mnt", b"tmpfs", 0, None), ctypes.get_errno()))
tried("fsopen", lambda: call(430, 430, b"tmpfs", 0))
tried("chroot", lambda: os.chroot("/"))
tried("clock", lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()))
tried("adjusted clock", lambda: call(305, 266, 0, ctypes.create_string_buffer(struct.pack("I4xq", 0x4000, 10000) + bytes(300))))
tried("name", lambda: socket.sethostname(socket.gethostname()))
tried("reboot", lambda: call(169, 142, 0, 0, 0, 0))
tried("module", lambda: call(313, 273, 0, b"", 0))
tried("kernel log", lambda: call(103, 116, 5, 0, 0))
tried("bpf", lambda: call(321, 280, 0, 0, 0))
tried("key", lambda: call(250, 219, 0, -3, 0))
tried("shared memory", lambda: call(29, 194, 4711, 4096, 0o1600))
tried("a call to come", lambda: call(4711, 4711))
if machine == "x86_64":
    tried("x32", lambda: call(0x40000029, 0, 1, 1, 0))

# other processes
for name, pid in (("reader", reader), ("service", service), ("lookout", lookout.helper_pid())):
    tried(f"trace {name}", lambda: (libc.ptrace(16, pid, 0, 0), ctypes.get_errno()))
    tried(f"memory of {name}", lambda: open(f"/proc/{pid}/mem", "r+b"))
    tried(f"read memory of {name}", lambda: open(f"/proc/{pid}/mem", "rb"))
    tried(f"descriptors of {name}", lambda: os.open(f"/proc/{pid}/fd/0", os.O_RDONLY))
    tried(f"take from {name}", lambda: call(438, 438, os.pidfd_open(pid), 3, 0))
    tried(f"write to {name}", lambda: call(311, 271, pid, 0, 0, 0, 0, 0))
    tried(f"stop {name}", lambda: os.kill(pid, signal.SIGSTOP))
    tried(f"end {name}", lambda: os.kill(pid, signal.SIGKILL))
    tried(f"end {name} by handle", lambda: signal.pidfd_send_signal(os.pidfd_open(pid), signal.SIGKILL))
    tried(f"limit {name}", lambda: ("was", resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))))
    tried(f"slow {name}", lambda: os.setpriority(os.PRIO_PROCESS, pid, 19))
    tried(f"pin {name}", lambda: os.sched_setaffinity(pid, {0}))
    tried(f"schedule {name}", lambda: os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0)))

# files: what Landlock does not know
tried("chmod", lambda: os.chmod(victim, 0o666))
tried("fchmod", lambda: os.fchmod(os.open(victim, os.O_RDONLY), 0o666))
tried("fchmodat2", lambda: call(452, 452, -100, victim.encode(), 0o666, 0))
tried("chown", lambda: os.chown(victim, 12345, -1))
tried("fchown", lambda: os.fchown(os.open(victim, os.O_RDONLY), 12345, -1))
tried("times", lambda: os.utime(victim, (1, 1)))
tried("times now", lambda: os.utime(os.open(victim, os.O_RDONLY)))
tried("attribute", lambda: os.setxattr(victim, "user.x", b"1"))
tried("lease", lambda: fcntl.fcntl(os.open(victim, os.O_RDONLY), 1024, fcntl.F_WRLCK))
tried("flags", lambda: fcntl.ioctl(os.open(victim, os.O_RDONLY), 0x40086602, struct.pack("Q", 0x80)))
tried("keystroke", lambda: fcntl.ioctl(0, 0x5412, b"x"))
tried("device", lambda: os.mknod(os.path.join(settings.state_dir, "device"), 0o600 | 0o020000, os.makedev(1, 1)))
tried("handle", lambda: call(304, 265, -100, ctypes.create_string_buffer(24), 0))

# the reader: hostile requests
bounds = {"timeout_s": 5, "max_bytes": 1000}
def frame(**fields):
    return json.dumps(fields).encode()
for name, data in {
    "garbage": b"\x00\xff{", "nothing": b"", "a list": b"[]", "deep": b"[" * 60000, "no such wish": frame(do="exec", argv=["ls"]),
    "text for argv": frame(do="command", argv="ls", **bounds), "no argv": frame(do="command", **bounds),
    "numbers in argv": frame(do="command", argv=[1], **bounds), "empty argv": frame(do="command", argv=[], **bounds),
    "NUL": frame(do="command", argv=["ls", "a\0b"], **bounds), "no time": frame(do="command", argv=["ls"], timeout_s="x", max_bytes=1),
    "a policy": frame(do="command", argv=["cat", "/etc/shadow"], policy={"denied": []}, **bounds),
    "10 MB": frame(do="command", argv=["ls", "x" * 10_000_000], **bounds),
    "half": frame(do="command", argv=["ls", "x" * 100_000], **bounds)[:70_000],
    "no protocol": frame(do="line", what="x", speaks="raw", path=sock, timeout_s=5),
    "a field more": frame(do="line", what="x", speaks="http", path=sock, timeout_s=5, also=1),
    "sql": frame(do="postgres", call={"host": "x", "query": "DROP"}, **bounds),
}.items():
    tried(f"frame {name}", lambda: raw(data))
tried("no stream", lambda: reader_line.Line.requests.send(b"x"))
tried("many streams", lambda: raw(b"x", 200))
def file_for_stream():
    with open("/etc/hostname") as file:
        return socket.send_fds(reader_line.Line.requests, [b"x"], [file.fileno()])
tried("a file for a stream", file_for_stream)
state = settings.state_dir
open(os.path.join(state, "evil"), "w").write("x")
open(os.path.join(state, "uptime"), "w").write("#!/bin/sh\ntouch /tmp/x")
os.symlink("/etc", os.path.join(state, "way"))
memory = os.memfd_create("evil")
for argv in (
    ("systemctl", "restart", "shop"), ("systemctl", "status", "shop", ";", "reboot"), ("docker", "restart", "x"), ("sh", "-c", "id"),
    ("/tmp/evil",), ("cat", "/etc/shadow"), ("cat", f"/proc/self/root/etc/shadow"), ("cat", state + "/evil"), ("cat", state + "/way/passwd"),
    ("cat", f"{state}/../x"), ("cat", f"/proc/{os.getpid()}/fd/{memory}"), ("cat", "/dev/fd/3"), ("git", "-C", "/", "status"),
    ("journalctl", "--vacuum-size=1"), ("ls", "--", state.lstrip("/")), ("journalctl", f"--file={state}/evil"), ("ls", "a\nb"),
    ("kill", "1"), ("find", "/", "-delete"), (state + "/uptime",),
):
    tried(f"argv {' '.join(argv)!r}", lambda: asked(*argv))
for name, speaks, data in (
    ("POST", "docker", b"POST /containers/x/restart HTTP/1.1\r\nHost: d\r\n\r\n"),
    ("DELETE", "docker", b"DELETE /containers/x HTTP/1.1\r\nHost: d\r\n\r\n"),
    ("HEAD", "docker", b"HEAD /_ping HTTP/1.1\r\nHost: d\r\n\r\n"),
    ("attach", "docker", b"GET /containers/x/attach/ws HTTP/1.1\r\nHost: d\r\n\r\n"),
    ("archive", "docker", b"GET /containers/x/archive?path=/ HTTP/1.1\r\nHost: d\r\n\r\n"),
    ("second", "docker", b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\nPOST /containers/x/kill HTTP/1.1\r\n\r\n"),
    ("in a header", "docker", b"GET /_ping HTTP/1.1\r\nHost: d\nPOST /x HTTP/1.1\r\n\r\n"),
    ("in the path", "docker", b"GET /_ping HTTP/1.1\nPOST /containers/x/kill HTTP/1.1\r\n\r\n"),
    ("dots", "docker", b"GET /containers/../containers/x/attach/json HTTP/1.1\r\n\r\n"),
    ("dots in code", "docker", b"GET /containers/%2e%2e/x/json HTTP/1.1\r\n\r\n"),
    ("dots in code twice", "docker", b"GET /containers/%252e%252e/x/json HTTP/1.1\r\n\r\n"),
    ("two slashes", "docker", b"GET //containers/x/json HTTP/1.1\r\n\r\n"),
    ("slashes inside", "docker", b"GET /containers//x/json HTTP/1.1\r\n\r\n"),
    ("whole address", "docker", b"GET http://x/_ping HTTP/1.1\r\n\r\n"),
    ("body", "docker", b"GET /_ping HTTP/1.1\r\nContent-Length: 5\r\n\r\n"),
    ("chunks", "docker", b"GET /_ping HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ("upgrade", "docker", b"GET /_ping HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"),
    ("folded", "docker", b"GET /_ping HTTP/1.1\r\nX: a\r\n Upgrade: tcp\r\n\r\n"),
    ("old", "docker", b"GET /_ping\r\n\r\n"), ("NUL", "docker", b"GET /_ping\0 HTTP/1.1\r\n\r\n"),
    ("POST by http", "http", b"POST /containers/x/restart HTTP/1.1\r\n\r\n"),
    ("GET by http", "http", b"GET /containers/x/attach/ws HTTP/1.1\r\n\r\n"),
    ("host by http", "http", b"GET /_ping HTTP/1.1\r\nHost: a b; shutdown\r\n\r\n"),
    ("POST by redis", "redis", b"POST /containers/x/restart HTTP/1.1\r\n\r\n"),
    ("SHUTDOWN by redis", "redis", b"SHUTDOWN\r\n"), ("two by redis", "redis", b"INFO\r\nSHUTDOWN\r\n"),
    ("POST by nothing", "nothing", b"POST /containers/x/restart HTTP/1.1\r\n\r\n"), ("endless", "docker", b"GET /" + b"x" * 100_000),
):
    tried(f"line {name}", lambda: line(speaks, data))
tried("another socket", lambda: line("docker", b"GET /_ping HTTP/1.1\r\n\r\n", "/run/systemd/private"))

# it still answers, twenty at once, and a look at Docker is a look
tried("still", lambda: asked("uname"))
def twenty():
    found = []
    threads = [threading.Thread(target=lambda: found.append(asked("uname"))) for _ in range(20)]
    [thread.start() for thread in threads]; [thread.join() for thread in threads]
    return len(found), set(found)
tried("twenty", twenty)
tried("a read of docker", lambda: line("docker", b"GET /_ping HTTP/1.1\r\nX-Evil: 1\r\n\r\n"))
tried("reader", lambda: reader)
"""  # noqa: E501
)
MAY = {"lock", "reader", "still", "twenty", "a read of docker", "no stream", "a file for a stream"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Listening]:
    made = Listening(tmp_path / "d.sock")
    yield made
    made.close()


def after(client: AskingClient) -> dict[str, str]:
    """How every attempt ended."""
    wait_until(lambda: b"TRIED all of it\n" in client.stderr, "every attempt was made", 180)
    tried = dict(re.findall(r"TRIED (.+?): ((?:returned|raised) .*?) *\n", b"".join(client.stderr).decode()))
    if "(True" not in tried["lock"] or "by this kernel" in tried["lock"]:
        lacking(f"no whole lock here: {tried['lock']}")
    assert tried["lock"] == "returned (True, '')"
    return tried


def done(how: str) -> bool:
    """Whether an attempt got anywhere: it did not raise, no call failed, and the reader answered something."""
    return not re.match(r"raised |returned (\(-1, |b''$|'\[Errno|b'\{\"what\")", how)


def test_nothing_beyond_the_state_folder_can_be_reached(world: World, listening: Listening, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("x")
    victim.chmod(0o600)
    before = victim.stat()
    more = {
        "ATTACK": ATTACK, "SOCK": str(listening.path), "DOCKER_HOST": f"unix://{listening.path}", "VICTIM": str(victim),
        "SERVICE": str(world.pid()),
    }  # fmt: skip
    client = AskingClient(world, ERAS[1], program=("-m", "tests.surface.taken_over"), **more)
    try:
        tried = after(client)
        assert len(tried) > 150, "\n".join(tried)
        assert {name: how for name, how in tried.items() if name not in MAY and done(how)} == {}
        assert tried["still"] == "returned (0, 'Linux\\n')"
        assert tried["twenty"] == "returned (20, {(0, 'Linux\\n')})"
        assert "200 OK" in tried["a read of docker"]
        assert {part.split(b"\r\n")[0] for part in listening.told} == {b"GET /_ping HTTP/1.1"}
        assert not any(b"Evil" in part or b"POST" in part for part in listening.told)
        now = victim.stat()
        assert (now.st_mode, now.st_uid, now.st_mtime_ns, now.st_ctime_ns) == (
            before.st_mode, before.st_uid, before.st_mtime_ns, before.st_ctime_ns
        )  # fmt: skip
        assert world.listens()
        _without_a_reader(client, int(tried["reader"].removeprefix("returned ")))
        assert client.close() == 0
    finally:
        if client.process.poll() is None:
            client.kill()


def _without_a_reader(client: AskingClient, reader: int) -> None:
    """The reader dies: what it would have seen is a blind spot, at once, and nothing is done in another way."""
    os.kill(reader, signal.SIGKILL)
    answer = client.call("run_diagnostic", {"name": "log_tail", "arguments": {"path": "journal"}}, 30)
    assert "veteran/outcome" in answer["_meta"], answer
    outcome: dict[str, Any] = answer["_meta"]["veteran/outcome"]
    assert outcome["verdict"] in ("unknown", "finding"), outcome
    assert "the process that runs commands for this one, has ended" in json.dumps(outcome["coverage"]["blind"])


def test_a_real_docker_daemon_is_looked_at_and_not_told(world: World) -> None:
    need("dockerd", root=True)
    attack = (
        BASIS
        + r"""
tried("socket", lambda: socket.socket(socket.AF_UNIX).connect(sock))
for word in ("restart", "stop", "kill"):
    tried(word, lambda: line("docker", b"POST /v1.41/containers/shop/%s HTTP/1.1\r\nHost: docker\r\n\r\n" % word.encode()))
tried("by http", lambda: line("http", b"POST /v1.41/containers/shop/kill HTTP/1.1\r\nHost: docker\r\n\r\n"))
tried("attach", lambda: line("http", b"GET /v1.41/containers/shop/attach/ws?stream=1&stdin=1 HTTP/1.1\r\nHost: docker\r\n\r\n"))
tried("command", lambda: asked("docker", "restart", "shop"))
"""
    )
    with docker_daemon(Path(f"/tmp/vet-take-{os.getpid()}")) as daemon:
        container = daemon.run("shop", "sleep", "600", wait="running")
        began = container.attrs["State"]["StartedAt"]
        more = {"ATTACK": attack, "SOCK": str(daemon.socket), "DOCKER_HOST": daemon.url}
        client = AskingClient(world, ERAS[1], program=("-m", "tests.surface.taken_over"), **more)
        try:
            tried = after(client)
            assert len(tried) == 8
            assert {name: how for name, how in tried.items() if name not in MAY and done(how)} == {}
            answer = client.call(
                "run_diagnostic", {"name": "container_status", "arguments": {"target": "docker://default/"}}, 60
            )
            outcome = answer["_meta"]["veteran/outcome"]
            assert outcome["verdict"] in ("ok", "finding"), outcome
            assert "shop" in json.dumps(outcome)
            assert client.close() == 0
        finally:
            if client.process.poll() is None:
                client.kill()
        container.reload()
        assert (container.attrs["State"]["StartedAt"], container.attrs["State"]["Status"]) == (began, "running")
