"""Every declaration is checked before anything is served, once per state of the files and not at every start.

A start imports no unit: it compares what the files are (name, size, time of every source file, versions) with what they were
when all of them last passed. Only where that differs are all units imported and checked; a broken one stops the start.
"""

import hashlib
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pydantic

import mcp_server
from mcp_server.engine.catalog import Catalog
from mcp_server.surface.listing import listing
from mcp_server.surface.tools import Inventory

FILE = "declarations.json"


def checked(catalog: Catalog, tools: Inventory, state_dir: str) -> list[dict[str, Any]]:
    """The listing of tools, once every declaration is known to be sound. Raises Broken naming the file that is not."""
    path, key = Path(state_dir, FILE), _state_of_files()
    with suppress(OSError, ValueError, KeyError, TypeError):  # no such file, or not one of ours: check again
        kept = json.loads(path.read_bytes())
        if kept["key"] == key:
            found: list[dict[str, Any]] = kept["listing"]
            return found
    catalog.check()
    found = listing(tools.values())
    with suppress(OSError):  # a full disk costs the next start some time, nothing else
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps({"key": key, "listing": found}), encoding="utf8")
        draft.replace(path)
    return found


def _state_of_files() -> str:
    seen = hashlib.blake2b(f"{mcp_server.__version__} {sys.version} {pydantic.VERSION}".encode(), digest_size=16)
    folders = [os.path.dirname(mcp_server.__file__)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in sorted(entries, key=lambda item: item.name):
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != "__pycache__":
                        folders.append(entry.path)
                elif entry.name.endswith((".py", ".yaml")):
                    status = entry.stat()
                    seen.update(f"{entry.path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return seen.hexdigest()
