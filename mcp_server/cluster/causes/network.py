"""What keeps packets and names from arriving: network policies, DNS, the network plugin."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mcp_server.cluster.cause import CALLS, DOWN, Cause, CauseType
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
from mcp_server.cluster.patterns import Pattern
from mcp_server.cluster.world import Cluster, is_done, is_ready, spec_way, template, template_labels

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
DNS_DOWN = CauseType(
    code="dns_down",
    text="cluster DNS has no ready pod ({what})",
    confirm="kubectl -n kube-system get pods -l k8s-app=kube-dns; resolve kubernetes.default from a pod",
    meaning="No name of a Service is resolved anywhere in the cluster.",
    explains=("service_no_ready_endpoints",),
)  # fmt: skip
DNS_CONFIG = CauseType(
    code="dns_configuration",
    text="the Corefile holds a rule that changes answers for {names}: {rule}",
    confirm="resolve {names} from a pod; compare the Corefile with the one before, and restart CoreDNS only after mending it",
    meaning="Callers get no address, or a wrong one, for a Service that is well.", explains=CALLS,
)  # fmt: skip
DNS_LOOP = CauseType(
    code="dns_loop",
    text="CoreDNS ends because its queries come back to itself (plugin loop)",
    confirm="look at resolv.conf of the node: it must not name the cluster's DNS or 127.0.0.53",
    meaning="Cluster DNS restarts again and again.", explains=(*DOWN, "crash_loop", "dns_down"),
)  # fmt: skip
DNS_POLICY = CauseType(
    code="dns_policy_bypasses_cluster",
    text="dnsPolicy {policy} (nameservers {servers}) keeps its pods from cluster DNS: names of Services are not resolved",
    confirm="resolve kubernetes.default from such a pod; ClusterFirst is the default, ClusterFirstWithHostNet with hostNetwork",
    meaning="The pods ask a resolver that does not know the cluster.", explains=(*CALLS, "crash_loop"),
)  # fmt: skip
NO_DNS = CauseType(
    code="dns_service_wrong",
    text="the DNS Service {what}",
    confirm="kubectl -n kube-system get service,endpoints kube-dns; compare with the clusterDNS of the kubelets",
    meaning="Pods ask an address where no resolver answers.", explains=("dependency_unknown", "dependency_timeout"),
)  # fmt: skip
SANDBOX = CauseType(
    code="pod_network_failed",
    text="the network plugin cannot set up the pod on node {node}: {why}",
    confirm="look at the network plugin's pod on node {node} and at /etc/cni/net.d there; free addresses may be used up",
    meaning="The pod gets no address, so none of its containers starts.", explains=DOWN,
)  # fmt: skip

RESOLVER = ("Component", "", "cluster DNS")
"""What everybody needs who calls by name."""
_DNS_LABELS = {"k8s-app": "kube-dns"}
_HOSTED = Pattern(r"^\s*(template|rewrite|hosts|file|erratic|acl)\b(.*)$", re.M)
_NAMES = Pattern(r"[\w*-]+(?:\\?\.[\w-]+)+|IN A+ ?[\w.-]*")
_SANDBOX = ("FailedCreatePodSandBox", "NetworkNotReady", "FailedKillPod")


def find(cluster: Cluster) -> Iterator[Cause]:
    """Policies by whom they shut off; DNS by what stands in kube-system; sandboxes by their events."""
    for policy in cluster.all("NetworkPolicy"):
        yield from _policy(cluster, policy)
    yield from _dns(cluster)
    for obj in cluster.workloads:
        yield from _dns_policy(cluster, obj)
    for pod in cluster.all("Pod"):
        if not is_ready(pod) and not is_done(pod):
            for event in cluster.events(pod, *_SANDBOX)[-1:]:
                if event.reason != "FailedKillPod":
                    node = words(pod, "spec.nodeName") or "(unknown)"
                    yield SANDBOX.of(
                        ("Node", "", node),
                        "network plugin",
                        "high",
                        touches=[key_of(pod)],
                        component=cluster.root(pod),
                        quotes=[event.line()],
                        at=event.last,
                        node=node,
                        why=event.message,
                    )


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
        if space_of(service) != space_of(policy) or not _leads(service, maker):
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


def _leads(service: Object, maker: Object) -> bool:
    selector = labels(service, "spec.selector")
    return bool(selector) and all(template_labels(maker).get(key) == value for key, value in selector.items())


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
    elif not any(_admits(rule, (53, "UDP"), maker) for rule in rules) and _calls_names(maker):
        yield DNS_BLOCKED.on(
            policy, "spec.egress[].ports", "medium", touches=touches, component=key_of(maker), workload=name_of(maker)
        )


def _calls_names(maker: Object) -> bool:
    """Whether its settings hold names of hosts; one that calls addresses only needs no DNS."""
    return any(
        re.search(r"[a-z][a-z0-9-]*(?:\.[a-z0-9-]+)*:\d{2,5}|://[a-z]", str(env.get("value")).lower())
        for container in parts(template(maker), "spec.containers") for env in parts(container, "env")
    )  # fmt: skip


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


# --- DNS ------------------------------------------------------------------------------------------------------------


def _dns(cluster: Cluster) -> Iterator[Cause]:
    makers = [
        obj
        for obj in cluster.makers_in("kube-system")
        if all(template_labels(obj).get(key) == value for key, value in _DNS_LABELS.items())
    ]
    pods = cluster.selected("kube-system", _DNS_LABELS)
    for maker in makers:
        if (
            number(maker, "spec.replicas") == 0
            or (pods and not any(map(is_ready, pods)))
            or (not pods and cluster.knows("Pod", "kube-system"))
        ):
            what = "scaled to 0" if number(maker, "spec.replicas") == 0 else f"{len(pods)} pods, none ready"
            yield DNS_DOWN.on(maker, "status.readyReplicas", "high", touches=[*map(key_of, pods), RESOLVER], what=what)
    for pod in pods:
        loops = [line for line in cluster.log(pod) if "plugin/loop" in line and "Loop" in line]
        if loops and not is_ready(pod):
            yield DNS_LOOP.on(
                pod, "log", "high", touches=[cluster.root(pod)], component=cluster.root(pod), quotes=[f"log: {loops[-1]}"]
            )
    for name in ("coredns", "coredns-custom"):
        held = mapping(cluster.get("ConfigMap", "kube-system", name), "data")
        for key, text in held.items():
            if isinstance(text, str):
                yield from _corefile(cluster, name, key, text)
    service = cluster.get("Service", "kube-system", "kube-dns")
    if service is not None and makers and not any(_leads(service, maker) for maker in makers):
        selector = ",".join(f"{key}={value}" for key, value in labels(service, "spec.selector").items())
        yield NO_DNS.on(
            service,
            "spec.selector",
            "high",
            touches=[RESOLVER],
            what=f"selects {selector or 'nothing'}, which no DNS pod has",
        )
    elif (
        service is None
        and makers
        and cluster.knows("Service", "kube-system")
        and not any(labels(item, "spec.selector").get("k8s-app") == "kube-dns" for item in cluster.all("Service"))
    ):
        yield NO_DNS.of(
            ("Service", "kube-system", "kube-dns"), "metadata.name", "medium", touches=[RESOLVER], what="does not exist"
        )


def _corefile(cluster: Cluster, name: str, key: str, text: str) -> Iterator[Cause]:
    """Rules about names of the cluster. What stands there of old (hosts of a private zone, NodeHosts) is left alone."""
    for match in _HOSTED.finditer(text):
        body = text[match.start() : text.find("}", match.start()) + 1 or match.end()]
        inside = re.findall(r"([a-z0-9-]+)\\?\.([a-z0-9-]+)\\?\.svc", body)
        refuses = match[1] in ("template", "acl", "erratic") and re.search(r"NXDOMAIN|SERVFAIL|REFUSED|block|drop", body)
        if not inside and not (refuses and "cluster" in body):
            continue
        names = (
            ", ".join(dict.fromkeys(f"{service}.{space}" for service, space in inside)) or (_NAMES.search(body) or ["names"])[0]
        )
        touches = [("Service", space, service) for service, space in inside]
        yield DNS_CONFIG.of(
            ("ConfigMap", "kube-system", name),
            f"data.{key}",
            "high" if refuses else "medium",
            touches=[*touches, RESOLVER],
            names=names,
            rule=" ".join(body.split()),
            quotes=[body],
        )


def _dns_policy(cluster: Cluster, obj: Object) -> Iterator[Cause]:
    spec = mapping(template(obj), "spec")
    policy, servers = words(spec, "dnsPolicy"), texts(spec, "dnsConfig.nameservers")
    host = at(spec, "hostNetwork") is True
    if policy not in ("None", "Default") or (host and policy == "Default") or space_of(obj) == "kube-system":
        return
    address = words(cluster.get("Service", "kube-system", "kube-dns"), "spec.clusterIP")
    # node-local DNS listens on link-local addresses; a search list of the cluster shows that its DNS is meant
    if policy == "None" and (address in servers or any(server.startswith("169.254.") for server in servers)):
        return
    sick = any(not is_ready(pod) for pod in cluster.pods_of(key_of(obj)))
    if policy == "Default" and not _calls_names(obj) and not sick:
        return
    yield DNS_POLICY.on(
        obj,
        f"{spec_way(obj)}.dnsPolicy",
        "high" if policy == "None" else "medium",
        severity=None if sick or _calls_names(obj) else "warning",
        policy=policy,
        servers=", ".join(servers) or "those of the node",
        touches=map(key_of, cluster.pods_of(key_of(obj))),
    )
