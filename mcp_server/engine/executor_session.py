"""The executor's session: it looks like any other, and keeps its evidence in the gate's record, not in the server's."""

import os
from pathlib import Path

from mcp_server.core.errors import Broken
from mcp_server.core.redaction import Redactor
from mcp_server.core.settings import Settings
from mcp_server.engine.catalog import load_catalog
from mcp_server.engine.gate_store import Gate
from mcp_server.engine.session import Session


class ExecutorSession(Session):
    """Of the state folder, which the locked server can write, it reads the key of redaction and nothing else."""

    def __init__(self, settings: Settings, gate: Gate) -> None:
        self.settings = settings
        self.redactor = Redactor(_key(Path(settings.state_dir) / "key"))
        self.ledger = gate.ledger
        self.catalog = load_catalog()
        self.id = 0
        self.interrupted = ()

    def close(self) -> None:
        """Nothing: the gate is closed by who opened it."""


def _key(path: Path) -> bytes:
    """The server's key, so that what is redacted reads the same in both plans. It protects nothing here."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(handle, "rb") as file:
            key = file.read(33)
    except OSError as error:
        raise Broken(f"{path} cannot be read: {error.strerror}", "plan something first: the server makes it") from None
    if len(key) != 32:
        raise Broken(f"{path} is damaged: 32 bytes expected", "restore it")
    return key
