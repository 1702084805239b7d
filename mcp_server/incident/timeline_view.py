"""The story of an incident with what its drawing needs: onset, triggering change, probable cause, clocks."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from mcp_server.core.errors import CouldNotLook
from mcp_server.core.ledger import Ledger
from mcp_server.core.outcome import BlindSpot, Statement
from mcp_server.engine.session import Session
from mcp_server.incident.answers import Answers, answers, past_causes
from mcp_server.incident.causes import Diagnosis, diagnose
from mcp_server.incident.clocks import measured, said_of
from mcp_server.incident.happening import Happening, in_order
from mcp_server.incident.record import Incident
from mcp_server.incident.same import Skew, merged
from mcp_server.incident.timeline import events

CLOCKS = 6
"""So many clocks that agree are told; those that are off always are."""


@dataclass(frozen=True)
class View:
    """One folding of the ledger."""

    incident: Incident
    known: Answers
    story: tuple[Happening, ...]
    diagnosis: Diagnosis
    clocks: tuple[Skew, ...]
    blind: tuple[BlindSpot, ...] = ()


@contextmanager
def ledgers_of(session: Session) -> Iterator[tuple[tuple[Ledger, ...], tuple[BlindSpot, ...]]]:
    """Our ledger, and the gate's own where anything was ever approved; what cannot be read is a blind spot."""
    from mcp_server.engine.gate_store import Gate

    try:
        gate = Gate(session.settings)
    except CouldNotLook as failure:
        hidden = BlindSpot(what="approvals and actions", reason=f"{failure.reason}: {failure.detail}", remedy=failure.remedy)
        yield (session.ledger,), () if failure.reason == "missing" else (hidden,)
        return
    try:
        yield (session.ledger, gate.ledger), ()
    finally:
        gate.close()


def view(session: Session, incident: Incident, *, looks: bool = False) -> View:
    """Fold it."""
    known = answers(session.ledger, incident, session.catalog.diagnostics)
    with ledgers_of(session) as (ledgers, blind):
        told = events(incident, known, looks=looks, ledgers=ledgers, logs=log_readers(session))
    clocks = measured(session.ledger, incident, known, told)
    story = in_order(merged(told, clocks))
    past = past_causes(session.ledger, incident)
    diagnosis = diagnose(incident, known, session.catalog.finding_types(), history=past)
    return View(incident, known, story, diagnosis, clocks, blind)


def log_readers(session: Session) -> frozenset[str]:
    """The diagnostics whose times come from logs."""
    return frozenset(name for name, unit in session.catalog.diagnostics.items() if unit.spec.area == "logs")


def clock_statements(clocks: Sequence[Skew], lead: str = "clocks: ") -> Iterator[Statement]:
    """What is known of clocks: those that are off first, each with its band."""
    agreeing = 0
    for skew in clocks:
        agreeing += not skew.apart()
        if skew.apart() or agreeing <= CLOCKS:
            text, values = said_of(skew)
            yield Statement(text=lead + text, values=dict(values), evidence=skew.evidence)
