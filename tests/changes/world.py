"""A host in a folder: the real file target, its paths moved below a temporary root; other calls answered as told."""

from datetime import datetime
from pathlib import Path
from typing import Any

from mcp_server.core.address import LOCAL
from mcp_server.core.call_types import ANSWER_TYPES
from mcp_server.core.calls import Call
from mcp_server.core.change import Change, Window
from mcp_server.core.clock import now
from mcp_server.core.declare import Scope
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.outcome import Coverage
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.engine.catalog import load_catalog
from mcp_server.engine.places import Local
from mcp_server.engine.run import door
from mcp_server.engine.session import Asking, Session
from mcp_server.targets import certificates, digests, files, transactions, unpacked

_OF_FILES: dict[str, Any] = {
    "file": files,
    "stat": files,
    "folder": files,
    "certificates": certificates,
    "digests": digests,
    "unpacked": unpacked,
    "transactions": transactions,
}


class World:
    """Answers file calls from below `root`; `answers` by kind of call; `refuse` by path."""

    address = "local"
    where = LOCAL

    def __init__(self, root: Path) -> None:
        self.root, self.moment = root, now()
        self.answers: dict[str, Any] = {}
        self.refuse: dict[str, CouldNotLook] = {}
        self.journals = False
        """Whether journal files that are named are really read."""

    def now(self) -> datetime:
        return self.moment

    def file(self, path: str, text: str | bytes, at: datetime | None = None) -> Path:
        """Write a file of this host."""
        import os

        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        if at:
            os.utime(file, (at.timestamp(), at.timestamp()))
        return file

    def look(self, call: Call[Any], limits: Limits) -> Any:
        kind: str = getattr(call, "kind", "")
        path: str = getattr(call, "path", "")
        if path in self.refuse:
            raise self.refuse[path]
        if kind in self.answers:
            answer = self.answers[kind]
            answer = answer(call) if callable(answer) else answer
            if isinstance(answer, CouldNotLook):
                raise answer
            return answer
        if kind == "journal" and self.journals:
            return Local(ReadSettings()).look(call, limits)
        if kind not in _OF_FILES:
            raise CouldNotLook(call.title(), "missing", "this host knows nothing of that")
        moved = call.model_copy(update={"path": str(self.root) + path})
        try:
            found = _OF_FILES[kind].look(moved, limits, ReadSettings())
        except CouldNotLook as failure:
            raise CouldNotLook(path, failure.reason, failure.detail.replace(str(self.root), ""), failure.remedy) from None
        return ANSWER_TYPES[kind].model_validate_json(found.model_dump_json().replace(str(self.root), ""))


def collect(session: Session, world: World, name: str, window: Window, **scope: Any) -> tuple[list[Change], Coverage]:
    """What one change source tells of this host. A look that fails outside any part is a blind spot, as in the engine."""
    unit = load_catalog().changes[name]
    reader = door(session, world, unit, Asking())
    found: list[Change] = []
    try:
        found.extend(unit.collect(reader, window, Scope(**scope)))
    except CouldNotLook as failure:
        reader.missed(failure.what, failure)
    for change in found:
        assert change.source == name
        assert change.summary.evidence
        assert set(change.summary.evidence) <= set(reader.evidence)
    return found, reader.coverage()


def spots(coverage: Coverage) -> str:
    """Every blind spot as one text."""
    return " | ".join(f"{spot.what} ({spot.reason}; {spot.remedy})" for spot in (*coverage.blind, *coverage.cut))
