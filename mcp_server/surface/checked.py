"""Every declaration is checked before anything is served, once per state of the files and not at every start.

A start imports no unit: it compares what the files are (name, size, time of every source file, versions) with what they were
when all of them last passed. Only where that differs are all units imported and checked; a broken one stops the start.

What is kept tells a client what tools do, so it lies where bytecode lies: who can write there can write the program. The state
folder would not do, because a server that was taken over can write there and could tell the next one's client lies.
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
from mcp_server.engine.catalog import Catalog, load_catalog
from mcp_server.surface.listing import listing
from mcp_server.surface.tools import Inventory, inventory


def checked(catalog: Catalog, tools: Inventory, *, asked: bool = False) -> list[dict[str, Any]]:
    """The listing of tools, once every declaration is known to be sound. Raises Broken naming the file that is not.

    `asked`: it is to be kept, also where Python is told to keep no bytecode by itself.
    """
    path, key = kept_in(), _state_of_files()
    with suppress(OSError, ValueError, KeyError, TypeError):  # no such file, or not one of ours: check again
        kept = json.loads(path.read_bytes()) if path else {}
        if kept["key"] == key:
            found: list[dict[str, Any]] = kept["listing"]
            return found
    catalog.check()
    found = listing(tools.values())
    if path and (asked or not sys.dont_write_bytecode):
        with suppress(OSError):  # a folder of somebody else, a full disk: it costs the next start some time, nothing else
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_suffix(f".{os.getpid()}")
            draft.write_text(json.dumps({"key": key, "listing": found}), encoding="utf8")
            draft.replace(path)
    return found


def kept_in() -> Path | None:
    """The file, beside the bytecode of this program for this Python; None for a Python that keeps none."""
    bytecode = mcp_server.__spec__.cached if mcp_server.__spec__ else None
    return Path(bytecode).with_name(f"declarations.{sys.implementation.cache_tag}.json") if bytecode else None


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
                    # whole seconds, as for bytecode: the layers of a container image keep no more
                    seen.update(f"{entry.path} {status.st_size} {int(status.st_mtime)}\n".encode())
    return seen.hexdigest()


if __name__ == "__main__":  # as compileall, when the program is installed: whoever runs it may not be able to write there
    checked(load_catalog(), inventory(load_catalog()), asked=True)
