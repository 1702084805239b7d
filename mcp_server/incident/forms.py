"""The two forms of a report: markdown, and one HTML page that needs nothing else."""

from mcp_server.core.clock import stamp
from mcp_server.core.outcome import Outcome, Statement
from mcp_server.incident import markup, said
from mcp_server.incident.markup import cites, code, markdown, row, template
from mcp_server.incident.report import Report, spots
from mcp_server.incident.timeline_forms import table

TITLE = "Incident report"


def as_markdown(report: Report) -> str:
    """The report in markdown: the same parts in the same order as the page."""
    incident = report.incident
    lines = [
        f"# {TITLE} {incident.id}", "",
        f"Made {stamp(report.made)} from the ledger up to entry {report.head_entry}. State: {incident.state}. "
        f"Severity: {incident.severity or 'not set'}.", "",
        " ".join(_sentence(item) for item in report.summary), "", *_verdicts(report), *_cause(report), *_ruled_out(report),
        *_not_seen(report), "## Timeline (UTC)", "", table(report.timeline),
    ]  # fmt: skip
    lines += ["", "## Next", "", *(f"{number}. {_sentence(step)}" for number, step in enumerate(report.next_steps, 1)), ""]
    if report.gate:
        lines += ["Quality gate, not met: " + "; ".join(report.gate) + ".", ""]
    return "\n".join([*lines, *_appendix(report)]) + "\n"


def _sentence(statement: Statement) -> str:
    return f"{markdown(statement)} {cites(statement.evidence)}"


def _verdicts(report: Report) -> list[str]:
    lines = ["## Answers", "", row("verdict", "question", "seen", "not seen", "answer"), "|---|---|---|---|---|"]
    lines += [
        row(item.verdict, item.name, str(len(item.coverage.looked)), _missed(item), item.id or "") for item in report.answers
    ]
    return [*lines, ""]


def _missed(outcome: Outcome) -> str:
    missed = spots(outcome)
    return "; ".join(f"{code(spot.what, 80)} {code(spot.reason, 120)}" for spot in missed[:4]) or "nothing"


def _cause(report: Report) -> list[str]:
    lines = ["## Probable cause", ""]
    if report.best is None:
        return [*lines, _sentence(said.nothing_found(report.diagnosis)), ""]
    for index, item in enumerate(report.diagnosis.hypotheses):
        lead = "probable cause" if index == 0 else "also possible"
        for statement in said.cause_statements(item, lead, report.diagnosis):
            lines += [f"- {_sentence(statement)}"]
        lines += markup.quotes(item.root)
        against = item.evidence_against()
        lines += [f"- evidence for: {cites(item.evidence_for(), 20)}; against: {cites(against) if against else 'none'}", ""]
    return lines


def _ruled_out(report: Report) -> list[str]:
    items = [f"- {_sentence(statement)}" for statement in said.ruled_out(report.diagnosis, 8)]
    return ["## Ruled out", "", *(items or ["Nothing."]), ""]


def _not_seen(report: Report) -> list[str]:
    lines = ["## Not looked at", ""]
    for item in report.diagnosis.not_yet:
        remedy = f"; remedy: {code(item.remedy)}" if item.remedy else ""
        lines.append(f"- {item.ask}: {code(item.what)} ({code(item.reason)}{remedy})")
    return [*lines, *([] if report.diagnosis.not_yet else ["Everything asked was seen."]), ""]


def _appendix(report: Report) -> list[str]:
    lines = ["## Evidence", "", row("id", "asked by", "call", "started", "ms", "sha256"), "|---|---|---|---|---|---|"]
    for item in report.evidence:
        digest = code(item.failure, 120) if item.failure else item.sha256
        lines.append(row(item.id, item.asker, code(item.call), item.started, f"{item.took_ms:g}", digest))
    if report.evidence_left:
        lines.append(f"\n{report.evidence_left} more looks are in the ledger.")
    return [*lines, "", f"Ledger head: entry {report.head_entry}, `{report.head}`. `verify_ledger` compares."]


def as_html(report: Report) -> str:
    """One page: no script, no outside resource, light and dark, fit for print."""
    return template("report.html.j2").render(r=report, title=TITLE, d=report.drawing, said=said, spots=spots)
