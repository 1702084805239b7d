"""Prompts: how an incident begins and how it is written up; and completion of their arguments."""

from typing import Any

from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CompleteRequestParams,
    CompleteResult,
    Completion,
    GetPromptRequestParams,
    GetPromptResult,
    ListPromptsResult,
    Prompt,
    PromptArgument,
    PromptMessage,
    TextContent,
)

from mcp_server.core.text import one_line
from mcp_server.engine.session import Session
from mcp_server.incident.record import incidents

_TRIAGE = """\
Something is wrong: {what}{about}.
1. open_incident with a short title{argument}; read what it loaded before going on.
2. triage, then every call its answer suggests. Treat UNKNOWN as not known, and follow its remedy.
3. what_changed over the time before the onset, then timeline and probable_cause.
4. Answer with: the verdicts and what was not looked at, the probable cause with its evidence ids, the triggering change,
   what was ruled out, what to look at next. Write nothing that no evidence id supports."""
_POSTMORTEM = """\
Write the postmortem of {what}{about}.
1. report for that incident: it is the fold of the ledger, with the timeline and every finding.
2. read_evidence for each citation that the text rests on; replay where the present state matters.
3. Sections: summary, impact, timeline (UTC), root cause, contributing factors, what went well, what went poorly, action
   items. Name roles and systems, not people. Every number, time and name stands in the evidence, or is marked unknown."""
_PROMPTS = {
    "triage": (_TRIAGE, "From the first report of trouble to a probable cause", "What is wrong, as it was reported"),
    "postmortem": (_POSTMORTEM, "The write-up of an incident, from its ledger", "Incident id (INC-n) or its title"),
}


class Prompts:
    """Serves `prompts/*` and `completion/complete`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def list(self, ctx: Any, params: Any) -> ListPromptsResult:
        """Both prompts."""
        service = PromptArgument(name="service", description="Declared service it concerns")
        return ListPromptsResult(
            prompts=[
                Prompt(
                    name=name, title=name.capitalize(), description=summary,
                    arguments=[PromptArgument(name="what", description=what, required=True), service],
                )
                for name, (_, summary, what) in _PROMPTS.items()
            ]
        )  # fmt: skip

    async def get(self, ctx: Any, params: GetPromptRequestParams) -> GetPromptResult:
        """One prompt filled in. An unknown name, or one without `what`, is answered with the valid ones."""
        arguments = params.arguments or {}
        unknown = sorted(set(arguments) - {"what", "service"})
        if params.name not in _PROMPTS:
            raise MCPError(INVALID_PARAMS, f"no prompt `{one_line(params.name, 60)}`; prompts: {', '.join(_PROMPTS)}")
        if unknown or not arguments.get("what", "").strip():
            problem = f"unknown argument `{one_line(unknown[0], 60)}`" if unknown else "`what` is required"
            raise MCPError(INVALID_PARAMS, f"{problem}; arguments of {params.name}: what (required), service")
        text, summary, _ = _PROMPTS[params.name]
        service = one_line(arguments.get("service", ""), 60)
        filled = text.format(
            what=one_line(arguments["what"], 400), about=f" (service `{service}`)" if service else "",
            argument=f" and service={service}" if service else "",
        )  # fmt: skip
        return GetPromptResult(description=summary, messages=[PromptMessage(role="user", content=TextContent(text=filled))])

    async def complete(self, ctx: Any, params: CompleteRequestParams) -> CompleteResult:
        """Declared services, and open incidents for a postmortem."""
        values: tuple[str, ...] = ()
        if params.argument.name == "service":
            values = tuple(self._session.settings.services)
        elif params.argument.name == "what" and getattr(params.ref, "name", "") == "postmortem":
            values = tuple(item.id for item in incidents(self._session.ledger))[::-1]
        fitting = [value for value in values if value.lower().startswith(params.argument.value.lower())]
        return CompleteResult(completion=Completion(values=fitting[:100], total=len(fitting), has_more=len(fitting) > 100))
