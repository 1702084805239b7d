"""Looks at files and folders, also without the rights of root."""

import grp
import os
import pwd
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from mcp_server.core.calls import FileText, Folder, ListFolder, ReadFile
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.targets import files

ANYWHERE = ReadSettings()


def read(path: object, start: int = 0, length: int = 262_144, policy: ReadSettings = ANYWHERE, **limits: Any) -> FileText:
    answer = files.look(ReadFile(path=str(path), start=start, length=length), Limits(**limits), policy)
    assert isinstance(answer, FileText)
    return answer


def listing(path: object, policy: ReadSettings = ANYWHERE, limits: Limits | None = None, **call: Any) -> Folder:
    answer = files.look(ListFolder(path=str(path), **call), limits or Limits(), policy)
    assert isinstance(answer, Folder)
    return answer


def names(folder: Folder) -> list[str]:
    return [os.path.relpath(entry.path, folder.path) for entry in folder.entries]


def refusal(act: Callable[[], object]) -> CouldNotLook:
    with pytest.raises(CouldNotLook) as caught:
        act()
    return caught.value


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without root's rights for a while; an ordinary account has none to drop."""
    if os.geteuid() != 0:
        yield
        return
    assert grp and pwd  # imported while the right to read the library is there
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(65_534)
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)
