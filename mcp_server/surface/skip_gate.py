"""Go on without a stage's gate, as a person at a terminal. No tool: no client and no model can call this.

It shows what the gate misses, asks for the reason, and leaves a line in the record with the reason and the account.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mcp_server.core.errors import BadInput, VeteranError
from mcp_server.core.settings import load_settings
from mcp_server.core.text import one_line, visible
from mcp_server.engine.approvals import account
from mcp_server.engine.session import Session
from mcp_server.incident.gates import QUALITY, standing, unmet_checks
from mcp_server.incident.record import required
from mcp_server.incident.stages import STAGES, skip

BAD_USAGE, BROKEN, LEFT_ALONE = 64, 70, 1
_SHORTEST = 10
_EXITS = "exit codes: 0 skipped · 1 left as it was · 64 bad usage · 70 settings or record damaged"


def main(script_path: str, argv: Sequence[str] | None = None) -> int:
    """Show, ask, record; returns the exit code. Nothing escapes as a traceback."""
    options = argparse.ArgumentParser(
        prog=Path(script_path).name, description=__doc__.partition("\n")[0], epilog=_EXITS, allow_abbrev=False
    )
    options.add_argument("stage", metavar="STAGE", help=f"one of: {', '.join((*STAGES, QUALITY))}")
    options.add_argument("--incident", help="incident (INC-n); default: the only open one")
    given = options.parse_args(argv)
    try:
        return _skip(given.stage, given.incident)
    except KeyboardInterrupt:
        return _say("left as it was", LEFT_ALONE)
    except BadInput as error:
        return _say(error.sentence(), BAD_USAGE)
    except VeteranError as error:
        return _say(error.sentence(), BROKEN)


def _skip(stage: str, name: str | None) -> int:
    if stage not in (*STAGES, QUALITY):
        raise BadInput(f"`stage` is `{one_line(stage, 40)}`; it should be one of: {', '.join((*STAGES, QUALITY))}")
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout)):
        raise BadInput("this is no terminal, and a person must give the reason here", "Run it in a terminal")
    session = Session(load_settings(), program="script skip_gate")
    try:
        incident = required(session.ledger, name)
        missing = unmet_checks(session, standing(session, incident), stage)
        lines = [
            f"{incident.id}: {one_line(incident.title)}",
            f"the gate `{stage}` misses:",
            *(f"- {item}" for item in missing),
        ]
        sys.stdout.write(
            "\n".join(visible(line) for line in (lines if missing else [*lines, "- nothing; finish it instead"])) + "\n"
        )
        sys.stdout.write("Why is it right to go on without it? ")
        sys.stdout.flush()
        reason = sys.stdin.readline(400).strip()
        if len(reason) < _SHORTEST:
            return _say(f"left as it was: a reason has at least {_SHORTEST} characters", LEFT_ALONE)
        skip(session, incident, stage, reason=reason, by=account())
        sys.stdout.write(f"skipped: {stage} of {incident.id}, by {account()}; it stands in the record\n")
        return 0
    finally:
        session.close()


def _say(text: str, code: int) -> int:
    sys.stderr.write(visible(text) + "\n")
    return code
