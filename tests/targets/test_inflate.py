"""Packed logs: every form, several in a row, cut, damaged, and made to burst."""

import bz2
import gzip
import lzma
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mcp_server.core.errors import Cancelled, CouldNotLook
from mcp_server.targets.inflate import Inflated, form_of
from tests.real_parts import need

TEXT = b"".join(b"2026-11-20T10:00:%02dZ INFO line %d\n" % (i % 60, i) for i in range(20_000))


def _zstd(data: bytes) -> bytes:
    need("zstd")
    pytest.importorskip("zstandard")
    return subprocess.run([shutil.which("zstd") or "zstd", "-qc"], input=data, capture_output=True, check=True).stdout


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress, "bzip2": bz2.compress, "xz": lambda data: lzma.compress(data, preset=0), "zstd": _zstd,
}  # fmt: skip


def source(path: Path, form: str, check: Callable[[], None] = lambda: None) -> Inflated:
    return Inflated(str(path), os.open(path, os.O_RDONLY), form, check)


def everything(stream: Inflated, step: int = 100_000) -> bytes:
    parts, offset = [], 0
    while data := stream.read_at(offset, step):
        parts.append(data)
        offset += len(data)
    return b"".join(parts)


@pytest.mark.parametrize("form", FORMS)
def test_all_comes_out_and_again_from_the_start(tmp_path: Path, form: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(FORMS[form](TEXT[:300_000]) + FORMS[form](TEXT[300_000:]))
    stream = source(path, form)
    assert form_of("a", path.read_bytes()[:8]) == form
    assert everything(stream) == TEXT
    assert stream.read_at(7, 50) == TEXT[7:57]
    assert stream.stopped is None
    stream.close()


@pytest.mark.parametrize("form", FORMS)
def test_what_is_cut_in_the_middle_gives_its_beginning_and_says_so(tmp_path: Path, form: str) -> None:
    path = tmp_path / "a"
    packed = FORMS[form](TEXT)
    path.write_bytes(packed[: len(packed) // 2])
    stream = source(path, form)
    got = everything(stream)
    assert TEXT.startswith(got)
    assert len(got) < len(TEXT)
    assert stream.damaged
    assert stream.stopped
    stream.close()


@pytest.mark.parametrize("form", FORMS)
def test_a_bomb_ends_early(tmp_path: Path, form: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(FORMS[form](bytes(120_000_000)))
    stream = source(path, form)
    got = len(everything(stream, 8_000_000))
    assert got < 110_000_000
    assert "unfold" in str(stream.stopped)
    assert not stream.damaged
    stream.close()


def test_bytes_that_are_no_packed_data_are_damaged_not_fatal(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for form, magic in {"gzip": b"\x1f\x8b\x08", "bzip2": b"BZh9", "xz": b"\xfd7zXZ\x00"}.items():
        path.write_bytes(magic + os.urandom(5_000))
        stream = source(path, form)
        everything(stream)
        assert stream.damaged
        stream.close()


def test_the_caller_can_stop_it(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(gzip.compress(TEXT))

    def gone() -> None:
        raise Cancelled("cancelled")

    stream = source(path, "gzip", gone)
    with pytest.raises(Cancelled):
        stream.read_at(0, 10)
    stream.close()


def test_a_missing_library_is_a_blind_spot_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "zstandard", None)
    path = tmp_path / "a.zst"
    path.write_bytes(b"\x28\xb5\x2f\xfd" + bytes(20))
    with pytest.raises(CouldNotLook, match="zstandard"):
        source(path, "zstd")
