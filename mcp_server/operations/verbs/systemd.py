"""systemd: start, stop, restart and reload one unit."""

import re
from collections.abc import Mapping

from pydantic import Field, JsonValue

from mcp_server.core.clock import now
from mcp_server.core.errors import BadInput, CouldNotLook, NotApplicable
from mcp_server.core.outcome import Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.plan import Step
from mcp_server.core.reader import Reader
from mcp_server.core.systemd import PROPERTIES, Unit, read_unit
from mcp_server.core.text import one_line
from mcp_server.core.writer import Before, Undo, VerbUnit, World

_KINDS = ("service", "socket", "timer", "target", "mount", "path", "slice", "scope", "swap", "automount", "device")
_UNIT = re.compile(rf"[A-Za-z0-9][A-Za-z0-9:_.@\\-]{{0,199}}\.(?:{'|'.join(_KINDS)})", re.ASCII)
_MORE = "Names,UnitFileState,NeedDaemonReload,CanReload,ExecStart,RequiredBy,BoundBy,ConsistsOf"
_ALONG = ("RequiredBy", "BoundBy", "ConsistsOf")
"""Units that systemd stops or restarts together with this one."""
MEMORY = "the processes that run now, and what they hold in memory"
RESTARTS, RECENT_S = 3, 600
"""A unit that was restarted so often and only just started again counts as crashing: its process number says nothing."""


class UnitArguments(Parameters):
    """Which unit, in full."""

    unit: str = Field(max_length=220, description="Unit name with its suffix")


def settle(arguments: Mapping[str, JsonValue], world: World) -> dict[str, JsonValue]:
    """The unit of a declared service, or the name itself; `.service` where no suffix is given."""
    name = str(arguments.get("service") or arguments.get("unit") or "")
    declared = world.services.get(name)
    if declared is not None:
        if declared.unit is None:
            raise BadInput(f"service {name} declares no unit", f"set `unit` under [services.{name}]")
        name = declared.unit
    unit = name if name.rpartition(".")[2] in _KINDS else f"{name}.service"
    if not _UNIT.fullmatch(unit) or ".." in unit:
        raise BadInput(
            f"`service` is `{one_line(name, 80)}`; it should be a unit's name: letters, digits and :_.@\\- of ASCII, "
            "not beginning with a dash"
        )  # fmt: skip
    return {"unit": unit}


def look(reader: Reader, unit: str) -> tuple[Unit, dict[str, str], str]:
    """The unit, its further properties, and the evidence. Raises CouldNotLook, and NotApplicable for one that is not loaded."""
    argv = ["systemctl", "show", unit, "--no-pager", f"--property={PROPERTIES},{_MORE}"]
    seen = reader.run([*argv, "--timestamp=us+utc"])
    if seen.value.exit != 0 and "timestamp" in seen.value.err:
        seen = reader.run(argv)  # systemd before 248
    found = read_unit(seen.value.out)
    if seen.value.exit != 0 or found is None:
        said = (seen.value.err.strip().splitlines() or ["it said nothing"])[0]
        raise CouldNotLook(
            f"unit {unit}", "failed", f"systemctl could not ask systemd (exit {seen.value.exit}): {said}",
            "check that this user can reach the system bus",
        )  # fmt: skip
    if found.load != "loaded":
        raise NotApplicable(f"unit {unit} is not loaded ({found.load}): there is nothing to act on")
    more = dict(line.split("=", 1) for line in seen.value.out.splitlines() if "=" in line)
    return found, more, seen.evidence


def before(reader: Reader, arguments: UnitArguments, world: World) -> Before:
    """Running or not, enabled, and from which file; the main process where it does not change by itself."""
    unit, more, evidence = look(reader, arguments.unit)
    crashing = unit.loops(now(), RESTARTS, RECENT_S)
    running: JsonValue = "crashing" if crashing else unit.state in ("active", "reloading")
    names = {arguments.unit, unit.name, *more.get("Names", "").split()}
    fragment = unit.paths[0] if unit.paths else ""
    state: dict[str, JsonValue] = {
        "unit": unit.name, "running": running, "enabled": more.get("UnitFileState", ""), "file": fragment,
        "stale": more.get("NeedDaemonReload") == "yes",
    }  # fmt: skip
    if not crashing:
        state |= {"state": unit.state, "result": unit.result, "main_pid": unit.main_pid}
    along = {name for key in _ALONG for name in more.get(key, "").split()} - names
    touches = [f"unit:{name}" for name in (*sorted(names), *sorted(along)[:50])]
    touches += [f"program:{name}" for name in _programs(more.get("ExecStart", ""))]
    touches += [f"pid:{unit.main_pid}"] if unit.main_pid and not crashing else []
    return Before(state=state, touches=tuple(touches), evidence=(evidence,))


def _programs(started: str) -> list[str]:
    """What it runs, also while it does not: the program, and what an interpreter is told to run."""
    words = re.findall(r"path=(\S+)", started)
    for line in re.findall(r"argv\[\]=(.*?) ; ", started):
        words += [word for word in line.split()[:6] if not word.startswith("-")]
    names = (word.rstrip("/").rpartition("/")[2] for word in words)
    return sorted({name for name in names if re.fullmatch(r"[A-Za-z][A-Za-z0-9_.+-]{1,60}", name)})


def _running(arguments: UnitArguments, was: Before) -> dict[str, JsonValue]:
    return {"running": True}


def _stopped(arguments: UnitArguments, was: Before) -> dict[str, JsonValue]:
    return {"running": False}


def back(arguments: UnitArguments, was: Before) -> Undo:
    """To running or stopped, as it was."""
    running = was.state["running"]
    if running == "crashing":
        return Undo(lost="it was crashing and being restarted again and again: there is no earlier state to go back to")
    step = Step(verb="start_unit" if running else "stop_unit", arguments={"unit": arguments.unit})
    return Undo(step=step, restores=("running", "enabled", "file"), lost=MEMORY if running else "")


def no_way_back(arguments: UnitArguments, was: Before) -> Undo:
    """Of a reload."""
    return Undo(lost="the configuration it held in memory is replaced by what its files say now")


def reloadable(reader: Reader, arguments: UnitArguments, world: World) -> Before:
    """As `before`, for a unit that runs and can reload."""
    seen = before(reader, arguments, world)
    _, more, _ = look(reader, arguments.unit)
    if more.get("CanReload") != "yes":
        raise NotApplicable(f"unit {arguments.unit} declares no way to reload", "restart it instead")
    if seen.state["running"] is not True:
        raise NotApplicable(f"unit {arguments.unit} does not run, so nothing can be reloaded", "start it instead")
    return seen


def _verb(name: str, text: str, **more: object) -> VerbUnit:
    known: dict[str, object] = {"before": before, "undo": back} | more
    return VerbUnit(
        kind="systemd", name=name, takes=("service", "unit"), arguments=UnitArguments, settle=settle,
        describe=lambda arguments: Statement(text=text, values={"unit": arguments.unit}), commands=("systemctl",), **known,  # type: ignore[arg-type]
    )  # fmt: skip


VERBS = (
    _verb(
        "restart_unit", "restart unit {unit}: its processes end, its failure counter is reset, it starts anew", after=_running
    ),
    _verb("start_unit", "start unit {unit}, its failure counter reset", after=_running, idempotent=True),
    _verb("stop_unit", "stop unit {unit}: its processes end", after=_stopped, idempotent=True),
    _verb("reload_unit", "reload unit {unit}: it reads its configuration again", before=reloadable, undo=no_way_back),
)
