"""What a change is made of, from the wish to the record: Environment, Request, Plan, Approval, Execution.

The way of one change:

    Request ──plan──► Plan (digest) ──a person──► Approval (bound to plan and digest) ──executor──► Execution

A plan is made twice: by the server, to be shown, and by the executor, from the request alone, to be carried out. Both
give the same digest as long as the world is the same; so the digest covers content only: never evidence ids, times,
durations, or what is shown beside (blast radius, recent changes, what was tried elsewhere, cost of waiting).
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Literal

from pydantic import Field, JsonValue

from mcp_server.core.clock import Moment
from mcp_server.core.environment import Environment as Environment  # noqa: PLC0414 -- everyone imports it from here
from mcp_server.core.environment import Kind as Kind  # noqa: PLC0414
from mcp_server.core.environment import Protection as Protection  # noqa: PLC0414
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import Coverage, Statement, Verdict
from mcp_server.core.text import one_line

Risk = Literal["low", "medium", "high", "destructive"]
Route = Literal["dialog", "terminal", "signature", "standing"]
GateName = Literal["safety", "rollback", "monitoring", "communication"]
GATES: tuple[GateName, ...] = ("safety", "rollback", "monitoring", "communication")
ExecutionState = Literal[
    "claimed",  # the approval is used up; nothing was done yet
    "running",  # a step is under way
    "verifying",  # every step is done
    "undoing",  # something failed; steps are taken back in reverse order
    "done",  # verified
    "undone",  # failed, and the state before was proven equal
    "left",  # failed, and something is left that a person must finish: `left` says exactly what
    "refused",  # after the claim, before the first step: the world moved, or the ledger could not be written
    "interrupted",  # nobody works on it and it has not ended: the executor was killed at `step`
]
_STEP = {"number", "step", "before", "after", "touches", "undo", "restores", "lost"}
_FACT = {"diagnostic", "arguments", "verdict", "codes"}
ENDED: frozenset[ExecutionState] = frozenset({"done", "undone", "left", "refused"})


class Request(Noun):
    """What the caller wants. The executor takes nothing else from the server; everything else it finds itself."""

    operation: str = Field(max_length=60)
    environment: str = Field(max_length=40)
    parameters: Mapping[str, JsonValue] = {}
    incident: str | None = Field(None, max_length=40)
    told: str = Field("", max_length=300, description="whom the caller says to have told, and where; shown to the approver")
    severity: Literal["SEV1", "SEV2", "SEV3", "SEV4"] | None = Field(None, description="severity of the open incident")
    suspicious: bool = Field(False, description="text that reads like instructions was seen in the incident's evidence")


class Proposal(Noun):
    """A request that was planned and shown: `P<n>`. `digest` is what the server saw; the executor computes its own."""

    id: str = Field(pattern=r"^P[1-9]\d{0,11}$")
    at: Moment
    request: Request
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    content: Mapping[str, JsonValue] = Field({}, description="what the digest covered, for showing what moved since")


class Step(Noun):
    """One act of a writer: a verb of the closed set of the environment's kind, and its settled arguments."""

    verb: str
    arguments: Mapping[str, JsonValue] = {}


class PlannedStep(Noun):
    """One step with everything that was seen and worked out for it."""

    number: int = Field(ge=1)
    step: Step
    said: Statement = Field(description="the step in words")
    before: Mapping[str, JsonValue] = Field({}, description="state it starts from: content that is the same while the world is")
    after: Mapping[str, JsonValue] = Field({}, description="what `before` must become, key by key; read to see that it did")
    touches: tuple[str, ...] = Field((), description="components it acts on, as typed clues: unit:NAME pid:N path:/x service:x")
    undo: Step | None = Field(None, description="takes it back; None: see `lost`")
    undo_said: Statement | None = None
    restores: tuple[str, ...] = Field((), description="keys of `before` that are equal again once it is undone")
    record: tuple[Statement, ...] = Field((), description="what was found out before something is removed: usage, history")
    lost: str = Field("", description="what is lost and why: all, without an undo; else what it does not bring back; ours")
    evidence: tuple[str, ...] = ()


class Fact(Noun):
    """What a diagnostic said before: in the digest with verdict and codes, without ids and times."""

    diagnostic: str
    arguments: Mapping[str, JsonValue] = {}
    verdict: Verdict
    codes: tuple[str, ...] = Field((), description="findings as `code component`, sorted")
    evidence: tuple[str, ...] = ()


class Verification(Noun):
    """How it is known that it worked. `unknown` is never it."""

    diagnostic: str
    arguments: Mapping[str, JsonValue] = {}
    expect: Verdict = "ok"
    deadline_s: float = Field(30, gt=0, le=900)
    steady_s: float = Field(0, ge=0, le=300, description="how long the verdict must hold: a crash loop is well for a moment")


class GateResult(Noun):
    """One gate's verdict and why."""

    gate: GateName
    passed: bool
    reason: Statement


class Requirement(Noun):
    """What an approval must be. Levels: 1 any route; 2 two routes, or a signature; 3 a signature; 4 two signatures of
    different approvers."""

    level: Literal[1, 2, 3, 4]
    reasons: tuple[str, ...] = Field(description="why this level, in words of ours")


class Plan(Noun):
    """An operation bound to one environment and to the facts as they are. Nothing in it happens by itself."""

    request: Request
    declaration: str = Field(description="sha256 of the operation's file: another text is another operation")
    summary: str
    environment: Environment
    risk: Risk
    steps: tuple[PlannedStep, ...]
    facts: tuple[Fact, ...] = ()
    verification: Verification
    gates: tuple[GateResult, ...]
    cooldown_s: float = 0
    requirement: Requirement
    made: Moment
    coverage: Coverage = Coverage()
    blast: tuple[Statement, ...] = Field((), description="who stands on it and how they are; shown, not digested")
    changes: tuple[Statement, ...] = Field((), description="recent changes on the target; shown, not digested")
    tried: Statement | None = Field(None, description="whether it was done elsewhere first; shown, not digested")
    waiting: Statement | None = Field(None, description="what it costs to wait; shown, not digested")

    @property
    def digest(self) -> str:
        """sha256 over all that must not move between approval and execution."""
        return hashlib.sha256(json.dumps(self.content(), sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def content(self) -> dict[str, JsonValue]:
        """What the digest covers, as plain data; two plans that differ here are told apart key by key."""
        return {
            "request": self.request.model_dump(mode="json"),
            "declaration": self.declaration,
            "environment": self.environment.model_dump(mode="json"),
            "risk": self.risk,
            "steps": [step.model_dump(mode="json", include=_STEP) for step in self.steps],
            "facts": [fact.model_dump(mode="json", include=_FACT) for fact in self.facts],
            "verification": self.verification.model_dump(mode="json"),
            "gates": {item.gate: item.passed for item in self.gates},
        }  # fmt: skip

    @property
    def passed(self) -> bool:
        """Whether every gate lets it through; a plan that does not can be approved by nobody."""
        return bool(self.steps) and all(item.passed for item in self.gates)

    def headline(self) -> str:
        """Verb, target, environment: the one row that every route of approval shows first. Parameters are checked values."""
        words = " ".join(_word(value) for value in self.request.parameters.values() if value is not None)
        return f"{self.request.operation} {words} in {self.environment.name} ({self.environment.protection})"


def _word(value: JsonValue) -> str:
    """A parameter as one word of a headline; what is more than a name stands in quotes, so that it cannot pass for ours."""
    text = one_line(value, 80)
    return text if re.fullmatch(r"[A-Za-z0-9_.@:/+-]+", text) else "'" + text.replace("'", "’") + "'"


class Approval(Noun):
    """A person's yes to one plan: `A<n>` of the gate's ledger. Used once, by the claim."""

    id: str = ""
    plan: str = Field(pattern=r"^P[1-9]\d{0,11}$")
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    approver: str = Field(
        min_length=1, max_length=120, description="as the route knows the person: account, or key's principal"
    )
    route: Route
    at: Moment
    expires: Moment
    proof: str = Field("", max_length=4_096, description="what the route can show for it, such as a key's fingerprint")


class Authority(Noun):
    """Somebody's word that a protected target may be touched: `Y<n>`. Two different people are needed for each name."""

    id: str = ""
    names: tuple[str, ...] = Field(min_length=1, description="typed clues: unit:prometheus.service, pid:812, path:/etc/x")
    approver: str
    route: Route
    at: Moment
    expires: Moment
    proof: str = ""


class Execution(Noun):
    """One attempt to carry out a plan, as the gate's ledger tells it: `X<n>`."""

    id: str
    plan: str
    digest: str
    operation: str
    environment: str
    touches: tuple[str, ...] = ()
    approvals: tuple[str, ...]
    state: ExecutionState
    step: int = Field(0, description="the last step that was begun; 0: none")
    steps: int = 0
    done: tuple[int, ...] = Field((), description="numbers of the steps that ended well")
    undone: tuple[int, ...] = ()
    started: Moment
    ended: Moment | None = None
    said: str = ""
    left: tuple[str, ...] = Field((), description="what a person must finish, each a sentence")
    times_ms: Mapping[str, float] = Field({}, description="plan, approve (from plan to claim), execute, verify, undo")
