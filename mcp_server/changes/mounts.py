"""What was mounted or unmounted, was fstab edited, and is what is mounted what fstab says?"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from mcp_server.core.calls import ReadHost
from mcp_server.core.change import Change, Window
from mcp_server.core.clock import stamp
from mcp_server.core.declare import ChangeSource, Scope
from mcp_server.core.edits import change_of, edits, since_boot
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.outcome import Statement, Value
from mcp_server.core.reader import Reader
from mcp_server.core.systemd import moment

CHANGE_SOURCE = ChangeSource(
    question="What was mounted or unmounted, was fstab edited, and is what is mounted what fstab says?", commands=("systemctl",)
)

FSTAB, MOUNTED = "/etc/fstab", "/proc/self/mountinfo"
_OCTAL = re.compile(r"\\([0-7]{3})")
_STORES = frozenset(
    ("ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "vfat", "exfat", "ntfs", "ntfs3", "iso9660", "nfs", "nfs4",
     "cifs", "smb3", "ceph", "glusterfs", "fuse.sshfs", "fuse.s3fs", "9p", "virtiofs", "bcachefs")
)  # fmt: skip
"""Kinds that hold data of somebody; tmpfs, overlay, proc and their like come and go with programs."""
_PROGRAMS = (
    "/var/lib/docker/",
    "/var/lib/containers/",
    "/var/lib/kubelet/",
    "/run/",
    "/snap/",
    "/var/snap/",
    "/proc",
    "/sys",
    "/dev",
)
_PROPERTIES = "Id,Where,ActiveState,ActiveEnterTimestamp,InactiveEnterTimestamp"
SHOWN = 20


class Mount(NamedTuple):
    """One line of fstab or of what is mounted."""

    device: str
    where: str
    type: str
    options: tuple[str, ...]
    part: bool = False
    """A folder of a filesystem, mounted a second time, and no filesystem of its own."""


def collect(reader: Reader, window: Window, scope: Scope) -> Iterator[Change]:
    """Edits of fstab; differences between it and what is mounted, with the time where systemd knows it."""
    for edit in edits(reader, window, (FSTAB,)):
        yield change_of(edit, "mounts", FSTAB, ("configuration", "infrastructure"))
    with reader.part("what is mounted, against fstab"):
        seen = reader.file(MOUNTED, length=1_048_576)
        mounted = mounts_of(seen.value.text)
        wanted, evidence = _wanted(reader)
        times = _times(reader)
        evidence = (seen.evidence, *evidence)
        found = list(_differences(wanted, mounted, times, window))
        for kind, mount, text, values, known in found[:SHOWN]:
            if known is not None and window.since <= known <= window.until:
                yield _change(kind, mount, text, values, known, 0, evidence)
        unknown = [item for item in found[:SHOWN] if item[4] is None]
        if unknown:
            booted = reader.look(ReadHost(sample_s=0)).value.booted
            at, doubt_ms = since_boot(reader.now, booted, window)
            for kind, mount, text, values, _ in unknown:
                yield _change(kind, mount, text, values, at, doubt_ms, evidence)
        if len(found) > SHOWN:
            reader.cut(f"mounts: {len(found) - SHOWN} further ones are not as fstab says", "findmnt --verify")
        if not found:
            reader.empty("mounts: what is mounted is what fstab says")


def _wanted(reader: Reader) -> tuple[list[Mount], tuple[str, ...]]:
    try:
        seen = reader.file(FSTAB)
    except CouldNotLook as failure:
        if failure.reason != "missing":
            raise
        return [], ()
    lines = [line.split() for line in seen.value.text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if short := sum(len(line) < 3 for line in lines):
        reader.blind(f"{short} of {len(lines)} lines of {FSTAB}", "damaged: fewer than three fields", "findmnt --verify")
    return [
        Mount(line[0], plain(line[1]).rstrip("/") or "/", line[2], tuple((line[3] if len(line) > 3 else "defaults").split(",")))
        for line in lines if len(line) >= 3
    ], (seen.evidence,)  # fmt: skip


def mounts_of(text: str) -> list[Mount]:
    """What mountinfo says is mounted; a later line hides an earlier one at the same place."""
    found: dict[str, Mount] = {}
    for line in text.splitlines():
        own, _, rest = line.partition(" - ")
        fields, more = own.split(" "), rest.split(" ")
        if len(fields) >= 6 and len(more) >= 3:
            options = tuple(dict.fromkeys((*fields[5].split(","), *more[2].split(","))))
            found[plain(fields[4])] = Mount(plain(more[1]), plain(fields[4]), more[0], options, fields[3] != "/")
    return list(found.values())


def plain(text: str) -> str:
    """A name as fstab and mountinfo write it: blanks and backslashes in octal."""
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), text)


def _times(reader: Reader) -> Mapping[str, tuple[str, datetime | None, datetime | None]]:
    """State and times of mounts as systemd knows them, also of those made by hand; empty where it does not run."""
    try:
        seen = reader.run(("systemctl", "show", "--all", f"--property={_PROPERTIES}", "--timestamp=us+utc", "*.mount"))
    except CouldNotLook as failure:
        if failure.reason != "missing":
            raise
        return {}
    found = {}
    for block in seen.value.out.split("\n\n"):
        told = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if told.get("Where"):
            entered, left = moment(told.get("ActiveEnterTimestamp", "")), moment(told.get("InactiveEnterTimestamp", ""))
            found[told["Where"]] = (told.get("ActiveState", ""), entered, left)
    return found


Difference = tuple[str, Mount, str, dict[str, Value], datetime | None]


def _differences(
    wanted: Sequence[Mount], mounted: Sequence[Mount],
    times: Mapping[str, tuple[str, datetime | None, datetime | None]], window: Window,
) -> Iterator[Difference]:  # fmt: skip
    """(kind, mount, sentence, values, when where that is known)."""
    now = {mount.where: mount for mount in mounted}
    for wish in wanted:
        there = now.get(wish.where)
        if wish.type in ("swap", "none") or wish.where in ("none", "swap"):
            continue
        state, entered, left = times.get(wish.where, ("", None, None))
        values: dict[str, Value] = {"where": wish.where, "device": wish.device, "type": wish.type}
        if there is None:
            if "noauto" not in wish.options and "x-systemd.automount" not in wish.options:
                yield "unmounted", wish, "{where} ({device}, {type}) stands in fstab and is not mounted", values, left
        elif "ro" in there.options and "ro" not in wish.options:
            text = (
                "{where} ({device}, {type}) is mounted read-only, and fstab does not say so: the kernel does that after errors"
            )
            yield "read-only", there, text, values, None
        elif there.type == wish.type and (other := _unlike(wish, there)):
            text = "{where} is mounted with other options than fstab says: {options} missing"
            yield "options", there, text, {**values, "options": ", ".join(other)}, None
        elif entered and window.since <= entered <= window.until and state == "active":
            yield "mount", there, "{where} ({device}, {type}) was mounted", values, entered
    known = {wish.where for wish in wanted}
    for mount in mounted if wanted or times else ():  # a host without fstab and systemd is a container: others mount for it
        ours = mount.where not in known and mount.where != "/" and mount.type in _STORES and not mount.part
        if ours and not mount.where.startswith(_PROGRAMS):
            entered = times.get(mount.where, ("", None, None))[1]
            values = {"where": mount.where, "device": mount.device, "type": mount.type}
            text = "{where} ({device}, {type}) is mounted and does not stand in fstab: by hand or by a program"
            yield "mount", mount, text, values, entered


def _unlike(wish: Mount, there: Mount) -> list[str]:
    """Options that change what can be done on it, wished for and not there."""
    telling = {"noexec", "nosuid", "nodev", "noatime", "sync", "usrquota", "grpquota", "prjquota", "hard", "soft"}
    return sorted(option for option in wish.options if option in telling and option not in there.options)


def _change(
    kind: str, mount: Mount, text: str, values: dict[str, Value], at: datetime, doubt_ms: int, evidence: tuple[str, ...]
) -> Change:  # fmt: skip
    clues = [f"filesystem:{mount.where}", f"path:{mount.where}"]
    clues += [f"path:{mount.device}"] if mount.device.startswith("/dev/") else []
    if doubt_ms:
        text += "; since when is not known"
    return Change(
        source="mounts", kind=kind, classes=("infrastructure",), at=at, doubt_ms=doubt_ms, stamp=stamp(at),
        component=mount.where, clues=tuple(clues), summary=Statement(text=text, values=values, evidence=evidence, at=at),
    )  # fmt: skip
