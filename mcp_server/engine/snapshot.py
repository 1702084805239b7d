"""Taking a snapshot, keeping it, finding the last one. A snapshot is one JSON file below the state folder."""

import os
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from mcp_server.core.change import Window
from mcp_server.core.declare import Scope
from mcp_server.core.errors import BadInput, Broken, Cancelled, CouldNotLook
from mcp_server.core.last_good import LastGood
from mcp_server.core.outcome import Coverage
from mcp_server.core.reader import Limits
from mcp_server.core.text import bytes_text, one_line
from mcp_server.engine.places import Place
from mcp_server.engine.reader import EvidenceReader
from mcp_server.engine.session import Asking, Session
from mcp_server.engine.snapshot_data import FORM, Item, Part, Snapshot
from mcp_server.engine.snapshot_parts import PARTS
from mcp_server.engine.together import together

FOLDER = "snapshots"
LARGEST = 67_108_864


def take(session: Session, place: Place, scope: Scope, asking: Asking) -> tuple[Snapshot, Coverage, tuple[str, ...]]:
    """Look at every part of a place at once; with the coverage and the evidence. What could not be read is a blind spot."""
    seen = together(
        [(name, partial(_part, session, place, name, scope, asking)) for name in PARTS], asking,
        parallel=session.settings.limits.parallel, what="parts seen",
    )  # fmt: skip
    parts = {name: part for name, (part, _) in zip(PARTS, seen, strict=True)}
    own = [coverage for _, coverage in seen]
    coverage = Coverage(
        looked=tuple(item for part in own for item in part.looked), empty=tuple(item for part in own for item in part.empty),
        blind=tuple(item for part in own for item in part.blind), cut=tuple(item for part in own for item in part.cut),
    )  # fmt: skip
    taken = Snapshot(place=place.address, at=place.now(), folders=scope.folders, pythons=scope.pythons, parts=parts)
    return taken, coverage, tuple(name for part in parts.values() for name in part.evidence)


def _part(session: Session, place: Place, name: str, scope: Scope, asking: Asking) -> tuple[Part, Coverage]:
    limits = session.settings.limits
    kind = PARTS[name]
    reader = EvidenceReader(
        place, session.ledger, session.redactor, Limits(limits.look_s, limits.output_bytes, asking.cancel),
        asker="snapshot", commands=kind.commands, deadline=time.monotonic() + limits.call_s, incident=asking.incident,
    )  # fmt: skip
    found: dict[str, str] = {}
    try:
        found.update(kind.collect(reader, scope))
    except Cancelled:
        raise
    except CouldNotLook as failure:
        reader.missed(name, failure)
    except Exception as error:  # noqa: BLE001 -- a defect of ours must not look like an empty host
        reader.blind(name, f"failed: defect in this part ({type(error).__name__}: {error})", "report it")
    coverage = reader.coverage()
    items = tuple(Item(item=item, state=state) for item, state in sorted(found.items()))
    blind = (*coverage.blind, *coverage.cut)
    whole = all(spot.what in kind.states_only for spot in blind)
    return Part(items=items, whole=whole, blind=blind, evidence=tuple(reader.evidence)), coverage


def keep(session: Session, snapshot: Snapshot, name: str) -> tuple[Path, int]:
    """Write it, redacted once more, whole or not at all; the file and its size. Raises BadInput for a name that is taken."""
    import json

    path = folder(session) / f"{name}.json"
    clean = session.redactor.data(snapshot.model_dump(mode="json"))
    data = json.dumps(clean, indent=1, ensure_ascii=False).encode("utf8", "backslashreplace")
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        part.touch(mode=0o600)
        part.write_bytes(data)
        os.link(part, path)
    except FileExistsError:
        raise BadInput(f"the snapshot {path} exists already", "give another `name`") from None
    except OSError as error:
        raise Broken(f"the snapshot {path} could not be written: {error}") from None
    finally:
        part.unlink(missing_ok=True)
    return path, len(data)


def folder(session: Session) -> Path:
    """Where snapshots are kept."""
    return Path(session.settings.state_dir, FOLDER)


def names(session: Session) -> Sequence[str]:
    """Snapshots that are kept, the newest file first."""
    try:
        files = [path for path in folder(session).glob("*.json") if path.is_file() and not path.name.startswith(".")]
        return [path.stem for path in sorted(files, key=lambda path: (path.stat().st_mtime, path.name), reverse=True)]
    except OSError as error:
        raise Broken(f"the folder of snapshots cannot be read: {error}") from None


def load(session: Session, name: str) -> Snapshot:
    """One snapshot. Raises BadInput for a name that is not there, or a file that is no snapshot."""
    path = folder(session) / f"{name}.json"
    try:
        if path.stat().st_size > LARGEST:
            raise BadInput(f"the snapshot {path} is larger than {bytes_text(LARGEST)}", "take a new one of fewer folders")
        found = Snapshot.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        known = ", ".join(names(session)[:10]) or "none; take one with snapshot"
        raise BadInput(f"`name` is `{one_line(name, 60)}`, which is no snapshot; there are: {known}") from None
    except OSError as error:
        raise BadInput(f"the snapshot {path} cannot be read: {one_line(error.strerror or error)}") from None
    except ValidationError as error:
        why = one_line(error.errors(include_input=False, include_url=False)[0]["msg"], 160)
        raise BadInput(f"{path} is no snapshot: {why}", "it is damaged; take a new one") from None
    if found.form != FORM:
        raise BadInput(f"{path} has form {found.form}; this version reads form {FORM}", "take a new snapshot")
    return found


def last(session: Session, place: str) -> tuple[str, Snapshot] | None:
    """The newest snapshot of this place. Raises BadInput when a newer one is damaged: it may have been of this place."""
    for name in names(session):
        found = load(session, name)
        if found.place == place:
            return name, found
    return None


def last_good(session: Session, place: Place, window: Window) -> LastGood | None:
    """Files of the newest snapshot of this place, when it was taken before the window's end."""
    try:
        found = last(session, place.address)
    except BadInput as failure:
        return LastGood(name="", at=window.until, problem=failure.message)
    if found is None or found[1].at > window.until or "files" not in found[1].parts:
        return None
    return LastGood(name=found[0], at=found[1].at, states=found[1].parts["files"].states())
