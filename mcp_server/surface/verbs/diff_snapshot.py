"""What is different from the last good state: a snapshot against the present, or against another snapshot."""

from collections import Counter
from collections.abc import Sequence

from pydantic import Field

from mcp_server.core.address import SPELLED
from mcp_server.core.clock import stamp
from mcp_server.core.declare import Scope
from mcp_server.core.errors import BadInput
from mcp_server.core.outcome import BlindSpot, Coverage, Outcome, Statement, Value
from mcp_server.core.parameters import Parameters
from mcp_server.core.text import amount
from mcp_server.engine.places import can_ask, resolve
from mcp_server.engine.session import Asking, Session
from mcp_server.engine.snapshot_data import Difference, Snapshot, differences
from mcp_server.incident.record import current
from mcp_server.surface.telling import Told, tell
from mcp_server.surface.verb import Verb

VERB = Verb(
    summary="What is different from the last good state? Compares a snapshot with the present or another",
    group="diagnose",
    tool=False,
    examples=({}, {"name": "before-release-42"}, {"name": "monday", "against": "friday"}),
)
KEPT = 1_000
_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"


class Params(Parameters):
    """What to compare with what."""

    name: str | None = Field(None, max_length=61, pattern=_NAME, description="Snapshot; default: the newest")
    target: str = Field("local", max_length=300, description=SPELLED)
    against: str | None = Field(None, max_length=61, pattern=_NAME, description="Another snapshot")
    limit: int = Field(60, ge=1, le=500, description="Differences listed")


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Differences are no findings: it is `ok` to differ, and `unknown` when any part could not be compared.

    Raises BadInput for a snapshot that is not there or damaged, or a place that cannot be looked at.
    """
    from mcp_server.engine.snapshot import last, load, take

    place = resolve(params.target, session.settings.read, session.settings.logs, session.redactor)
    if not can_ask(("local",), place):
        raise BadInput(f"`target` is a {place.where.kind} place; snapshots are taken of local places and recordings of them")
    name = params.name
    if name is None:
        newest = last(session, place.address) or last(session, str(place.where))
        if newest is None:
            raise BadInput("`name` is not given, and there is no snapshot of this place", "take one with snapshot")
        name, before = newest
    else:
        before = load(session, name)
    asking.incident, notice = current(session.ledger, None)

    def work() -> Told:
        if params.against is not None:
            looked = Coverage(looked=(f"snapshot {params.against}",))
            return _told(name, before, load(session, params.against), looked, (), params.limit)
        after, looked, evidence = take(session, place, Scope(folders=before.folders, pythons=before.pythons), asking)
        return _told(name, before, after, looked, evidence, params.limit)

    outcome = tell(session, asking, "diff_snapshot", params, work, place.address)
    return outcome.model_copy(update={"notice": notice}) if notice else outcome


def _told(
    name: str, before: Snapshot, after: Snapshot, looked: Coverage, evidence: tuple[str, ...], limit: int
) -> Told:  # fmt: skip
    found, blind = differences(before, after)
    cut: tuple[BlindSpot, ...] = ()
    if len(found) > limit:
        cut = (
            BlindSpot(
                what=f"{len(found) - limit} of {len(found)} differences are not listed", reason="the answer's limit",
                remedy=f"ask with limit={min(len(found), 500)}",
            ),
        )  # fmt: skip
    coverage = Coverage(
        looked=(f"snapshot {name}", *looked.looked), empty=looked.empty,
        blind=tuple(dict.fromkeys(blind)), cut=cut,
    )  # fmt: skip
    cited = {kind: part.evidence[:12] for kind, part in after.parts.items()} if evidence else {}
    lead = _lead(name, before, after, found, certain=not blind)
    said = [_said(item, cited.get(item.part, ())) for item in found[:limit]]
    return Told(
        statements=(lead.model_copy(update={"evidence": evidence[:12]}), *said), coverage=coverage, evidence=evidence,
        data={
            "snapshot": name, "before": stamp(before.at), "after": stamp(after.at), "different": len(found),
            "differences": [item.model_dump(mode="json") for item in found[:KEPT]],
        },
    )  # fmt: skip


def _lead(name: str, before: Snapshot, after: Snapshot, found: Sequence[Difference], *, certain: bool) -> Statement:
    values: dict[str, Value] = {"name": name, "place": before.place, "then": stamp(before.at), "now": stamp(after.at)}
    if not found:
        text = "nothing differs at {now} from snapshot {name} of {place}, taken at {then}"
        if not certain:
            text = "nothing that could be compared differs at {now} from snapshot {name} of {place}, taken at {then}"
        return Statement(text=text, values=values)
    counts = Counter(item.part for item in found)
    values |= {"count": amount(len(found), "difference"), "parts": ", ".join(f"{part} {many}" for part, many in counts.items())}
    return Statement(text="{count} at {now} from snapshot {name} of {place}, taken at {then}: {parts}", values=values)


def _said(item: Difference, evidence: tuple[str, ...]) -> Statement:
    values: dict[str, Value] = {"part": item.part, "item": item.item, "before": item.before, "after": item.after}
    text = "{part}: {item} was {before}, is {after}"
    if item.before is None:
        text = "{part}: {item} is new" + (": {after}" if item.after else "")
    elif item.after is None:
        text = "{part}: {item} is gone" + (", it was {before}" if item.before else "")
    return Statement(text=text, values=values, evidence=evidence)
