"""Answers about ourselves and our own record: they go into the ledger like every other answer."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mcp_server.core.clock import now
from mcp_server.core.errors import VeteranError
from mcp_server.core.outcome import Coverage, Finding, Outcome, Statement, Suggestion, verdict_of
from mcp_server.core.parameters import Parameters
from mcp_server.engine.run import record
from mcp_server.engine.session import Asking, Session

LEDGER = "ledger"
"""Target of an answer that comes from our own record."""


@dataclass
class Told:
    """What an answer says. `passing` statements are shown and not stored: they repeat what is in the ledger already."""

    statements: tuple[Statement, ...] = ()
    passing: tuple[Statement, ...] = ()
    findings: tuple[Finding, ...] = ()
    coverage: Coverage = field(default_factory=Coverage)
    evidence: tuple[str, ...] = ()
    next: tuple[Suggestion, ...] = ()
    data: Any = None


def tell(
    session: Session, asking: Asking, name: str, params: Parameters, work: Callable[[], Told], target: str = LEDGER
) -> Outcome:
    """Do `work` and keep its answer. What `work` raises is noted as the end of the call and raised again."""
    call = session.began(name, target, params.model_dump(mode="json"), asking.incident)
    at, started = now(), time.monotonic()
    try:
        told = work()
    except VeteranError as error:
        session.ended(call, type(error).__name__.lower())
        raise
    outcome = Outcome(
        name=name, target=target, verdict=verdict_of(told.findings, told.coverage), at=at, incident=asking.incident,
        took_ms=round((time.monotonic() - started) * 1000, 1), statements=told.statements, findings=told.findings,
        coverage=told.coverage, evidence=told.evidence, next=told.next, data=told.data,
    )  # fmt: skip
    kept = record(session, outcome, call)
    if not told.passing:
        return kept
    shown = [Statement.model_validate(session.redactor.data(item.model_dump(mode="json"))) for item in told.passing]
    return kept.model_copy(update={"statements": (*kept.statements, *shown)})
