"""Who stands on whom in a cluster: Ingress → Service → workload → node; ConfigMaps, Secrets, claims, addresses in settings."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mcp_server.cluster.objects import at, containers, key_of, labels, mapping, name_of, parts, space_of, words
from mcp_server.cluster.world import Cluster, is_done, template
from mcp_server.core.edge import Component, Edge, EdgeScope, EdgeSource, Relation
from mcp_server.core.kubernetes_calls import ReadObjects
from mcp_server.core.reader import Reader

EDGE_SOURCE = EdgeSource(
    question="Which Ingress leads to which Service, which Service to which pods, and what do workloads stand on?",
    places=("k8s",),
    timeout_s=20.0,
)

MOST = 10_000
_LISTED = ("services", "deployments", "statefulsets", "daemonsets", "cronjobs", "ingresses", "configmaps")
_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?(?:[^@/\s]*@)?([a-z][a-z0-9-]*)((?:\.[a-z0-9-]+)*):(\d{2,5})(?:[/?].*)?")


def collect(reader: Reader, scope: EdgeScope) -> Iterator[Edge]:
    """Objects of the place; what may not be listed leaves out its own edges only."""
    objects: list[Mapping[str, Any]] = []
    evidence: dict[str, str] = {}
    for resource in (*_LISTED, "replicasets", "pods"):
        with reader.part(resource):
            seen = reader.look(ReadObjects(resource=resource, limit=MOST))
            objects += seen.value.items
            evidence[resource] = seen.evidence
            if seen.value.cut:
                reader.cut(resource, "name a namespace: k8s://CONTEXT/NAMESPACE")
    cluster = Cluster(objects)
    cite = tuple(evidence.values())
    for ingress in cluster.all("Ingress"):
        yield from _ingress(cluster, ingress, (evidence["ingresses"],))
    for service in cluster.all("Service"):
        yield from _service(cluster, service, cite)
    for maker in cluster.workloads:
        yield from _workload(cluster, maker, cite)
    if not objects:
        reader.empty("objects of this place")


def component(obj: Mapping[str, Any]) -> Component:
    """`workload:shop/api`, `service:shop/api`."""
    return Component(kind="service" if obj.get("kind") == "Service" else "workload", name=_name(obj))


def _name(obj: Mapping[str, Any]) -> str:
    return f"{space_of(obj)}/{name_of(obj)}"[:500]


def _ingress(cluster: Cluster, ingress: Mapping[str, Any], evidence: tuple[str, ...]) -> Iterator[Edge]:
    this = Component(kind="service", name=f"ingress {_name(ingress)}"[:500])
    for rule in parts(ingress, "spec.rules"):
        for path in parts(rule, "http.paths"):
            name = words(path, "backend.service.name") or words(path, "backend.serviceName")
            if name:
                far = Component(kind="service", name=f"{space_of(ingress)}/{name}")
                yield _edge(this, far, "proxies", evidence, 1.0, f"{words(rule, 'host')}{words(path, 'path')}")


def _service(cluster: Cluster, service: Mapping[str, Any], evidence: tuple[str, ...]) -> Iterator[Edge]:
    space, selector = space_of(service), labels(service, "spec.selector")
    makers = {key_of(maker): maker for maker in cluster.makers(space, selector)} if selector else {}
    for maker in makers.values():
        pods = [pod for pod in cluster.selected(space, selector) if cluster.root(pod) == key_of(maker) and not is_done(pod)]
        yield _edge(
            component(service),
            component(maker),
            "proxies",
            evidence,
            1.0 if pods else 0.7,
            f"selector, {len(pods)} pods",
            observed=bool(pods),
        )
    external = words(service, "spec.externalName")
    if external:
        yield _edge(
            component(service), Component(kind="external", name=external[:500]), "resolves", evidence, 1.0, "externalName"
        )


def _workload(cluster: Cluster, maker: Mapping[str, Any], evidence: tuple[str, ...]) -> Iterator[Edge]:
    this, space, spec = component(maker), space_of(maker), mapping(template(maker), "spec")
    placed: dict[str, int] = defaultdict(int)
    for pod in cluster.pods_of(key_of(maker)):
        if words(pod, "spec.nodeName") and not is_done(pod):
            placed[words(pod, "spec.nodeName")] += 1
    for node, count in sorted(placed.items())[:50]:
        yield _edge(this, Component(kind="host", name=node), "runs", evidence, 1.0, f"{count} pods", observed=True)
    for kind, name in dict.fromkeys(_named(spec)):
        far = Component(kind="volume" if kind == "PersistentVolumeClaim" else "file", name=f"{kind} {space}/{name}"[:500])
        yield _edge(this, far, "attached" if kind == "PersistentVolumeClaim" else "configured", evidence, 1.0, kind)
    for variable, value in _settings(cluster, space, spec):
        match = _ADDRESS.fullmatch(value.strip().lower()) if len(value) < 300 else None
        if match is None or match[1] == "localhost":
            continue
        domain = match[2].removesuffix(".cluster.local").removesuffix(".svc").lstrip(".")
        where = domain if domain and "." not in domain else space
        if "." not in domain and cluster.get("Service", where, match[1]) is not None:
            yield _edge(
                this,
                Component(kind="service", name=f"{where}/{match[1]}"),
                "configured",
                evidence,
                0.9,
                f"{variable} {value}"[:300],
            )
        elif "." in match[2]:
            far = Component(kind="external", name=f"{match[1]}{match[2]}:{match[3]}"[:500])
            yield _edge(this, far, "configured", evidence, 0.6, f"{variable} {value}"[:300])


def _named(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(kind, name) of what pods need to start."""
    for _, container in containers(spec):
        for env in parts(container, "env"):
            for way, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
                if name := words(env, f"valueFrom.{way}.name"):
                    yield kind, name
        for env in parts(container, "envFrom"):
            for way, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if name := words(env, f"{way}.name"):
                    yield kind, name
    for volume in parts(spec, "volumes"):
        for way, kind in (
            ("configMap.name", "ConfigMap"),
            ("secret.secretName", "Secret"),
            ("persistentVolumeClaim.claimName", "PersistentVolumeClaim"),
        ):
            if name := words(volume, way):
                yield kind, name


def _settings(cluster: Cluster, space: str, spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for _, container in containers(spec):
        for env in parts(container, "env"):
            if isinstance(env.get("value"), str):
                yield words(env, "name"), env["value"]
            elif name := words(env, "valueFrom.configMapKeyRef.name"):
                held = at(cluster.get("ConfigMap", space, name), "data")
                value = held.get(words(env, "valueFrom.configMapKeyRef.key")) if isinstance(held, Mapping) else None
                if isinstance(value, str):
                    yield words(env, "name"), value
        for env in parts(container, "envFrom"):
            for key, value in mapping(cluster.get("ConfigMap", space, words(env, "configMapRef.name")), "data").items():
                if isinstance(value, str):
                    yield str(key), value


def _edge(
    near: Component,
    far: Component,
    relation: Relation,
    evidence: Sequence[str],
    sure: float,
    detail: str,
    *,
    observed: bool = False,
) -> Edge:
    return Edge(
        source="kubernetes",
        dependent=near,
        dependency=far,
        relation=relation,
        observed=observed,
        confidence=sure,
        evidence=tuple(evidence)[:6],
        detail=detail[:300],
    )
