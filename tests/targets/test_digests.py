"""Digests tell whether a file is the same, and nothing of what it holds."""

import hashlib
import os
from pathlib import Path

import pytest

from mcp_server.core.errors import Cancelled, CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.core.state_calls import DigestFiles, Digests, FileMark
from mcp_server.targets import digests as target


def marks(path: Path, limits: Limits | None = None, policy: ReadSettings | None = None, **call: object) -> Digests:
    answer = target.look(DigestFiles.model_validate({"path": str(path)} | call), limits or Limits(), policy or ReadSettings())
    assert isinstance(answer, Digests)
    return answer


def by_name(seen: Digests) -> dict[str, FileMark]:
    return {Path(mark.path).name: mark for mark in seen.files}


def test_files_links_and_what_not_everybody_may_read(tmp_path: Path) -> None:
    (tmp_path / "open.conf").write_text("x = 1\n")
    (tmp_path / "secret.conf").write_text("password = hunter2hunter2\n")
    (tmp_path / "secret.conf").chmod(0o640)
    (tmp_path / "link").symlink_to("open.conf")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "deep.conf").write_text("y\n")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "index").write_text("z\n")
    os.mkfifo(tmp_path / "fifo")
    seen = marks(tmp_path, skip=(".git",))
    found = by_name(seen)
    assert set(found) == {"open.conf", "secret.conf", "link", "deep.conf"}
    assert found["open.conf"].digest == hashlib.sha256(b"x = 1\n").hexdigest()
    assert found["secret.conf"].digest is None, "a digest of a short secret would give it away"
    assert (found["secret.conf"].size, found["secret.conf"].mode) == (26, "-rw-r-----")
    assert found["link"].link == "open.conf"
    assert "hunter2" not in seen.model_dump_json()
    assert (seen.unreadable, seen.cut) == ((), None)
    assert by_name(marks(tmp_path / "open.conf"))["open.conf"].digest == found["open.conf"].digest


def test_large_files_are_told_by_size_and_time(tmp_path: Path) -> None:
    with (tmp_path / "core").open("wb") as file:
        file.truncate(target.LARGEST + 1)
    mark = by_name(marks(tmp_path))["core"]
    assert (mark.digest, mark.size) == (None, target.LARGEST + 1)


def test_policy_missing_limits_and_cancel(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    denied = marks(tmp_path, policy=ReadSettings(denied=(str(tmp_path / "a"),)))
    assert by_name(denied)["a"].digest is None
    assert denied.unreadable == (f"{tmp_path}/a (refused)",)
    with pytest.raises(CouldNotLook) as failure:
        marks(tmp_path / "none")
    assert failure.value.reason == "missing"
    assert "stopped at 1 entry" in str(marks(tmp_path, limit=1).cut)
    assert "stopped after" in str(marks(tmp_path, Limits(timeout_s=0)).cut)
    limits = Limits()
    limits.cancel.set()
    with pytest.raises(Cancelled):
        marks(tmp_path, limits)
