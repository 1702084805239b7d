"""A crashed unit inside a real systemd: planned by the script, approved, restarted by the executor, verified."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_server.engine.operations import verbs
from tests.real_parts import wait_until
from tests.systemd_box import REPOSITORY, Box, systemd_box

UNITS = {
    "app.service": "[Unit]\nStartLimitBurst=2\nStartLimitIntervalSec=60\n[Service]\n"
    "ExecStart=/bin/sh -c 'test ! -e /opt/broken && exec sleep 1000'\nRestart=on-failure\nRestartSec=100ms\n",
    "steady.service": "[Service]\nExecStart=/bin/sleep 1000\n",
    "hidden.service": "[Service]\nExecStart=/usr/bin/python3 -m mcp_server\n",
    "leaning.service": "[Unit]\nBindsTo=base.service\n[Service]\nExecStart=@/bin/sleep node_exporter 1000\n",
    "base.service": "[Service]\nExecStart=/bin/sleep 1000\n",
    "metrics.service": "[Unit]\nDescription=watches\n[Service]\nExecStart=@/bin/sleep prometheus 1000\n"
    "[Install]\nAlias=prometheus.service\n",
}  # fmt: skip
SETTINGS = """
[environments.box]
kind = "systemd"
protection = "dev"
files = ["/opt/shop"]
[services.shop]
unit = "app.service"
[gate]
operations = "/opt/operations"
"""
# each verb that has a way back, in one run; it is verified by nothing
UNDONE = """
summary: Every act on a unit and on its file, taken back
risk: low
parameters: {service: {type: name, description: Name of the unit}}
kinds:
  systemd:
    steps:
      - {verb: restart_unit, arguments: {service: "{service}"}}
      - {verb: stop_unit, arguments: {service: "{service}"}}
      - {verb: restore_file, arguments: {path: /opt/shop/shop.conf, copy: /opt/shop.good}}
      - {verb: start_unit, arguments: {service: "{service}"}}
    verify: {diagnostic: service_status, arguments: {unit: "{unit}"}, expect: not_applicable, deadline_s: 0.1}
"""
WRITTEN_BY_OTHERS = re.compile(
    ".*Timestamp(Monotonic)?|(Exec)?MainPID|InvocationID|ControlGroupId|ExecStart(Ex)?"  # when, and as which process, it ran
    "|(Memory|Tasks)Current|MemoryAvailable|CPUUsageNSec"  # what it uses
)
"""Properties of a unit that may differ once an act was taken back, and why."""
APPROVE = """
import sys
from datetime import timedelta
from mcp_server.core.clock import now
from mcp_server.core.plan import Approval
from mcp_server.core.settings import load_settings
from mcp_server.engine.gate_store import Gate
from mcp_server.engine.proposals import proposal_of
settings = load_settings()
proposal = proposal_of(settings, sys.argv[1])
Gate(settings, write=True).approve(Approval(plan=proposal.id, digest=proposal.digest, approver="ada", route="terminal",
    at=now(), expires=now() + timedelta(minutes=10)))
"""


SCRIPT = str(REPOSITORY / "scripts/incident_response/plan_action.py")
WATCHING = ["metrics", "prometheus", "prometheus.service", "hidden", "base"]
HOSTILE = [
    "--force", "-H", "a b", "a\nb", "../app", "app;reboot", "$(reboot)", "аpp", "app\u202e", "app.service\x00", "app*", "",
    "app..service", "/app", "app.evil", "@", "app service", "x" * 300,
]  # fmt: skip
# loads the program once; each plan is then asked in a process of its own
EACH = """
import json, os, sys, tempfile
repository, script, asked = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
sys.path.insert(0, repository)
from mcp_server.engine import plan, proposals, session
from mcp_server.surface import cli
answers = []
for words in asked:
    out, err = tempfile.TemporaryFile("w+"), tempfile.TemporaryFile("w+")
    child = os.fork()
    if child == 0:
        status = 70
        try:
            os.dup2(out.fileno(), 1), os.dup2(err.fileno(), 2)
            sys.argv = [script, *words]
            status = cli.main(script)
        except SystemExit as end:
            status = end.code
        except BaseException:
            import traceback
            traceback.print_exc()
        finally:
            sys.stdout.flush(), sys.stderr.flush()
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    out.seek(0), err.seek(0)
    answers.append((status, out.read(), err.read()))
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    folder = tmp_path_factory.mktemp("gate")
    with systemd_box(folder, UNITS) as made:
        (folder / "box/root/.config/veteran").mkdir(parents=True)
        (folder / "box/root/.config/veteran/config.toml").write_text(SETTINGS)
        (folder / "box/opt/broken").touch()
        # as shipped, but for the half minute that it waits for a unit that fails
        text = (REPOSITORY / "mcp_server/operations/restart_service.yaml").read_text(encoding="utf8")
        (folder / "box/opt/operations").mkdir()
        (folder / "box/opt/operations/each_undone.yaml").write_text(UNDONE)
        (folder / "box/opt/shop").mkdir()
        (folder / "box/opt/shop/shop.conf").write_text("as it was")
        (folder / "box/opt/shop.good").write_text("another")
        (folder / "box/opt/operations/quick_restart.yaml").write_text(text.replace("deadline_s: 30", "deadline_s: 6"))
        made.run("systemctl", "start", "app", "steady", "leaning", check=False)
        made.run("systemctl", "enable", "--now", "metrics", check=False)
        yield made


def plan(box: Box, *more: str, operation: str = "restart_service", **parameters: str) -> dict[str, Any]:
    done = box.run(sys.executable, SCRIPT, *_words(operation, parameters), *more, check=False)
    return _told(done.returncode, done.stdout, done.stderr)


def _words(operation: str, parameters: dict[str, str]) -> tuple[str, ...]:
    return ("--operation", operation, "--parameters", json.dumps(parameters), "--json", "--no-look-around")


def _told(status: int, out: str, err: str) -> dict[str, Any]:
    assert status in (0, 1, 3, 64), err
    return json.loads(out) if out else {"refused": err}


@pytest.fixture(scope="module")
def refused(box: Box) -> dict[str, dict[str, Any]]:
    """What is told about a plan to restart each of these."""
    names = [*WATCHING, *HOSTILE]
    asked = json.dumps([_words("restart_service", {"service": name}) for name in names])
    answers = json.loads(box.run(sys.executable, "-c", EACH, str(REPOSITORY), SCRIPT, asked).stdout)
    return {name: _told(*answer) for name, answer in zip(names, answers, strict=True)}


def carried_out(box: Box, name: str) -> tuple[int, dict[str, Any]]:
    box.run(sys.executable, "-c", APPROVE, name)
    done = box.run(sys.executable, "-m", "mcp_server.executor", name, check=False)
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


def active(box: Box, unit: str) -> str:
    return box.run("systemctl", "is-active", unit, check=False).stdout.strip()


def test_a_crashed_unit_is_restarted_and_verified(box: Box) -> None:
    wait_until(lambda: active(box, "app") == "failed", "systemd gives up")
    told = plan(box, operation="quick_restart", service="shop")
    status, end = carried_out(box, told["data"]["plan"])
    assert (status, end["state"]) == (2, "left") or (status, end["state"]) == (1, "undone"), end
    assert active(box, "app") in ("failed", "inactive"), "what broke it is still there: it failed again, and is as before"
    box.run("rm", "/opt/broken")
    settled(box)
    told = plan(box, service="shop")
    assert told["data"]["content"]["steps"][0]["before"]["running"] is False, told
    status, end = carried_out(box, told["data"]["plan"])
    assert (status, end["state"]) == (0, "done"), end
    assert active(box, "app") == "active"


def settled(box: Box) -> None:
    """The pause that a second restart must wait for is not what this tests."""
    text = SETTINGS.replace("[environments.box]", "[environments.again]")
    box.run("sh", "-c", f"cat > /root/.config/veteran/config.toml <<'END'\n{text}\nEND")


def test_stop_and_take_back(box: Box) -> None:
    told = plan(box, operation="stop_service", service="steady")
    status, end = carried_out(box, told["data"]["plan"])
    assert (status, active(box, "steady")) == (0, "inactive"), end
    told = plan(box, operation="take_back", execution=end["execution"])
    status, end = carried_out(box, told["data"]["plan"])
    assert (status, active(box, "steady")) == (0, "active"), end


def properties(box: Box, unit: str) -> dict[str, list[str]]:
    """All that systemd tells of it; lists come in any order."""
    shown = dict(line.split("=", 1) for line in box.run("systemctl", "show", unit).stdout.splitlines() if "=" in line)
    return {key: sorted(value.split()) for key, value in shown.items() if not WRITTEN_BY_OTHERS.fullmatch(key)}


def test_each_act_is_taken_back_in_reverse_order_and_all_is_as_it_was(box: Box) -> None:
    stat = ("stat", "--format", "%a %u %g %s %Y", "/opt/shop/shop.conf")
    before, file = properties(box, "steady"), box.run(*stat).stdout
    assert before["ActiveState"] == ["active"]
    told = plan(box, operation="each_undone", service="steady")
    status, end = carried_out(box, told["data"]["plan"])
    assert (status, end["state"]) == (1, "undone"), end
    assert "the state before was proven equal" in end["text"]
    assert properties(box, "steady") == before
    assert (box.run(*stat).stdout, box.run("cat", "/opt/shop/shop.conf").stdout) == (file, "as it was")
    steps = told["data"]["content"]["steps"]
    assert ["what they hold in memory" in step["lost"] for step in steps] == [True, True, False, False]
    # packages and the ways back themselves: tests/operations/test_host_verbs.py; the others cannot be taken back and say so
    elsewhere = {"install_packages", "uninstall_packages", "put_back", "reload_unit", "end_process", "clear_files"}
    assert {step["step"]["verb"] for step in steps} | elsewhere == set(verbs("systemd"))


@pytest.mark.parametrize("name", WATCHING)
def test_what_watches_is_not_touched_under_any_of_its_names(refused: dict[str, dict[str, Any]], name: str) -> None:
    """Also a server that does not run at the moment, and a unit that takes one that watches down with it."""
    says = refused[name]["refused"]
    assert "is protected" in says
    assert "two different people" in says


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_is_no_name_is_refused_with_a_sentence(refused: dict[str, dict[str, Any]], name: str) -> None:
    says = refused[name]["refused"]
    assert "`service`" in says or "not loaded" in says, says
    assert "Traceback" not in says


def test_what_is_not_there_cannot_be_planned(box: Box) -> None:
    done = box.run(
        sys.executable, SCRIPT, "--operation", "restart_service", "--parameters", '{"service": "nothing"}', check=False
    )
    assert done.returncode == 3
    assert "nothing.service is not loaded" in done.stderr


def test_the_environment_is_seen_where_none_is_declared(box: Box, tmp_path: Path) -> None:
    box.run("mv", "/root/.config/veteran/config.toml", "/root/config.away")
    try:
        told = plan(box, "--told", "the team, by phone", service="steady")
        content = told["data"]["content"]
        assert (content["environment"]["kind"], content["environment"]["detected"]) == ("systemd", True)
        assert content["requirement"]["level"] == 3
        status, end = carried_out(box, told["data"]["plan"])
        assert (status, end["state"]) == (3, "refused")
        assert "one signature" in end["text"]
    finally:
        box.run("mv", "/root/config.away", "/root/.config/veteran/config.toml")
