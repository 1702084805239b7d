"""Which units were started, stopped, restarted or failed, which unit files were edited, and which timers fired?"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from mcp_server.core.calls import StatFile
from mcp_server.core.change import Change, ChangeClass, Window
from mcp_server.core.clock import stamp
from mcp_server.core.declare import ChangeSource, Scope
from mcp_server.core.edits import Edit, change_of, edits
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.journal import Journal
from mcp_server.core.outcome import Statement, Value
from mcp_server.core.reader import Reader
from mcp_server.core.recurring import nearest
from mcp_server.core.systemd import moment
from mcp_server.core.unit_events import FIELDS, MATCHES, Happening, by_unit, happenings, silent

CHANGE_SOURCE = ChangeSource(
    question="Which systemd units were started, stopped, restarted or failed, or had their files edited; which timers fired?",
    commands=("systemctl",),
)

FOLDERS = ("/etc/systemd", "/run/systemd/system", "/run/systemd/system.control", "/usr/local/lib/systemd")
ELSEWHERE = ("/etc/systemd/network", "/etc/systemd/resolved", "/etc/systemd/user/")
VENDOR = ("/usr/lib/systemd/system", "/lib/systemd/system")
"""Files of packages: an install gives them their packed time, so only a later time of content is an edit by hand."""
_PROPERTIES = (
    "Id,ActiveState,Result,ActiveEnterTimestamp,InactiveEnterTimestamp,LastTriggerUSec,NeedDaemonReload,TriggeredBy,"
    "Triggers,Type,ExecMainStatus"
)
RUNS = 12
"""So many jobs of timers are told one by one."""
NEAR = timedelta(seconds=120)
"""A unit may take so long from being told to start until it is active."""
CLUES = 40
_TEXT = {
    "start": "unit {unit} was started", "stop": "unit {unit} was stopped", "restart": "unit {unit} was restarted",
    "reload": "unit {unit} was told to reload its configuration", "run": "job {unit} ran to its end",
    "fail": "unit {unit} failed", "daemon-reload": "systemd read its unit files anew",
}  # fmt: skip


def collect(reader: Reader, window: Window, scope: Scope) -> Iterator[Change]:
    """What the journal tells of units, what their present state adds to it, and edits of their files."""
    shown: dict[str, dict[str, str]] = {}
    evidence = ""
    with reader.part("state of systemd's units"):
        shown, evidence = _shown(reader)
    found: list[Happening] = []
    told: list[str] = []
    with reader.part("journal"):
        seen = Journal(reader, window, scope.journal).entries(MATCHES, fields=FIELDS, what="unit events")
        found, told = happenings(seen.value.entries, scope.onset), [seen.evidence]
    known = by_unit(found)
    states = [item for item in _states(shown, window) if not _heard(item, known)]
    jobs = [item for item in (*found, *states) if item.kind == "run"]
    single, folded = nearest(jobs, scope.onset, RUNS)
    both = (*told, *([evidence] if evidence else []))
    for item in (*found, *states):
        if item.kind != "run":
            yield _change(item, shown, (evidence,) if item in states else told)
    yield from (_change(item, shown, both) for item in single)
    if folded:
        yield _rest(folded, both)
    if both and not (found or states):
        reader.empty("systemd: nothing happened to any unit in the window")
    yield from _edits(reader, window, shown, evidence)


def _shown(reader: Reader) -> tuple[dict[str, dict[str, str]], str]:
    """Properties of every unit that systemd has in memory, by name. Raises CouldNotLook where systemd does not run."""
    patterns = ("*.service", "*.timer", "*.socket", "*.path")
    argv = ("systemctl", "show", "--all", f"--property={_PROPERTIES}", *patterns)
    try:
        seen = reader.run((*argv, "--timestamp=us+utc"))
        if seen.value.exit and "timestamp" in seen.value.err:  # older than 247
            seen = reader.run(argv)
    except CouldNotLook as failure:
        if failure.reason != "missing":
            raise
        remedy = "ask on the host itself, or look at what supervises the services here"
        raise CouldNotLook("systemctl", "missing", "no systemd is installed here", remedy) from None
    told = seen.value
    if "not been booted with systemd" in told.err or "Failed to connect to bus" in told.err:
        detail = "systemd does not run here, or its bus cannot be reached"
        remedy = "ask on the host itself, or look at what supervises the services here"
        raise CouldNotLook("systemctl", "denied" if "denied" in told.err else "missing", detail, remedy)
    units: dict[str, dict[str, str]] = {}
    for block in told.out.split("\n\n"):
        fields = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if fields.get("Id"):
            units[fields["Id"]] = fields
    if told.cut:
        reader.cut(f"state of systemd's units: {told.cut}", "systemctl show --all")
    if not units:
        raise CouldNotLook("systemctl", "failed", f"systemctl ended with {told.exit} and told of no unit", "systemctl status")
    return units, seen.evidence


def _states(shown: Mapping[str, Mapping[str, str]], window: Window) -> Iterator[Happening]:
    """What the present state of units says of their past: without a journal it is all there is."""
    for name, unit in shown.items():
        kind, at = "start", moment(unit.get("ActiveEnterTimestamp", ""))
        ended = moment(unit.get("InactiveEnterTimestamp", ""))
        if name.endswith((".timer", ".path", ".socket")):
            fired = moment(unit.get("LastTriggerUSec", ""))
            if fired and window.since <= fired <= window.until:
                for job in unit.get("Triggers", "").split()[:1]:
                    yield Happening(unit=job, kind="run", at=fired, stamp=unit["LastTriggerUSec"], why="timer")
            continue
        if silent(name):
            continue
        if unit.get("ActiveState") == "failed":
            kind, at = "fail", ended
        elif unit.get("ActiveState") == "inactive":
            kind, at = "stop", ended
            if unit.get("TriggeredBy") or unit.get("Type") == "oneshot":
                kind = "run"
        if at and window.since <= at <= window.until:
            why = unit.get("Result", "") if kind == "fail" else ""
            status = unit.get("ExecMainStatus", "") if why else ""
            yield Happening(unit=name, kind=kind, at=at, stamp=stamp(at), why=why, status=status)


def _heard(item: Happening, known: Mapping[str, Sequence[datetime]]) -> bool:
    return any(abs(heard - item.at) <= NEAR for heard in known.get(item.unit, ()))


def _change(item: Happening, shown: Mapping[str, Mapping[str, str]], evidence: Iterable[str]) -> Change:
    reloads = item.kind == "daemon-reload"
    triggered = shown.get(item.unit, {}).get("TriggeredBy", "").split()
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
        source="systemd", kind="run", classes=("runtime",), at=last.at, stamp=last.stamp, component=f"{len(names)} jobs",
        clues=tuple(f"unit:{name}" for name in names[:CLUES]),
        summary=Statement(
            text="{jobs} further jobs ran to their end, {count} times in all; the last of them {last}", values=values,
            evidence=tuple(evidence), quotes=(", ".join(names[:CLUES]) + (" …" if len(names) > CLUES else ""),), at=last.at,
        ),
    )  # fmt: skip


def _edits(reader: Reader, window: Window, shown: Mapping[str, Mapping[str, str]], evidence: str) -> Iterator[Change]:
    """Unit files, drop-ins and links of enabled units; with the remark where systemd has not read them yet."""
    vendor = next((folder for folder in VENDOR if _folder(reader, folder)), None)
    count = 0
    for edit in edits(reader, window, FOLDERS, depth=4):
        runtime = edit.kind == "remove" and edit.entry.path.startswith("/run/")  # systemd's own coming and going
        if not runtime and not edit.entry.path.startswith(ELSEWHERE):
            count += 1
            yield _edited(edit, shown, evidence)
    for edit in edits(reader, window, (vendor,) if vendor else (), depth=2):
        if edit.kind == "edit" and edit.entry.type == "file":
            count += 1
            yield _edited(edit, shown, evidence)
    if not count:
        reader.empty("systemd: no unit file was edited in the window")


def _folder(reader: Reader, path: str) -> bool:
    try:
        return reader.look(StatFile(path=path)).value.type == "folder"
    except CouldNotLook:  # missing, or said again by the look at the other one
        return False


def _edited(edit: Edit, shown: Mapping[str, Mapping[str, str]], evidence: str) -> Change:
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
    stale = shown.get(unit, {}).get("NeedDaemonReload") == "yes"
    return change_of(
        edit, "systemd", unit or edit.entry.path, ("configuration",), clues,
        add="; systemd has not read it yet: no daemon-reload since" if stale else "", evidence=(evidence,) if stale else (),
    )  # fmt: skip


def unit_of(path: str) -> str:
    """The unit that a unit file, a drop-in or a link of enabling belongs to; empty for other files."""
    parts = PurePosixPath(path)
    folder = parts.parent.name
    if folder.endswith(".d") and "." in folder.removesuffix(".d"):
        return folder.removesuffix(".d")
    return parts.name if parts.suffix[1:] in ("service", "timer", "socket", "path", "mount", "target") else ""
