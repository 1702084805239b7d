"""Oracle Cloud: start, stop and restart one instance or container instance, on the very version that was seen (etag)."""

from collections.abc import Mapping

from pydantic import Field, JsonValue

from mcp_server.core.errors import BadInput, NotApplicable
from mcp_server.core.oci_calls import OCID, ReadOciResource
from mcp_server.core.outcome import Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.plan import Step
from mcp_server.core.reader import Reader
from mcp_server.core.text import one_line
from mcp_server.core.writer import Before, Undo, VerbUnit, World

RUNNING = ("RUNNING", "ACTIVE")
RESTING = ("STOPPED", "INACTIVE")


class ResourceArguments(Parameters):
    """Which resource, seen with whose rights."""

    id: str = Field(max_length=250, pattern=f"^{OCID.pattern}$", description="Its OCID")
    profile: str = Field("DEFAULT", max_length=60, pattern=r"^[\w.-]+$", description="Profile that looks")
    config_file: str | None = Field(None, max_length=1_000, description="Configuration file that looks")
    endpoint: str | None = Field(None, max_length=300, description="Address of the service")


def settle(arguments: Mapping[str, JsonValue], world: World) -> dict[str, JsonValue]:
    """The OCID of a declared service, or an OCID as it is; rights and region from the environment."""
    name = str(arguments.get("service") or "")
    declared = world.services.get(name)
    if declared is not None and declared.ocid is None:
        raise BadInput(f"service {name} declares no `ocid`", f"set it under [services.{name}]")
    ocid = declared.ocid if declared is not None and declared.ocid else name
    if not OCID.fullmatch(ocid):
        raise BadInput(f"`service` is `{one_line(name, 80)}`; it should be a declared service, or an instance's OCID")
    options = world.environment.options
    return {
        "id": ocid, "profile": options.get("profile", "DEFAULT"), "config_file": options.get("config_file"),
        "endpoint": options.get("endpoint"),
    }  # fmt: skip


def before(reader: Reader, arguments: ResourceArguments, world: World) -> Before:
    """Its state and version. Raises NotApplicable for one that is gone, and while it is changing."""
    seen = reader.look(
        ReadOciResource(
            id=arguments.id, profile=arguments.profile, config_file=arguments.config_file, endpoint=arguments.endpoint
        )
    )
    found = seen.value
    state: dict[str, JsonValue] = {
        "running": found.state in RUNNING, "state": found.state, "etag": found.etag, "name": found.name,
    }  # fmt: skip
    return Before(state=state, touches=(f"service:{arguments.id}", f"container:{found.name}"), evidence=(seen.evidence,))


def running(arguments: ResourceArguments, was: Before) -> dict[str, JsonValue]:
    """It runs. Raises NotApplicable where it is neither running nor at rest."""
    _settled(arguments, was)
    return {"running": True}


def resting(arguments: ResourceArguments, was: Before) -> dict[str, JsonValue]:
    """It rests. Raises NotApplicable where it is neither running nor at rest."""
    _settled(arguments, was)
    return {"running": False}


def _settled(arguments: ResourceArguments, was: Before) -> None:
    if was.state["state"] not in (*RUNNING, *RESTING):
        raise NotApplicable(f"{one_line(arguments.id, 80)} is {was.state['state']}: it can only be acted on at rest or running")


def back(arguments: ResourceArguments, was: Before) -> Undo:
    """To running or at rest, as it was."""
    running = was.state["running"]
    step = Step(verb="start_resource" if running else "stop_resource", arguments=arguments.model_dump(mode="json"))
    return Undo(step=step, restores=("running",), lost="what runs on it now, and what that holds in memory" if running else "")


def _verb(name: str, text: str, **more: object) -> VerbUnit:
    return VerbUnit(
        kind="oci", name=name, takes=("service",), arguments=ResourceArguments, settle=settle, before=before, undo=back,
        describe=lambda arguments: Statement(text=text, values={"id": arguments.id}), **more,  # type: ignore[arg-type]
    )  # fmt: skip


VERBS = (
    _verb("start_resource", "start {id}, if it is still the version that was seen", after=running, idempotent=True),
    _verb("stop_resource", "stop {id}, softly, if it is still the version that was seen", after=resting, idempotent=True),
    _verb("restart_resource", "restart {id}, softly, if it is still the version that was seen", after=running),
)
