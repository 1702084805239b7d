"""Docker: start, stop, restart one container, change its limits, make it anew from another image and back."""

from collections.abc import Mapping

from pydantic import Field, JsonValue, model_validator

from mcp_server.core.address import parse
from mcp_server.core.clock import now
from mcp_server.core.docker_calls import Container, ReadContainers, ReadImages
from mcp_server.core.errors import BadInput, NotApplicable
from mcp_server.core.operation import NAME
from mcp_server.core.outcome import Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.plan import Step
from mcp_server.core.reader import Reader
from mcp_server.core.text import one_line
from mcp_server.core.writer import Before, Undo, VerbUnit, World

IMAGE = r"^[a-z0-9][A-Za-z0-9._/:@-]{0,254}$"
LIMITS = ("memory_mib", "cpus", "pids")
MEMORY = "the processes that run now, and what they hold in memory"
_MIB = 1_048_576
_RECENT_S, _RESTARTS = 600, 3
_MANAGED = ("com.docker.swarm.service.name", "com.docker.swarm.task.name")


class ContainerArguments(Parameters):
    """Which container, by its name on the environment's daemon."""

    container: str = Field(max_length=120, pattern=NAME, description="Container name")


class LimitArguments(ContainerArguments):
    """New limits; what is left out stays."""

    memory_mib: int | None = Field(None, ge=6, le=16_777_216, description="Memory in MiB")
    cpus: float | None = Field(None, ge=0.01, le=4_096, description="Processors")
    pids: int | None = Field(None, ge=1, le=4_194_304, description="Processes and threads")

    @model_validator(mode="after")
    def _some(self) -> "LimitArguments":
        if self.memory_mib is None and self.cpus is None and self.pids is None:
            raise ValueError("naming at least one of memory_mib, cpus, pids")
        return self


class ImageArguments(ContainerArguments):
    """Which image it is made anew from."""

    image: str = Field(max_length=255, pattern=IMAGE, description="Image that the daemon has, such as shop:1.4")


class RestoreArguments(ContainerArguments):
    """The container that was kept when another took its name."""

    kept: str = Field(max_length=12, pattern=r"^[0-9a-f]{12}$", description="First 12 characters of its id")
    restart_policy: str = Field("no", max_length=40, description="Its restart policy before it was put aside")


def settle(arguments: Mapping[str, JsonValue], world: World) -> dict[str, JsonValue]:
    """The container of a declared service, or the name itself; the daemon is the environment's."""
    where = parse(world.environment.target)
    if where.kind != "docker":
        raise BadInput(
            f"environment {world.environment.name} is of kind docker, but its target is {where}", "docker://CONTEXT/"
        )
    name = str(arguments.get("service") or arguments.get("container") or "")
    declared = world.services.get(name)
    if declared is not None:
        if declared.container is None:
            raise BadInput(f"service {name} declares no container", f"set `container` under [services.{name}]")
        there = parse(declared.container)
        if there.parts[0] != where.parts[0]:
            raise BadInput(
                f"service {name} runs on the daemon of context {there.parts[0]}, the environment is {where.parts[0]}"
            )
        name = there.parts[1]
    if ".." in name:
        raise BadInput(f"`container` is `{one_line(name, 80)}`; `..` has no place in it")
    more = {key: arguments[key] for key in (*LIMITS, "image") if arguments.get(key) is not None}
    return {"container": name, **more}


def look(reader: Reader, name: str) -> tuple[Container, str]:
    """The container of exactly this name. Raises CouldNotLook; NotApplicable where there is none, or something manages it."""
    seen = reader.look(ReadContainers(limit=2_000))
    found = next((item for item in seen.value.containers if item.name == name), None)
    if found is None:
        raise NotApplicable(f"there is no container {one_line(name, 80)} here: there is nothing to act on")
    if any(label in found.labels for label in _MANAGED):
        raise NotApplicable(f"container {name} belongs to a swarm service, which makes it anew by itself", "change the service")
    return found, seen.evidence


def before(reader: Reader, arguments: ContainerArguments, world: World) -> Before:
    """Running or not, from which image, with which limits; its id, because another one may have its name later."""
    item, evidence = look(reader, arguments.container)
    return _state(item, evidence)


def _state(item: Container, evidence: str, **more: JsonValue) -> Before:
    lately = item.started is not None and (now() - item.started).total_seconds() <= _RECENT_S
    crashing = item.status == "restarting" or (item.restarts >= _RESTARTS and lately)
    running: JsonValue = "crashing" if crashing else item.status == "running"
    state: dict[str, JsonValue] = {
        "container": item.name, "id": item.id, "running": running, "image": item.image, "image_id": item.image_id,
        "memory": item.memory_limit, "cpus": item.cpu_limit, "pids": item.pids_limit, "restart_policy": item.restart_policy,
    }  # fmt: skip
    touches = (f"container:{item.name}", f"container:{item.id}", *((f"service:{item.project}",) if item.project else ()))
    return Before(state=state | more, touches=touches, evidence=(evidence,))


def removable(reader: Reader, arguments: ImageArguments, world: World) -> Before:
    """As `before`; the new image must be there, and the act is bound to what its name means now."""
    item, evidence = look(reader, arguments.container)
    images = reader.look(ReadImages(names=(arguments.image,)))
    image_id = images.value.tagged.get(arguments.image)
    if image_id is None:
        raise NotApplicable(
            f"the daemon has no image {one_line(arguments.image, 120)}", "pull it first; nothing is pulled here"
        )
    was = _state(item, evidence, new_image_id=image_id)
    return was.model_copy(update={"evidence": (*was.evidence, images.evidence)})


def kept(reader: Reader, arguments: RestoreArguments, world: World) -> Before:
    """Of a way back: what has the name now."""
    return before(reader, arguments, world)


def back(arguments: ContainerArguments, was: Before) -> Undo:
    """To running or stopped, as it was."""
    running = was.state["running"]
    if running == "crashing":
        return Undo(lost="it was crashing and being restarted again and again: there is no earlier state to go back to")
    step = Step(verb="start_container" if running else "stop_container", arguments={"container": arguments.container})
    return Undo(step=step, restores=("running", "image_id", "id"), lost=MEMORY if running else "")


def limits_back(arguments: LimitArguments, was: Before) -> Undo:
    """To the limits before. Docker can change a limit of memory or processors, and never take it away again."""
    old: dict[str, JsonValue] = {}
    for name, key in (("memory_mib", "memory"), ("cpus", "cpus"), ("pids", "pids")):
        value = was.state[key]
        if getattr(arguments, name) is None:
            continue
        if value is None:
            return Undo(lost=f"it had no limit of {key}, and docker cannot take one away again without making it anew")
        if name == "memory_mib" and (not isinstance(value, int) or value % _MIB):
            return Undo(lost="its limit of memory was no whole number of MiB")
        old[name] = value // _MIB if name == "memory_mib" and isinstance(value, int) else value
    step = Step(verb="limit_container", arguments={"container": arguments.container, **old})
    return Undo(step=step, restores=("memory", "cpus", "pids", "running", "id"))


def limited(arguments: LimitArguments, was: Before) -> dict[str, JsonValue]:
    """The limits as asked for."""
    wanted: dict[str, JsonValue] = {}
    if arguments.memory_mib is not None:
        wanted["memory"] = arguments.memory_mib * _MIB
    if arguments.cpus is not None:
        wanted["cpus"] = arguments.cpus
    if arguments.pids is not None:
        wanted["pids"] = arguments.pids
    return wanted


def image_back(arguments: ImageArguments, was: Before) -> Undo:
    """The container before is kept, stopped and under another name: it gets its name back and is started if it ran."""
    restore = {
        "container": arguments.container, "kept": was.state["id"], "restart_policy": was.state["restart_policy"],
    }  # fmt: skip
    return Undo(
        step=Step(verb="restore_container", arguments=restore),
        restores=("id", "image_id", "running", "memory", "cpus", "pids", "restart_policy"),
        lost=MEMORY if was.state["running"] else "",
    )


def _running(arguments: ContainerArguments, was: Before) -> dict[str, JsonValue]:
    return {"running": True}


def _stopped(arguments: ContainerArguments, was: Before) -> dict[str, JsonValue]:
    return {"running": False}


def _remade(arguments: ImageArguments, was: Before) -> dict[str, JsonValue]:
    return {"image_id": was.state["new_image_id"], "running": True}


def _restored(arguments: RestoreArguments, was: Before) -> dict[str, JsonValue]:
    return {"id": arguments.kept}


def _gone(arguments: RestoreArguments, was: Before) -> Undo:
    return Undo(lost="the container that had the name is removed")


def _as_given(arguments: Mapping[str, JsonValue], world: World) -> dict[str, JsonValue]:
    return dict(arguments)


def _said_limits(arguments: LimitArguments) -> Statement:
    names = {"memory_mib": "MiB of memory", "cpus": "processors", "pids": "processes"}
    wanted = [f"{getattr(arguments, key)} {name}" for key, name in names.items() if getattr(arguments, key) is not None]
    return Statement(
        text="limit container {container} to {limits}; it goes on running",
        values={"container": arguments.container, "limits": ", ".join(wanted)},
    )


def _verb(name: str, text: str, **more: object) -> VerbUnit:
    known: dict[str, object] = {"before": before, "undo": back} | more
    return VerbUnit(
        kind="docker", name=name, takes=("service", "container"), arguments=ContainerArguments, settle=settle,
        describe=lambda arguments: Statement(text=text, values={"container": arguments.container}), **known,  # type: ignore[arg-type]
    )  # fmt: skip


VERBS = (
    _verb(
        "restart_container", "restart container {container}: its processes end, and it starts anew from the same image",
        after=_running,
    ),
    _verb("start_container", "start container {container}", after=_running, idempotent=True),
    _verb(
        "stop_container", "stop container {container}: its processes end", after=_stopped,
        idempotent=True,
    ),
    VerbUnit(
        kind="docker", name="limit_container", takes=("service", "container", *LIMITS), arguments=LimitArguments, settle=settle,
        describe=_said_limits, before=before, after=limited, undo=limits_back, idempotent=True,
    ),
    VerbUnit(
        kind="docker", name="recreate_container", takes=("service", "container", "image"), arguments=ImageArguments,
        settle=settle, before=removable, undo=image_back,
        describe=lambda arguments: Statement(
            text="make container {container} anew from image {image}, otherwise as it is; the present one is stopped and kept",
            values={"container": arguments.container, "image": arguments.image},
        ),
        after=_remade,
    ),
    VerbUnit(
        kind="docker", name="restore_container", takes=("container", "kept", "restart_policy"), arguments=RestoreArguments,
        settle=_as_given, before=kept,
        describe=lambda arguments: Statement(
            text="give the kept container {kept} the name {container} back and start it; the one of that name now is removed",
            values={"container": arguments.container, "kept": arguments.kept},
        ),
        after=_restored,
        undo=_gone,
    ),
)  # fmt: skip
