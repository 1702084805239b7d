"""PostgreSQL, Redis and name servers, asked for real: well, full, blocked, closed, and what is none of them."""

import os
import pwd
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.core.store_calls import ReadPostgres, ReadRedis, ResolveName
from mcp_server.diagnostics.stores import cache_status, database_status
from mcp_server.targets import names, postgres, redis
from tests.real_parts import free_port, lacking, need, wait_until

POLICY = ReadSettings()


def postgres_bin() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return found[-1].parent if found else lacking("not installed: postgresql")


@contextmanager
def postgres_server(folder: Path, **settings: Any) -> Iterator[int]:
    """A server of the test's own, as the account postgres, with trust on loopback."""
    need("psql", "setpriv", root=True)
    binaries, port, data = postgres_bin(), free_port(), folder / "data"
    owner = pwd.getpwnam("postgres")
    for path in (folder, *folder.parents):
        if path.owner() == "root" and str(path).startswith("/tmp/"):
            path.chmod(path.stat().st_mode | 0o055)
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
    subprocess.run(
        [*become, binaries / "initdb", "-D", data, "-A", "trust", "-N", "--locale=C", "-E", "UTF8"],
        check=True,
        capture_output=True,
        cwd="/",
    )
    given = {"port": port, "unix_socket_directories": folder, "listen_addresses": "127.0.0.1", "fsync": "off"} | settings
    options = [word for key, value in given.items() for word in ("-c", f"{key}={value}")]
    with subprocess.Popen(
        [*become, binaries / "postgres", "-D", data, *options], cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:  # fmt: skip
        try:
            ready = [str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
            wait_until(lambda: subprocess.run(ready, check=False).returncode == 0, "PostgreSQL is ready", 20)
            yield port
        finally:
            server.terminate()
            server.wait(20)


@contextmanager
def client(port: int, *statements: str, waits: bool = False) -> Iterator["subprocess.Popen[str]"]:
    """A psql session that has carried out its statements and stays open."""
    with subprocess.Popen(
        ["psql", "-X", "-q", "-At", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres"], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as session:  # fmt: skip
        assert session.stdin
        assert session.stdout
        session.stdin.write("".join(f"{item};\n" for item in statements) + "\\echo ready\n")
        session.stdin.flush()
        while not waits and session.stdout.readline().strip() != "ready":  # one that waits for a lock says nothing
            pass
        try:
            yield session
        finally:
            session.kill()


def codes(unit: Any, facts: Any, **arguments: Any) -> list[str]:
    return sorted(finding.code for finding in unit.judge(facts, unit.Params.parse(arguments)))


@pytest.mark.real
def test_postgresql_well_blocked_and_full(tmp_path: Path) -> None:
    with postgres_server(tmp_path, max_connections=8, superuser_reserved_connections=3) as port:
        call = ReadPostgres(host="127.0.0.1", port=port)
        well = postgres.look(call, Limits(10), POLICY)
        assert well.version[0].isdigit()
        assert (well.max_connections, well.reserved, well.blocked, well.refusal) == (8, 3, (), "")
        facts = database_status.DatabaseFacts(state=well, evidence="E1")
        assert codes(database_status, facts, port=port) == []
        with client(port, "CREATE TABLE blocked AS SELECT 1 AS n", "BEGIN", "UPDATE blocked SET n = 2") as holder:
            with client(port, "UPDATE blocked SET n = 3", waits=True):
                wait_until(lambda: bool(postgres.look(call, Limits(10), POLICY).blocked), "a session waits for the other")
                state = postgres.look(call, Limits(10), POLICY)
            (waiting,) = state.blocked
            assert waiting.query.startswith("UPDATE blocked")
            (held,) = [item for item in state.longest if item.pid in waiting.blocked_by]
            assert held.state == "idle in transaction"
            facts = database_status.DatabaseFacts(state=state, evidence="E1")
            assert codes(database_status, facts, blocked_s=0) == ["blocked"]
            finding = next(iter(database_status.judge(facts, database_status.Params.parse({"blocked_s": 0}))))
            assert finding.values["root"] == held.pid
            assert holder.poll() is None
        # the last places are for superusers; with those gone too, nobody gets in, and we neither
        with client(port, "SELECT 1"), client(port, "SELECT 1"), client(port, "SELECT 1"), client(port, "SELECT 1"):
            facts = database_status.DatabaseFacts(state=postgres.look(call, Limits(10), POLICY), evidence="E1")
            assert codes(database_status, facts) == ["connections"]
            with client(port, "SELECT 1"), client(port, "SELECT 1"), client(port, "SELECT 1"), client(port, "SELECT 1"):
                refused = postgres.look(call, Limits(10), POLICY)
                assert "too many clients" in refused.refusal
                assert codes(database_status, database_status.DatabaseFacts(state=refused, evidence="E1")) == ["lets_nobody_in"]
        with pytest.raises(CouldNotLook) as failure:
            postgres.look(call.model_copy(update={"user": "nobody"}), Limits(10), POLICY)
        assert failure.value.reason == "denied"
    with pytest.raises(CouldNotLook) as failure:
        postgres.look(call, Limits(10), POLICY)
    assert failure.value.reason == "unreachable"


@pytest.mark.real
def test_the_question_cannot_write(tmp_path: Path) -> None:
    with postgres_server(tmp_path) as port:
        connection = f"host=127.0.0.1 port={port} user=postgres options='{postgres._READ_ONLY}'"
        done = subprocess.run(
            ["psql", "-X", "-d", connection, "-c", "CREATE TABLE x ()"], capture_output=True, text=True, check=False
        )
        assert "read-only transaction" in done.stderr


@pytest.mark.real
def test_the_question_calls_no_function_of_somebody_else(tmp_path: Path) -> None:
    """A function with fitting types in a schema on the search path would be preferred to the server's own, and run as us."""
    with postgres_server(tmp_path) as port:
        trap = "CREATE FUNCTION public.current_setting(text) RETURNS text LANGUAGE sql AS $$ SELECT '1'::text $$"
        with client(port, trap, "ALTER ROLE postgres SET search_path = public, pg_catalog"):
            state = postgres.look(ReadPostgres(host="127.0.0.1", port=port), Limits(10), POLICY)
        assert state.max_connections == 100
        assert "." in state.version


@contextmanager
def redis_server(folder: Path, *options: str) -> Iterator[int]:
    need("redis-server")
    port = free_port()
    with subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", *options],
        stdout=subprocess.DEVNULL,
    ) as server:
        try:
            wait_until(lambda: _listens(port), "Redis listens")
            yield port
        finally:
            server.terminate()
            server.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def fill(port: int, count: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as line:
        for number in range(count):
            value = "x" * 10_000
            line.sendall(f"*3\r\n$3\r\nSET\r\n${len(str(number)) + 1}\r\nk{number}\r\n$10000\r\n{value}\r\n".encode())
            line.recv(1_024)


@contextmanager
def the_only_client(port: int) -> Iterator[None]:
    """A connection that the server counts; those before it may not be counted out yet."""
    lines: list[socket.socket] = []

    def counted() -> bool:
        line = socket.create_connection(("127.0.0.1", port))
        lines.append(line)
        line.sendall(b"PING\r\n")
        return line.recv(100) == b"+PONG\r\n"

    try:
        wait_until(counted, "the server counts this client")
        yield
    finally:
        for line in lines:
            line.close()


@pytest.mark.real
def test_redis_well_full_locked_and_crowded(tmp_path: Path) -> None:
    with redis_server(tmp_path, "--maxmemory", "3mb", "--maxmemory-policy", "noeviction") as port:
        call = ReadRedis(address=f"127.0.0.1:{port}")
        well = redis.look(call, Limits(5), POLICY)
        assert well.info["role"] == "master"
        assert codes(cache_status, cache_status.CacheFacts(state=well, evidence="E1")) == []
        fill(port, 300)
        full = cache_status.CacheFacts(state=redis.look(call, Limits(5), POLICY), evidence="E1")
        assert codes(cache_status, full) == ["full"]
    with pytest.raises(CouldNotLook) as failure:
        redis.look(call, Limits(5), POLICY)
    assert failure.value.reason == "unreachable"
    with redis_server(tmp_path, "--requirepass", "hunter2") as port:
        assert redis.look(ReadRedis(address=f"127.0.0.1:{port}"), Limits(5), POLICY).refusal.startswith("NOAUTH")
    with redis_server(tmp_path, "--maxclients", "1") as port, the_only_client(port):
        refused = redis.look(ReadRedis(address=f"127.0.0.1:{port}"), Limits(5), POLICY)
        assert "max number of clients" in refused.refusal
        assert codes(cache_status, cache_status.CacheFacts(state=refused, evidence="E1")) == ["lets_nobody_in"]


@pytest.mark.parametrize(
    ("said", "reason"), [(b"HTTP/1.1 400 Bad Request\r\n\r\n", "damaged"), (b"$5\r\nab", "timed_out"), (b"", "timed_out")]
)
def test_what_is_no_redis(said: bytes, reason: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            line, _ = server.accept()
            line.recv(100)
            line.sendall(said)
            done.wait(5)
            line.close()

        done = threading.Event()
        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(CouldNotLook) as failure:
            redis.look(ReadRedis(address=f"127.0.0.1:{server.getsockname()[1]}"), Limits(0.5), POLICY)
        done.set()
        thread.join()
    assert failure.value.reason == reason


def test_an_address_that_is_none() -> None:
    with pytest.raises(CouldNotLook, match="host:port or unix:"):
        redis.look(ReadRedis(address="nonsense"), Limits(1), POLICY)


# --- names ----------------------------------------------------------------------------------------------------------


def reply(question: bytes, code: int, *addresses: str, compressed: bool = True) -> bytes:
    head = question[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, len(addresses), 0, 0)
    name = b"\xc0\x0c" if compressed else question[12:-4]
    rows = b"".join(name + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton(item) for item in addresses)
    return head + question[12:] + rows


@pytest.mark.parametrize("compressed", [True, False])
def test_answers_of_name_servers_are_read(compressed: bool) -> None:
    question = names._question("db.internal")
    told = names._read(reply(question, 0, "10.0.0.5", "10.0.0.6", compressed=compressed), len(question))
    assert told == ("NOERROR", ("10.0.0.5", "10.0.0.6"))
    assert names._read(reply(question, 3), len(question)) == ("NXDOMAIN", ())
    assert names._read(reply(question, 2), len(question)) == ("SERVFAIL", ())


def test_localhost_resolves_and_a_silent_or_damaged_server_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "_servers", lambda: ["127.0.0.1"])
    found = names.look(ResolveName(name="localhost", timeout_s=0.5), Limits(5), POLICY)
    assert "127.0.0.1" in found.addresses
    (server,) = found.servers
    assert server.problem
    assert not server.code


@pytest.mark.parametrize("name", ["a..b", "x" * 64, "."])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(CouldNotLook, match="it is no host name"):
        names.look(ResolveName(name=name), Limits(1), POLICY)


def test_psql_that_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "find_program", lambda name: None)
    with pytest.raises(CouldNotLook, match="psql is not installed"):
        postgres.look(ReadPostgres(host="127.0.0.1"), Limits(1), POLICY)
    assert shutil.which("sh")
