"""What tests look for around a run: files that changed, secrets that came out."""

import hashlib
import os
import sqlite3
import zlib
from pathlib import Path

from scripts.demo import shop
from scripts.demo.world import World

# written by the service itself while it serves: logs, the visit counter, sockets and temporary files
_SERVICE_WRITES = ("log", "run", "data", ".gunicorn", "state", "veteran.toml")


def snapshot(world: World) -> dict[str, tuple[int, int, str]]:
    """Every file below the world, `.git` included: size, mtime, digest. What the service writes itself is left out."""
    seen = {}
    for folder, _, names in os.walk(world.folder):
        for name in names:
            path = Path(folder, name)
            inner = path.relative_to(world.folder)
            if inner.parts[0] in _SERVICE_WRITES:
                continue
            status = path.lstat()
            digest = "" if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest()
            seen[str(inner)] = (status.st_size, status.st_mtime_ns, digest)
    return seen


def leaks(world: World, *texts: str) -> list[str]:
    """Where the planted password came out: answers, ledger (blobs unpacked), reports, any other file of the state folder."""
    found = [f"answer: {text[:200]}" for text in texts if shop.PASSWORD in text]
    state = world.folder / "state"
    with sqlite3.connect(f"file:{state / 'ledger.sqlite3'}?mode=ro", uri=True) as database:
        entries = database.execute("SELECT seq, body FROM entry").fetchall()
        blobs = database.execute("SELECT sha256, bytes FROM blob").fetchall()
    database.close()
    assert blobs, "evidence was kept"
    found += [f"entry {seq}" for seq, body in entries if shop.PASSWORD in body]
    found += [f"blob {name}" for name, data in blobs if shop.PASSWORD.encode() in zlib.decompress(data)]
    files = [path for path in state.rglob("*") if path.is_file()]
    return found + [f"file {path}" for path in files if shop.PASSWORD.encode() in path.read_bytes()]


def unmarked(text: str) -> list[str]:
    """Lines in which the planted instruction stands outside marked data."""
    lines = [line for line in text.splitlines() if shop.INSTRUCTION in line]
    return [line for line in lines if not line.startswith("    │ ") and f"`{shop.INSTRUCTION}" not in line.replace("␛[31m", "")]
