"""Kubernetes: restart, roll back, scale, another image, pause, cordon, and replace one pod of a controller."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import Field, JsonValue

from mcp_server.cluster.objects import at, labels, mapping, name_of, number, parts, space_of, words
from mcp_server.core.address import parse
from mcp_server.core.errors import BadInput, NotApplicable
from mcp_server.core.kubernetes_calls import ReadObjects
from mcp_server.core.outcome import Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.plan import Step
from mcp_server.core.reader import Reader
from mcp_server.core.text import one_line
from mcp_server.core.writer import Before, Undo, VerbUnit, World, no_undo, nothing_known

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,498}", re.ASCII)
_KINDS = {
    "deploy": "deployments", "deployment": "deployments", "deployments": "deployments", "sts": "statefulsets",
    "statefulset": "statefulsets", "statefulsets": "statefulsets", "ds": "daemonsets", "daemonset": "daemonsets",
    "daemonsets": "daemonsets",
}  # fmt: skip
RESTARTED = "kubectl.kubernetes.io/restartedAt"


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


def _scaled(arguments: Mapping[str, JsonValue], world: World) -> dict[str, JsonValue]:
    settled = settle(arguments, world)
    if settled["resource"] == "daemonsets":
        raise BadInput("a DaemonSet runs once per node: it has no number of replicas")
    return settled | {"replicas": arguments.get("replicas")}


def _imaged(arguments: Mapping[str, JsonValue], world: World) -> dict[str, JsonValue]:
    image = str(arguments.get("image") or "")
    if not _IMAGE.fullmatch(image):
        raise BadInput(f"`image` is `{one_line(image, 80)}`; it should be registry/name:tag or registry/name@sha256:…")
    return settle(arguments, world) | {
        "container": _checked("container", str(arguments.get("container") or "")),
        "image": image,
    }


def _deployment(arguments: Mapping[str, JsonValue], world: World) -> dict[str, JsonValue]:
    settled = settle(arguments, world)
    if settled["resource"] != "deployments":
        raise BadInput("only Deployments can be paused, resumed and rolled back here")
    return settled


def _revised(arguments: Mapping[str, JsonValue], world: World) -> dict[str, JsonValue]:
    return _deployment(arguments, world) | {"revision": arguments.get("revision"), "replicaset": None}


def _node(arguments: Mapping[str, JsonValue], world: World) -> dict[str, JsonValue]:
    _namespace({"namespace": "default"}, world)
    return {"node": _checked("node", str(arguments.get("node") or ""))}


def _pod(arguments: Mapping[str, JsonValue], world: World) -> dict[str, JsonValue]:
    return {"namespace": _namespace(arguments, world), "pod": _checked("pod", str(arguments.get("pod") or ""))}


# --- the state before -----------------------------------------------------------------------------------------------


def _one(reader: Reader, resource: str, space: str | None, name: str) -> tuple[dict[str, Any], str]:
    seen = reader.look(ReadObjects(resource=resource, namespace=space, name=name, limit=2))
    if not seen.value.items:
        raise NotApplicable(f"there is no {resource} {name}" + (f" in namespace {space}" if space else ""))
    return seen.value.items[0], seen.evidence


def template_digest(obj: Mapping[str, Any]) -> str:
    """What a pod template holds, but for the time of the last restart; equal on both sides of redaction only by structure."""
    template = json.loads(json.dumps(mapping(obj, "spec.template")))
    notes = template.get("metadata", {}).get("annotations")
    if isinstance(notes, dict):
        notes.pop(RESTARTED, None)
        if not notes:
            template["metadata"].pop("annotations")
    return hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:16]


def before(reader: Reader, arguments: WorkloadArguments, world: World) -> Before:
    """What is wanted of the workload. Numbers that move by themselves (ready pods, resourceVersion) are left out."""
    obj, evidence = _one(reader, arguments.resource, arguments.namespace, arguments.name)
    state: dict[str, JsonValue] = {
        "uid": words(obj, "metadata.uid"), "template": template_digest(obj), "paused": at(obj, "spec.paused") is True,
        "images": {words(item, "name"): words(item, "image") for item in parts(obj, "spec.template.spec.containers")},
    }  # fmt: skip
    if arguments.resource != "daemonsets":
        replicas = number(obj, "spec.replicas")
        state["replicas"] = 1 if replicas is None else replicas
    evidences = [evidence]
    if arguments.resource == "deployments":
        held, told = _holding(reader, obj)
        state["replicaset"] = held
        evidences.append(told)
    place = f"{arguments.namespace}/{arguments.name}"
    touches = (f"workload:{place}", f"service:{arguments.name}", *(f"image:{image}" for image in state["images"].values()))  # type: ignore[union-attr]
    return Before(state=state, touches=touches, evidence=tuple(evidences))


def _sets(reader: Reader, obj: Mapping[str, Any]) -> tuple[list[dict[str, Any]], str]:
    seen = reader.look(ReadObjects(resource="replicasets", namespace=space_of(obj), limit=5_000))
    own = [
        item for item in seen.value.items
        if any(words(owner, "uid") == words(obj, "metadata.uid") for owner in parts(item, "metadata.ownerReferences"))
    ]  # fmt: skip
    return own, seen.evidence


def revision_of(obj: Mapping[str, Any]) -> str:
    """Number of its revision, as the controller notes it."""
    return labels(obj, "metadata.annotations").get("deployment.kubernetes.io/revision", "")


def _holding(reader: Reader, obj: Mapping[str, Any]) -> tuple[str, str]:
    """The ReplicaSet of the present revision: its name is made from the template, so the same name is the same template."""
    own, evidence = _sets(reader, obj)
    return next((name_of(item) for item in own if revision_of(item) == revision_of(obj)), ""), evidence


def _scalable(reader: Reader, arguments: ScaleArguments, world: World) -> Before:
    """As `before`, unless an autoscaler sets the number."""
    seen = before(reader, arguments, world)
    scalers = reader.look(ReadObjects(resource="horizontalpodautoscalers", namespace=arguments.namespace, limit=1_000))
    for item in scalers.value.items:
        if words(item, "spec.scaleTargetRef.name") == arguments.name and arguments.replicas != 0:
            raise NotApplicable(
                f"HorizontalPodAutoscaler {name_of(item)} sets the number of replicas: it would set it back",
                "change minReplicas or maxReplicas of the autoscaler instead",
            )
    return seen


def _imageable(reader: Reader, arguments: ImageArguments, world: World) -> Before:
    seen = before(reader, arguments, world)
    there = seen.state["images"]
    if not isinstance(there, dict) or arguments.container not in there:
        names = ", ".join(there) if isinstance(there, dict) else ""
        raise NotApplicable(f"{arguments.name} has no container {arguments.container}; it has: {one_line(names, 200)}")
    return seen


def _revertible(reader: Reader, arguments: RevisionArguments, world: World) -> Before:
    """As `before`, with the ReplicaSet that holds the template to go back to."""
    seen = before(reader, arguments, world)
    obj, _ = _one(reader, "deployments", arguments.namespace, arguments.name)
    own, evidence = _sets(reader, obj)
    present = revision_of(obj)
    if arguments.replicaset:
        chosen = [item for item in own if name_of(item) == arguments.replicaset]
    elif arguments.revision is not None:
        chosen = [item for item in own if revision_of(item) == str(arguments.revision)]
    else:  # the one before the present
        earlier = [
            item
            for item in own
            if revision_of(item).isdecimal() and present.isdecimal() and int(revision_of(item)) < int(present)
        ]
        chosen = sorted(earlier, key=lambda item: -int(revision_of(item)))[:1]
    numbers = [int(revision_of(item)) for item in own if revision_of(item).isdecimal()]
    if not chosen and (arguments.revision is None or arguments.revision > max(numbers, default=0)):
        known = ", ".join(map(str, sorted(numbers))) or "none"
        raise NotApplicable(f"that revision of {arguments.name} is not kept; there are: {known}")
    # a revision that is gone back to gets a new number: then its own is not found any more, and the state is read all the same
    goes_to = name_of(chosen[0]) if chosen else "(no longer kept under this number)"
    return seen.model_copy(update={"state": {**seen.state, "goes_to": goes_to}, "evidence": (*seen.evidence, evidence)})


def _node_before(reader: Reader, arguments: NodeArguments, world: World) -> Before:
    obj, evidence = _one(reader, "nodes", None, arguments.node)
    state: dict[str, JsonValue] = {"uid": words(obj, "metadata.uid"), "unschedulable": at(obj, "spec.unschedulable") is True}
    return Before(state=state, touches=(f"host:{arguments.node}",), evidence=(evidence,))


def _pod_before(reader: Reader, arguments: PodArguments, world: World) -> Before:
    """Only a pod that somebody makes anew; what is lost with it is written down."""
    obj, evidence = _one(reader, "pods", arguments.namespace, arguments.pod)
    owner = next((item for item in parts(obj, "metadata.ownerReferences") if item.get("controller") is True), None)
    if owner is None or words(owner, "kind") == "Node":
        raise NotApplicable(f"pod {arguments.pod} belongs to no controller: nothing would make it anew")
    if words(obj, "metadata.deletionTimestamp"):
        raise NotApplicable(f"pod {arguments.pod} is being deleted already")
    local = [words(item, "name") for item in parts(obj, "spec.volumes") if "emptyDir" in item or "hostPath" in item]
    made = f"{words(owner, 'kind')} {words(owner, 'name')}"
    restarts = sum(number(item, "restartCount") or 0 for item in parts(obj, "status.containerStatuses"))
    record = Statement(
        text="pod {pod} of {owner} on node {node}: phase {phase}, {restarts} restarts; volumes that go with it: {local}",
        values={
            "pod": arguments.pod,
            "owner": made,
            "node": words(obj, "spec.nodeName") or "none",
            "phase": words(obj, "status.phase"),
            "restarts": restarts,
            "local": ", ".join(local) or "none",
        },
        evidence=(evidence,),
    )
    state: dict[str, JsonValue] = {"uid": words(obj, "metadata.uid"), "owner": made, "there": True}
    return Before(
        state=state, touches=(f"workload:{arguments.namespace}/{words(owner, 'name')}",), evidence=(evidence,), record=(record,)
    )


# --- undo -----------------------------------------------------------------------------------------------------------


def _same(arguments: Parameters, **more: JsonValue) -> dict[str, JsonValue]:
    return {key: value for key, value in (arguments.model_dump() | more).items() if value is not None}


def _scale_back(arguments: ScaleArguments, was: Before) -> Undo:
    return Undo(
        step=Step(verb="scale_workload", arguments=_same(arguments, replicas=was.state["replicas"])),
        restores=("replicas", "template"),
    )


def _image_back(arguments: ImageArguments, was: Before) -> Undo:
    images = was.state["images"]
    assert isinstance(images, dict)
    return Undo(
        step=Step(verb="set_image", arguments=_same(arguments, image=images[arguments.container])),
        restores=("images", "template"),
    )


def _revision_back(arguments: RevisionArguments, was: Before) -> Undo:
    held = was.state["replicaset"]
    if not held:
        return Undo(lost="the present template is held by no ReplicaSet, so there is no way back to it")
    back = _same(arguments, replicaset=held) | {"revision": None}
    return Undo(
        step=Step(verb="undo_rollout", arguments={key: value for key, value in back.items() if value is not None}),
        restores=("template", "replicaset", "images"),
    )


def _opposite(verb: str, *keys: str) -> Callable[[Any, Before], Undo]:
    def undo(arguments: Parameters, was: Before) -> Undo:
        return Undo(step=Step(verb=verb, arguments=arguments.model_dump()), restores=keys)

    return undo


def _not_back(sentence: str) -> Callable[[Any, Before], Undo]:
    def undo(arguments: Any, was: Before) -> Undo:
        return Undo(lost=sentence)

    return undo


def _becomes(**state: JsonValue) -> Callable[[Any, Before], dict[str, JsonValue]]:
    def after(arguments: Any, was: Before) -> dict[str, JsonValue]:
        return state

    return after


def _reverted(arguments: RevisionArguments, was: Before) -> dict[str, JsonValue]:
    return {"replicaset": was.state["goes_to"]}


def _counted(arguments: ScaleArguments, was: Before) -> dict[str, JsonValue]:
    return {"replicas": arguments.replicas}


def _renamed(arguments: ImageArguments, was: Before) -> dict[str, JsonValue]:
    images = was.state["images"]
    return {"images": {**(images if isinstance(images, dict) else {}), arguments.container: arguments.image}}


def _verb(
    name: str,
    text: str,
    takes: tuple[str, ...],
    arguments: type[Parameters],
    settled: Any,
    look: Any,
    *,
    after: Any = nothing_known,
    undo: Any = no_undo,
    idempotent: bool = False,
) -> VerbUnit:
    return VerbUnit(
        kind="kubernetes",
        name=name,
        takes=takes,
        arguments=arguments,
        settle=settled,
        before=look,
        after=after,
        undo=undo,
        idempotent=idempotent,
        describe=lambda given: Statement(
            text=text, values={key: value for key, value in given.model_dump().items() if value is not None}
        ),
    )


_WORKLOAD = ("workload", "kind", "namespace")
VERBS = (
    _verb(
        "restart_rollout",
        "replace the pods of {resource} {namespace}/{name} one after the other, from the same template",
        _WORKLOAD,
        WorkloadArguments,
        settle,
        before,
        undo=_not_back("the pods that ran end, and with them what they hold in memory"),
    ),
    _verb(
        "undo_rollout",
        "give {resource} {namespace}/{name} the pod template of an earlier revision",
        (*_WORKLOAD, "revision"),
        RevisionArguments,
        _revised,
        _revertible,
        after=_reverted,
        undo=_revision_back,
        idempotent=True,
    ),
    _verb(
        "scale_workload",
        "scale {resource} {namespace}/{name} to {replicas} replicas",
        (*_WORKLOAD, "replicas"),
        ScaleArguments,
        _scaled,
        _scalable,
        after=_counted,
        undo=_scale_back,
        idempotent=True,
    ),
    _verb(
        "set_image",
        "give container {container} of {resource} {namespace}/{name} the image {image}",
        (*_WORKLOAD, "container", "image"),
        ImageArguments,
        _imaged,
        _imageable,
        undo=_image_back,
        idempotent=True,
        after=_renamed,
    ),
    _verb(
        "pause_rollout",
        "pause the rollout of {resource} {namespace}/{name}",
        _WORKLOAD,
        WorkloadArguments,
        _deployment,
        before,
        after=_becomes(paused=True),
        undo=_opposite("resume_rollout", "paused"),
        idempotent=True,
    ),
    _verb(
        "resume_rollout",
        "resume the rollout of {resource} {namespace}/{name}",
        _WORKLOAD,
        WorkloadArguments,
        _deployment,
        before,
        after=_becomes(paused=False),
        undo=_opposite("pause_rollout", "paused"),
        idempotent=True,
    ),
    _verb(
        "cordon_node",
        "cordon node {node}: nothing new is placed there",
        ("node",),
        NodeArguments,
        _node,
        _node_before,
        after=_becomes(unschedulable=True),
        undo=_opposite("uncordon_node", "unschedulable"),
        idempotent=True,
    ),
    _verb(
        "uncordon_node",
        "uncordon node {node}: pods may be placed there again",
        ("node",),
        NodeArguments,
        _node,
        _node_before,
        after=_becomes(unschedulable=False),
        undo=_opposite("cordon_node", "unschedulable"),
        idempotent=True,
    ),
    _verb(
        "delete_pod",
        "delete pod {namespace}/{pod}, which its controller makes anew",
        ("pod", "namespace"),
        PodArguments,
        _pod,
        _pod_before,
        undo=_not_back("the pod ends, and with it what it holds in memory and in volumes of its own"),
    ),
)
