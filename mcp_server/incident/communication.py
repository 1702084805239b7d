"""Messages for the four audiences, from facts only: no promised times, no cause that nothing proves, no names of people."""

from typing import Literal

from mcp_server.core.clock import now, stamp
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import Finding, Statement
from mcp_server.incident.gates import Standing
from mcp_server.incident.severity import Level

Audience = Literal["engineers", "leadership", "support", "legal"]
AUDIENCES: tuple[Audience, ...] = ("engineers", "leadership", "support", "legal")


class Draft(Noun):
    """One message: its sentences, each from a fact, and what its reader will ask that nobody knows."""

    audience: Audience
    subject: Statement
    lines: tuple[Statement, ...]
    not_known: tuple[str, ...] = ()


def draft(audience: Audience, stands: Standing, level: Level | None, users_percent: float | None) -> Draft:
    """The message of this moment."""
    incident, best = stands.incident, stands.diagnosis.probable
    unknown: list[str] = []
    state = {"open": "we are investigating", "closed": "it is over"}[incident.state]
    subject = Statement(
        text="[{severity}] {title}: " + state,
        values={"severity": incident.severity or "severity open", "title": incident.title},
    )
    lines = [Statement(text="Since {onset} UTC: {title}.", values={"onset": stamp(incident.onset), "title": incident.title})]
    if users_percent is not None:
        lines.append(Statement(text="{percent} % of the users are hurt, as stated.", values={"percent": users_percent}))
    else:
        unknown.append("how many users are hurt")
    findings = stands.known.findings()
    if audience == "engineers":
        lines += [_finding(item) for item in findings[:8]]
        if len(findings) > 8:
            lines.append(Statement(text="{more} further findings are in the report.", values={"more": len(findings) - 8}))
    elif findings and audience == "leadership":
        parts = sorted({item.component for item in findings if item.component})[:5]
        lines.append(
            Statement(text="Parts found faulty so far: {parts}.", values={"parts": ", ".join(parts) or "see the report"})
        )
    if best is not None:
        lines += _cause(audience, stands)
    else:
        unknown.append("the cause")
    if audience == "support":
        lines.append(Statement(text="Tell users that we know of it and work on it. Name no time and no cause to them yet."))
        unknown.append("whether there is a way round for users")
    if audience == "legal":
        lines.append(Statement(text="This record is append-only and hash-chained; evidence is kept from the first look on."))
        unknown.append("whether personal data is concerned: nothing here can tell")
    if incident.state == "closed" and incident.closed:
        lines.append(
            Statement(
                text="Over since {closed} UTC: {summary}",
                values={"closed": stamp(incident.closed), "summary": incident.summary},
            )
        )
    elif level is not None:
        lines.append(
            Statement(
                text="The next update comes within {minutes} minutes, also when there is nothing new.",
                values={"minutes": level.update_min},
            )
        )
    unknown.append("when it will be repaired: promise nothing")
    lines.append(Statement(text="As of {now} UTC.", values={"now": stamp(now())}))
    return Draft(audience=audience, subject=subject, lines=tuple(lines), not_known=tuple(unknown))


def _finding(finding: Finding) -> Statement:
    return Statement(text=finding.text + ".", values=finding.values, evidence=finding.evidence)


def _cause(audience: Audience, stands: Standing) -> list[Statement]:
    """The probable cause, said as what it is: a hypothesis with evidence."""
    best = stands.diagnosis.probable
    assert best is not None
    root, trigger = best.root, best.trigger
    if audience in ("support", "legal"):
        return [Statement(text="A probable cause is known and being checked.", evidence=root.evidence)]
    said = [
        Statement(
            text="Probable cause, not yet proven by a repair: " + root.text + ".", values=root.values, evidence=root.evidence
        )
    ]
    if trigger is not None and audience == "engineers":
        change = trigger.change.summary
        said.append(Statement(text="Triggering change: " + change.text + ".", values=change.values, evidence=change.evidence))
    elif trigger is not None:
        said.append(
            Statement(
                text="A change of kind {kind} before the onset fits it.",
                values={"kind": trigger.change.kind},
                evidence=trigger.change.summary.evidence,
            )
        )
    return said
