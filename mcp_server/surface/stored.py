"""What the ledger keeps, read back by its address: evidence `E<n>` and answers `R<n>`."""

import json
import re
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from mcp_server.core.call import Call
from mcp_server.core.errors import BadInput, Broken
from mcp_server.core.ledger import Entry, Ledger
from mcp_server.core.outcome import Outcome
from mcp_server.core.text import one_line
from mcp_server.surface.render import render

_ADDRESS = re.compile(r"([ER])([1-9]\d{0,11})")
_KINDS = {"E": "evidence", "R": "outcome"}
_BLOCK_CHARS = 120
"""Longer texts of an answer are shown as a block of their own instead of as a JSON string."""


@cache
def _calls() -> TypeAdapter[Any]:
    from mcp_server.core.call_types import AnyCall

    return TypeAdapter(AnyCall)


def stored(ledger: Ledger, address: str, letters: str = "ER") -> Entry:
    """The entry behind `E17` or `R12`. Raises BadInput, naming the newest that there is, for anything else."""
    match = _ADDRESS.fullmatch(address.strip().upper())
    if match is None or match[1] not in letters:
        wanted = " or ".join({"E": "E<n> (evidence)", "R": "R<n> (an answer)"}[letter] for letter in letters)
        raise BadInput(f"`id` is `{one_line(address, 60)}`; it should be {wanted}, as shown in an answer")
    try:
        entry = ledger.entry(int(match[2]))
    except BadInput:
        raise BadInput(f"the ledger holds no {match[0]}; its newest entry is {ledger.head()[0]}") from None
    if entry.kind != _KINDS[match[1]]:
        other = next((letter for letter, kind in _KINDS.items() if kind == entry.kind), None)
        hint = f"did you mean {other}{match[2]}?" if other else f"entry {match[2]} is of another kind ({entry.kind})"
        raise BadInput(f"{match[0]} is no {_KINDS[match[1]]}", hint)
    return entry


def outcome_of(entry: Entry) -> Outcome:
    """The answer as it was given, with its id."""
    return Outcome.model_validate(entry.body["outcome"] | {"id": f"R{entry.seq}"})


def call_of(entry: Entry) -> Call[Any]:
    """The call behind evidence, redacted as it is kept. Raises Broken when this version does not know it."""
    try:
        call: Call[Any] = _calls().validate_python(entry.body["call"])
    except ValidationError as error:
        raise Broken(
            f"the call of E{entry.seq} is none that this version knows: {one_line(error.errors()[0]['msg'])}"
        ) from None
    return call


def title_of(entry: Entry) -> str:
    """What was looked at, for a heading; the kind of the call when this version does not know it."""
    try:
        return call_of(entry).title()
    except Broken:
        return str(entry.body["call"].get("kind", "look"))


def answer_of(ledger: Ledger, entry: Entry) -> dict[str, Any] | None:
    """The redacted answer behind evidence; None when the look failed. Raises Broken when its bytes are gone or altered."""
    digest = entry.body.get("sha256")
    if digest is None:
        return None
    answer: dict[str, Any] = json.loads(ledger.blob(digest))
    return answer


def stored_text(ledger: Ledger, entry: Entry) -> str:
    """The whole text behind an address: the rendered answer, or what a look saw; empty for a look that failed."""
    if entry.kind == "outcome":
        return render(outcome_of(entry))
    answer = answer_of(ledger, entry)
    return "" if answer is None else readable(answer)


def readable(answer: dict[str, Any]) -> str:
    """An answer for reading: short fields as JSON, then every long or many-lined text, and records, as blocks of lines."""
    answer = answer | {key: _records(value) for key, value in answer.items() if isinstance(value, list)}
    blocks = {
        key: value
        for key, value in sorted(answer.items())
        if isinstance(value, str) and ("\n" in value or len(value) > _BLOCK_CHARS)
    }
    short = {key: value for key, value in answer.items() if key not in blocks}
    parts = [json.dumps(short, indent=1, ensure_ascii=False, sort_keys=True)] if short else []
    return "\n".join([*parts, *(f"--- {key}\n{value}" for key, value in blocks.items())])


def _records(items: list[Any]) -> Any:
    """The text of log records, one after the other; anything else as it is."""
    texts = [item.get("text") for item in items if isinstance(item, dict)]
    return "\n".join([*map(str, texts), ""]) if items and len(texts) == len(items) and all(texts) else items


def lines_of(text: str, width: int) -> list[str]:
    """The lines of a text, the long ones folded, so that nothing is left out when they are shown; joined they are `text`."""
    folded: list[str] = []
    for line in text.splitlines(keepends=True) or [""]:
        folded += [line[start : start + width] for start in range(0, len(line), width)] or [""]
    return folded
