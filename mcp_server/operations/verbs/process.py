"""Processes without a service manager: a declared service, started by its argv and known by its pid file."""

import posixpath
from collections.abc import Mapping

from pydantic import Field, JsonValue

from mcp_server.core.calls import Process, ReadProcesses
from mcp_server.core.errors import BadInput, CouldNotLook, NotApplicable
from mcp_server.core.outcome import Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.plan import Step
from mcp_server.core.processes import runs
from mcp_server.core.reader import Reader
from mcp_server.core.text import one_line
from mcp_server.core.writer import Before, Undo, VerbUnit, World
from mcp_server.operations.verbs.host_processes import ticks_of


class ServiceArguments(Parameters):
    """A declared service, with all that is needed to start and stop it."""

    service: str = Field(max_length=120, description="Its name in the settings")
    argv: tuple[str, ...] = Field(min_length=1, max_length=100, description="What starts it")
    pid_file: str = Field(max_length=1_000, description="Where its process number stands")
    cwd: str = Field(max_length=1_000, description="Folder it is started in")
    stop_s: float = Field(gt=0, le=300, description="Seconds it may take to stop")
    words: str | None = Field(None, max_length=300, description="Words of its command line")
    port: int | None = Field(None, ge=1, le=65_535, description="Port it listens on")


def settle(arguments: Mapping[str, JsonValue], world: World) -> dict[str, JsonValue]:
    """Everything from [services.NAME]; a service that is not declared cannot be started by anybody."""
    name = str(arguments.get("service") or "")
    declared = world.services.get(name)
    if declared is None:
        known = ", ".join(item for item, service in world.services.items() if service.start) or "none with `start`"
        raise BadInput(f"`service` is `{one_line(name, 60)}`; declared services: {known}", "declare it under [services.NAME]")
    if not declared.start or declared.pid_file is None:
        raise BadInput(f"service {name} declares no `start` or no `pid_file`", f"set both under [services.{name}]")
    if not declared.start[0].startswith("/"):
        raise BadInput(
            f"`start` of service {name} begins with `{one_line(declared.start[0], 60)}`; it should be an absolute path"
        )
    if declared.process is None and declared.port is None:
        raise BadInput(f"service {name} declares neither `process` nor `port`: nobody could see whether it runs")
    return {
        "service": name, "argv": list(declared.start), "pid_file": declared.pid_file, "cwd": declared.root or "/",
        "stop_s": declared.stop_s, "words": declared.process, "port": declared.port,
    }  # fmt: skip


def before(reader: Reader, arguments: ServiceArguments, world: World) -> Before:
    """Running or not, by the pid file, checked against the process that has this number now."""
    seen = reader.look(ReadProcesses())
    pid, evidence = _noted(reader, arguments.pid_file)
    known = {item.pid: item for item in seen.value.processes}
    process = known.get(pid) if pid else None
    running = process is not None and process.status not in ("zombie", "dead") and _is(process, arguments)
    touches = [f"service:{arguments.service}", f"path:{arguments.pid_file}"]
    words = (posixpath.basename(word) for word in arguments.argv[:8] if not word.startswith("-"))
    touches += [f"program:{word}" for word in words if word and not word.isdecimal()]
    state: dict[str, JsonValue] = {"running": running}
    if running and pid:
        state |= {"pid": pid, "started_ticks": ticks_of(reader, pid)}
        touches.append(f"pid:{pid}")
    elif arguments.words and (others := [item.pid for item in seen.value.processes if runs(item, arguments.words)]):
        raise NotApplicable(
            f"process {others[0]} looks like service {arguments.service}, but {arguments.pid_file} does not name it",
            "find out who started it; stop it by end_process, or mend the pid file",
        )
    return Before(state=state, touches=tuple(touches), evidence=(*evidence, seen.evidence))


def _noted(reader: Reader, path: str) -> tuple[int | None, tuple[str, ...]]:
    try:
        seen = reader.file(path, 0, 64)
    except CouldNotLook as failure:
        if failure.reason == "missing":
            return None, (failure.evidence,) if failure.evidence else ()
        raise
    text = seen.value.text.strip()
    return (int(text) if text.isascii() and text.isdecimal() and 1 < len(text) + 1 < 10 else None), (seen.evidence,)


def _is(process: Process, arguments: ServiceArguments) -> bool:
    """Whether this process is what the service starts: a number may belong to somebody else by now."""
    program = posixpath.basename(arguments.argv[0])
    names = {posixpath.basename(word) for word in process.argv} | {process.name, posixpath.basename(process.exe or "")}
    told = {posixpath.basename(word) for word in arguments.argv[1:] if not word.startswith("-")}
    return program in names or bool(told & names)


def running_only(reader: Reader, arguments: ServiceArguments, world: World) -> Before:
    """As `before`, for a service that runs."""
    seen = before(reader, arguments, world)
    if seen.state["running"] is not True:
        raise NotApplicable(f"service {arguments.service} does not run, so it cannot be told anything", "start it instead")
    return seen


def back(arguments: ServiceArguments, was: Before) -> Undo:
    """To running or stopped, as it was."""
    running = was.state["running"]
    step = Step(verb="start_process" if running else "stop_process", arguments=arguments.model_dump(mode="json"))
    return Undo(
        step=step, restores=("running",), lost="the process that runs now, and what it holds in memory" if running else ""
    )


def _started(arguments: ServiceArguments, was: Before) -> dict[str, JsonValue]:
    return {"running": True}


def _stopped(arguments: ServiceArguments, was: Before) -> dict[str, JsonValue]:
    return {"running": False}


def _told(arguments: ServiceArguments, was: Before) -> Undo:
    return Undo(lost="what it held in memory is replaced by what its files say now")


def _verb(name: str, text: str, **more: object) -> VerbUnit:
    known: dict[str, object] = {"before": before, "undo": back} | more
    return VerbUnit(
        kind="process", name=name, takes=("service",), arguments=ServiceArguments, settle=settle,
        describe=lambda arguments: Statement(
            text=text,
            values={"service": arguments.service, "command": one_line(" ".join(arguments.argv), 200),
                    "pid_file": arguments.pid_file, "stop_s": arguments.stop_s},
        ),
        **known,  # type: ignore[arg-type]
    )  # fmt: skip


VERBS = (
    _verb(
        "start_process", "start service {service}: {command}, its number kept in {pid_file}", after=_started, idempotent=True
    ),
    _verb(
        "stop_process",
        "stop service {service}: TERM to the process in {pid_file}, {stop_s} s to end",
        after=_stopped,
        idempotent=True,
    ),
    _verb("restart_process", "restart service {service}: TERM, {stop_s} s to end, then {command}", after=_started),
    _verb(
        "reload_process", "tell service {service} to reload: HUP to the process in {pid_file}", before=running_only, undo=_told
    ),
)
