"""Autoscalers that cannot act, and budgets that let nothing be moved."""

from collections.abc import Iterator

from mcp_server.cluster.budgets import never_allows, rule_of
from mcp_server.cluster.cause import Cause, CauseType
from mcp_server.cluster.objects import (
    Object,
    at,
    condition,
    is_true,
    key_of,
    name_of,
    number,
    parts,
    selects,
    space_of,
    words,
)
from mcp_server.cluster.patterns import Pattern
from mcp_server.cluster.world import TEMPLATES, Cluster, is_ready, template, template_labels

NO_TARGET = CauseType(
    code="hpa_target_missing",
    text="it scales {kind} {target}, which does not exist (there are: {known})",
    confirm="kubectl -n {namespace} get {kind} {target}; compare scaleTargetRef",
    meaning="Nothing is scaled.", explains=("hpa_no_metrics",),
)  # fmt: skip
NO_REQUEST = CauseType(
    code="hpa_needs_requests",
    text="it scales by the share of requested {resource}, but container {container} of {target} requests none",
    confirm="set resources.requests.{resource} of container {container}",
    meaning="Without a request there is no share, so it cannot act.", severity="warning", explains=("hpa_no_metrics",),
)  # fmt: skip
NO_METRICS = CauseType(
    code="hpa_no_metrics",
    text="it gets no metrics, so it does not act: {why}",
    confirm="kubectl top pods; see whether the metrics API is available (kubectl get apiservice v1beta1.metrics.k8s.io)",
    meaning="The number of replicas stays as it is, whatever the load.", severity="warning",
)  # fmt: skip
AMBIGUOUS = CauseType(
    code="hpa_ambiguous",
    text="it does not act, because another autoscaler acts on the same pods: {why}",
    confirm="kubectl -n {namespace} get hpa: compare the selectors of their targets; leave one of them",
    meaning="As long as two autoscalers claim the pods, neither acts.", severity="warning",
)  # fmt: skip
AT_MAX = CauseType(
    code="hpa_at_limit",
    text="it wants more than its maxReplicas {most}: {current} run, and load is {load}",
    confirm="compare the load with that of other days; see whether more replicas would help or the cause is elsewhere",
    meaning="It cannot follow the load any further.", severity="warning",
)  # fmt: skip
DEADLOCK = CauseType(
    code="pdb_blocks_eviction",
    text="it never lets a pod of {target} be evicted: {rule} with {expected} pods allows 0 disruptions",
    confirm="kubectl get pdb; drain of a node with such a pod waits forever; add a replica or loosen the budget",
    meaning="Nodes cannot be drained, so upgrades hang.", severity="warning",
)  # fmt: skip
NOBODY = CauseType(
    code="pdb_selects_nothing",
    text="its selector selects no pod, so it protects nothing",
    confirm="compare its selector with the labels of the pods it should protect",
    meaning="A drain may take all pods at once.", severity="info",
)  # fmt: skip

_REQUEST = Pattern(r"missing request for (\S+)(?: in container (\S+))?")


def find(cluster: Cluster) -> Iterator[Cause]:
    """Every autoscaler by its target and conditions, every budget by what it allows."""
    for hpa in cluster.all("HorizontalPodAutoscaler"):
        yield from _hpa(cluster, hpa)
    for pdb in cluster.all("PodDisruptionBudget"):
        yield from _pdb(cluster, pdb)


def _hpa(cluster: Cluster, hpa: Object) -> Iterator[Cause]:
    space, kind, target = space_of(hpa), words(hpa, "spec.scaleTargetRef.kind"), words(hpa, "spec.scaleTargetRef.name")
    able, active, limited = condition(hpa, "AbleToScale"), condition(hpa, "ScalingActive"), condition(hpa, "ScalingLimited")
    aimed = cluster.get(kind, space, target)
    touches = [(kind, space, target)]
    quotes = [
        f"condition {words(item, 'type')}={words(item, 'status')}: {words(item, 'reason')}: {words(item, 'message')}"
        for item in (able, active)
        if words(item, "status") == "False"
    ] or [event.line() for event in cluster.events(hpa) if event.warning][-2:]
    if aimed is None and (
        words(able, "reason") == "FailedGetScale" or (kind in TEMPLATES and cluster.absent(kind, space, target))
    ):
        near = list(cluster.names(kind, space))[:5]
        yield NO_TARGET.on(
            hpa,
            "spec.scaleTargetRef",
            "high",
            touches=touches,
            quotes=quotes,
            kind=kind,
            target=target,
            namespace=space,
            known=", ".join(near) or "none",
        )
        return
    said = " ".join((words(active, "message"), *(event.message for event in cluster.events(hpa) if event.warning)))
    if words(active, "status") == "False" and words(active, "reason") == "AmbiguousSelector":
        yield AMBIGUOUS.on(
            hpa, "spec.scaleTargetRef", "high", touches=touches, quotes=quotes, why=words(active, "message"), namespace=space
        )
    elif words(active, "status") == "False" and words(active, "reason") != "ScalingDisabled":
        if match := _REQUEST.search(said):
            resource = match[1].rstrip(",;")
            container = match[2] or next(
                (
                    words(item, "name")
                    for item in parts(template(aimed or {}), "spec.containers")
                    if resource not in (at(item, "resources.requests") or {})
                ),
                "(see the quote)",
            )
            yield NO_REQUEST.on(
                hpa,
                f"scaleTargetRef containers[].resources.requests.{resource}",
                "high",
                touches=touches,
                quotes=quotes,
                resource=resource,
                container=container,
                target=target,
            )
        else:
            yield NO_METRICS.on(
                hpa, "spec.metrics", "high", touches=touches, quotes=quotes, why=(words(active, "message") or said)
            )
    if (
        is_true(limited)
        and words(limited, "reason") == "TooManyReplicas"
        and number(hpa, "status.currentReplicas") == number(hpa, "spec.maxReplicas")
    ):
        load = number(hpa, "status.currentCPUUtilizationPercentage")
        if load is None:
            load = next(
                (
                    found
                    for item in parts(hpa, "status.currentMetrics")
                    if (found := number(item, "resource.current.averageUtilization")) is not None
                ),
                None,
            )
        yield AT_MAX.on(
            hpa,
            "spec.maxReplicas",
            "high",
            touches=touches,
            most=number(hpa, "spec.maxReplicas"),
            current=number(hpa, "status.currentReplicas"),
            load=f"{load} % of what is requested" if load is not None else "not told",
            quotes=[f"condition ScalingLimited: {words(limited, 'message')}"],
        )


def _pdb(cluster: Cluster, pdb: Object) -> Iterator[Cause]:
    space, selector = space_of(pdb), at(pdb, "spec.selector")
    pods = cluster.chosen(space, selector)
    makers = [obj for obj in cluster.makers_in(space) if selects(selector, template_labels(obj))]
    allowed, expected = number(pdb, "status.disruptionsAllowed"), number(pdb, "status.expectedPods")
    target = ", ".join(name_of(obj) for obj in makers[:3]) or "its selector"
    touches = [*map(key_of, pods), *map(key_of, makers)]
    if allowed == 0 and expected and never_allows(pdb) and all(map(is_ready, pods)):
        rule = rule_of(pdb)
        field = f"spec.{rule.split()[0]}"
        yield DEADLOCK.on(pdb, field, "high", touches=touches, target=target, rule=rule, expected=expected)
    elif not pods and not makers and cluster.knows("Pod", space) and expected in (0, None):
        yield NOBODY.on(pdb, "spec.selector", "high")
