"""Names that are not resolved: cluster DNS down, its configuration, its Service, and pods that ask somebody else."""

import re
from collections.abc import Iterator

from mcp_server.cluster.cause import CALLS, DOWN, Cause, CauseType
from mcp_server.cluster.objects import Object, at, key_of, labels, mapping, number, space_of, texts, words
from mcp_server.cluster.patterns import Pattern
from mcp_server.cluster.pods import calls_names, leads
from mcp_server.cluster.world import Cluster, is_ready, spec_way, template, template_labels

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

RESOLVER = ("Component", "", "cluster DNS")
"""What everybody needs who calls by name."""
_DNS_LABELS = {"k8s-app": "kube-dns"}
_HOSTED = Pattern(r"^\s*(template|rewrite|hosts|file|erratic|acl)\b(.*)$", re.M)
_NAMES = Pattern(r"[\w*-]+(?:\\?\.[\w-]+)+|IN A+ ?[\w.-]*")


def find(cluster: Cluster) -> Iterator[Cause]:
    """What stands in kube-system, then how pods ask."""
    yield from _dns(cluster)
    for obj in cluster.workloads:
        yield from _dns_policy(cluster, obj)


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
    if service is not None and makers and not any(leads(service, maker) for maker in makers):
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
    if policy == "Default" and not calls_names(obj) and not sick:
        return
    yield DNS_POLICY.on(
        obj,
        f"{spec_way(obj)}.dnsPolicy",
        "high" if policy == "None" else "medium",
        severity=None if sick or calls_names(obj) else "warning",
        policy=policy,
        servers=", ".join(servers) or "those of the node",
        touches=map(key_of, cluster.pods_of(key_of(obj))),
    )
