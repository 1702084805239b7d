"""The verbs of a change: what they show, refuse and never do."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.errors import BadInput
from mcp_server.core.outcome import Outcome
from mcp_server.engine.catalog import load_catalog
from mcp_server.engine.session import Asking, Session
from mcp_server.surface.render import render
from mcp_server.surface.tools import inventory
from tests.gate_world import World

TOOLS = inventory(load_catalog())


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.stop()


def call(world: World, name: str, **arguments: Any) -> Outcome:
    session = Session(world.settings, program="test")
    try:
        return TOOLS[name].call(session, arguments, Asking())
    finally:
        session.close()


def test_without_an_operation_everything_that_can_be_done_is_listed(world: World) -> None:
    text = render(call(world, "plan_action"))
    assert "restart_service" in text
    assert "environments: `test (process, dev)`" in text


def test_a_plan_is_shown_whole_kept_and_changes_nothing(world: World) -> None:
    outcome = call(world, "plan_action", operation="restart_service", parameters={"service": "shop"}, look_around=False)
    text = render(outcome)
    for words in ("step 1:", "undo 1:", "safety gate passed", "rollback gate", "monitoring gate", "communication gate",
                  "verified by", "cost of waiting", "approval needed", "approve.py"):  # fmt: skip
        assert words in text, words
    assert outcome.verdict == "ok"
    assert outcome.data["plan"] in text  # type: ignore[index,call-overload]
    assert world.starts() == 0
    assert not Path(world.settings.gate_dir).exists(), "planning does not open the gate"


def test_a_plan_that_fails_a_gate_is_a_finding_without_a_way_to_approve(world: World) -> None:
    world.start()
    outcome = call(world, "plan_action", operation="start_service", parameters={"service": "shop"}, look_around=False)
    assert [item.code for item in outcome.findings] == ["plan_action.gate_failed"]
    assert "approve.py" not in render(outcome)
    assert outcome.next == ()


def test_several_environments_must_be_told_apart(tmp_path: Path) -> None:
    world = World(tmp_path, more='[environments.other]\nkind = "systemd"\n')
    with pytest.raises(BadInput, match="`environment` is needed, because several are declared: test, other"):
        call(world, "plan_action", operation="restart_service", parameters={"service": "shop"})


def test_status_tells_of_approvals_executions_and_the_kill_switch(world: World) -> None:
    assert "nothing was ever approved" in render(call(world, "action_status"))
    proposal = world.approved()
    assert "approved by `ada` (`terminal`)" in render(call(world, "action_status", plan=proposal.id))
    world.execute(proposal.id)
    text = render(call(world, "action_status"))
    assert "`done`" in text
    assert "verify" in text, "how long each part took"
    (Path(world.settings.gate_dir) / "STOP").touch()
    assert "changes are switched off by the file" in render(call(world, "action_status"))


def test_a_plan_taken_back_says_so(world: World) -> None:
    proposal = world.approved()
    call(world, "cancel_plan", plan=proposal.id)
    assert "taken back" in render(call(world, "action_status", plan=proposal.id))
    with pytest.raises(BadInput, match="there is no plan P999"):
        call(world, "cancel_plan", plan="P999")


@pytest.mark.parametrize("arguments", [{"plan": "P1", "approved": True}, {"plan": "P1", "digest": "x"}, {"plan": "../P1"}, {}])
def test_execute_takes_a_plan_and_nothing_else(world: World, arguments: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        call(world, "execute_action", **arguments)


def test_the_record_of_the_gate_is_verified_with_the_ledger(world: World) -> None:
    world.approved()
    outcome = call(world, "verify_ledger")
    assert outcome.verdict == "ok"
    assert "entries of the gate" in render(outcome)
    db = sqlite3.connect(Path(world.settings.gate_dir) / "ledger.sqlite3")
    db.execute("DROP TRIGGER entry_fixed")
    db.execute("UPDATE entry SET body = replace(body, 'ada', 'eve')")
    db.commit()
    db.close()
    outcome = call(world, "verify_ledger")
    assert [item.code for item in outcome.findings] == ["verify_ledger.broken"]
    assert "gate entry 1" in render(outcome)
