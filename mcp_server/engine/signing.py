"""Approval by signature: the text that is signed, and whether a signature of it is a yes to this plan, until when, by whom.

The text names everything that it is a yes to; it is rebuilt from the plan and compared, never understood. Signed with
`ssh-keygen -Y sign -n veteran-plan`, it and its signature one after the other are the proof that is kept, and checked again
when the plan is carried out: a line that somebody wrote into the gate's ledger is no signature.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from mcp_server.core.clock import parse_moment, stamp
from mcp_server.core.errors import BadInput, Broken
from mcp_server.core.plan import Approval, Authority, Plan
from mcp_server.core.settings import Settings
from mcp_server.core.text import one_line
from mcp_server.targets.ssh_signatures import Signer, signer_of

NAMESPACE, AUTHORITY = "veteran-plan", "veteran-authority"
MOST_BYTES = 4_096
_START = "-----BEGIN SSH SIGNATURE-----"
_ALLOW = re.compile(r"^allow ([a-z]+:[^\x00-\x1f\x7f]{1,200})$", re.MULTILINE)
_EXPIRES = re.compile(r"^expires (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)$", re.MULTILINE)


def text_of(name: str, plan: Plan, expires: datetime) -> str:
    """What a person signs to approve this plan until that moment."""
    return (
        "veteran-plan 1\n"
        f"plan {name}\n"
        f"digest {plan.digest}\n"
        f"operation {plan.request.operation}\n"
        f"environment {plan.environment.name}\n"
        f"expires {stamp(expires)}\n"
        f"what {one_line(plan.headline(), 400)}\n"
    )


def read_signed(settings: Settings, name: str, plan: Plan, document: str, at: datetime) -> Approval:
    """The approval that a signed text is. Raises BadInput with a sentence for everything that is none: another plan's, an
    expired one, one that lasts longer than the settings allow, one signed by nobody who may."""
    text, signature, expires = _parts(document)
    if expires is None or text != text_of(name, plan, expires):
        raise BadInput(f"the signed text is not about {name} as it is now: {_difference(text, name, plan)}", "sign it anew")
    signer = _in_time(settings, text, signature, NAMESPACE, expires, at)
    return Approval(
        plan=name, digest=plan.digest, approver=signer.principal, route="signature", at=at, expires=expires,
        proof=text + signature,
    )  # fmt: skip


def authority_text(names: Sequence[str], expires: datetime) -> str:
    """What a person signs to allow that protected targets are touched until that moment, each by its name."""
    lines = "".join(f"allow {name}\n" for name in sorted(set(names)))
    return f"veteran-authority 1\n{lines}expires {stamp(expires)}\n"


def read_authority(settings: Settings, document: str, at: datetime) -> Authority:
    """The word of one person about protected targets that a signed text is. Raises BadInput as `read_signed` does."""
    text, signature, expires = _parts(document)
    names = _ALLOW.findall(text)
    if expires is None or not names or text != authority_text(names, expires):
        raise BadInput(
            "the signed text does not allow anything as it stands", "have it written by approve.py --allow NAME --text"
        )
    signer = _in_time(settings, text, signature, AUTHORITY, expires, at)
    return Authority(
        names=tuple(names), approver=signer.principal, route="signature", at=at, expires=expires, proof=text + signature
    )


def genuine_authority(settings: Settings, authority: Authority) -> bool:
    """Whether the proof kept with it is, today still, that person's signature of exactly this."""
    text, start, signature = authority.proof.partition(_START)
    if text != authority_text(authority.names, authority.expires):
        return False
    signer = _signer(settings, text, start + signature, AUTHORITY)
    return signer is not None and signer.principal == authority.approver


def _parts(document: str) -> tuple[str, str, datetime | None]:
    """Text, signature, and the moment at which the text says that it ends."""
    if len(document.encode()) > MOST_BYTES:
        raise BadInput(f"the signed text has more than {MOST_BYTES:,} bytes", "give the text and its signature, nothing else")
    text, start, signature = document.replace("\r\n", "\n").partition(_START)
    if not start:
        raise BadInput("there is no SSH signature in it", "give the text and its signature, one after the other")
    found = _EXPIRES.search(text)
    return text, start + signature, parse_moment(found[1]) if found else None


def _in_time(
    settings: Settings, text: str, signature: str, namespace: str, expires: datetime, at: datetime
) -> Signer:  # fmt: skip
    if expires <= at:
        raise BadInput(f"the signed text expired at {stamp(expires)}; now it is {stamp(at)}", "sign it anew")
    if expires > at + timedelta(seconds=settings.gate.approval_s):
        raise BadInput(f"the signed text is valid for more than {settings.gate.approval_s} s (gate.approval_s)", "sign it anew")
    signer = _signer(settings, text, signature, namespace)
    if signer is None:
        raise BadInput(
            "the signature is not by a key that may approve",
            f"it must be an Ed25519 key listed in {settings.approvals.allowed_signers}; a FIDO device must be touched",
        )
    return signer


def genuine_signature(settings: Settings, plan: Plan, approval: Approval) -> bool:
    """Whether the proof kept with an approval is, today still, that person's signature of exactly this."""
    text, start, signature = approval.proof.partition(_START)
    if text != text_of(approval.plan, plan, approval.expires):
        return False
    signer = _signer(settings, text, start + signature)
    return signer is not None and signer.principal == approval.approver


def sign_command(name: str) -> str:
    """What a person types to approve by signature, line by line; KEY is a private key, or the public one of an agent's."""
    return _commands(name, name, NAMESPACE)


def allow_command(names: Sequence[str]) -> str:
    """The same for protected targets."""
    return _commands(" ".join(f"--allow {name}" for name in names), "allow", AUTHORITY)


def _commands(what: str, file: str, namespace: str) -> str:
    script = "scripts/incident_response/approve.py"
    return (
        f"{script} {what} --text > {file}.txt\n"
        f"ssh-keygen -Y sign -n {namespace} -f KEY {file}.txt\n"
        f"cat {file}.txt {file}.txt.sig | {script} {what} --signature -"
    )


def _signer(settings: Settings, text: str, signature: str, namespace: str = NAMESPACE) -> Signer | None:
    allowed = settings.approvals.allowed_signers
    if allowed is None:
        raise Broken("no key may approve: approvals.allowed_signers is not set", "name the file in the settings")
    return signer_of(text.encode(), signature.encode(), namespace, allowed, (settings.state_dir,))


def _difference(text: str, name: str, plan: Plan) -> str:
    """The first line that differs, in words; a signer must see what is wrong at 3 a.m."""
    right = text_of(name, plan, plan.made).splitlines()
    lines = text.splitlines()
    for index, line in enumerate(right):
        given = lines[index] if index < len(lines) else "nothing"
        if given != line and not line.startswith("expires "):
            return f"line {index + 1} is `{one_line(given, 100)}`, it would have to be `{one_line(line, 100)}`"
    return "it has other lines"
