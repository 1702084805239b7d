"""What the service manager says of its units in the journal, as happenings: starts, stops, restarts, failures. Pure.

Only entries of process 1 are meant: their sender is a trusted field, the rest of them is what systemd itself writes.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from mcp_server.core.journal_calls import JournalEntry
from mcp_server.core.recurring import SINGLE, Times, folded, one

STARTED, STOPPED = "39f53479d3a045ac8e11786248231fbf", "9d1aaa27d60140bd96365438aad20286"
RELOADED, RESTARTING = "7b05ebc668384222baa8881179cfda54", "5eb03494b6584870a536b337290809b3"
NOT_STARTED, FAILED = "be02cf6855d2428ba40df7e9d022f03d", "d9b373ed55a64feb8242e02dbe79a49c"
EXITED = "98e322203f7a4ed290d09fe03c09fe15"
MATCHES = (
    ("_PID=1", *(f"MESSAGE_ID={name}" for name in (STARTED, STOPPED, RELOADED, RESTARTING, NOT_STARTED, FAILED, EXITED))),
    # reading the unit files anew: an exact text until 253, since then a sentence with the client, told by its function
    ("_PID=1", "MESSAGE=Reloading.", "MESSAGE=Reexecuting."),
    ("_PID=1", "CODE_FUNC=log_caller"),
)
FIELDS = ("MESSAGE", "MESSAGE_ID", "UNIT", "JOB_TYPE", "JOB_RESULT", "UNIT_RESULT", "EXIT_CODE", "EXIT_STATUS")
EPISODE = timedelta(minutes=10)
"""Failures of one unit no further apart than this are one trouble."""
_SILENT = re.compile(r".*\.(?:target|slice|scope|device)|(?:user|user-runtime-dir)@.*")
_MADE = re.compile(r"run-[pru]?[0-9a-f-]{2,}\.service|[0-9a-f]{32,}.*\.(?:service|timer)")
_RELOADS = re.compile(r"Reloading\.|Reloading requested|Reexecut")


@dataclass(frozen=True, kw_only=True)
class Happening(Times):
    """Something that happened to a unit, or the same to it several times. `why` is systemd's word, `status` the exit's."""

    unit: str
    kind: str
    why: str = ""
    status: str = ""
    units: tuple[str, ...] = ()


@dataclass
class _Unit:
    """What is known of a unit while its entries are read."""

    stopped: Happening | None = None
    again: bool = False
    failed: bool = False
    exited: str = ""
    found: list[Happening] = field(default_factory=list)


def happenings(entries: Iterable[JournalEntry], onset: datetime | None = None) -> list[Happening]:
    """Everything that happened, in order; what recurs is told by its last time before the onset."""
    units: dict[str, _Unit] = {}
    reloads: list[Happening] = []
    for entry in entries:
        name = entry.get("UNIT")
        if not name:
            if _RELOADS.match(entry.get("MESSAGE")):
                reloads.append(Happening(unit="systemd", kind="daemon-reload", at=entry.at, stamp=entry.stamp))
        elif not silent(name):
            _take(units.setdefault(name, _Unit()), name, entry)
    found = _folded(reloads, onset)
    for state in units.values():
        if state.stopped:  # its restart never came to an end
            state.found.append(replace(state.stopped, kind="stop"))
        found += _folded(state.found, onset)
    return sorted(_families(found, onset), key=lambda item: item.at)


def _take(state: _Unit, name: str, entry: JournalEntry) -> None:
    kind, happened = entry.get("MESSAGE_ID"), Happening(unit=name, kind="", at=entry.at, stamp=entry.stamp)
    if kind == RESTARTING:
        state.again = True
    elif kind == EXITED:
        state.exited = f"{entry.get('EXIT_CODE')} {entry.get('EXIT_STATUS')}".strip()
    elif kind in (FAILED, NOT_STARTED):
        if kind == FAILED or not state.failed:
            why = entry.get("UNIT_RESULT") or entry.get("JOB_RESULT")
            state.found.append(replace(happened, kind="fail", why=why, status=state.exited))
        state.failed = kind == FAILED
    elif kind == STOPPED:
        if entry.get("JOB_TYPE") != "restart":
            state.found.append(replace(happened, kind="stop"))
        elif not state.again:
            state.stopped = happened
        state.failed = False
    elif kind == RELOADED:
        state.found.append(replace(happened, kind="reload"))
    elif kind == STARTED and " was skipped because " not in entry.get("MESSAGE"):
        _started(state, happened, entry.get("MESSAGE").startswith("Finished "))


def _started(state: _Unit, happened: Happening, finished: bool) -> None:
    if state.again:  # by systemd itself; after a failure it is a part of that
        if not state.failed and not (state.found and state.found[-1].kind == "fail"):
            state.found.append(replace(happened, kind="restart", why="automatic"))
    elif state.stopped:
        state.found.append(replace(state.stopped, kind="restart"))
    else:
        state.found.append(replace(happened, kind="run" if finished else "start"))
    state.again, state.failed, state.stopped, state.exited = False, False, None, ""


def _folded(found: Sequence[Happening], onset: datetime | None) -> list[Happening]:
    """Of one unit: failures by episode, everything else one by one while it is seldom, else by one that stands for all."""
    kinds: dict[str, list[Happening]] = {}
    for item in found:
        kinds.setdefault(item.kind, []).append(item)
    told: list[Happening] = []
    for kind, items in kinds.items():
        if kind == "fail":
            told += _episodes(items, onset)
        else:
            told += folded(items, onset)
    return told


def _episodes(items: Sequence[Happening], onset: datetime | None) -> list[Happening]:
    rows: list[list[Happening]] = []
    for item in items:
        if rows and abs(item.at - rows[-1][-1].at) <= EPISODE:
            rows[-1].append(item)
        else:
            rows.append([item])
    told = [
        replace(
            row[0], count=len(row), first=min(item.at for item in row), last=max(item.at for item in row),
            why=row[-1].why or row[0].why,
            status=next((item.status for item in reversed(row) if item.status), ""),
        )
        for row in rows
    ]  # fmt: skip
    return folded(told, onset)


def silent(name: str) -> bool:
    """Units that only group others, or come with a device or a login."""
    return _SILENT.fullmatch(name) is not None


def family(name: str) -> str:
    """`sshd@*.service` for `sshd@3-10.0.0.1.service`; a unit made for one moment by its pattern; any other by its name."""
    if _MADE.fullmatch(name):
        return "run-*.service" if name.startswith("run-") else f"*.{name.rpartition('.')[2]}"
    head, at, tail = name.partition("@")
    return f"{head}@*.{tail.rpartition('.')[2]}" if at else name


def _families(found: Sequence[Happening], onset: datetime | None) -> list[Happening]:
    """Many units of one template to which the same happened are told as one."""
    rows: dict[tuple[str, str], list[Happening]] = {}
    for item in found:
        rows.setdefault((item.kind, family(item.unit)), []).append(item)
    told: list[Happening] = []
    for (_, name), items in rows.items():
        names = tuple(dict.fromkeys(item.unit for item in items))
        if len(names) <= SINGLE:
            told += items
        else:
            items.sort(key=lambda item: item.at)
            told.append(replace(one(items, onset), unit=name, units=names))
    return told


def by_unit(found: Iterable[Happening]) -> Mapping[str, list[datetime]]:
    """When anything was heard of each unit."""
    times: dict[str, list[datetime]] = {}
    for item in found:
        for name in (item.unit, *item.units):
            times.setdefault(name, []).extend(moment for moment in (item.at, item.first, item.last) if moment)
    return times
