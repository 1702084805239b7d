"""A state is told as wanted: controllers follow what was written, and a look in that moment may fail and be repeated."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from mcp_server.core.errors import CouldNotLook
from mcp_server.core.outcome import Statement
from mcp_server.core.plan import PlannedStep, Step
from mcp_server.engine import execute

STEP: Any = None
UNREACHABLE = CouldNotLook("the daemon", "unreachable", "refused")
FORBIDDEN = CouldNotLook("the daemon", "denied", "no right")


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A work whose state is what the test says, look by look; the last one for ever."""
    monkeypatch.setattr(execute, "TOLD_S", 0.5)
    work = object.__new__(execute._Work)

    def told(*looks: Any) -> Any:
        coming: Iterator[Any] = iter(looks)
        last = looks[-1]
        work.looks = 0

        def state(step: Any) -> Any:
            work.looks += 1
            seen = next(coming, last)
            if isinstance(seen, Exception):
                raise seen
            return seen

        monkeypatch.setattr(work, "_state", state)
        return work

    return told


LATER = [
    pytest.param(({"up": 2},), id="at once"),
    pytest.param(({"up": 1}, {"up": 2}), id="later"),
    pytest.param((UNREACHABLE, {"up": 1}, UNREACHABLE, {"up": 2}), id="unreachable meanwhile"),
]


@pytest.mark.parametrize("looks", LATER)
def test_it_is_waited_for(work: Any, looks: tuple[Any, ...]) -> None:
    assert work(*looks)._differs(STEP, {"up": 2}) == ""


def test_not_for_ever(work: Any) -> None:
    waiting = work({"up": 1})
    assert waiting._differs(STEP, {"up": 2}) == "up is `1` and not `2`"
    assert waiting.looks > 1


@pytest.mark.parametrize(("failure", "again"), [(UNREACHABLE, True), (FORBIDDEN, False)])
def test_what_cannot_be_seen_is_no_state(work: Any, failure: CouldNotLook, again: bool) -> None:
    blind = work(failure)
    with pytest.raises(CouldNotLook) as raised:
        blind._differs(STEP, {"up": 2})
    assert raised.value is failure
    assert (blind.looks > 1) is again


def test_a_way_back_is_gone_though_the_daemon_was_out_of_reach_before_it(work: Any) -> None:
    back = Step(verb="scale_workload", arguments={"replicas": 1})
    planned = PlannedStep(number=1, step=back, said=Statement(text="scale"), before={"up": 1}, undo=back, restores=("up",))
    going = work(UNREACHABLE, {"up": 2}, {"up": 1})
    done: list[Any] = []
    going.unchanged, going.execution = set(), None
    going.gate = SimpleNamespace(step=lambda *said: done.append(said[2]))
    going._step, going._act = lambda *said: None, lambda step, state: done.append((step, state))
    assert going._undo(planned) == ""
    assert done == ["undoing", (back, {"up": 2}), "undone"]
