"""How far do the twenty rules hold here?"""

from typing import TYPE_CHECKING

from pydantic import Field

from mcp_server.core.outcome import BlindSpot, Coverage, Finding, FindingType, Outcome, Statement, Value
from mcp_server.core.parameters import Parameters
from mcp_server.engine.session import Asking, Session
from mcp_server.surface.telling import Told, tell
from mcp_server.surface.verb import Verb

if TYPE_CHECKING:
    from mcp_server.incident.rules_state import Gap, RuleState


class Params(Parameters):
    """All, or one."""

    rule: int | None = Field(None, ge=1, le=20, description="Only this rule; default: all twenty")


VERB = Verb(
    summary="How far does each of the twenty rules hold here? What is off, missing or not built, with remedies.",
    group="record",
    tool=False,
    examples=({}, {"rule": 2}),
)
OFF = FindingType(
    code="off",
    text="rule {number} {name} does not hold here: ",
    meaning="What the rule promises is not so on this installation.",
    advice="Do what the remedy says, or do not rely on it.",
)
IN_PART = FindingType(
    code="in_part",
    text="rule {number} {name} holds in part: ",
    severity="info",
    meaning="The mechanism works; something it could rest on is not declared, or not built.",
    advice="Do what the remedy says where it matters.",
)


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Looks at the settings, the ledger and the program itself, and compares the organisation's rules."""
    return tell(session, asking, "check_rules", params, lambda: _check(session, params, asking), "rules")


def _check(session: Session, params: Params, asking: Asking) -> Told:
    from mcp_server.incident.rules_state import rule_states

    found = [item for item in rule_states(session, asking) if params.rule in (None, item.rule.number)]
    head = f"R{session.ledger.head()[0]}"
    blind = [
        BlindSpot(what=f"rule {item.rule.number}", reason=_filled(gap), remedy=gap.remedy)
        for item in found
        for gap in item.gaps
        if gap.level == "unknown"
    ]
    counts = {state: sum(item.state == state for item in found) for state in ("holds", "in part", "off", "unknown")}
    first = Statement(text=", ".join(f"{count} {state}" for state, count in counts.items() if count))
    return Told(
        statements=(first, *map(_said, found)),
        findings=tuple(_finding(item, head) for item in found if any(gap.level != "unknown" for gap in item.gaps)),
        coverage=Coverage(looked=tuple(f"rule {item.rule.number}" for item in found), blind=tuple(blind)),
        data={"rules": [item.model_dump(mode="json") for item in found]},
    )  # fmt: skip


def _said(item: "RuleState") -> Statement:
    return Statement(
        text="{number}. {title}: {state}; see: {see}",
        values={"number": item.rule.number, "title": item.rule.title, "state": item.state, "see": item.rule.see},
    )


def _finding(item: "RuleState", head: str) -> Finding:
    """All reasons of one rule in one finding; what comes from outside stays in values."""
    kind = OFF if item.state == "off" else IN_PART
    values: dict[str, Value] = {"number": item.rule.number, "name": item.rule.name}
    told: list[str] = []
    for index, gap in enumerate(gap for gap in item.gaps if gap.level != "unknown"):
        text = gap.reason
        for key, value in gap.values.items():
            text = text.replace(f"{{{key}}}", f"{{{key}_{index}}}")
            values[f"{key}_{index}"] = value
        told.append(text + (f" ({gap.remedy})" if gap.remedy else ""))
    made = kind.found(head, component=f"rule {item.rule.number}", number=item.rule.number, name=item.rule.name)
    text = kind.text + "; ".join(told)
    return made.model_copy(update={"code": f"check_rules.{kind.code}", "text": text, "values": values})


def _filled(gap: "Gap") -> str:
    return Statement(text=gap.reason, values=dict(gap.values)).told(str)
