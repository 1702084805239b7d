"""Arguments of the acts on a cluster: which workload, node or pod, in full."""

import re
from collections.abc import Mapping

from pydantic import Field, JsonValue

from mcp_server.core.address import parse
from mcp_server.core.errors import BadInput
from mcp_server.core.parameters import Parameters
from mcp_server.core.text import one_line
from mcp_server.core.writer import World

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,498}", re.ASCII)
_KINDS = {
    "deploy": "deployments", "deployment": "deployments", "deployments": "deployments", "sts": "statefulsets",
    "statefulset": "statefulsets", "statefulsets": "statefulsets", "ds": "daemonsets", "daemonset": "daemonsets",
    "daemonsets": "daemonsets",
}  # fmt: skip


class WorkloadArguments(Parameters):
    """One workload; the cluster is the environment's."""

    namespace: str = Field(max_length=63, description="Namespace")
    resource: str = Field(max_length=20, description="deployments, statefulsets or daemonsets")
    name: str = Field(max_length=253, description="Name of the workload")


class ScaleArguments(WorkloadArguments):
    """How many."""

    replicas: int = Field(ge=0, le=10_000, description="Number of pods wanted")


class ImageArguments(WorkloadArguments):
    """Which image for which container."""

    container: str = Field(max_length=63, description="Name of the container")
    image: str = Field(max_length=500, description="Image with its tag or digest")


class RevisionArguments(WorkloadArguments):
    """Back to which template: a revision's number, or the ReplicaSet that holds it."""

    revision: int | None = Field(None, ge=1, le=1_000_000, description="Number of the revision")
    replicaset: str | None = Field(None, max_length=253, description="ReplicaSet that holds the template")


class NodeArguments(Parameters):
    """One node."""

    node: str = Field(max_length=253, description="Name of the node")


class EvictionArguments(NodeArguments):
    """The pods of one node."""

    accept_loss_of: tuple[str, ...] = Field(
        (), max_length=60, description="NAMESPACE/NAME of pods or workloads that may be lost, or their emptyDir data"
    )
    wait_s: int = Field(300, ge=1, le=3_600, description="Seconds for budgets to allow it and for pods to end")


class PodArguments(Parameters):
    """One pod."""

    namespace: str = Field(max_length=63, description="Namespace")
    pod: str = Field(max_length=253, description="Name of the pod")


# --- arguments ------------------------------------------------------------------------------------------------------


def _namespace(arguments: Mapping[str, JsonValue], world: World) -> str:
    where = parse(world.environment.target)
    space = str(arguments.get("namespace") or where.part(1) or world.environment.options.get("namespace") or "")
    if where.kind != "k8s":
        raise BadInput(
            f"environment {world.environment.name} has the target `{one_line(world.environment.target, 80)}`, which is "
            f"no cluster",
            "set target = k8s://CONTEXT/NAMESPACE",
        )
    return _checked("namespace", space)


def _checked(field: str, value: str) -> str:
    if not _NAME.fullmatch(value) or ".." in value:
        raise BadInput(f"`{field}` is `{one_line(value, 80)}`; it should be a name: a-z, 0-9, dots and dashes")
    return value


def settle(arguments: Mapping[str, JsonValue], world: World) -> dict[str, JsonValue]:
    """Kind and name; a Deployment where no kind is given."""
    kind = str(arguments.get("kind") or "deploy")
    resource = _KINDS.get(kind.lower())
    if resource is None:
        raise BadInput(f"`kind` is `{one_line(kind, 40)}`; it should be deploy, sts or ds")
    name = _checked("workload", str(arguments.get("workload") or ""))
    return {"namespace": _namespace(arguments, world), "resource": resource, "name": name}


def of_scaled(arguments: Mapping[str, JsonValue], world: World) -> dict[str, JsonValue]:
    """A workload and its number of pods. Raises BadInput for a DaemonSet."""
    settled = settle(arguments, world)
    if settled["resource"] == "daemonsets":
        raise BadInput("a DaemonSet runs once per node: it has no number of replicas")
    return settled | {"replicas": arguments.get("replicas")}


def of_imaged(arguments: Mapping[str, JsonValue], world: World) -> dict[str, JsonValue]:
    """A workload, a container and an image. Raises BadInput for what is no image."""
    image = str(arguments.get("image") or "")
    if not _IMAGE.fullmatch(image):
        raise BadInput(f"`image` is `{one_line(image, 80)}`; it should be registry/name:tag or registry/name@sha256:…")
    return settle(arguments, world) | {
        "container": _checked("container", str(arguments.get("container") or "")),
        "image": image,
    }


def of_deployment(arguments: Mapping[str, JsonValue], world: World) -> dict[str, JsonValue]:
    """A Deployment. Raises BadInput for another kind."""
    settled = settle(arguments, world)
    if settled["resource"] != "deployments":
        raise BadInput("only Deployments can be paused, resumed and rolled back here")
    return settled


def of_revised(arguments: Mapping[str, JsonValue], world: World) -> dict[str, JsonValue]:
    """A Deployment and the revision to go back to."""
    return of_deployment(arguments, world) | {"revision": arguments.get("revision"), "replicaset": None}


def of_node(arguments: Mapping[str, JsonValue], world: World) -> dict[str, JsonValue]:
    """A node of the environment's cluster."""
    _namespace({"namespace": "default"}, world)
    return {"node": _checked("node", str(arguments.get("node") or ""))}


def of_pod(arguments: Mapping[str, JsonValue], world: World) -> dict[str, JsonValue]:
    """A pod of the environment's namespace."""
    return {"namespace": _namespace(arguments, world), "pod": _checked("pod", str(arguments.get("pod") or ""))}


def of_evicted(arguments: Mapping[str, JsonValue], world: World) -> dict[str, JsonValue]:
    """A node and what may be lost with its pods. Raises BadInput for what is no NAMESPACE/NAME."""
    names = str(arguments.get("accept_loss_of") or "").replace(",", " ").split()
    for name in names:
        space, slash, rest = name.partition("/")
        if not slash or not all(_NAME.fullmatch(part) and ".." not in part for part in (space, rest)):
            raise BadInput(f"`accept_loss_of` holds `{one_line(name, 80)}`; it should be NAMESPACE/NAME of a pod or workload")
    accepted: list[JsonValue] = [*sorted(set(names))]
    settled = of_node(arguments, world) | {"accept_loss_of": accepted}
    return settled | {key: arguments[key] for key in ("wait_s",) if arguments.get(key) is not None}
