"""`execute_action`: have an approved plan carried out, once. The only tool that is not read-only.

It holds no writer and cannot approve: it hands the plan's number to the executor, which checks everything itself.
"""

import json
from typing import Any

from pydantic import Field

from mcp_server.core.errors import BadInput, Broken
from mcp_server.core.outcome import Coverage, Finding, FindingType, Outcome, Statement, Suggestion, Value
from mcp_server.core.parameters import Parameters
from mcp_server.core.text import one_line
from mcp_server.engine.session import Asking, Session
from mcp_server.surface.telling import Told, tell
from mcp_server.surface.verb import Verb

VERB = Verb(
    summary="Carry out a plan that a person has approved: once, verified, taken back if it fails. Asks the person where it can",
    group="change",
    examples=({"plan": "P12"},),
    writes=True,
)
UNDONE = FindingType(
    code="undone",
    text="{plan} failed and was taken back: {why}",
    severity="warning",
    meaning="The state before was read again and is equal.",
    advice="Find out why before planning it again.",
)
LEFT = FindingType(
    code="left",
    text="{plan} failed and something is left: {why}",
    severity="critical",
    meaning="It could not be taken back wholly; what is left stands beside it.",
    advice="Finish it by hand, or plan take_back with the execution named.",
)
MOST_LINES = 200


class Params(Parameters):
    """Which plan."""

    plan: str = Field(max_length=20, description="P<n>, as plan_action shows it")


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Raises BadInput with the executor's own sentence when it refuses; nothing was changed then."""
    from mcp_server.engine.proposals import proposal_of

    proposal = proposal_of(session.settings, params.plan)
    asking.incident = proposal.request.incident

    def work() -> Told:
        if asking.refused:
            raise BadInput(_refusal(proposal.id, asking.dialog, {}, asked=True))
        said = _carried_out(session, proposal.id, asking)
        end = said[-1] if said and said[-1].get("event") == "result" else {}
        state, text = str(end.get("state", "")), one_line(end.get("text", ""), 600)
        if not end:
            raise Broken(f"the executor of {proposal.id} ended without a result", "action_status says where it was cut off")
        if state == "refused":
            raise BadInput(_refusal(proposal.id, f"{text}; {asking.dialog}" if asking.dialog else text, end))
        execution = str(end.get("execution"))
        evidence = (execution,)
        findings: list[Finding] = []
        if state == "undone":
            findings.append(UNDONE.found(*evidence, plan=proposal.id, why=text))
        elif state != "done":
            findings.append(LEFT.found(*evidence, plan=proposal.id, why=text))
        return Told(
            statements=(
                Statement(text="{plan}: {text}", values={"plan": proposal.id, "text": text}, evidence=evidence),
                *(_step(line, evidence) for line in said if line.get("event") == "step"),
                *(Statement(text="left: {what}", values={"what": one_line(item, 400)}) for item in _list(end, "left")),
            ),
            findings=tuple(item.model_copy(update={"code": f"execute_action.{item.code}"}) for item in findings),
            coverage=Coverage(looked=(f"executor of {proposal.id}",)), evidence=evidence,
            next=(Suggestion(tool="action_status", arguments={"plan": proposal.id}),), data=end,
        )  # fmt: skip

    return tell(session, asking, "execute_action", params, work, "executor")


def _carried_out(session: Session, plan: str, asking: Asking) -> list[dict[str, Any]]:
    """Every line the executor said, each passed on as progress."""
    from mcp_server.engine import hatch

    lines: list[dict[str, Any]] = []

    def hear(text: str) -> None:
        try:
            line = json.loads(text)
        except ValueError:
            return
        if isinstance(line, dict) and len(lines) < MOST_LINES:
            lines.append(line)
            asking.progress(len(lines), MOST_LINES, one_line(line.get("text", ""), 120))

    status = hatch.execute(plan, hear)
    if status == hatch.BUSY:
        raise BadInput("too many changes are under way at once", "wait for one to end: action_status")
    return lines


def _refusal(plan: str, text: str, end: dict[str, Any], *, asked: bool = False) -> str:
    what = "; ".join(one_line(item, 200) for item in _list(end, "moved")[:8])
    moved = f" What moved: {what}." if what else ""
    if asked or any(words in text for words in ("nobody has approved", "needed:", "the approval of", "was approved as it was")):
        text += f". A person approves at a terminal: scripts/incident_response/approve.py {plan}"
    return f"not carried out, nothing was changed: {text}.{moved}".replace("..", ".")


def _step(line: dict[str, Any], evidence: tuple[str, ...]) -> Statement:
    values: dict[str, Value] = {key: one_line(line.get(key, ""), 300) for key in ("number", "of", "state", "text")}
    return Statement(text="step {number} of {of} {state}: {text}", values=values, evidence=evidence)


def _list(end: dict[str, Any], key: str) -> list[Any]:
    value = end.get(key)
    return value if isinstance(value, list) else []
