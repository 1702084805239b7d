"""Files are read as they are, bounded, inside the roots, without a trace; what cannot be read says why and what would help."""

import errno
import os
import socket
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.core.calls import ListFolder, ReadFile, StatFile
from mcp_server.core.errors import Cancelled, CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.targets import files, opening
from tests.real_parts import descriptors
from tests.targets.files_seen import ANYWHERE, as_nobody, listing, names, read, refusal

# --- stretches ------------------------------------------------------------------------------------------------------


@given(content=st.binary(max_size=300), start=st.integers(-400, 400), length=st.integers(1, 400))
def test_a_stretch_of_ascii_is_a_slice(content: bytes, start: int, length: int) -> None:
    content = bytes(byte % 0x60 + 0x20 for byte in content)
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        answer = read(file.name, start, length)
    first = max(0, len(content) + start) if start < 0 else min(start, len(content))
    expected = content[first : first + length]
    assert (answer.text, answer.start, answer.end) == (expected.decode(), first, first + len(expected))
    assert answer.size == len(content)


@given(
    text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff"), max_size=80), step=st.integers(4, 40)
)
def test_pages_put_together_are_the_file(text: str, step: int) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(text.encode())
        file.flush()
        pages, at = [], 0
        while (page := read(file.name, at, step)).end < page.size:
            pages.append(page.text)
            assert page.end > at
            at = page.end
    assert "".join(pages) + page.text == text


def test_a_tail_does_not_begin_inside_a_character(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a€b", encoding="utf8")
    answer = read(tmp_path / "log", start=-3)
    assert (answer.text, answer.start, answer.end) == ("b", 4, 5)


def test_the_limit_of_the_look_wins_and_end_tells_it(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"x" * 10_000)
    answer = read(tmp_path / "log", max_bytes=4_096)
    assert (len(answer.text), answer.end, answer.size) == (4_096, 4_096, 10_000)


def test_damage_is_replaced_and_nul_makes_it_binary(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"ok \xff\xfe\n")
    (tmp_path / "image").write_bytes(b"\x89PNG\0\0")
    assert read(tmp_path / "log").text == "ok \ufffd\ufffd\n"
    assert not read(tmp_path / "log").binary
    assert read(tmp_path / "image").binary


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-8"])
def test_a_byte_order_mark_tells_the_encoding(tmp_path: Path, codec: str) -> None:
    (tmp_path / "app.log").write_bytes("\ufeffready\n".encode(codec))
    answer = read(tmp_path / "app.log")
    assert (answer.text, answer.binary) == ("ready\n", False)
    if codec != "utf-8":
        assert read(tmp_path / "app.log", start=-5).text == "y\n"


def test_a_file_of_proc_tells_no_size_and_is_read_all_the_same() -> None:
    whole = read("/proc/self/status")
    assert "Name:" in whole.text
    assert whole.end == whole.size > 0
    part = read("/proc/self/status", length=10)
    assert (part.end, part.size) == (10, 11)
    assert whole.text.endswith(read("/proc/self/limits", start=-1).text)


def test_a_wrong_size_is_corrected(tmp_path: Path) -> None:
    wrong = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    if not wrong.exists():
        pytest.skip("no file here tells a wrong size")
    answer = read(wrong)
    assert 0 < answer.end == answer.size < 4_096


def test_the_tail_of_a_sparse_giant_is_instant(tmp_path: Path) -> None:
    giant = tmp_path / "giant.log"
    with giant.open("wb") as file:
        file.truncate(10 << 30)
        file.seek(0, os.SEEK_END)
        file.write(b"last line\n")
    began = time.process_time()
    assert read(giant, start=-10).text == "last line\n"
    assert time.process_time() - began < 0.5


def test_a_file_truncated_while_being_read_ends_where_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"x" * 3_000)
    whole, pread = os.pread, os.pread

    def rotated(handle: int, count: int, offset: int) -> bytes:
        data = pread(handle, min(count, 1_000), offset)
        os.truncate(log, 1_500)
        return data

    monkeypatch.setattr(os, "pread", rotated)
    answer = read(log)
    monkeypatch.setattr(os, "pread", whole)
    assert (answer.end, answer.size) == (1_500, 1_500)


def test_an_endless_file_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").touch()
    monkeypatch.setattr(os, "pread", lambda handle, count, offset: b"x" * min(count, 1_048_576))
    answer = read(tmp_path / "empty", length=5_000)
    assert (answer.end, answer.size) == (5_000, 5_001)
    assert refusal(lambda: read(tmp_path / "empty", start=-10)).reason == "failed"
    assert refusal(lambda: read(tmp_path / "empty", start=-10, timeout_s=1e-9)).reason == "timed_out"


def test_a_cancelled_look_stops(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("x")
    limits = Limits()
    limits.cancel.set()
    for call in (ReadFile(path=str(tmp_path / "log")), ListFolder(path=str(tmp_path))):
        with pytest.raises(Cancelled):
            files.look(call, limits, ANYWHERE)


def test_reading_and_listing_leave_no_trace(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("x")
    for path in (log, tmp_path):
        os.utime(path, ns=(1, os.stat(path).st_mtime_ns))  # so old that any read would renew it
    before = [os.stat(path) for path in (log, tmp_path)]
    listing(tmp_path)
    read(log)
    with files.open_for_reading(str(log), ANYWHERE) as file:
        assert file.read() == b"x"
    assert [os.stat(path) for path in (log, tmp_path)] == before


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("x")
    before = descriptors()
    for path in (tmp_path / "log", tmp_path, tmp_path / "none", "/etc/shadow"):
        for act in (read, listing):
            try:
                act(path)
            except CouldNotLook:
                continue
    assert descriptors() <= before


# --- what cannot be read --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", "empty"),
        ("log/app.log", "relative"),
        ("/tmp/a\0b", "NUL"),
        ("/" + "a/" * 3_000, "longer than"),
        ("/tmp/; rm -rf /", "no such file"),
    ],
)
@pytest.mark.parametrize("kind", [ReadFile, StatFile, ListFolder])
def test_a_path_that_names_nothing_gets_a_sentence(kind: Any, path: str, words: str) -> None:
    assert words in refusal(lambda: files.look(kind(path=path), Limits(), ANYWHERE)).sentence()


def test_missing_folder_and_file_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("x")
    assert refusal(lambda: read(tmp_path / "none")).reason == "missing"
    assert refusal(lambda: read(tmp_path / "log" / "below")).reason == "missing"
    assert "is a folder" in refusal(lambda: read(tmp_path)).message
    assert "is a file" in refusal(lambda: listing(tmp_path / "log")).message


def test_links_in_circles_are_said(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert "circles" in refusal(lambda: read(tmp_path / "a")).message


def test_fifos_sockets_and_devices_are_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
    for name, words in (("fifo", "FIFO"), ("socket", "socket")):
        failure = refusal(lambda name=name: read(tmp_path / name))
        assert failure.reason == "refused"
        assert words in failure.message
    assert "device" in refusal(lambda: read("/dev/zero", policy=ReadSettings(denied=()))).message


def test_outside_the_roots_is_refused_with_the_roots(tmp_path: Path) -> None:
    inside, outside = tmp_path / "app", tmp_path / "app-secret"
    inside.mkdir()
    outside.mkdir()
    (inside / "log").write_text("fine")
    (outside / "key").write_text("hush")
    (inside / "link").symlink_to(outside / "key")
    (inside / "folder").symlink_to(outside)
    policy = ReadSettings(roots=(str(inside),))
    assert read(inside / "log", policy=policy).text == "fine"
    for path in (outside / "key", inside / ".." / "app-secret" / "key", inside / "link", outside / "none"):
        failure = refusal(lambda path=path: read(path, policy=policy))
        assert failure.reason == "refused"
        assert str(inside) in failure.message
    assert f"leads to {outside / 'key'}" in refusal(lambda: read(inside / "link", policy=policy)).message
    assert refusal(lambda: listing(inside / "folder", policy=policy)).reason == "refused"
    assert refusal(lambda: files.look(StatFile(path=str(outside / "key")), Limits(), policy)).reason == "refused"
    assert names(listing(inside, policy=policy, depth=5)) == ["folder", "link", "log"]


def test_a_root_that_is_itself_a_link_works(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "log").write_text("fine")
    (tmp_path / "root").symlink_to("real")
    policy = ReadSettings(roots=(str(tmp_path / "root"),))
    answer = read(tmp_path / "root" / "log", policy=policy)
    assert (answer.text, answer.path) == ("fine", str(tmp_path / "real" / "log"))


def test_the_path_that_was_really_opened_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link swapped in after the first look at the name: the look at the handle still sees where it leads."""
    inside = tmp_path / "app"
    inside.mkdir()
    (tmp_path / "key").write_text("hush")
    (inside / "log").symlink_to(tmp_path / "key")
    policy = ReadSettings(roots=(str(inside),))
    resolve = os.path.realpath
    monkeypatch.setattr(opening.os.path, "realpath", lambda path: path if str(path).endswith("log") else resolve(path))
    assert "leads to" in refusal(lambda: read(inside / "log", policy=policy)).message


def test_without_handles_the_same_names_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Systems without O_PATH or /proc: the checks are the same, only a link swapped in between them is not seen."""
    monkeypatch.setattr(opening, "_HANDLES", False)
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "log").write_text("fine")
    (tmp_path / "link").symlink_to("/etc/hostname")
    policy = ReadSettings(roots=(str(tmp_path),))
    assert read(tmp_path / "log", policy=policy).text == "fine"
    assert names(listing(tmp_path, policy=policy)) == ["fifo", "link", "log"]
    for name in ("fifo", "link"):
        assert refusal(lambda name=name: read(tmp_path / name, policy=policy)).reason == "refused"


def test_denied_files_have_no_other_name(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hush")
    (tmp_path / "link").symlink_to("key")
    os.link(tmp_path / "key", tmp_path / "copy")
    policy = ReadSettings(denied=(str(tmp_path / "key"),))
    for name in ("key", "link", "copy"):
        assert refusal(lambda name=name: read(tmp_path / name, policy=policy)).reason == "refused"
    for path in ("/etc/shadow", "/proc/self/root/etc/shadow", "/etc/../etc/shadow", "/proc/self/mem"):
        assert refusal(lambda path=path: read(path)).reason == "refused"


def test_permission_names_the_group_that_would_help(open_folder: Path) -> None:
    log, private = open_folder / "app.log", open_folder / "private"
    log.write_text("x")
    log.chmod(0o640)
    private.mkdir()
    (private / "app.log").write_text("x")
    os.chmod(private, 0o710)
    if os.geteuid() == 0:
        os.chown(log, 0, 4)
        os.chown(private, 0, 4)
    else:
        os.chmod(log, 0o000)
        os.chmod(private, 0o000)
    with as_nobody():
        at_file, at_folder = refusal(lambda: read(log)), refusal(lambda: read(private / "app.log"))
        through_folder = listing(open_folder, depth=3)
    os.chmod(private, 0o700)
    assert at_file.reason == at_folder.reason == "denied"
    assert through_folder.unreadable == (str(private),)
    assert str(private) in at_folder.message
    if os.geteuid() == 0:
        assert "-rw-r----- root:adm" in at_file.message
        assert at_file.remedy == at_folder.remedy == "add the account to group adm"


def test_other_failures_of_the_system_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "log").write_text("x")

    def broken(handle: int, count: int, offset: int) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "pread", broken)
    failure = refusal(lambda: read(tmp_path / "log"))
    assert (failure.reason, failure.detail) == ("failed", "the system says: Input/output error")
