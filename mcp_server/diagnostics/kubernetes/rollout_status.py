"""How far is a rollout, and what did its newest revision change?"""

from collections.abc import Iterator
from typing import Any

from pydantic import Field

from mcp_server.cluster.objects import at, condition, kind_of, name_of, number, space_of, words
from mcp_server.cluster.revisions import Revision, differences, images, revisions
from mcp_server.core.clock import Moment, stamp
from mcp_server.core.declare import Diagnostic, Facts
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.kubernetes_calls import ReadObjects
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import Finding, FindingType, Statement
from mcp_server.core.parameters import Parameters
from mcp_server.core.reader import Reader

KINDS = ("deployments", "statefulsets", "daemonsets")
SHOWN = 20


class Params(Parameters):
    """Which workload; the namespace is the target's."""

    workload: str | None = Field(
        None,
        max_length=253,
        pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$",
        description="Name of a workload; default: all that move",
    )
    namespace: str | None = Field(None, max_length=63, pattern=r"^[a-z0-9-]+$", description="Namespace; default: the target's")


class Rollout(Noun):
    """One workload. `changed` are the differences of its newest revision from the one before."""

    kind: str
    namespace: str
    name: str
    wanted: int
    updated: int
    ready: int
    paused: bool = False
    reason: str = Field("", description="reason of the condition Progressing")
    message: str = ""
    revision: int = 0
    before: int | None = None
    since: Moment | None = None
    cause: str = ""
    images: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


class RolloutFacts(Facts):
    """Workloads of the namespace, those that are not as wanted first."""

    rollouts: tuple[Rollout, ...]
    settled: int = 0
    evidence: str


STUCK = FindingType(
    code="stuck",
    text="{kind} {name}: revision {revision} does not come up: {ready} of {wanted} ready, {updated} updated ({reason})",
    severity="critical",
    meaning="The change that was wanted is not in force; old pods may still serve.",
    advice="Ask kubernetes_diagnosis why the new pods do not become ready; the quoted differences say what changed.",
)
MOVING = FindingType(
    code="unfinished",
    text="{kind} {name}: {updated} of {wanted} updated, {ready} ready, for revision {revision}",
    meaning="A rollout is under way, or pods are missing.",
    advice="Ask again in a minute; ask kubernetes_diagnosis if the numbers stand still.",
)
PAUSED = FindingType(
    code="paused",
    text="{kind} {name} is paused with {updated} of {wanted} updated",
    meaning="Changes of the template are not carried out until it is resumed.",
    advice="Find out who paused it and why.",
)

DIAGNOSTIC = Diagnostic(
    question="How far are rollouts, and what did the newest revision change?",
    area="kubernetes",
    facts=RolloutFacts,
    places=("k8s",),
    timeout_s=15.0,
    tool=False,
    examples=({}, {"workload": "api"}),
    next=("kubernetes_diagnosis", "what_changed"),
)


def collect(reader: Reader, params: Params) -> RolloutFacts:
    """Workloads and, for Deployments, their ReplicaSets."""
    found: list[Rollout] = []
    evidence = ""
    sets: list[dict[str, Any]] = []
    with reader.part("replicasets"):
        seen = reader.look(ReadObjects(resource="replicasets", namespace=params.namespace, limit=5_000))
        sets, evidence = list(seen.value.items), seen.evidence
    for resource in KINDS:
        with reader.part(resource):
            seen = reader.look(ReadObjects(resource=resource, namespace=params.namespace, name=params.workload, limit=5_000))
            evidence = seen.evidence
            if seen.value.cut:
                reader.cut(resource, "name a namespace or a workload")
            found += [_rollout(obj, sets) for obj in seen.value.items]
    if not evidence:
        raise CouldNotLook("workloads", "denied", "none of them could be listed")
    if params.workload and not found:
        raise CouldNotLook(
            f"workload {params.workload}", "missing", "no Deployment, StatefulSet or DaemonSet of that name here"
        )
    chosen = found if params.workload else [item for item in found if not settled(item)]
    return RolloutFacts(rollouts=tuple(chosen[:200]), settled=sum(map(settled, found)), evidence=evidence)


def settled(item: Rollout) -> bool:
    """Whether everything is as wanted."""
    return item.ready >= item.wanted and item.updated >= item.wanted and not item.paused


def _rollout(obj: dict[str, Any], sets: list[dict[str, Any]]) -> Rollout:
    kind, space, name = kind_of(obj), space_of(obj), name_of(obj)
    progress = condition(obj, "Progressing")
    history = revisions([item for item in sets if space_of(item) == space], name) if kind == "Deployment" else []
    newest: Revision | None = history[0] if history else None
    wanted = number(obj, "status.desiredNumberScheduled") if kind == "DaemonSet" else number(obj, "spec.replicas")
    ready = number(obj, "status.numberReady") if kind == "DaemonSet" else number(obj, "status.readyReplicas")
    updated = number(obj, "status.updatedNumberScheduled") if kind == "DaemonSet" else number(obj, "status.updatedReplicas")
    return Rollout(
        kind=kind, namespace=space, name=name, wanted=1 if wanted is None else wanted, updated=updated or 0, ready=ready or 0,
        paused=at(obj, "spec.paused") is True, reason=words(progress, "reason"), message=words(progress, "message"),
        revision=newest.number if newest else 0, before=history[1].number if len(history) > 1 else None,
        since=newest.created if newest else None, cause=newest.cause if newest else "",
        images=images(newest.template) if newest else images(obj.get("spec", {}).get("template", {})),
        changed=tuple(differences(history[1].template, newest.template)) if newest and len(history) > 1 else (),
    )  # fmt: skip


def judge(facts: RolloutFacts, params: Params) -> Iterator[Finding]:
    """What is stuck, paused, or not finished."""
    for item in facts.rollouts[:SHOWN]:
        if settled(item):
            continue
        kind = STUCK if item.reason == "ProgressDeadlineExceeded" else PAUSED if item.paused else MOVING
        yield kind.found(
            facts.evidence,
            component=f"{item.kind} {item.namespace}/{item.name}",
            quotes=(item.message, *item.changed[:8]) if item.message else item.changed[:8],
            at=item.since,
            clues=(f"workload:{item.namespace}/{item.name}",),
            kind=item.kind,
            name=f"{item.namespace}/{item.name}",
            revision=item.revision,
            ready=item.ready,
            wanted=item.wanted,
            updated=item.updated,
            reason=item.reason or "no reason is told",
        )


def show(facts: RolloutFacts, params: Params) -> Iterator[Statement]:
    """Revision and images of what was asked for; how many others are settled."""
    for item in facts.rollouts[:SHOWN]:
        if settled(item):
            yield Statement(
                text="{kind} {name}: {ready} of {wanted} ready, revision {revision} since {since}, images {images}",
                values={
                    "kind": item.kind,
                    "name": f"{item.namespace}/{item.name}",
                    "ready": item.ready,
                    "wanted": item.wanted,
                    "revision": item.revision,
                    "since": stamp(item.since) if item.since else None,
                    "images": ", ".join(item.images),
                },
                quotes=item.changed[:8],
                evidence=(facts.evidence,),
            )
    yield Statement(text="{settled} workloads are as wanted", values={"settled": facts.settled}, evidence=(facts.evidence,))
