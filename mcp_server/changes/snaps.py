"""Which snaps were installed, refreshed, reverted or removed?"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from mcp_server.core.calls import FileStat, ListFolder, StatFile
from mcp_server.core.change import Change, Window
from mcp_server.core.clock import parse_moment, stamp
from mcp_server.core.declare import ChangeSource, Scope
from mcp_server.core.errors import CouldNotLook, NotApplicable
from mcp_server.core.outcome import Statement, Value
from mcp_server.core.reader import Reader

CHANGE_SOURCE = ChangeSource(
    question="Which snaps were installed, refreshed, reverted or removed?", commands=("snap",), optional=("snap",)
)

STATE, MOUNTS = "/var/lib/snapd", ("/snap", "/var/lib/snapd/snap")
TOGETHER = timedelta(minutes=5)
"""A revision becomes the current one while the change that brought it is under way."""
REMEMBERED = timedelta(hours=24)
"""snapd forgets changes that ended longer ago than this; only the links then still tell."""
_CHANGE = re.compile(r"\s*(\d{1,12})\s+([A-Z][a-z]+)\s+(\S+)\s+(\S+)\s+(\S.*)")
_KINDS = {
    "Install": "install", "Refresh": "upgrade", "Auto-refresh": "upgrade", "Remove": "remove", "Revert": "downgrade",
    "Disable": "remove", "Enable": "install", "Update": "upgrade",
}  # fmt: skip
_NAME = re.compile(r"\"([a-z0-9][a-z0-9_-]{0,60})\"")


def collect(reader: Reader, window: Window, scope: Scope) -> Iterator[Change]:
    """What snapd remembers, and every snap whose current revision was set in the window."""
    try:
        reader.look(StatFile(path=STATE))
    except CouldNotLook as failure:
        if failure.reason == "missing":
            raise NotApplicable("snapd is not here") from None
        raise
    told: list[Change] = []
    with reader.part("changes that snapd remembers"):
        told = list(_remembered(reader, window))
        yield from told
    with reader.part("current revisions of snaps"):
        for folder in MOUNTS:
            yield from _links(reader, window, folder, told)
    if window.since < reader.now - REMEMBERED:
        reader.cut("removals of snaps", "snapd forgets its changes after a day: journalctl -u snapd has more")


def _remembered(reader: Reader, window: Window) -> Iterator[Change]:
    seen = reader.run(("snap", "changes", "--abs-time"))
    if seen.value.exit:
        if "no changes" in seen.value.err:
            reader.empty("snaps: snapd remembers no change")
            return
        raise CouldNotLook("snap changes", "failed", "snapd does not answer", "systemctl status snapd")
    found = False
    for line in seen.value.out.splitlines():
        match = _CHANGE.fullmatch(line)
        if match is None:
            if line.strip() and not line.startswith("ID "):
                reader.blind("a line of snap changes", "damaged: not as snapd writes it", "snap changes --abs-time")
            continue
        spawned, ready = _moment(match[3]), _moment(match[4])
        if spawned is None:
            reader.blind(f"snap change {match[1]}", "damaged: its time cannot be read", f"snap change {match[1]}")
            continue
        at = ready or spawned
        if at >= window.since and spawned <= window.until:
            found = True
            yield _change(match, spawned, at, ready is not None, reader.now, seen.evidence)
    if not found:
        reader.empty("snaps: snapd remembers no change in the window")


def _moment(text: str) -> datetime | None:
    try:
        return parse_moment(text) if "T" in text else None
    except ValueError:
        return None


def _change(
    match: re.Match[str], spawned: datetime, at: datetime, ended: bool, present: datetime, evidence: str
) -> Change:  # fmt: skip
    number, status, _, _, what = match.groups()
    names = tuple(dict.fromkeys(_NAME.findall(what)))
    values: dict[str, Value] = {"number": number, "status": status, "what": what[:300]}
    doubt = (at if ended else present) - spawned
    return Change(
        source="snaps", kind=_KINDS.get(what.split()[0], "edit"), classes=("dependency",), at=at if ended else spawned,
        doubt_ms=1_000 + max(0, int(doubt.total_seconds() * 1000)), stamp=match[4] if ended else match[3],
        component=names[0] if names else "snapd", reference=number, clues=tuple(f"package:{name}" for name in names),
        summary=Statement(
            text="snap change {number} ({status}): {what}", values=values, evidence=(evidence,), at=at if ended else spawned
        ),
    )  # fmt: skip


def _links(reader: Reader, window: Window, folder: str, told: list[Change]) -> Iterator[Change]:
    """`/snap/NAME/current` → revision: pointing it elsewhere is what a refresh does."""
    try:
        seen = reader.look(ListFolder(path=folder, pattern="current", depth=2, modified_after=window.since))
    except CouldNotLook as failure:
        if failure.reason == "missing":  # each distribution has one of the two
            return
        raise
    for entry in seen.value.entries:
        name = entry.path.split("/")[-2]
        if entry.type != "link" or not window.since <= entry.modified <= window.until or _known(name, entry, told):
            continue
        values: dict[str, Value] = {"snap": name, "revision": entry.link or "?"}
        yield Change(
            source="snaps", kind="upgrade", classes=("dependency",), at=entry.modified, doubt_ms=1_000,
            stamp=stamp(entry.modified), component=name, reference=entry.link or "", clues=(f"package:{name}",),
            summary=Statement(
                text="snap {snap} went to revision {revision}", values=values, evidence=(seen.evidence,), at=entry.modified
            ),
        )  # fmt: skip


def _known(name: str, entry: FileStat, told: list[Change]) -> bool:
    return any(f"package:{name}" in change.clues and abs(change.at - entry.modified) <= TOGETHER for change in told)
