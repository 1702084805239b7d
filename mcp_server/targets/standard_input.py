"""Standard input as a log: what was piped into a script. It can be read once only, so what came is kept for every look."""

import os
import select

from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.text import bytes_text

NAME = "-"
MOST = 67_108_864
"""Bytes that are read of it at most."""


class StandardInput:
    """Read when it is first asked for. `cut` says, after reading, why something of it was not seen."""

    def __init__(self, handle: int = 0, most: int = MOST) -> None:
        self._handle, self._most = handle, most
        self._data: bytes | None = None
        self.cut = ""

    def read(self, limits: Limits) -> bytes:
        """All that comes, bounded in bytes and time. Raises Cancelled, and CouldNotLook where nothing is piped in."""
        if self._data is None:
            try:
                if os.isatty(self._handle):
                    raise CouldNotLook(NAME, "refused", "standard input is a terminal", "pipe a log into it, or name a file")
                self._data = self._all(limits)
            except OSError as error:  # closed
                raise CouldNotLook(NAME, "missing", f"standard input: {error.strerror}", "pipe a log into it") from None
        return self._data

    def _all(self, limits: Limits) -> bytes:
        parts, got, left, within = list[bytes](), 0, limits.until(), limits.timeout_s / 2
        while got <= self._most:
            limits.check()
            if left() < within:
                self.cut = f"only the {bytes_text(got)} that came within {within:g} s were read"
                break
            if select.select([self._handle], [], [], 0.1)[0]:
                data = os.read(self._handle, 1_048_576)
                if not data:
                    break
                parts.append(data)
                got += len(data)
        if got > self._most:
            self.cut = f"only its first {bytes_text(self._most)} were read"
        return b"".join(parts)[: self._most]
