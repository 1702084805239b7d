"""Was it tried elsewhere first (rule 10)? Told to whoever approves what removes or cannot be taken back; it binds nobody."""

from collections.abc import Sequence

from mcp_server.core.clock import stamp
from mcp_server.core.environment import PROTECTIONS, Environment
from mcp_server.core.operation import Operation
from mcp_server.core.outcome import Statement
from mcp_server.core.plan import PlannedStep
from mcp_server.core.settings import Settings
from mcp_server.engine.gate_store import Gate


def tried_elsewhere(
    settings: Settings, gate: Gate | None, operation: Operation, environment: Environment, steps: Sequence[PlannedStep]
) -> Statement | None:
    """The last time that it was carried out and verified in a less protected environment, or that there is no such time.

    None where the question does not arise: in the least protected environments, and for what can be taken back at low risk.
    """
    own = PROTECTIONS.index(environment.protection)
    removes = operation.risk in ("high", "destructive") or any(step.undo is None for step in steps)
    if not own or not removes:
        return None
    known = {name: item.protection for name, item in settings.environments.items()}
    for item in reversed(gate.executions() if gate else ()):
        before = known.get(item.environment)
        if (
            item.operation == operation.name and item.state == "done"
            and before is not None and PROTECTIONS.index(before) < own
        ):  # fmt: skip
            return Statement(
                text="tried elsewhere first: {execution} did it in {environment} ({protection}) at {at}, and it was verified",
                values={
                    "execution": item.id, "environment": item.environment, "protection": before, "at": stamp(item.started),
                },
            )  # fmt: skip
    return Statement(
        text="not tried elsewhere first: no less protected environment of this record has seen {operation} done and verified",
        values={"operation": operation.name},
    )
