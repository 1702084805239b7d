"""Real journal files, written by systemd's own tool from the entries a test wants: exact times, boots and trusted fields."""

import os
import subprocess
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from tests.real_parts import lacking, need

REMOTE = "/lib/systemd/systemd-journal-remote"
BOOT = "0123456789abcdef0123456789abcdef"
_BASE = {"_MACHINE_ID": "0" * 31 + "1", "_HOSTNAME": "web1", "_TRANSPORT": "journal"}


def entry(
    at: datetime, message: str = "", boot: str = BOOT, uptime_s: float | None = None, **fields: object
) -> dict[str, object]:
    """One entry. Without `uptime_s` the boot's own clock goes as the other one does."""
    micro = round(at.timestamp() * 1_000_000)
    monotonic = micro - 1_700_000_000_000_000 if uptime_s is None else round(uptime_s * 1_000_000)
    own = {"__REALTIME_TIMESTAMP": micro, "__MONOTONIC_TIMESTAMP": monotonic, "_BOOT_ID": boot}
    return own | _BASE | {"MESSAGE": message} | fields


def export(entries: Iterable[Mapping[str, object]], out: BinaryIO) -> None:
    """Entries in the journal export format."""
    for fields in entries:
        for key, value in fields.items():
            body = value if isinstance(value, bytes) else str(value).encode("utf8", "surrogateescape")
            if b"\n" in body or isinstance(value, bytes):
                out.write(key.encode() + b"\n" + len(body).to_bytes(8, "little") + body + b"\n")
            else:
                out.write(key.encode() + b"=" + body + b"\n")
        out.write(b"\n")


def write(folder: Path, entries: Iterable[Mapping[str, object]], name: str = "system.journal") -> Path:
    """A folder with one journal file of these entries; skips where systemd's tools are missing."""
    need("journalctl")
    if not os.path.exists(REMOTE):
        lacking("not installed: systemd-journal-remote")
    folder.mkdir(parents=True, exist_ok=True)
    exported = folder / "export"
    with exported.open("wb") as out:
        export(entries, out)
    subprocess.run([REMOTE, f"--output={folder / name}", str(exported)], check=True, capture_output=True)
    exported.unlink()
    return folder
