"""What the program makes of a generated incident: the change sources and the log diagnostic look, then causes are sought."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from mcp_server.core.change import Change, Window
from mcp_server.core.outcome import Coverage, Outcome, verdict_of
from mcp_server.engine.catalog import load_catalog
from mcp_server.engine.folding import bursts, merge
from mcp_server.engine.ranking import Ranking, rank, reasons
from mcp_server.engine.ranking_data import symptom_of
from mcp_server.engine.run import door
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.answers import Answers
from mcp_server.incident.causes import diagnose
from mcp_server.incident.record import Incident
from tests.changes.world import collect
from tests.generator.incidents import Folder

SOURCES, JOURNAL = ("git", "packages", "files"), ("systemd", "sessions", "boots", "kernel_messages")


@dataclass
class Judged:
    """The order of the changes and the one named by the diagnosis."""

    folder: Folder
    changes: list[Change]
    ranking: Ranking
    trigger: Change | None
    triggers: list[Change]
    symptoms: list[Any]

    def place(self) -> int | None:
        """Where the guilty change stands, from 1."""
        for place, item in enumerate(self.ranking.changes, 1):
            if self._is(self.changes[item.index]):
                return place
        return None

    def right(self) -> bool:
        """Whether the diagnosis named the guilty change, or nobody where nobody is guilty."""
        if self.folder.guilty is None:
            return not self.triggers and self.ranking.named is None
        return self.trigger is not None and self._is(self.trigger)

    def newest_is_guilty(self) -> bool:
        """Whether the plain rule "the newest change before the onset did it" would be right."""
        before = [change for change in self.changes if change.at <= self.folder.onset]
        return bool(before) and self._is(max(before, key=lambda change: change.at))

    def _is(self, change: Change) -> bool:
        source, name = self.folder.guilty or ("", "")
        return change.source == source and name in (change.reference, change.component)

    def told(self) -> str:
        """For a person who wants to know why."""
        lines = [f"{self.folder.story}: guilty {self.folder.guilty}, {len(self.changes)} changes, place {self.place()}"]
        for item in self.ranking.changes[:4]:
            change = self.changes[item.index]
            told, values = reasons(item)
            what = change.summary.values.get("subject") or change.component
            lines.append(
                f"  {'*' if self._is(change) else ' '} {item.score:6.1f} {change.source} {what}: {told.format_map(values)}"
            )
        lines.append(f"  trigger: {self.trigger and (self.trigger.summary.values.get('subject') or self.trigger.component)}")
        lines += [f"  symptom: {item.text[-160:]!r} {item.clues} {item.component}" for item in self.symptoms[:4]]
        return "\n".join(lines)


def judge(session: Session, folder: Folder) -> Judged:
    """Look and judge, as triage does."""
    window = Window(since=folder.onset - timedelta(hours=24), until=folder.world.moment)
    seen: list[Change] = []
    for name in SOURCES:
        found, _ = collect(session, folder.world, name, window, folders=(folder.root,), onset=folder.onset)
        seen += found
    for name in JOURNAL if folder.journal else ():
        found, _ = collect(session, folder.world, name, window, onset=folder.onset, journal=folder.journal)
        seen += found
    changes = bursts(merge(seen))
    outcome = _errors(session, folder)
    incident = Incident(
        id="INC-1",
        title="app fails",
        state="open",
        opened=folder.world.moment,
        onset=folder.onset,
        target="local",
        service="app",
    )
    seen_as = Outcome(
        name="what_changed", target="local", verdict="ok", at=folder.world.moment, coverage=Coverage(looked=("changes",))
    )
    known = Answers(outcomes=(outcome,), changes=tuple(changes), changes_outcome=seen_as)
    diagnosis = diagnose(incident, known, load_catalog().finding_types())
    symptoms = [symptom_of(finding) for finding in outcome.findings]
    ranking = rank(changes, folder.onset, symptoms=symptoms)
    triggers = [item.trigger.change for item in diagnosis.hypotheses if item.trigger]
    best = diagnosis.probable
    return Judged(folder, changes, ranking, best.trigger.change if best and best.trigger else None, triggers, symptoms)


def _errors(session: Session, folder: Folder) -> Outcome:
    unit = load_catalog().diagnostics["recent_errors"]
    reader = door(session, folder.world, unit, Asking())
    params = unit.params.parse({"paths": list(folder.logs), "since": (folder.onset - timedelta(hours=1)).isoformat()})
    facts = unit.collect(reader, params)
    findings = tuple(
        item.model_copy(update={"code": f"recent_errors.{item.code}"}) for item in unit.judge(facts, params)
    )  # fmt: skip
    coverage = reader.coverage()
    return Outcome(
        name="recent_errors", target="local", verdict=verdict_of(findings, coverage), at=folder.world.moment, findings=findings,
        coverage=coverage,
    )  # fmt: skip
