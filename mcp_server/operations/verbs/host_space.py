"""Clear a named consumer of disk space: rotated log files of one folder, or the package manager's downloaded archives.

Understand before removing: usage (who has them open), history (how old, how large), dependencies (which rotation makes
them) are found out first and stand in the plan. Files that somebody has open are left alone.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Literal

from pydantic import Field, JsonValue

from mcp_server.core.calls import FileStat, ListFolder
from mcp_server.core.clock import stamp
from mcp_server.core.errors import BadInput, CouldNotLook, NotApplicable
from mcp_server.core.outcome import Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader
from mcp_server.core.state_calls import ReadHolders
from mcp_server.core.text import amount, bytes_text, one_line
from mcp_server.core.writer import Before, Undo, VerbUnit, World
from mcp_server.operations.verbs.host_files import inside, straight

MOST_FILES = 200
CACHES = ("/var/cache/apt/archives", "/var/cache/dnf", "/var/cache/yum")
_ROTATED = re.compile(r".+[.-](?:\d{1,4}|\d{8}(?:-?\d{1,6})?|old)(?:\.(?:gz|xz|bz2|zst))?|.+\.log\.(?:gz|xz|bz2|zst)")
_ARCHIVE = re.compile(r".+\.(?:deb|rpm)")
_ROTATION = "/etc/logrotate.d"


class ClearArguments(Parameters):
    """What is cleared."""

    consumer: Literal["rotated_logs", "package_cache"] = Field(description="Which kind of files")
    folder: str = Field(max_length=1_000, description="Folder they lie in, itself only")
    older_than_days: int = Field(1, ge=0, le=3_650, description="Younger files are kept")


def settle(arguments: Mapping[str, JsonValue], world: World) -> dict[str, JsonValue]:
    """A folder of logs lies in a declared folder; archives lie where the package manager puts them."""
    consumer, folder = str(arguments.get("consumer")), str(arguments.get("folder") or "")
    if consumer == "package_cache":
        if folder not in CACHES:
            raise BadInput(f"`folder` is `{one_line(folder, 100)}`; archives of packages lie in: {', '.join(CACHES)}")
    else:
        folder = inside(folder, world, "folder")
    days = arguments.get("older_than_days")
    return {"consumer": consumer, "folder": folder, "older_than_days": 1 if days is None else days}


def before(reader: Reader, arguments: ClearArguments, world: World) -> Before:
    """Exactly the files that would be removed, each with size and time; and the record of what was found out."""
    straight(reader, f"{arguments.folder}/x")
    seen = reader.look(ListFolder(path=arguments.folder, depth=1, limit=20_000))
    if seen.value.cut or seen.value.unreadable:
        raise CouldNotLook(arguments.folder, "cut", "the folder could not be listed whole", "remove by hand what is known")
    pattern = _ROTATED if arguments.consumer == "rotated_logs" else _ARCHIVE
    oldest = reader.now - timedelta(days=arguments.older_than_days)
    fit = [
        item for item in seen.value.entries
        if item.type == "file" and pattern.fullmatch(posixpath.basename(item.path)) and item.modified < oldest
    ]  # fmt: skip
    fit = sorted(fit, key=lambda item: (item.modified, item.path))[:MOST_FILES]
    evidence = [seen.evidence]
    used = _open(reader, fit, evidence) if fit else set()
    free = [item for item in fit if item.path not in used]
    files: list[JsonValue] = [[posixpath.basename(item.path), item.size, stamp(item.modified)] for item in free]
    record = tuple(_record(reader, arguments, fit, free, used, evidence)) if fit else ()
    return Before(
        state={"files": files, "bytes": sum(item.size for item in free)}, touches=(f"path:{arguments.folder}",),
        evidence=tuple(evidence), record=record,
    )  # fmt: skip


def _open(reader: Reader, files: list[FileStat], evidence: list[str]) -> set[str]:
    """Those that some process has open. Where that cannot be seen of every process, nothing is removed."""
    seen = reader.look(ReadHolders(paths=tuple(item.path for item in files)))
    evidence.append(seen.evidence)
    if seen.value.hidden:
        what = amount(seen.value.hidden, "process", "processes")
        raise CouldNotLook("open files", "denied", f"what {what} have open cannot be seen", "run it with more rights")
    return set(seen.value.held)


def _record(
    reader: Reader, arguments: ClearArguments, fit: list[FileStat], free: list[FileStat], used: set[str], evidence: list[str]
) -> Iterator[Statement]:
    yield Statement(
        text="usage: {files} of together {size} would be removed; open in some process and left alone: {used}",
        values={
            "files": amount(len(free), "file"), "size": bytes_text(sum(item.size for item in free)),
            "used": one_line(", ".join(sorted(used)), 200) or "none",
        },
        evidence=tuple(evidence),
    )  # fmt: skip
    yield Statement(
        text="history: the oldest is of {oldest}, the newest of {newest}; kept are those of the last {days} days",
        values={"oldest": stamp(fit[0].modified), "newest": stamp(fit[-1].modified), "days": arguments.older_than_days},
        evidence=tuple(evidence[:1]),
    )
    if arguments.consumer == "package_cache":
        yield Statement(text="dependencies: none; the package manager fetches an archive again when it needs it")
        return
    rules, cited = _rotations(reader, arguments.folder)
    yield Statement(
        text="dependencies: rotated by {rules}",
        values={"rules": ", ".join(rules) or "no rule seen in " + _ROTATION},
        evidence=cited,
    )


def _rotations(reader: Reader, folder: str) -> tuple[list[str], tuple[str, ...]]:
    """Rules of rotation that name the folder, as far as they can be read."""
    try:
        listed = reader.look(ListFolder(path=_ROTATION, limit=200))
    except CouldNotLook:
        return [], ()
    found, cited = [], [listed.evidence]
    for item in listed.value.entries[:60]:
        try:
            seen = reader.file(item.path, 0, 16_384)
        except CouldNotLook:
            continue
        if folder in seen.value.text:
            found.append(one_line(item.path, 80))
            cited.append(seen.evidence)
    return found, tuple(cited[:6])


def cleared(arguments: ClearArguments, was: Before) -> dict[str, JsonValue]:
    """None of them is left. Raises NotApplicable when there is nothing to clear."""
    if not was.state["files"]:
        raise NotApplicable(f"nothing in {one_line(arguments.folder, 100)} fits: no such file is old enough and unused")
    return {"files": [], "bytes": 0}


def no_way_back(arguments: ClearArguments, was: Before) -> Undo:
    """What is removed is gone."""
    if arguments.consumer == "package_cache":
        return Undo(lost="the archives are gone until the package manager fetches them again")
    return Undo(lost="the rotated files are gone, and with them what they tell of the past")


VERBS = (
    VerbUnit(
        kind="host", name="clear_files", takes=("consumer", "folder", "older_than_days"), arguments=ClearArguments,
        settle=settle,
        describe=lambda arguments: Statement(
            text="remove the files of {consumer} in {folder} that are listed below, older than {days} days, and no others",
            values={"consumer": arguments.consumer, "folder": arguments.folder, "days": arguments.older_than_days},
        ),
        before=before, after=cleared, undo=no_way_back,
    ),
)  # fmt: skip
