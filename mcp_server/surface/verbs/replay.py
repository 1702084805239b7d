"""Looks again: the same call on the same target, and what differs."""

import difflib
import json
import time

from pydantic import Field

from mcp_server.core.calls import Command
from mcp_server.core.errors import BadInput, CouldNotLook
from mcp_server.core.ledger import Entry
from mcp_server.core.outcome import BlindSpot, Coverage, Outcome, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Limits
from mcp_server.engine.places import resolve
from mcp_server.engine.reader import EvidenceReader
from mcp_server.engine.session import Asking, Session
from mcp_server.surface.render import QUOTE_LINES
from mcp_server.surface.stored import answer_of, call_of, readable, stored
from mcp_server.surface.telling import Told, tell
from mcp_server.surface.verb import Verb


class Params(Parameters):
    """Which look to repeat."""

    id: str = Field(max_length=20, description="E17: the evidence whose look is repeated")


VERB = Verb(
    summary="Does evidence E17 still hold? Repeats its look on its target now and shows what differs.",
    group="record",
    examples=({"id": "E17"},),
)
_REDACTED = "‹secret:"
_DIFF_CHARS = 1_000_000


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Raises BadInput for an address that does not exist, or a call whose text was redacted: the secret is not kept."""
    entry = stored(session.ledger, params.id, "E")
    body = entry.body
    if _REDACTED in json.dumps(body["call"], ensure_ascii=False):
        raise BadInput(
            f"E{entry.seq} cannot be repeated: a secret in its call was redacted and is kept nowhere",
            f"ask {body['asker']} again",
        )
    call, place = call_of(entry), resolve(body["target"], session.settings.read, session.settings.logs, session.redactor)
    asking.incident = asking.incident or entry.incident

    def work() -> Told:
        limits = session.settings.limits
        reader = EvidenceReader(
            place, session.ledger, session.redactor, Limits(limits.look_s, limits.output_bytes, asking.cancel),
            asker="replay", commands=call.argv[:1] if isinstance(call, Command) else (),
            deadline=time.monotonic() + limits.call_s, incident=asking.incident,
        )  # fmt: skip
        before = _before(session, entry)
        try:
            after = readable(reader.look(call).value.model_dump(mode="json"))
        except CouldNotLook as failure:
            reader.missed(failure.what, failure)
            after = f"the look failed: {failure.reason}: {failure.detail}"
            if "failure" not in body:
                return Told(
                    (_said("the look cannot be repeated now", entry),), coverage=reader.coverage(), evidence=_ids(reader)
                )
        return _compared(entry, reader, before, after)

    return tell(session, asking, "replay", params, work, body["target"])


def _before(session: Session, entry: Entry) -> str:
    failure = entry.body.get("failure")
    if failure is not None:
        return f"the look failed: {failure['reason']}: {failure['detail']}"
    return readable(answer_of(session.ledger, entry) or {})


def _compared(entry: Entry, reader: EvidenceReader, before: str, after: str) -> Told:
    coverage, evidence = reader.coverage(), (f"E{entry.seq}", *_ids(reader))
    if before == after:
        return Told((_said("nothing differs", entry, *_ids(reader)),), coverage=coverage, evidence=evidence)
    if max(len(before), len(after)) > _DIFF_CHARS:
        spot = BlindSpot(what="difference", reason="the texts are too large to compare", remedy="read_evidence both")
        return Told(
            (_said("it differs", entry, *_ids(reader)),), evidence=evidence,
            coverage=Coverage(looked=coverage.looked, blind=coverage.blind, cut=(*coverage.cut, spot)),
        )  # fmt: skip
    old, new = before.splitlines(), after.splitlines()
    lines = list(difflib.unified_diff(old, new, f"E{entry.seq}", "now", n=1, lineterm=""))
    more = f"; {len(lines) - QUOTE_LINES} further lines: read_evidence both" if len(lines) > QUOTE_LINES else ""
    said = _said(f"it differs{more}", entry, *_ids(reader))
    return Told((said.model_copy(update={"quotes": tuple(lines[:QUOTE_LINES])}),), coverage=coverage, evidence=evidence)


def _said(text: str, entry: Entry, *after: str) -> Statement:
    return Statement(
        text=text + ": {call}, as seen at {then}",
        values={"call": call_of(entry).title(), "then": entry.body["started"]},
        evidence=(f"E{entry.seq}", *after),
    )


def _ids(reader: EvidenceReader) -> tuple[str, ...]:
    return tuple(reader.evidence)
