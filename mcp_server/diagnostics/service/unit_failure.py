"""Why does a systemd unit not run: its own failure, start limit, conditions, mask, files, or something that it needs?"""

from collections.abc import Iterator

from pydantic import Field

from mcp_server.core.calls import StatFile
from mcp_server.core.clock import Moment
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.journal_calls import ReadJournal
from mcp_server.core.outcome import Finding, FindingType, Statement, Value
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader
from mcp_server.core.text import amount
from mcp_server.core.unit_reasons import (
    PROPERTIES,
    UnitState,
    Winner,
    culprits,
    read_units,
    result_meaning,
    told_by_systemd,
    winners,
)

DEPTH, UNITS, ENTRIES, LINES = 6, 80, 200, 4
_NAME = r"^[A-Za-z0-9_][A-Za-z0-9:_.\\@-]*$"


class Params(Parameters):
    """Which unit."""

    unit: str = Field(max_length=251, pattern=_NAME, description="systemd unit, such as shop or shop.service")


class UnitFacts(Facts):
    """The unit, everything that it cannot do without, its files, and what systemd and its own program said last."""

    now: Moment
    unit: UnitState
    others: tuple[UnitState, ...] = ()
    winners: tuple[Winner, ...] = ()
    messages: tuple[str, ...] | None = Field(None, description="systemd's own, oldest first; None where unseen")
    output: tuple[str, ...] = Field((), description="the unit's own last lines")
    evidence: str
    others_evidence: tuple[str, ...] = ()
    journal_evidence: str | None = None


_STATUS = ("service_status.unit_failed", "service_status.unit_inactive", "service_status.start_limit",
           "service_status.process_missing", "service_status.not_listening", "service_status.unit_unusable")  # fmt: skip
DEPENDENCY_FAILED = FindingType(
    code="dependency_failed",
    text="unit {unit} cannot run because {culprit} {how}; the way there: {way}",
    severity="critical",
    meaning="systemd starts it only with everything that it requires.",
    advice="Ask why the unit at the end of the way does not run; this one starts again only when told to.",
    explains=(*_STATUS, "unit_failure.failed", "unit_failure.start_limit", "unit_failure.not_started"),
)
MASKED = FindingType(
    code="masked",
    text="unit {unit} is masked ({path} points to /dev/null): nothing can start it",
    severity="critical",
    meaning="Somebody forbade it; a start of whatever requires it fails as well.",
    advice="Find out who masked it and why before it is unmasked.",
    explains=_STATUS,
)
UNUSABLE = FindingType(
    code="unusable",
    text="unit {unit} cannot be loaded: {load}",
    severity="critical",
    meaning="systemd does not know it, or does not understand its file.",
    advice="Check the name, then the unit file and its latest change.",
    explains=_STATUS,
)
CONDITION = FindingType(
    code="condition_unmet",
    text="unit {unit} was not started because a condition is not met: {condition}",
    severity="critical",
    meaning="To systemd that is no failure: nothing tries again, and nothing is reported.",
    advice="See what the condition asks for and what took it away.",
    explains=_STATUS,
)
START_LIMIT = FindingType(
    code="start_limit",
    text="systemd refuses to start {unit} again: more than {burst} starts within {interval}; each time {meaning}",
    severity="critical",
    meaning="Mending the cause alone does not bring it back: the failed state must be reset as well.",
    advice="Find why it ends first; its last lines are quoted.",
    explains=_STATUS,
)
FAILED = FindingType(
    code="failed",
    text="unit {unit} failed ({result}, exit status {status}): {meaning}",
    severity="critical",
    meaning="systemd does not run it any more.",
    advice="Read its last lines, then what changed before.",
    explains=_STATUS,
)
NOT_STARTED = FindingType(
    code="not_started",
    text="unit {unit} does not run, and nothing hinders it: nobody started it, or somebody stopped it ({enabled})",
    severity="warning",
    meaning="It did not fail by itself.",
    advice="Find out who stopped it, or why it is not started at boot.",
    explains=("service_status.unit_inactive",),
)
STALE = FindingType(
    code="stale",
    text="files of unit {unit} changed since systemd read them: what runs is not what stands there",
    severity="warning",
    meaning="The next reading of the files (a restart of the host, any package) changes how it runs.",
    advice="Compare the files with what runs before anything is restarted.",
)

DIAGNOSTIC = Diagnostic(
    question="Why does a systemd unit not run: failure, start limit, condition, mask, files, or something it needs?",
    area="service",
    facts=UnitFacts,
    commands=("systemctl",),
    tool=False,
    examples=({"unit": "shop"}, {"unit": "postgresql.service"}),
    next=("service_status", "log_summary", "what_changed"),
)


def collect(reader: Reader, params: Params) -> UnitFacts:
    """The unit first; where it does not run, what it needs level by level, its files, and the journal."""
    try:
        reader.look(StatFile(path="/run/systemd/system"))  # it exists where systemd is process 1, and only there
    except CouldNotLook as failure:
        if failure.reason != "missing":
            raise
        raise CouldNotLook(failure.what, "missing", "systemd does not run here", "ask service_status by process") from None
    (unit, *_), evidence = _show(reader, params.unit)
    facts = UnitFacts(now=reader.now, unit=unit, evidence=evidence)
    with reader.part(f"files of unit {unit.name}"):
        if unit.load in ("loaded", "bad-setting", "error"):
            facts.winners = tuple(winners(reader.run(("systemctl", "cat", "--no-pager", unit.name)).value.out))
    if unit.state not in ("active", "reloading"):
        with reader.part(f"what unit {unit.name} needs"):
            _needs(reader, facts)
        with reader.part(f"journal of unit {unit.name}"):
            _journal(reader, facts)
    return facts


def _show(reader: Reader, *names: str) -> tuple[list[UnitState], str]:
    """Raises CouldNotLook where systemctl could not ask systemd: that never says that a unit is down."""
    argv = ("systemctl", "show", "--no-pager", f"--property={PROPERTIES}", *names)
    seen = reader.run((*argv, "--timestamp=us+utc"))
    if seen.value.exit != 0 and "timestamp" in seen.value.err:
        seen = reader.run(argv)  # systemd before 248
    units = read_units(seen.value.out)
    if seen.value.exit != 0 or not units:
        said = (seen.value.err.strip().splitlines() or ["it said nothing"])[0]
        detail = f"systemctl could not ask systemd (exit {seen.value.exit}): {said}"
        raise CouldNotLook(f"unit {names[0]}", "failed", detail, "check that this user can reach the system bus")
    return units, seen.evidence


def _needs(reader: Reader, facts: UnitFacts) -> None:
    known, wanted = {facts.unit.name: facts.unit}, list(facts.unit.needs)
    for _ in range(DEPTH):
        wanted = [name for name in dict.fromkeys(wanted) if name not in known][: UNITS - len(known)]
        if not wanted:
            break
        units, evidence = _show(reader, *wanted)
        facts.others_evidence = (*facts.others_evidence, evidence)
        known |= dict(zip(wanted, units, strict=False))
        wanted = [name for unit in units if unit.state != "active" for name in unit.needs]
    else:
        reader.cut(f"what unit {facts.unit.name} needs", f"only {DEPTH} levels were followed")
    facts.others = tuple(unit for name, unit in known.items() if name != facts.unit.name)


def _journal(reader: Reader, facts: UnitFacts) -> None:
    name = facts.unit.name
    seen = reader.look(
        ReadJournal(
            until=facts.now, matches=((f"UNIT={name}",), (f"_SYSTEMD_UNIT={name}",)), limit=ENTRIES,
            fields=("MESSAGE", "UNIT", "_SYSTEMD_UNIT"),
        )
    )  # fmt: skip
    for doubt in seen.value.doubts:
        reader.blind(doubt.what, f"{doubt.reason}: {doubt.detail}", doubt.remedy)
    entries = seen.value.entries
    facts.messages = tuple(entry.get("MESSAGE") for entry in entries if entry.get("UNIT") == name)
    facts.output = tuple(entry.get("MESSAGE") for entry in entries if entry.get("_SYSTEMD_UNIT") == name)[-LINES:]
    facts.journal_evidence = seen.evidence


def judge(facts: UnitFacts, params: Params) -> Iterator[Finding]:
    """What it needs before its own failure; a condition before "nobody started it"."""
    unit = facts.unit
    clues = (f"unit:{unit.name}", *(f"path:{path}" for path in (unit.path, *unit.drop_ins) if path))
    cited = (facts.evidence, *([facts.journal_evidence] if facts.journal_evidence else []))
    if unit.stale:
        yield STALE.found(facts.evidence, component=unit.name, clues=clues, unit=unit.name)
    if unit.load != "loaded":
        kind = MASKED if unit.load == "masked" else UNUSABLE
        quotes = (unit.load_error,) if unit.load_error else ()
        yield kind.found(
            facts.evidence, component=unit.name, clues=clues, quotes=quotes, unit=unit.name, load=unit.load, path=unit.path
        )
        return
    if unit.state in ("active", "reloading"):
        return
    known = {item.name: item for item in facts.others}
    hindered = False
    for culprit, way in culprits(unit, known):
        hindered = True
        yield DEPENDENCY_FAILED.found(
            facts.evidence, *facts.others_evidence, component=unit.name, at=culprit.changed,
            clues=(*clues, *(f"unit:{name}" for name in way[1:]), *([f"path:{culprit.path}"] if culprit.path else [])),
            unit=unit.name, culprit=culprit.name, how=_how(culprit), way=" → ".join(way),
        )  # fmt: skip
    yield from _own(facts, hindered, cited, clues)


def _own(facts: UnitFacts, hindered: bool, cited: tuple[str, ...], clues: tuple[str, ...]) -> Iterator[Finding]:
    unit, told = facts.unit, told_by_systemd(facts.messages or ())
    values: dict[str, Value] = {
        "unit": unit.name, "result": unit.result, "status": unit.status, "meaning": result_meaning(unit.result),
        "burst": unit.burst, "interval": unit.interval, "enabled": f"its file is {unit.enabled or 'not known'}",
    }  # fmt: skip
    gave_up = unit.result == "start-limit-hit" or (unit.restart != "no" and unit.restarts >= unit.burst > 0)
    if unit.state == "failed" and (told.too_often or gave_up):
        yield START_LIMIT.found(
            *cited, component=unit.name, clues=clues, at=unit.changed, quotes=facts.output, unit=unit.name, burst=unit.burst,
            interval=unit.interval, meaning=result_meaning(unit.result),
        )  # fmt: skip
    elif unit.state == "failed":
        yield FAILED.found(
            *cited, component=unit.name, clues=clues, at=unit.changed, quotes=facts.output, unit=unit.name,
            result=unit.result, status=unit.status, meaning=result_meaning(unit.result),
        )  # fmt: skip
    elif told.condition is not None or told.assertion:
        what = told.condition or ("one of its assertions" if told.assertion else "not named by systemd")
        yield CONDITION.found(*cited, component=unit.name, clues=clues, unit=unit.name, condition=what)
    elif unit.state == "inactive" and not hindered and not unit.rests():
        yield NOT_STARTED.found(*cited, component=unit.name, clues=clues, unit=unit.name, enabled=str(values["enabled"]))


def _how(unit: UnitState) -> str:
    if unit.load == "masked":
        return "is masked"
    if unit.load != "loaded":
        return "does not exist" if unit.load == "not-found" else "cannot be loaded"
    if unit.state == "failed":
        return f"failed: {result_meaning(unit.result)} (exit status {unit.status})"
    return "does not run, and must run already"


def show(facts: UnitFacts, params: Params) -> Iterator[Statement]:
    """State, files, and which of them wins."""
    unit = facts.unit
    yield Statement(
        text="unit {unit} is {state}/{sub}, its file {path} is {enabled}, {drop_ins}; it cannot do without {needs}",
        values={
            "unit": unit.name, "state": unit.state, "sub": unit.sub, "path": unit.path or "none",
            "enabled": unit.enabled or "not known", "drop_ins": amount(len(unit.drop_ins), "drop-in"),
            "needs": amount(len(unit.needs), "unit"),
        },
        evidence=(facts.evidence,),
    )  # fmt: skip
    for item in facts.winners[:20]:
        yield Statement(
            text="{setting}: {wins} wins over {over}",
            values={"setting": item.setting, "wins": item.wins, "over": ", ".join(item.over)}, evidence=(facts.evidence,),
        )  # fmt: skip
