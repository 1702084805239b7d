"""A plan as a question to a person, for a dialog of which a client may show three rows only."""

from mcp_server.core.outcome import Statement
from mcp_server.core.plan import Plan
from mcp_server.core.text import one_line, visible
from mcp_server.surface.render import sentence

_ROWS = 12


def question(plan: Plan, name: str) -> str:
    """Row 1: verb, target, plan. Row 2: what is done. Row 3: the way back. Then why it is asked like this, and the rest."""
    rows = [
        f"{plan.headline()} · plan {name}",
        "does: " + "; ".join(_told(step.said, 120) for step in plan.steps[:_ROWS]),
        "back: " + "; ".join(_back(step.number, step.undo_said, step.lost) for step in plan.steps[:_ROWS]),
        f"risk {plan.risk}; approval: {'; '.join(plan.requirement.reasons)}",
    ]
    if len(plan.steps) > _ROWS:
        rows.append(f"and {len(plan.steps) - _ROWS} further steps: see the whole plan with approve.py {name}")
    rows += [f"before: {item.diagnostic} says {item.verdict} {_codes(item.codes)}".rstrip() for item in plan.facts[:_ROWS]]
    rows += [f"{item.gate}: {sentence(item.reason)}" for item in plan.gates]
    check = plan.verification
    rows += [
        f"verified by {check.diagnostic}, expected {check.expect} within {check.deadline_s:g} s",
        f"digest {plan.digest}",
        "Only you can approve. Approving carries out exactly this, once.",
    ]
    return "\n".join(visible(row, keep="")[:500] for row in rows)


def _back(number: int, undo: Statement | None, lost: str) -> str:
    if undo is None:
        return f"none for step {number}: {lost}"
    return _told(undo, 120) + (f" (not brought back: {lost})" if lost else "")


def _told(statement: Statement, limit: int) -> str:
    return statement.told(lambda value: f"{value:g}" if isinstance(value, float) else one_line(value, limit))


def _codes(codes: tuple[str, ...]) -> str:
    return one_line(", ".join(codes), 160)
