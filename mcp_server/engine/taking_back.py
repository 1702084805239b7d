"""Taking back what an earlier execution did and did not take back itself: planned, approved and carried out like anything else.

Its steps are the undo steps that were worked out, approved and kept with that execution's claim, in reverse order.
"""

import hashlib
import json
from typing import Any

from mcp_server.core.environment import Environment
from mcp_server.core.errors import BadInput, NotApplicable
from mcp_server.core.operation import GateNeeds, KindSpec, Operation, ParameterSpec, StepSpec, VerifySpec
from mcp_server.core.plan import Execution, Request
from mcp_server.core.text import one_line
from mcp_server.engine.gate_store import Gate

TAKE_BACK = "take_back"
"""The one operation that is no file: its steps depend on what was done."""
PARAMETERS = {"execution": ParameterSpec(type="name", description="Execution that was cut off or left something (X<n>)")}


def taking_back(gate: Gate | None, request: Request, environment: Environment) -> Operation:
    """The operation that takes an execution back. Raises BadInput for one that is none or lies elsewhere, NotApplicable when
    nothing of it is left to be taken back."""
    name = str(request.parameters.get("execution", ""))
    found = next((item for item in gate.executions() if item.id == name), None) if gate else None
    if gate is None or found is None:
        raise BadInput(f"`execution` is `{one_line(name, 40)}`; it should be X<number>, as action_status shows it")
    if found.environment != environment.name:
        raise BadInput(f"{found.id} was carried out in {found.environment}, not in {environment.name}")
    if found.state not in ("interrupted", "left", "done"):
        raise NotApplicable(f"{found.id} is {found.state}: nothing of it is left to be taken back")
    content = gate.content(found.id)
    undos = _undos(found, content)
    if not undos:
        raise NotApplicable(f"nothing of {found.id} can be taken back")
    verify = content["verification"]
    fact = next(
        item for item in content["facts"]
        if item["diagnostic"] == verify["diagnostic"] and item["arguments"] == verify["arguments"]
    )  # fmt: skip
    spec = KindSpec.model_construct(  # its arguments are whole: braces in them are no places
        facts=(), steps=tuple(StepSpec(verb=undo["verb"], arguments=undo["arguments"]) for undo in undos),
        verify=VerifySpec(
            diagnostic=verify["diagnostic"], arguments=verify["arguments"], expect=fact["verdict"],
            deadline_s=verify["deadline_s"],
        ),
    )  # fmt: skip
    text = json.dumps([found.id, content], sort_keys=True)
    return Operation.model_construct(
        name=TAKE_BACK, summary=f"Take back what {found.id} ({found.operation}) did", risk=content["risk"],
        parameters=PARAMETERS, kinds={environment.kind: spec}, digest=hashlib.sha256(text.encode()).hexdigest(),
        approvers=1, cooldown_s=0, waiting="", refused={}, path="",
        gates=GateNeeds.model_validate({"rollback": {"accept_loss": "it goes back to the state before the earlier change"}}),
    )  # fmt: skip


def _undos(found: Execution, content: dict[str, Any]) -> list[dict[str, Any]]:
    """Undo steps of every step that was begun and not taken back, the last first."""
    begun = [step for step in content["steps"] if step["number"] <= found.step and step["number"] not in found.undone]
    return [step["undo"] for step in reversed(begun) if step["undo"]]
