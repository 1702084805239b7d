"""Is a unit, or a slice that it lies in, near its limits of memory, tasks or processor?"""

from collections.abc import Iterator

from pydantic import Field

from mcp_server.core.calls import StatFile
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import Finding, FindingType, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader
from mcp_server.core.text import bytes_text

DEPTH = 8
_PROPERTIES = (
    "Id,LoadState,ActiveState,Slice,ControlGroup,MemoryCurrent,MemoryHigh,MemoryMax,TasksCurrent,TasksMax,CPUQuotaPerSecUSec,"
    "Result,NRestarts"
)
_NAME = r"^[A-Za-z0-9_-][A-Za-z0-9:_.\\@-]*$"


class Params(Parameters):
    """Which unit, and what counts as near."""

    unit: str = Field(max_length=251, pattern=_NAME, description="systemd unit or slice, such as shop or shop.slice")
    near_percent: int = Field(90, ge=1, le=100, description="Percent of a limit that is a finding")


class Limited(Noun):
    """A unit or slice: use and limits. None where there is no limit, or the use is not counted."""

    name: str
    state: str = ""
    memory: int | None = None
    memory_high: int | None = None
    memory_max: int | None = None
    tasks: int | None = None
    tasks_max: int | None = None
    processors: float | None = Field(None, description="CPUQuota, as processors")


class UnitLimitFacts(Facts):
    """The unit first, then the slices around it, outwards."""

    units: tuple[Limited, ...]
    evidence: tuple[str, ...]


NEAR_MEMORY = FindingType(
    code="near_memory_limit",
    text="{unit} uses {used} of {limit} of memory ({percent} %)",
    severity="warning",
    meaning="At MemoryMax a process of it is killed; at MemoryHigh it is slowed down.",
    advice="See whether it grows steadily, and what changed before.",
)
NEAR_TASKS = FindingType(
    code="near_tasks_limit",
    text="{unit} has {used} of {limit} tasks ({percent} %)",
    severity="warning",
    meaning="At the limit nothing new can be started in it: fork fails.",
    advice="See which program starts them and does not collect them.",
)

DIAGNOSTIC = Diagnostic(
    question="Is a systemd unit, or a slice around it, near its limits of memory, tasks or processor?",
    area="service",
    facts=UnitLimitFacts,
    commands=("systemctl",),
    tool=False,
    examples=({"unit": "shop"}, {"unit": "user.slice", "near_percent": 75}),
    next=("process_list", "host_health"),
)


def collect(reader: Reader, params: Params) -> UnitLimitFacts:
    """The unit, then its slice, and so on up to the root."""
    try:
        reader.look(StatFile(path="/run/systemd/system"))
    except CouldNotLook as failure:
        if failure.reason != "missing":
            raise
        raise CouldNotLook(failure.what, "missing", "systemd does not run here", "ask process_list instead") from None
    found, evidence, name = list[Limited](), list[str](), params.unit
    for _ in range(DEPTH):
        told, cited = _show(reader, name)
        item = _limited(told)
        if told.get("LoadState") != "loaded":
            raise CouldNotLook(f"unit {name}", "missing", "systemd does not know this unit", "check its name")
        found.append(item)
        evidence.append(cited)
        for what, used, limit in (("memory", item.memory, item.memory_max), ("tasks", item.tasks, item.tasks_max)):
            if limit is not None and used is None and item.state == "active":
                reader.blind(
                    f"{what} of {item.name}", "systemd does not count it", "accounting needs control groups of its own"
                )
        name = told.get("Slice", "")
        if not name or name == "-.slice":
            break
    return UnitLimitFacts(units=tuple(found), evidence=tuple(evidence))


def _show(reader: Reader, name: str) -> tuple[dict[str, str], str]:
    seen = reader.run(("systemctl", "show", "--no-pager", f"--property={_PROPERTIES}", name))
    told = dict(line.split("=", 1) for line in seen.value.out.splitlines() if "=" in line)
    if seen.value.exit != 0 or not told.get("Id"):
        said = (seen.value.err.strip().splitlines() or ["it said nothing"])[0]
        detail = f"systemctl could not ask systemd (exit {seen.value.exit}): {said}"
        raise CouldNotLook(f"unit {name}", "failed", detail, "check that this user can reach the system bus")
    return told, seen.evidence


def _limited(told: dict[str, str]) -> Limited:
    return Limited(
        name=told["Id"], state=told.get("ActiveState", ""), memory=_count(told.get("MemoryCurrent")),
        memory_high=_count(told.get("MemoryHigh")), memory_max=_count(told.get("MemoryMax")),
        tasks=_count(told.get("TasksCurrent")), tasks_max=_count(told.get("TasksMax")),
        processors=_processors(told.get("CPUQuotaPerSecUSec", "")),
    )  # fmt: skip


def _count(text: str | None) -> int | None:
    """A number; None for `infinity`, `[not set]` and the largest number there is, which mean no limit or no count."""
    return int(text) if text and text.isascii() and text.isdigit() and int(text) < 1 << 63 else None


def _processors(text: str) -> float | None:
    """`200ms` of each second is a fifth of a processor, `2s` are two."""
    for unit, share in (("us", 1e-6), ("ms", 1e-3), ("s", 1.0)):
        number = text.removesuffix(unit)
        if number != text and number.replace(".", "", 1).isdigit():
            return round(float(number) * share, 3)
    return None


def judge(facts: UnitLimitFacts, params: Params) -> Iterator[Finding]:
    """A unit without a limit of its own may still be near that of its slice."""
    for item, evidence in zip(facts.units, facts.evidence, strict=False):
        limits = [limit for limit in (item.memory_high, item.memory_max) if limit]
        if limits and item.memory is not None and item.memory * 100 >= min(limits) * params.near_percent:
            yield NEAR_MEMORY.found(
                evidence, component=item.name, clues=(f"unit:{item.name}",), unit=item.name, used=bytes_text(item.memory),
                limit=bytes_text(min(limits)), percent=item.memory * 100 // min(limits),
            )  # fmt: skip
        if item.tasks_max and item.tasks is not None and item.tasks * 100 >= item.tasks_max * params.near_percent:
            yield NEAR_TASKS.found(
                evidence, component=item.name, clues=(f"unit:{item.name}",), unit=item.name, used=item.tasks,
                limit=item.tasks_max, percent=item.tasks * 100 // item.tasks_max,
            )  # fmt: skip


def show(facts: UnitLimitFacts, params: Params) -> Iterator[Statement]:
    """Use and limits, the unit first."""
    for item, evidence in zip(facts.units, facts.evidence, strict=False):
        limit = item.memory_max if item.memory_max is not None else item.memory_high
        yield Statement(
            text="{unit}: memory {memory} of {limit}, tasks {tasks} of {most}, processors {processors}",
            values={
                "unit": item.name, "memory": bytes_text(item.memory) if item.memory is not None else "not counted",
                "limit": bytes_text(limit) if limit is not None else "no limit",
                "tasks": item.tasks if item.tasks is not None else "not counted",
                "most": item.tasks_max if item.tasks_max is not None else "no limit",
                "processors": item.processors if item.processors is not None else "no limit",
            },
            evidence=(evidence,),
        )  # fmt: skip
