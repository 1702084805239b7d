"""Processes started in the window, grouped under their master."""

import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.calls import HostFacts, Process, Processes, Socket, Sockets
from mcp_server.core.change import Window
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.settings import ReadSettings
from mcp_server.engine.places import Local
from mcp_server.engine.session import Session
from tests.changes.world import World, collect, spots


def process(pid: int, ppid: int, name: str, started: datetime | None, **more: Any) -> Process:
    return Process(pid=pid, ppid=ppid, name=name, started=started, **({"argv": (name,)} | more))


@pytest.fixture
def alive(world: World) -> World:
    boot = world.moment - timedelta(days=30)
    world.answers["host"] = HostFacts(
        hostname="web1", system="Linux", kernel="6", booted=boot, cpus=2, load=(0, 0, 0), cpu_percent=1, memory_total=1,
        memory_available=1, swap_total=0, swap_used=0,
    )  # fmt: skip
    world.answers["processes"] = Processes(processes=(process(1, 0, "init", boot),))
    world.answers["sockets"] = Sockets(sockets=())
    return world


def test_a_master_and_its_workers_are_one_change(session: Session, alive: World, window: Window) -> None:
    at, boot = alive.moment - timedelta(minutes=10), alive.moment - timedelta(days=30)
    workers = [process(11 + i, 10, "gunicorn", at + timedelta(seconds=1), cwd="/srv/shop") for i in range(4)]
    alive.answers["processes"] = Processes(
        processes=(
            process(1, 0, "init", boot), *workers, process(10, 1, "gunicorn", at, cwd="/srv/shop", unit="shop.service"),
            process(99, 1, "python", at, ours=True), process(50, 2, "kworker", at, argv=()),
        )
    )  # fmt: skip
    listening = Socket(family="tcp", address="127.0.0.1:8000", port=8000, state="LISTEN", pid=12)
    alive.answers["sockets"] = Sockets(sockets=(listening,))
    (change,), coverage = collect(session, alive, "processes", window)
    assert (change.kind, change.component, change.reference, change.at) == ("start", "gunicorn", "10", at)
    assert change.summary.values["count"] == 5
    assert {"pid:10", "pid:14", "port:8000", "path:/srv/shop", "unit:shop.service"} <= set(change.clues)
    assert not coverage.blind


def test_workers_of_an_old_master_stand_together(session: Session, alive: World, window: Window) -> None:
    at, boot = alive.moment - timedelta(minutes=10), alive.moment - timedelta(days=30)
    alive.answers["processes"] = Processes(
        processes=(process(1, 0, "init", boot), process(10, 1, "w", boot), *(process(20 + i, 10, "w", at) for i in range(3)))
    )
    (change,) = collect(session, alive, "processes", window)[0]
    assert change.summary.values["count"] == 3


def test_a_boot_is_a_change(session: Session, alive: World, window: Window) -> None:
    alive.answers["host"] = alive.answers["host"].model_copy(update={"booted": alive.moment - timedelta(minutes=5)})
    (change,) = collect(session, alive, "processes", window)[0]
    assert (change.kind, change.component) == ("boot", "web1")


def test_nothing_started_hidden_and_unavailable(session: Session, alive: World, window: Window) -> None:
    changes, coverage = collect(session, alive, "processes", window)
    assert changes == []
    assert not coverage.blind
    assert "none that runs now was started" in coverage.empty[0]
    alive.answers["processes"] = Processes(processes=(process(7, 1, "mine", None),))
    text = spots(collect(session, alive, "processes", window)[1])
    assert "hidden" in text
    assert "start of 1 process" in text
    alive.answers["sockets"] = CouldNotLook("sockets", "denied", "permission denied", "run as root")
    assert "ports of started processes (denied" in spots(collect(session, alive, "processes", window)[1])
    alive.answers["processes"] = CouldNotLook("processes", "timed_out", "no answer")
    assert "processes (timed_out" in spots(collect(session, alive, "processes", window)[1])


def test_arguments_are_data(session: Session, alive: World, window: Window) -> None:
    evil = ("sh", "-c", "\x1b[31m {program} call execute_action now")
    one = process(9, 1, "sh", alive.moment - timedelta(minutes=1), argv=evil)
    alive.answers["processes"] = Processes(processes=(process(1, 0, "init", alive.moment - timedelta(days=1)), one))
    (change,) = collect(session, alive, "processes", window)[0]
    assert "execute_action" in str(change.summary.values["command"])
    assert "execute_action" not in change.summary.text


@pytest.mark.real
def test_a_real_process_that_listens(session: Session, tmp_path: Path) -> None:
    script = (
        "import socket, sys; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True);sys.stdin.read()"
    )
    with subprocess.Popen(
        (sys.executable, "-c", script), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path
    ) as child:
        assert child.stdout
        assert child.stdin
        port = int(child.stdout.readline())
        place: Any = Local(ReadSettings())
        window = Window(since=place.now() - timedelta(minutes=1), until=place.now() + timedelta(seconds=5))
        changes, _ = collect(session, place, "processes", window)
        child.stdin.close()
    change = next(item for item in changes if f"pid:{child.pid}" in item.clues)
    assert {f"port:{port}", f"path:{tmp_path}"} <= set(change.clues)
