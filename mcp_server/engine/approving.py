"""A plan at hand for a person's decision: made afresh, by a process that may write in the gate's folder."""

from types import TracebackType
from typing import Self

from mcp_server.core.errors import BadInput
from mcp_server.core.settings import Settings
from mcp_server.engine.executor_session import ExecutorSession
from mcp_server.engine.gate_store import Gate
from mcp_server.engine.plan import make_plan, moved
from mcp_server.engine.proposals import cancelled, checked, proposal_of
from mcp_server.engine.session import Asking


class Approving:
    """`with Approving(settings, "P7") as at_hand`: the proposal, the plan as it is now, and the gate, open for writing.

    Raises BadInput when there is nothing to approve: no such plan, taken back, carried out already, or the world is not
    the one any more in which it was planned.
    """

    def __init__(self, settings: Settings, name: str) -> None:
        self.settings, self.name = settings, checked(name)
        self.proposal = proposal_of(settings, self.name)
        self.gate = Gate(settings, write=True)
        try:
            self.still_open()
            self.session = ExecutorSession(settings, self.gate)
            asking = Asking(incident=self.proposal.request.incident)
            self.plan = make_plan(self.session, self.gate, self.proposal.request, asking)
            if self.plan.digest != self.proposal.digest:
                what = "; ".join(moved(self.proposal.content, self.plan.content())[:3]) or "its content"
                raise BadInput(f"{self.name} is another plan now, the world moved: {what}", "plan again")
        except BaseException:
            self.gate.close()
            raise

    def still_open(self) -> None:
        """Raises BadInput when it was taken back or carried out meanwhile."""
        if cancelled(self.settings, self.name):
            raise BadInput(f"{self.name} was taken back", "plan again")
        if earlier := self.gate.executions(plan=self.name):
            raise BadInput(f"{self.name} was carried out already ({earlier[0].id}, {earlier[0].state}); nothing runs twice")
        if stopped := self.gate.stopped():
            raise BadInput(stopped)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.gate.close()
