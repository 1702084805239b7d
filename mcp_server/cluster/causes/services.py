"""Services that lead nowhere: selector, port, protocol, address."""

import difflib
import re
from collections.abc import Iterator
from typing import Any

from mcp_server.cluster.cause import CALLS, Cause, CauseType
from mcp_server.cluster.objects import (
    Object,
    at,
    containers,
    key_of,
    labels,
    mapping,
    moment,
    name_of,
    number,
    parts,
    space_of,
    texts,
    words,
)  # fmt: skip
from mcp_server.cluster.pods import refusals
from mcp_server.cluster.world import Cluster, is_done, is_ready, template, template_labels

_MEANING = "Whoever calls the Service is refused or waits."
_UP = (
    "service_no_ready_endpoints",
    "ingress_no_ready_backend",
    "route_no_ready_backend",
    "webhook_unreachable",
    "apiservice_unavailable",
    *CALLS,
)

SELECTOR = CauseType(
    code="service_selector_mismatch",
    text="its selector {selector} matches no pod (nearest workload: {near})",
    confirm="kubectl get pods --show-labels in namespace {namespace}, and compare",
    meaning=_MEANING, explains=_UP,
)  # fmt: skip
TARGET = CauseType(
    code="service_target_port_mismatch",
    text="port {port} leads to target port {target}, which no container of {workload} declares (declared: {declared})",
    confirm="connect to the pod's own address on {target} and on the declared ports: which one answers?",
    meaning=_MEANING, explains=_UP,
)  # fmt: skip
NAMED = CauseType(
    code="service_named_port_missing",
    text="port {port} leads to the port named {target}, which no container of {workload} has (there are: {declared})",
    confirm="compare targetPort with ports[].name of the containers",
    meaning=_MEANING, explains=(*_UP, "endpoints_not_written"),
)  # fmt: skip
PROTOCOL = CauseType(
    code="service_protocol_mismatch",
    text="port {port} forwards {protocol}, but {workload} declares {target} as {declared}",
    confirm="compare protocol of the Service's port with that of the container's port and with what the program speaks",
    meaning=_MEANING, explains=_UP,
)  # fmt: skip
NO_READY = CauseType(
    code="service_no_ready_endpoints",
    text="none of its {count} pods is ready, so it has no endpoints",
    confirm="find out why the pods of {workload} are not ready",
    meaning=_MEANING, explains=("ingress_no_ready_backend", "route_no_ready_backend"),
)  # fmt: skip
NO_ENDPOINTS = CauseType(
    code="endpoints_not_written",
    text="its {count} ready pods do not appear in its endpoints",
    confirm="see whether kube-controller-manager runs (Lease in kube-system), and compare addresses of pods and endpoints",
    meaning=_MEANING, explains=_UP,
)  # fmt: skip
ADDRESS = CauseType(
    code="endpoints_address_wrong",
    text="its endpoints, which are kept by hand, lead to {address}, which is no pod's address now",
    confirm="compare the address with that of the pods or host that is meant; a selector keeps endpoints current by itself",
    meaning=_MEANING, explains=_UP,
)  # fmt: skip
BY_HAND = CauseType(
    code="service_without_selector",
    text="it has no selector, and nobody has written endpoints for it",
    confirm="give it a selector, or Endpoints of the same name",
    meaning=_MEANING, explains=_UP,
)  # fmt: skip
EXTERNAL = CauseType(
    code="external_name_missing",
    text="it stands for {name}, and no such Service exists in this cluster",
    confirm="resolve {name} from a pod",
    meaning=_MEANING, explains=_UP,
)  # fmt: skip
BALANCER = CauseType(
    code="load_balancer_pending",
    text="it has waited for an address of its load balancer for {minutes} minutes",
    confirm="read its events and the log of the cloud controller; a cluster without one never gives an address",
    meaning="It is not reachable from outside under an address of its own.",
    severity="warning",
    explains=("ingress_no_ready_backend",),
)
MIXED = CauseType(
    code="service_selects_several",
    text="its selector {selector} takes pods of several workloads: {workloads}",
    confirm="see whether all of them answer the same requests on port {port}",
    meaning="A share of the requests goes to pods of something else.", severity="warning",
)  # fmt: skip

_SYSTEM = ("kube-system",)
_LATE_S = 300.0


def find(cluster: Cluster) -> Iterator[Cause]:
    """Every Service by what it selects."""
    for service in cluster.all("Service"):
        yield from _service(cluster, service)


def _service(cluster: Cluster, service: Object) -> Iterator[Cause]:
    space, selector = space_of(service), labels(service, "spec.selector")
    if words(service, "spec.type") == "ExternalName":
        yield from _external(cluster, service)
        return
    if words(service, "spec.type") == "LoadBalancer" and not parts(service, "status.loadBalancer.ingress"):
        age = cluster.age(moment(service, "metadata.creationTimestamp"))
        if age is not None and age > _LATE_S:
            yield BALANCER.on(
                service,
                "status.loadBalancer",
                "medium",
                minutes=int(age // 60),
                quotes=[e.line() for e in cluster.events(service)][-2:],
            )
    if not selector:
        yield from _by_hand(cluster, service)
        return
    pods = [pod for pod in cluster.selected(space, selector) if not is_done(pod)]
    makers = cluster.makers(space, selector)
    if not pods and not makers:
        if _would_see(cluster, space) or at(service, "spec.toldEmpty") is True:
            yield _unmatched(cluster, service, selector)
        return
    idle = [maker for maker in makers if number(maker, "spec.replicas") == 0]
    yield from _ports(cluster, service, pods, makers)
    if not pods:
        return
    ready = [pod for pod in pods if is_ready(pod)]
    roots = sorted({cluster.root(pod) for pod in pods})
    touches = [*map(key_of, pods), *roots, *map(key_of, idle)]
    if not ready and at(service, "spec.publishNotReadyAddresses") is not True:
        yield NO_READY.on(
            service, "spec.selector", "high", touches=touches, component=roots[0], count=len(pods), workload=roots[0][2]
        )
    elif ready and _knows_endpoints(cluster, space) and not _addresses(cluster, service):
        yield NO_ENDPOINTS.on(service, "spec.selector", "medium", touches=touches, count=len(ready))
    if len(roots) > 1 and all(root[0] != "Pod" for root in roots) and len({_program(cluster, root) for root in roots}) > 1:
        first = next(iter(parts(service, "spec.ports")), {})
        yield MIXED.on(
            service,
            "spec.selector",
            "medium",
            touches=roots,
            selector=_told(selector),
            workloads=", ".join(root[2] for root in roots[:5]),
            port=number(first, "port"),
        )


def _would_see(cluster: Cluster, space: str) -> bool:
    """Whether pods that it should select would have been seen, with their labels: a table does not tell these."""
    if any(at(pod, "metadata.untold") for pod in cluster.pods_in(space)):
        return False
    return cluster.knows("Pod", space) or bool(cluster.pods_in(space)) or bool(cluster.makers_in(space))


def _unmatched(cluster: Cluster, service: Object, selector: dict[str, str]) -> Cause:
    """The workload that is probably meant: whose labels are nearest to the selector, or whose name is the Service's."""
    best, score = None, 0.0
    wanted = _told(selector)
    space = space_of(service)
    # of a pod whose maker was not seen, its own labels tell
    alone = {root: pod for pod in cluster.pods_in(space) if cluster.get(*(root := cluster.root(pod))) is None}
    for maker in (*cluster.makers_in(space), *alone.values()):
        have = template_labels(maker)
        alike = difflib.SequenceMatcher(
            None, wanted, _told({key: have[key] for key in selector if key in have} or have)
        ).ratio()
        alike += 0.5 * (name_of(maker) == name_of(service)) + 0.3 * sum(
            have.get(key) == value for key, value in selector.items()
        )
        if alike > score:
            best, score = maker, alike
    near, touches = "none", []
    if best is not None and score >= 0.6:
        have = template_labels(best)
        wrong = [f"{key}={have.get(key, '(absent)')}" for key, value in selector.items() if have.get(key) != value]
        near = f"{cluster.root(best)[2]} with {', '.join(wrong)}"
        touches = [key_of(best), *map(key_of, cluster.pods_of(key_of(best)))]
    # a Service may be made before its pods: without anything near it, it is less sure that something is wrong
    return SELECTOR.on(
        service,
        "spec.selector",
        "high" if best is not None and score >= 0.6 else "medium",
        touches=touches,
        selector=wanted,
        near=near,
        namespace=space_of(service),
        severity="warning" if near == "none" and at(service, "spec.toldEmpty") is not True else None,
    )


def _ports(cluster: Cluster, service: Object, pods: list[Object], makers: list[Object]) -> Iterator[Cause]:
    specs = [mapping(pod, "spec") for pod in pods] or [mapping(template(maker), "spec") for maker in makers]
    declared = [port for spec in specs for _, item in containers(spec) for port in parts(item, "ports")]
    roots = sorted({cluster.root(item) for item in (pods or makers)})
    if not declared or not roots:
        return  # ports need not be declared: nothing can be said
    numbers = {value for port in declared if (value := number(port, "containerPort")) is not None}
    names = {words(port, "name") for port in declared} - {""}
    if any(at(spec, "hostNetwork") is True for spec in specs):
        return
    shown = ", ".join(dict.fromkeys(f"{words(port, 'name')}:{number(port, 'containerPort')}".lstrip(":") for port in declared))
    for index, port in enumerate(parts(service, "spec.ports")):
        target = port.get("targetPort", port.get("port"))
        target = int(target) if isinstance(target, str) and target.isdecimal() else target
        target = target if isinstance(target, int | str) else None
        protocol = words(port, "protocol") or "TCP"
        common: dict[str, Any] = {
            "touches": [*map(key_of, pods), *roots],
            "component": roots[0],
        }
        wrong = target not in (names if isinstance(target, str) else numbers)
        common["quotes"] = refusals(cluster, service) if wrong and target is not None else []
        if isinstance(target, str) and target not in names and any(at(spec, "portNamesUntold") for spec in specs):
            continue
        if isinstance(target, str) and target not in names:
            yield NAMED.on(
                service,
                f"spec.ports[{index}].targetPort",
                "high",
                **common,
                port=number(port, "port"),
                target=target,
                workload=roots[0][2],
                declared=", ".join(sorted(names)) or f"no names; numbers {shown}",
            )
        elif isinstance(target, int) and target not in numbers:
            # ports need not be declared: where another of its ports leads somewhere, this one may be meant as it is
            doubtful = not common["quotes"] and any(
                str(other.get("targetPort", other.get("port"))) in {*map(str, numbers), *names}
                for other in parts(service, "spec.ports")
            )
            yield TARGET.on(
                service, f"spec.ports[{index}].targetPort", "high" if common["quotes"] else "low" if doubtful else "medium",
                **common, severity="warning" if doubtful else None, port=number(port, "port"), target=target,
                workload=roots[0][2], declared=shown,
            )  # fmt: skip
        else:
            meant = {
                words(item, "protocol") or "TCP"
                for item in declared
                if target in (words(item, "name"), number(item, "containerPort"))
            }
            if meant and protocol not in meant:
                yield PROTOCOL.on(
                    service,
                    f"spec.ports[{index}].protocol",
                    "high",
                    **common,
                    port=number(port, "port"),
                    protocol=protocol,
                    workload=roots[0][2],
                    target=target,
                    declared=", ".join(sorted(meant)),
                )


def _knows_endpoints(cluster: Cluster, space: str) -> bool:
    """Whether all addresses were seen, in either of the two kinds that hold them."""
    return cluster.knows("Endpoints", space) or cluster.knows("EndpointSlice", space)


def _addresses(cluster: Cluster, service: Object) -> list[str]:
    space, name = space_of(service), name_of(service)
    found = [
        words(item, "ip")
        for part in parts(cluster.get("Endpoints", space, name), "subsets")
        for item in parts(part, "addresses")
    ]
    for piece in cluster.all("EndpointSlice"):
        if space_of(piece) == space and labels(piece).get("kubernetes.io/service-name") == name:
            ready = [item for item in parts(piece, "endpoints") if at(item, "conditions.ready") is not False]
            found += [address for item in ready for address in texts(item, "addresses")]
    return found


def _by_hand(cluster: Cluster, service: Object) -> Iterator[Cause]:
    space, addresses = space_of(service), _addresses(cluster, service)
    if name_of(service) == "kubernetes" and space in ("default", ""):
        return
    if not addresses:
        if _knows_endpoints(cluster, space):
            yield BY_HAND.on(service, "spec.selector", "medium")
        return
    pods = cluster.pods_in(space)
    addresses_of = {words(pod, "status.podIP") for pod in pods} - {""}
    inside = {address.rpartition(".")[0].rpartition(".")[0] for address in addresses_of}
    for address in addresses:  # an address outside the pods' network is somebody else's matter
        if addresses_of and address not in addresses_of and address.rpartition(".")[0].rpartition(".")[0] in inside:
            yield ADDRESS.of(
                ("Endpoints", space, name_of(service)),
                "subsets[].addresses",
                "medium",
                touches=[key_of(service)],
                address=address,
            )


def _external(cluster: Cluster, service: Object) -> Iterator[Cause]:
    name = words(service, "spec.externalName").rstrip(".")
    match = re.fullmatch(r"([\w-]+)\.([\w-]+)(?:\.svc(?:\.[\w.-]+)?)", name)
    if match and cluster.absent("Service", match[2], match[1]):
        yield EXTERNAL.on(service, "spec.externalName", "high", name=name)


def _program(cluster: Cluster, root: tuple[str, str, str]) -> str:
    obj = cluster.get(*root)
    if obj is None:
        return root[2]
    image = words(next(iter(parts(template(obj), "spec.containers")), {}), "image")  # a canary differs in its tag only
    return image.partition("@")[0].rpartition(":")[0] or image


def _told(selector: dict[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
