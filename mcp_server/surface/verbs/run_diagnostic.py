"""Any diagnostic by name, and any other question that is no tool of its own."""

from typing import Any

from pydantic import Field

from mcp_server.core.outcome import Outcome
from mcp_server.core.parameters import Parameters
from mcp_server.engine.session import Asking, Session
from mcp_server.surface.tools import ask_diagnostic
from mcp_server.surface.verb import Verb, load_verbs


class Params(Parameters):
    """The diagnostic and its arguments, checked against its own declaration."""

    name: str = Field(max_length=60, description="Diagnostic, as list_diagnostics names it")
    arguments: dict[str, Any] = Field({}, description="Its parameters, with target and incident where wanted")


VERB = Verb(
    summary="Ask one diagnostic by name; list_diagnostics names them. Answers its verdict, findings and coverage.",
    group="diagnose",
    script=False,
    examples=({"name": "disk_space", "arguments": {"warn_percent": 70}},),
)


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Raises BadInput naming the valid diagnostics, or its valid arguments."""
    verb = load_verbs().get(params.name)
    if verb is not None and not verb.spec.tool and not verb.spec.writes:
        return verb.run(session, verb.params.parse(params.arguments), asking)
    return ask_diagnostic(session, params.name, params.arguments, asking)
