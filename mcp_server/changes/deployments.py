"""Which deployments left their mark: REVISION files and the like, and a `current` link that points to another release?"""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mcp_server.core.calls import FileStat, ListFolder, StatFile
from mcp_server.core.change import Change, Window
from mcp_server.core.clock import stamp
from mcp_server.core.declare import ChangeSource, Scope
from mcp_server.core.errors import CouldNotLook, NotApplicable
from mcp_server.core.outcome import Statement, Value
from mcp_server.core.reader import Reader
from mcp_server.logs.newest import newest_lines

CHANGE_SOURCE = ChangeSource(question="Which deployments left a mark: a REVISION file, or a `current` link to another release?")

MARKERS = (
    "REVISION", ".revision", ".deploy", ".deployed", ".deployment", "DEPLOYED", "VERSION", "version.txt", "BUILD", "build.txt",
    "build-info.txt",
)  # fmt: skip
MARKER_BYTES, SHOWN = 4_096, 200
TOGETHER = timedelta(minutes=5)
"""What is written so shortly before or after the link was set belongs to that deployment."""
_RELEASE = re.compile(r"(?:19|20)\d{12}")
_LOGGED = re.compile(r"Branch (\S{1,200}) \(at (\S{1,64})\) deployed as release (\d{14})\b.*")


@dataclass(frozen=True)
class Mark:
    """One mark: what was written, when, and its first line."""

    path: str
    at: datetime
    text: str
    evidence: str


def collect(reader: Reader, window: Window, scope: Scope) -> Iterator[Change]:
    """Deployments of every folder of the service, each root once."""
    if not scope.folders:
        raise NotApplicable("no folder was named", "name the application's folder with folders=…")
    for root in dict.fromkeys(map(_root, scope.folders)):
        with reader.part(f"marks of deployments in {root}"):
            switch = _link(reader, f"{root}/current", window)
            marks = list(_marks(reader, root, window))
            if switch is not None:
                link, evidence = switch
                marks += _marks(reader, f"{root}/current", window)
                yield _switched(reader, root, link, evidence, marks)
                marks = [mark for mark in marks if abs(mark.at - link.modified) > TOGETHER]
            yield from (_marked(root, mark) for mark in marks)
            logged = list(_logged(reader, root, window, switch[0] if switch else None))
            yield from logged
            if not (switch or marks or logged):
                reader.empty(f"deployments: nothing in {root} marks one in the window")


def _root(folder: str) -> str:
    """Where a deployment keeps its `current` link: above the folder when that is the link or a release."""
    above, name = posixpath.split(folder.rstrip("/"))
    if name == "current":
        return above or "/"
    if posixpath.basename(above) == "releases":
        return posixpath.dirname(above) or "/"
    return folder.rstrip("/") or "/"


def _link(reader: Reader, path: str, window: Window) -> tuple[FileStat, str] | None:
    """The link, when it was set in the window."""
    try:
        seen = reader.look(StatFile(path=path))
    except CouldNotLook as failure:
        if failure.reason == "missing":
            return None
        raise
    moment = seen.value.modified
    return (seen.value, seen.evidence) if seen.value.type == "link" and window.since <= moment <= window.until else None


def _marks(reader: Reader, folder: str, window: Window) -> Iterator[Mark]:
    try:
        seen = reader.look(ListFolder(path=folder, modified_after=window.since)).value
    except CouldNotLook as failure:
        if failure.reason in ("missing", "damaged") and folder.endswith("/current"):  # a link that leads nowhere
            return
        if failure.reason == "damaged":  # the declared folder is a file: nothing is deployed into it
            return
        raise
    for entry in seen.entries:
        if (
            posixpath.basename(entry.path) in MARKERS
            and entry.type == "file"
            and window.since <= entry.modified <= window.until
        ):
            with reader.part(f"mark {entry.path}"):
                text = reader.file(entry.path, length=MARKER_BYTES)
                first = "" if text.value.binary else next((line for line in text.value.text.splitlines() if line.strip()), "")
                yield Mark(entry.path, entry.modified, first.strip()[:SHOWN], text.evidence)


def _switched(reader: Reader, root: str, link: FileStat, evidence: str, marks: list[Mark]) -> Change:
    release = posixpath.basename((link.link or "?").rstrip("/"))
    near = [mark for mark in marks if abs(mark.at - link.modified) <= TOGETHER]
    revision = next((mark.text for mark in near if mark.text), "")
    newer = _newer(reader, root, release)
    kind, text = "deploy", "{root}/current was set to release {release}"
    if newer:
        kind, text = "rollback", "{root}/current was set back to release {release}, although release {newer} is there"
    text += " (revision {revision})" if revision else ""
    values: dict[str, Value] = {"root": root, "release": release, "newer": newer, "revision": revision}
    clues = (f"path:{root}", f"path:{link.path}", *(f"path:{mark.path}" for mark in near))
    return Change(
        source="deployments", kind=kind, classes=("code",), at=link.modified, doubt_ms=1_000, stamp=stamp(link.modified),
        component=root, reference=release, clues=tuple(dict.fromkeys(clues)),
        summary=Statement(
            text=text, values=values, evidence=(evidence, *(mark.evidence for mark in near))[:12], at=link.modified
        ),
    )  # fmt: skip


def _newer(reader: Reader, root: str, release: str) -> str:
    """A release whose stamp is later than that of the one now current; empty where none is or names are no stamps."""
    if not _RELEASE.fullmatch(release):
        return ""
    with reader.part(f"releases below {root}"):
        try:
            seen = reader.look(ListFolder(path=f"{root}/releases")).value
        except CouldNotLook as failure:
            if failure.reason == "missing":
                return ""
            raise
        names = [posixpath.basename(entry.path) for entry in seen.entries if entry.type == "folder"]
        return max((name for name in names if _RELEASE.fullmatch(name) and name > release), default="")
    return ""


def _marked(root: str, mark: Mark) -> Change:
    text = "{path} was written" + (": {text}" if mark.text else "")
    return Change(
        source="deployments", kind="deploy", classes=("code",), at=mark.at, doubt_ms=1_000, stamp=stamp(mark.at),
        component=root, reference=mark.text[:64], clues=(f"path:{root}", f"path:{mark.path}"),
        summary=Statement(text=text, values={"path": mark.path, "text": mark.text}, evidence=(mark.evidence,), at=mark.at),
    )  # fmt: skip


def _logged(reader: Reader, root: str, window: Window, link: FileStat | None) -> Iterator[Change]:
    """Earlier deployments of the window, from Capistrano's own log; who did them is left out: reports are blameless."""
    path = f"{root}/revisions.log"
    with reader.part(f"log of deployments {path}"):
        try:
            newest = newest_lines(
                reader, path, lambda lines: any((at := _stamped(line)) and at < window.since for line in lines)
            )
        except CouldNotLook as failure:
            if failure.reason in ("missing", "damaged"):
                return
            raise
        for line, evidence in newest.lines:
            match, at = _LOGGED.fullmatch(line), _stamped(line)
            if match is None or at is None or not window.since <= at <= window.until:
                continue
            branch, revision, release = match.groups()
            if link is not None and posixpath.basename(link.link or "") == release:
                continue  # told by the link, with the moment at which it took effect
            text = "release {release} of {root} was deployed (branch {branch}, revision {revision})"
            yield Change(
                source="deployments", kind="deploy", classes=("code",), at=at,
                doubt_ms=int(TOGETHER.total_seconds() * 1000), stamp=release, component=root, reference=release,
                clues=(f"path:{root}",),
                summary=Statement(
                    text=text, values={"root": root, "release": release, "branch": branch, "revision": revision},
                    evidence=(evidence,), at=at,
                ),
            )  # fmt: skip


def _stamped(line: str) -> datetime | None:
    """When the release of this line was made: its name is the moment, in UTC. (A line about a rollback tells no moment.)"""
    match = _LOGGED.fullmatch(line)
    try:
        return datetime.strptime(match[3], "%Y%m%d%H%M%S").replace(tzinfo=UTC) if match else None
    except ValueError:
        return None
