"""End one process that ran away, named by its number and its program, held by the tick of its start."""

import posixpath
from collections.abc import Mapping
from typing import Literal

from pydantic import Field, JsonValue

from mcp_server.core.calls import Process, ReadProcesses
from mcp_server.core.errors import BadInput, CouldNotLook, NotApplicable
from mcp_server.core.outcome import Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.processes import program
from mcp_server.core.reader import Reader
from mcp_server.core.text import one_line
from mcp_server.core.writer import Before, Undo, VerbUnit, World


class ProcessArguments(Parameters):
    """Which process, and how."""

    pid: int = Field(ge=2, le=4_194_304, description="Its number")
    program: str = Field(max_length=120, description="What it runs: both must fit")
    signal: Literal["TERM", "KILL"] = Field("TERM", description="TERM asks, KILL ends")


def settle(arguments: Mapping[str, JsonValue], world: World) -> dict[str, JsonValue]:
    """As given; what fits is looked up before."""
    return {key: arguments[key] for key in ("pid", "program", "signal") if arguments.get(key) is not None}


def ticks_of(reader: Reader, pid: int) -> int | None:
    """The tick of its start; None when there is no such process."""
    try:
        text = reader.file(f"/proc/{pid}/stat", 0, 4_096).value.text
        return int(text.rpartition(") ")[2].split()[19])
    except CouldNotLook as failure:
        if failure.reason in ("missing", "failed"):  # it ended, perhaps while it was read
            return None
        raise
    except (IndexError, ValueError):
        raise CouldNotLook(f"process {pid}", "damaged", "its stat cannot be read") from None


def before(reader: Reader, arguments: ProcessArguments, world: World) -> Before:
    """The process, if it is there and what was named. A number that is somebody else's is refused."""
    seen = reader.look(ReadProcesses())
    found = next((item for item in seen.value.processes if item.pid == arguments.pid), None)
    ticks = ticks_of(reader, arguments.pid) if found is not None and found.status not in ("zombie", "dead") else None
    touches = (f"pid:{arguments.pid}", f"program:{arguments.program}")
    if found is None or ticks is None:
        return Before(state={"alive": False}, touches=touches, evidence=(seen.evidence,))
    if arguments.program not in _names(found):
        raise BadInput(f"`program` is `{one_line(arguments.program, 60)}`, but process {arguments.pid} runs `{program(found)}`")
    unit = (f"unit:{found.unit}",) if found.unit else ()
    state: dict[str, JsonValue] = {"alive": True, "started_ticks": ticks, "user": found.user, "unit": found.unit}
    return Before(state=state, touches=(*touches, *unit), evidence=(seen.evidence,))


def _names(process: Process) -> set[str]:
    return {process.name, program(process), posixpath.basename(process.exe or ""), posixpath.basename((*process.argv, "")[0])}


def gone(arguments: ProcessArguments, was: Before) -> dict[str, JsonValue]:
    """It is not there any more."""
    if was.state["alive"] is not True:
        raise NotApplicable(f"there is no process {arguments.pid}")
    return {"alive": False}


def no_way_back(arguments: ProcessArguments, was: Before) -> Undo:
    """Nothing brings a process back."""
    return Undo(lost="what the process held in memory is gone; whatever supervises it may start another one")


VERBS = (
    VerbUnit(
        kind="host", name="end_process", takes=("pid", "program", "signal"), arguments=ProcessArguments, settle=settle,
        describe=lambda arguments: Statement(
            text="end process {pid} ({program}) by {signal}, if it is still the one that was seen",
            values={"pid": arguments.pid, "program": arguments.program, "signal": arguments.signal},
        ),
        before=before, after=gone, undo=no_way_back,
    ),
)  # fmt: skip
