"""Kubernetes: restart, roll back, scale, another image, pause, cordon, evict, and replace one pod of a controller."""

from collections.abc import Callable
from typing import Any

from pydantic import JsonValue

from mcp_server.core.errors import NotApplicable
from mcp_server.core.outcome import Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.plan import Step
from mcp_server.core.writer import Before, Undo, VerbUnit, no_undo, nothing_known
from mcp_server.operations.verbs.kubernetes_arguments import (
    EvictionArguments,
    ImageArguments,
    NodeArguments,
    PodArguments,
    RevisionArguments,
    ScaleArguments,
    WorkloadArguments,
    of_deployment,
    of_evicted,
    of_imaged,
    of_node,
    of_pod,
    of_revised,
    of_scaled,
    settle,
)
from mcp_server.operations.verbs.kubernetes_drain import emptied, evictable, not_back, said
from mcp_server.operations.verbs.kubernetes_state import (
    NUMBERED_ANEW,
    before,
    imageable,
    node_before,
    pod_before,
    revertible,
    scalable,
)

PODS = "the pods that run now, and what they hold in memory; others are made"


def _same(arguments: Parameters, **more: JsonValue) -> dict[str, JsonValue]:
    return {key: value for key, value in (arguments.model_dump() | more).items() if value is not None}


def _scale_back(arguments: ScaleArguments, was: Before) -> Undo:
    replicas = was.state["replicas"]
    return Undo(
        step=Step(verb="scale_workload", arguments=_same(arguments, replicas=replicas)),
        restores=("replicas", "template"),
        lost=PODS if isinstance(replicas, int) and arguments.replicas < replicas else "",
    )


def _image_back(arguments: ImageArguments, was: Before) -> Undo:
    images = was.state["images"]
    assert isinstance(images, dict)
    return Undo(
        step=Step(verb="set_image", arguments=_same(arguments, image=images[arguments.container])),
        restores=("images", "template"),
        lost=PODS,
    )


def _revision_back(arguments: RevisionArguments, was: Before) -> Undo:
    held = was.state["replicaset"]
    if not held:
        return Undo(lost="the present template is held by no ReplicaSet, so there is no way back to it")
    back = _same(arguments, replicaset=held) | {"revision": None}
    return Undo(
        step=Step(verb="undo_rollout", arguments={key: value for key, value in back.items() if value is not None}),
        restores=("template", "replicaset", "images"),
        lost=PODS,
    )


def _as_it_was(key: str, yes: str, no: str) -> Callable[[Any, Before], Undo]:
    """Back to what `key` was: the opposite act, or the same where it was so already."""

    def undo(arguments: Parameters, was: Before) -> Undo:
        return Undo(step=Step(verb=yes if was.state[key] else no, arguments=arguments.model_dump()), restores=(key,))

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
    if was.state["goes_to"] == NUMBERED_ANEW:
        raise NotApplicable(
            f"that revision of {arguments.name} is not kept, or its controller numbers the revisions anew just now",
            "name another `revision`, or plan again in a moment",
        )
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


_PAUSED = _as_it_was("paused", "pause_rollout", "resume_rollout")
_CORDONED = _as_it_was("unschedulable", "cordon_node", "uncordon_node")
_WORKLOAD = ("workload", "kind", "namespace")
VERBS = (
    _verb(
        "restart_rollout",
        "replace the pods of {resource} {namespace}/{name} one after the other, from the same template",
        _WORKLOAD,
        WorkloadArguments,
        settle,
        before,
        undo=_not_back(
            "the pods that ran end, and with them what they hold in memory; the template keeps the time of the restart"
        ),
    ),
    _verb(
        "undo_rollout",
        "give {resource} {namespace}/{name} the pod template of an earlier revision",
        (*_WORKLOAD, "revision"),
        RevisionArguments,
        of_revised,
        revertible,
        after=_reverted,
        undo=_revision_back,
        idempotent=True,
    ),
    _verb(
        "scale_workload",
        "scale {resource} {namespace}/{name} to {replicas} replicas",
        (*_WORKLOAD, "replicas"),
        ScaleArguments,
        of_scaled,
        scalable,
        after=_counted,
        undo=_scale_back,
        idempotent=True,
    ),
    _verb(
        "set_image",
        "give container {container} of {resource} {namespace}/{name} the image {image}",
        (*_WORKLOAD, "container", "image"),
        ImageArguments,
        of_imaged,
        imageable,
        undo=_image_back,
        idempotent=True,
        after=_renamed,
    ),
    _verb(
        "pause_rollout",
        "pause the rollout of {resource} {namespace}/{name}",
        _WORKLOAD,
        WorkloadArguments,
        of_deployment,
        before,
        after=_becomes(paused=True),
        undo=_PAUSED,
        idempotent=True,
    ),
    _verb(
        "resume_rollout",
        "resume the rollout of {resource} {namespace}/{name}",
        _WORKLOAD,
        WorkloadArguments,
        of_deployment,
        before,
        after=_becomes(paused=False),
        undo=_PAUSED,
        idempotent=True,
    ),
    _verb(
        "cordon_node",
        "cordon node {node}: nothing new is placed there",
        ("node",),
        NodeArguments,
        of_node,
        node_before,
        after=_becomes(unschedulable=True),
        undo=_CORDONED,
        idempotent=True,
    ),
    _verb(
        "uncordon_node",
        "uncordon node {node}: pods may be placed there again",
        ("node",),
        NodeArguments,
        of_node,
        node_before,
        after=_becomes(unschedulable=False),
        undo=_CORDONED,
        idempotent=True,
    ),
    VerbUnit(
        kind="kubernetes",
        name="evict_pods",
        takes=("node", "accept_loss_of", "wait_s"),
        arguments=EvictionArguments,
        settle=of_evicted,
        describe=said,
        before=evictable,
        after=emptied,
        undo=not_back,
        idempotent=True,
    ),
    _verb(
        "delete_pod",
        "delete pod {namespace}/{pod}, which its controller makes anew",
        ("pod", "namespace"),
        PodArguments,
        of_pod,
        pod_before,
        undo=_not_back("the pod ends, and with it what it holds in memory and in volumes of its own"),
    ),
)
