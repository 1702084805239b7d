"""Snapshots: what is different, what cannot be told, and each part on a host that we furnish."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.calls import Completed, Found, HostFacts, Socket, Sockets
from mcp_server.core.clock import now
from mcp_server.core.declare import Scope
from mcp_server.core.errors import BadInput, CouldNotLook
from mcp_server.core.outcome import BlindSpot, Coverage
from mcp_server.core.settings import load_settings
from mcp_server.engine import snapshot as module
from mcp_server.engine.session import Asking, Session
from mcp_server.engine.snapshot import keep, last, load, take
from mcp_server.engine.snapshot_data import Item, Part, Snapshot, differences
from tests.certificates import issue
from tests.changes.world import World, spots

DENIED = BlindSpot(what="files below /srv", reason="denied: no")


def part(whole: bool = True, blind: tuple[BlindSpot, ...] = (), **items: str) -> Part:
    return Part(items=tuple(Item(item=name, state=state) for name, state in items.items()), whole=whole, blind=blind)


def of(**parts: Part) -> Snapshot:
    return Snapshot(place="local", at=now(), parts=parts)


# --- what differs ---------------------------------------------------------------------------------------------------


def test_new_gone_and_changed() -> None:
    before = of(packages=part(nginx="1.22", curl="8"), ports=part(a="nginx"))
    after = of(packages=part(nginx="1.24", redis="7"), ports=part(a="nginx"))
    found, blind = differences(before, after)
    assert [(item.item, item.before, item.after) for item in found] == [
        ("curl", "8", None), ("nginx", "1.22", "1.24"), ("redis", None, "7"),
    ]  # fmt: skip
    assert blind == ()


def test_a_state_that_was_not_told_differs_from_nothing() -> None:
    assert differences(of(ports=part(a="")), of(ports=part(a="nginx")))[0] == ()


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("new", [True, False])
def test_what_was_not_seen_whole_proves_no_arrival_and_no_removal(old: bool, new: bool) -> None:
    before = of(files=part(whole=old, blind=() if old else (DENIED,), same="1", edited="1", gone="1"))
    after = of(files=part(whole=new, blind=() if new else (DENIED,), same="1", edited="2", arrived="1"))
    found, blind = differences(before, after)
    expected = {"edited"} | ({"arrived"} if old else set()) | ({"gone"} if new else set())
    assert {item.item for item in found} == expected
    assert len(blind) == (not old) + (not new)
    assert old or "files below /srv (in the snapshot)" in [spot.what for spot in blind]


def test_a_part_that_one_side_does_not_know_is_a_blind_spot() -> None:
    found, blind = differences(of(files=part(a="1")), of(files=part(a="1"), images=part(x="1")))
    assert found == ()
    assert [spot.what for spot in blind] == ["images"]


# --- the parts ------------------------------------------------------------------------------------------------------


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    made = Session(load_settings({"VETERAN_STATE_DIR": str(tmp_path / "state"), "HOME": str(tmp_path)}), program="test")
    yield made
    made.close()


COMMANDS = {
    "dpkg-query": Completed(exit=0, out="nginx\t1.22-1\tii \nold\t1\trc \nbroken\t2\tiU \n"),
    "sysctl": Completed(exit=0, out="vm.swappiness = 60\nfs.file-nr = 1\t2\t3\nnet.ipv4.tcp_rmem = 4096\t131072\n"),
    "systemctl": Completed(exit=0, out="nginx.service enabled enabled\n"),
    "docker": Completed(exit=0, out='{"Repository":"shop","Tag":"42","ID":"sha256:aa","Names":"web","Image":"shop:42"}\n'),
}


@pytest.fixture
def host(tmp_path: Path) -> World:
    """A host where everything can be read."""
    world = World(tmp_path / "host")
    world.answers["host"] = HostFacts(
        hostname="web1", system="Linux", kernel="6.1.0-30", booted=world.moment, cpus=2, load=(0, 0, 0), cpu_percent=1,
        memory_total=1, memory_available=1, swap_total=0, swap_used=0,
    )  # fmt: skip
    listening = Socket(family="tcp", address="0.0.0.0:80", port=80, state="LISTEN", pid=7, process="nginx")
    world.answers["sockets"] = Sockets(sockets=(listening,))
    world.answers["command"] = lambda call: COMMANDS[call.argv[0]]
    world.answers["which"] = Found(path="/usr/bin/docker")
    for path, text in {
        "/proc/cmdline": "root=/dev/vda quiet\n", "/proc/modules": "ext4 1 0 - Live 0x0\n", "/etc/app.conf": "x = 1\n",
        "/proc/self/mounts": "/dev/vda / ext4 rw 0 0\nproc /proc proc rw 0 0\n", "/var/lib/dpkg/status": "",
        "/run/docker.sock": "", "/run/systemd/system/x": "",
        "/srv/venv/lib/python3.11/site-packages/qrcode-7.4.dist-info/METADATA": "",
        "/srv/shop/pay.ini": "y = 2\n",
    }.items():  # fmt: skip
        world.file(path, text)
    world.file("/etc/ssl/shop.pem", issue("shop", world.moment)[0])
    return world


SCOPE = Scope(folders=("/srv/shop",), pythons=("/srv/venv/bin/python3",))


def seen(session: Session, world: World) -> tuple[Snapshot, Coverage]:
    place: Any = world
    taken, coverage, evidence = take(session, place, SCOPE, Asking())
    assert len(evidence) == len(set(evidence))
    return taken, coverage


def test_every_part_of_a_host(session: Session, host: World) -> None:
    taken, coverage = seen(session, host)
    told = {name: part.states() for name, part in taken.parts.items()}
    assert told["kernel"]["release"] == "6.1.0-30"
    assert told["kernel"]["command line"] == "root=/dev/vda quiet"
    assert told["kernel"]["module ext4"] == "loaded"
    assert told["packages"] == {"nginx": "1.22-1", "broken": "2 (iU)"}
    assert told["python_packages"] == {"/srv/venv: qrcode": "7.4"}
    assert told["units"] == {"nginx.service": "enabled"}
    assert told["files"]["/etc/app.conf"].startswith("sha256 ")
    assert "/srv/shop/pay.ini" in told["files"]
    assert told["sysctl"] == {"vm.swappiness": "60", "net.ipv4.tcp_rmem": "4096 131072"}
    assert told["mounts"] == {"/": "/dev/vda ext4 rw"}
    assert told["ports"] == {"tcp 0.0.0.0:80": "nginx"}
    assert "CN=shop" in told["certificates"]["/etc/ssl/shop.pem (1)"]
    assert told["images"] == {"image shop:42": "sha256:aa", "container web": "runs shop:42"}
    assert not coverage.blind
    assert not coverage.cut
    assert differences(taken, seen(session, host)[0]) == ((), ()), "asked twice, nothing differs"


def test_what_a_person_would_do_is_seen(session: Session, host: World) -> None:
    before, _ = seen(session, host)
    host.file("/etc/app.conf", "x = 2\n")
    (host.root / "srv/shop/pay.ini").unlink()
    host.file("/etc/new.conf", "")
    changed = COMMANDS | {"sysctl": Completed(exit=0, out="vm.swappiness = 10\nnet.ipv4.tcp_rmem = 4096\t131072\n")}
    host.answers["command"] = lambda call: changed[call.argv[0]]
    found, blind = differences(before, seen(session, host)[0])
    assert [(item.part, item.item, item.before is None, item.after is None) for item in found] == [
        ("files", "/etc/app.conf", False, False), ("files", "/etc/new.conf", True, False),
        ("files", "/srv/shop/pay.ini", False, True), ("sysctl", "vm.swappiness", False, False),
    ]  # fmt: skip
    assert blind == ()


def test_every_part_that_cannot_be_read_is_a_blind_spot(session: Session, host: World) -> None:
    before, _ = seen(session, host)
    denied = CouldNotLook("it", "denied", "permission denied", "run as root")
    host.answers |= dict.fromkeys(("host", "sockets", "command"), denied)
    host.refuse |= dict.fromkeys(("/etc", "/srv/shop", "/etc/ssl", "/proc/self/mounts", "/srv/venv/lib"), denied)
    after, coverage = seen(session, host)
    text = spots(coverage)
    for name in (
        "kernel", "packages of dpkg", "unit files", "state of units", "files below /etc", "files below /srv/shop", "sysctl",
        "mounts", "ports", "certificates of /etc/ssl", "images", "containers", "Python packages of /srv/venv",
    ):  # fmt: skip
        assert name in text or name in ("sysctl", "mounts", "ports", "kernel")
    assert all(part.blind and not part.whole for part in after.parts.values())
    found, blind = differences(before, after)
    assert found == (), "what could not be looked at is not gone"
    assert len({spot.what for spot in blind}) >= 10


def test_hidden_owners_hide_no_port_and_damaged_output_is_said(session: Session, host: World) -> None:
    before, _ = seen(session, host)
    sockets = host.answers["sockets"].sockets
    extra = Socket(family="tcp", address="127.0.0.1:9000", port=9000, state="LISTEN")
    host.answers["sockets"] = Sockets(sockets=(*sockets, extra), owners_hidden=True)
    broken = COMMANDS | {
        "docker": Completed(exit=0, out="not json\n"), "dpkg-query": Completed(exit=2, err="damaged"),
        "sysctl": Completed(exit=255, out="vm.swappiness = 60\n", err="sysctl: permission denied on key 'kernel.x'\n"),
    }  # fmt: skip
    host.answers["command"] = lambda call: broken[call.argv[0]]
    after, coverage = seen(session, host)
    found, _ = differences(before, after)
    assert [(item.part, item.item) for item in found] == [("ports", "tcp 127.0.0.1:9000")]
    text = spots(coverage)
    for words in ("owners of listening sockets", "no JSON object", "ended with status 2", "1 kernel parameter (denied"):
        assert words in text


def test_a_host_without_things_has_none_of_them(session: Session, tmp_path: Path, host: World) -> None:
    host.answers["which"] = Found(path=None)
    for path in ("run/docker.sock", "run/systemd/system/x", "proc/modules"):
        (host.root / path).unlink()
    (host.root / "run/systemd/system").rmdir()
    _, coverage = seen(session, host)
    assert not coverage.blind
    assert {"units: systemd does not run here", "images: no container engine is here", "kernel: it loads no modules"} <= set(
        coverage.empty
    )
    host.file("/run/containerd/containerd.sock", "")
    assert "images (/run/containerd/containerd.sock is there, but no docker client to ask" in spots(seen(session, host)[1])
    (host.root / "var/lib/dpkg/status").unlink()
    assert "no package database that is known here" in spots(seen(session, host)[1])


# --- the file -------------------------------------------------------------------------------------------------------


def test_it_is_kept_whole_closed_and_redacted_and_read_back(session: Session) -> None:
    secret = "postgres://shop:hunter2hunter2@db/shop"
    path, size = keep(session, of(sysctl=part(a="1"), kernel=part(line=f"url={secret}")), "monday")
    assert size == path.stat().st_size
    assert path.stat().st_mode & 0o777 == 0o600
    assert "hunter2" not in path.read_text()
    assert load(session, "monday").parts["sysctl"].states() == {"a": "1"}
    with pytest.raises(BadInput, match="exists already"):
        keep(session, of(), "monday")
    assert [item.name for item in path.parent.iterdir()] == ["monday.json"], "nothing half written is left"


def test_damaged_missing_and_foreign_files_get_a_sentence(session: Session) -> None:
    assert last(session, "local") is None
    path, _ = keep(session, of(kernel=part(a="1")), "good")
    assert last(session, "local") is not None
    assert last(session, "elsewhere") is None
    with pytest.raises(BadInput, match="there are: good"):
        load(session, "none")
    for name, text in {
        "half": path.read_text()[:60], "empty": "", "list": "[]",
        "form": json.dumps(json.loads(path.read_text()) | {"form": 9}),
    }.items():  # fmt: skip
        path.with_name(f"{name}.json").write_text(text)
        with pytest.raises(BadInput, match=r"is no snapshot|has form 9"):
            load(session, name)
    with pytest.raises(BadInput, match=r"is no snapshot|has form 9"):
        last(session, "local")


def test_a_defect_of_ours_is_a_blind_spot(session: Session, host: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(reader: Any, scope: Scope) -> Iterator[tuple[str, str]]:
        yield "a", "1"
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(module, "PARTS", {"kernel": module.PARTS["kernel"].__class__(breaks)})
    taken, coverage = seen(session, host)
    assert taken.parts["kernel"].states() == {"a": "1"}
    assert not taken.parts["kernel"].whole
    assert "defect in this part" in spots(coverage)
