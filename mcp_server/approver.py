"""The approver: `python -m mcp_server.approver P12` has one plan approved in the client's dialog. The witness starts it.

It makes the plan itself, from the request, on fresh facts, and writes what the person reads: the server has no part in it.
It records the approval with the digest of the very plan that it showed. Two lines of JSON on stdout, one line in between:

    {"message": "restart_service shop in test (dev) · plan P12\\n…", "answer_s": 240}    or    {"refused": "…"}
    ◄ approve        anything else, or the end of stdin: not approved
    {"recorded": "A7"}    or    {"refused": "…"}
"""

import json
import os
import signal
import sys

from mcp_server.witness.helper import LINE_BYTES

_TEXT_CHARS = 4_000


def main(arguments: list[str]) -> int:
    """Show, wait, record. Exit status 0 once approved, 3 when not."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from mcp_server.core.errors import VeteranError
    from mcp_server.core.redaction import Redactor

    try:
        return _dialog(arguments[0])
    except VeteranError as error:
        _say(refused=Redactor().text(error.sentence()))
    except Exception as error:  # noqa: BLE001 -- a defect is no approval, and is said
        _say(refused=Redactor().text(f"defect in the approver: {type(error).__name__}: {error}"))
    return 3


def _dialog(name: str) -> int:
    from mcp_server.core.errors import BadInput
    from mcp_server.core.settings import load_settings
    from mcp_server.engine.approvals import account, give, how_to_approve, may_be_approved
    from mcp_server.engine.approving import Approving
    from mcp_server.surface.plan_question import question

    settings = load_settings()
    with Approving(settings, name) as at_hand:
        plan = at_hand.plan
        may_be_approved(at_hand.gate, plan, account())
        if plan.requirement.level > 2:
            raise BadInput(
                f"a dialog is not enough here: {'; '.join(plan.requirement.reasons)}",
                f"A person approves {how_to_approve(plan, name)}",
            )
        _say(message=question(plan, name)[:_TEXT_CHARS], answer_s=settings.approvals.dialog_s)
        if sys.stdin.readline(LINE_BYTES).strip() != "approve":
            return 3
        at_hand.still_open()
        _say(recorded=give(at_hand.gate, settings, at_hand.proposal, plan, route="dialog", approver=account()).id)
    return 0


def _say(**line: object) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
