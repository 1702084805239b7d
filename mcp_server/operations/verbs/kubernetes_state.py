"""The state of a workload, node or pod before an act: what is wanted of it, not what moves by itself."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from mcp_server.cluster.objects import at, labels, mapping, name_of, number, parts, space_of, words
from mcp_server.core.errors import NotApplicable
from mcp_server.core.kubernetes_calls import ReadObjects
from mcp_server.core.outcome import Statement
from mcp_server.core.reader import Reader
from mcp_server.core.text import one_line
from mcp_server.core.writer import Before, World
from mcp_server.operations.verbs.kubernetes_arguments import (
    ImageArguments,
    NodeArguments,
    PodArguments,
    RevisionArguments,
    ScaleArguments,
    WorkloadArguments,
)

RESTARTED = "kubectl.kubernetes.io/restartedAt"


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


def scalable(reader: Reader, arguments: ScaleArguments, world: World) -> Before:
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


def imageable(reader: Reader, arguments: ImageArguments, world: World) -> Before:
    """As `before`. Raises NotApplicable where there is no such container."""
    seen = before(reader, arguments, world)
    there = seen.state["images"]
    if not isinstance(there, dict) or arguments.container not in there:
        names = ", ".join(there) if isinstance(there, dict) else ""
        raise NotApplicable(f"{arguments.name} has no container {arguments.container}; it has: {one_line(names, 200)}")
    return seen


NUMBERED_ANEW = "(no longer kept under this number)"
"""Where a revision that is gone back to cannot be found by its number: a plan cannot be made of it."""


def revertible(reader: Reader, arguments: RevisionArguments, world: World) -> Before:
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
    if not chosen and (len(own) < 2 or (arguments.revision or 0) > max(numbers, default=0)):
        known = ", ".join(map(str, sorted(numbers))) or "none"
        raise NotApplicable(f"that revision of {arguments.name} is not kept; there are: {known}")
    # a revision that is gone back to gets a new number, first on its ReplicaSet, then on the Deployment: until then, and where
    # its own number is asked for, none is found, and the state is read all the same
    goes_to = name_of(chosen[0]) if chosen else NUMBERED_ANEW
    return seen.model_copy(update={"state": {**seen.state, "goes_to": goes_to}, "evidence": (*seen.evidence, evidence)})


def node_before(reader: Reader, arguments: NodeArguments, world: World) -> Before:
    """Whether pods may be placed on it."""
    obj, evidence = _one(reader, "nodes", None, arguments.node)
    state: dict[str, JsonValue] = {"uid": words(obj, "metadata.uid"), "unschedulable": at(obj, "spec.unschedulable") is True}
    return Before(state=state, touches=(f"host:{arguments.node}",), evidence=(evidence,))


def pod_before(reader: Reader, arguments: PodArguments, world: World) -> Before:
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
