"""Proposals: what the server planned and showed, handed to the executor as small files below the state folder.

Whoever reads them trusts nothing in them: the digest is computed anew from the request alone, and approvals are bound to it.
Taking a proposal back needs no right but that of the server: it can only make less happen.
"""

import json
import os
import re
import stat
from pathlib import Path

from pydantic import ValidationError

from mcp_server.core.clock import parse_moment
from mcp_server.core.errors import BadInput, Broken
from mcp_server.core.plan import Plan, Proposal
from mcp_server.core.settings import Settings
from mcp_server.core.text import one_line
from mcp_server.engine.session import Session

_ID = re.compile(r"P[1-9][0-9]{0,11}", re.ASCII)
MOST_BYTES = 1_048_576


def propose(session: Session, plan: Plan) -> Proposal:
    """Keep a plan in the server's ledger and hand its request over; the proposal's id names it from now on."""
    entry = session.ledger.append(
        "plan.proposed",
        session.redactor.data({"digest": plan.digest, "plan": plan.model_dump(mode="json")}),
        incident=plan.request.incident,
    )
    proposal = Proposal(
        id=f"P{entry.seq}", at=parse_moment(entry.at), request=plan.request, digest=plan.digest, content=plan.content()
    )
    folder = Path(session.settings.state_dir) / "plans"
    try:
        folder.mkdir(exist_ok=True, mode=0o700)
        draft = folder / f"{proposal.id}.new"
        draft.write_text(proposal.model_dump_json(), encoding="utf8")
        draft.rename(folder / f"{proposal.id}.json")
    except OSError as error:
        raise Broken(f"the plan cannot be kept in {folder}: {error.strerror}", "check space and rights") from None
    return proposal


def proposal_of(settings: Settings, name: str) -> Proposal:
    """The proposal of this id. Raises BadInput when there is none, or what lies there is no proposal."""
    name = checked(name)
    path = Path(settings.state_dir) / "plans" / f"{name}.json"
    try:
        # not through a link, not from a device or pipe, not more than a request needs
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise BadInput(f"{name} is no file of a plan")
            text = file.read(MOST_BYTES + 1)
    except OSError:
        raise BadInput(f"there is no plan {name} in {settings.state_dir}", "plan_action makes one") from None
    try:
        proposal = Proposal.model_validate(json.loads(text) if len(text) <= MOST_BYTES else {})
    except (ValueError, RecursionError, ValidationError):
        raise BadInput(f"what is kept as {name} is no plan") from None
    if proposal.id != name:
        raise BadInput(f"what is kept as {name} calls itself {proposal.id}")
    return proposal


def checked(name: str) -> str:
    """The id, if it is one. Raises BadInput."""
    if not _ID.fullmatch(name):
        raise BadInput(f"`plan` is `{one_line(name, 40)}`; it should be P<number>, as plan_action shows it")
    return name


def cancel(session: Session, name: str) -> None:
    """Take a proposal back; one that is being carried out stops before its next step."""
    folder = Path(session.settings.state_dir) / "plans"
    folder.mkdir(exist_ok=True, mode=0o700)
    (folder / f"{checked(name)}.cancelled").touch(mode=0o600)


def cancelled(settings: Settings, name: str) -> bool:
    """Whether it was taken back."""
    return os.path.lexists(Path(settings.state_dir) / "plans" / f"{checked(name)}.cancelled")
