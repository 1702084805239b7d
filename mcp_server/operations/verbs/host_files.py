"""Put a known good copy in a file's place, and the way back."""

import hashlib
import posixpath
from collections.abc import Mapping

from pydantic import Field, JsonValue

from mcp_server.core.calls import StatFile
from mcp_server.core.clock import stamp
from mcp_server.core.errors import BadInput, CouldNotLook, NotApplicable
from mcp_server.core.kept import kept_name
from mcp_server.core.outcome import Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.plan import Step
from mcp_server.core.reader import Reader
from mcp_server.core.state_calls import DigestFiles
from mcp_server.core.text import one_line
from mcp_server.core.writer import Before, Undo, VerbUnit, World

MOST_BYTES = 4_194_304


class RestoreArguments(Parameters):
    """Which file, from which copy."""

    path: str = Field(max_length=1_000, description="The file that is replaced")
    copy_path: str = Field(max_length=1_000, description="The known good copy")


class BackArguments(Parameters):
    """Which file, to what it was."""

    path: str = Field(max_length=1_000, description="The file")
    kept: str = Field(max_length=64, description="Name of what was kept of it; empty: there was none, it is taken away")


def inside(path: str, world: World, what: str) -> str:
    """The path as it is written shortest, if it lies in a declared folder. Raises BadInput."""
    normal = posixpath.normpath(path)
    if not path.startswith("/") or normal != path.rstrip("/"):
        raise BadInput(
            f"`{what}` is `{one_line(path, 100)}`; it should be an absolute path without `.`, `..` or doubled slashes"
        )
    folders = world.environment.files
    if not any(normal.startswith(folder.rstrip("/") + "/") or normal == folder.rstrip("/") for folder in folders):
        named = ", ".join(folders) or f"none; set `files` under [environments.{world.environment.name}]"
        raise BadInput(f"`{what}` is `{one_line(path, 100)}`; files may be changed below: {named}")
    return normal


def settle(arguments: Mapping[str, JsonValue], world: World) -> dict[str, JsonValue]:
    """Both paths, absolute, the file in a declared folder."""
    path, copy = str(arguments.get("path") or ""), str(arguments.get("copy") or "")
    if not copy.startswith("/") or posixpath.normpath(copy) != copy:
        raise BadInput(
            f"`known_good` is `{one_line(copy, 100)}`; it should be an absolute path without `.`, `..` or doubled slashes"
        )
    return {"path": inside(path, world, "path"), "copy_path": copy}


def straight(reader: Reader, path: str) -> None:
    """Raises NotApplicable where a folder above is a link: what was approved by its name would happen somewhere else."""
    parts = path.strip("/").split("/")[:-1]
    for depth in range(1, len(parts) + 1):
        above = "/" + "/".join(parts[:depth])
        if reader.look(StatFile(path=above)).value.type == "link":
            raise NotApplicable(f"{one_line(above, 100)} is a link", "name the folder that it leads to")


def file_state(reader: Reader, path: str) -> tuple[dict[str, JsonValue], tuple[str, ...]]:
    """Content (as a digest of what may be shown of it, and its own where everybody may read it), size, mode, owner, time.

    `exists` is false where there is none.
    """
    straight(reader, path)
    try:
        found = reader.look(StatFile(path=path))
    except CouldNotLook as failure:
        if failure.reason == "missing":
            return {"exists": False}, (failure.evidence,) if failure.evidence else ()
        raise
    stat = found.value
    if stat.type != "file":
        raise NotApplicable(f"{one_line(path, 100)} is a {stat.type}: only a regular file is replaced, never what a link names")
    if stat.size > MOST_BYTES:
        raise NotApplicable(f"{one_line(path, 100)} has {stat.size:,} bytes; at most {MOST_BYTES:,} are replaced")
    text = reader.file(path, 0, MOST_BYTES)
    if text.value.binary:
        raise NotApplicable(f"{one_line(path, 100)} is no text")
    marks = reader.look(DigestFiles(path=path, depth=1)).value.files
    shown = hashlib.sha256(text.value.text.encode("utf8", "surrogatepass")).hexdigest()
    state: dict[str, JsonValue] = {
        "exists": True, "sha256": marks[0].digest if marks else None, "content": shown, "size": stat.size, "mode": stat.mode,
        "owner": stat.owner, "modified": stamp(stat.modified),
    }  # fmt: skip
    return state, (found.evidence, text.evidence)


def before(reader: Reader, arguments: RestoreArguments, world: World) -> Before:
    """The file, and the copy that takes its place."""
    state, evidence = file_state(reader, arguments.path)
    copy, more = file_state(reader, arguments.copy_path)
    if not copy["exists"]:
        raise NotApplicable(f"there is no copy {one_line(arguments.copy_path, 100)}")
    state |= {"copy": {key: copy[key] for key in ("sha256", "content", "size", "modified")}}
    return Before(state=state, touches=(f"path:{arguments.path}",), evidence=(*evidence, *more))


def placed(arguments: RestoreArguments, was: Before) -> dict[str, JsonValue]:
    """The file holds what the copy holds."""
    copy = was.state["copy"]
    assert isinstance(copy, dict)
    return {"exists": True, "content": copy["content"], "size": copy["size"]}


def back(arguments: RestoreArguments, was: Before) -> Undo:
    """What it was, from what is kept of it; under a name that says what must be in it."""
    if not was.state["exists"]:
        return Undo(step=Step(verb="put_back", arguments={"path": arguments.path, "kept": ""}), restores=("exists",))
    return Undo(
        step=Step(verb="put_back", arguments={"path": arguments.path, "kept": kept_name(arguments.path, was.state)}),
        restores=("exists", "content", "size", "mode", "owner", "modified"),
    )


def back_settle(arguments: Mapping[str, JsonValue], world: World) -> dict[str, JsonValue]:
    """Only ever an undo: no operation can name what is kept."""
    raise BadInput("put_back is only ever the way back of restore_file")


def back_before(reader: Reader, arguments: BackArguments, world: World) -> Before:
    """The file as it is now."""
    state, evidence = file_state(reader, arguments.path)
    return Before(state=state, touches=(f"path:{arguments.path}",), evidence=evidence)


def back_undo(arguments: BackArguments, was: Before) -> Undo:
    """A way back has none."""
    return Undo(lost="the content that was put there meanwhile is replaced")


VERBS = (
    VerbUnit(
        kind="host", name="restore_file", takes=("path", "copy"), arguments=RestoreArguments, settle=settle,
        describe=lambda arguments: Statement(
            text="replace {path} by its copy {copy}, whole and at once; the old content is kept",
            values={"path": arguments.path, "copy": arguments.copy_path},
        ),
        before=before, after=placed, undo=back, idempotent=True,
    ),
    VerbUnit(
        kind="host", name="put_back", takes=(), arguments=BackArguments, settle=back_settle,
        describe=lambda arguments: Statement(
            text="put back the old content of {path}" if arguments.kept else "take {path} away again",
            values={"path": arguments.path},
        ),
        before=back_before, undo=back_undo,
    ),
)  # fmt: skip
