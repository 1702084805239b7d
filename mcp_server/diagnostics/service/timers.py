"""Which scheduled jobs of systemd failed, are overdue, or will never run?"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from pydantic import Field

from mcp_server.core.calls import StatFile
from mcp_server.core.clock import Moment, stamp
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import Finding, FindingType, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader
from mcp_server.core.systemd import moment
from mcp_server.core.unit_reasons import result_meaning

LISTED = 40
_TIMER = (
    "Id,LoadState,ActiveState,SubState,Unit,LastTriggerUSec,NextElapseUSecRealtime,NextElapseUSecMonotonic,UnitFileState,"
    "FragmentPath"
)
_JOB = "Id,LoadState,ActiveState,Result,ExecMainStatus,InactiveEnterTimestamp"


class Params(Parameters):
    """What counts as late."""

    late_s: int = Field(300, ge=1, le=86_400, description="Seconds after its time at which a timer is overdue")


class Timer(Noun):
    """A timer and the job that it starts. `next` is None where it waits for something else than a date, or for nothing."""

    name: str
    load: str = "loaded"
    state: str
    sub: str = ""
    enabled: str = ""
    path: str = ""
    last: Moment | None = None
    next: Moment | None = None
    waits: bool = Field(False, description="for a time counted from boot or from its last run")
    job: str = ""
    job_load: str = "loaded"
    job_state: str = ""
    job_result: str = ""
    job_status: int = 0
    job_ended: Moment | None = None


class TimerFacts(Facts):
    """Every timer that systemd has in memory."""

    now: Moment
    timers: tuple[Timer, ...] = ()
    evidence: tuple[str, ...] = ()


JOB_FAILED = FindingType(
    code="job_failed",
    text="the last run of {job}, started by {timer}, failed: {meaning} (exit status {status})",
    severity="warning",
    meaning="Nobody waits for a scheduled job, so nobody noticed.",
    advice="Read its output of that run, and see what has not been done since.",
)
OVERDUE = FindingType(
    code="overdue",
    text="{timer} should have started {job} at {next} and has not",
    severity="warning",
    meaning="systemd, its clock or the host stood still.",
    advice="Compare the clock, and see whether systemd answers.",
)
NEVER = FindingType(
    code="never_runs",
    text="{timer} is active and will never start {job}: no time lies ahead, and it never ran",
    severity="warning",
    meaning="Its schedule names only times that are past.",
    advice="Correct its OnCalendar.",
)
INACTIVE = FindingType(
    code="timer_inactive",
    text="{timer} is enabled and not active ({state}): {job} is not started any more",
    severity="warning",
    meaning="Somebody stopped it, or it failed; it comes back with the next boot only.",
    advice="Find out who stopped it.",
)
JOB_UNUSABLE = FindingType(
    code="job_unusable",
    text="{timer} starts {job}, which is {load}",
    severity="warning",
    meaning="Each time it fires, nothing happens.",
    advice="See who removed or masked the job.",
)

DIAGNOSTIC = Diagnostic(
    question="Which scheduled jobs of systemd (timers) failed, are overdue, or will never run?",
    area="service",
    facts=TimerFacts,
    commands=("systemctl",),
    tool=False,
    examples=({}, {"late_s": 60}),
    next=("unit_failure", "log_summary"),
)


def collect(reader: Reader, params: Params) -> TimerFacts:
    """All timers, then all jobs that they start."""
    try:
        reader.look(StatFile(path="/run/systemd/system"))
    except CouldNotLook as failure:
        if failure.reason != "missing":
            raise
        raise CouldNotLook(failure.what, "missing", "systemd does not run here", "look at cron instead") from None
    timers, evidence = _show(reader, _TIMER, "--all", "*.timer")
    facts = TimerFacts(now=reader.now, evidence=(evidence,))
    if not timers:
        reader.empty("timers")
        return facts
    jobs = {}
    if names := tuple(dict.fromkeys(item["Unit"] for item in timers if item.get("Unit"))):
        shown, evidence = _show(reader, _JOB, *names)
        jobs = {item["Id"]: item for item in shown}
        facts.evidence = (*facts.evidence, evidence)
    facts.timers = tuple(_timer(item, jobs.get(item.get("Unit", ""), {})) for item in timers)
    return facts


def _show(reader: Reader, properties: str, *names: str) -> tuple[list[dict[str, str]], str]:
    argv = ("systemctl", "show", "--no-pager", f"--property={properties}", *names)
    seen = reader.run((*argv, "--timestamp=us+utc"))
    if seen.value.exit != 0 and "timestamp" in seen.value.err:
        seen = reader.run(argv)  # systemd before 248
    if seen.value.exit != 0:
        said = (seen.value.err.strip().splitlines() or ["it said nothing"])[0]
        detail = f"systemctl could not ask systemd (exit {seen.value.exit}): {said}"
        raise CouldNotLook("timers", "failed", detail, "check that this user can reach the system bus")
    blocks = (dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in seen.value.out.split("\n\n"))
    return [block for block in blocks if block.get("Id")], seen.evidence


def _timer(told: dict[str, str], job: dict[str, str]) -> Timer:
    monotonic = told.get("NextElapseUSecMonotonic", "")
    status = job.get("ExecMainStatus", "")
    return Timer(
        name=told["Id"], load=told.get("LoadState", ""), state=told.get("ActiveState", ""), sub=told.get("SubState", ""),
        enabled=told.get("UnitFileState", ""), path=told.get("FragmentPath", ""), last=moment(told.get("LastTriggerUSec", "")),
        next=moment(told.get("NextElapseUSecRealtime", "")), waits=monotonic not in ("", "infinity"), job=told.get("Unit", ""),
        job_load=job.get("LoadState", ""), job_state=job.get("ActiveState", ""), job_result=job.get("Result", ""),
        job_status=int(status) if status.isascii() and status.isdigit() else 0,
        job_ended=moment(job.get("InactiveEnterTimestamp", "")),
    )  # fmt: skip


def judge(facts: TimerFacts, params: Params) -> Iterator[Finding]:
    """Each timer by itself."""
    for item in facts.timers:
        clues = (f"unit:{item.name}", f"unit:{item.job}", *((f"path:{item.path}",) if item.path else ()))
        common: dict[str, Any] = {"timer": item.name, "job": item.job}
        if item.load != "loaded":
            continue  # nothing of it is in force
        if item.job_load not in ("loaded", ""):
            yield JOB_UNUSABLE.found(*facts.evidence, component=item.job, clues=clues, load=item.job_load, **common)
        elif item.job_result not in ("success", ""):
            yield JOB_FAILED.found(
                *facts.evidence, component=item.job, clues=clues, at=item.job_ended, status=item.job_status,
                meaning=result_meaning(item.job_result), **common,
            )  # fmt: skip
        if item.state != "active":
            if item.enabled in ("enabled", "enabled-runtime"):
                yield INACTIVE.found(*facts.evidence, component=item.name, clues=clues, state=item.state, **common)
        elif item.next is not None and facts.now - item.next > timedelta(seconds=params.late_s):
            yield OVERDUE.found(*facts.evidence, component=item.name, clues=clues, next=stamp(item.next), **common)
        elif item.sub == "elapsed" and item.next is None and not item.waits and item.last is None:
            yield NEVER.found(*facts.evidence, component=item.name, clues=clues, **common)


def show(facts: TimerFacts, params: Params) -> Iterator[Statement]:
    """One line each, the next to run first."""
    for item in sorted(facts.timers, key=lambda item: (item.next is None, item.next or facts.now))[:LISTED]:
        yield Statement(
            text="{timer} starts {job}: last {last}, next {next}, last result {result}",
            values={
                "timer": item.name, "job": item.job, "last": stamp(item.last) if item.last else "never",
                "next": stamp(item.next) if item.next else "counted from boot or its last run" if item.waits else "none",
                "result": item.job_result or "unknown",
            },
            evidence=facts.evidence,
        )  # fmt: skip
    if len(facts.timers) > LISTED:
        yield Statement(text="{count} more are not listed", values={"count": len(facts.timers) - LISTED})
