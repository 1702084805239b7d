"""Finds an interpreter that can run the scripts, then hands over. Standard library only, and old syntax on purpose:
this file must be readable by whatever python3 a machine has, so that the answer is a sentence and not a traceback.
"""

import importlib
import importlib.util
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
ENVIRONMENT = os.path.join(ROOT, ".venv")


def run(script, module="mcp_server.surface.cli"):
    """Run the tool that `script` is named after, or what another module's `main` does; returns its exit code."""
    usable = sys.version_info >= (3, 11) and importlib.util.find_spec("pydantic") and importlib.util.find_spec("psutil")
    if not usable:
        python = os.path.join(ENVIRONMENT, "bin", "python")
        if os.path.exists(python) and os.path.abspath(sys.prefix) != ENVIRONMENT:
            os.execv(python, [python, os.path.abspath(script)] + sys.argv[1:])  # noqa: RUF005 -- old syntax on purpose
        sys.stderr.write("the packages this needs are not installed for %s: run `make env` in %s\n" % (sys.executable, ROOT))  # noqa: UP031
        return 70
    # the script's own folder must not hide modules of the same names
    sys.path[0] = ROOT
    return importlib.import_module(module).main(script)
