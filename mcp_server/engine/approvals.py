"""Which approvals of a plan count now, whether they are enough, and how a person can give what is missing."""

import os
from datetime import datetime, timedelta

from mcp_server.core.clock import now
from mcp_server.core.errors import BadInput
from mcp_server.core.plan import Approval, Plan, Proposal, Route
from mcp_server.core.settings import Settings
from mcp_server.engine.approval_policy import lacking
from mcp_server.engine.gate_store import Gate
from mcp_server.engine.signing import genuine_signature, sign_command
from mcp_server.engine.standing import genuine_standing, give_standing


def counting(
    gate: Gate, settings: Settings, proposal: Proposal, plan: Plan, at: datetime | None = None
) -> tuple[Approval, ...]:
    """Approvals of exactly this plan that are valid at this moment, not used, and whose proof holds.

    Raises Broken when the file of allowed signers cannot be trusted: then no signature counts, and that must be seen.
    """
    at = at or now()
    return tuple(
        item
        for item in gate.approvals(proposal.id, plan.digest, at)
        if (item.route != "signature" or genuine_signature(settings, plan, item))
        and (item.route != "standing" or genuine_standing(settings, item, at))
    )


def approved_now(gate: Gate, settings: Settings, proposal: Proposal, plan: Plan) -> tuple[tuple[Approval, ...], str]:
    """The approvals that count for this plan, a standing one among them where it is needed and fits; and a sentence, empty
    when they are enough."""
    given = counting(gate, settings, proposal, plan)
    lack = missing(plan, given)
    if not lack:
        return given, ""
    standing, reasons = give_standing(gate, settings, proposal, plan, now())
    if standing is not None:
        given = (*given, standing)
        lack = missing(plan, given)
    if not given:
        lack = f"{gate.why_not_approved(proposal.id, plan.digest)}. {lack}"
    return given, "; ".join((lack, *(f"standing approval {item}" for item in reasons))) if lack else ""


def give(
    gate: Gate, settings: Settings, proposal: Proposal, plan: Plan, *, route: Route, approver: str, proof: str = ""
) -> Approval:
    """Record a yes that was given by dialog or terminal. Raises BadInput where this person's yes, or any, is no use."""
    may_be_approved(gate, plan, approver)
    at = now()
    return gate.approve(
        Approval(
            plan=proposal.id, digest=plan.digest, approver=approver, route=route, at=at,
            expires=at + timedelta(seconds=settings.gate.approval_s), proof=proof,
        ),
        incident=plan.request.incident,
    )  # fmt: skip


def may_be_approved(gate: Gate, plan: Plan, approver: str = "") -> None:
    """Raises BadInput where nobody may approve (kill switch, a gate that is not passed), or this person may not."""
    if stopped := gate.stopped():
        raise BadInput(stopped)
    if not plan.passed:
        failed = ", ".join(item.gate for item in plan.gates if not item.passed) or "there is no step"
        raise BadInput(f"this plan cannot be approved by anybody; not passed: {failed}", "plan_action says why")
    if approver and plan.environment.approvers and approver not in plan.environment.approvers:
        raise BadInput(
            f"{approver} may not approve in {plan.environment.name}; these may: {', '.join(plan.environment.approvers)}"
        )


def missing(plan: Plan, given: tuple[Approval, ...]) -> str:
    """Empty when these approvals are enough."""
    return lacking(plan.requirement, plan.risk, plan.environment, given)


def how_to_approve(plan: Plan, name: str) -> str:
    """What a person can do now, as commands."""
    terminal = f"scripts/incident_response/approve.py {name}"
    if plan.requirement.level <= 2:
        return f"in a terminal: {terminal}"
    return f"by signature ({terminal} --help explains):\n{sign_command(name)}"


def account() -> str:
    """The account that this process runs under, by name."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
