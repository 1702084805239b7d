"""Ingresses whose requests end nowhere: backend, port, class, certificate."""

from collections.abc import Iterator, Mapping
from typing import Any

from mcp_server.cluster.cause import Cause, CauseType
from mcp_server.cluster.objects import (
    Object,
    condition,
    key_of,
    labels,
    mapping,
    moment,
    name_of,
    nearest,
    number,
    parts,
    space_of,
    texts,
    words,
)
from mcp_server.cluster.world import Cluster, is_done, is_ready

_MEANING = "Requests for that host and path are answered with 404 or 503 by the controller."

BACKEND = CauseType(
    code="ingress_backend_missing",
    text="{route} leads to Service {service}, which does not exist (similar: {near})",
    confirm="kubectl -n {namespace} get service {service}",
    meaning=_MEANING,
)  # fmt: skip
PORT = CauseType(
    code="ingress_port_missing",
    text="{route} leads to port {port} of Service {service}, which has {ports}",
    confirm="compare the backend's port with the Service's ports, by number or by name",
    meaning=_MEANING,
)  # fmt: skip
NO_READY = CauseType(
    code="ingress_no_ready_backend",
    text="{route} leads to Service {service}, behind which no pod is ready",
    confirm="find out why the Service has no endpoints",
    meaning=_MEANING,
)  # fmt: skip
CLASS = CauseType(
    code="ingress_class_missing",
    text="its class {name} does not exist (there are: {known}), so no controller takes it up",
    confirm="kubectl get ingressclass",
    meaning="No controller serves it.",
)  # fmt: skip
TLS = CauseType(
    code="ingress_tls_missing",
    text="Secret {secret} with the certificate of {hosts} does not exist in namespace {namespace}",
    confirm="kubectl -n {namespace} get secret {secret}; it must be of type kubernetes.io/tls and in the Ingress's namespace",
    meaning="The controller serves a certificate of its own, which clients do not trust.", severity="warning",
)  # fmt: skip
TLS_KEYS = CauseType(
    code="ingress_tls_unusable",
    text="Secret {secret} with the certificate of {hosts} holds no tls.crt and tls.key (its keys: {keys}; its type: {type})",
    confirm="kubectl -n {namespace} describe secret {secret}; make it with kubectl create secret tls",
    meaning="The controller serves a certificate of its own, which clients do not trust.", severity="warning",
)  # fmt: skip
MISROUTED = CauseType(
    code="ingress_misrouted",
    text="{route} leads to Service {service}, although there is a Service named as the path says: {expected}",
    confirm="ask that path and see which program answers; compare with the Ingress before its last change",
    meaning="Requests reach a program that does not know them.", severity="warning",
)  # fmt: skip
HOST_TWICE = CauseType(
    code="ingress_route_twice",
    text="{route} is also claimed by Ingress {other}, for another Service",
    confirm="see in the controller's log which of the two it took",
    meaning="Which of the two answers is not defined.", severity="warning",
)  # fmt: skip
CERTIFICATE = CauseType(
    code="certificate_not_ready",
    text="the certificate for {names} is not issued or has run out: {why}",
    confirm="describe its CertificateRequest and, with ACME, its Order and Challenge",
    meaning="Whoever checks the certificate refuses the connection.",
    explains=("certificate_expired", "ingress_tls_missing", "webhook_unreachable"),
)


def find(cluster: Cluster) -> Iterator[Cause]:
    """Every route of every Ingress; certificates of cert-manager."""
    claimed: dict[tuple[str, str, str], tuple[Object, str]] = {}
    for ingress in cluster.all("Ingress"):
        yield from _class(cluster, ingress)
        yield from _tls(cluster, ingress)
        for field, host, path, backend in _routes(ingress):
            yield from _backend(cluster, ingress, field, host, path, backend)
            yield from _twice(ingress, field, host, path, backend, claimed)
    for certificate in cluster.all("Certificate"):
        yield from _certificate(cluster, certificate)


def _routes(ingress: Object) -> Iterator[tuple[str, str, str, Mapping[str, Any]]]:
    for way in ("spec.defaultBackend", "spec.backend"):
        if found := mapping(ingress, way):
            yield way, "", "(default backend)", found
    for index, rule in enumerate(parts(ingress, "spec.rules")):
        for place, path in enumerate(parts(rule, "http.paths")):
            yield (
                f"spec.rules[{index}].http.paths[{place}].backend",
                words(rule, "host"),
                words(path, "path") or "/",
                mapping(path, "backend"),
            )


def _named(backend: Mapping[str, Any]) -> tuple[str, int | str | None]:
    """(Service, port by number or name) of a backend, in the form of v1 or of the versions before."""
    name = words(backend, "service.name") or words(backend, "serviceName")
    port = number(backend, "service.port.number") or words(backend, "service.port.name") or backend.get("servicePort")
    return name, port if isinstance(port, int | str) else None


def _backend(
    cluster: Cluster, ingress: Object, field: str, host: str, path: str, backend: Mapping[str, Any]
) -> Iterator[Cause]:
    space, (name, port) = space_of(ingress), _named(backend)
    if not name:
        return  # a resource backend
    route = f"{host}{path}"
    service = cluster.get("Service", space, name)
    told = texts(ingress, "spec.toldMissing")
    touches = [("Service", space, name)]
    if service is None:
        if cluster.absent("Service", space, name) or cluster.names("Service", space) or name in told:
            yield BACKEND.on(
                ingress,
                f"{field}.service.name",
                "high" if cluster.knows("Service", space) else "medium",
                touches=touches,
                route=route,
                service=name,
                namespace=space,
                near=nearest(name, cluster.names("Service", space)) or "none",
            )
        return
    ports = parts(service, "spec.ports")
    known = {number(item, "port") for item in ports} | {words(item, "name") for item in ports}
    if port not in (None, "", *known) and str(port) not in {str(item) for item in known if item}:
        shown = ", ".join(f"{words(item, 'name')}:{number(item, 'port')}".lstrip(":") for item in ports) or "no ports"
        yield PORT.on(
            ingress, f"{field}.service.port", "high", touches=touches, route=route, port=port, service=name, ports=shown
        )
    selector = labels(service, "spec.selector")
    pods = [pod for pod in cluster.selected(space, selector) if not is_done(pod)] if selector else []
    if selector and not any(map(is_ready, pods)) and (pods or cluster.knows("Pod", space)):
        touches += [*map(key_of, pods), *map(key_of, cluster.makers(space, selector))]
        yield NO_READY.on(ingress, field, "high", touches=touches, route=route, service=name)
    first = path.strip("/").partition("/")[0]
    if (
        first
        and first != name
        and first not in name
        and name not in first
        and (meant := cluster.get("Service", space, first)) is not None
    ):
        yield MISROUTED.on(
            ingress,
            f"{field}.service.name",
            "medium",
            touches=[*touches, key_of(meant)],
            route=route,
            service=name,
            expected=first,
        )


def _twice(
    ingress: Object,
    field: str,
    host: str,
    path: str,
    backend: Mapping[str, Any],
    claimed: dict[tuple[str, str, str], tuple[Object, str]],
) -> Iterator[Cause]:
    if not host or path.startswith("("):
        return
    named = words(ingress, "spec.ingressClassName")
    before, service = claimed.setdefault((named, host, path), (ingress, f"{space_of(ingress)}/{_named(backend)[0]}"))
    mine = f"{space_of(ingress)}/{_named(backend)[0]}"
    canary = labels(ingress, "metadata.annotations").get("nginx.ingress.kubernetes.io/canary") or labels(
        before, "metadata.annotations"
    ).get("nginx.ingress.kubernetes.io/canary")
    if before is not ingress and service != mine and canary != "true":
        yield HOST_TWICE.on(
            ingress,
            field,
            "medium",
            touches=[key_of(before)],
            route=f"{host}{path}",
            other=f"{space_of(before)}/{name_of(before)}",
        )


def _class(cluster: Cluster, ingress: Object) -> Iterator[Cause]:
    name = words(ingress, "spec.ingressClassName")
    if name and cluster.absent("IngressClass", "", name):
        yield CLASS.on(
            ingress, "spec.ingressClassName", "high", name=name, known=", ".join(cluster.names("IngressClass")[:8]) or "none"
        )


def _tls(cluster: Cluster, ingress: Object) -> Iterator[Cause]:
    space = space_of(ingress)
    for index, tls in enumerate(parts(ingress, "spec.tls")):
        name = words(tls, "secretName")
        hosts = ", ".join(str(host) for host in tls.get("hosts") or ()) or "its hosts"
        held = cluster.get("Secret", space, name)
        if held is not None and "data" in held and not {"tls.crt", "tls.key"} <= {*mapping(held, "data")}:
            yield TLS_KEYS.on(
                ingress, f"spec.tls[{index}].secretName", "high", touches=[key_of(held)], secret=name, hosts=hosts,
                keys=", ".join(mapping(held, "data")) or "none", type=words(held, "type") or "not told", namespace=space,
            )  # fmt: skip
        if name and cluster.absent("Secret", space, name):
            yield TLS.on(
                ingress,
                f"spec.tls[{index}].secretName",
                "high",
                touches=[("Secret", space, name)],
                secret=name,
                hosts=hosts,
                namespace=space,
            )


def _certificate(cluster: Cluster, certificate: Object) -> Iterator[Cause]:
    ready, ends = condition(certificate, "Ready"), moment(certificate, "status.notAfter")
    left = cluster.age(ends)
    if words(ready, "status") == "False" or (left is not None and left > 0):
        why = words(ready, "message") or f"it ran out at {words(certificate, 'status.notAfter')}"
        yield CERTIFICATE.on(
            certificate,
            "status.conditions[Ready]",
            "high",
            touches=[("Secret", space_of(certificate), words(certificate, "spec.secretName"))],
            names=", ".join(texts(certificate, "spec.dnsNames")) or name_of(certificate),
            why=why,
            quotes=[f"condition Ready={words(ready, 'status')}: {words(ready, 'reason')}: {words(ready, 'message')}"],
        )
