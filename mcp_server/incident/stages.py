"""The stages of an incident: assess, diagnose, fix, prove. One is done when its gate is met; only a person may skip one.

What was finished or skipped stands in the ledger (`incident.stage`), with the reason of a skip and who said so.
"""

from typing import Literal

from mcp_server.core.clock import Moment, parse_moment
from mcp_server.core.errors import BadInput
from mcp_server.core.ledger import Ledger
from mcp_server.core.noun import Noun
from mcp_server.core.text import one_line
from mcp_server.engine.session import Session
from mcp_server.incident.gates import QUALITY, standing, unmet_checks
from mcp_server.incident.record import Incident

STAGES = ("assess", "diagnose", "fix", "prove")
ENTRY = "incident.stage"
SKIP = "scripts/incident_response/skip_gate.py"


class Stage(Noun):
    """Where one stage stands. `missing` is what its gate misses now, whatever was said earlier."""

    name: str
    state: Literal["open", "finished", "skipped"]
    missing: tuple[str, ...] = ()
    at: Moment | None = None
    reason: str = ""
    by: str = ""


def stages(session: Session, incident: Incident) -> tuple[Stage, ...]:
    """All stages, in order."""
    said, now = _said(session.ledger, incident), standing(session, incident)
    return tuple(
        said.get(name, Stage(name=name, state="open")).model_copy(update={"missing": unmet_checks(session, now, name)})
        for name in STAGES
    )


def finish(session: Session, incident: Incident, name: str) -> Stage:
    """Note a stage as done. Raises BadInput while its gate, or the stage before it, is not met."""
    if name not in STAGES:
        raise BadInput(f"`stage` is `{one_line(name, 40)}`; it should be one of: {', '.join(STAGES)}")
    known = {stage.name: stage for stage in stages(session, incident)}
    before = [known[other] for other in STAGES[: STAGES.index(name)] if known[other].state == "open"]
    if before:
        raise BadInput(
            f"stage `{name}` cannot be done: `{before[0].name}` is not; missing: {'; '.join(before[0].missing) or 'nothing'}",
            f"finish it with check_gates stage={before[0].name} finish=true; or a person skips it: {SKIP} {before[0].name}",
        )
    if known[name].missing:
        raise BadInput(
            f"stage `{name}` cannot be done: {'; '.join(known[name].missing)}",
            f"meet it; or a person skips it, with a reason: {SKIP} {name}",
        )
    session.ledger.append(ENTRY, {"stage": name, "how": "finished"}, incident=incident.id)
    return _said(session.ledger, incident)[name]


def skip(session: Session, incident: Incident, name: str, *, reason: str, by: str) -> Stage:
    """Note that a person decided to go on without a stage, or to close without the quality gate."""
    if name not in (*STAGES, QUALITY):
        raise BadInput(f"`stage` is `{one_line(name, 40)}`; it should be one of: {', '.join((*STAGES, QUALITY))}")
    body = {"stage": name, "how": "skipped", "reason": session.redactor.text(reason), "by": by}
    session.ledger.append(ENTRY, body, incident=incident.id)
    return _said(session.ledger, incident)[name]


def skipped(ledger: Ledger, incident: Incident, name: str) -> bool:
    """Whether a person decided to go on without this gate."""
    stage = _said(ledger, incident).get(name)
    return stage is not None and stage.state == "skipped"


def _said(ledger: Ledger, incident: Incident) -> dict[str, Stage]:
    found: dict[str, Stage] = {}
    for entry in ledger.entries(incident=incident.id, kind=ENTRY):
        body = entry.body
        found[body["stage"]] = Stage(
            name=body["stage"],
            state=body["how"],
            at=parse_moment(entry.at),
            reason=body.get("reason", ""),
            by=body.get("by", ""),
        )
    return found
