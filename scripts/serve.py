#!/usr/bin/env python3
"""Starts the MCP server for a client that knows only this folder: finds an interpreter that can run it, then becomes it.

Standard library only, and old syntax on purpose: any python3 must be able to say in a sentence what is missing.
"""

import importlib.util
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
SHARE = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
PLACES = [
    os.environ.get("VETERAN_PYTHON", ""),
    os.path.join(ROOT, ".venv", "bin", "python"),
    os.path.join(SHARE, "veteran", "current", "bin", "python"),
]
"""A named interpreter, this checkout's own environment (make env), the installed version (deploy.sh)."""


def main():
    """Become `python -m mcp_server`; returns 78 with a sentence where no interpreter has what it needs."""
    environment = dict(os.environ, PYTHONPATH=ROOT, PYTHONSAFEPATH="1")  # no code of the folder it is started in
    environment.pop("VETERAN_PYTHON", None)  # it is ours, and no setting
    for place in PLACES:
        if place and os.path.exists(place):
            os.execve(place, [place, "-m", "mcp_server"] + sys.argv[1:], environment)  # noqa: RUF005 -- old syntax on purpose
    if sys.version_info >= (3, 11) and all(importlib.util.find_spec(name) for name in ("mcp", "pydantic", "psutil")):
        os.execve(sys.executable, [sys.executable, "-m", "mcp_server"] + sys.argv[1:], environment)  # noqa: RUF005
    sys.stderr.write("veteran: its packages are not installed: run `make env` in %s, or ./deploy.sh install there\n" % ROOT)  # noqa: UP031
    return 78


if __name__ == "__main__":
    sys.exit(main())
