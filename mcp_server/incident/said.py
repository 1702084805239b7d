"""A diagnosis in sentences: what triage, probable_cause and the report say, from one place."""

from collections.abc import Iterator

from mcp_server.core.change import Change
from mcp_server.core.clock import stamp
from mcp_server.core.outcome import Statement, Value
from mcp_server.engine.maintenance import windows_told
from mcp_server.incident.causes import Diagnosis, Hypothesis
from mcp_server.incident.first_alert import told
from mcp_server.incident.validation import Receipts

FEW = 4


def change_statement(change: Change, lead: str = "") -> Statement:
    """A change's own sentence, with its time and evidence; `lead` stands before it."""
    return change.summary.model_copy(update={"text": lead + change.summary.text, "at": change.at, "quotes": ()})


def diagnosis_statements(diagnosis: Diagnosis) -> Iterator[Statement]:
    """Probable cause, other explanations, what was ruled out, in that order."""
    best = diagnosis.probable
    if best is None:
        yield nothing_found(diagnosis)
    else:
        yield from cause_statements(best, "probable cause", diagnosis)
    for other in diagnosis.hypotheses[1:FEW]:
        yield from cause_statements(other, "also possible", diagnosis)
    if len(diagnosis.hypotheses) > FEW:
        yield Statement(
            text="{count} further explanations are in probable_cause", values={"count": len(diagnosis.hypotheses) - FEW}
        )
    yield from ruled_out(diagnosis, FEW)


def nothing_found(diagnosis: Diagnosis) -> Statement:
    """Health, or that nothing can be said."""
    if diagnosis.state == "unknown" and diagnosis.first_alert and not diagnosis.not_yet:
        alert = told(diagnosis.first_alert)
        text = "cause unknown: an alert saw something wrong, and nothing that was asked did; " + alert.text
        return Statement(text=text, values=alert.values, evidence=alert.evidence)
    if diagnosis.state == "unknown":
        return Statement(
            text="cause unknown: nothing wrong was found, but not everything was seen ({count}); look there next",
            values={"count": len(diagnosis.not_yet)},
        )
    return Statement(text="nothing wrong was found, and everything asked was seen")


def cause_statements(item: Hypothesis, lead: str, diagnosis: Diagnosis) -> Iterator[Statement]:
    """The root, the change that may have brought it with its reasons, what it explains."""
    root = item.root
    first = lead == "probable cause"
    cited = item.evidence_for()[:8] if first else root.evidence
    yield Statement(text=f"{lead}: " + root.text, values=root.values, evidence=cited, at=item.onset if first else None)
    if item.symptoms or item.agreeing:
        explained_too = (*item.agreeing, *item.symptoms)
        codes = dict.fromkeys(finding.code for finding in explained_too)
        proof = tuple(dict.fromkeys(name for finding in explained_too for name in finding.evidence))
        yield Statement(text="it explains: " + ", ".join(codes), evidence=proof[:8])
    if item.trigger:
        yield change_statement(item.trigger.change, "triggering change: ")
        yield item.trigger.why()
    else:
        yield no_change(diagnosis)
    for link in item.later[:2]:
        yield change_statement(link.change, "against: this shares a clue but came after the onset: ")


def no_change(diagnosis: Diagnosis) -> Statement:
    """That no change explains it; and whether all sources of change were seen."""
    seen = "" if diagnosis.changes_seen else "; not every source of change could be seen"
    asked = (diagnosis.changes_id,) if diagnosis.changes_id else ()
    return Statement(text="no observed change explains this" + seen, evidence=asked)


def ruled_out(diagnosis: Diagnosis, limit: int) -> Iterator[Statement]:
    """Diagnostics that said ok, then changes that explain nothing, nearest first, with the reason."""
    if diagnosis.healthy:
        answers = tuple(diagnosis.healthy.values())
        yield Statement(text="ruled out, asked and ok: " + ", ".join(diagnosis.healthy), evidence=answers)
    for reason, changes in unlinked_by_reason(diagnosis).items():
        lead = f"{reason}: " if diagnosis.hypotheses else "changed before, nothing links it to a fault: "
        for change in changes[:limit]:
            yield change_statement(change, lead)
        if len(changes) > limit:
            asked = (diagnosis.changes_id,) if diagnosis.changes_id else ()
            yield Statement(text=lead + "{count} more changes", values={"count": len(changes) - limit}, evidence=asked)


def unlinked_by_reason(diagnosis: Diagnosis) -> dict[str, list[Change]]:
    """Changes that explain nothing, by why they do not."""
    found: dict[str, list[Change]] = {}
    for item in diagnosis.not_linked:
        found.setdefault(item.why, []).append(item.change)
    return found


def onset_statement(diagnosis: Diagnosis) -> Statement:
    """When it began, and who says so."""
    origins = {"finding": "the earliest trace of the cause", "incident": "as the incident was recorded"}
    text, values = "onset {onset}, ", {"onset": stamp(diagnosis.onset)}
    alert = diagnosis.first_alert
    if alert is None:
        return Statement(text=text + origins[diagnosis.onset_from], values=values)
    first = told(alert)
    own = "when the condition of the first alert began to hold" if diagnosis.onset_from == "alert" else ""
    text += (own or origins[diagnosis.onset_from]) + "; " + first.text
    return Statement(text=text, values=values | first.values, evidence=first.evidence)


def receipt_statements(receipts: Receipts) -> Iterator[Statement]:
    """What the pre-execution validation found."""
    yield Statement(
        text="rules read: {count} files, digests kept" if receipts.authority else "rules read: none found (authority.paths)",
        values={"count": len(receipts.authority)},
    )
    for spot in receipts.authority_blind[:3]:
        yield Statement(text="rules not read: {what} ({reason})", values={"what": spot.what, "reason": spot.reason})
    yield from _policy(receipts)
    yield Statement(text="preflight: {count} diagnostics have what they need here", values={"count": receipts.units_ready})
    for spot in receipts.lacking[:5]:
        yield Statement(
            text="lacking: {what} ({reason}); {remedy}",
            values={"what": spot.what, "reason": spot.reason, "remedy": spot.remedy},
        )
    yield from windows_told(receipts.maintenance)
    if receipts.recurs:
        yield receipts.recurs.told()
    for item in receipts.similar[:3]:
        yield Statement(
            text="similar: {incident} of {opened}: {title}",
            values={"incident": item.id, "opened": stamp(item.opened), "title": item.title},
        )
    if not receipts.similar:
        yield Statement(text="similar incidents of the last six months: none in this ledger")
    yield Statement(text="playbooks: " + ", ".join(f"{kind} {name}" for kind, name in receipts.playbooks.items()))


def _policy(receipts: Receipts) -> Iterator[Statement]:
    """Contradictions among the rules, and folders whose changelog is not what it should be."""
    for finding in receipts.conflicts[:3]:
        yield Statement(text="rules contradict: " + finding.text, values=finding.values, evidence=finding.evidence)
    if len(receipts.conflicts) > 3:
        yield Statement(text="{count} more contradictions: policy_conflicts", values={"count": len(receipts.conflicts) - 3})
    if receipts.conflicts_verdict == "unknown":
        yield Statement(text="rules compared in part: policy_conflicts says what was not read")
    for item in receipts.changelogs:
        if item.problem:
            values: dict[str, Value] = {"folder": item.folder, "problem": item.problem}
            yield Statement(text="changelog of {folder}: {problem}", values=values)


def explained(diagnosis: Diagnosis) -> Iterator[Statement]:
    """Everything about every hypothesis: for, against, what would confirm it."""
    yield onset_statement(diagnosis)
    if diagnosis.probable is None:
        yield nothing_found(diagnosis)
    for index, item in enumerate(diagnosis.hypotheses):
        yield from cause_statements(item, "probable cause" if index == 0 else "also possible", diagnosis)
        for link in item.others:
            yield change_statement(link.change, "weaker link: ")
            yield link.why()
        yield Statement(text="evidence for: " + (" ".join(item.evidence_for()[:20])))
        yield Statement(text="evidence against: " + (" ".join(item.evidence_against()) or "none"))
        for sentence in item.confirm:
            yield Statement(text="to confirm: " + sentence)
    yield from ruled_out(diagnosis, 10)
