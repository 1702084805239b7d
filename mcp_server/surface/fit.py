"""Shortening an answer to the limit a reader can take in; what is left out is said and stays in the ledger."""

from mcp_server.core.outcome import Outcome, Statement
from mcp_server.surface.render import render

_QUOTES = (3, 1, 0)


def fit(outcome: Outcome, limit: int) -> Outcome:
    """`outcome` with fewer quotes, then fewer findings, until its text has at most `limit` characters.

    What is seen in the ledger under its id is always the whole answer. The data are never shortened.
    """
    if len(render(outcome)) <= limit:
        return outcome
    shorter = outcome
    for quotes in _QUOTES:
        kept = tuple(item.model_copy(update={"quotes": item.quotes[:quotes]}) for item in outcome.findings)
        shorter = outcome.model_copy(update={"findings": kept})
        if len(render(shorter)) <= limit:
            return shorter
    while len(shorter.findings) > 3 and len(render(shorter)) > limit:
        shorter = shorter.model_copy(update={"findings": shorter.findings[:-1]})
    left = len(outcome.findings) - len(shorter.findings)
    if left:
        more = Statement(text="{count} more findings are not shown here; report shows all", values={"count": left})
        shorter = shorter.model_copy(update={"statements": (*shorter.statements, more)})
    return shorter
