"""The timeline: the ledger folded into one ordered story, on one clock, with the sources' own stamps."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from mcp_server.core.change import Change
from mcp_server.core.clock import parse_moment, stamp
from mcp_server.core.ledger import Entry, Ledger
from mcp_server.core.outcome import Finding, Statement, Value
from mcp_server.core.text import one_line
from mcp_server.incident.answers import ALERTS, Answers
from mcp_server.incident.happening import Happening, Kind, Sighting, in_order
from mcp_server.incident.record import Incident
from mcp_server.incident.same import merged

_FAMILIES = {
    "install": "in", "upgrade": "in", "downgrade": "in", "remove": "out", "purge": "out", "restart": "start",
}  # fmt: skip
_TELLING = ("package:", "unit:", "pid:", "certificate:")
"""Clues that name one thing; a path or port is shared by many changes."""
_ENTRIES: dict[str, Kind] = {
    "alert": "alert", "plan": "action", "approval": "action", "execution": "action", "step": "action", "action": "action",
    "operation": "action",
}  # fmt: skip
"""Families of ledger entries (`alert.received`, `plan.made`, `step.done` …) that are part of the story."""
_TITLES = ("title", "summary", "operation", "name", "what", "step", "plan", "id")
_TIMES = ("happened", "starts_at", "started", "at")


def timeline(
    incident: Incident, known: Answers, *, looks: bool = False, ledgers: Sequence[Ledger] = (), logs: Collection[str] = ()
) -> tuple[Happening, ...]:
    """Everything that has a time, oldest first; at the same moment changes come before what they may have caused.

    What two sources saw is one happening that cites both. For the parameters see `events`.
    """
    return in_order(merged(events(incident, known, looks=looks, ledgers=ledgers, logs=logs)))


def events(
    incident: Incident, known: Answers, *, looks: bool = False, ledgers: Sequence[Ledger] = (), logs: Collection[str] = ()
) -> tuple[Happening, ...]:
    """Everything that has a time, as each source told it, oldest first.

    `logs` are the diagnostics that read logs: what they date is an onset in a log. Alerts and actions are those that
    `ledgers` hold: ours, and the gate's where there is one.
    """
    happenings = [*_changes(known), *_findings(known, logs), *_record(incident), *(_answers(known) if looks else ())]
    for ledger in ledgers:
        happenings += _entries(ledger, incident)
    return in_order(happenings)


def _changes(known: Answers) -> Iterator[Happening]:
    for change in known.changes:
        subject = change.summary.values.get("subject")
        yield Happening(
            at=change.at, kind="change", source=change.source, statement=change.summary, stamp=change.stamp,
            doubt_ms=change.doubt_ms, component=change.component, identity=_identity(change),
            label=str(subject) if subject else f"{change.kind} {_tail(change.component)}",
        )  # fmt: skip


def _identity(change: Change) -> tuple[str, ...]:
    """What another source would call this very change."""
    family = _FAMILIES.get(change.kind, change.kind)
    names = [clue for clue in change.clues if clue.startswith(_TELLING)] if len(change.clues) <= 3 else []
    if change.component.startswith("/"):
        names.append(f"path:{change.component}")
    commit = change.reference[:7].lower()
    known = [f"commit:{commit}"] if len(commit) == 7 and not commit.strip("0123456789abcdef") else []
    return tuple(dict.fromkeys([*(f"{family} {name}" for name in names), *known]))


def _findings(known: Answers, logs: Collection[str]) -> Iterator[Happening]:
    kept = {id(item) for item in (*known.findings(), *known.alerts())}
    for outcome in known.outcomes:
        for finding in outcome.findings:
            if id(finding) in kept:
                yield _finding(finding, outcome.name, outcome.at, outcome.name in logs)


def _finding(finding: Finding, source: str, seen: datetime, from_log: bool) -> Happening:
    said = Statement.model_construct(
        text=finding.text, values=finding.values, evidence=finding.evidence, quotes=finding.quotes, at=finding.at,
        doubt_ms=finding.doubt_ms,
    )  # fmt: skip
    kind: Kind = "log" if from_log and finding.at else "alert" if source in ALERTS else "finding"
    subject, last = finding.values.get("subject"), finding.values.get("last")
    if kind == "alert":
        return _alert(finding, said, source, seen)
    name = finding.code.rpartition(".")[2].replace("_", " ")
    origin = finding.component if kind == "log" and finding.component and finding.component.startswith("/") else ""
    return Happening(
        at=finding.at or seen, kind=kind, source=source, statement=said, inferred=finding.at is None, doubt_ms=finding.doubt_ms,
        component=finding.component or "", severity=finding.severity, origin=origin or "",
        until=_moment(last) if finding.at and isinstance(last, str) else None,
        label=f"{name} {_tail(str(subject or '' if origin else finding.component or ''))}".strip(),
        identity=(f"{finding.code} {subject}",) if subject and kind == "log" else (),
    )  # fmt: skip


def _alert(finding: Finding, said: Statement, source: str, seen: datetime) -> Happening:
    """Its begin with the source's own stamp, and its end. It goes by the name that other senders of alerts use, too."""
    value = {key: str(finding.values.get(key) or "") for key in ("alert", "subject", "stamp", "clock", "fingerprint", "last")}
    return Happening(
        at=finding.at or seen, kind="alert", source=source, statement=said, inferred=finding.at is None,
        doubt_ms=finding.doubt_ms, component=finding.component or "", severity=finding.severity, origin=value["clock"],
        stamp=value["stamp"], until=_moment(value["last"]), label=value["alert"],
        identity=tuple(f"alert {name}" for name in (value["fingerprint"], value["subject"]) if name),
    )  # fmt: skip


def _record(incident: Incident) -> Iterator[Happening]:
    title = {"title": incident.title}
    yield Happening(
        at=incident.opened, kind="incident", source="ledger", label="incident opened",
        statement=Statement(text="incident opened: {title}", values=title, evidence=(incident.id,)),
    )  # fmt: skip
    if incident.onset != incident.opened:
        said = Statement(text="onset as it was reported when the incident opened", evidence=(incident.id,))
        yield Happening(at=incident.onset, kind="incident", source="ledger", statement=said, label="onset as reported")
    for note in incident.notes:
        said = Statement(text="note: {text}", values={"text": note.text}, evidence=(note.entry,))
        yield Happening(at=note.at, kind="note", source="ledger", statement=said, label=note.text)
    if incident.closed:
        said = Statement(text="incident closed: {summary}", values={"summary": incident.summary}, evidence=(incident.id,))
        yield Happening(at=incident.closed, kind="incident", source="ledger", statement=said, label="incident closed")


def _entries(ledger: Ledger, incident: Incident) -> Iterator[Happening]:
    """Alerts and actions as other parts of the program recorded them, whatever their exact kind is. The steps of an
    execution name it, and belong to the incident that it belongs to."""
    claimed: set[str] = set()
    for entry in ledger.entries(incident=incident.id):
        family, _, event = entry.kind.partition(".")
        if entry.kind == "execution.claimed":
            claimed.add(f"X{entry.seq}")
        if family in _ENTRIES:
            yield _entry(entry, family, event.replace("_", " "), _ENTRIES[family])
    for kind in ("execution.step", "execution.state") if claimed else ():
        for entry in ledger.entries(kind=kind):
            if entry.incident is None and entry.body.get("execution") in claimed:
                yield _progress(entry)


def _progress(entry: Entry) -> Happening:
    """One step of an execution, or the state of the whole."""
    body: Mapping[str, Any] = entry.body
    values: dict[str, Value] = {"execution": str(body["execution"]), "state": str(body.get("state", "")).replace("_", " ")}
    text = "execution {execution}"
    if isinstance(body.get("number"), int):
        text, values = text + ", step {number}", values | {"number": body["number"]}
    text += ": {state}"
    if body.get("said"):
        text, values = text + ", {said}", values | {"said": one_line(body["said"], 160)}
    label = f"{body['execution']}{' step ' + str(body['number']) if 'number' in values else ''} {values['state']}"
    said = Statement(text=text, values=values, evidence=(str(body["execution"]),))
    return Happening(at=parse_moment(entry.at), kind="action", source="execution", statement=said, label=label)


_LETTERS = {"plan.proposed": "P", "approval.given": "A", "execution.claimed": "X", "authority.given": "Y"}


def _entry(entry: Entry, family: str, event: str, kind: Kind) -> Happening:
    body: Mapping[str, Any] = entry.body
    own = next((body[name] for name in _TIMES if isinstance(body.get(name), str)), "") if kind == "alert" else ""
    at = _moment(own) or parse_moment(entry.at)
    plan = body.get("plan")
    if isinstance(plan, Mapping) and isinstance(plan.get("request"), Mapping):
        request = plan["request"]
        body = {"title": f"P{entry.seq} {request.get('operation', '')} in {request.get('environment', '')}"}
    if entry.kind == "approval.given":
        by = f"standing approval {body['proof'].partition(' ')[0]}, signed by" if body["route"] == "standing" else "by"
        body = {"title": f"{plan} {by} {body['approver']} ({body['route']})"}
    title = next((one_line(body[name], 160) for name in _TITLES if isinstance(body.get(name), str | int)), "")
    name = str(body.get("fingerprint") or body.get("dedup_key") or title) if kind == "alert" else ""
    text = f"{family} {event}".strip() + (": {title}" if title else "")
    label = title or "alert" if kind == "alert" else f"{family} {event} {title}".strip()
    cited = f"{_LETTERS.get(entry.kind, 'L')}{entry.seq}"
    return Happening(
        at=at, kind=kind, source=family, stamp=own if own != stamp(at) else "", label=label,
        statement=Statement(text=text, values={"title": title} if title else {}, evidence=(cited,)),
        inferred=kind == "alert" and not own, identity=(f"alert {name}",) if name else (),
        severity="critical" if str(body.get("severity", "")).lower() in ("critical", "page", "sev1") else None,
        origin=one_line(body["source"], 60) if kind == "alert" and isinstance(body.get("source"), str) else "",
    )  # fmt: skip


def _answers(known: Answers) -> Iterator[Happening]:
    for outcome in known.outcomes:
        said = Statement(text=f"{outcome.name} answered {outcome.verdict}", evidence=(outcome.id,) if outcome.id else ())
        yield Happening(at=outcome.at, kind="answer", source=outcome.name, statement=said)


def _moment(text: object) -> datetime | None:
    try:
        return parse_moment(text) if isinstance(text, str) and "T" in text else None
    except ValueError:
        return None


def _tail(name: str) -> str:
    """The end of a path, which is what tells it apart."""
    return "/".join(name.rstrip("/").split("/")[-2:]) if name.startswith("/") else name


def lines(happenings: Sequence[Happening]) -> Iterator[Statement]:
    """The story as sentences that begin with their time."""
    for item in happenings:
        doubt = f" ±{item.doubt_ms} ms" if item.doubt_ms else ""
        seen = " (when seen)" if item.inferred else ""
        lead = f"{stamp(item.at)}{doubt}{seen}  {item.kind:<8}  {item.source}: "
        text, values = lead + item.statement.text, dict(item.statement.values)
        for number, other in enumerate(item.also, 1):
            told, more = also_seen(other, number)
            text, values = f"{text}; {told}", values | more
        yield item.statement.model_copy(update={"text": text, "values": values, "at": None, "quotes": ()})


def also_seen(other: Sighting, number: int = 1) -> tuple[str, dict[str, Value]]:
    """Who else saw it, when, and by which stamp."""
    text, values = f"also seen by {other.source}", dict[str, Value]()
    if other.origin:
        text, values[f"also_{number}"] = text + f" {{also_{number}}}", other.origin
    text += f" at {stamp(other.at)}"
    if other.stamp:
        text, values[f"also_stamp_{number}"] = text + f" (its stamp {{also_stamp_{number}}})", other.stamp
    return text, values
