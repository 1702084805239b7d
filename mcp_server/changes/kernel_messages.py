"""What did the kernel complain of: processes killed for memory, errors of disks and filesystems, hung tasks, warnings?"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from mcp_server.core.change import Change, ChangeClass, Window
from mcp_server.core.declare import ChangeSource, Scope
from mcp_server.core.journal import Journal
from mcp_server.core.journal_calls import JournalEntry
from mcp_server.core.outcome import Statement, Value
from mcp_server.core.reader import Reader
from mcp_server.core.recurring import Occurrence, folded, nearest, one

CHANGE_SOURCE = ChangeSource(
    question="What did the kernel complain of: processes killed for memory, errors of disks, hung tasks, warnings, crashes?"
)

_UNIT_OOM, _OOMD, _CORE = (
    "fe6faa94e7774663a0da52717891d8ef",
    "d989611b15e44c9dbf31e3c81256e4ed",
    "fc2e22bc6ee647b6b90729ab34a250b1",
)
MATCHES = (
    ("_TRANSPORT=kernel", *(f"PRIORITY={level}" for level in range(5))),
    ("_UID=0", f"MESSAGE_ID={_UNIT_OOM}", f"MESSAGE_ID={_OOMD}", f"MESSAGE_ID={_CORE}"),
)
FIELDS = (
    "MESSAGE", "MESSAGE_ID", "PRIORITY", "UNIT", "COREDUMP_UNIT", "COREDUMP_EXE", "COREDUMP_SIGNAL_NAME", "COREDUMP_PID",
    "_TRANSPORT",
)  # fmt: skip
_KILLED = re.compile(
    r"(?P<where>Memory cgroup out of memory|Out of memory): Killed process (?P<pid>\d+) \((?P<name>[^)]{1,64})\)"
)
_GROUP = re.compile(r"oom-kill:.*?task_memcg=(?P<group>[^,]*).*?,pid=(?P<pid>\d+)")
_NO_FIREWALL = r"^(?!.* OUT=.* SRC=)"
"""The firewall logs packets with the weight of warnings, thousands of them: they are no change."""
_DEVICE = re.compile(r"(?:EXT4-fs|XFS|BTRFS)\b[^(]{0,40}\((?:device )?(?P<fs>[\w-]+)\)|\bdev (?P<dev>[\w-]+),")
_TROUBLE = re.compile(
    r"I/O error|EXT4-fs error|XFS .{0,40}(?:corruption|shutting down)|BTRFS.{0,20}error|[Rr]emounting filesystem read-only"
    r"|blocked for more than|soft lockup|hard LOCKUP|rcu_\w+.{0,40}stall|Hardware Error|Machine check|BUG:|Oops"
    r"|nf_conntrack: .*table full|page allocation failure|neighbour: .*overflow|TCP: .*out of memory|temperature above"
)
_DETAILS = re.compile(
    r"\s|\?|Call Trace|Code: |R[IS]P: |R[A-D]X: |RBP: |R\d\d: |[CFG]S: |CR\d: |---\[|CPU: \d|Hardware name|Modules linked"
    r"|Workqueue: |Tainted: |Mem-Info|.*invoked oom-killer|active_anon|Node \d|lowmem_reserve|\w+ free:|\d+ (?:total )?page"
    r"|Tasks state|\[ *pid *\]|\[ *\d+\]|Swap cache|Free swap|Total swap|memory: usage|swap: usage|Memory cgroup stats"
)
"""What the kernel prints below a complaint: registers, stacks, the state of memory."""
_NUMBERS = re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{8,}\b|\d+")
BOOTING = 60
"""Seconds in which a kernel that starts grumbles at its hardware."""
SHAPES = 12
TOGETHER = timedelta(seconds=5)


def collect(reader: Reader, window: Window, scope: Scope) -> Iterator[Change]:
    """Kills and crashes by process; everything else by its shape, the nearest to the onset one by one."""
    with reader.part("journal"):
        journal = Journal(reader, window, scope.journal)
        seen = journal.entries(MATCHES, fields=FIELDS, what="messages of the kernel", grep=_NO_FIREWALL)
        kills = [(entry, match) for entry in seen.value.entries if (match := _KILLED.search(entry.get("MESSAGE")))]
        groups: Mapping[str, str] = {}
        if kills:
            with reader.part("control groups of processes killed for memory"):
                span = Window(since=kills[0][0].at - TOGETHER, until=kills[-1][0].at + TOGETHER)
                groups = _groups(journal, span)
        yield from _kills(kills, groups, scope, seen.evidence)
        yield from _units(seen.value.entries, [entry for entry, _ in kills], scope, seen.evidence)
        yield from _warnings(seen.value.entries, scope, seen.evidence)
        if not seen.value.entries:
            reader.empty("kernel: nothing of warning weight in the journal, no crash, nothing killed for memory")


def _groups(journal: Journal, span: Window) -> dict[str, str]:
    """The unit of each process killed: the kernel names its group in a line of lesser weight."""
    seen = journal.entries(
        (("_TRANSPORT=kernel", "PRIORITY=6"),),
        fields=("MESSAGE",),
        what="control groups",
        grep="^oom-kill:",
        limit=500,
        window=span,
    )
    found = {}
    for entry in seen.value.entries:
        if match := _GROUP.search(entry.get("MESSAGE")):
            found[match["pid"]] = match["group"].rstrip("/").rpartition("/")[2]
    return found


def _kills(
    kills: Sequence[tuple[JournalEntry, re.Match[str]]], groups: Mapping[str, str], scope: Scope, evidence: str
) -> Iterator[Change]:  # fmt: skip
    rows: dict[str, list[Occurrence[re.Match[str]]]] = {}
    for entry, match in kills:
        rows.setdefault(match["name"], []).append(Occurrence(at=entry.at, stamp=entry.stamp, what=match))
    for name, row in rows.items():
        for item in folded(row, scope.onset):
            of_row = [item] if item.count == 1 else row
            units = {unit for kill in of_row if (unit := groups.get(kill.what["pid"], "")).endswith((".service", ".scope"))}
            text = "the kernel killed {name} (process {pid}) because memory ran out"
            if item.what["where"].startswith("Memory cgroup"):
                text = "the kernel killed {name} (process {pid}) because its control group had reached its memory limit"
            text, more = item.again(text)
            values: dict[str, Value] = {"name": name, "pid": int(item.what["pid"]), **more}
            if units:
                text, values = text + "; it belonged to {units}", values | {"units": ", ".join(sorted(units)[:5])}
            clues = [f"unit:{unit}" for unit in sorted(units)] + [f"pid:{kill.what['pid']}" for kill in of_row[-20:]]
            yield _change("oom", ("infrastructure",), item, name, clues, text, values, evidence)


def _units(
    entries: Sequence[JournalEntry], killed: Sequence[JournalEntry], scope: Scope, evidence: str
) -> Iterator[Change]:  # fmt: skip
    """Units hit by a kill that the kernel's own lines did not tell of, and crashes that left a core dump."""
    rows: dict[tuple[str, str, str, str], list[Occurrence[JournalEntry]]] = {}
    for entry in entries:
        kind, unit = entry.get("MESSAGE_ID"), entry.get("UNIT") or entry.get("COREDUMP_UNIT")
        item = Occurrence(at=entry.at, stamp=entry.stamp, what=entry)
        if kind == _CORE:
            program = entry.get("COREDUMP_EXE")
            rows.setdefault(("crash", program, entry.get("COREDUMP_SIGNAL_NAME"), unit), []).append(item)
        elif kind in (_UNIT_OOM, _OOMD) and not any(abs(other.at - entry.at) <= TOGETHER for other in killed):
            rows.setdefault(("oom", unit, "", unit), []).append(item)
    for (kind, name, signal, unit), row in rows.items():
        for item in folded(row, scope.onset):
            text = (
                "{name} crashed ({signal}) and left a core dump"
                if kind == "crash"
                else "processes of {name} were killed for memory"
            )
            text, more = item.again(text)
            values: dict[str, Value] = {"name": name, **({"signal": signal} if kind == "crash" else {}), **more}
            clues = [f"unit:{unit}"] if unit else []
            clues += [f"path:{name}"] if name.startswith("/") else []
            classes: tuple[ChangeClass, ...] = ("runtime",) if kind == "crash" else ("infrastructure",)
            # a crash is what is to be explained
            yield _change("fail" if kind == "crash" else kind, classes, item, name, clues, text, values, evidence)


def _warnings(entries: Sequence[JournalEntry], scope: Scope, evidence: str) -> Iterator[Change]:
    rows: dict[str, list[Occurrence[JournalEntry]]] = {}
    booting: list[Occurrence[JournalEntry]] = []
    for entry in entries:
        said = entry.get("MESSAGE")
        if entry.get("_TRANSPORT") != "kernel" or _KILLED.search(said):
            continue
        item = Occurrence(at=entry.at, stamp=entry.stamp, what=entry)
        trouble = _TROUBLE.search(said)
        if _DETAILS.match(said) and not trouble:
            continue
        elif entry.uptime_s < BOOTING and not trouble:
            booting.append(item)
        else:
            rows.setdefault(_NUMBERS.sub("#", said)[:100], []).append(item)
    shapes = [one(row, scope.onset) for row in rows.values()]
    troubles = [item for item in shapes if _TROUBLE.search(item.what.get("MESSAGE"))]
    others = [item for item in shapes if not _TROUBLE.search(item.what.get("MESSAGE"))]
    near, rest = nearest(troubles, scope.onset, SHAPES)
    more, rest_of_others = nearest(others, scope.onset, SHAPES - min(len(near), SHAPES // 2))
    for item in (*near, *more):
        yield _warning(item, evidence)
    told = "the kernel gave {count} warnings while it started", "the kernel gave {count} further warnings"
    for row, text in zip((booting, [*rest, *rest_of_others]), told, strict=True):
        if row:
            row.sort(key=lambda item: item.at)
            yield _change(
                "warning", ("other",), one(row, scope.onset), "kernel", (), text, {"count": sum(item.count for item in row)},
                evidence, tuple(dict.fromkeys(item.what.get("MESSAGE")[:200] for item in row[:5])),
            )  # fmt: skip


def _warning(item: Occurrence[JournalEntry], evidence: str) -> Change:
    said = item.what.get("MESSAGE")
    trouble, device = _TROUBLE.search(said), _DEVICE.search(said)
    text, more = item.again("the kernel reported: {said}" if trouble else "the kernel warned: {said}")
    name = (device["fs"] or device["dev"]) if device else ""
    return _change(
        "trouble" if trouble else "warning", ("infrastructure",) if trouble else ("other",), item, name or "kernel",
        (f"path:/dev/{name}",) if name else (), text, {"said": said[:300], **more}, evidence,
    )  # fmt: skip


def _change(
    kind: str, classes: tuple[ChangeClass, ...], item: Occurrence[object], component: str, clues: Sequence[str], text: str,
    values: Mapping[str, Value], evidence: str, quotes: tuple[str, ...] = (),
) -> Change:  # fmt: skip
    return Change(
        source="kernel_messages", kind=kind, classes=classes, at=item.at, stamp=item.stamp, component=component,
        clues=tuple(dict.fromkeys(clues)),
        summary=Statement(text=text, values=dict(values), evidence=(evidence,), quotes=quotes, at=item.at),
    )  # fmt: skip
