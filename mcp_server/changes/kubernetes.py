"""What was changed in a cluster: revisions of workloads and how they differ, edits and who made them, Helm, scaling, nodes."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from mcp_server.cluster.objects import at, kind_of, labels, mapping, moment, name_of, parts, space_of, words
from mcp_server.cluster.revisions import Revision, differences, images, revisions
from mcp_server.core.change import Change, ChangeClass, Window
from mcp_server.core.declare import ChangeSource, Scope
from mcp_server.core.kubernetes_calls import ReadObjects
from mcp_server.core.outcome import Statement
from mcp_server.core.reader import Reader

CHANGE_SOURCE = ChangeSource(
    question="Which workloads got a new revision, what differs in it; who edited which objects; Helm releases, scaling, nodes?",
    places=("k8s",),
    timeout_s=25.0,
)

MOST = 5_000
EDITED = ("configmaps", "secrets", "services", "ingresses", "networkpolicies", "horizontalpodautoscalers", "resourcequotas",
          "serviceaccounts", "poddisruptionbudgets")  # fmt: skip
_MACHINES = re.compile(
    r"kube-controller-manager|kube-scheduler|kubelet|kube-apiserver|.*-controller|cluster-autoscaler|coredns|k3s"
)
_EVENTS = {
    "SuccessfulRescale": ("scale", "HorizontalPodAutoscaler {component} scaled: {told}"),
    "NodeNotReady": ("node_not_ready", "node {component} became not ready: {told}"),
    "NodeReady": ("node_ready", "node {component} became ready: {told}"),
    "Rebooted": ("reboot", "node {component} was booted: {told}"),
    "NodeNotSchedulable": ("cordon", "node {component} was cordoned: {told}"),
    "NodeSchedulable": ("uncordon", "node {component} was uncordoned: {told}"),
    "RemovingNode": ("remove", "node {component} left the cluster: {told}"),
    "RegisteredNode": ("join", "node {component} joined the cluster: {told}"),
    "TaintManagerEviction": ("evict", "pod {component} was evicted for a taint: {told}"),
    "Evicted": ("evict", "pod {component} was evicted: {told}"),
    "Preempted": ("evict", "pod {component} made room for another: {told}"),
}  # fmt: skip
_WORD = re.compile(r"[A-Za-z_][\w.-]{2,60}")


def collect(reader: Reader, window: Window, scope: Scope) -> Iterator[Change]:
    """Each kind of change by itself: what one may not list does not hide the others."""
    with reader.part("revisions of Deployments"):
        yield from _deployments(reader, window)
    for resource in ("statefulsets", "daemonsets"):
        with reader.part(f"revisions of {resource}"):
            yield from _controllers(reader, window, resource)
    for resource in EDITED:
        with reader.part(resource):
            yield from _edits(reader, window, resource)
    with reader.part("Helm releases"):
        yield from _helm(reader, window)
    with reader.part("events"):
        yield from _events(reader, window)


def _listed(reader: Reader, resource: str, **more: Any) -> tuple[Sequence[dict[str, Any]], str]:
    seen = reader.look(ReadObjects(resource=resource, managed=True, limit=MOST, **more))
    if seen.value.cut:
        reader.cut(resource, "name a namespace: k8s://CONTEXT/NAMESPACE")
    return seen.value.items, seen.evidence


# --- revisions ------------------------------------------------------------------------------------------------------


def _deployments(reader: Reader, window: Window) -> Iterator[Change]:
    sets, first = _listed(reader, "replicasets")
    found, second = _listed(reader, "deployments")
    for obj in found:
        history = revisions([item for item in sets if space_of(item) == space_of(obj)], name_of(obj))
        for newer, older in zip(history, [*history[1:], None], strict=True):
            when = _taken_up(obj, newer, older, newest=newer is history[0])
            if when is not None and window.since <= when <= window.until:
                yield _revision(obj, newer, older, when, (first, second))
        yield from _touched(obj, window, second, skip=("template",))


def _taken_up(obj: Mapping[str, Any], newer: Revision, older: Revision | None, *, newest: bool) -> datetime | None:
    """When a revision came into force: when its ReplicaSet was made; after a rollback, when the template was last changed."""
    if older is None or newer.created is None or older.created is None or newer.created >= older.created:
        return newer.created
    if not newest:
        return None
    return max(
        (
            told
            for item in parts(obj, "metadata.managedFields")
            if "f:template" in mapping(item, "fieldsV1.f:spec") and (told := moment(item, "time"))
        ),
        default=None,
    )


def _revision(
    obj: Mapping[str, Any], newer: Revision, older: Revision | None, when: datetime, evidence: tuple[str, ...]
) -> Change:
    changed = differences(older.template, newer.template) if older else []
    back = older is not None and newer.created is not None and older.created is not None and newer.created < older.created
    text = (
        "{kind} {name}: revision {revision}"
        + (" replaces {before}" if older else " is its first")
        + (", a rollback" if back else "")
    )
    text += "; change-cause: {cause}" if newer.cause else ""
    code = older is None or images(older.template) != images(newer.template)
    return _change(
        obj,
        "rollback" if back else "rollout",
        when,
        ("code", "infrastructure") if code else ("configuration", "infrastructure"),
        Statement(
            text=text,
            quotes=tuple(changed),
            evidence=evidence,
            values={
                "kind": kind_of(obj),
                "name": f"{space_of(obj)}/{name_of(obj)}",
                "revision": newer.number,
                "before": older.number if older else None,
                "cause": newer.cause,
            },
        ),
        reference=str(newer.number),
        words_=_words(changed),
    )


def _controllers(reader: Reader, window: Window, resource: str) -> Iterator[Change]:
    """StatefulSets and DaemonSets keep their revisions as ControllerRevisions."""
    found, evidence = _listed(reader, resource)
    if not found:
        return
    kept, second = _listed(reader, "controllerrevisions")
    for obj in found:
        own = sorted(
            (
                item
                for item in kept
                if space_of(item) == space_of(obj)
                and any(
                    words(owner, "name") == name_of(obj) and words(owner, "kind") == kind_of(obj)
                    for owner in parts(item, "metadata.ownerReferences")
                )
            ),
            key=lambda item: at(item, "revision") if isinstance(at(item, "revision"), int) else 0,
            reverse=True,
        )
        history = [
            Revision(
                at(item, "revision") or 0,
                name_of(item),
                mapping(item, "data.spec.template"),
                moment(item, "metadata.creationTimestamp"),
                "",
                0,
                0,
            )
            for item in own
        ]
        for newer, older in zip(history, [*history[1:], None], strict=True):
            if newer.created and window.since <= newer.created <= window.until:
                yield _revision(obj, newer, older, newer.created, (evidence, second))
        yield from _touched(obj, window, evidence, skip=("template",))


# --- edits ----------------------------------------------------------------------------------------------------------


def _edits(reader: Reader, window: Window, resource: str) -> Iterator[Change]:
    found, evidence = _listed(reader, resource)
    for obj in found:
        if labels(obj).get("owner") != "helm":
            yield from _touched(obj, window, evidence)


def _touched(obj: Mapping[str, Any], window: Window, evidence: str, skip: tuple[str, ...] = ()) -> Iterator[Change]:
    """Who wrote which fields, by managedFields: names of managers and fields, never values."""
    made = moment(obj, "metadata.creationTimestamp")
    for item in parts(obj, "metadata.managedFields"):
        when, manager = moment(item, "time"), words(item, "manager")
        if (
            when is None
            or not window.since <= when <= window.until
            or words(item, "subresource") == "status"
            or _MACHINES.fullmatch(manager)
        ):
            continue
        fields = [
            name for name in _fields(mapping(item, "fieldsV1")) if not any(name.startswith(f"spec.{part}") for part in skip)
        ]
        if not fields:
            continue
        new = made is not None and abs((when - made).total_seconds()) < 2
        shown = ", ".join(fields[:12]) + (f" and {len(fields) - 12} more" if len(fields) > 12 else "")
        text = (
            "{kind} {name} was made by {manager}: {fields}"
            if new
            else "{kind} {name} was written by {manager}, which manages {fields}"
        )
        yield _change(
            obj, "create" if new else "scale" if fields == ["spec.replicas"] else "edit", when, _classes(kind_of(obj)),
            Statement(text=text, evidence=(evidence,), values={
                "kind": kind_of(obj), "name": f"{space_of(obj)}/{name_of(obj)}", "manager": manager, "fields": shown,
            }), reference=words(obj, "metadata.resourceVersion"), words_=_words(fields),
        )  # fmt: skip


def _fields(node: Mapping[str, Any], way: str = "", depth: int = 0) -> Iterator[str]:
    """`data.mode`, `spec.replicas`: leaves of a managed set, at most three deep."""
    for key, inner in node.items():
        name = str(key)
        if not name.startswith("f:") or name in ("f:metadata", "f:status"):
            continue
        full = f"{way}.{name[2:]}" if way else name[2:]
        if isinstance(inner, Mapping) and any(str(part).startswith("f:") for part in inner) and depth < 2:
            yield from _fields(inner, full, depth + 1)
        else:
            yield full


def _classes(kind: str) -> tuple[ChangeClass, ...]:
    return ("configuration",) if kind in ("ConfigMap", "Secret") else ("infrastructure", "configuration")


# --- Helm, scaling, nodes -------------------------------------------------------------------------------------------


def _helm(reader: Reader, window: Window) -> Iterator[Change]:
    """Names and revisions of releases from the labels of their Secrets: what they hold is not read."""
    found, evidence = _listed(reader, "secrets", labels="owner=helm")
    for obj in found:
        told = labels(obj)
        when = moment(obj, "metadata.creationTimestamp")
        if when is not None and window.since <= when <= window.until and told.get("name"):
            yield _change(
                obj,
                "release",
                when,
                ("code", "configuration", "infrastructure"),
                Statement(
                    text="Helm release {release}: revision {revision} ({status})",
                    evidence=(evidence,),
                    values={
                        "release": f"{space_of(obj)}/{told['name']}",
                        "revision": told.get("version", ""),
                        "status": told.get("status", ""),
                    },
                ),
                reference=told.get("version", ""),
                name=told["name"],
            )


def _events(reader: Reader, window: Window) -> Iterator[Change]:
    found, evidence = _listed(reader, "events")
    if not found:
        reader.empty("events (clusters keep them for an hour)")
    for obj in found:
        kind, text = _EVENTS.get(words(obj, "reason"), ("", ""))
        when = moment(obj, "lastTimestamp") or moment(obj, "eventTime") or moment(obj, "firstTimestamp")
        if kind and when is not None and window.since <= when <= window.until:
            about = mapping(obj, "involvedObject")
            space, name = words(about, "namespace"), words(about, "name")
            component = f"{space}/{name}" if space else name
            yield _change(
                {
                    "kind": words(about, "kind"),
                    "metadata": {"name": name, "namespace": space if words(about, "kind") != "Node" else ""},
                },
                kind,
                when,
                ("runtime", "infrastructure"),
                Statement(
                    text=text, evidence=(evidence,), values={"component": component, "told": words(obj, "message")[:300]}
                ),
            )


def _change(
    obj: Mapping[str, Any],
    kind: str,
    when: datetime,
    classes: tuple[ChangeClass, ...],
    summary: Statement,
    *,
    reference: str = "",
    words_: tuple[str, ...] = (),
    name: str = "",
) -> Change:
    space, called = space_of(obj), name or name_of(obj)
    place = f"{space}/{called}" if space else called
    clues = (f"workload:{place}", f"word:{called}") if kind_of(obj) != "Node" else (f"host:{called}",)
    return Change(
        source="kubernetes",
        kind=kind,
        classes=classes,
        at=when,
        doubt_ms=1_000,
        stamp=when.strftime("%Y-%m-%dT%H:%M:%SZ"),
        component=f"{kind_of(obj)} {place}",
        reference=reference,
        summary=summary,
        clues=clues,
        words=words_,
    )


def _words(lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for line in lines for word in _WORD.findall(line)))[:60]
