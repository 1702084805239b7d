"""Approve a plan, as a person at a terminal or by a signature. No tool: no client and no model can call this.

It shows the whole plan, made anew, and records a yes to exactly that. At a terminal the last characters of its digest are
typed; a signature is given as the signed text followed by the signature. What an approval must be depends on the
environment and on the operation; what is still missing is said at the end.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

from mcp_server.core.clock import now, stamp
from mcp_server.core.errors import BadInput, VeteranError
from mcp_server.core.plan import Approval
from mcp_server.core.redaction import Redactor
from mcp_server.core.settings import Settings, load_settings
from mcp_server.core.text import one_line, visible
from mcp_server.engine.approvals import account, counting, give, how_to_approve, may_be_approved, missing
from mcp_server.engine.approving import Approving
from mcp_server.engine.gate_store import Gate
from mcp_server.engine.signing import (
    MOST_BYTES,
    allow_command,
    authority_text,
    genuine_authority,
    read_authority,
    read_signed,
    sign_command,
    text_of,
)

TYPED = 6
"""Characters of the digest that are typed."""
NOT_APPROVED, BAD_USAGE, BROKEN = 1, 64, 70
_EXITS = (
    "exit codes: 0 recorded · 1 not approved · 64 bad usage, or nothing that can be approved · 70 settings or record damaged"
)
_SIGNING = "by signature, from this machine or another one:\n"


def main(script_path: str, argv: Sequence[str] | None = None) -> int:
    """Show, ask, record; returns the exit code. Nothing escapes as a traceback."""
    try:
        return _approve(load_settings(), _parser(Path(script_path).name).parse_args(argv))
    except KeyboardInterrupt:
        return _refuse("not approved", NOT_APPROVED)
    except BadInput as error:
        return _refuse(error.sentence(), BAD_USAGE)
    except VeteranError as error:
        return _refuse(error.sentence(), BROKEN)
    except Exception as error:  # noqa: BLE001 -- a defect is no approval, and is said
        return _refuse(f"defect in this program: {type(error).__name__}: {error}; nothing was approved", BROKEN)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadInput(one_line(message, 300), "See --help")


def _parser(name: str) -> argparse.ArgumentParser:
    out = _Parser(
        prog=name, description=__doc__.partition("\n")[0], allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"{_SIGNING}  " + sign_command("P12").replace("\n", "\n  ")
        + "\n\na protected target, by two people:\n  " + allow_command(["unit:NAME"]).replace("\n", "\n  ") + f"\n\n{_EXITS}",
    )  # fmt: skip
    out.add_argument("plan", metavar="PLAN", nargs="?", help="P<n>, as plan_action shows it")
    out.add_argument(
        "--allow", metavar="NAME", action="append", default=[],
        help="instead of a plan: a protected target that may be touched (unit:prometheus.service); two people must sign it",
    )  # fmt: skip
    how = out.add_mutually_exclusive_group()
    how.add_argument("--text", action="store_true", help="print the text to sign, and nothing else")
    how.add_argument("--signature", metavar="FILE", help="the signed text followed by its signature; - is standard input")
    return out


def _approve(settings: Settings, options: argparse.Namespace) -> int:
    document = None if options.signature is None else _read(options.signature)
    if bool(options.plan) == bool(options.allow):
        raise BadInput("either a plan is approved or a protected target is allowed", "See --help")
    if options.allow:
        return _allow(settings, options, document)
    if not options.text and document is None and not _is_terminal():
        raise BadInput(
            "this is no terminal, and a person must read the plan and type here",
            f"Run it in a terminal, or sign:\n{sign_command(options.plan)}",
        )
    with Approving(settings, options.plan) as at_hand:
        plan, name = at_hand.plan, at_hand.name
        may_be_approved(at_hand.gate, plan)
        if options.text:
            sys.stdout.write(text_of(name, plan, now() + timedelta(seconds=settings.gate.approval_s)))
            return 0
        if document is not None:
            approval = read_signed(settings, name, plan, document, now())
            may_be_approved(at_hand.gate, plan, approval.approver)
            _refuse_twice(at_hand, approval)
            at_hand.still_open()
            approval = at_hand.gate.approve(approval, incident=plan.request.incident)
        else:
            may_be_approved(at_hand.gate, plan, account())
            _show(at_hand)
            if plan.requirement.level > 2:
                raise BadInput(f"a terminal is not enough here. {how_to_approve(plan, name)}")
            if not _typed(plan.digest):
                return _refuse("not approved: these are not the last characters of the digest", NOT_APPROVED)
            at_hand.still_open()
            approval = give(
                at_hand.gate, settings, at_hand.proposal, plan, route="terminal", approver=account(), proof=_terminal()
            )
        _told(at_hand, approval)
    return 0


def _allow(settings: Settings, options: argparse.Namespace, document: str | None) -> int:
    """One person's signed word that protected targets may be touched; the plan itself still needs two approvers."""
    until = now() + timedelta(seconds=settings.gate.approval_s)
    if document is None:
        if not options.text:
            raise BadInput("this takes a signature", f"Sign:\n{allow_command(options.allow)}")
        sys.stdout.write(authority_text(options.allow, until))
        return 0
    given = read_authority(settings, document, now())
    if set(given.names) != set(options.allow):
        raise BadInput(f"the signed text allows {', '.join(given.names)}, which is not what --allow names")
    gate = Gate(settings, write=True)
    try:
        given = gate.grant(given)
        both = gate.authorised(given.names, lambda word: genuine_authority(settings, word))
    finally:
        gate.close()
    names = ", ".join(one_line(name, 80) for name in given.names)
    sys.stdout.write(f"{given.id}: {given.approver} allows {names}, until {stamp(given.expires)}\n")
    sys.stdout.write("two people have: plan it now\n" if both else "a second person must allow it too\n")
    return 0


def _show(at_hand: Approving) -> None:
    from mcp_server.surface.plan_words import plan_statements
    from mcp_server.surface.render import sentence

    plan = at_hand.plan
    lines = [f"{plan.headline()} · plan {at_hand.name}", *map(sentence, plan_statements(plan)), f"digest {plan.digest}"]
    sys.stdout.write("\n".join(visible(line) for line in lines) + "\n\n")
    sys.stdout.flush()


def _is_terminal() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def _typed(digest: str) -> bool:
    """Whether the person types the end of the digest. What was typed before the question does not count."""
    import termios

    termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)
    sys.stdout.write(f"To have exactly this carried out, once, type the last {TYPED} characters of the digest: ")
    sys.stdout.flush()
    return sys.stdin.readline(80).strip().lower() == digest[-TYPED:]


def _refuse_twice(at_hand: Approving, approval: Approval) -> None:
    for item in at_hand.gate.approvals(at_hand.name, at_hand.plan.digest):
        if item.route == approval.route and item.approver == approval.approver:
            raise BadInput(f"{approval.approver} has approved {at_hand.name} already, until {stamp(item.expires)}")


def _told(at_hand: Approving, approval: Approval) -> None:
    plan = at_hand.plan
    lack = missing(plan, counting(at_hand.gate, at_hand.settings, at_hand.proposal, plan))
    said = [f"{approval.id}: {approval.approver} approved {at_hand.name} by {approval.route}, until {stamp(approval.expires)}"]
    said.append(f"not enough yet; {lack}" if lack else f"enough: scripts/incident_response/execute_action.py {at_hand.name}")
    sys.stdout.write("\n".join(one_line(line, 400) for line in said) + "\n")


def _terminal() -> str:
    """What this route can show for it: a terminal proves little, so it is the weakest but one."""
    try:
        login = Path("/proc/self/loginuid").read_text(encoding="ascii").strip()
    except OSError:
        login = "unknown"
    return f"terminal {os.ttyname(0)}, uid {os.getuid()}, login uid {login}, sudo from {os.environ.get('SUDO_USER', 'nobody')}"


def _read(name: str) -> str:
    try:
        with sys.stdin.buffer if name == "-" else open(name, "rb") as file:
            return file.read(MOST_BYTES + 1).decode("utf8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{one_line(name)} cannot be read: {one_line(str(error), 200)}") from None


def _refuse(sentence: str, code: int) -> int:
    sys.stderr.write(visible(Redactor().text(sentence)) + "\n")
    return code
