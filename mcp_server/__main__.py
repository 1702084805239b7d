"""`python -m mcp_server`: the MCP server on stdin and stdout."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

USAGE = """\
usage: python -m mcp_server [--version] [--help]

Serves MCP on stdin and stdout; a client starts it. Settings: $VETERAN_CONFIG or ~/.config/veteran/config.toml,
then VETERAN_* variables. To look at something by hand, use scripts/diagnostics/ and scripts/incident_response/."""


def main() -> int:
    """Start, lock, serve. A start that cannot be trusted ends with one sentence on stderr and status 78."""
    arguments = sys.argv[1:]
    if arguments:
        return _say(arguments)
    from mcp_server.witness.front import step_behind

    ends = step_behind()  # from here on this is the server, with the witness between it and the client
    # Nothing allocated while importing is garbage: collecting meanwhile costs a tenth of the start.
    gc.disable()
    # we bring no pydantic plugins; looking for them reads the metadata of every installed package
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from mcp_server.core.errors import Broken
    from mcp_server.core.settings import load_settings
    from mcp_server.engine import hatch
    from mcp_server.engine.lock import lock_writes
    from mcp_server.engine.session import Session

    session = None
    try:
        session = Session(load_settings(), program="mcp")
        with _models_built_when_used():
            from mcp_server.surface.mcp.calls import Calls
            from mcp_server.surface.mcp.server import serve
        calls = Calls(session)
    except Broken as error:
        sys.stderr.write(f"veteran: {error.sentence()}\n")
        if session is not None:
            session.close()
        return 78
    hatch.connect(ends)
    # after the imports, whose bytecode may still be cached; before the first thread
    lock_writes([session.settings.state_dir], session.settings.read)
    gc.enable()
    gc.freeze()
    status = serve(session, calls)
    sys.stderr.flush()
    os._exit(status)  # a thread that still waits for a dead look must not keep the process alive


@contextmanager
def _models_built_when_used() -> Iterator[None]:
    """The SDK declares 550 pydantic models, of which a server uses a few dozen: each is built when first used instead.

    A documented pydantic setting, in force for classes made meanwhile; it saves a tenth of the start.
    """
    from pydantic import BaseModel

    BaseModel.model_config["defer_build"] = True
    try:
        yield
    finally:
        del BaseModel.model_config["defer_build"]


def _say(arguments: list[str]) -> int:
    if arguments == ["--version"]:
        from mcp_server import __version__

        sys.stdout.write(f"veteran {__version__}\n")
        return 0
    if arguments in (["--help"], ["-h"]):
        sys.stdout.write(USAGE + "\n")
        return 0
    sys.stderr.write(f"unknown argument {arguments[0]!r}; valid: --version, --help\n")
    return 64


if __name__ == "__main__":
    sys.exit(main())
