"""The incident's clock: when people must hear again, whether anything moves, and whom to bring in (`forms/escalation.md`)."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import Field

from mcp_server.core.clock import Moment, now, parse_moment
from mcp_server.core.errors import BadInput, Broken
from mcp_server.core.ledger import Ledger
from mcp_server.core.noun import Noun
from mcp_server.core.text import one_line
from mcp_server.engine.session import Session
from mcp_server.incident.pages import pages
from mcp_server.incident.record import Incident
from mcp_server.incident.severity import levels, next_update

DRAFTED = "incident.update_drafted"


class Bring(Noun):
    """One row of the matrix: whom, after how many minutes without progress, and why."""

    area: str = Field(pattern=r"^[a-z_]{2,30}$")
    after_min: int = Field(ge=0)
    who: str
    why: str
    words: tuple[str, ...] = ()


class Clock(Noun):
    """Where the incident stands in time."""

    at: Moment
    progress: Moment = Field(description="the last new finding, evidence about the cause, or note")
    stalled_min: float
    update_due: Moment | None = Field(None, description="None: no severity yet, so no rhythm")
    bring: tuple[Bring, ...] = Field((), description="whose minutes are over, the most urgent first")


def matrix(session: Session) -> tuple[tuple[Bring, ...], int]:
    """The rows and the general limit in minutes. Raises Broken naming the page when it cannot be read."""
    page = pages(session).get(("form", "escalation"))
    try:
        rows = tuple(Bring.model_validate(row) for row in page.data["matrix"]) if page else ()
        limit = int(page.data["stall_min"]) if page else 0
    except (KeyError, TypeError, ValueError) as error:
        raise Broken(f"{page.path if page else 'forms/escalation.md'}: its matrix cannot be read: {error}", "mend it") from None
    if not rows or limit <= 0:
        raise Broken("forms/escalation.md must have a matrix and stall_min", "restore docs/incident_response")
    return rows, limit


def row_of(session: Session, area: str) -> Bring:
    """The row of an area. Raises BadInput with the areas."""
    rows, _ = matrix(session)
    for row in rows:
        if row.area == area:
            return row
    raise BadInput(f"`area` is `{one_line(area, 40)}`; it should be one of: {', '.join(row.area for row in rows)}")


def fitting(rows: Sequence[Bring], text: str) -> tuple[Bring, ...]:
    """The areas that the incident speaks of, the most urgent first; the row without words where none fits."""
    found = [row for row in rows if any(_says(text, word) for word in row.words)]
    found = found or [row for row in rows if not row.words]
    return tuple(sorted(found, key=lambda row: row.after_min))


def clock(session: Session, incident: Incident, text: str, at: datetime | None = None) -> Clock:
    """The incident's clock; `text` is what it speaks of: title, notes, findings."""
    at = at or incident.closed or now()
    progress = last_progress(session.ledger, incident)
    stalled = max(0.0, (at - progress).total_seconds() / 60)
    rows, _ = matrix(session)
    due = None
    if incident.severity is not None:
        told = [parse_moment(entry.at) for entry in session.ledger.entries(incident=incident.id, kind=DRAFTED)]
        due = next_update(levels(session)[incident.severity], max(told, default=incident.opened))
    over = tuple(row for row in fitting(rows, text) if stalled >= row.after_min)
    return Clock(at=at, progress=progress, stalled_min=round(stalled, 1), update_due=due, bring=over)


def last_progress(ledger: Ledger, incident: Incident) -> datetime:
    """When something new was last learned or decided: the first sight of a finding, a note, a stage, an execution."""
    latest, seen = incident.opened, set[str]()
    for entry in ledger.entries(incident=incident.id):
        if entry.kind in ("incident.note", "incident.stage"):
            latest = parse_moment(entry.at)
        elif entry.kind == "outcome":
            codes = {f"{item['code']} {item.get('component')}" for item in entry.body["outcome"].get("findings", ())}
            if codes - seen:
                latest, seen = parse_moment(entry.at), seen | codes
    return latest


def overdue(due: datetime | None, at: datetime) -> timedelta:
    """How long an update is overdue; zero when it is not."""
    return max(timedelta(), at - due) if due else timedelta()


def _says(text: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) is not None
