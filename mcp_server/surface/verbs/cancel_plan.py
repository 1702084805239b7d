"""`cancel_plan`: take a plan back; one that is being carried out stops before its next step and is taken back."""

from pydantic import Field

from mcp_server.core.outcome import Coverage, Outcome, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.engine.session import Asking, Session
from mcp_server.surface.telling import Told, tell
from mcp_server.surface.verb import Verb

VERB = Verb(
    summary="Take a plan back: it can be carried out no more; one under way stops before its next step and is undone",
    group="change",
    examples=({"plan": "P12"},),
)


class Params(Parameters):
    """Which plan."""

    plan: str = Field(max_length=20, description="P<n>, as plan_action shows it")


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """It can only make less happen, so it needs no approval."""

    def work() -> Told:
        from mcp_server.engine.proposals import cancel, proposal_of

        proposal = proposal_of(session.settings, params.plan)
        cancel(session, proposal.id)
        session.ledger.append("plan.cancelled", {"plan": proposal.id}, incident=proposal.request.incident)
        return Told(
            statements=(Statement(text="{plan} is taken back", values={"plan": proposal.id}),),
            coverage=Coverage(looked=(proposal.id,)),
        )

    return tell(session, asking, "cancel_plan", params, work, "plan")
