"""What a specialist reads in two minutes: the state in ten lines, findings, what was ruled out, what is dark, what was done."""

import os
import tempfile
from pathlib import Path

from mcp_server.core.clock import now, stamp
from mcp_server.core.errors import Broken
from mcp_server.core.outcome import Statement
from mcp_server.engine.session import Session
from mcp_server.incident.escalation import Bring, Clock, clock, overdue
from mcp_server.incident.gates import Standing, standing
from mcp_server.incident.happening import in_order
from mcp_server.incident.markup import cites, markdown
from mcp_server.incident.record import Incident
from mcp_server.incident.said import cause_statements, nothing_found
from mcp_server.incident.same import merged
from mcp_server.incident.severity import assessments
from mcp_server.incident.stages import stages
from mcp_server.incident.timeline import events
from mcp_server.incident.timeline_forms import table
from mcp_server.incident.timeline_view import log_readers

LAST_LINES = 40


def spoken(stands: Standing) -> str:
    """Everything the incident speaks of, as one text, to find whose trouble it is."""
    incident = stands.incident
    findings = " ".join(f"{item.code} {item.component or ''}" for item in stands.known.findings())
    return " ".join((incident.title, incident.service or "", *(note.text for note in incident.notes), findings)).replace(
        "_", " "
    )


def ten_lines(session: Session, incident: Incident, stands: Standing, time: Clock) -> list[Statement]:
    """Where the incident stands at this moment."""
    known, best = stands.known, stands.diagnosis.probable
    severity = assessments(session.ledger, incident.id)
    percent = severity[-1].body.get("users_percent") if severity else None
    end = incident.closed or now()
    lines = [
        Statement(
            text="{incident} is {state}: {title}; severity {severity}; on {target}",
            values={
                "incident": incident.id, "state": incident.state, "title": incident.title,
                "severity": incident.severity or "not set", "target": incident.target,
            },
        ),
        Statement(
            text="began {onset}, opened {opened}, {minutes} min ago",
            values={
                "onset": stamp(incident.onset), "opened": stamp(incident.opened),
                "minutes": round((end - incident.opened).total_seconds() / 60, 1),
            },
        ),
        Statement(text="users hurt: {percent} %, as stated", values={"percent": percent})
        if percent is not None
        else Statement(text="users hurt: unknown"),
        Statement(
            text="{questions} questions answered, {findings} findings, {changes} changes, {dark} not seen, {notes} notes",
            values={
                "questions": len(known.outcomes), "findings": len(known.findings()), "changes": len(known.changes),
                "dark": len(known.blind()), "notes": len(incident.notes),
            },
        ),
        Statement(text="probable cause: " + best.root.text, values=best.root.values, evidence=best.root.evidence)
        if best
        else nothing_found(stands.diagnosis),
    ]  # fmt: skip
    if best and best.trigger:
        change = best.trigger.change.summary
        lines.append(Statement(text="triggering change: " + change.text, values=change.values, evidence=change.evidence))
    told = ", ".join(f"{item.name} {item.state}" for item in stages(session, incident))
    lines.append(Statement(text="stages: " + told))
    if incident.state == "open":
        lines.append(
            Statement(
                text="last progress {progress}, {minutes} min ago",
                values={"progress": stamp(time.progress), "minutes": time.stalled_min},
            )
        )
        late = overdue(time.update_due, time.at)
        if time.update_due:
            text = "the next update was due {due}: overdue by {late} min" if late else "the next update is due {due}"
            lines.append(
                Statement(text=text, values={"due": stamp(time.update_due), "late": round(late.total_seconds() / 60, 1)})
            )
        lines += [
            Statement(
                text="bring in {who} now: {why} (hand_off area={area})",
                values={"who": row.who, "why": row.why, "area": row.area},
            )
            for row in time.bring[:2]
        ]
    return lines


def bundle(session: Session, incident: Incident, row: Bring) -> str:
    """The bundle in markdown."""
    stands = standing(session, incident)
    time = clock(session, incident, spoken(stands))
    lines = [
        f"# {incident.id} for {row.who}",
        "",
        *(f"- {_said(item)}" for item in ten_lines(session, incident, stands, time)),
        "",
    ]
    lines += ["## Findings", "", *([f"- {_said(item)}" for item in stands.known.findings()] or ["None."]), ""]
    for index, item in enumerate(stands.diagnosis.hypotheses[:4]):
        lead = "Probable cause" if index == 0 else "Also possible"
        lines += [
            f"## {lead}",
            "",
            *(f"- {_said(said)}" for said in cause_statements(item, lead.lower(), stands.diagnosis)),
            "",
        ]
    lines += ["## Not seen", ""]
    lines += [
        "- " + _said(Statement(text="{asker}: {what} ({reason}); {remedy}", values={
            "asker": asker, "what": spot.what, "reason": spot.reason, "remedy": spot.remedy or "no remedy is known"}))
        for asker, spot in stands.known.blind()[:30]
    ] or ["Everything that was asked was seen."]  # fmt: skip
    story = in_order(merged(events(incident, stands.known, ledgers=(session.ledger,), logs=log_readers(session))))
    lines += [
        "",
        f"## Timeline (UTC), the last {min(len(story), LAST_LINES)} of {len(story)} lines",
        "",
        table(story[-LAST_LINES:]),
    ]
    ruled = [item for item in stands.known.outcomes if item.verdict == "ok"]
    lines += ["", "## Asked and well", "", *([f"- `{item.name}` [{item.id}]" for item in ruled] or ["Nothing yet."]), ""]
    lines += ["Evidence: `read_evidence E…`; again: `replay E…`; everything: `report`.", ""]
    return "\n".join(lines)


def write(session: Session, incident: Incident, row: Bring) -> Path:
    """Write the bundle into the reports folder, whole or not at all. Raises Broken where that cannot be written."""
    folder = Path(session.settings.state_dir, "reports")
    path = folder / f"{incident.id}-handoff-{row.area}.md"
    try:
        folder.mkdir(exist_ok=True, mode=0o700)
        handle, draft = tempfile.mkstemp(dir=folder, prefix=".handoff-")
        with os.fdopen(handle, "w", encoding="utf8") as file:
            file.write(session.redactor.text(bundle(session, incident, row)))
        os.replace(draft, path)
    except OSError as error:
        raise Broken(f"{path} cannot be written: {error.strerror}", "check space and rights of state_dir") from None
    return path


def _said(statement: Statement) -> str:
    return markdown(statement) + (f" {cites(statement.evidence)}" if statement.evidence else "")
