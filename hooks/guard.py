"""Asked by Claude Code before a shell command or a file edit. Prints a refusal, or nothing: then the usual rules hold.

It refuses what would go round the gate: any shell or edit by the veteran itself (it looks, through tools), and, by anyone in
the session, approving a plan or writing Veteran's own files. It is a second fence: the server holds without it. Standard
library only; an error in here blocks, because hooks.json says `onFailure: block`.
"""

import json
import os
import re
import sys

VETERAN = "devops-troubleshooter-veteran"
ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
STATE = os.environ.get("VETERAN_STATE_DIR") or os.path.join(
    os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state"), "veteran"
)
OURS = [ROOT, STATE, STATE.rstrip("/") + "-gate", os.path.join(os.path.expanduser("~"), ".config", "veteran")]
_APPROVING = re.compile(r"\bapprove(?:\.py\b|\s)|\bveteran\s+approve\b|\bmcp_server\.executor\b|\bexecute_action\.py\b", re.I)
_OUR_FILES = re.compile(r"ledger\.sqlite3|gate\.sqlite3|allowed_signers|veteran-gate|\.local/state/veteran|\.config/veteran")


def refusal(event):
    """Why this call may not be made; None where it is nobody's business here."""
    tool, given = event.get("tool_name", ""), event.get("tool_input") or {}
    if event.get("agent_type", "").rpartition(":")[2] == VETERAN:
        return "R2 never break what works: the veteran has no shell and edits nothing; plan_action proposes a change to people"
    if tool == "Bash":
        command = str(given.get("command", ""))
        if _APPROVING.search(command):
            return "an approval or an execution comes from a person at a terminal of their own, never from an assistant's shell"
        if _OUR_FILES.search(command):
            return "R20 protect the record: Veteran's ledger, gate and settings are not touched from an assistant's shell"
        return None
    path = os.path.realpath(
        os.path.join(event.get("cwd") or ".", str(given.get("file_path") or given.get("notebook_path") or ""))
    )
    if any(path == place or path.startswith(place.rstrip("/") + "/") for place in map(os.path.realpath, OURS)):
        return "R20 protect the record: Veteran's own files are changed by people, not by an assistant"
    return None


def main():
    """Read the event, print a decision."""
    reason = refusal(json.load(sys.stdin))
    if reason:
        decision = {"hookEventName": "PreToolUse", "permissionDecision": "deny", "permissionDecisionReason": reason}
        json.dump({"hookSpecificOutput": decision}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
