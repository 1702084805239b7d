"""ConfigMaps, Secrets and keys that a pod names and that are not there; names that its environment cannot hold."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mcp_server.cluster.cause import DOWN, Cause, CauseType
from mcp_server.cluster.objects import Key, Object, at, containers, key_of, mapping, nearest, parts, space_of, words
from mcp_server.cluster.patterns import Pattern
from mcp_server.cluster.pods import every_container
from mcp_server.cluster.world import Cluster, is_ready, spec_way, template

_MEANING = "The kubelet cannot build the container's environment or volumes, so it never starts."
_EXPLAINS = (*DOWN, "mount_failed", "container_not_created")

CONFIGMAP = CauseType(
    code="configmap_missing",
    text="{whose} needs ConfigMap {name}, which does not exist in namespace {namespace} (similar: {near})",
    confirm="kubectl -n {namespace} get configmap {name}",
    meaning=_MEANING, explains=_EXPLAINS,
)  # fmt: skip
SECRET = CauseType(
    code="secret_missing",
    text="{whose} needs Secret {name}, which does not exist in namespace {namespace} (similar: {near})",
    confirm="kubectl -n {namespace} get secret {name}",
    meaning=_MEANING, explains=_EXPLAINS,
)  # fmt: skip
KEY = CauseType(
    code="key_missing",
    text="{whose} needs key {key} of {kind} {name}, which does not hold it (similar: {near})",
    confirm="list the keys of {kind} {name} in namespace {namespace}",
    meaning=_MEANING, explains=_EXPLAINS,
)  # fmt: skip
TWICE = CauseType(
    code="env_defined_twice",
    text="container {container} defines the environment variable {name} twice with different values: the last one wins",
    confirm="find out which of the two is meant; compare with the revision before",
    meaning="A later entry silently replaces the value that was meant.", severity="warning",
)  # fmt: skip

_NO_CONFIGMAP = Pattern(r'configmaps? "([^"]+)" not found|configmap references non-existent config key: (\S+)', re.I)
_NO_SECRET = Pattern(r'secrets? "([^"]+)" not found|references non-existent secret key: (\S+)', re.I)
_NO_KEY = Pattern(r"couldn't find key (\S+) in (ConfigMap|Secret) (?:([^\s/]+)/)?(\S+)", re.I)


def find(cluster: Cluster) -> Iterator[Cause]:
    """What the kubelet says, then what the objects show."""
    for item in every_container(cluster):
        if item.waiting == "CreateContainerConfigError":
            yield from _said(cluster, item.pod, f"container {item.name}", item.message, item.state(), item.way)
    for pod in cluster.all("Pod"):
        if not is_ready(pod):
            for event in cluster.events(pod, "FailedMount", "Failed"):
                yield from _said(cluster, pod, "a volume", event.message, event.line(), "")
    for obj in cluster.workloads:
        yield from _declared(cluster, obj)
        yield from _doubled(cluster, obj)


def _said(cluster: Cluster, pod: Object, whose: str, message: str, quote: str, way: str) -> Iterator[Cause]:
    space = space_of(pod)
    if match := _NO_KEY.search(message):
        name = match[4].rstrip(":,.")
        yield _key(cluster, pod, whose, match[2], name, match[1], quote, way)
        return
    for kind, pattern, form in ((CONFIGMAP, _NO_CONFIGMAP, "ConfigMap"), (SECRET, _NO_SECRET, "Secret")):
        if match := pattern.search(message):
            if match[2]:
                name = _only(pod, form)
                yield _key(cluster, pod, whose, form, name, match[2], quote, way)
                continue
            if cluster.get(form, space, match[1]) is not None:
                continue  # it was created since
            key, field = cluster.mend(pod, _where(mapping(pod, "spec"), form, match[1]) or way)
            yield kind.of(
                key, field, "high", touches=[key_of(pod), (form, space, match[1])], quotes=[quote], whose=whose, name=match[1],
                namespace=space, near=nearest(match[1], cluster.names(form, space)) or "none",
            )  # fmt: skip


def _key(cluster: Cluster, pod: Object, whose: str, form: str, name: str, key: str, quote: str, way: str) -> Cause:
    there = list(mapping(cluster.get(form, space_of(pod), name), "data")) if name else []
    where, field = cluster.mend(pod, _where(mapping(pod, "spec"), form, name, key) or way)
    return KEY.of(
        where,
        field,
        "high",
        touches=[key_of(pod), (form, space_of(pod), name)],
        quotes=[quote],
        whose=whose,
        key=key,
        kind=form,
        name=name,
        namespace=space_of(pod),
        near=nearest(key, there) or "none",
    )


def _only(pod: Object, form: str) -> str:
    names = {name for _, kind, name, _, _ in references(mapping(pod, "spec")) if kind == form}
    return names.pop() if len(names) == 1 else "(see the quote)"


def references(spec: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str, bool]]:
    """(field, ConfigMap or Secret, name, key or empty, optional) of everything a pod's specification names."""
    for way, container in containers(spec):
        for index, env in enumerate(parts(container, "env")):
            for ref, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
                if found := mapping(env, f"valueFrom.{ref}"):
                    yield (
                        f"{way}.env[{index}].valueFrom.{ref}",
                        kind,
                        words(found, "name"),
                        words(found, "key"),
                        at(found, "optional") is True,
                    )
        for index, env in enumerate(parts(container, "envFrom")):
            for ref, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if found := mapping(env, ref):
                    yield f"{way}.envFrom[{index}].{ref}", kind, words(found, "name"), "", at(found, "optional") is True
    for index, volume in enumerate(parts(spec, "volumes")):
        for place, found in ((f"volumes[{index}]", volume), *((f"volumes[{index}].projected.sources[{number}]", source)
                             for number, source in enumerate(parts(volume, "projected.sources")))):  # fmt: skip
            for ref, kind, name in (("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName")):
                if held := mapping(found, ref):
                    called = words(held, name) or words(held, "name")
                    optional = at(held, "optional") is True
                    yield f"{place}.{ref}", kind, called, "", optional
                    for item in parts(held, "items"):
                        yield f"{place}.{ref}.items", kind, called, words(item, "key"), optional


def _where(spec: Mapping[str, Any], form: str, name: str, key: str = "") -> str:
    for field, kind, called, wanted, _ in references(spec):
        if kind == form and called == name and (not key or wanted == key):
            return field
    return ""


def _declared(cluster: Cluster, obj: Object) -> Iterator[Cause]:
    """References to what is certainly not there. A pod that is ready has got what it asked for when it started."""
    spec, space = mapping(template(obj), "spec"), space_of(obj)
    pods = cluster.pods_of(key_of(obj))
    seen: set[tuple[str, str]] = set()
    for field, kind, name, key, optional in references(spec):
        if optional or not name or (kind, name) in seen:
            continue
        touches: list[Key] = [*map(key_of, pods), (kind, space, name)]
        form = CONFIGMAP if kind == "ConfigMap" else SECRET
        held = cluster.get(kind, space, name)
        if held is None and cluster.absent(kind, space, name):
            seen.add((kind, name))
            ready = bool(pods) and all(map(is_ready, pods))
            yield form.on(
                obj,
                f"{spec_way(obj)}.{field}",
                "medium",
                touches=touches,
                severity="warning" if ready else None,
                whose="the next pod" if ready else "a pod",
                name=name,
                namespace=space,
                near=nearest(name, cluster.names(kind, space)) or "none",
            )
        elif held is not None and key and kind == "ConfigMap" and "data" in held:
            there = [*mapping(held, "data"), *mapping(held, "binaryData")]
            if key not in there:
                yield KEY.on(
                    obj, f"{spec_way(obj)}.{field}", "medium", touches=touches, whose="a pod", key=key, kind=kind, name=name,
                    namespace=space, near=nearest(key, there) or "none",
                    severity="warning" if pods and all(map(is_ready, pods)) else None,
                )  # fmt: skip


def _doubled(cluster: Cluster, obj: Object) -> Iterator[Cause]:
    for way, container in containers(mapping(template(obj), "spec")):
        values: dict[str, object] = {}
        for index, env in enumerate(parts(container, "env")):
            name, value = words(env, "name"), env.get("value", env.get("valueFrom"))
            if name in values and values[name] != value:
                yield TWICE.on(
                    obj, f"{spec_way(obj)}.{way}.env[{index}]", "high", container=words(container, "name"), name=name,
                    touches=map(key_of, cluster.pods_of(key_of(obj))),
                )  # fmt: skip
            values.setdefault(name, value)
