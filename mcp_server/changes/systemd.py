"""Which units were started, stopped, restarted or failed, which unit files were edited, and which timers fired?"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from mcp_server.core.calls import StatFile
from mcp_server.core.change import Change, ChangeClass, Window
from mcp_server.core.declare import ChangeSource, Scope
from mcp_server.core.edits import Edit, change_of, edits
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.journal import Journal
from mcp_server.core.outcome import Statement, Value
from mcp_server.core.reader import Reader
from mcp_server.core.recurring import nearest
from mcp_server.core.unit_events import FIELDS, MATCHES, Happening, by_unit, happenings
from mcp_server.core.unit_states import EVERY, States, happened, shown

CHANGE_SOURCE = ChangeSource(
    question="Which systemd units were started, stopped, restarted or failed, or had their files edited; which timers fired?",
    commands=("systemctl",),
)

FOLDERS = ("/etc/systemd", "/run/systemd/system", "/run/systemd/system.control", "/usr/local/lib/systemd")
ELSEWHERE = ("/etc/systemd/network", "/etc/systemd/resolved", "/etc/systemd/user/")
VENDOR = ("/usr/lib/systemd/system", "/lib/systemd/system")
"""Files of packages: an install gives them their packed time, so only a later time of content is an edit by hand."""
RUNS, ASKED = 12, 60
"""So many jobs of timers are told one by one; of so many units the state is asked where the journal told of the rest."""
NEAR = timedelta(seconds=120)
"""A unit may take so long from being told to start until it is active."""
CLUES = 40
_TEXT = {
    "start": "unit {unit} was started", "stop": "unit {unit} was stopped", "restart": "unit {unit} was restarted",
    "reload": "unit {unit} was told to reload its configuration", "run": "job {unit} ran to its end",
    "fail": "unit {unit} failed", "daemon-reload": "systemd read its unit files anew",
}  # fmt: skip


def collect(reader: Reader, window: Window, scope: Scope) -> Iterator[Change]:
    """What the journal tells of units, edits of their files, and their state where that can add something."""
    found: list[Happening] = []
    told: tuple[str, ...] = ()
    whole = False
    with reader.part("journal"):
        journal = Journal(reader, window, scope.journal)
        seen = journal.entries(MATCHES, fields=FIELDS, what="unit events")
        found, told = happenings(seen.value.entries, scope.onset), (seen.evidence,)
        whole = journal.before is not None and not (seen.value.doubts or seen.value.cut)
    edited = list(_edits(reader, window))
    jobs = {item.unit for item in nearest([item for item in found if item.kind == "run"], scope.onset, RUNS)[0]}
    units = sorted(jobs | {unit for edit in edited if (unit := unit_of(edit.entry.path))})[:ASKED]
    states = States()
    if units or not whole:
        with reader.part("state of systemd's units"):
            states = shown(reader, units if whole else EVERY)
    known = by_unit(found)
    more = [] if whole else [item for item in happened(states.units, window) if not _heard(item, known)]
    yield from _told(found, more, states, scope, told)
    if (told or states.evidence) and not (found or more):
        reader.empty("systemd: nothing happened to any unit in the window")
    yield from (_edited(edit, states) for edit in edited)


def _told(
    found: Sequence[Happening], more: Sequence[Happening], states: States, scope: Scope, told: tuple[str, ...]
) -> Iterator[Change]:  # fmt: skip
    """Everything that is no job of a timer; of these the nearest to the onset one by one, the rest as one."""
    shown_by = (states.evidence,) if states.evidence else ()
    for item in found:
        if item.kind != "run":
            yield _change(item, states, told)
    for item in more:
        if item.kind != "run":
            yield _change(item, states, shown_by)
    single, folded = nearest([item for item in (*found, *more) if item.kind == "run"], scope.onset, RUNS)
    yield from (_change(item, states, (*told, *shown_by)) for item in single)
    if folded:
        yield _rest(folded, (*told, *shown_by))


def _heard(item: Happening, known: Mapping[str, Sequence[datetime]]) -> bool:
    return any(abs(heard - item.at) <= NEAR for heard in known.get(item.unit, ()))


def _change(item: Happening, states: States, evidence: Iterable[str]) -> Change:
    reloads = item.kind == "daemon-reload"
    triggered = states.of(item.unit, "TriggeredBy").split()
    told: list[tuple[str, dict[str, Value]]] = [(_TEXT[item.kind], {} if reloads else {"unit": item.unit})]
    if item.kind == "fail" and item.why:
        told.append((" ({why})", {"why": item.why}))
    if item.kind == "fail" and item.status:
        told.append((", its process ended with {status}", {"status": item.status}))
    if item.why == "automatic":
        told.append((" by systemd itself after its process had ended", {}))
    if item.kind == "run" and triggered:
        told.append((", started by {by}", {"by": triggered[0]}))
    if item.units:
        told.append((" ({units} units of that kind)", {"units": len(item.units)}))
    told.append(item.again(""))
    clues = () if reloads else tuple(f"unit:{name}" for name in (item.units or (item.unit,))[:CLUES])
    classes: tuple[ChangeClass, ...] = ("configuration",) if reloads else ("runtime",)
    text, values = "".join(text for text, _ in told), {key: value for _, found in told for key, value in found.items()}
    return Change(
        source="systemd", kind=item.kind, classes=classes, at=item.at, stamp=item.stamp, component=item.unit, clues=clues,
        summary=Statement(text=text, values=values, evidence=tuple(dict.fromkeys(evidence)), at=item.at),
    )  # fmt: skip


def _rest(jobs: Sequence[Happening], evidence: Sequence[str]) -> Change:
    """Further jobs, all together: they run again and again, and none of them is the nearest to the onset."""
    last = jobs[-1]
    names = list(dict.fromkeys(item.unit for item in jobs))
    values: dict[str, Value] = {
        "jobs": len(names), "count": sum(item.count for item in jobs), "last": last.unit,
    }  # fmt: skip
    return Change(
        source="systemd", kind="runs", classes=("runtime",), at=last.at, stamp=last.stamp, component=f"{len(names)} jobs",
        clues=tuple(f"unit:{name}" for name in names[:CLUES]),
        summary=Statement(
            text="{jobs} further jobs ran to their end, {count} times in all; the last of them {last}", values=values,
            evidence=tuple(evidence), quotes=(", ".join(names[:CLUES]) + (" …" if len(names) > CLUES else ""),), at=last.at,
        ),
    )  # fmt: skip


def _edits(reader: Reader, window: Window) -> Iterator[Edit]:
    """Unit files, drop-ins and links of enabled units."""
    count = 0
    vendor = next((folder for folder in VENDOR if _folder(reader, folder)), None)
    for edit in edits(reader, window, FOLDERS, depth=4):
        runtime = edit.kind == "remove" and edit.entry.path.startswith("/run/")  # systemd's own coming and going
        if not runtime and not edit.entry.path.startswith(ELSEWHERE):
            count += 1
            yield edit
    for edit in edits(reader, window, (vendor,) if vendor else (), depth=2):
        if edit.kind == "edit" and edit.entry.type == "file":
            count += 1
            yield edit
    if not count:
        reader.empty("systemd: no unit file was edited in the window")


def _folder(reader: Reader, path: str) -> bool:
    try:
        return reader.look(StatFile(path=path)).value.type == "folder"
    except CouldNotLook:  # missing, or said again by the look at the other one
        return False


def _edited(edit: Edit, states: States) -> Change:
    """A unit file or drop-in as written; a link as what it does: enabling, masking, naming anew."""
    unit, link = unit_of(edit.entry.path), edit.entry.link
    clues = (f"unit:{unit}",) if unit else ()
    if link and unit and edit.kind != "remove":
        folder = PurePosixPath(edit.entry.path).parent
        kind = "mask" if link == "/dev/null" else "enable" if folder.suffix in (".wants", ".requires") else "link"
        change = change_of(edit, "systemd", unit, ("configuration",), clues, kind=kind)
        text = {"mask": "unit {unit} was masked: it cannot be started", "enable": "unit {unit} was enabled for {for}",
                "link": "unit {unit} was made a name of {points_to}"}[kind]  # fmt: skip
        values = change.summary.values | {"unit": unit, "for": folder.stem}
        return change.model_copy(update={"summary": change.summary.model_copy(update={"text": text, "values": values})})
    stale = states.of(unit, "NeedDaemonReload") == "yes"
    add = "; systemd has not read it yet: no daemon-reload since" if stale else ""
    known = (states.evidence,) if stale else ()
    return change_of(edit, "systemd", unit or edit.entry.path, ("configuration",), clues, add=add, evidence=known)


def unit_of(path: str) -> str:
    """The unit that a unit file, a drop-in or a link of enabling belongs to; empty for other files."""
    parts = PurePosixPath(path)
    folder = parts.parent.name
    if folder.endswith(".d") and "." in folder.removesuffix(".d"):
        return folder.removesuffix(".d")
    return parts.name if parts.suffix[1:] in ("service", "timer", "socket", "path", "mount", "target") else ""
