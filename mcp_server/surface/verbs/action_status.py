"""`action_status`: what was approved and carried out, how it stands, and whether changes are allowed at all."""

from pydantic import Field

from mcp_server.core.clock import now, stamp
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.outcome import Coverage, Finding, FindingType, Outcome, Statement, Suggestion
from mcp_server.core.parameters import Parameters
from mcp_server.engine.session import Asking, Session
from mcp_server.surface.telling import Told, tell
from mcp_server.surface.verb import Verb

VERB = Verb(
    summary="How does a planned change stand? Approvals, steps, verification, what is left; without `plan`: the latest",
    group="change",
    examples=({}, {"plan": "P12"}),
)
INTERRUPTED = FindingType(
    code="interrupted",
    text="{execution} of {plan} was cut off at step {step} of {steps}: its executor was killed",
    severity="critical",
    meaning="The step that was begun may or may not have been done; nothing is done a second time.",
    advice="execute_action with the same plan looks whether it worked; take_back plans the way back.",
)
LEFT = FindingType(
    code="left",
    text="{execution} of {plan} left something for a person: {what}",
    severity="critical",
    meaning="It failed and could not be taken back wholly.",
    advice="Finish it by hand, or plan take_back with this execution.",
)


class Params(Parameters):
    """Which plan."""

    plan: str | None = Field(None, max_length=20, description="P<n>; default: the latest executions")
    limit: int = Field(10, ge=1, le=100, description="Executions listed at most")


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """From the gate's own record, which the server can read and not write."""

    def work() -> Told:
        from mcp_server.engine.gate_store import Gate
        from mcp_server.engine.proposals import cancelled, checked, proposal_of
        from mcp_server.surface.plan_words import execution_statement

        statements: list[Statement] = []
        if params.plan is not None:
            proposal = proposal_of(session.settings, checked(params.plan))
            statements.append(
                Statement(
                    text="{plan}: {operation} in {environment}, planned {at}, digest {digest}" + (
                        "; taken back" if cancelled(session.settings, proposal.id) else ""
                    ),
                    values={
                        "plan": proposal.id, "operation": proposal.request.operation,
                        "environment": proposal.request.environment, "at": stamp(proposal.at), "digest": proposal.digest,
                    },
                )
            )  # fmt: skip
        try:
            gate = Gate(session.settings)
        except CouldNotLook as failure:
            if failure.reason != "missing":
                raise
            return Told(statements=(*statements, Statement(text=failure.detail)), coverage=Coverage(looked=("gate",)))
        try:
            if sentence := gate.stopped():
                statements.append(Statement(text="{why}", values={"why": sentence}))
            if params.plan is not None:
                statements += [_approval(item, item.expires > now()) for item in gate.all_approvals(plan=params.plan)]
            known = gate.executions(plan=params.plan)
        finally:
            gate.close()
        findings: list[Finding] = []
        for item in known[-params.limit :]:
            statements.append(execution_statement(item))
            if item.state == "interrupted":
                findings.append(INTERRUPTED.found(item.id, execution=item.id, plan=item.plan, step=item.step, steps=item.steps))
            if item.state == "left":
                findings.append(LEFT.found(item.id, execution=item.id, plan=item.plan, what="; ".join(item.left)))
        return Told(
            statements=tuple(statements), coverage=Coverage(looked=(f"{len(known)} executions",)),
            findings=tuple(item.model_copy(update={"code": f"action_status.{item.code}"}) for item in findings),
            next=(Suggestion(tool="plan_action", arguments={"operation": "take_back"}),) if findings else (),
            data=[item.model_dump(mode="json") for item in known[-params.limit :]],
        )  # fmt: skip

    return tell(session, asking, "action_status", params, work, "gate")


def _approval(item: object, valid: bool) -> Statement:
    from mcp_server.core.plan import Approval

    assert isinstance(item, Approval)
    return Statement(
        text="approved by {approver} ({route}) at {at}, " + ("valid until" if valid else "expired at") + " {expires}",
        values={"approver": item.approver, "route": item.route, "at": stamp(item.at), "expires": stamp(item.expires)},
        evidence=(item.id,),
    )
