"""The server's half of an approval dialog: it names the plan, and that is all it can do about it.

What the person reads, and whether there is a yes, is the witness's (`witness/dialogs.py`); this only brings the question
under way in the form of the client's era, and tells the tool how it went so that its answer can say what to do next.
"""

import secrets
from dataclasses import dataclass
from typing import Any

import anyio
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolRequestParams, ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequiredResult

from mcp_server.core.errors import VeteranError
from mcp_server.core.text import one_line
from mcp_server.engine import hatch
from mcp_server.engine.session import Asking, Session

MODERN = "2026-07-28"
_MOST_STATES, _MARGIN_S = 64, 90.0
_SCHEMA = {"type": "object", "properties": {"decision": {"type": "string", "enum": ["reject", "approve"]}}}
NOBODY = "not approved, or nobody could be asked (some clients answer by themselves)"


@dataclass
class Dialogs:
    """Dialogs of this server's life. States are kept here, each for one answer; a client can do nothing but bring one back."""

    session: Session

    def __post_init__(self) -> None:
        self._states: dict[str, str] = {}

    async def ask(self, ctx: Any, params: CallToolRequestParams, asking: Asking) -> InputRequiredResult | None:
        """Ask a person where a dialog helps and the client has one; `asking.dialog` says how it went. A result is the
        modern era's form of the question: the client calls again with the answer."""
        arguments = params.arguments or {}
        plan = arguments.get("plan")
        if params.request_state is not None or params.input_responses:
            self._resume(params, str(plan), asking)
            return None
        if not isinstance(plan, str) or len(arguments) != 1:
            return None  # the tool refuses it, in words
        if not await anyio.to_thread.run_sync(dialog_helps, self.session, plan):
            return None
        if not _can_ask(ctx):
            asking.dialog = "this client has no dialog in which a person could be asked"
            return None
        if ctx.protocol_version >= MODERN:
            while len(self._states) >= _MOST_STATES:  # the oldest was never answered
                self._states.pop(next(iter(self._states)))
            state = secrets.token_urlsafe(24)
            self._states[state] = plan
            request = ElicitRequest(params=ElicitRequestFormParams(message=_marked(plan), requested_schema=_SCHEMA))
            return InputRequiredResult(input_requests={"approval": request}, request_state=state)
        try:
            with anyio.move_on_after(self.session.settings.approvals.dialog_s + _MARGIN_S):
                answer = await ctx.session.elicit_form(_marked(plan), _SCHEMA, related_request_id=ctx.request_id)
                self._answered(answer, asking)
                return None
            asking.dialog, asking.refused = "nobody answered the dialog in time", True
        except MCPError as error:  # the witness's own sentence, or a client that has no dialog after all
            asking.dialog, asking.refused = one_line(error.error.message, 600), True
        except ValueError:
            asking.dialog, asking.refused = NOBODY, True
        return None

    def _resume(self, params: CallToolRequestParams, plan: str, asking: Asking) -> None:
        asked = self._states.pop(params.request_state or "", None)
        if asked is None or asked != plan:
            asking.dialog, asking.refused = "that answer belongs to no dialog that is open for this plan", True
            return
        self._answered((params.input_responses or {}).get("approval"), asking)

    def _answered(self, answer: Any, asking: Asking) -> None:
        if not (isinstance(answer, ElicitResult) and answer.action == "accept"):
            how = getattr(answer, "action", "nothing")
            asking.dialog, asking.refused = f"{NOBODY}; the client answered `{one_line(how, 20)}`", True
        elif (answer.content or {}).get("decision") != "approve":
            asking.dialog, asking.refused = "the person did not approve it", True


def dialog_helps(session: Session, plan: str) -> bool:
    """Whether a yes in the dialog is part of what this plan needs and does not have. When in doubt, no: the executor says."""
    from mcp_server.core.errors import CouldNotLook
    from mcp_server.core.plan import Plan
    from mcp_server.engine.gate_store import Gate
    from mcp_server.engine.proposals import cancelled, proposal_of

    try:
        proposal = proposal_of(session.settings, plan)
        if cancelled(session.settings, plan):
            return False
        kept = session.ledger.entry(int(proposal.id.removeprefix("P"))).body.get("plan", {})
        made = Plan.model_validate(kept)
        if made.requirement.level > 2 or not made.passed:
            return False
        try:
            gate = Gate(session.settings)
        except CouldNotLook as failure:
            return failure.reason == "missing"  # nothing was ever approved here
        try:
            if gate.stopped() or gate.executions(plan=proposal.id):
                return False
            routes = {item.route for item in gate.approvals(proposal.id, proposal.digest)}
        finally:
            gate.close()
    except (VeteranError, ValueError):
        return False
    return "signature" not in routes and "dialog" not in routes and not (made.requirement.level == 1 and routes)


def _marked(plan: str) -> str:
    return f"veteran/plan {plan}"


def _can_ask(ctx: Any) -> bool:
    """Without a witness nobody vouches for an answer; a bare `elicitation: {}` means forms."""
    capabilities = ctx.session.client_capabilities
    elicitation = capabilities.elicitation if capabilities else None
    if not hatch.is_open() or elicitation is None:
        return False
    return elicitation.form is not None or elicitation.url is None
