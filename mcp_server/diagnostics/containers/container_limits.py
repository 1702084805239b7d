"""Which containers are near their limits: memory, processor, processes."""

from collections.abc import Iterator

from pydantic import Field

from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.docker_calls import Container, ReadContainers, ReadUsage, Usage
from mcp_server.core.outcome import Finding, FindingType, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader
from mcp_server.core.text import bytes_text

LISTED = 30


class Params(Parameters):
    """What counts as near."""

    near_percent: int = Field(90, ge=1, le=100, description="Percent of a limit that is a finding (memory, processes)")
    throttled_percent: int = Field(25, ge=1, le=100, description="Percent of time slices held back that is a finding")
    periods: int = Field(100, ge=1, le=1_000_000, description="Time slices (mostly 0.1 s) below which throttling says nothing")


class LimitFacts(Facts):
    """Running containers and what they use."""

    containers: tuple[Container, ...] = ()
    usage: tuple[Usage, ...] = ()
    containers_evidence: str = ""
    usage_evidence: str = ""


NEAR_MEMORY_LIMIT = FindingType(
    code="near_memory_limit",
    text="container {container} uses {used} of its {limit} of memory ({percent} %)",
    severity="warning",
    meaning="At the limit its program is killed.",
    advice="See whether it grows steadily.",
)
THROTTLED_CPU = FindingType(
    code="throttled",
    text="container {container} waited for its limit of {cpus} processors in {percent} % of its time slices",
    severity="warning",
    meaning="It answers slowly because of its limit, not because of its work.",
    advice="Compare with its latency; see whether the limit changed.",
)
NEAR_PIDS_LIMIT = FindingType(
    code="near_pids_limit",
    text="container {container} has {pids} of {limit} processes and threads",
    severity="warning",
    meaning="At the limit nothing new can be started in it.",
    advice="See which program starts them and does not collect them.",
)

DIAGNOSTIC = Diagnostic(
    question="Which containers are near their limits of memory, processor or processes?",
    area="containers",
    facts=LimitFacts,
    places=("docker",),
    timeout_s=30,
    tool=False,
    examples=({}, {"near_percent": 75}),
    next=("container_status", "log_summary"),
)


def collect(reader: Reader, params: Params) -> LimitFacts:
    """Limits and use of the running containers."""
    seen = reader.look(ReadContainers())
    running = tuple(item for item in seen.value.containers if item.status == "running")
    if seen.value.cut:
        reader.cut("containers", seen.value.cut)
    if not running:
        reader.empty("running containers")
        return LimitFacts(containers_evidence=seen.evidence, usage_evidence=seen.evidence)
    used = reader.look(ReadUsage())
    for name, why in used.value.failed.items():
        reader.blind(f"use of container {name}", why)
    return LimitFacts(
        containers=running, usage=used.value.containers, containers_evidence=seen.evidence, usage_evidence=used.evidence
    )


def judge(facts: LimitFacts, params: Params) -> Iterator[Finding]:
    """Each limit by itself; a container without a limit cannot be near it."""
    used = {item.name: item for item in facts.usage}
    for item in facts.containers:
        if item.name in used:
            yield from _limits(facts, params, item, used[item.name])


def _limits(facts: LimitFacts, params: Params, item: Container, usage: Usage) -> Iterator[Finding]:
    evidence, near = (facts.containers_evidence, facts.usage_evidence), params.near_percent
    clues = (f"container:{item.name}", f"image:{item.image}")
    if item.memory_limit and usage.memory is not None and usage.memory * 100 >= item.memory_limit * near:
        yield NEAR_MEMORY_LIMIT.found(
            *evidence, component=item.name, clues=clues, container=item.name, used=bytes_text(usage.memory),
            limit=bytes_text(item.memory_limit), percent=usage.memory * 100 // item.memory_limit,
        )  # fmt: skip
    slow = usage.periods >= params.periods and usage.throttled * 100 >= usage.periods * params.throttled_percent
    if item.cpu_limit and slow:
        yield THROTTLED_CPU.found(
            *evidence, component=item.name, clues=clues, container=item.name, cpus=item.cpu_limit,
            percent=usage.throttled * 100 // usage.periods,
        )  # fmt: skip
    if item.pids_limit and usage.pids is not None and usage.pids * 100 >= item.pids_limit * near:
        yield NEAR_PIDS_LIMIT.found(
            *evidence, component=item.name, clues=clues, container=item.name, pids=usage.pids, limit=item.pids_limit
        )


def show(facts: LimitFacts, params: Params) -> Iterator[Statement]:
    """One line for each running container, the largest first."""
    limits = {item.name: item for item in facts.containers}
    for usage in sorted(facts.usage, key=lambda item: -(item.memory or 0))[:LISTED]:
        item = limits.get(usage.name)
        yield Statement(
            text="{container}: memory {used} of {limit}, {pids} processes, limit of {cpus} processors, throttled in "
            "{throttled} of {periods} time slices",
            values={
                "container": usage.name, "used": bytes_text(usage.memory) if usage.memory is not None else None,
                "limit": bytes_text(item.memory_limit) if item and item.memory_limit else "no limit", "pids": usage.pids,
                "cpus": item.cpu_limit if item else None, "throttled": usage.throttled, "periods": usage.periods,
            },
            evidence=(facts.usage_evidence,),
        )  # fmt: skip
