"""The forms of a timeline: a markdown table, one HTML page that needs nothing else, the drawing alone."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any

from mcp_server.core.clock import stamp
from mcp_server.core.outcome import Statement
from mcp_server.incident import said
from mcp_server.incident.clocks import span_ms
from mcp_server.incident.drawing import Drawing, draw
from mcp_server.incident.happening import KINDS, Happening
from mcp_server.incident.markup import cites, code, markdown, row, template
from mcp_server.incident.timeline import also_seen
from mcp_server.incident.timeline_page import first_and_last
from mcp_server.incident.timeline_view import View, clock_statements

MOST = 2_000
"""Rows of the page's table; those nearest to the onset are kept."""
NAMES = {
    "change": "changes", "log": "log onsets", "alert": "alerts", "finding": "findings", "action": "actions",
    "incident": "record", "note": "notes", "answer": "answers",
}  # fmt: skip


def table(happenings: Sequence[Happening], first: int = 1) -> str:
    """The story as a markdown table; values from outside stay in code spans."""
    lines = [row("#", "at (UTC)", "±", "kind", "source", "what", "evidence"), "|---|---|---|---|---|---|---|"]
    for number, item in enumerate(happenings, first):
        what = markdown(item.statement) + (f"; source stamp {code(item.stamp, 60)}" if item.stamp else "")
        for other in item.also:
            text, values = also_seen(other)
            what += "; " + markdown(Statement(text=text, values=values))
        source = item.source + (f" {code(item.origin, 80)}" if item.origin else "")
        lines.append(row(str(number), stamp(item.at), doubt(item), item.kind, source, what, cites(item.cites())))
    return "\n".join(lines)


def doubt(item: Happening) -> str:
    """`±999 ms`, `±2.0 h`, `when seen`."""
    parts = [f"±{span_ms(item.doubt_ms)}"] if item.doubt_ms else []
    return " ".join([*parts, *(["when seen"] if item.inferred else [])])


def drawn(view: View, shown: Sequence[Happening]) -> Drawing:
    """The drawing of a part of the story."""
    best = view.diagnosis.probable
    trigger = best.trigger.change if best and best.trigger else None
    return draw(shown, view.diagnosis.onset, trigger, root=best.root if best else None, clocks=view.clocks)


def as_svg(view: View, shown: Sequence[Happening]) -> str:
    """The drawing alone, as a file of its own."""
    macros: Any = template("timeline.svg.j2").module
    return str(macros.svg(drawn(view, shown), False, True)).strip() + "\n"


def as_page(view: View, shown: Sequence[Happening]) -> str:
    """No script, no outside resource, light and dark, fit for print; kinds are switched on and off by style alone."""
    drawing = drawn(view, shown)
    begin, end = _nearest(shown, view)
    kept = shown[begin:end]
    ends = first_and_last(shown)
    clocks = [(_off(item.text), item) for item in clock_statements(view.clocks, "")]
    return template("timeline.html.j2").render(
        v=view, d=drawing, said=said, rows=list(_rows(kept, begin, drawing)), count=len(shown), left=len(shown) - len(kept),
        first=ends[0] if ends else None, last=ends[1] if ends else None, names=NAMES, clocks=clocks,
        kinds=[kind for kind in KINDS if any(item.kind == kind for item in shown)],
        onset_row=bisect_left([item.at for item in kept], view.diagnosis.onset),
    )  # fmt: skip


def _off(text: str) -> bool:
    return "agree" not in text


def _nearest(shown: Sequence[Happening], view: View) -> tuple[int, int]:
    """At most `MOST` neighbours around the onset: two thirds before it."""
    at = bisect_left([item.at for item in shown], view.diagnosis.onset)
    begin = max(0, min(at - MOST * 2 // 3, len(shown) - MOST))
    return begin, min(len(shown), begin + MOST)


def _rows(kept: Sequence[Happening], begin: int, drawing: Drawing) -> Iterator[dict[str, Any]]:
    special = {mark.number: mark for mark in drawing.marks if mark.trigger or mark.root}
    for number, item in enumerate(kept, begin + 1):
        mark = special.get(number)
        yield {
            "number": number, "at": item.at, "kind": item.kind, "source": item.source, "origin": item.origin,
            "statement": item.statement, "stamp": item.stamp, "doubt": doubt(item),
            "also": [Statement(text=text, values=values) for text, values in map(also_seen, item.also)],
            "trigger": bool(mark and mark.trigger), "root": bool(mark and mark.root),
        }  # fmt: skip
