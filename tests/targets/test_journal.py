"""The journal through the real journalctl, on real journal files."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from mcp_server.core.errors import BadInput, CouldNotLook
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.targets import journal
from tests.diagnostics.asking import asking
from tests.real_parts import need

REMOTE = "/lib/systemd/systemd-journal-remote"
START = 1_795_000_000_000_000
"""Microseconds since 1970 of the first entry: 2026-11-18T11:06:40Z."""

pytestmark = pytest.mark.real


def write(folder: Path, entries: list[tuple[int, int, str]], name: str = "a.journal") -> Path:
    """A journal file of (microseconds after START, priority, message)."""
    need("journalctl")
    if not os.path.exists(REMOTE):
        need("systemd-journal-remote")
    out, boot = bytearray(), uuid.uuid4().hex
    for after, priority, message in entries:
        fields = {
            "__REALTIME_TIMESTAMP": START + after, "__MONOTONIC_TIMESTAMP": 1_000_000 + after, "_BOOT_ID": boot,
            "_MACHINE_ID": "0" * 31 + "1", "_HOSTNAME": "web1", "_TRANSPORT": "stdout", "_SYSTEMD_UNIT": "shop.service",
            "_PID": 7, "PRIORITY": priority, "SYSLOG_IDENTIFIER": "gunicorn",
        }  # fmt: skip
        out += b"".join(f"{key}={value}\n".encode() for key, value in fields.items())
        body = message.encode("utf8", "surrogateescape")
        out += b"MESSAGE\n" + len(body).to_bytes(8, "little") + body + b"\n\n"
    export = folder / "export"
    export.write_bytes(out)
    path = folder / name
    subprocess.run([REMOTE, f"--output={path}", str(export)], check=True, capture_output=True)
    return path


def read(address: str, **options: object) -> journal.JournalText:
    return journal.read(address, Limits(), ReadSettings(), **options)  # type: ignore[arg-type]


def test_entries_become_lines_with_exact_times_and_indented_messages(tmp_path: Path) -> None:
    path = write(
        tmp_path, [(0, 6, "ready"), (1, 3, "Traceback:\n2026-11-20T10:00:00Z not a record\nE: x"), (2, 6, "für \udcff")]
    )
    source = read(f"journal:{path}:shop")
    assert source.read_at(0, 10_000).decode() == (
        "<6>2026-11-18T11:06:40.000000Z web1 gunicorn[7]: ready\n"
        "<3>2026-11-18T11:06:40.000001Z web1 gunicorn[7]: Traceback:\n    2026-11-20T10:00:00Z not a record\n    E: x\n"
        "<6>2026-11-18T11:06:40.000002Z web1 gunicorn[7]: für \ufffd\n"
    )
    assert read(f"journal:{path}:nginx").size == 0


def test_windows_priorities_counts_and_cursors(tmp_path: Path) -> None:
    path = write(tmp_path, [(i * 1_000_000, 3 if i % 10 == 9 else 6, f"entry {i}") for i in range(100)])
    first = START * 1_000
    part = read(f"journal:{path}", since=first + 10_000_000_000, until=first + 12_000_000_000).read_at(0, 9_999).decode()
    assert [line.rsplit(" ", 1)[1] for line in part.splitlines()] == ["10", "11", "12"]
    assert len(read(f"journal:{path}", priority="err").cursors) == 10
    last = read(f"journal:{path}", count=3)
    assert [line.rsplit(" ", 1)[1] for line in last.read_at(0, 999).decode().splitlines()] == ["97", "98", "99"]
    before = read(f"journal:{path}", count=2, cursor=last.cursors[0][1]).read_at(0, 999).decode()
    assert [line.rsplit(" ", 1)[1] for line in before.splitlines()] == ["96", "97"]


def test_pages_of_the_journal_meet_exactly(tmp_path: Path) -> None:
    path = write(tmp_path, [(i // 3, 6, f"entry {i}") for i in range(1_500)])
    seen: list[str] = []
    with asking(tmp_path / "s") as ask:
        where = None
        for _ in range(60):
            outcome = ask("log_tail", path=f"journal:{path}", lines=400, budget=9_000, cursor=where)
            assert outcome.verdict == "ok", outcome.coverage
            assert isinstance(outcome.data, dict)
            seen = [*outcome.data["records"], *seen]
            if not (where := outcome.data["cursor"]):
                break
    assert [text.rsplit(" ", 1)[1] for text in seen] == [str(i) for i in range(1_500)]


def test_no_journal_is_missing_not_empty(tmp_path: Path) -> None:
    need("journalctl")
    (tmp_path / "none").mkdir()
    for address in (f"journal:{tmp_path}/none", f"journal:{tmp_path}/gone"):
        with pytest.raises(CouldNotLook) as caught:
            read(address)
        assert caught.value.reason == "missing"
    (tmp_path / "bad.journal").write_bytes(os.urandom(9_000))
    with pytest.raises(CouldNotLook) as caught:
        read(f"journal:{tmp_path}/bad.journal")
    assert caught.value.reason == "damaged"


def test_a_journal_that_may_not_be_read_names_the_group(tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else")
    folder = tmp_path / "j" / ("0" * 31 + "1")
    folder.mkdir(parents=True)
    write(folder, [(0, 6, "hidden")], "system.journal").chmod(0o600)
    for path in (tmp_path, *tmp_path.parents):
        if path != Path("/tmp"):  # pytest's own folders, made for one user
            path.chmod(path.stat().st_mode | 0o055)
    code = (
        "import os,sys; sys.path.insert(0, os.getcwd())\n"
        "from mcp_server.targets import journal; from mcp_server.core.reader import Limits\n"
        "from mcp_server.core.settings import ReadSettings\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "try: journal.read(sys.argv[1], Limits(), ReadSettings())\n"
        "except Exception as error: print(error.reason, error.remedy)\n"
    )
    argv = [sys.executable, "-c", code, f"journal:{tmp_path}/j"]
    told = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert "denied add the account to group systemd-journal" in told.stdout, told


def test_roots_hold_for_journals_too(tmp_path: Path) -> None:
    path = write(tmp_path, [(0, 6, "secret place")])
    with pytest.raises(CouldNotLook) as caught:
        journal.read(f"journal:{path}", Limits(), ReadSettings(roots=("/var/log",)))
    assert caught.value.reason == "refused"


@pytest.mark.parametrize("address", ["journal:", "journal:-x", "journal:a b", "journal:/x;rm:y z", "journal:--rotate"])
def test_odd_addresses_are_refused(address: str) -> None:
    with pytest.raises(BadInput):
        journal.parse(address)


def test_one_boot_of_journals_from_elsewhere(tmp_path: Path) -> None:
    write(tmp_path, [(0, 6, "first boot")], "a.journal")
    write(tmp_path, [(10_000_000, 3, "second boot")], "b.journal")
    for address, said in (("journal@0", "second boot"), ("journal@-1", "first boot")):
        assert read(f"{address}:{tmp_path}:shop").read_at(0, 999).decode().endswith(f"{said}\n")
    with pytest.raises(CouldNotLook):
        read(f"journal@-7:{tmp_path}")
    with pytest.raises(BadInput, match="journal@BOOT_ID"):
        read("journal@yesterday")


def test_the_journal_of_another_host_tells_the_cause(tmp_path: Path) -> None:
    """A folder of journal files, copied from a host that is gone."""
    trouble = "OSError: [Errno 28] No space left on device: '/srv/shop/upload'"
    entries = [(i * 1_000_000, 6, f"GET /{i} 200") for i in range(600)]
    entries += [(600_000_000 + i * 1_000_000, 3, trouble) for i in range(5)]
    write(tmp_path, entries)
    with asking(tmp_path / "s") as ask:
        outcome = ask("log_summary", sources=[f"journal:{tmp_path}:shop"])
    told = [quote for item in outcome.statements for quote in item.quotes]
    assert any("No space left on device" in quote and "×5" in quote for quote in told), told
    assert outcome.verdict == "finding" and outcome.findings[0].code == "log_summary.errors"
