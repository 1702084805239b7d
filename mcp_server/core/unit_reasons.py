"""Why a systemd unit does not run, from what systemctl shows of it and of what it needs. Pure: text in, records out."""

import re
from collections.abc import Iterator, Mapping, Sequence

from mcp_server.core.clock import Moment
from mcp_server.core.noun import Noun
from mcp_server.core.systemd import moment

PROPERTIES = (
    "Id,LoadState,LoadError,UnitFileState,ActiveState,SubState,Result,Type,Restart,NRestarts,ExecMainStatus,FragmentPath,"
    "DropInPaths,NeedDaemonReload,StartLimitBurst,StartLimitIntervalUSec,Requires,Requisite,BindsTo,TriggeredBy,Slice,"
    "StateChangeTimestamp"
)
_RESULTS = {
    "exit-code": "its program ended with an error", "signal": "a signal ended its program",
    "core-dump": "its program crashed and left a core dump", "timeout": "it exceeded a time limit",
    "watchdog": "its program stopped answering systemd's watchdog", "oom-kill": "it was killed for want of memory",
    "start-limit-hit": "it was started too often in too short a time", "resources": "systemd could not set it up",
    "protocol": "it did not behave as its type says", "exec-condition": "its own condition said no",
}  # fmt: skip
_STANDARD = re.compile(r".*\.(?:slice|target)|-\.mount|.*\.device")
"""Units that a hard need of nearly every unit names and that explain nothing."""


class UnitState(Noun):
    """One unit as it is now, with what it cannot do without."""

    name: str
    load: str
    load_error: str = ""
    enabled: str = ""
    state: str = ""
    sub: str = ""
    result: str = ""
    type: str = ""
    restart: str = "no"
    restarts: int = 0
    status: int = 0
    path: str = ""
    drop_ins: tuple[str, ...] = ()
    stale: bool = False
    burst: int = 0
    interval: str = ""
    needs: tuple[str, ...] = ()
    requisite: tuple[str, ...] = ()
    triggered_by: str = ""
    changed: Moment | None = None

    def rests(self) -> bool:
        """Whether not running is its normal state."""
        return self.result == "success" and (self.type == "oneshot" or bool(self.triggered_by))

    def down(self) -> bool:
        """Whether what needs it cannot have it."""
        return self.load != "loaded" or self.state == "failed"


class Winner(Noun):
    """A setting that more than one file of a unit gives: the last one counts."""

    setting: str
    wins: str
    over: tuple[str, ...]


def result_meaning(result: str) -> str:
    """What systemd's word for how a unit ended means."""
    return _RESULTS.get(result, "systemd says why in its result")


def read_units(text: str) -> list[UnitState]:
    """Every unit in the output of `systemctl show --property=PROPERTIES`, in its order."""
    found = []
    for block in text.split("\n\n"):
        told = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if told.get("Id") and told.get("ActiveState"):
            found.append(_unit(told))
    return found


def _unit(told: Mapping[str, str]) -> UnitState:
    hard = [*told.get("Requires", "").split(), *told.get("BindsTo", "").split(), *told.get("Requisite", "").split()]
    said = re.search(r'"(.*)"', told.get("LoadError", ""))
    return UnitState(
        name=told["Id"], load=told.get("LoadState", ""), load_error=said[1] if said else "",
        enabled=told.get("UnitFileState", ""), state=told["ActiveState"], sub=told.get("SubState", ""),
        result=told.get("Result", ""), type=told.get("Type", ""), restart=told.get("Restart", "no"),
        restarts=_number(told.get("NRestarts")), status=_number(told.get("ExecMainStatus")), path=told.get("FragmentPath", ""),
        drop_ins=tuple(told.get("DropInPaths", "").split()), stale=told.get("NeedDaemonReload") == "yes",
        burst=_number(told.get("StartLimitBurst")), interval=told.get("StartLimitIntervalUSec", ""),
        needs=tuple(dict.fromkeys(name for name in hard if not _STANDARD.fullmatch(name))),
        requisite=tuple(told.get("Requisite", "").split()), triggered_by=told.get("TriggeredBy", ""),
        changed=moment(told.get("StateChangeTimestamp", "")),
    )  # fmt: skip


def culprits(unit: UnitState, known: Mapping[str, UnitState]) -> Iterator[tuple[UnitState, tuple[str, ...]]]:
    """The units at the end of its needs that are down, each with the way there, both ends included."""
    waiting: list[tuple[UnitState, tuple[str, ...]]] = [(unit, (unit.name,))]
    seen = {unit.name}
    while waiting:
        item, way = waiting.pop(0)
        for name in item.needs:
            needed = known.get(name)
            if needed is None or name in seen:
                continue
            seen.add(name)
            if needed.down() or (name in item.requisite and needed.state != "active"):
                yield needed, (*way, name)
            elif needed.state != "active":  # itself kept from running, perhaps: what does it need?
                waiting.append((needed, (*way, name)))


def winners(text: str) -> Iterator[Winner]:
    """Settings that several files give, from the output of `systemctl cat`: single values; lists add up, unless emptied."""
    path, section, last = "", "", dict[str, list[tuple[str, str]]]()
    for line in text.splitlines():
        if line.startswith("# /"):
            path = line[2:].strip()
        elif match := re.fullmatch(r"\[(\w{1,40})\]\s*", line):
            section = match[1]
        elif (match := re.match(r"([A-Z][A-Za-z]{1,60})\s*=\s*(.*)", line)) and path:
            last.setdefault(f"{section}.{match[1]}", []).append((path, match[2].strip()))
    for setting, given in last.items():
        files = list(dict.fromkeys(path for path, _ in given))
        if len(files) > 1 and (setting not in _LISTS or any(not value for _, value in given[1:])):
            yield Winner(setting=setting, wins=given[-1][0], over=tuple(path for path in files if path != given[-1][0]))


_LISTS = frozenset(
    f"{section}.{name}"
    for section, names in {
        "Unit": "After Before Requires Wants BindsTo PartOf Conflicts Requisite Documentation OnFailure OnSuccess",
        "Service": "Environment EnvironmentFile ExecStart ExecStartPre ExecStartPost ExecStop ExecReload ReadWritePaths "
        "SupplementaryGroups LimitNOFILE",
        "Install": "WantedBy RequiredBy Also Alias",
        "Timer": "OnCalendar OnBootSec OnActiveSec OnUnitActiveSec",
    }.items()
    for name in names.split()
) - {"Service.LimitNOFILE"}

_CONDITION = re.compile(r"unmet condition check(?: \((.{1,400})\))?|Condition check resulted in|start condition failed", re.I)
_ASSERT = re.compile(r"Assertion failed for|asserts? failed|assertion failed on", re.I)
_TOO_OFTEN = re.compile(r"Start request repeated too quickly")
_DEPENDENCY = re.compile(r"Dependency failed for|failed with result 'dependency'")
_STARTED = re.compile(r"^(?:Started|Finished|Starting) ")


class Told(Noun):
    """What systemd itself said last of a unit's start: unmet condition, failed assertion, refused for its start limit."""

    condition: str | None = None
    assertion: bool = False
    too_often: bool = False
    dependency: bool = False


def told_by_systemd(messages: Sequence[str]) -> Told:
    """From systemd's own messages about a unit, oldest first. A later start makes earlier refusals past."""
    told = Told()
    for message in messages:
        if _STARTED.match(message):
            told = Told()
        elif match := _CONDITION.search(message):
            told = Told(condition=match[1] or "")
        elif _ASSERT.search(message):
            told = Told(assertion=True)
        elif _TOO_OFTEN.search(message):
            told = told.model_copy(update={"too_often": True})
        elif _DEPENDENCY.search(message):
            told = told.model_copy(update={"dependency": True})
    return told


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else 0
