"""Keeps the looks of an answer or of an incident as a recording: a place that can be asked again, anywhere."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field

from mcp_server.core.address import parse
from mcp_server.core.clock import parse_moment
from mcp_server.core.errors import BadInput, Broken
from mcp_server.core.ledger import Entry
from mcp_server.core.outcome import Coverage, Outcome, Statement, Suggestion
from mcp_server.core.parameters import Parameters
from mcp_server.core.text import amount
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.record import find
from mcp_server.surface.stored import answer_of, outcome_of, stored
from mcp_server.surface.telling import Told, tell
from mcp_server.surface.verb import Verb
from mcp_server.targets.recorded import RecordedLook, recording_of


class Params(Parameters):
    """What to keep, and under which name."""

    id: str = Field(max_length=20, description="INC-3 (all its looks) or R12 (those of one answer)")
    target: str | None = Field(None, max_length=300, description="Of looks at several places: which of them to keep")
    name: str | None = Field(
        None, max_length=61, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="File name; default: the id"
    )


VERB = Verb(
    summary="Save the looks of an incident or answer as a recording file; ask it again with target=recorded:FILE.",
    group="record",
    tool=False,
    examples=({"id": "INC-3"}, {"id": "R12", "name": "before-deploy"}),
)


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Writes below the state folder. Raises BadInput for an id without looks or a name that is taken."""
    address = params.id.strip().upper()
    entries = list(_looks(session, address))
    targets = sorted({entry.body["target"] for entry in entries})
    if not entries:
        raise BadInput(f"`id` is {address}, under which nothing was looked at")
    if params.target is not None:
        wanted = str(parse(params.target))
        if wanted not in targets:
            raise BadInput(f"`target` is `{wanted}`; {address} looked at: {', '.join(targets[:8])}")
        entries, targets = [entry for entry in entries if entry.body["target"] == wanted], [wanted]
    if len(targets) > 1:
        raise BadInput(f"{address} looked at several places", f"name one with `target`: {', '.join(targets[:8])}")
    path = Path(session.settings.state_dir, "recordings", f"{params.name or address}.json")

    def work() -> Told:
        looks = tuple(_look(session, entry) for entry in entries)
        where = entries[0].body.get("where", targets[0])  # a recording of a recording is of the same place
        data = recording_of(where, parse_moment(entries[0].body["started"]), looks)
        _write(path, data)
        statement = Statement(
            text="{looks} on {target} kept in {path} ({size} bytes)",
            values={"looks": amount(len(looks), "look"), "target": targets[0], "path": str(path), "size": len(data)},
        )
        there = {"target": f"recorded:{path}"}
        again = tuple(
            Suggestion(tool=name, arguments=there) for name in _askers(entries) if name in session.catalog.diagnostics
        )
        return Told(statements=(statement,), coverage=Coverage(looked=(address,)), next=again[:3], data={"path": str(path)})

    return tell(session, asking, "save_recording", params, work)


def _looks(session: Session, address: str) -> Iterator[Entry]:
    """Evidence entries in the order in which they were made."""
    ledger = session.ledger
    if re.fullmatch(r"INC-\d{1,12}", address):
        yield from ledger.entries(incident=find(ledger, address).id, kind="evidence")
        return
    for name in sorted(_cited(outcome_of(stored(ledger, address, "R"))), key=lambda name: int(name[1:])):
        yield stored(ledger, name, "E")


def _cited(outcome: Outcome) -> set[str]:
    cited = {name for name in outcome.evidence if re.fullmatch(r"E\d+", name)}
    return cited.union(*(_cited(part) for part in outcome.parts))


def _askers(entries: list[Entry]) -> tuple[str, ...]:
    """The diagnostics that made these looks, each once."""
    return tuple(dict.fromkeys(str(entry.body["asker"]) for entry in entries))


def _look(session: Session, entry: Entry) -> RecordedLook:
    call: dict[str, Any] = entry.body["call"]
    if "failure" in entry.body:
        return RecordedLook(call=call, failure={key: str(value) for key, value in entry.body["failure"].items()})
    return RecordedLook(call=call, answer=answer_of(session.ledger, entry))


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, and never over another recording."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        part.write_bytes(data)
        os.link(part, path)
    except FileExistsError:
        raise BadInput(f"the recording {path} exists already", "give another `name`") from None
    except OSError as error:
        raise Broken(f"the recording {path} could not be written: {error}") from None
    finally:
        part.unlink(missing_ok=True)
