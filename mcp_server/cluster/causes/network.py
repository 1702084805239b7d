"""What keeps packets from arriving: network policies."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mcp_server.cluster.cause import Cause, CauseType
from mcp_server.cluster.objects import (
    Object,
    at,
    key_of,
    labels,
    mapping,
    name_of,
    number,
    parts,
    selects,
    space_of,
    texts,
    words,
)
from mcp_server.cluster.pods import calls_names, leads
from mcp_server.cluster.world import Cluster, template, template_labels

_POLICY = "Packets are dropped without an answer: callers wait until their time-out."
_BLOCKS = (
    "dependency_timeout",
    "dependency_refused",
    "dependency_unknown",
    "probe_fails",
    "probe_timing",
    "ingress_no_ready_backend",
)

INGRESS = CauseType(
    code="network_policy_blocks_ingress",
    text="it lets nobody reach the pods of {workload}, to which Service {service} leads; it admits {admits}",
    confirm="connect to the Service from a pod that needs it, without and with the policy; compare its from selectors "
    "with the callers' labels",
    meaning=_POLICY,
    explains=_BLOCKS,
)
EGRESS = CauseType(
    code="network_policy_blocks_egress",
    text="it lets the pods of {workload} call nothing",
    confirm="connect from such a pod to what it needs; list what egress rules allow",
    meaning=_POLICY, explains=(*_BLOCKS, "crash_loop"),
)  # fmt: skip
DNS_BLOCKED = CauseType(
    code="network_policy_blocks_dns",
    text="it restricts what the pods of {workload} may call, and port 53 is not among it: they cannot resolve names",
    confirm="resolve a name from such a pod; allow UDP and TCP 53 to kube-system",
    meaning="Every call by name fails.",
    severity="warning",
    explains=("dependency_unknown", "dependency_timeout", "crash_loop"),
)


def find(cluster: Cluster) -> Iterator[Cause]:
    """Policies by whom they shut off."""
    for policy in cluster.all("NetworkPolicy"):
        yield from _policy(cluster, policy)


# --- policies -------------------------------------------------------------------------------------------------------


def _policy(cluster: Cluster, policy: Object) -> Iterator[Cause]:
    space, chosen = space_of(policy), at(policy, "spec.podSelector") or {}
    makers = [maker for maker in cluster.makers_in(space) if selects(chosen, template_labels(maker))]
    if not makers:
        return
    kinds = texts(policy, "spec.policyTypes") or ["Ingress", *(["Egress"] if "egress" in mapping(policy, "spec") else [])]
    others = [other for other in cluster.all("NetworkPolicy") if space_of(other) == space and name_of(other) != name_of(policy)]
    for maker in makers:
        beside = [other for other in others if selects(at(other, "spec.podSelector") or {}, template_labels(maker))]
        if "Ingress" in kinds:
            yield from _shut_in(cluster, policy, maker, beside)
        if "Egress" in kinds:
            yield from _shut_out(cluster, policy, maker, beside)


def _shut_in(cluster: Cluster, policy: Object, maker: Object, beside: list[Object]) -> Iterator[Cause]:
    """Only where a Service leads to the pods: shutting in what nobody calls is what a policy is for."""
    rules = [rule for one in (policy, *beside) for rule in parts(one, "spec.ingress")]
    for service in cluster.all("Service"):
        if space_of(service) != space_of(policy) or not leads(service, maker):
            continue
        targets = _targets(service, maker)
        open_ = [rule for rule in rules if not targets or any(_admits(rule, port, maker) for port in targets)]
        touches = [key_of(maker), key_of(service), *map(key_of, cluster.pods_of(key_of(maker)))]
        common: dict[str, Any] = {
            "touches": touches,
            "component": key_of(maker),
            "workload": name_of(maker),
            "service": name_of(service),
            "quotes": _waits(cluster, service),
        }
        if not open_:
            port = "nothing at all" if not rules else f"nothing on port {', '.join(str(number) for number, _ in targets)}"
            yield INGRESS.on(policy, "spec.ingress", "high", **common, admits=port)
        elif not any(_someone(cluster, rule, space_of(policy), maker) for rule in open_):
            told = "; ".join(_peer(peer) for rule in open_ for peer in parts(rule, "from"))
            yield INGRESS.on(policy, "spec.ingress[].from", "medium", **common, admits=f"only {told}, which no pod fits")


def _targets(service: Object, maker: Object) -> list[tuple[int, str]]:
    """(port, protocol) at the pods that a Service leads to."""
    named = {
        words(port, "name"): number(port, "containerPort")
        for container in parts(template(maker), "spec.containers") for port in parts(container, "ports")
    }  # fmt: skip
    found = []
    for port in parts(service, "spec.ports"):
        target = port.get("targetPort", port.get("port"))
        value = named.get(target) if isinstance(target, str) and not target.isdecimal() else target
        if isinstance(value, int | str) and str(value).isdecimal():
            found.append((int(value), words(port, "protocol") or "TCP"))
    return found


def _admits(rule: Mapping[str, Any], target: tuple[int, str], maker: Object) -> bool:
    if not parts(rule, "ports"):
        return True
    for port in parts(rule, "ports"):
        wanted, last = port.get("port"), number(port, "endPort")
        if (words(port, "protocol") or "TCP") != target[1]:
            continue
        if isinstance(wanted, str) and not wanted.isdecimal():
            wanted = next((number(item, "containerPort") for container in parts(template(maker), "spec.containers")
                           for item in parts(container, "ports") if words(item, "name") == wanted), None)  # fmt: skip
        if (
            wanted is None
            or not str(wanted).isdecimal()
            or int(wanted) == target[0]
            or (last is not None and int(wanted) <= target[0] <= last)
        ):
            return True
    return False


def _someone(cluster: Cluster, rule: Mapping[str, Any], space: str, maker: Object) -> bool:
    """Whether any pod could come through; what cannot be told counts as yes."""
    peers = parts(rule, "from")
    if not peers:
        return True
    for peer in peers:
        if "ipBlock" in peer:
            return True
        chosen = at(peer, "podSelector")
        if "namespaceSelector" in peer:
            wanted = at(peer, "namespaceSelector") or {}
            spaces = [
                name_of(item)
                for item in cluster.all("Namespace")
                if selects(wanted, labels(item) | {"kubernetes.io/metadata.name": name_of(item)})
            ]
            if not cluster.knows("Namespace"):
                return True
            if any(not cluster.knows("Pod", name) for name in spaces):
                return True
        else:
            spaces = [space]
        for name in spaces:
            if chosen is None and cluster.pods_in(name):
                return True
            if any(
                selects(chosen, template_labels(other))
                for other in cluster.makers_in(name)
                if key_of(other) != key_of(maker) or len(cluster.makers_in(name)) == 1
            ):
                return True
    return False


def _peer(peer: Mapping[str, Any]) -> str:
    told = [f"{key}={value}" for key, value in labels(peer, "podSelector.matchLabels").items()]
    told += [f"namespace {key}={value}" for key, value in labels(peer, "namespaceSelector.matchLabels").items()]
    return ", ".join(told) or "its from selectors"


def _shut_out(cluster: Cluster, policy: Object, maker: Object, beside: list[Object]) -> Iterator[Cause]:
    rules = [rule for one in (policy, *beside) for rule in parts(one, "spec.egress")]
    touches = [key_of(maker), *map(key_of, cluster.pods_of(key_of(maker)))]
    if not rules:
        yield EGRESS.on(
            policy,
            "spec.egress",
            "medium",
            touches=touches,
            component=key_of(maker),
            workload=name_of(maker),
            severity="warning",
        )
    elif not any(_admits(rule, (53, "UDP"), maker) for rule in rules) and calls_names(maker):
        yield DNS_BLOCKED.on(
            policy, "spec.egress[].ports", "medium", touches=touches, component=key_of(maker), workload=name_of(maker)
        )


def _waits(cluster: Cluster, service: Object) -> list[str]:
    """Log lines of callers that got no answer."""
    name, found = name_of(service), []
    for pod in cluster.pods_in(space_of(service)):
        line = next(
            (
                line
                for line in reversed(cluster.log(pod)[-80:])
                if name in line and re.search(r"time(?:d )?-?out|deadline", line, re.I)
            ),
            "",
        )
        if line:
            found.append(f"log of {name_of(pod)}: {line}")
    return found[:2]
