"""What approval a plan needs, and whether the approvals there are enough. Pure: no clock, no store, no settings."""

from collections.abc import Sequence
from typing import Literal

from mcp_server.core.plan import Approval, Environment, Requirement, Risk

Level = Literal[1, 2, 3, 4]
SAID = {
    1: "one person, by the client's dialog, the terminal or a signature",
    2: "the client's dialog and the terminal, or one signature",
    3: "one signature",
    4: "signatures of two different approvers",
}
_BASE: dict[str, Level] = {"dev": 1, "staging": 2, "production": 3}


def requirement(
    environment: Environment, risk: Risk, *, approvers: int = 1, suspicious: bool = False, protected: bool = False
) -> Requirement:
    """By protection and risk class; destructive operations in production, and whatever says so, need two people.

    `suspicious`: text that reads like instructions was seen in this incident's evidence; it raises the level one step.
    `protected`: the target is protected (and an authority of two people names it, else there is no plan at all).
    """
    level: int = _BASE[environment.protection]
    reasons = [f"{environment.protection} environment: {SAID[level]}"]
    if environment.detected:
        reasons.append("the environment is not declared, so the strictest protection counts")
    if risk == "destructive" and environment.protection == "production":
        level = 4
        reasons.append("destructive in production: two different approvers")
    if approvers == 2 and level < 4:
        level = 4
        reasons.append("this operation always needs two different approvers")
    if protected and level < 4:
        level = 4
        reasons.append("the target is protected: two different approvers")
    if suspicious and level < 4:
        level += 1
        reasons.append("text that reads like instructions was seen in this incident's evidence: one step stricter")
    return Requirement(level=_level(level), reasons=tuple(reasons))


def _level(number: int) -> Level:
    return 1 if number <= 1 else 2 if number == 2 else 3 if number == 3 else 4


def lacking(needed: Requirement, risk: Risk, environment: Environment, given: Sequence[Approval]) -> str:
    """Empty when `given` (valid now, for this plan and digest) are enough; else a sentence saying what is missing.

    A standing approval counts as one signature, except for destructive operations in production.
    """
    fit = [item for item in given if not environment.approvers or item.approver in environment.approvers]
    if given and not fit:
        return f"nobody of those who approved may approve in {environment.name}"
    standing = [] if risk == "destructive" and environment.protection == "production" else ["standing"]
    signers = {item.approver for item in fit if item.route in ("signature", *standing)}
    routes = {item.route for item in fit}
    enough = {
        1: bool(routes - {"standing"}) or bool(signers),
        2: bool(signers) or {"dialog", "terminal"} <= routes,
        3: bool(signers),
        4: len({item.approver for item in fit if item.route == "signature"}) >= 2,
    }
    if enough[needed.level]:
        return ""
    have = ", ".join(sorted(f"{item.route} by {item.approver}" for item in fit)) or "none"
    return f"needed: {SAID[needed.level]}; given: {have}" + (_who_else(environment, fit) if needed.level == 4 else "")


def _who_else(environment: Environment, fit: Sequence[Approval]) -> str:
    """Whose signature is missing, where two are needed."""
    signed = {item.approver for item in fit if item.route == "signature"}
    others = ", ".join(name for name in environment.approvers if name not in signed)
    if not signed:
        return "; missing: two signatures" + (f", by two of {others}" if others else "")
    return f"; missing: a signature by somebody other than {min(signed)}" + (f" ({others})" if others else "")
