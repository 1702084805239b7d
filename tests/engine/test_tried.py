"""What removes or cannot be taken back is shown with where it was tried first, and with that it was tried nowhere."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_server.core.outcome import Statement
from mcp_server.engine.gate_store import Gate
from tests.gate_world import World

TWO = """
[environments.live]
kind = "process"
protection = "production"
[environments.early]
kind = "process"
protection = "staging"
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, more=TWO)
    made.start()
    yield made
    made.stop()


def tried(world: World, operation: str, environment: str) -> Statement | None:
    return world.plan(operation, told="#ops", environment=environment, service="shop").tried


def test_it_is_told_where_it_was_done_and_verified(world: World) -> None:
    never = tried(world, "stop_service", "live")
    assert never is not None
    assert never.text.startswith("not tried elsewhere first")
    proposal = world.approved("stop_service", service="shop")
    assert world.execute(proposal.id)[0] == 0
    (execution,) = world.executions()
    world.start()
    for environment in ("live", "early"):
        told = tried(world, "stop_service", environment)
        assert told is not None
        assert told.text.startswith("tried elsewhere first")
        assert told.values["execution"] == execution.id
        assert told.values["environment"] == "test"
    other = tried(world, "restart_service", "live")
    assert other is None, "a restart removes nothing"


def test_what_is_not_over_or_failed_was_not_tried(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    proposal = world.approved("stop_service", service="shop")
    assert world.execute(proposal.id)[0] == 0
    (execution,) = world.executions()
    assert tried(world, "stop_service", "test") is None, "dev is where things are tried"
    for state in ("undone", "left", "refused", "interrupted"):
        other = execution.model_copy(update={"state": state})
        monkeypatch.setattr(Gate, "executions", lambda self, other=other: (other,))
        told = tried(world, "stop_service", "live")
        assert told is not None
        assert told.text.startswith("not tried elsewhere first"), state


def test_a_person_reads_it_and_it_is_not_in_the_digest(world: World) -> None:
    plan = world.plan("stop_service", told="#ops", environment="live", service="shop")
    assert plan.tried is not None
    assert plan.model_copy(update={"tried": None}).digest == plan.digest
