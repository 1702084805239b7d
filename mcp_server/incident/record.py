"""Incidents: opened, noted, closed. The record is the fold of the ledger; nothing is stored twice."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal

from mcp_server.core.clock import Moment, now, parse_moment, stamp
from mcp_server.core.errors import BadInput
from mcp_server.core.ledger import Ledger
from mcp_server.core.noun import Noun
from mcp_server.core.text import one_line
from mcp_server.engine.places import resolve
from mcp_server.engine.session import Session

SeverityLevel = Literal["SEV1", "SEV2", "SEV3", "SEV4"]
AHEAD = timedelta(minutes=5)
"""An onset later than this is a typing error or a wrong clock, not an incident."""


class Note(Noun):
    """Something a person or model wrote down. Its text is data."""

    at: Moment
    text: str
    entry: str


class Incident(Noun):
    """An incident as its entries tell it."""

    id: str
    title: str
    state: Literal["open", "closed"]
    opened: Moment
    onset: Moment
    target: str
    stated: bool = True
    """Whether somebody said when it began; else `onset` is when it was opened."""
    service: str | None = None
    severity: SeverityLevel | None = None
    notes: tuple[Note, ...] = ()
    closed: Moment | None = None
    summary: str = ""


def incidents(ledger: Ledger) -> Iterator[Incident]:
    """Every incident, oldest first."""
    closed = {entry.incident: entry for entry in ledger.entries(kind="incident.closed")}
    notes: dict[str | None, list[Note]] = defaultdict(list)
    for entry in ledger.entries(kind="incident.note"):
        note = Note(at=parse_moment(entry.at), text=entry.body["text"], entry=f"N{entry.seq}")
        notes[entry.incident].append(note)
    assessed = {entry.incident: entry.body["level"] for entry in ledger.entries(kind="incident.severity")}
    for entry in ledger.entries(kind="incident.opened"):
        name = f"INC-{entry.seq}"
        ended = closed.get(name)
        yield Incident(
            id=name, title=entry.body["title"], state="closed" if ended else "open", opened=parse_moment(entry.at),
            onset=parse_moment(entry.body["onset"]), stated=entry.body.get("stated", True),
            target=entry.body["target"], service=entry.body.get("service"),
            severity=assessed.get(name) or entry.body.get("severity"), notes=tuple(notes[name]),
            closed=parse_moment(ended.at) if ended else None, summary=ended.body.get("summary", "") if ended else "",
        )  # fmt: skip


def open_incident(
    session: Session, *, title: str, target: str, service: str | None, onset: datetime | None, severity: SeverityLevel | None
) -> Incident:
    """Begin a record; without a service the only declared one is meant.

    Raises BadInput for a place, service or onset that cannot be.
    """
    target = resolve(target, session.settings.read).address
    declared = list(session.settings.services)
    service = session.service(service) or (declared[0] if len(declared) == 1 else None)
    moment = onset or now()
    if moment > now() + AHEAD:
        raise BadInput(f"`onset` is `{stamp(moment)}`, which lies in the future; now it is {stamp(now())}")
    body = {
        "title": one_line(title, 200),
        "target": target,
        "service": service,
        "severity": severity,
        "onset": stamp(moment),
        "stated": onset is not None,
    }
    entry = session.ledger.append("incident.opened", session.redactor.data(body))
    return find(session.ledger, f"INC-{entry.seq}")


def add_note(session: Session, incident: Incident, text: str) -> str:
    """Keep a remark; returns its id (N<n>)."""
    entry = session.ledger.append("incident.note", {"text": session.redactor.text(text)}, incident=incident.id)
    return f"N{entry.seq}"


def close_incident(session: Session, incident: Incident, summary: str, warnings: tuple[str, ...]) -> Incident:
    """End the record with a summary and what the quality gate had to say. Raises BadInput when it is closed already."""
    if incident.closed is not None:
        raise BadInput(f"`incident` is `{incident.id}`, which was closed at {stamp(incident.closed)}")
    body = {"summary": session.redactor.text(summary), "warnings": list(warnings)}
    session.ledger.append("incident.closed", body, incident=incident.id)
    return find(session.ledger, incident.id)


def find(ledger: Ledger, name: str) -> Incident:
    """One incident. Raises BadInput naming the open ones."""
    known = list(incidents(ledger))
    for incident in known:
        if incident.id == name:
            return incident
    listing = ", ".join(item.id for item in known if item.state == "open") or "none; call open_incident"
    raise BadInput(f"`incident` is `{one_line(name, 40)}`; open incidents: {listing}")


def required(ledger: Ledger, named: str | None, *, closed_too: bool = False) -> Incident:
    """The incident meant: the named one, else the only open one, else (with `closed_too`) the newest.

    Raises BadInput saying what to name or to do.
    """
    if named is not None:
        return find(ledger, named)
    known = list(incidents(ledger))
    still_open = [item for item in known if item.state == "open"]
    if len(still_open) == 1:
        return still_open[0]
    if still_open:
        raise BadInput(f"`incident` is needed, because several are open: {', '.join(item.id for item in still_open[:10])}")
    if closed_too and known:
        return known[-1]
    raise BadInput("no incident is open; call open_incident first, or name a closed one with `incident`")


def current(ledger: Ledger, named: str | None) -> tuple[str | None, str]:
    """The incident a call belongs to, and a remark for its answer.

    A named one must exist. Without a name: the only open one; with several open or none, no incident, and it is said.
    """
    if named is not None:
        incident = find(ledger, named)
        return incident.id, "" if incident.state == "open" else f"{incident.id} is closed; recorded there all the same"
    still_open = [item.id for item in incidents(ledger) if item.state == "open"]
    if len(still_open) == 1:
        return still_open[0], f"recorded under {still_open[0]}, the only open incident"
    if still_open:
        return (
            None,
            f"several incidents are open ({', '.join(still_open[:5])}): name one with `incident`; not recorded under any",
        )
    return None, "asked outside an open incident; call open_incident to keep a record"
