"""Gateways and their routes: nobody takes them up, or they lead to a Service or port that is not there."""

from collections.abc import Iterator, Mapping
from typing import Any

from mcp_server.cluster.cause import Cause, CauseType
from mcp_server.cluster.objects import Object, key_of, labels, moment, name_of, nearest, number, parts, space_of, words
from mcp_server.cluster.world import Cluster, is_done, is_ready

_MEANING = "Requests that the route matches are answered with an error by the gateway, or never reach it."

BACKEND = CauseType(
    code="route_backend_missing",
    text="its rule leads to {backend}, which {why} (similar: {near})",
    confirm="compare backendRefs with the Services of namespace {namespace} and their ports; status.parents of the route tells "
    "what its controller sees",
    meaning=_MEANING,
)  # fmt: skip
NO_READY = CauseType(
    code="route_no_ready_backend",
    text="its rule leads to Service {service}, behind which no pod is ready",
    confirm="find out why the Service has no endpoints",
    meaning=_MEANING,
)  # fmt: skip
REFUSED = CauseType(
    code="route_not_accepted",
    text="{parent} does not accept it ({reason}): {why}",
    confirm="compare parentRefs, hostnames and sectionName of the route with the gateway's listeners and their allowedRoutes",
    meaning=_MEANING,
)  # fmt: skip
GATEWAY = CauseType(
    code="gateway_not_programmed",
    text="the gateway is not in force ({reason}): {why}",
    confirm="see whether the controller of GatewayClass {name} runs and has accepted the class; read its log",
    meaning="Nothing that is attached to it is reachable.", explains=("route_not_accepted", "route_no_ready_backend"),
)  # fmt: skip

_KINDS = ("HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute", "UDPRoute")
_LATE_S = 60.0


def find(cluster: Cluster) -> Iterator[Cause]:
    """Routes by what they name, then by what their controllers say; gateways by their own conditions."""
    for kind in _KINDS:
        for route in cluster.all(kind):
            yield from _route(cluster, route)
    for gateway in cluster.all("Gateway"):
        if words(gateway, "apiVersion").startswith("gateway.networking.k8s.io/"):
            yield from _gateway(cluster, gateway)


def _route(cluster: Cluster, route: Object) -> Iterator[Cause]:
    told = False
    for index, rule in enumerate(parts(route, "spec.rules")):
        for place, backend in enumerate(parts(rule, "backendRefs")):
            if words(backend, "kind") in ("", "Service"):
                for cause in _backend(cluster, route, f"spec.rules[{index}].backendRefs[{place}]", backend):
                    told = True
                    yield cause
    for parent in parts(route, "status.parents"):
        states = {words(item, "type"): item for item in parts(parent, "conditions")}
        quotes = [
            f"condition {words(item, 'type')}=False: {words(item, 'reason')}: {words(item, 'message')}"
            for item in states.values()
            if words(item, "status") == "False"
        ]
        gate = f"{words(parent, 'parentRef.kind') or 'Gateway'} {words(parent, 'parentRef.name')}"
        above = ("Gateway", words(parent, "parentRef.namespace") or space_of(route), words(parent, "parentRef.name"))
        for kind, form in (("Accepted", REFUSED), ("ResolvedRefs", BACKEND)):
            state = states.get(kind, {})
            if words(state, "status") != "False" or (form is BACKEND and told):
                continue
            common: dict[str, Any] = {"touches": [above], "quotes": quotes, "at": moment(state, "lastTransitionTime")}
            reason, why = words(state, "reason"), words(state, "message")
            if form is REFUSED:
                yield REFUSED.on(route, "spec.parentRefs", "high", **common, parent=gate, reason=reason, why=why)
            else:
                values: dict[str, Any] = {"backend": "a reference", "why": f"is not resolved ({reason}): {why}", "near": "none"}
                yield BACKEND.on(route, "spec.rules[].backendRefs", "high", **common, **values, namespace=space_of(route))


def _backend(cluster: Cluster, route: Object, field: str, backend: Mapping[str, Any]) -> Iterator[Cause]:
    space, name, port = words(backend, "namespace") or space_of(route), words(backend, "name"), number(backend, "port")
    service = cluster.get("Service", space, name)
    touches = [("Service", space, name)]
    if service is None:
        if name and cluster.absent("Service", space, name):
            yield BACKEND.on(
                route, f"{field}.name", "high", touches=touches, backend=f"Service {space}/{name}", why="does not exist",
                near=nearest(name, cluster.names("Service", space)) or "none", namespace=space,
            )  # fmt: skip
        return
    ports = [value for item in parts(service, "spec.ports") if (value := number(item, "port")) is not None]
    if port is not None and ports and port not in ports:
        yield BACKEND.on(
            route, f"{field}.port", "high", touches=touches, backend=f"port {port} of Service {name}",
            why=f"has only {', '.join(map(str, ports))}", near="none", namespace=space,
        )  # fmt: skip
    selector = labels(service, "spec.selector")
    pods = [pod for pod in cluster.selected(space, selector) if not is_done(pod)] if selector else []
    if selector and not any(map(is_ready, pods)) and (pods or cluster.knows("Pod", space)):
        touches += [*map(key_of, pods), *map(key_of, cluster.makers(space, selector))]
        yield NO_READY.on(route, field, "high", touches=touches, service=name)


def _gateway(cluster: Cluster, gateway: Object) -> Iterator[Cause]:
    age = cluster.age(moment(gateway, "metadata.creationTimestamp"))
    if age is not None and age < _LATE_S:
        return
    states = {words(item, "type"): item for item in parts(gateway, "status.conditions")}
    known = [states[kind] for kind in ("Accepted", "Programmed") if kind in states]
    bad = next((item for item in known if words(item, "status") in ("False", "Unknown")), None)
    if bad is not None:
        reason, why = words(bad, "reason"), words(bad, "message")
        yield GATEWAY.on(
            gateway, f"status.conditions[{words(bad, 'type')}]", "high", reason=reason, why=why,
            at=moment(bad, "lastTransitionTime"), name=words(gateway, "spec.gatewayClassName") or name_of(gateway),
            quotes=[f"condition {words(bad, 'type')}={words(bad, 'status')}: {reason}: {why}"],
        )  # fmt: skip
