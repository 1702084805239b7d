"""The timeline: the ledger folded into one ordered story, on one clock, with the sources' own stamps."""

from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import Field

from mcp_server.core.clock import Moment, stamp
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import Statement
from mcp_server.incident.answers import Answers
from mcp_server.incident.record import Incident

Kind = Literal["change", "finding", "incident", "note", "answer"]
_ORDER: dict[str, int] = {"change": 0, "finding": 1, "incident": 2, "note": 3, "answer": 4}


class Happening(Noun):
    """One line of the story."""

    at: Moment
    kind: Kind
    source: str = Field(description="who says so: a change source, a diagnostic, the ledger")
    statement: Statement
    stamp: str = Field("", description="the source's own stamp, untouched; data")
    doubt_ms: int = 0
    inferred: bool = Field(False, description="the time is when it was seen, not when it happened")

    def cites(self) -> tuple[str, ...]:
        """Evidence ids."""
        return self.statement.evidence


def timeline(incident: Incident, known: Answers, *, looks: bool = False) -> tuple[Happening, ...]:
    """Everything that has a time, oldest first; at the same moment changes come before what they may have caused."""
    happenings = [*_changes(known), *_findings(known), *_record(incident), *(_answers(known) if looks else ())]
    return tuple(sorted(happenings, key=lambda item: (item.at, _ORDER[item.kind], item.source)))


def _changes(known: Answers) -> Iterator[Happening]:
    for change in known.changes:
        yield Happening(
            at=change.at, kind="change", source=change.source, statement=change.summary, stamp=change.stamp,
            doubt_ms=change.doubt_ms,
        )  # fmt: skip


def _findings(known: Answers) -> Iterator[Happening]:
    kept = known.findings()
    for outcome in known.outcomes:
        for finding in outcome.findings:
            if any(finding is item for item in kept):
                said = Statement.model_validate(finding.model_dump(include=set(Statement.model_fields)))
                at = finding.at or outcome.at
                yield Happening(
                    at=at, kind="finding", source=outcome.name, statement=said, inferred=finding.at is None,
                    doubt_ms=finding.doubt_ms,
                )  # fmt: skip


def _record(incident: Incident) -> Iterator[Happening]:
    title = {"title": incident.title}
    yield Happening(
        at=incident.opened, kind="incident", source="ledger",
        statement=Statement(text="incident opened: {title}", values=title, evidence=(incident.id,)),
    )  # fmt: skip
    if incident.onset != incident.opened:
        said = Statement(text="onset as it was reported when the incident opened", evidence=(incident.id,))
        yield Happening(at=incident.onset, kind="incident", source="ledger", statement=said)
    for note in incident.notes:
        said = Statement(text="note: {text}", values={"text": note.text}, evidence=(note.entry,))
        yield Happening(at=note.at, kind="note", source="ledger", statement=said)
    if incident.closed:
        said = Statement(text="incident closed: {summary}", values={"summary": incident.summary}, evidence=(incident.id,))
        yield Happening(at=incident.closed, kind="incident", source="ledger", statement=said)


def _answers(known: Answers) -> Iterator[Happening]:
    for outcome in known.outcomes:
        said = Statement(text=f"{outcome.name} answered {outcome.verdict}", evidence=(outcome.id,) if outcome.id else ())
        yield Happening(at=outcome.at, kind="answer", source=outcome.name, statement=said)


def lines(happenings: Sequence[Happening]) -> Iterator[Statement]:
    """The story as sentences that begin with their time."""
    for item in happenings:
        doubt = f" ±{item.doubt_ms} ms" if item.doubt_ms else ""
        seen = " (when seen)" if item.inferred else ""
        lead = f"{stamp(item.at)}{doubt}{seen}  {item.kind:<8}  {item.source}: "
        yield item.statement.model_copy(update={"text": lead + item.statement.text, "at": None, "quotes": ()})
