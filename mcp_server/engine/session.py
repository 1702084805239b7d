"""A session: one process at work, with its settings, ledger, redactor and catalog. Passed along, never global."""

import contextlib
import fcntl
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from mcp_server.core.errors import BadInput, Broken
from mcp_server.core.ledger import Ledger, installation_key
from mcp_server.core.redaction import Redactor
from mcp_server.core.settings import Settings
from mcp_server.core.text import one_line
from mcp_server.engine.catalog import Catalog, load_catalog
from mcp_server.targets.standard_input import StandardInput

Progress = Callable[[float, float, str], None]
"""(done, of how many, what is going on)."""


def _silent(done: float, total: float, what: str) -> None:
    return None


@dataclass
class Asking:
    """Circumstances of one call: who may cancel it, where progress goes, which incident it belongs to."""

    cancel: threading.Event = field(default_factory=threading.Event)
    progress: Progress = _silent
    incident: str | None = None
    standard_input: StandardInput | None = None
    """Of a script, where a log can be piped in."""
    dialog: str = ""
    """How asking a person went, in a sentence, where it did not end with a yes."""
    refused: bool = False
    """Somebody was asked, or should have been, and there was no yes: then nothing is carried out by this call."""


class Session:
    """Opened once per process. `interrupted` names what an earlier process left unfinished."""

    def __init__(self, settings: Settings, *, program: str) -> None:
        self.settings = settings
        state = Path(settings.state_dir)
        self.redactor = Redactor(installation_key(state))
        self.ledger = Ledger(state)
        self.catalog: Catalog = load_catalog()
        if settings.gate.operations:  # the shipped ones are checked before they are shipped
            from mcp_server.engine.operations import operations

            operations(settings.gate.operations)
        self.id = self.ledger.append(
            "session.started", {"program": program, "pid": os.getpid(), "python": sys.version.split()[0]}
        ).seq
        self._alive = self._hold(self.id)
        self.interrupted = (*self._name_interrupted(), *self._cut_off())

    def close(self) -> None:
        """End the session in the ledger. Where that cannot be written any more (a full disk), the next start names it."""
        with contextlib.suppress(Broken, FileNotFoundError):
            self.ledger.append("session.ended", {"session": self.id})
            self._alive_path(self.id).unlink()
        self._alive.close()
        self.ledger.close()

    def _alive_path(self, session: int) -> Path:
        return self.ledger.folder / "sessions" / f"{session}.lock"

    def _hold(self, session: int) -> IO[str]:
        """A lock that the kernel drops when this process ends, however it ends."""
        path = self._alive_path(session)
        path.parent.mkdir(exist_ok=True, mode=0o700)
        # locked under another name first: a process starting now must never see it unlocked and take us for dead
        unnamed = path.with_suffix(".new")
        file = unnamed.open("w")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unnamed.rename(path)
        return file

    def _name_interrupted(self) -> tuple[str, ...]:
        """Sessions whose lock nobody holds but which never ended: killed. Their unfinished calls are named, once."""
        named: list[str] = []
        for path in (self.ledger.folder / "sessions").glob("*.lock"):
            if not path.stem.isdecimal() or (session := int(path.stem)) == self.id:
                continue
            with contextlib.suppress(FileNotFoundError, BlockingIOError), path.open() as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    continue  # somebody else has named it meanwhile
                unfinished = self._unfinished(session)
                self.ledger.append("session.interrupted", {"session": session, "unfinished": unfinished})
                path.unlink()
                named += unfinished or [f"session {session} (nothing was under way)"]
        return tuple(named)

    def _cut_off(self) -> list[str]:
        """Changes whose executor was killed: the plan, the step, and what can be done about it. Named until that is done."""
        if not any(Path(self.settings.gate_dir, "running").glob("P*.lock")):
            return []
        from mcp_server.core.errors import CouldNotLook
        from mcp_server.engine.gate_store import Gate

        try:
            gate = Gate(self.settings)
        except CouldNotLook as failure:
            return [f"perhaps a change: the gate's record cannot be read ({failure.detail})"]
        try:
            return [
                f"{item.operation} of {item.plan} in {item.environment}, cut off at step {item.step} of {item.steps}: "
                f"execute_action plan={item.plan} looks whether it worked, take_back execution={item.id} plans the way back"
                for item in gate.interrupted()
            ]
        finally:
            gate.close()

    def _unfinished(self, session: int) -> list[str]:
        started: dict[int, str] = {}
        for entry in self.ledger.entries(after=session):
            if entry.kind == "call.started" and entry.body.get("session") == session:
                started[entry.seq] = f"{entry.body['name']} on {entry.body['target']} started {entry.at}"
            elif entry.kind in ("outcome", "call.ended"):
                started.pop(int(entry.body.get("call", 0)), None)
        return list(started.values())

    def began(self, name: str, target: str, arguments: dict[str, Any], incident: str | None) -> int:
        """Note in the ledger that a call starts; its outcome refers to the number returned."""
        body = {"session": self.id, "name": name, "target": target, "arguments": self.redactor.data(arguments)}
        return self.ledger.append("call.started", body, incident=incident, durable=False).seq

    def ended(self, call: int, how: str) -> None:
        """Note that a call ended without an outcome (cancelled, or refused with a sentence): it was not interrupted."""
        self.ledger.append("call.ended", {"call": call, "how": how})

    def service(self, name: str | None) -> str | None:
        """A declared service's name, checked. None stays None; raises BadInput with the declared names."""
        if name is not None and name not in self.settings.services:
            declared = ", ".join(self.settings.services) or "none; declare [services.NAME] in the settings file"
            raise BadInput(f"`service` is `{one_line(name, 60)}`; declared services: {declared}")
        return name
