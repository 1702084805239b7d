"""Carrying out: once, verified or taken back, on the world that was approved; cut off anywhere, it is named, not repeated."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.clock import now
from mcp_server.core.settings import load_settings
from mcp_server.engine.gate_store import Gate
from mcp_server.engine.proposals import cancel
from mcp_server.engine.session import Session
from tests.gate_world import ROOT, World, result
from tests.real_parts import need, wait_until

QUICK = """
summary: Restart one service, impatiently
risk: low
parameters:
  service: {type: name, description: A declared service}
gates: {rollback: {accept_loss: processes end}}
kinds:
  process:
    steps: [{verb: restart_process, arguments: {service: "{service}"}}]
    verify: {diagnostic: service_status, arguments: {process: "{words}", port: "{port}"}, deadline_s: 0.5}
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    own = tmp_path / "own"
    own.mkdir()
    (own / "quick_restart.yaml").write_text(QUICK, encoding="utf8")
    made = World(tmp_path, gate=f'[gate]\noperations = "{own}"\n')
    yield made
    made.stop()


def test_a_service_that_is_down_is_restarted_and_verified(world: World) -> None:
    proposal = world.approved()
    status, lines = world.execute(proposal.id)
    assert status == 0, lines
    assert result(lines)["state"] == "done"
    assert [line["state"] for line in lines if line["event"] == "step"] == ["started", "done"]
    assert world.listens()
    (execution,) = world.executions()
    assert (execution.state, execution.done, execution.approvals) == ("done", (1,), ("A1",))
    assert {"plan", "approve", "execute", "verify"} <= execution.times_ms.keys()
    gate = Gate(world.settings)
    assert gate.ledger.verify().intact
    gate.close()


def test_a_running_service_gets_another_process(world: World) -> None:
    first = world.start()
    status, lines = world.execute(world.approved().id)
    assert status == 0, lines
    assert world.pid() not in (None, first)
    assert world.starts() == 2


def test_without_approval_nothing_is_done(world: World) -> None:
    proposal = world.propose(world.plan())
    status, lines = world.execute(proposal.id)
    assert status == 3
    assert f"nobody has approved {proposal.id}" in result(lines)["text"]
    assert world.starts() == 0


def test_an_approval_counts_once(world: World) -> None:
    proposal = world.approved()
    assert world.execute(proposal.id)[0] == 0
    status, lines = world.execute(proposal.id)
    assert (status, world.starts()) == (3, 1)
    assert "nothing runs twice" in result(lines)["text"]


def test_an_approval_of_one_plan_is_none_of_another(world: World) -> None:
    world.approved()
    other = world.propose(world.plan())
    assert world.execute(other.id)[0] == 3
    assert world.starts() == 0


@pytest.mark.parametrize(
    ("at", "expires", "says"),
    [(-700, -100, "expired"), (60, 600, "expired"), (-5, 0, "expired")],
)
def test_an_approval_out_of_its_time_is_none(world: World, at: int, expires: int, says: str) -> None:
    proposal = world.propose(world.plan())
    world.approve(proposal, at=now() + timedelta(seconds=at), expires=now() + timedelta(seconds=expires))
    status, lines = world.execute(proposal.id)
    assert (status, world.starts()) == (3, 0)
    assert says in result(lines)["text"]


def test_a_proposal_that_was_altered_after_the_approval_is_refused(world: World) -> None:
    proposal = world.approved()
    path = world.folder / "state" / "plans" / f"{proposal.id}.json"
    data = json.loads(path.read_text())
    data["request"]["operation"] = "quick_restart"
    path.write_text(json.dumps(data))
    status, lines = world.execute(proposal.id)
    assert (status, world.starts()) == (3, 0)
    assert "the world moved" in result(lines)["text"]
    assert any("quick_restart" in item for item in result(lines)["moved"])


def test_a_world_that_moved_is_refused_and_what_moved_is_shown(world: World) -> None:
    proposal = world.approved()
    world.start()
    status, lines = world.execute(proposal.id)
    assert (status, world.starts()) == (3, 1)
    moved = result(lines)["moved"]
    assert any("running was `False`, is `True`" in item for item in moved), moved
    world.stop()
    assert world.execute(proposal.id)[0] == 3, "the approval was used up by the refusal"


def test_a_policy_file_edited_after_the_approval_is_another_operation(world: World) -> None:
    proposal = world.approved("quick_restart")
    path = world.folder / "own" / "quick_restart.yaml"
    path.write_text(path.read_text().replace("impatiently", "impatiently, and more"))
    status, lines = world.execute(proposal.id)
    assert (status, world.starts()) == (3, 0)
    assert any("declaration" in item for item in result(lines)["moved"])


def test_a_program_that_does_not_start_is_taken_back(world: World) -> None:
    world.mode.write_text("broken")
    status, lines = world.execute(world.approved().id)
    assert status == 1, lines
    assert "ended at once with status 3" in result(lines)["text"]
    assert "proven equal" in result(lines)["text"]
    (execution,) = world.executions()
    assert (execution.state, execution.undone) == ("undone", (1,))


def test_a_verification_that_fails_is_taken_back_and_the_state_before_is_proven(world: World) -> None:
    before = world.plan("quick_restart")
    world.mode.write_text("deaf")
    status, lines = world.execute(world.approved("quick_restart").id)
    assert status == 1, lines
    assert "not verified: service_status says finding" in result(lines)["text"]
    assert world.starts() == 1
    assert world.pid() is None
    assert world.plan("quick_restart").steps[0].before == before.steps[0].before


def test_what_cannot_be_taken_back_is_left_and_named(world: World) -> None:
    """It ran before; afterwards nothing starts: the way back fails as well, and a person is told what to do."""
    world.start()
    proposal = world.approved()
    world.mode.write_text("broken")
    status, lines = world.execute(proposal.id)
    assert status == 2, lines
    (left,) = result(lines)["left"]
    assert "could not be taken back" in left
    assert "By hand: start service `shop`" in left
    assert world.executions()[0].state == "left"
    world.mode.write_text("well")
    back = world.approved("take_back", execution=world.executions()[0].id)
    status, lines = world.execute(back.id)
    assert status == 0, lines
    assert world.listens()


def test_eight_at_once_run_it_once(world: World) -> None:
    proposal = world.approved()
    children = [world.launch(proposal.id) for _ in range(8)]
    ends = [(*child.communicate(timeout=120), child.returncode) for child in children]
    assert sorted(status for _, _, status in ends) == [0] + [3] * 7, ends
    assert world.starts() == 1
    assert len(world.executions()) == 1


def test_the_kill_switch_stops_everything(world: World) -> None:
    proposal = world.approved()
    stop = Path(world.settings.gate_dir) / "STOP"
    stop.touch()
    status, lines = world.execute(proposal.id)
    assert (status, world.starts()) == (3, 0)
    assert "switched off" in result(lines)["text"]
    stop.unlink()
    settings = world.folder / "veteran.toml"
    text = settings.read_text()
    settings.write_text(text.replace("[gate]", "[gate]\nwrites = false"))
    assert world.execute(proposal.id)[0] == 3
    settings.write_text(text)
    assert world.execute(proposal.id)[0] == 0


def test_a_plan_taken_back_is_not_carried_out(world: World) -> None:
    proposal = world.approved()
    session = Session(world.settings, program="test")
    cancel(session, proposal.id)
    session.close()
    assert world.execute(proposal.id)[0] == 3
    assert world.starts() == 0


def test_two_of_the_same_need_a_pause_between(world: World) -> None:
    assert world.execute(world.approved().id)[0] == 0
    plan = world.plan()
    safety = plan.gates[0]
    assert not safety.passed
    assert "must pass between two" in safety.reason.text


@pytest.mark.parametrize("argument", ["", "P0", "P12 --force", "../P12", "P12\n", "-h", "P１２"])
def test_nothing_but_a_plan_id_is_taken(world: World, argument: str) -> None:
    status, lines = world.execute(argument)
    assert status == 64, lines
    assert result(lines)["state"] == "refused"


def test_the_executor_knows_no_protocol_and_whoever_plans_holds_no_writer(world: World) -> None:
    code = (
        "import sys\nfrom mcp_server.engine import execute\nimport mcp_server.executor\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('mcp', 'mcp_types', 'anyio', 'httpx2')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    code = (
        "import sys\nfrom mcp_server.core.plan import Request\nfrom mcp_server.core.settings import load_settings\n"
        "from mcp_server.engine.plan import make_plan\nfrom mcp_server.engine.session import Asking, Session\n"
        "session = Session(load_settings(), program='test')\n"
        "wish = Request(operation='restart_service', environment='test', parameters={'service': 'shop'})\n"
        "make_plan(session, None, wish, Asking())\n"
        "print([name for name in sys.modules if 'writers' in name or name == 'mcp_server.engine.execute'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=world.environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


class Executors:
    """Executors of a world, each a process of its own; a process that loaded the program starts them."""

    def __init__(self, world: World) -> None:
        self._folder = world.folder
        self._starter = subprocess.Popen(
            [sys.executable, "-m", "tests.engine.killed_executor"], cwd=ROOT, env=world.environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def killed(self, number: int, plan: str) -> "subprocess.CompletedProcess[str]":
        """One that is killed at its n-th boundary, if it has one."""
        assert self._starter.stdin
        assert self._starter.stdout
        out, err = self._folder / "executor.out", self._folder / "executor.err"
        self._starter.stdin.write(json.dumps([number, plan, str(out), str(err)]) + "\n")
        self._starter.stdin.flush()
        status = self._starter.stdout.readline()
        return subprocess.CompletedProcess((), int(status), out.read_text(), err.read_text())

    def execute(self, plan: str) -> tuple[int, list[dict[str, Any]]]:
        """As `World.execute`."""
        done = self.killed(0, plan)
        assert done.stderr == "", done.stderr
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]

    def close(self) -> None:
        with self._starter:
            self._starter.kill()


@pytest.fixture
def executors(world: World) -> Iterator[Executors]:
    made = Executors(world)
    yield made
    made.close()


def test_killed_at_every_boundary_it_is_named_and_never_done_twice(world: World, executors: Executors) -> None:
    """A sweep: n-th boundary of a run, until a run has no n-th one. Three lives for each: killed, looked after, asked again."""
    names = []
    for number in range(1, 60):
        world.stop()
        with suppress(FileNotFoundError):
            world.pid_file.unlink()
        before = world.starts()
        proposal = world.approved("quick_restart")
        child = executors.killed(number, proposal.id)
        if child.returncode == 0:
            break
        assert child.returncode == -signal.SIGKILL, child.stderr
        names.append(child.stderr)
        done = [item for item in world.executions() if item.plan == proposal.id]
        claimed = bool(done)
        ended = claimed and done[0].state == "done"
        session = Session(world.settings, program="test")
        told = [item for item in session.interrupted if proposal.id in item]
        session.close()
        assert bool(told) == (claimed and not ended), (child.stderr, told)
        if told:
            assert f"take_back execution={done[0].id}" in told[0]
        started = world.starts() - before
        assert started <= 1
        status, lines = executors.execute(proposal.id)
        state = result(lines)["state"]
        if claimed:
            assert world.starts() - before == started, f"done again after {child.stderr}"
            assert executors.execute(proposal.id)[0] == 3, "after it was looked after, nothing is open"
            assert world.starts() - before == started
            assert state in ("done", "left", "refused"), (child.stderr, lines)
            if "after execution.step done" in child.stderr:
                assert (status, state) == (0, "done"), "all was done: looking shows it"
        else:
            assert (status, state) == (0, "done"), "nothing was claimed: the approval still counts"
        assert not [item for item in world.executions() if item.state == "interrupted"]
    else:
        pytest.fail("the sweep did not come to its end")
    assert len(names) >= 12, names
    assert {"before execution.claimed", "before restart_process", "after execution.state done"} <= set(names), names


def test_killed_on_the_way_back_the_way_back_can_be_planned(world: World, executors: Executors) -> None:
    """The same sweep where verification fails: wherever the executor died, taking back leads to the state before."""
    world.mode.write_text("deaf")
    names = []
    for number in range(11, 60):  # the first ten lie before the way back begins
        proposal = world.approved("quick_restart")
        child = executors.killed(number, proposal.id)
        if child.returncode == 1:
            break
        assert child.returncode == -signal.SIGKILL, child.stderr
        names.append(child.stderr)
        done = [item for item in world.executions() if item.plan == proposal.id]
        if not done or done[0].state in ("undone", "left", "refused"):
            continue
        status, lines = executors.execute(proposal.id)
        assert result(lines)["state"] in ("left", "refused"), (child.stderr, lines)
        if result(lines)["state"] == "left" and done[0].undone != (1,):
            back = world.plan("take_back", execution=done[0].id)
            name = world.propose(back)
            world.approve(name)
            status, lines = executors.execute(name.id)
            assert status in (0, 3), (child.stderr, lines)
        assert world.pid() is None or not Path(f"/proc/{world.pid()}/exe").exists(), child.stderr
    else:
        pytest.fail("the sweep did not come to its end")
    assert {"before execution.state undoing", "before stop_process", "after stop_process"} <= set(names), names


def test_a_record_that_cannot_be_written_any_more_stops_it_before_anything_is_done(tmp_path: Path) -> None:
    need("mount", root=True)
    gate = tmp_path / "gate"
    gate.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(gate)], check=True)
    world = World(tmp_path)
    try:
        text = (tmp_path / "veteran.toml").read_text().replace("state_dir =", f'gate_dir = "{gate}"\nstate_dir =', 1)
        (tmp_path / "veteran.toml").write_text(text)
        world.settings = load_settings(world.environment)
        proposal = world.approved()
        with suppress(OSError), open(gate / "filler", "wb", buffering=0) as filler:
            while True:
                filler.write(b"x" * 4096)
        status, lines = world.execute(proposal.id)
        assert status != 0
        assert "cannot be written" in result(lines)["text"] or "could not be written" in result(lines)["text"], lines
        assert world.starts() == 0, "what cannot be recorded is not done"
        os.unlink(gate / "filler")
        assert world.execute(proposal.id)[0] == 0
    finally:
        world.stop()
        wait_until(lambda: subprocess.run(["umount", str(gate)], check=False, capture_output=True).returncode == 0, "unmounted")
