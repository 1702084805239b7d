"""What has been answered for an incident so far: the newest answer to each question, read from the ledger."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter

from mcp_server.core.change import Change
from mcp_server.core.ledger import Ledger
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import BlindSpot, Finding, Outcome
from mcp_server.engine.ranking_data import Past
from mcp_server.incident.record import Incident, incidents

CHANGES = "what_changed"
TRIAGE = "triage"
FAR = datetime(9999, 1, 1, tzinfo=UTC)
ALERTS = frozenset({"alerts"})
"""Questions about alerts: an alert says that somebody's rule saw the trouble. It dates it, and is no cause of it."""
ABOUT_RULES = frozenset({"policy_conflicts"})
"""Questions about the organisation's rules: a contradiction among them breaks no service, so it is no cause."""


class Answers(Noun):
    """The newest answer to each question of an incident."""

    outcomes: tuple[Outcome, ...] = ()
    """One per diagnostic and arguments, in the order in which they were asked."""
    changes: tuple[Change, ...] = ()
    changes_outcome: Outcome | None = None
    triage: Outcome | None = None
    """The last triage; its own coverage names the steps that could not even be asked."""

    def findings(self) -> tuple[Finding, ...]:
        """Every finding that stands, once; a code seen twice with the same values is one finding. Alerts are no findings."""
        return _once(outcome for outcome in self.outcomes if outcome.name not in ALERTS)

    def alerts(self) -> tuple[Finding, ...]:
        """Every alert that fires or fired, once, oldest first."""
        seen = _once(outcome for outcome in self.outcomes if outcome.name in ALERTS)
        return tuple(sorted(seen, key=lambda item: item.at or FAR))

    def blind(self) -> tuple[tuple[str, BlindSpot], ...]:
        """(question, blind spot) of everything that was asked and not seen, steps that could not be asked included."""
        outcomes = [*self.outcomes, *([self.changes_outcome] if self.changes_outcome else [])]
        spots = [(item.name, spot) for item in outcomes for spot in (*item.coverage.blind, *item.coverage.cut)]
        if self.triage and isinstance(self.triage.data, dict):
            unasked = TypeAdapter(tuple[BlindSpot, ...]).validate_python(self.triage.data.get("unasked", []))
            spots += [(spot.what, spot) for spot in unasked]
        return tuple(dict.fromkeys(spots))


def _once(outcomes: Iterable[Outcome]) -> tuple[Finding, ...]:
    kept: dict[str, Finding] = {}
    for outcome in outcomes:
        for finding in outcome.findings:
            kept.setdefault(json.dumps([finding.code, finding.component, finding.values], sort_keys=True), finding)
    return tuple(kept.values())


def answers(ledger: Ledger, incident: Incident, diagnostics: Iterable[str]) -> Answers:
    """Fold the incident's entries. Answers on another target than the incident's are kept apart by their arguments."""
    known = set(diagnostics) - ABOUT_RULES
    asked = {entry.seq: entry.body for entry in ledger.entries(incident=incident.id, kind="call.started")}
    newest: dict[str, Outcome] = {}
    changes: Outcome | None = None
    triage: Outcome | None = None
    for entry in ledger.entries(incident=incident.id, kind="outcome"):
        outcome = Outcome.model_validate(entry.body["outcome"] | {"id": f"R{entry.seq}"})
        if outcome.name == CHANGES:
            changes = outcome
        elif outcome.name == TRIAGE:
            triage = outcome
        elif outcome.name in known:
            arguments = asked.get(int(entry.body.get("call", 0)), {}).get("arguments", {})
            newest[json.dumps([outcome.name, outcome.target, arguments], sort_keys=True)] = outcome
    return Answers(
        outcomes=tuple(newest.values()), changes=changes_of(changes) if changes else (), changes_outcome=changes, triage=triage
    )


def changes_of(outcome: Outcome) -> tuple[Change, ...]:
    """The changes that `what_changed` put into its data."""
    data = outcome.data.get("changes", []) if isinstance(outcome.data, dict) else []
    return tuple(TypeAdapter(list[Change]).validate_python(data))


EARLIER = 50
"""So many earlier incidents are asked for their causes."""


def past_causes(ledger: Ledger, incident: Incident) -> tuple[Past, ...]:
    """The causes of earlier incidents, as their last triage named them: what the change shared with the finding."""
    found: dict[str, Past] = {}
    earlier = [item for item in incidents(ledger) if item.id != incident.id and item.onset < incident.onset][-EARLIER:]
    for other in earlier:
        for entry in ledger.entries(incident=other.id, kind="outcome"):
            outcome = entry.body["outcome"]
            if outcome["name"] == TRIAGE and (cause := _cause(outcome.get("data"))):
                change, shared = cause
                clues = tuple(f"{item['kind']}:{item['value']}" for item in shared if item["kind"] != "component")
                found[other.id] = Past(
                    at=other.onset, component=change["component"], kind=change["kind"], clues=clues, id=other.id
                )
    return tuple(found.values())


def _cause(data: Any) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
    """The triggering change of a triage's first hypothesis, and the clues it shared."""
    hypotheses = data.get("diagnosis", {}).get("hypotheses", []) if isinstance(data, dict) else []
    trigger = hypotheses[0].get("trigger") if hypotheses else None
    return (trigger["change"], trigger.get("shared", [])) if trigger else None
