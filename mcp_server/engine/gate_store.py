"""The gate's own record: approvals, claims, executions. Written by the executor and by the routes of approval, never by the
locked server, which can only read it. A ledger like the other one (append-only, hash-chained), in a folder of its own.

Kinds of entries: `approval.given`, `authority.given`, `execution.claimed`, `execution.step`, `execution.state`.
An execution is the fold of its entries; nothing is stored twice.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from mcp_server.core.clock import now, parse_moment, stamp
from mcp_server.core.errors import BadInput, Broken, CouldNotLook
from mcp_server.core.ledger import Entry, Ledger
from mcp_server.core.plan import ENDED, Approval, Authority, Execution, ExecutionState, Plan, Proposal
from mcp_server.core.settings import Settings
from mcp_server.core.text import one_line

STOP = "STOP"
"""A file of this name in the gate's folder stops all changes, whoever approved them."""
StepState = Literal["started", "noted", "done", "failed", "undoing", "undone", "undo_failed"]


class Gate:
    """One gate folder. Several processes may use it at once."""

    def __init__(self, settings: Settings, *, write: bool = False) -> None:
        """Raises CouldNotLook (read only) when there is no gate yet or it cannot be read; Broken when it cannot be opened."""
        self.folder = Path(settings.gate_dir)
        self._settings = settings.gate
        if write:
            try:
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                (self.folder / "running").mkdir(exist_ok=True, mode=0o700)
            except OSError as error:
                raise _not_writable(self.folder, error) from None
            self.ledger = Ledger(self.folder, mark="G", plain_file=True)
            return
        try:
            there = (self.folder / "ledger.sqlite3").is_file()
        except OSError as error:  # the folder of an account of its own
            raise CouldNotLook(
                str(self.folder), "denied", f"the gate's record may not be read: {error.strerror}",
                "let the server's account read that folder (a group, mode 750); it need not write there",
            ) from None  # fmt: skip
        if not there:
            raise CouldNotLook(str(self.folder), "missing", "nothing was ever approved or carried out here")
        try:
            self.ledger = Ledger(self.folder, mark="G", read_only=True)
        except Broken as error:
            raise CouldNotLook(str(self.folder), "denied", error.message, "ask the account that runs the executor") from None

    def close(self) -> None:
        """Close the file; what was written is durable."""
        self.ledger.close()

    # --- the kill switch -------------------------------------------------------------------------------------------

    def stopped(self) -> str:
        """Empty, or a sentence saying what stops every change now."""
        if not self._settings.writes:
            return "changes are switched off by the setting gate.writes"
        if os.path.lexists(self.folder / STOP):
            return f"changes are switched off by the file {self.folder / STOP}; remove it to allow them again"
        return ""

    # --- approvals -------------------------------------------------------------------------------------------------

    def approve(self, approval: Approval, *, incident: str | None = None, check: Callable[[], None] | None = None) -> Approval:
        """Keep a person's yes; it comes back with its id. Only routes of approval call this, after they have asked.

        `check` runs inside the transaction (a standing approval counts its uses there).
        """
        body = approval.model_dump(mode="json", exclude={"id"})
        return approval.model_copy(
            update={"id": f"A{self.ledger.append('approval.given', body, incident=incident, check=check).seq}"}
        )

    def all_approvals(self, *, plan: str | None = None) -> Iterator[Approval]:
        """Every approval ever given, also the expired and the used; for counting and for the record."""
        for entry in self.ledger.entries(kind="approval.given"):
            if plan is None or entry.body["plan"] == plan:
                yield Approval.model_validate(entry.body | {"id": f"A{entry.seq}"})

    def approvals(self, plan: str, digest: str, at: datetime | None = None) -> tuple[Approval, ...]:
        """Approvals of exactly this plan and digest that are valid at this moment and not used up."""
        at = at or now()
        used = self._used()
        return tuple(
            item
            for item in self.all_approvals(plan=plan)
            if item.digest == digest and item.at <= at < item.expires and item.id not in used
        )

    def _used(self) -> set[str]:
        return {name for entry in self.ledger.entries(kind="execution.claimed") for name in entry.body["approvals"]}

    def why_not_approved(self, plan: str, digest: str, at: datetime | None = None) -> str:
        """For a plan without a valid approval: what there is instead, in a sentence."""
        at, given, used = at or now(), tuple(self.all_approvals(plan=plan)), self._used()
        if not given:
            return f"nobody has approved {plan}"
        if all(item.id in used for item in given):
            return f"the approval of {plan} was used already; each counts once"
        if not any(item.digest == digest for item in given):
            return f"{plan} was approved as it was then (digest {given[-1].digest[:12]}…); it is another plan now"
        return f"the approval of {plan} expired at {stamp(max(item.expires for item in given if item.digest == digest))}"

    # --- authority over protected targets --------------------------------------------------------------------------

    def grant(self, authority: Authority) -> Authority:
        """Keep somebody's word that protected targets may be touched. Only routes of approval call this."""
        body = authority.model_dump(mode="json", exclude={"id"})
        return authority.model_copy(update={"id": f"Y{self.ledger.append('authority.given', body).seq}"})

    def authorised(
        self, names: Sequence[str], genuine: Callable[[Authority], bool], at: datetime | None = None
    ) -> bool:  # fmt: skip
        """Whether two different people have, by signature, allowed each of these names, and both words are still valid.

        `genuine` says of each whether its proof holds: what stands here could have been written by the same account.
        """
        at = at or now()
        given = [Authority.model_validate(entry.body) for entry in self.ledger.entries(kind="authority.given")]
        valid = [item for item in given if item.at <= at < item.expires and item.route == "signature" and genuine(item)]
        return bool(names) and all(len({item.approver for item in valid if name in item.names}) >= 2 for name in names)

    # --- executions ------------------------------------------------------------------------------------------------

    def claim(
        self, proposal: Proposal, plan: Plan, approvals: Sequence[Approval], *,
        times_ms: Mapping[str, float], check: Callable[[], None],
    ) -> Execution:  # fmt: skip
        """Use the approvals up, atomically: of any number at once, one gets through. Raises BadInput for the others.

        `check` repeats, inside the transaction, what must still hold (kill switch, expiry, cooldown).
        """

        def once() -> None:
            if earlier := [item for item in self._claims() if item.body["plan"] == proposal.id]:
                raise BadInput(
                    f"{proposal.id} was carried out already (X{earlier[0].seq}); nothing runs twice",
                    "plan it again to repeat it",
                )
            if spent := self._used() & {item.id for item in approvals}:
                raise BadInput(f"approval {', '.join(sorted(spent))} was used already; each counts once")
            check()

        body = {
            "plan": proposal.id, "digest": plan.digest, "operation": plan.request.operation,
            "environment": plan.environment.name, "touches": sorted({name for step in plan.steps for name in step.touches}),
            "approvals": [item.id for item in approvals], "steps": len(plan.steps), "times_ms": dict(times_ms),
        }  # fmt: skip
        blob = json.dumps(plan.content(), sort_keys=True).encode()
        entry = self.ledger.append("execution.claimed", body, incident=plan.request.incident, blob=blob, check=once)
        return _fold(entry, (), alive=True)

    def step(self, execution: Execution, number: int, state: StepState, said: str = "", **more: Any) -> None:
        """Note what happens to a step: before it is done, and after."""
        self.ledger.append("execution.step", {"execution": execution.id, "number": number, "state": state, "said": said} | more)

    def state(self, execution: Execution, state: ExecutionState, said: str = "", **more: Any) -> None:
        """Note the state of the whole. That it is being verified says nothing new, and becomes durable with what follows."""
        body = {"execution": execution.id, "state": state, "said": said} | more
        self.ledger.append("execution.state", body, durable=state != "verifying")

    def _claims(self) -> Iterator[Entry]:
        return self.ledger.entries(kind="execution.claimed")

    def executions(self, *, plan: str | None = None) -> tuple[Execution, ...]:
        """Every execution, oldest first, each as its entries tell it."""
        # in this order: whoever claimed held the lock before, and whoever let go of it had written the end before
        claims = [item for item in self._claims() if plan is None or item.body["plan"] == plan]
        alive = {item.seq: self.alive(item.body["plan"]) for item in claims}
        later: dict[str, list[Entry]] = {}
        for kind in ("execution.step", "execution.state"):
            for entry in self.ledger.entries(kind=kind):
                later.setdefault(entry.body["execution"], []).append(entry)
        return tuple(
            _fold(item, sorted(later.get(f"X{item.seq}", ()), key=lambda entry: entry.seq), alive=alive[item.seq])
            for item in claims
        )

    def content(self, execution: str) -> dict[str, Any]:
        """What the plan of an execution said when it was claimed. Raises BadInput for an id that is none."""
        for entry in self._claims():
            if f"X{entry.seq}" == execution:
                content: dict[str, Any] = json.loads(self.ledger.blob(entry.body["sha256"]))
                return content
        raise BadInput(f"there is no execution `{one_line(execution, 40)}`")

    def noted(self, execution: str, number: int) -> str:
        """What a step said last of its parts; empty where it said nothing."""
        said = ""
        for entry in self.ledger.entries(kind="execution.step"):
            body = entry.body
            if (body["execution"], body["number"], body["state"]) == (execution, number, "noted"):
                said = str(body["said"])
        return said

    def interrupted(self) -> tuple[Execution, ...]:
        """Executions that have not ended and on which nobody works: the executor was killed."""
        return tuple(item for item in self.executions() if item.state == "interrupted")

    def recent(self, operation: str, environment: str, touches: Sequence[str], since: datetime) -> tuple[Execution, ...]:
        """Executions of the same operation on any of the same components that began after `since` and did something."""
        return tuple(
            item
            for item in self.executions()
            if item.operation == operation and item.environment == environment and item.started > since
            and item.state != "refused" and (not touches or set(touches) & set(item.touches))
        )  # fmt: skip

    # --- who is alive ----------------------------------------------------------------------------------------------

    @contextmanager
    def working_on(self, *names: str) -> Iterator[None]:
        """Hold locks (a plan, an environment) that the kernel drops when this process ends, however it ends.

        A plan's lock is removed when its work ended: one that lies there and nobody holds tells of a killed executor.
        Raises BadInput when another process holds one: one change at a time in one environment.
        """
        with ExitStack() as held:
            for name in names:
                try:
                    file = held.enter_context((self.folder / "running" / f"{name}.lock").open("w"))
                except OSError as error:
                    raise _not_writable(self.folder, error) from None
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    what = f"{name} is being carried out" if name.startswith("P") else f"another change is under way in {name}"
                    raise BadInput(f"{what} by another process", "action_status shows it") from None
            yield
            for name in names:
                if name.startswith("P"):
                    (self.folder / "running" / f"{name}.lock").unlink(missing_ok=True)

    def alive(self, plan: str) -> bool:
        """Whether a process works on this plan now."""
        try:
            with (self.folder / "running" / f"{plan}.lock").open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False


def _not_writable(folder: Path, error: OSError) -> Broken:
    return Broken(f"the gate's folder {folder} cannot be written: {error.strerror}", "run it as the account that owns it")


def _fold(claim: Entry, later: Sequence[Entry], *, alive: bool) -> Execution:
    body = claim.body
    state: ExecutionState = "claimed"
    done: list[int] = []
    undone: list[int] = []
    step, ended, said, left, times = 0, None, "", (), dict(body["times_ms"])
    for entry in later:
        item = entry.body
        if entry.kind == "execution.step":
            number = int(item["number"])
            match item["state"]:
                case "started":
                    step, state = number, "running"
                case "done":
                    done.append(number)
                case "undoing":
                    state = "undoing"
                case "undone":
                    undone.append(number)
        else:
            state, said, left = item["state"], item["said"], tuple(item.get("left", ()))
            times |= item.get("times_ms", {})
            ended = parse_moment(entry.at) if state in ENDED else None
    if state not in ENDED and not alive:
        state = "interrupted"
    return Execution(
        id=f"X{claim.seq}", plan=body["plan"], digest=body["digest"], operation=body["operation"],
        environment=body["environment"], touches=tuple(body["touches"]), approvals=tuple(body["approvals"]), state=state,
        step=step, steps=body["steps"], done=tuple(done), undone=tuple(undone), started=parse_moment(claim.at), ended=ended,
        said=said, left=left, times_ms=times,
    )  # fmt: skip
