"""Standing approvals: a yes given beforehand, in a file that somebody who may approve has signed.

    # standing/restart_shop.yaml, signed with: ssh-keygen -Y sign -n veteran-standing -f KEY restart_shop.yaml
    operation: restart_service
    environment: staging
    parameters: {service: shop}
    severities: [SEV1]
    at_most_per_hour: 3
    expires: 2026-12-31T00:00:00Z
    reason: the shop hangs on its cache until ticket 4711 is done

It fits a plan whose operation, environment and every parameter are these, in an open incident of that severity, so many
times an hour. It never fits a destructive operation in production, nor an incident in whose evidence text was seen that
reads like instructions. A file that was edited after it was signed fits nothing. Severity and suspicion are what the
server says of its incident; whoever signs reckons with a server that says what it likes, and bounds the rest.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, StringConstraints, ValidationError

from mcp_server.core.clock import When, stamp
from mcp_server.core.errors import BadInput, CouldNotLook, VeteranError
from mcp_server.core.noun import Noun
from mcp_server.core.plan import Approval, Plan, Proposal
from mcp_server.core.settings import Settings
from mcp_server.core.text import one_line
from mcp_server.engine.gate_store import Gate
from mcp_server.targets.ssh_signatures import signer_of

NAMESPACE = "veteran-standing"
_MOST_BYTES = 65_536
_MOST_FILES = 200


class StandingApproval(Noun):
    """What one file says."""

    operation: str = Field(max_length=60)
    environment: str = Field(max_length=40)
    parameters: Mapping[str, JsonValue]
    severities: tuple[Literal["SEV1", "SEV2", "SEV3", "SEV4"], ...] = Field(min_length=1)
    at_most_per_hour: int = Field(ge=1, le=20)
    expires: When
    reason: Annotated[str, StringConstraints(min_length=10, max_length=300)]


@dataclass(frozen=True)
class Policy:
    """One file as it was read: valid with `signer`, or not, with the sentence that says why."""

    name: str
    problem: str = ""
    approval: StandingApproval | None = None
    signer: str = ""
    sha256: str = ""


def policies(settings: Settings, at: datetime) -> tuple[Policy, ...]:
    """Every standing approval in the folder that the settings name, the unusable ones with the reason."""
    folder = settings.approvals.standing
    if folder is None:
        return ()
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".yaml"))[:_MOST_FILES]
    except OSError as error:
        return (Policy(one_line(folder), f"cannot be read: {error.strerror}"),)
    return tuple(_policy(settings, Path(folder, name), at) for name in names)


def _policy(settings: Settings, path: Path, at: datetime) -> Policy:
    name = one_line(path.stem, 80)
    try:
        text, signature = _bytes(path), _bytes(path.with_name(path.name + ".sig"))
        allowed = settings.approvals.allowed_signers
        if allowed is None:
            return Policy(name, "nobody may sign: approvals.allowed_signers is not set")
        signer = signer_of(text, signature, NAMESPACE, allowed, (settings.state_dir,))
        if signer is None:
            return Policy(name, "it is not signed as it stands by a key that may approve; sign it again if it was edited")
        approval = StandingApproval.model_validate(_yaml(text))
    except OSError as error:
        return Policy(name, f"{one_line(str(error.filename))}: {error.strerror}")
    except ValidationError as error:
        item = error.errors()[0]
        return Policy(name, f"{'.'.join(map(str, item['loc'])) or 'the file'}: {one_line(item['msg'], 120)}")
    except (VeteranError, ValueError) as error:
        return Policy(name, one_line(str(error), 200))
    if approval.expires <= at:
        return Policy(name, f"it expired at {stamp(approval.expires)}")
    return Policy(name, "", approval, signer.principal, hashlib.sha256(text).hexdigest())


def why_not(policy: Policy, plan: Plan) -> str:
    """Empty when the policy fits this plan, else the first reason why not."""
    approval = policy.approval
    if approval is None:
        return policy.problem
    wanted = {"operation": approval.operation, "environment": approval.environment} | dict(approval.parameters)
    given = {"operation": plan.request.operation, "environment": plan.environment.name} | dict(plan.request.parameters)
    for key in sorted(given.keys() | wanted.keys()):
        if key not in wanted or key not in given or given[key] != wanted[key]:
            return f"it is for another {key}"
    if plan.risk == "destructive" and plan.environment.protection == "production":
        return "nothing destructive in production is approved beforehand"
    if plan.request.suspicious:
        return "text that reads like instructions was seen in this incident's evidence: a person must look"
    if plan.request.severity not in approval.severities:
        return f"it is for {', '.join(approval.severities)}; this is {plan.request.severity or 'no incident with a severity'}"
    return ""


def give_standing(
    gate: Gate, settings: Settings, proposal: Proposal, plan: Plan, at: datetime
) -> tuple[Approval | None, tuple[str, ...]]:
    """Approve the plan by the first policy that fits and is not used up; else None. With the reasons of those that did not."""
    reasons = []
    for policy in policies(settings, at):
        reason = why_not(policy, plan)
        if not reason:
            try:
                return _give(gate, settings, proposal, plan, policy, at), ()
            except BadInput as error:
                reason = error.message
        reasons.append(f"{policy.name}: {reason}")
    return None, tuple(reasons)


def _give(gate: Gate, settings: Settings, proposal: Proposal, plan: Plan, policy: Policy, at: datetime) -> Approval:
    assert policy.approval is not None
    most, mark = policy.approval.at_most_per_hour, _mark(policy)

    def count() -> None:
        used = sum(1 for item in uses(gate, policy.name) if item.at > at - timedelta(hours=1))
        if used >= most:
            raise BadInput(f"it was used {used} times in the last hour; at most {most} are allowed")

    approval = Approval(
        plan=proposal.id, digest=plan.digest, approver=policy.signer, route="standing", at=at,
        expires=min(at + timedelta(seconds=settings.gate.approval_s), policy.approval.expires), proof=mark,
    )  # fmt: skip
    return gate.approve(approval, incident=plan.request.incident, check=count)


def uses(gate: Gate, name: str) -> Iterator[Approval]:
    """Every approval that this policy gave, oldest first."""
    return (item for item in gate.all_approvals() if item.route == "standing" and item.proof.startswith(f"{name} "))


def genuine_standing(settings: Settings, approval: Approval, at: datetime) -> bool:
    """Whether the policy behind an approval is still there, unedited, signed and not expired."""
    return any(
        policy.approval is not None and _mark(policy) == approval.proof and policy.signer == approval.approver
        for policy in policies(settings, at)
    )


def _mark(policy: Policy) -> str:
    return f"{policy.name} sha256 {policy.sha256}"


def _yaml(text: bytes) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise CouldNotLook("the file", "damaged", one_line(str(error), 120)) from None


def _bytes(path: Path) -> bytes:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(handle, "rb") as file:
        text = file.read(_MOST_BYTES + 1)
    if len(text) > _MOST_BYTES:
        raise ValueError(f"it has more than {_MOST_BYTES:,} bytes")
    return text
