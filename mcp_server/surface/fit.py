"""Shortening an answer to the limit a reader can take in; what is left out is said and stays in the ledger."""

from mcp_server.core.outcome import Outcome, Statement
from mcp_server.surface.render import render


def brief(outcome: Outcome, root: int = 1) -> Outcome:
    """The first `root` findings keep the ends of their quotes, the others none: a table of contents, not the book."""
    kept = tuple(
        item.model_copy(update={"quotes": _ends(item.quotes) if index < root else ()})
        for index, item in enumerate(outcome.findings)
    )
    return outcome.model_copy(update={"findings": kept})


def fit(outcome: Outcome, limit: int) -> Outcome:
    """`outcome` without quotes, then with fewer findings, until its text has at most `limit` characters; it says so.

    What is in the ledger under its id is always the whole answer. The data are never shortened.
    """
    if len(render(outcome)) <= limit:
        return outcome
    shorter = brief(outcome, root=0)
    while len(shorter.findings) > 3 and len(render(shorter)) > limit:
        shorter = shorter.model_copy(update={"findings": shorter.findings[:-1]})
    if left := len(outcome.findings) - len(shorter.findings):
        more = Statement(text="{count} more findings are not shown here; report shows all", values={"count": left})
        shorter = shorter.model_copy(update={"statements": (*shorter.statements, more)})
    return shorter


def _ends(quotes: tuple[str, ...]) -> tuple[str, ...]:
    """First line and last three: where a trace begins, and what it ends in."""
    lines = [line for quote in quotes for line in quote.splitlines()]
    return tuple(lines) if len(lines) <= 5 else (lines[0], f"… {len(lines) - 4} lines …", *lines[-3:])
