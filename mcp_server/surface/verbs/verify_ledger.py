"""Is the ledger as it was written?"""

from pydantic import Field

from mcp_server.core.errors import BadInput, CouldNotLook
from mcp_server.core.ledger import Verification
from mcp_server.core.outcome import BlindSpot, Coverage, Finding, FindingType, Outcome, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.engine.session import Asking, Session
from mcp_server.surface.telling import Told, tell
from mcp_server.surface.verb import Verb


class Params(Parameters):
    """What is known from elsewhere."""

    expect_head: str | None = Field(
        None,
        max_length=77,
        pattern=r"^(?:\d{1,12}:)?[0-9a-f]{8,64}$",
        description="A head printed earlier: finds out whether the end was cut off",
    )


VERB = Verb(
    summary="Is the ledger as it was written? Checks every hash, names the first entry that does not fit, prints the head.",
    group="record",
    tool=False,
    examples=({},),
)

BROKEN = FindingType(
    code="broken",
    text="the chain is broken at entry {entry}: {problem}",
    severity="critical",
    meaning="Entries from there on cannot be trusted as written by this program.",
    advice="Keep a copy of the file, and find out who could write to the state folder.",
)
BLOB = FindingType(
    code="bytes_missing",
    text="the bytes of {entry} are missing or altered",
    severity="critical",
    meaning="What that evidence showed can no longer be read.",
    advice="Look again with replay where the system still shows it.",
)
CUT = FindingType(
    code="tail_cut",
    text="the expected head {expected} is not in the ledger, which ends with entry {last}",
    severity="critical",
    meaning="The end was cut off, or this is another ledger.",
    advice="Compare with a backup of the state folder.",
)


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Walk the chain. The evidence is the head: its number and hash as seen before this call."""

    def work() -> Told:
        check = session.ledger.verify()
        here = f"entry {check.entries}"
        findings: list[Finding] = []
        if check.broken_at is not None:
            findings.append(BROKEN.found(f"entry {check.broken_at}", entry=check.broken_at, problem=check.problem))
        findings += [BLOB.found(name.split(":")[0], entry=name) for name in check.missing_blobs[:20]]
        if params.expect_head and check.broken_at is None and not _holds(session, params.expect_head):
            findings.append(CUT.found(here, expected=params.expect_head, last=check.entries))
        gate, unseen = _gate(session)
        if gate is not None and gate.broken_at is not None:
            name = f"gate entry {gate.broken_at}"
            findings.append(BROKEN.found(name, entry=name, problem=gate.problem))
        if gate is not None:
            findings += [BLOB.found(f"gate {item.split(':')[0]}", entry=f"gate {item}") for item in gate.missing_blobs[:20]]
        statement = Statement(
            text="{entries} entries checked; head {head}: keep it elsewhere, and give it as expect_head to notice a cut end",
            values={"entries": check.entries, "head": f"{check.entries}:{check.head}"},
        )
        blind = BlindSpot(what="entries after the break", reason="their chain starts from an altered entry", remedy="none")
        told = Statement(
            text="{entries} entries of the gate (approvals, executions) checked; head {head}",
            values={"entries": gate.entries if gate else 0, "head": f"{gate.entries}:{gate.head}" if gate else "none"},
        )
        return Told(
            statements=(statement, told) if gate else (statement,),
            findings=tuple(item.model_copy(update={"code": f"verify_ledger.{item.code}"}) for item in findings),
            coverage=Coverage(
                looked=(f"{check.entries} entries",), blind=(*((blind,) if check.broken_at is not None else ()), *unseen)
            ),
            data=check.model_dump(mode="json"),
        )

    return tell(session, asking, "verify_ledger", params, work)


def _gate(session: Session) -> tuple[Verification | None, tuple[BlindSpot, ...]]:
    """The same of the gate's record, where there is one; or why it could not be read."""
    from mcp_server.engine.gate_store import Gate

    try:
        gate = Gate(session.settings)
    except CouldNotLook as failure:
        if failure.reason == "missing":
            return None, ()
        return None, (BlindSpot(what="gate's record", reason=failure.detail, remedy=failure.remedy),)
    try:
        return gate.ledger.verify(), ()
    finally:
        gate.close()


def _holds(session: Session, expected: str) -> bool:
    """Whether an entry has this hash (or begins with it), at this number when one is given."""
    number, _, digest = expected.rpartition(":")
    if number:
        try:
            return session.ledger.entry(int(number)).hash.startswith(digest)
        except BadInput:
            return False
    return any(entry.hash.startswith(digest) for entry in session.ledger.entries())
