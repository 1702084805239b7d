"""An outcome as text: the same on the terminal and over MCP. Values from outside are marked and made visible."""

from mcp_server.core.clock import stamp
from mcp_server.core.outcome import BlindSpot, Outcome, Statement, Suggestion
from mcp_server.core.text import is_safe_argument, one_line, visible

QUOTE_LINES = 60
QUOTE_CHARS = 400
ITEMS = 12


def headline(outcome: Outcome) -> str:
    """`FINDING  disk_space  local  2026-11-20T10:31:07.412Z  38 ms  R12`."""
    head = [outcome.verdict.upper(), outcome.name, one_line(outcome.target, 80), stamp(outcome.at), f"{outcome.took_ms:.0f} ms"]
    return "  ".join([*head, *([outcome.id] if outcome.id else []), *([outcome.incident] if outcome.incident else [])])


def render(outcome: Outcome, *, depth: int = 0) -> str:
    """The whole answer: headline, parts as a table, findings, statements, coverage, next calls."""
    lines = [("#" * depth + " " if depth else "") + headline(outcome)]
    if outcome.notice:
        lines.append(f"note: {one_line(outcome.notice, 300)}")
    lines += _table(outcome.parts)
    for finding in outcome.findings:
        lines += _said("- ", finding, f"{finding.severity}: " if finding.severity != "warning" else "", outcome.budget)
    for statement in outcome.statements:
        lines += _said("  ", statement, budget=outcome.budget)
    lines += coverage_lines(outcome)
    if line := next_line(outcome.next):
        lines.append(line)
    return "\n".join(lines)


def _table(parts: tuple[Outcome, ...]) -> list[str]:
    """One line per part: verdict, question, its whole answer (R<n>), evidence. Coverage and findings stand with the whole."""
    wide = max((len(part.name) for part in parts), default=0)
    return [
        f"  {part.verdict:<14}  {part.name:<{wide}}  {part.id or '':<6}  {_few(list(part.evidence), 6)}".rstrip()
        for part in parts
    ]


def sentence(statement: Statement) -> str:
    """The authored sentence with its values, each on one line; text values stand between backticks."""
    return statement.told(_shown)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, str):
        return f"`{one_line(value)}`"
    return "unknown" if value is None else str(value)


def _said(lead: str, statement: Statement, mark: str = "", budget: int | None = None) -> list[str]:
    when = f" (at {stamp(statement.at)})" if statement.at else ""
    cites = f"  [{' '.join(statement.evidence[:6])}]" if statement.evidence else ""
    return [f"{lead}{mark}{sentence(statement)}{when}{cites}", *quoted(statement.quotes, budget)]


def quoted(quotes: tuple[str, ...], budget: int | None = None) -> list[str]:
    """Raw text as marked data: every line begins with a bar, so that none can pass for ours.

    An answer with a budget has shortened its quotes itself: they are shown whole.
    """
    lines = [line for quote in quotes for line in visible(quote).splitlines() or [""]]
    if budget is not None:
        return [f"    │ {line}" for line in lines]
    shown = [f"    │ {line if len(line) <= QUOTE_CHARS else line[:QUOTE_CHARS] + '…'}" for line in lines[:QUOTE_LINES]]
    return [*shown, f"    │ … {len(lines) - QUOTE_LINES} more lines"] if len(lines) > QUOTE_LINES else shown


def coverage_lines(outcome: Outcome) -> list[str]:
    """`looked at: … · not looked at: …`."""
    coverage, parts = outcome.coverage, []
    if coverage.looked:
        parts.append("looked at: " + _few([one_line(item, 90) for item in coverage.looked]))
    if coverage.empty:
        parts.append("empty: " + _few([one_line(item, 90) for item in coverage.empty]))
    if coverage.cut:
        parts.append("seen in part: " + _few([_spot(spot) for spot in coverage.cut]))
    if coverage.blind:
        parts.append("not looked at: " + _few([_spot(spot) for spot in coverage.blind]))
    return [" · ".join(parts)] if parts else []


def _spot(spot: BlindSpot) -> str:
    remedy = f"; remedy: {one_line(spot.remedy, 200)}" if spot.remedy else ""
    return f"{one_line(spot.what, 90)} ({one_line(spot.reason, 200)}{remedy})"


def _few(items: list[str], most: int = ITEMS) -> str:
    more = f", and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more


def next_line(suggestions: tuple[Suggestion, ...]) -> str:
    """`next: log_tail path=/var/log/app.log`; a call whose arguments are not of a safe form is left out."""
    calls = []
    for suggestion in suggestions:
        if all(is_safe_argument(value) for value in suggestion.arguments.values()):
            arguments = "".join(f" {key}={value}" for key, value in suggestion.arguments.items())
            calls.append(f"{suggestion.tool}{arguments}" + (f" ({suggestion.why})" if suggestion.why else ""))
    return "next: " + " · ".join(calls) if calls else ""
