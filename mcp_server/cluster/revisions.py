"""Revisions of a workload: what differs between two pod templates, and the ReplicaSets of a Deployment in their order."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mcp_server.cluster.objects import Object, at, labels, mapping, moment, name_of, number, parts, words

MOST = 40
_SECRET = re.compile(r"pass|secret|token|key|cred|auth|private|salt|cert|session|dsn|webhook", re.I)
_SILENT = ("pod-template-hash", "controller-revision-hash")
_NAMED = ("name", "containerPort", "mountPath", "key", "topologyKey")


@dataclass(frozen=True)
class Revision:
    """One revision, as its ReplicaSet keeps it."""

    number: int
    name: str
    template: Mapping[str, Any]
    created: datetime | None
    cause: str
    replicas: int
    ready: int


def revisions(sets: list[Object], owner: str) -> list[Revision]:
    """ReplicaSets of a Deployment, newest revision first."""
    found = []
    for obj in sets:
        if any(
            words(item, "kind") == "Deployment" and words(item, "name") == owner
            for item in parts(obj, "metadata.ownerReferences")
        ):
            notes = labels(obj, "metadata.annotations")
            revision = notes.get("deployment.kubernetes.io/revision", "")
            found.append(
                Revision(
                    int(revision) if revision.isdecimal() else 0,
                    name_of(obj),
                    mapping(obj, "spec.template"),
                    moment(obj, "metadata.creationTimestamp"),
                    notes.get("kubernetes.io/change-cause", ""),
                    number(obj, "spec.replicas") or 0,
                    number(obj, "status.readyReplicas") or 0,
                )
            )
    return sorted(found, key=lambda item: -item.number)


def images(template: Mapping[str, Any]) -> tuple[str, ...]:
    """Images of its containers, in their order."""
    return tuple(words(item, "image") for item in parts(template, "spec.containers"))


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Lines such as `spec.containers[app].image: api:1 → api:2`; values of what sounds like a secret are left out."""
    lines = [line for line in _walk(before, after, "") if not any(name in line for name in _SILENT)]
    return lines if len(lines) <= MOST else [*lines[:MOST], f"and {len(lines) - MOST} more differences"]


def _walk(before: Any, after: Any, way: str) -> Iterator[str]:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys((*before, *after)):
            yield from _walk(before.get(key), after.get(key), f"{way}.{key}" if way else str(key))
    elif isinstance(before, list) and isinstance(after, list) and _keyed(before) and _keyed(after):
        old, new = _keyed(before), _keyed(after)
        for name in dict.fromkeys((*old, *new)):
            if name in old and name in new and way.endswith(".env"):
                if old[name] != new[name]:
                    yield f"{way}[{name}]: {_value(name, old[name])} → {_value(name, new[name])}"
            else:
                yield from _walk(old.get(name), new.get(name), f"{way}[{name}]")
    else:
        yield f"{way}: {_value(way, before)} → {_value(way, after)}"


def _keyed(items: list[Any]) -> dict[str, Any]:
    """Members of a list by what names them; empty where that is not possible."""
    for key in _NAMED:
        found = {str(item[key]): item for item in items if isinstance(item, Mapping) and key in item}
        if len(found) == len(items):
            return found
    return {}


def _value(name: str, value: Any) -> str:
    if value is None:
        return "(absent)"
    if isinstance(value, Mapping) and "name" in value and ("value" in value or "valueFrom" in value):
        if "valueFrom" in value:
            inner: Any = next(iter(mapping(value, "valueFrom").values()), {})
            return f"from {at(inner, 'name')}:{at(inner, 'key')}" if isinstance(inner, Mapping) else "from elsewhere"
        return _value(str(value["name"]), value["value"])
    if _SECRET.search(name.rpartition(".")[2]) and not isinstance(value, bool | int):
        return "(not told)"
    text = " ".join(str(value).split())
    return text if len(text) <= 160 else text[:159].rpartition(" ")[0] + " …"
