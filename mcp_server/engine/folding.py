"""Many changes told as few: what two sources saw once, a row at one moment as one, what an installer wrote with its run."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from mcp_server.core.change import Change
from mcp_server.core.outcome import Statement, Value

BURST, BURST_GAP = 6, timedelta(seconds=5)
"""So many changes of one source and kind, no two further apart than this, are told as one."""
BY_COMMAND, APART = 3, 12
COMMAND_GAP = timedelta(seconds=120)
"""Changes made by one command belong together though it takes its time."""
BURST_CLUES, BURST_NAMES = 300, 12
CHECKOUT_BEFORE, CHECKOUT_AFTER = timedelta(seconds=60), timedelta(seconds=2)
"""A checkout writes its files shortly before git notes the commit; a later write is somebody else's."""
SAME_BOOT = timedelta(seconds=120)
"""The time of a boot is counted back from now by some, and a clock may have been set since."""
STARTING, STARTED = timedelta(seconds=2), timedelta(seconds=60)
"""A unit's process is forked shortly before the unit is said to be started, or a while after the stop of a restart."""
INSTALLERS = ("packages", "snaps")
RUN_GAP, RUN_BEFORE, RUN_AFTER = timedelta(seconds=60), timedelta(seconds=2), timedelta(seconds=30)
"""An installer unpacks first and notes it, then lets the packages configure themselves."""
_WRITTEN_BY_INSTALLERS = (
    "/etc/rc", "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/subuid", "/etc/subgid", "/etc/ld.so.cache",
    "/etc/alternatives/", "/etc/ssl/certs/", "/etc/ca-certificates", "/etc/mailcap", "/etc/shells", "/etc/fonts/",
)  # fmt: skip


def merge(changes: Iterable[Change]) -> list[Change]:
    """Without doubles: what two sources saw of one thing is told once, by the one that knows more, which then cites both.

    A file written by the checkout of a commit is that commit; one that a source of its own kind knows is that source's; a
    boot is one boot whoever saw it; a process that its unit started is that start, which then knows its port.
    """
    unique = {(item.source, item.kind, item.component, item.reference, item.at): item for item in changes}
    known = list(unique.values())
    by_clue: dict[str, list[int]] = {}
    boots: list[int] = []
    for index, change in enumerate(known):
        for clue in change.clues if change.source != "files" else ():
            if clue.startswith("path:") or (change.source == "systemd" and change.kind in ("start", "restart")):
                by_clue.setdefault(clue, []).append(index)
        if change.kind == "boot":
            boots.append(index)
    boots.sort(key=lambda index: (known[index].source == "processes", index))  # it knows the last one only, and nothing of it
    folded: set[int] = set()
    for index, change in enumerate(known):
        homes: Iterable[int] = by_clue.get(f"path:{change.component}", ()) if change.source == "files" else ()
        if change.kind == "boot":
            homes = boots[: boots.index(index)]
        elif change.source == "processes" and change.kind == "start":
            homes = [home for clue in change.clues if clue.startswith("unit:") for home in by_clue.get(clue, ())]
        for home in homes:
            if home not in folded and _same_thing(change, known[home]):
                summary = known[home].summary
                cited = tuple(dict.fromkeys((*summary.evidence, *change.summary.evidence)))
                update: dict[str, object] = {"summary": summary.model_copy(update={"evidence": cited})}
                if change.source == "processes":
                    # a file's clues are not taken over: it names every port it holds, a commit's lines those that changed
                    update["clues"] = tuple(dict.fromkeys((*known[home].clues, *change.clues)))[:BURST_CLUES]
                known[home] = known[home].model_copy(update=update)
                folded.add(index)
                break
    return [change for index, change in enumerate(known) if index not in folded]


def _same_thing(change: Change, other: Change) -> bool:
    if change.kind == "boot":
        return abs(other.at - change.at) <= SAME_BOOT
    if change.source == "processes":
        return other.kind in ("start", "restart") and -STARTING <= change.at - other.at <= STARTED
    if other.source == "git":
        return other.at - CHECKOUT_BEFORE <= change.at <= other.at + CHECKOUT_AFTER
    return other.at == change.at


def bursts(changes: Iterable[Change], telling: Iterable[str] = ()) -> list[Change]:
    """Long rows of changes of one kind at one moment (an upgrade of the host, a deployment by copy) told as one each.

    A few that share one of the `telling` clues (those of what is wrong) stay by themselves: the row would hide them.
    """
    ordered = sorted(changes, key=lambda item: item.at)
    wanted = frozenset(telling)
    apart = [change for change in ordered if wanted.intersection(change.clues)] if wanted else []
    if apart and len(apart) <= APART:
        alone = {id(change) for change in apart}
        return [*apart, *bursts(change for change in ordered if id(change) not in alone)]
    rows: dict[tuple[str, str, str], list[list[Change]]] = {}
    rest, written = _by_installers(ordered)
    for change in rest:
        command = str(change.summary.values.get("command", "")) if change.source in INSTALLERS else ""
        row = rows.setdefault((change.source, change.kind, command), [])
        gap = COMMAND_GAP if command else BURST_GAP
        if row and change.source != "git" and change.at - row[-1][-1].at <= gap:
            row[-1].append(change)
        else:
            row.append([change])
    told: list[Change] = []
    for (_, _, command), groups in rows.items():
        for members in groups:
            told += members if len(members) < (BY_COMMAND if command else BURST) else [_burst(members)]
    return [*told, *(_burst(members, by_installer=True) for members in written)]


def _by_installers(changes: Sequence[Change]) -> tuple[list[Change], list[list[Change]]]:
    """Changes, and apart from them, by run of an installer, what installers write: links, accounts, files moved in place."""
    runs: list[tuple[datetime, datetime]] = []
    for change in changes:
        if change.source in INSTALLERS:
            begin, end = change.at - RUN_BEFORE, change.at + RUN_AFTER
            if runs and begin - RUN_BEFORE <= runs[-1][1] + RUN_GAP - RUN_AFTER:
                runs[-1] = runs[-1][0], end
            else:
                runs.append((begin, end))
    written: list[list[Change]] = [[] for _ in runs]
    place = {
        id(change): index for change in changes if _installers_kind(change)
        for index, (begin, end) in enumerate(runs) if begin <= change.at <= end
    }  # fmt: skip
    for change in changes:
        if id(change) in place:
            written[place[id(change)]].append(change)
    small = {id(change) for members in written if len(members) < BURST for change in members}
    rest = [change for change in changes if id(change) not in place or id(change) in small]
    return rest, [members for members in written if len(members) >= BURST]


def _installers_kind(change: Change) -> bool:
    if change.source in (*INSTALLERS, "git", "processes") or not any(clue.startswith("path:") for clue in change.clues):
        return False
    if change.kind in ("attributes", "enable", "link") or "points_to" in change.summary.values:
        return True
    return change.kind == "edit" and change.component.startswith(_WRITTEN_BY_INSTALLERS)


def _burst(members: Sequence[Change], *, by_installer: bool = False) -> Change:
    first, last = members[0], members[-1]
    span_ms = int((last.at - first.at).total_seconds() * 1000)
    clues = tuple(dict.fromkeys(clue for change in members for clue in change.clues))
    commands = {change.summary.values.get("command") for change in members}
    values: dict[str, Value] = {
        "count": len(members), "kind": first.kind, "seconds": span_ms / 1000, "source": first.source,
        "first": first.component, "last": last.component,
    }  # fmt: skip
    text = "{count} changes of kind {kind} within {seconds} s, seen by {source}"
    if by_installer:
        text = "{count} files, links and accounts changed within {seconds} s while packages were installed, as installers do"
    if len(commands) == 1 and None not in commands:
        text, values["command"] = text + " by {command}", commands.pop()
    names = list(dict.fromkeys(change.component for change in members))
    further = f" … and {len(names) - BURST_NAMES} more" if len(names) > BURST_NAMES else ""
    summary = Statement(
        text=text + "; the first is {first}, the last {last}", values=values,
        evidence=tuple(dict.fromkeys(name for change in members for name in change.summary.evidence))[:12],
        quotes=(", ".join(names[:BURST_NAMES]) + further,), at=first.at,
    )  # fmt: skip
    return first.model_copy(
        update={
            "doubt_ms": span_ms + max(change.doubt_ms for change in members), "clues": clues[:BURST_CLUES],
            "classes": tuple(dict.fromkeys(kind for change in members for kind in change.classes)), "reference": "",
            "component": f"{len(members)} × {first.source}", "summary": summary,
        } | ({"kind": "attributes"} if by_installer else {})
    )  # fmt: skip
