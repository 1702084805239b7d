"""Which processes run, and are any of them stuck?

One moment proves little: a process may pass through any state. Zombies, stuck and replaced processes are findings only
when two looks half a second apart agree.
"""

from collections.abc import Iterator

from pydantic import Field

from mcp_server.core.calls import Process, ReadProcesses
from mcp_server.core.clock import Moment
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.outcome import Finding, FindingType, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.processes import brief, command_line, hidden, says
from mcp_server.core.reader import Reader
from mcp_server.core.text import bytes_text

APART_S = 0.5
MOST = 500
"""Processes kept at most; those in a noteworthy state come first."""
_WAITING = ("disk-sleep", "zombie", "stopped", "tracing-stop")


class Params(Parameters):
    """Which processes, and when they count."""

    match: str | None = Field(None, min_length=1, max_length=200, description="Words that name or command line must hold")
    recent_s: int = Field(300, ge=1, le=604_800, description="Seconds since the start that count as started recently")
    zombies: int = Field(3, ge=1, le=10_000, description="Zombies, seen twice, that are a finding")
    limit: int = Field(20, ge=1, le=200, description="Processes listed at most; counts are always complete")


class ProcessFacts(Facts):
    """Processes that match as first seen, and again when something looked stuck or a service was named.

    Without words only those in a noteworthy state (with their parents) and the most recently started are kept.
    """

    now: Moment
    total: int
    recent: int
    processes: tuple[Process, ...]
    evidence: str
    again: tuple[Process, ...] | None = None
    again_evidence: str | None = None
    hidden: str | None = None


STUCK = FindingType(
    code="stuck",
    text="{name} (pid {pid}) waits in the kernel and cannot be interrupted (state D, seen twice)",
    meaning="It waits for a disk or a network filesystem; signals, even KILL, do not reach it.",
    advice="Look at disk pressure, mounts of remote filesystems and the kernel log.",
)
ZOMBIES = FindingType(
    code="zombies",
    text="{count} ended processes were not collected by their parents; most belong to {parent} (pid {pid})",
    meaning="The parent does not reap its children: often a hung or defective supervisor; process numbers run out in the end.",
    advice="Look at the parent, not at the zombies.",
)
STOPPED = FindingType(
    code="stopped",
    text="{name} (pid {pid}) is stopped ({state}): it runs no instruction",
    meaning="A signal or a debugger holds it; connections are accepted by the kernel and never answered.",
    advice="Find out who stopped it before letting it go on.",
    explains=("http_check.no_answer", "http_check.gateway_timeout"),
)
REPLACED = FindingType(
    code="replaced",
    text="all {count} matching processes were replaced by new ones within {seconds} s",
    meaning="Same command, same parent, new number: a supervisor restarts it as fast as it ends.",
    advice="Read the log for why it ends.",
    explains=("service_status.not_listening", "http_check.bad_gateway", "http_check.connection_refused"),
)
NO_MATCH = FindingType(
    code="no_match",
    text="no process has {match} in its name or command line",
    severity="info",
    meaning="Nothing of that name runs at this moment.",
    advice="Check the words; ask service_status when it should be running.",
)

DIAGNOSTIC = Diagnostic(
    question="Which processes run (all, or those matching words), which started recently, and is any stuck?",
    area="host",
    facts=ProcessFacts,
    examples=({}, {"match": "gunicorn"}),
    next=("service_status", "recent_errors"),
)


def collect(reader: Reader, params: Params) -> ProcessFacts:
    """Look once; look again when a state needs a second opinion or a service was named."""
    seen = reader.look(ReadProcesses())
    chosen = _chosen(seen.value.processes, params)
    kept = _kept(chosen, params)
    recent = sum(1 for item in chosen if item.started and (reader.now - item.started).total_seconds() <= params.recent_s)
    facts = ProcessFacts(
        now=reader.now, total=len(chosen), recent=recent, processes=kept[:MOST], evidence=seen.evidence,
        hidden=hidden(seen.value.processes),
    )  # fmt: skip
    if facts.hidden:
        reader.blind("other processes", facts.hidden, "run it as root, or mount /proc without hidepid")
    if len(kept) > MOST:
        reader.cut(f"{len(kept)} processes, {MOST} of them examined", "name more words in `match`")
    if params.match or any(item.status in _WAITING for item in kept):
        with reader.part(f"second look after {APART_S} s"):
            again = reader.look(ReadProcesses(sample_s=APART_S))
            before = {item.pid for item in facts.processes}
            later = (item for item in _chosen(again.value.processes, params) if params.match or item.pid in before)
            facts.again, facts.again_evidence = tuple(map(brief, later))[:MOST], again.evidence
    return facts


def judge(facts: ProcessFacts, params: Params) -> Iterator[Finding]:
    """States that last; nothing from a single moment."""
    if params.match and not facts.processes and not facts.again:
        if not facts.hidden:
            yield NO_MATCH.found(facts.evidence, match=params.match)
        return
    if facts.again is None or facts.again_evidence is None:
        return
    evidence = (facts.evidence, facts.again_evidence)
    later = {(item.pid, item.started): item for item in facts.again}
    lasting = [item for item in facts.processes if (twin := later.get((item.pid, item.started))) and twin.status == item.status]
    for item in [item for item in lasting if item.status == "disk-sleep"][: params.limit]:
        yield STUCK.found(*evidence, component=item.name, clues=_clues(item), name=item.name, pid=item.pid)
    if params.match:
        for item in [item for item in lasting if item.status in ("stopped", "tracing-stop")][: params.limit]:
            yield STOPPED.found(
                *evidence, component=item.name, severity="critical", clues=_clues(item), name=item.name, pid=item.pid,
                state=item.status,
            )  # fmt: skip
        yield from _replaced(facts, evidence)
    zombies = [item for item in lasting if item.status == "zombie"]
    if len(zombies) >= params.zombies:
        parents = [item.ppid for item in zombies]
        most = max(parents, key=parents.count)
        parent = next((item for item in facts.processes if item.pid == most), None)
        yield ZOMBIES.found(
            *evidence, component=parent.name if parent else None, clues=(f"pid:{most}",), count=len(zombies), pid=most,
            parent=parent.name if parent else None,
        )  # fmt: skip


def _replaced(facts: ProcessFacts, evidence: tuple[str, ...]) -> Iterator[Finding]:
    """Same command and parent, every old number gone. A worker recycled below a master that stays is no restart loop."""
    before, after = {item.pid: item for item in facts.processes}, {item.pid: item for item in facts.again or ()}
    kinds = {(item.ppid, item.argv) for item in after.values()}
    if before and not before.keys() & after.keys() and all((item.ppid, item.argv) in kinds for item in before.values()):
        yield REPLACED.found(*evidence, component=facts.processes[0].name, count=len(before), seconds=APART_S)


def show(facts: ProcessFacts, params: Params) -> Iterator[Statement]:
    """Counts, then one line per process: the most recently started first."""
    yield Statement(
        text="processes"
        + (" matching {match}" if params.match else "")
        + ": {count}; started in the last {seconds} s: {recent}",
        values={"count": facts.total, "recent": facts.recent, "seconds": params.recent_s, "match": params.match},
        evidence=(facts.evidence,),
    )
    for item in sorted(facts.processes, key=_newest)[: params.limit]:
        age = max(0, int((facts.now - item.started).total_seconds())) if item.started else None
        yield Statement(
            text="{pid} {name} {status}, parent {ppid}, user {user}, {memory}, up {age} s: {command}",
            values={
                "pid": item.pid, "name": item.name, "status": item.status, "ppid": item.ppid, "user": item.user,
                "memory": bytes_text(item.rss) if item.rss is not None else None, "age": age, "command": command_line(item),
            },
            evidence=(facts.evidence,), at=item.started,
        )  # fmt: skip
    if facts.total > params.limit:
        yield Statement(text="{more} more; raise `limit` or name words in `match`", values={"more": facts.total - params.limit})


def _chosen(processes: tuple[Process, ...], params: Params) -> tuple[Process, ...]:
    # our own command line holds the words we were asked for
    return tuple(item for item in processes if not params.match or (not item.ours and says(item, params.match)))


def _kept(chosen: tuple[Process, ...], params: Params) -> tuple[Process, ...]:
    waiting = [item for item in chosen if item.status in _WAITING]
    newest = sorted(chosen, key=_newest)
    parents = {item.ppid for item in waiting}
    wanted = [
        *waiting,
        *(item for item in chosen if item.pid in parents),
        *(newest if params.match else newest[: params.limit]),
    ]
    return tuple(brief(item) for item in {item.pid: item for item in wanted}.values())


def _newest(item: Process) -> tuple[float, int]:
    return (-item.started.timestamp() if item.started else 0.0, -item.pid)


def _clues(item: Process) -> tuple[str, ...]:
    return (f"pid:{item.pid}", *([f"unit:{item.unit}"] if item.unit else []), *([f"path:{item.cwd}"] if item.cwd else []))
