"""Is this host short of processor, memory or disk throughput?

A single busy moment is not saturation: the processor is a finding only when the queue (load) or the stall time agrees.
Swap in use alone is normal; it is a finding when memory is short as well.
"""

from collections.abc import Iterator

from pydantic import Field

from mcp_server.core.calls import HostFacts, Pressure, Process, ReadHost, ReadProcesses
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.outcome import Finding, FindingType, Statement, Value
from mcp_server.core.parameters import Parameters
from mcp_server.core.processes import brief
from mcp_server.core.reader import Reader
from mcp_server.core.text import bytes_text

TOP = 3


class Params(Parameters):
    """Thresholds. Pressure is the share of the last 10 s in which tasks stood still."""

    cpu_percent: int = Field(90, ge=1, le=100, description="Processor use, in percent, that counts as busy")
    load_per_cpu: float = Field(1.5, ge=0.1, le=100, description="1-minute load per processor that counts as a queue")
    memory_percent: int = Field(10, ge=1, le=99, description="Percent of memory available below which it is low")
    swap_percent: int = Field(50, ge=1, le=100, description="Percent of swap used that counts when memory is short too")
    some_percent: int = Field(40, ge=1, le=100, description="Pressure: percent of time some tasks waited")
    full_percent: int = Field(10, ge=1, le=100, description="Pressure: percent of time all tasks waited")


class HealthFacts(Facts):
    """The host's numbers; processes only where one of the numbers is over its threshold."""

    host: HostFacts
    evidence: str
    processes: tuple[Process, ...] = ()
    processes_evidence: str | None = None


_SLOW = ("http_check.slow", "http_check.no_answer", "http_check.gateway_timeout")

CPU_SATURATED = FindingType(
    code="cpu_saturated",
    text="processors are saturated: {busy} % busy, load {load} on {cpus} processors, most used by {top}",
    meaning="Work waits for a processor; everything on this host answers late.",
    advice="See whether the top consumer is the service, its neighbour or a job, and what changed when it began.",
    explains=_SLOW,
)
LOAD_BLOCKED = FindingType(
    code="load_blocked",
    text="load is {load} on {cpus} processors that are only {busy} % busy: tasks wait for something else",
    meaning="Load counts tasks blocked on disk or a network filesystem; more processors would not help.",
    advice="List the processes in uninterruptible sleep and what they wait for.",
    explains=_SLOW,
)
MEMORY_LOW = FindingType(
    code="memory_low",
    text="memory is low: {available} of {total} available ({percent} %), most used by {top}",
    meaning="The kernel soon kills a process or stalls all of them to find room.",
    advice="See which process grew; look for out-of-memory kills in the kernel log.",
    explains=_SLOW,
)
SWAPPING = FindingType(
    code="swapping",
    text="swap is in use while memory is short: {used} of {total} swap, {percent} % of memory available",
    meaning="Memory is fetched back from disk; latency grows by orders of magnitude.",
    advice="Find the process that grew; adding swap hides the cause.",
    explains=_SLOW,
)
MEMORY_PRESSURE = FindingType(
    code="memory_pressure",
    text="tasks stall for memory: some {some} %, all {full} % of the last 10 s",
    meaning="The kernel reclaims memory while work waits.",
    advice="Find the process that grew, and its limit if it has one.",
    explains=_SLOW,
)
IO_PRESSURE = FindingType(
    code="io_pressure",
    text="tasks stall for disk: some {some} %, all {full} % of the last 10 s",
    meaning="Disk throughput is the bottleneck: requests wait for reads and writes.",
    advice="Find who reads or writes most; look for a backup, a log that grows, a failing disk.",
    explains=_SLOW,
)

DIAGNOSTIC = Diagnostic(
    question="Is the host short of processor, memory or disk throughput, and who uses most?",
    area="host",
    facts=HealthFacts,
    examples=({}, {"memory_percent": 20}),
    next=("process_list", "what_changed"),
)


def collect(reader: Reader, params: Params) -> HealthFacts:
    """Read the numbers; name the consumers only when a threshold is crossed."""
    seen = reader.look(ReadHost())
    if not seen.value.pressure:
        reader.empty("pressure stall information (this kernel does not offer it)")
    facts = HealthFacts(host=seen.value, evidence=seen.evidence)
    if any(True for _ in judge(facts, params)):
        with reader.part("top consumers"):
            processes = reader.look(ReadProcesses(sample_s=0.3))
            by_cpu = sorted(processes.value.processes, key=lambda item: item.cpu_percent or 0, reverse=True)[:TOP]
            by_memory = sorted(processes.value.processes, key=lambda item: item.rss or 0, reverse=True)[:TOP]
            facts.processes = tuple({item.pid: brief(item) for item in (*by_cpu, *by_memory)}.values())
            facts.processes_evidence = processes.evidence
    return facts


def judge(facts: HealthFacts, params: Params) -> Iterator[Finding]:
    """Each shortage on its own; see the module's text for what must agree."""
    host = facts.host
    evidence = (facts.evidence, *([facts.processes_evidence] if facts.processes_evidence else []))
    cpu, io, memory = (host.pressure.get(name, Pressure(some=0)) for name in ("cpu", "io", "memory"))
    queue = host.load[0] / max(1, host.cpus) >= params.load_per_cpu
    busy = host.cpu_percent >= params.cpu_percent
    share, load = round(host.cpu_percent, 1), round(host.load[0], 2)
    if busy and (queue or cpu.some >= params.some_percent):
        clues = _clues(top := _top(facts, "cpu"))
        yield CPU_SATURATED.found(
            *evidence, component=host.hostname, clues=clues, top=_names(top, "cpu"), busy=share, load=load, cpus=host.cpus
        )
    elif queue and host.cpu_percent < params.cpu_percent / 2:
        yield LOAD_BLOCKED.found(*evidence, component=host.hostname, busy=share, load=load, cpus=host.cpus)
    percent = _available(host)
    low = percent < params.memory_percent
    if low:
        clues = (*_clues(top := _top(facts, "memory")), "word:Out of memory", "word:MemoryError")
        yield MEMORY_LOW.found(
            *evidence, component=host.hostname, clues=clues, top=_names(top, "memory"), percent=percent,
            available=bytes_text(host.memory_available), total=bytes_text(host.memory_total),
        )  # fmt: skip
    stalled = memory.some >= params.some_percent or (memory.full or 0) >= params.full_percent
    if _swap(host) >= params.swap_percent and (stalled or percent < 2 * params.memory_percent):
        yield SWAPPING.found(
            *evidence, component=host.hostname, used=bytes_text(host.swap_used), total=bytes_text(host.swap_total),
            percent=percent,
        )  # fmt: skip
    for kind, pressure in ((MEMORY_PRESSURE, memory), (IO_PRESSURE, io)):
        if pressure.some >= params.some_percent or (pressure.full or 0) >= params.full_percent:
            yield kind.found(*evidence, component=host.hostname, some=pressure.some, full=pressure.full)


def show(facts: HealthFacts, params: Params) -> Iterator[Statement]:
    """One line of numbers always; the consumers where they were looked for."""
    host = facts.host
    told = host.pressure.keys() & {"cpu", "memory", "io"}
    numbers: dict[str, Value] = {
        "load": round(host.load[0], 2), "cpus": host.cpus, "busy": round(host.cpu_percent, 1),
        "available": bytes_text(host.memory_available), "total": bytes_text(host.memory_total),
        "swap": bytes_text(host.swap_used),
    }  # fmt: skip
    numbers |= {name: pressure.some for name, pressure in host.pressure.items()}
    text = "load {load} on {cpus} processors, {busy} % busy; {available} of {total} memory available; swap {swap} used"
    stalls = "; stalled " + ", ".join(f"{name} {{{name}}} %" for name in sorted(told)) if told else "; no pressure told"
    yield Statement(text=text + stalls, values=numbers, evidence=(facts.evidence,))
    for item in facts.processes:
        yield Statement(
            text="{name} (pid {pid}): {cpu} % of one processor, {memory} memory",
            values={"name": item.name, "pid": item.pid, "cpu": item.cpu_percent, "memory": bytes_text(item.rss or 0)},
            evidence=(facts.processes_evidence,) if facts.processes_evidence else (),
        )


def _available(host: HostFacts) -> float:
    return round(100 * host.memory_available / host.memory_total, 1) if host.memory_total else 100.0


def _swap(host: HostFacts) -> float:
    return 100 * host.swap_used / host.swap_total if host.swap_total else 0.0


def _top(facts: HealthFacts, what: str) -> list[Process]:
    amounts = [((item.cpu_percent if what == "cpu" else item.rss) or 0, item) for item in facts.processes]
    return [item for amount, item in sorted(amounts, key=lambda pair: pair[0], reverse=True) if amount > 0][:TOP]


def _names(processes: list[Process], what: str) -> str | None:
    parts = [
        f"{item.name} ({item.pid}) {f'{item.cpu_percent:.0f} %' if what == 'cpu' else bytes_text(item.rss or 0)}"
        for item in processes
    ]
    return ", ".join(parts) or None


def _clues(processes: list[Process]) -> tuple[str, ...]:
    first = processes[:1]
    return tuple(clue for item in first for clue in (f"pid:{item.pid}", *([f"unit:{item.unit}"] if item.unit else [])))
