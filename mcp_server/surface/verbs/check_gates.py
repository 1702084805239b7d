"""Are the stages of the incident done? Their gates say so, nobody's word."""

from typing import Literal

from pydantic import Field

from mcp_server.core.outcome import Coverage, Finding, FindingType, Outcome, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.record import required
from mcp_server.surface.telling import Told, tell
from mcp_server.surface.verb import Verb


class Params(Parameters):
    """Which stage, and whether to claim it."""

    stage: Literal["assess", "diagnose", "fix", "prove"] | None = Field(None, description="Only this stage; default: all")
    finish: bool = Field(False, description="Claim the stage as done: refused while its gate is not met")
    incident: str | None = Field(None, max_length=40, description="Incident (INC-n); default: the only open one")


VERB = Verb(
    summary="Which stages are done (assess, diagnose, fix, prove), what their gates miss; claims one when its gate is met.",
    group="incident",
    examples=({}, {"stage": "assess", "finish": True}),
)
MISSING = FindingType(
    code="gate_not_met",
    text="{stage}: {missing}",
    severity="info",
    meaning="The stage is not done, whatever was said.",
    advice="Meet the check; the gate's page says how.",
)


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Raises BadInput when a stage is claimed whose gate is not met; it says what is missing."""
    incident = required(session.ledger, params.incident)
    asking.incident = incident.id
    return tell(session, asking, "check_gates", params, lambda: _check(session, params, incident.id), incident.target)


def _check(session: Session, params: Params, name: str) -> Told:
    from mcp_server.core.errors import BadInput
    from mcp_server.incident.record import find
    from mcp_server.incident.stages import finish, stages

    incident = find(session.ledger, name)
    if params.finish:
        if params.stage is None:
            raise BadInput("`stage` is required: the stage that is to be claimed as done")
        finish(session, incident, params.stage)
    found = [stage for stage in stages(session, incident) if params.stage in (None, stage.name)]
    head = f"R{session.ledger.head()[0]}"
    findings: list[Finding] = []
    for stage in found:
        for missing in stage.missing if stage.state == "open" else ():
            made = MISSING.found(head, stage=stage.name, missing=missing)
            findings.append(made.model_copy(update={"code": f"check_gates.{made.code}"}))
    said = [
        Statement(
            text="{stage}: {state}" + (" by {by}: {reason}" if stage.state == "skipped" else ""),
            values={"stage": stage.name, "state": stage.state, "by": stage.by, "reason": stage.reason},
        )
        for stage in found
    ]
    return Told(
        statements=tuple(said), findings=tuple(findings), coverage=Coverage(looked=("the incident's record",)),
        data={"stages": [stage.model_dump(mode="json") for stage in found]},
    )  # fmt: skip
