"""A real repository at moments of our choosing, and looks at its history."""

import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.calls import Commit, History, ReadHistory
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.targets import git as target
from tests.real_parts import need

ANYWHERE = ReadSettings()
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Repository:
    """A real repository, driven by the real git at moments of our choosing."""

    def __init__(self, folder: Path, *options: str) -> None:
        need("git")
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main", *options)

    def git(self, *argv: str, at: datetime = NOON, text: bytes = b"") -> str:
        moment = f"{int(at.timestamp())} +0000"
        environment = {
            "PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_AUTHOR_DATE": moment, "GIT_COMMITTER_DATE": moment,
            "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "a@example", "GIT_COMMITTER_NAME": "Ada",
            "GIT_COMMITTER_EMAIL": "a@example", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null",
        }  # fmt: skip
        done = subprocess.run(
            ["git", "-c", "protocol.file.allow=always", *argv],
            cwd=self.folder,
            env=environment,
            input=text,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode("utf8", "replace").strip()

    def commit(self, subject: str, at: datetime, **files: str | bytes) -> str:
        for name, content in (files or {"a.txt": subject + "\n"}).items():
            path = self.folder / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-F", "-", at=at, text=subject.encode())
        return self.git("rev-parse", "HEAD")


def history(path: object, since: datetime = NOON - HOUR, until: datetime = NOON + 9 * HOUR, policy: ReadSettings = ANYWHERE,
            limits: Limits | None = None, **call: Any) -> History:  # fmt: skip
    answer = target.look(ReadHistory(path=str(path), since=since, until=until, **call), limits or Limits(), policy)
    assert isinstance(answer, History)
    return answer


def subjects(found: History) -> list[str]:
    return [commit.subject for commit in found.commits]


def one(found: History) -> Commit:
    assert len(found.commits) == 1
    return found.commits[0]


def refusal(act: Callable[[], object]) -> CouldNotLook:
    with pytest.raises(CouldNotLook) as caught:
        act()
    return caught.value
