"""What can be asked here, what cannot, and what would make it possible."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from mcp_server.core.calls import StatFile
from mcp_server.core.clock import now, parse_moment, stamp
from mcp_server.core.declare import ChangeSource, Diagnostic, Need, binary
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import BlindSpot, Coverage, Finding, FindingType, Outcome, Statement
from mcp_server.core.text import amount
from mcp_server.engine.lock import LockReport, lock_report
from mcp_server.engine.places import Place, can_ask, resolve
from mcp_server.engine.reader import EvidenceReader
from mcp_server.engine.session import Asking, Session
from mcp_server.incident.record import current
from mcp_server.surface.approval_routes import approval_routes
from mcp_server.surface.telling import Told, tell
from mcp_server.surface.tools import Circumstances
from mcp_server.surface.verb import Verb


class Params(Circumstances):
    """Where the questions would be asked."""

    only: str | None = Field(None, max_length=60, description="Only this diagnostic or change source")


VERB = Verb(
    summary="What can be asked here, what cannot and why, with remedies? Also the kernel's write lock, ledger and clock.",
    group="diagnose",
    examples=({}, {"only": "disk_space"}),
)

CLOCK = FindingType(
    code="clock",
    text="this clock says {here}, but {witness} says {there}",
    severity="critical",
    meaning="Times in answers and timelines cannot be trusted.",
    advice="Set the clock before relying on any order of events.",
)
_FIRST_YEAR = 2024
_SLACK_S = 5


def run(session: Session, params: Params, asking: Asking) -> Outcome:
    """Looks for programs and files only; runs nothing. Raises BadInput for a target that does not exist."""
    place = resolve(params.target, session.settings.read)
    asking.incident, notice = current(session.ledger, params.incident)
    if params.only is not None and params.only not in session.catalog.changes:
        session.catalog.diagnostic(params.only)
    outcome = tell(session, asking, "preflight", params, lambda: _look(session, place, params.only, asking), place.address)
    return outcome.model_copy(update={"notice": notice}) if notice else outcome


def _look(session: Session, place: Place, only: str | None, asking: Asking) -> Told:
    from mcp_server.engine.readiness import lacking, reached, reader_of

    reader = reader_of(session, place, asking)
    there, silent = reached(reader, place)
    wanted = {name: needs for name, needs in _needs(session, place).items() if only in (None, name)}
    everything = {need for needs, programs in wanted.values() for need in (*needs, *programs)}
    missing = lacking(session, reader, sorted(everything, key=lambda need: (need.kind, need.name)), asking)
    blocked, partly = _sorted(wanted, missing)
    if silent:
        blocked, partly = {name: [silent] for name in wanted}, {}
    findings = tuple(_clock(session, reader, place))
    lock = lock_report()
    blind = [BlindSpot(what=name, reason=_joined(spots), remedy=_remedies(spots)) for name, spots in blocked.items()]
    blind += [
        BlindSpot(what=f"{name}, in part", reason=_joined(spots), remedy=_remedies(spots)) for name, spots in partly.items()
    ]
    if rules := getattr(there, "rules", ()):
        blind.append(
            BlindSpot(what=", ".join(there.refused), reason="denied: the account has no right to it", remedy="; ".join(rules))
        )
    for kind in getattr(there, "refused", ()) if not rules else ():
        remedy = "let what stands before the daemon allow this reading"
        blind.append(BlindSpot(what=f"reading of {kind}", reason="denied: refused before the daemon", remedy=remedy))
    if not lock.enforced:
        blind.append(BlindSpot(what="kernel write lock", reason=lock.detail, remedy=lock.remedy))
    free = [name for name in wanted if name not in blocked]
    return Told(
        statements=tuple(_statements(session, place, there, free, blocked, lock)), findings=findings,
        coverage=Coverage(looked=(f"the needs of {amount(len(wanted), 'question')}", "clock", "ledger"), blind=tuple(blind)),
        evidence=tuple(reader.evidence),
        data={
            "possible": free, "in_part": {name: _joined(spots) for name, spots in partly.items()},
            "impossible": {name: _joined(spots) for name, spots in blocked.items()},
        },
    )  # fmt: skip


def _needs(session: Session, place: Place) -> Mapping[str, tuple[tuple[Need, ...], tuple[Need, ...]]]:
    """What each question for such a place cannot do without, and the programs that it would also run."""
    catalog = session.catalog
    specs: dict[str, Diagnostic | ChangeSource] = {name: unit.spec for name, unit in catalog.diagnostics.items()}
    specs |= {name: unit.spec for name, unit in catalog.changes.items()}
    if place.where.kind != "local":  # programs and files are a host's
        return {name: ((), ()) for name, spec in specs.items() if can_ask(spec.places, place)}
    return {
        name: (
            spec.needs,
            tuple(binary(program) for program in spec.commands if program not in _asked_otherwise(spec)),
        )
        for name, spec in specs.items()
        if can_ask(spec.places, place)
    }


def _asked_otherwise(spec: Diagnostic | ChangeSource) -> set[str]:
    """Programs that are needs already, and those whose absence is no lack."""
    return {need.name for need in spec.needs} | set(spec.optional if isinstance(spec, ChangeSource) else ())


def _sorted(
    wanted: Mapping[str, tuple[tuple[Need, ...], tuple[Need, ...]]], missing: Mapping[Need, BlindSpot]
) -> tuple[dict[str, list[BlindSpot]], dict[str, list[BlindSpot]]]:
    """Questions that cannot be asked, and those that can be in part, each with what is missing."""
    blocked: dict[str, list[BlindSpot]] = {}
    partly: dict[str, list[BlindSpot]] = {}
    for name, (needs, programs) in wanted.items():
        if lacks := [missing[need] for need in needs if need in missing]:
            blocked[name] = lacks
        elif lacks := [missing[need] for need in programs if need in missing]:
            partly[name] = lacks
    return blocked, partly


def _clock(session: Session, reader: EvidenceReader, place: Place) -> Iterator[Finding]:
    """Two witnesses: the year in which this program was written, and the newest file time of the ledger."""
    if place.address != "local":
        return
    try:
        seen = reader.look(StatFile(path=str(session.ledger.path)))
    except CouldNotLook as failure:
        reader.missed("clock", failure)
        return
    here, there = now(), seen.value.modified
    witness = "the ledger's file"
    if here.year < _FIRST_YEAR:
        witness, there = "the making of this program", parse_moment(f"{_FIRST_YEAR}-01-01T00:00:00Z")
    elif (there - here).total_seconds() <= _SLACK_S:
        return
    finding = CLOCK.found(seen.evidence, here=stamp(here), witness=witness, there=stamp(there))
    yield finding.model_copy(update={"code": f"preflight.{finding.code}"})


def _statements(
    session: Session, place: Place, there: Any, free: list[str], blocked: Mapping[str, object], lock: LockReport
) -> Iterator[Statement]:
    yield Statement(
        text="{free} of {all} questions can be asked on {target}" + (": " + ", ".join(free) if free else ""),
        values={"free": len(free), "all": len(free) + len(blocked), "target": place.address},
    )
    if isinstance(there, Noun):
        values = there.model_dump(mode="json", exclude_defaults=True)
        told = {name: value for name, value in values.items() if isinstance(value, str | int | float)}
        text = "it answers: " + ", ".join(f"{name.replace('_', ' ')} {{{name}}}" for name in told)
        yield Statement(text=text, values=told)
        if rules := getattr(there, "rules", ()):
            yield Statement(text="to be pasted, so that the account may read what it is refused:", quotes=tuple(rules))
    if lock.enforced:
        yield Statement(
            text="the kernel enforces, also if this program is taken over: {detail}", values={"detail": lock.detail}
        )
        if lock.open:
            yield Statement(text="missing here: {what}", values={"what": lock.open})
    yield Statement(
        text="the ledger in {folder} is writable; {entries} entries",
        values={"folder": session.settings.state_dir, "entries": session.ledger.head()[0]},
    )
    yield from approval_routes(session.settings)
    sources: dict[str, list[str]] = defaultdict(list)
    for key, source in session.settings.sources.items():
        sources[source].append(key)
    for source, keys in sources.items():
        yield Statement(text="settings from {source}: {keys}", values={"source": source, "keys": ", ".join(keys)})
    for item in session.interrupted:
        yield Statement(text="interrupted by the end of an earlier process: {item}", values={"item": item})


def _joined(spots: list[BlindSpot]) -> str:
    return "; ".join(f"{spot.what}: {spot.reason}" for spot in spots)


def _remedies(spots: list[BlindSpot]) -> str:
    return "; ".join(dict.fromkeys(spot.remedy for spot in spots if spot.remedy))
