"""Why is a container down, restarting or unhealthy: to the cause, as far as the daemon and its output tell."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from pydantic import Field

from mcp_server.core.clock import Moment, stamp
from mcp_server.core.container_lines import container_lines, event_lines
from mcp_server.core.containers import (
    KEPT,
    Reach,
    deaths,
    exit_meaning,
    health_problem,
    loops,
    of_container,
    reaches,
    start_error,
    stopped,
)
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.docker_calls import (
    Container,
    Event,
    Neighbour,
    ReadContainers,
    ReadEvents,
)
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.log_calls import LogSummary
from mcp_server.core.outcome import Finding, FindingType, Severity, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader
from mcp_server.core.text import amount, bytes_text

READ_OUTPUT = 5
"""Containers in trouble whose output is read, at most."""
LINES = 4


class Params(Parameters):
    """Which of the place's containers, how far back, and what counts as too often."""

    container: str | None = Field(None, max_length=253, description="Only this one of the place's containers, by its name")
    running: bool = Field(False, description="A container that does not run is a finding, whatever the reason")
    window_s: int = Field(3_600, ge=60, le=604_800, description="Seconds back in which events count")
    restarts: int = Field(3, ge=1, le=1_000, description="Restarts that are a loop when the last one is recent")
    recent_s: int = Field(600, ge=1, le=86_400, description="Seconds since the last start that count as recent")
    old_s: int = Field(
        86_400, ge=60, le=31_536_000,
        description="A container that ended longer ago and has no restart policy is no finding, unless the target names it",
    )  # fmt: skip


class ContainerFacts(Facts):
    """Containers of the place with what the daemon and their output told; `outputs` by name, most telling first."""

    now: Moment
    named: bool = Field(False, description="the target names one container or project")
    endpoint: str = ""
    containers: tuple[Container, ...] = ()
    others: tuple[Neighbour, ...] = ()
    events: tuple[Event, ...] | None = None
    outputs: dict[str, tuple[str, ...]] = {}
    containers_evidence: str = ""
    events_evidence: str | None = None
    output_evidence: dict[str, str] = {}


_CALLERS = (
    "http_check.connection_refused", "http_check.bad_gateway", "http_check.no_answer", "listening_ports.nobody_listens",
    "nginx_upstreams.upstream_refused", "recent_errors.upstream_refused", "service_status.not_listening",
    "service_status.process_missing",
)  # fmt: skip
_DOWN = ("container_status.unhealthy", "container_status.restart_loop", "container_status.exited")
CANNOT_START = FindingType(
    code="cannot_start",
    text="container {container} could not be started: {why}",
    severity="critical",
    meaning="The runtime refused it before its program ran; no log of its own can tell why.",
    advice="Mend what the runtime names; its own words are quoted.",
    explains=_CALLERS,
)
OOM_KILLED = FindingType(
    code="oom_killed",
    text="container {container} was killed for want of memory ({times}, limit {limit}); {restarts}, now {status}",
    severity="critical",
    meaning="The kernel ended its program because the limit, or the host's memory, was used up.",
    advice="See what changed in its load or image before, then whether the limit fits what it needs.",
    explains=(*_DOWN, *_CALLERS, "container_limits.near_memory_limit"),
)
RESTART_LOOP = FindingType(
    code="restart_loop",
    text="container {container} ends and starts again and again: {restarts}, last start {last}; exit code {code}: {meaning}",
    severity="critical",
    meaning="It ends shortly after each start; between starts nothing answers.",
    advice="Read its output of one start from beginning to end; the telling lines are quoted.",
    explains=_CALLERS,
)
EXITED = FindingType(
    code="exited",
    text="container {container} ended with exit code {code}: {meaning}; restart policy {policy}, {restarts}",
    severity="critical",
    meaning="It does not run any more, and nothing starts it again.",
    advice="Read its output just before the end, then what changed before that.",
    explains=_CALLERS,
)
STOPPED = FindingType(
    code="stopped",
    text="container {container} was stopped from outside ({how}) and does not run; restart policy {policy}",
    severity="critical",
    meaning="Somebody or something stopped it; it did not end by itself.",
    advice="Find out who stopped it, and whether on purpose, before anything starts it again.",
    explains=_CALLERS,
)
NEVER_STARTED = FindingType(
    code="never_started",
    text="container {container} was created and never started",
    severity="warning",
    meaning="It was left behind by a creation that was not carried through.",
    advice="See whether what created it is still at work or failed.",
    explains=_CALLERS,
)
PAUSED = FindingType(
    code="paused",
    text="container {container} is paused: its processes stand still",
    severity="critical",
    meaning="Whoever calls it waits until time-out.",
    advice="Find out who paused it.",
    explains=("container_status.unhealthy", *_CALLERS),
)
UNHEALTHY = FindingType(
    code="unhealthy",
    text="container {container} is unhealthy: {why}; failed {streak} times in a row",
    severity="critical",
    meaning="By its own check it does not do its work, although its process runs.",
    advice="Read what the check said, then the container's output at that time.",
    explains=("http_check.bad_gateway", "http_check.no_answer"),
)
WRONG_NETWORK = FindingType(
    code="wrong_network",
    text="container {container} cannot reach {name}: it is named in {variable} as {address}, but {container} is in {own} and "
    "{name} in {theirs}",
    severity="warning",
    meaning="Names are known, and packets travel, only between containers of one network.",
    advice="See which network both were meant to be in, and what created or connected them last.",
    explains=_DOWN,
)
DEPENDENCY_DOWN = FindingType(
    code="dependency_down",
    text="container {name}, which {container} names in {variable} as {address}, is {status}",
    severity="warning",
    meaning="What it depends on does not answer.",
    advice="Ask why that one is down first.",
    explains=_DOWN,
)
NOT_PUBLISHED = FindingType(
    code="not_published",
    text="port {port} of container {container} should be published at {host} and is not",
    severity="warning",
    meaning="Callers from outside are refused although the container runs.",
    advice="See whether it is in a network from which ports can be published.",
)
DIAGNOSTIC = Diagnostic(
    question="Why is a container down, restarting or unhealthy? Of docker://[CONTEXT/]NAME, a project, or a whole daemon",
    area="containers",
    facts=ContainerFacts,
    places=("docker",),
    timeout_s=30,
    tool=False,
    examples=({}, {"window_s": 86_400}),
    next=("container_limits", "log_summary", "what_changed"),
)


def collect(reader: Reader, params: Params) -> ContainerFacts:
    """State and events of all, and the output of those in trouble."""
    seen = reader.look(ReadContainers())
    facts = ContainerFacts(
        now=reader.now, named=reader.where.part(1) is not None, endpoint=seen.value.endpoint,
        containers=seen.value.containers, others=seen.value.others, containers_evidence=seen.evidence,
    )  # fmt: skip
    if params.container is not None:
        _only(facts, params.container)
    if seen.value.cut:
        reader.cut("containers", seen.value.cut)
    if not seen.value.containers:
        reader.empty("containers: the daemon has none")
    with reader.part("events of the daemon"):
        happened = reader.look(ReadEvents())
        begin = facts.now - timedelta(seconds=params.window_s)
        facts.events = tuple(event for event in happened.value.events if event.at >= begin)
        facts.events_evidence = happened.evidence
    for item in facts.containers:
        if item.status == "running" and item.health == "starting":
            reader.blind(f"health of container {item.name}", "its check has not told anything yet", "ask again in a while")
    _outputs(reader, params, facts)
    return facts


def _only(facts: ContainerFacts, name: str) -> None:
    """One container of the place; the others stay known as its neighbours. Raises CouldNotLook where there is none."""
    chosen = tuple(item for item in facts.containers if item.name == name)
    if not chosen:
        raise CouldNotLook(f"container {name}", "missing", "no such container at this place", "container_status lists them")
    others = (
        Neighbour(
            name=item.name, status=item.status, health=item.health, project=item.project, service=item.service,
            networks=tuple(network.name for network in item.networks),
        )
        for item in facts.containers if item.name != name
    )  # fmt: skip
    facts.containers, facts.others, facts.named = chosen, (*others, *facts.others), True


def _outputs(reader: Reader, params: Params, facts: ContainerFacts) -> None:
    """The most telling lines of containers in trouble. Where they cannot be read, that alone changes no verdict."""
    troubled = [item for item in facts.containers if _troubled(facts, params, item)]
    for container in troubled[:READ_OUTPUT]:
        call = LogSummary(sources=(f"container:{container.name}",), since=_since(container, facts, params), chars=2_000)
        try:
            seen = reader.look(call)
        except CouldNotLook as failure:
            reader.blind(f"output of container {container.name}", f"{failure.reason}: {failure.detail}", failure.remedy)
            continue
        items = [item for item in seen.value.items if item.sign != "usual"] or list(seen.value.items[-LINES:])
        facts.outputs[container.name] = tuple(item.example for item in items[:LINES])
        facts.output_evidence[container.name] = seen.evidence
    if len(troubled) > READ_OUTPUT:
        reader.cut("output of containers in trouble", f"only {READ_OUTPUT} were read; name one as target")


def _since(container: Container, facts: ContainerFacts, params: Params) -> Moment:
    return min(container.started or container.created, facts.now) - timedelta(seconds=min(60, params.window_s))


def _troubled(facts: ContainerFacts, params: Params, item: Container) -> bool:
    """Whether it is down, in a loop or unhealthy, and so that it matters."""
    if item.status in ("running", "restarting"):
        ends = deaths(of_container(facts.events or (), item))
        recent = timedelta(seconds=params.recent_s)
        return item.health == "unhealthy" or bool(ends) or loops(item, ends, facts.now, params.restarts, recent)
    return item.status != "paused" and not _rests(facts, params, item)


def _rests(facts: ContainerFacts, params: Params, item: Container) -> bool:
    """Whether it may well be down: a job that is done, or an end long ago that nobody asks about."""
    if params.running:
        return False
    if item.status not in ("exited", "created") or item.error:
        return False
    if KEPT.fullmatch(item.name):
        return True
    if (item.status == "exited" and item.exit_code == 0 and item.restart_policy in ("no", "")) or _done(item):
        return True
    since = item.finished or item.created
    old = facts.now - since > timedelta(seconds=params.old_s)
    return old and not facts.named and item.restart_policy == "no"


def _done(item: Container) -> bool:
    return item.status == "exited" and item.exit_code == 0 and item.restart_policy.startswith("on-failure")


def judge(facts: ContainerFacts, params: Params) -> Iterator[Finding]:
    """Causes before their consequences, container by container; those in trouble come first from the daemon."""
    everyone: list[Container | Neighbour] = [*facts.containers, *facts.others]
    for container in facts.containers:
        if _rests(facts, params, container):
            continue
        yield from _networks(facts, params, container, list(reaches(container, everyone)))
        yield from _state(facts, params, container)


def _common(facts: ContainerFacts, item: Container) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Evidence and clues that every finding about a container has."""
    more = [facts.events_evidence if of_container(facts.events or (), item) else None, facts.output_evidence.get(item.name)]
    evidence = (facts.containers_evidence, *(name for name in more if name))
    clues = [f"container:{item.name}", f"image:{item.image}"]
    clues += [f"port:{port.host.rpartition(':')[2]}" for port in item.ports if port.host]
    return evidence, tuple(dict.fromkeys(clues))


def _state(facts: ContainerFacts, params: Params, item: Container) -> Iterator[Finding]:
    evidence, clues = _common(facts, item)
    events = of_container(facts.events or (), item)
    ends, killed = deaths(events), [event for event in events if event.action == "oom"]
    quotes, at = facts.outputs.get(item.name, ()), item.finished or item.started
    common: dict[str, Any] = {
        "container": item.name, "status": item.status, "restarts": amount(item.restarts, "restart"), "code": item.exit_code,
        "meaning": exit_meaning(item.exit_code), "policy": item.restart_policy, "image": item.image,
    }  # fmt: skip
    down = item.status in ("exited", "dead", "removing")
    looping = loops(item, ends, facts.now, params.restarts, timedelta(seconds=params.recent_s))
    if item.error and item.status in ("created", "exited", "restarting"):
        why = start_error(item.error)
        yield CANNOT_START.found(
            *evidence, component=item.name, clues=clues, quotes=(item.error,), at=at, **common | {"why": why}
        )
    elif (item.oom_killed and (down or looping)) or killed:
        yield OOM_KILLED.found(
            *evidence, component=item.name, clues=clues, quotes=quotes, at=killed[-1].at if killed else at,
            severity="critical" if down or item.oom_killed or ends else "warning",  # a process in it may die, and it go on
            **common | {
                "times": amount(max(1, len(killed)), "time"),
                "limit": bytes_text(item.memory_limit) if item.memory_limit else "none: the host's memory was used up",
            },
        )  # fmt: skip
    elif looping:
        last = next((event for event in reversed(events) if event.action == "die"), None)
        code = int(last.attributes.get("exitCode", "0") or 0) if last and item.status == "running" else item.exit_code
        yield RESTART_LOOP.found(
            *evidence, component=item.name, clues=clues, quotes=quotes, at=item.started,
            **common | {"last": stamp(item.started) if item.started else None, "code": code, "meaning": exit_meaning(code)},
        )  # fmt: skip
    elif down:
        yield _ended(item, events, evidence, clues, quotes, common)
    elif item.status == "created" and (facts.now - item.created).total_seconds() > 60:
        yield NEVER_STARTED.found(*evidence, component=item.name, clues=clues, at=item.created, **common)
    elif item.status == "paused":
        yield PAUSED.found(*evidence, component=item.name, clues=clues, **common)
    if item.health == "unhealthy" and item.status == "running":
        run = item.health_runs[-1] if item.health_runs else None
        why = health_problem(run, item.health_timeout_s) if run else "its check fails"
        said = (run.output, *quotes) if run and run.output else quotes
        yield UNHEALTHY.found(
            *evidence, component=item.name, clues=clues, quotes=said, at=run.start if run else None,
            **common | {"why": why, "streak": item.failing_streak},
        )  # fmt: skip
    for port in item.ports if item.status == "running" else ():
        if port.wanted:
            yield NOT_PUBLISHED.found(
                *evidence, component=item.name, clues=clues, **common | {"port": port.port, "host": port.host}
            )


def _ended(
    item: Container, events: Sequence[Event], evidence: tuple[str, ...], clues: tuple[str, ...], quotes: tuple[str, ...],
    common: dict[str, Any],
) -> Finding:  # fmt: skip
    """Stopped from outside, or ended by itself. A policy that always restarts is overruled only by a stop."""
    signal = stopped(events)
    if signal is not None or item.restart_policy in ("always", "unless-stopped"):
        how = "its policy would have started it again"
        if signal is not None:
            how = (
                f"signal {signal.attributes.get('signal', '?')}"
                if signal.attributes.get("signal", "").isdigit()
                else "a signal"
            )
        return STOPPED.found(
            *evidence, component=item.name, clues=clues, at=item.finished, **common | {"how": how},
            severity="warning" if item.restart_policy == "no" and not item.project else "critical",
        )  # fmt: skip
    return EXITED.found(*evidence, component=item.name, clues=clues, quotes=quotes, at=item.finished, **common)


def _networks(facts: ContainerFacts, params: Params, item: Container, found: Sequence[Reach]) -> Iterator[Finding]:
    evidence, clues = _common(facts, item)
    worse: Severity = "critical" if _troubled(facts, params, item) else "warning"
    for reach in found:
        values: dict[str, Any] = {
            "container": item.name, "name": reach.name, "variable": reach.variable, "address": reach.address,
            "own": " and ".join(reach.own) or "none", "theirs": " and ".join(reach.theirs) or "none", "status": reach.status,
        }  # fmt: skip
        about = (*clues, f"container:{reach.name}")
        if not reach.shared:
            yield WRONG_NETWORK.found(evidence[0], component=item.name, clues=about, severity=worse, **values)
        elif reach.status != "running" or reach.health == "unhealthy":
            state = reach.status if reach.status != "running" else "unhealthy"
            yield DEPENDENCY_DOWN.found(
                evidence[0], component=item.name, clues=about, severity=worse, **values | {"status": state}
            )


def show(facts: ContainerFacts, params: Params) -> Iterator[Statement]:
    """Where it was looked, the containers, and what happened to them last."""
    yield Statement(
        text="daemon at {endpoint}: {count} of this place, {others} others",
        values={
            "endpoint": facts.endpoint, "count": amount(len(facts.containers), "container"), "others": len(facts.others),
        },
        evidence=(facts.containers_evidence,),
    )  # fmt: skip
    yield from container_lines(facts.containers, facts.containers_evidence)
    if facts.events and facts.events_evidence:
        yield from event_lines(facts.events, facts.events_evidence)
