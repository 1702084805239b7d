"""A real service manager, and a locked process of root's: it sees the unit through the reader, and cannot reach the manager."""

import json
import sys
from pathlib import Path

from tests.real_parts import lacking
from tests.systemd_box import systemd_box

UNIT = "[Service]\nExecStart=/usr/bin/sleep 3600\n"
LOCKED = """
import json, os, socket, subprocess, sys
from mcp_server.core.calls import Command
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.engine.lock import lock_report, lock_writes
from mcp_server.targets import command
os.makedirs("/run/state", exist_ok=True)
lock_writes(["/run/state"])
seen = {"enforced": lock_report().enforced, "open": lock_report().open}
def look(*argv):
    try:
        done = command.look(Command(argv=argv), Limits(), ReadSettings())
        return done.exit, done.out + done.err
    except Exception as error:
        return str(error)
def own(*argv):
    done = subprocess.run(argv, capture_output=True, text=True)
    return done.returncode, done.stderr
def reach(path):
    try:
        socket.socket(socket.AF_UNIX).connect(path)
        return "reached"
    except OSError as error:
        return str(error)
seen["show"] = look("systemctl", "show", "-p", "MainPID", "--value", "shop.service")
seen["status"] = look("systemctl", "status", "--no-pager", "shop.service")
seen["list"] = look("systemctl", "list-units", "--no-pager", "--type=service")
seen["journal"] = look("journalctl", "-n", "1", "--no-pager")
seen["restart by the reader"] = look("systemctl", "restart", "shop.service")
for verb in ("restart", "stop", "kill"):
    seen[verb] = own("systemctl", verb, "shop.service")
seen["run"] = own("systemd-run", "--wait", "touch", "/run/evil")
seen["reboot"] = own("systemctl", "--force", "halt")
for path in ("/run/systemd/private", "/run/dbus/system_bus_socket", "/run/systemd/notify", "/run/systemd/journal/socket"):
    seen[path] = reach(path)
print(json.dumps(seen))
"""


def test_units_are_seen_and_the_manager_is_not_reached(tmp_path: Path) -> None:
    with systemd_box(tmp_path, {"shop.service": UNIT}) as box:
        box.run("systemctl", "start", "shop.service")
        before = box.run("systemctl", "show", "-p", "MainPID,InvocationID", "shop.service").stdout
        done = box.run(sys.executable, "-c", LOCKED, check=False)
        assert done.returncode == 0, done.stderr
        seen = json.loads(done.stdout)
        after = box.run("systemctl", "show", "-p", "MainPID,InvocationID", "shop.service").stdout
        evil = box.run("ls", "/run/evil", check=False).returncode
    if not seen["enforced"]:
        lacking("no Landlock here")
    assert seen["open"] == ""
    assert f"MainPID={seen['show'][1].strip()}\n" in before
    assert "active (running)" in seen["status"][1]
    assert "shop.service" in seen["list"][1]
    assert seen["journal"][0] == 0
    assert "not known as a read" in seen["restart by the reader"]
    for verb in ("restart", "stop", "kill", "run", "reboot"):
        assert seen[verb][0] != 0, (verb, seen[verb])
    for path in ("/run/systemd/private", "/run/dbus/system_bus_socket", "/run/systemd/notify", "/run/systemd/journal/socket"):
        assert "Operation not permitted" in seen[path], (path, seen[path])
    assert after == before
    assert evil != 0
