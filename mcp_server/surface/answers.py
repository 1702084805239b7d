"""One outcome as one bounded text, and what is left for later: the same bounds whatever door it leaves by."""

import json
from typing import Any

from mcp_server.core.errors import Cancelled, VeteranError
from mcp_server.core.outcome import Coverage, Outcome
from mcp_server.core.redaction import Redactor
from mcp_server.core.text import one_line, visible
from mcp_server.surface.render import coverage_lines, render

META_BYTES, UNKEPT_BYTES = 65_536, 2_097_152
"""The machine-readable form travels beside the text only up to this size; more when it can be read nowhere else."""

UNSEEN_SHARE = 4
"""A cut answer gives at most one part in so many to what could not be looked at."""


def bounded(outcome: Outcome, limit: int) -> str:
    """The rendered outcome, cut at the end of a line when it is longer than `limit`; the last line says how to go on.

    What could not be looked at is never cut away: it stands before that line, in short where it is long.
    """
    text, limit = render(outcome), outcome.budget or limit
    if len(text) <= limit:
        return text
    unseen = _unseen(outcome, limit // UNSEEN_SHARE)
    room = max(limit - 120 - len(unseen), 200)
    cut = text.rfind("\n", 0, room) + 1 or room
    shown = text[:cut] + (unseen if "not looked at: " not in text[:cut] else "")
    if not (outcome.id or "").startswith("R"):
        return f"{shown}… cut: {cut:,} of {len(text):,} characters shown; ask for less"
    # the stored outcome has no notice line, so its text is shorter by that line
    start = cut - (len(text) - len(render(outcome.model_copy(update={"notice": ""}))))
    how = f"the rest: read_evidence id={outcome.id} start={max(start, 0)}"
    return f"{shown}… cut: {cut:,} of {len(text):,} characters shown; {how}"


def _unseen(outcome: Outcome, room: int) -> str:
    """One line with the blind spots, without their remedies where they would not fit; empty where there are none."""
    blind = outcome.coverage.blind
    if not blind:
        return ""
    for named in (coverage_lines(outcome.model_copy(update={"coverage": Coverage(blind=blind)})), None):
        line = named[0] if named else "not looked at: " + ", ".join(one_line(spot.what, 60) for spot in blind)
        if len(line) < room:
            break
    return one_line(line, room) + "\n"


def machine_form(outcome: Outcome) -> dict[str, Any]:
    """The outcome as data for `_meta`; when it is too large, where it can be read instead."""
    data = outcome.model_dump(mode="json", exclude_defaults=True)
    size = len(json.dumps(data))
    kept = (outcome.id or "").startswith("R")
    if size <= (META_BYTES if kept else UNKEPT_BYTES):
        return {"veteran/outcome": data}
    where = f"; read the resource outcome://{outcome.id}" if kept else "; ask for less"
    return {"veteran/outcome_left_out": f"{size:,} bytes{where}"}


def refusal(error: VeteranError, redactor: Redactor) -> str:
    """A failure as a sentence for whoever asked, without secrets and with every character visible."""
    lead = "cancelled: " if isinstance(error, Cancelled) else ""
    return visible(redactor.text(lead + error.sentence()))[:2_000]
