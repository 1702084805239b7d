"""The report: the ledger told as a document. Every sentence cites evidence or says that nothing proves it."""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mcp_server.core.call_types import AnyCall
from mcp_server.core.clock import Moment, now, stamp
from mcp_server.core.errors import Broken
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import BlindSpot, Outcome, Statement
from mcp_server.core.text import one_line
from mcp_server.engine.session import Session
from mcp_server.incident.causes import Diagnosis, Hypothesis
from mcp_server.incident.clocks import measured
from mcp_server.incident.drawing import Drawing, draw
from mcp_server.incident.gates import Standing, standing, unmet_checks
from mcp_server.incident.happening import Happening, in_order
from mcp_server.incident.record import Incident
from mcp_server.incident.said import change_statement, no_change
from mcp_server.incident.same import Skew, merged
from mcp_server.incident.timeline import events
from mcp_server.incident.timeline_view import ledgers_of, log_readers

EVIDENCE_ROWS = 300


class EvidenceRow(Noun):
    """One look, as the appendix lists it. `call` is data."""

    id: str
    asker: str
    call: str
    started: str
    took_ms: float
    sha256: str = ""
    failure: str = ""


class Report(Noun):
    """Everything the report says, before it is given a form."""

    incident: Incident
    made: Moment
    head: str
    head_entry: int
    summary: tuple[Statement, ...]
    answers: tuple[Outcome, ...]
    diagnosis: Diagnosis
    timeline: tuple[Happening, ...]
    clocks: tuple[Skew, ...] = ()
    drawing: Drawing
    next_steps: tuple[Statement, ...]
    gate: tuple[str, ...]
    evidence: tuple[EvidenceRow, ...]
    evidence_left: int = 0

    @property
    def best(self) -> Hypothesis | None:
        return self.diagnosis.probable


def build(session: Session, incident: Incident) -> Report:
    """Fold the ledger into a report."""
    stands = standing(session, incident)
    diagnosis, known = stands.diagnosis, stands.known
    with ledgers_of(session) as (ledgers, _):
        told = events(incident, known, ledgers=ledgers, logs=log_readers(session))
    clocks = measured(session.ledger, incident, known, told)
    story = in_order(merged(told, clocks))
    best = diagnosis.probable
    trigger = best.trigger if best else None
    rows = [_evidence_row(entry.seq, entry.body) for entry in session.ledger.entries(incident=incident.id, kind="evidence")]
    head_entry, head = session.ledger.head()
    return Report(
        incident=incident, made=now(), head=head, head_entry=head_entry, summary=_summary(stands),
        answers=(*known.outcomes, *([known.changes_outcome] if known.changes_outcome else [])), diagnosis=diagnosis,
        timeline=story, clocks=clocks, drawing=draw(
            story, diagnosis.onset, trigger.change if trigger else None, root=best.root if best else None, clocks=clocks
        ),
        next_steps=_next_steps(stands), gate=unmet_checks(session, stands), evidence=tuple(rows[:EVIDENCE_ROWS]),
        evidence_left=max(0, len(rows) - EVIDENCE_ROWS),
    )  # fmt: skip


def _summary(stands: Standing) -> tuple[Statement, ...]:
    """The paragraph for whoever leads: what, since when, why, what else."""
    incident, diagnosis = stands.incident, stands.diagnosis
    answered = [*stands.known.outcomes, *([stands.known.changes_outcome] if stands.known.changes_outcome else [])]
    reference = tuple(item.id for item in answered if item.id and (spots(item) or not diagnosis.not_yet))
    said = [Statement(text="Reported as {title}.", values={"title": incident.title})]
    best = diagnosis.probable
    if best is None:
        text = {
            "nothing": "Nothing wrong was found, and everything asked was seen.",
            "unknown": "Nothing wrong was found, but not everything asked could be seen: the state is unknown.",
            "found": "",
        }[diagnosis.state]
        if diagnosis.state == "unknown" and diagnosis.first_alert and not diagnosis.not_yet:
            text = "An alert saw something wrong, and nothing that was asked did: the state is unknown."
        return (*said, Statement(text=text, evidence=reference))
    origin = {"onset": stamp(diagnosis.onset)}
    if diagnosis.onset_from == "alert" and diagnosis.first_alert:
        alert = diagnosis.first_alert
        text = "It began at {onset}, when the condition of the first alert, {alert}, began to hold."
        named = origin | {"alert": str(alert.values.get("alert"))}
        said.append(Statement(text=text, values=named, evidence=alert.evidence))
    elif diagnosis.onset_from == "finding":
        dated = next(item for item in (best.root, *best.agreeing, *best.symptoms) if item.at == diagnosis.onset)
        said.append(
            Statement(text="It began at {onset}, the first trace of the cause.", values=origin, evidence=dated.evidence)
        )
    else:
        said.append(
            Statement(text="It began at {onset} as reported; no trace is older.", values=origin, evidence=(incident.id,))
        )
    root = best.root
    said.append(Statement(text="Probable cause: " + root.text + ".", values=root.values, evidence=root.evidence))
    if best.trigger:
        came = change_statement(best.trigger.change, "It came with this change: ")
        said.append(came.model_copy(update={"text": came.text + "."}))
    else:
        none = no_change(diagnosis)
        said.append(none.model_copy(update={"text": none.text.capitalize() + "."}))
    if diagnosis.not_yet:
        count = {"count": len(diagnosis.not_yet)}
        said.append(Statement(text="Not everything could be seen ({count}, listed below).", values=count, evidence=reference))
    return tuple(said)


def _next_steps(stands: Standing) -> tuple[Statement, ...]:
    """What to do: the advice of each root's type, then how to see what was not seen. No change is made by this program."""
    steps: dict[str, Statement] = {}
    for item in stands.diagnosis.hypotheses[:4]:
        for sentence in item.confirm:
            steps.setdefault(sentence, Statement(text=sentence, evidence=item.root.evidence))
    for question in stands.diagnosis.not_yet[:6]:
        if question.remedy:
            said = Statement(text="To see {what}: {remedy}", values={"what": question.what, "remedy": question.remedy})
            steps.setdefault(question.what, said)
    return tuple(steps.values())


def _evidence_row(seq: int, body: dict[str, Any]) -> EvidenceRow:
    try:
        call: Any = TypeAdapter(AnyCall).validate_python(body["call"])
        title = call.title()
    except ValidationError:  # written by another version: its kind is all that is sure
        title = f"a {body['call'].get('kind', 'nameless')} call"
    failure = body.get("failure")
    return EvidenceRow(
        id=f"E{seq}", asker=body["asker"], call=one_line(title, 160), started=body["started"], took_ms=body["took_ms"],
        sha256=body.get("sha256", ""), failure=f"{failure['reason']}: {failure['detail']}" if failure else "",
    )  # fmt: skip


def spots(outcome: Outcome) -> tuple[BlindSpot, ...]:
    """What an answer could not see, wholly or in part."""
    return (*outcome.coverage.blind, *outcome.coverage.cut)


def write(session: Session, report: Report) -> dict[str, str]:
    """Both forms below `state_dir/reports`, replaced as a whole; their digests go into the ledger. Returns the paths."""
    from mcp_server.incident.forms import as_html, as_markdown

    folder = Path(session.settings.state_dir, "reports")
    paths, digests = {}, {}
    for suffix, text in (("md", as_markdown(report)), ("html", as_html(report))):
        data = text.encode("utf8", "backslashreplace")
        path = folder / f"{report.incident.id}.{suffix}"
        replace_file(path, data)
        paths[suffix], digests[suffix] = str(path), hashlib.sha256(data).hexdigest()
    session.ledger.append("report.written", {"sha256s": digests, "head": report.head}, incident=report.incident.id)
    return paths


def replace_file(path: Path, data: bytes) -> None:
    """A reader sees the old file or the new one, never half of one."""
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".report-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise Broken(f"the report cannot be written: {error}", f"check space and rights of {path.parent}") from None
