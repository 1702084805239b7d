"""A reader without the kernel's lock: looks of this process go through it, as those of a locked server do."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.targets import command, reader_line, reader_start


def nothing() -> None:
    """In the place of what binds the reader."""


class Through:
    """`command.look` by way of a reader, forked anew once the test has changed what a reader is told at its start."""

    def __init__(self, *folders: str) -> None:
        self._folders, self._told = folders, None

    def look(self, call: Any, limits: Limits, policy: ReadSettings) -> Any:
        told: Any = (policy, dict(os.environ), command._STANDARD)
        if told != self._told:
            reader_start.stop()
            reader_start.start(self._folders, policy, nothing)
            self._told = told
        return command.look(call, limits, policy)


@contextmanager
def through_reader(*folders: str, policy: ReadSettings | None = None) -> Iterator[int]:
    """Looks of this process go through a reader, whose number is given. `folders` are what we would be able to write."""
    reader_start.start(folders, policy or ReadSettings(), nothing)
    try:
        yield reader_line.reader_pid()
    finally:
        reader_start.stop()
