"""What stands behind a citation: the stored text of a look or of an earlier answer, page by page."""

from pydantic import Field

from mcp_server.core.ledger import Entry
from mcp_server.core.outcome import Coverage, Outcome, Statement, Suggestion
from mcp_server.core.parameters import Parameters
from mcp_server.core.text import visible
from mcp_server.engine.session import Asking, Session
from mcp_server.surface.render import QUOTE_CHARS, QUOTE_LINES
from mcp_server.surface.stored import lines_of, stored, stored_text, title_of
from mcp_server.surface.telling import Told, tell
from mcp_server.surface.verb import Verb


class Params(Parameters):
    """Which text, and which stretch of it, in characters."""

    id: str = Field(max_length=20, description="E17 (evidence) or R12 (an answer)")
    start: int = Field(0, ge=0, le=1_000_000_000, description="First character")
    length: int = Field(4_000, ge=1, le=20_000, description="Characters at most")


VERB = Verb(
    summary="What stands behind a citation? Shows the stored text of evidence E17 or answer R12, with call, time and failure.",
    group="record",
    examples=({"id": "E17"}, {"id": "R12", "start": 6000}),
)
_WIDTH = QUOTE_CHARS - 10
"""Folded below what a quote shows of a line."""


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Raises BadInput for an address that does not exist."""
    entry = stored(session.ledger, params.id)
    address = params.id.strip().upper()

    def work() -> Told:
        head = (_look(entry),) if entry.kind == "evidence" else ()
        if "failure" in entry.body:
            return Told(statements=(*head, _failure(entry)), coverage=Coverage(looked=(address,)), evidence=(address,))
        text = stored_text(session.ledger, entry)
        room = min(params.length, max(session.settings.limits.answer_chars - 900, 300))
        page, end = _page(text, params.start, room)
        statement = Statement(
            text="characters {start} to {end} of {total}",
            values={"start": min(params.start, len(text)), "end": end, "total": len(text)},
            evidence=(address,),
        )
        more = Suggestion(tool="read_evidence", arguments={"id": address, "start": end}, why="the rest")
        return Told(
            statements=(*head, statement), passing=(Statement(text="stored text:", quotes=(page,)),) if page else (),
            coverage=Coverage(looked=(address,), empty=() if text else (address,)),
            next=(more,) if end < len(text) else (), evidence=(address,),
        )  # fmt: skip

    return tell(session, asking, "read_evidence", params, work)


def _page(text: str, start: int, room: int) -> tuple[str, int]:
    """Whole folded lines from `start`, as many as an answer shows; and where the next page begins."""
    taken: list[str] = []
    shown, end = 0, min(start, len(text))
    for line in lines_of(text[end : end + room], _WIDTH):
        # a character made visible takes up to eight: fold once more
        seen = lines_of(visible(line.rstrip("\r\n")), _WIDTH)
        shown += sum(len(part) + 7 for part in seen)
        if taken and (shown > room or len(taken) + len(seen) > QUOTE_LINES):
            break
        taken += seen
        end += len(line)
    return "\n".join(taken), end


def _look(entry: Entry) -> Statement:
    body = entry.body
    return Statement(
        text="{call} on {target}, asked by {asker} at {started}, took {took} ms, sha256 {sha256}",
        values={
            "call": title_of(entry), "target": body["target"], "asker": body["asker"], "started": body["started"],
            "took": body["took_ms"], "sha256": body.get("sha256", "none"),
        },
    )  # fmt: skip


def _failure(entry: Entry) -> Statement:
    failure = entry.body["failure"]
    return Statement(
        text="the look failed: {reason}: {detail}; remedy: {remedy}",
        values={"reason": failure["reason"], "detail": failure["detail"], "remedy": failure["remedy"] or "none known"},
    )
