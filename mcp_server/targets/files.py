"""Files of this host: opened for reading only, inside the allowed roots, leaving no trace."""

from contextlib import AbstractContextManager
from typing import IO, Any

from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings


def look(call: Any, limits: Limits, policy: ReadSettings) -> Any:
    """Answer ReadFile, StatFile or ListFolder."""
    raise NotImplementedError


def open_for_reading(path: str, policy: ReadSettings) -> AbstractContextManager[IO[bytes]]:
    """Open a regular file for reading after checking the policy on the path that was really opened."""
    raise NotImplementedError
