"""Pods that are never created: quota, limit range, pod security, webhooks, accounts, invalid templates."""

import re
from collections.abc import Iterator
from typing import Any

from mcp_server.cluster.cause import UNREADY, Cause, CauseType
from mcp_server.cluster.causes.sandbox import RUNTIME
from mcp_server.cluster.objects import Key, Object, condition, key_of, kind_of, number, parts, space_of, words
from mcp_server.cluster.patterns import Pattern
from mcp_server.cluster.world import TEMPLATES, Cluster, Event, spec_way, template

_MEANING = "The controller tries again and again; no pod of the new revision appears."
_EXPLAINS = (*UNREADY, "pods_not_created")

QUOTA = CauseType(
    code="quota_exceeded",
    text="ResourceQuota {quota} of namespace {namespace} admits no further pod: {why}",
    confirm="kubectl -n {namespace} describe quota {quota}",
    meaning=_MEANING, explains=_EXPLAINS,
)  # fmt: skip
QUOTA_NEEDS = CauseType(
    code="quota_needs_resources",
    text="ResourceQuota {quota} of namespace {namespace} admits only pods that name {why}",
    confirm="kubectl -n {namespace} describe quota {quota}; give the containers those, or the namespace a LimitRange "
    "with defaults",
    meaning=_MEANING,
    explains=_EXPLAINS,
)
LIMITS = CauseType(
    code="limit_range_violated",
    text="the LimitRange of namespace {namespace} refuses the pod: {why}",
    confirm="kubectl -n {namespace} describe limitrange; compare with the containers' resources",
    meaning=_MEANING, explains=_EXPLAINS,
)  # fmt: skip
SECURITY = CauseType(
    code="pod_security_violated",
    text="the pod security level of namespace {namespace} refuses the pod: {why}",
    confirm="compare the label pod-security.kubernetes.io/enforce of the namespace with the pod's securityContext",
    meaning=_MEANING, explains=_EXPLAINS,
)  # fmt: skip
WEBHOOK_DOWN = CauseType(
    code="webhook_unreachable",
    text="admission webhook {webhook} cannot be reached, and its failurePolicy is to refuse: {why}",
    confirm="see whether the Service behind {webhook} has ready endpoints, and whether its certificate and CA bundle "
    "are current",
    meaning="Whatever the webhook is asked about can neither be created nor changed.",
    explains=(*_EXPLAINS, "namespace_stuck"),
)
WEBHOOK_DENIES = CauseType(
    code="webhook_denied",
    text="admission webhook {webhook} refuses the pod: {why}",
    confirm="read the policy behind the webhook; compare with the field it names",
    meaning=_MEANING, explains=_EXPLAINS,
)  # fmt: skip
POLICY_DENIES = CauseType(
    code="admission_policy_denied",
    text="ValidatingAdmissionPolicy {policy} (binding {binding}) refuses the pod: {why}",
    confirm="kubectl get validatingadmissionpolicy {policy} -o yaml; compare its expressions with the pod template",
    meaning=_MEANING, explains=_EXPLAINS,
)  # fmt: skip
ENDING = CauseType(
    code="namespace_terminating",
    text="namespace {namespace} is being deleted, so nothing new can be created in it",
    confirm="kubectl get namespace {namespace}; find out who deleted it, and whether its data are wanted",
    meaning=_MEANING, explains=_EXPLAINS,
)  # fmt: skip
ACCOUNT = CauseType(
    code="service_account_missing",
    text="ServiceAccount {account} does not exist in namespace {namespace}",
    confirm="kubectl -n {namespace} get serviceaccount {account}; there are: {known}",
    meaning=_MEANING, explains=_EXPLAINS,
)  # fmt: skip
PRIORITY = CauseType(
    code="priority_class_missing",
    text="PriorityClass {name} does not exist",
    confirm="kubectl get priorityclass {name}",
    meaning=_MEANING, explains=_EXPLAINS,
)  # fmt: skip
INVALID = CauseType(
    code="pod_invalid",
    text="the API server refuses the pod as invalid: {why}",
    confirm="apply the pod template with server-side dry-run and read the field it names",
    meaning=_MEANING, explains=_EXPLAINS,
)  # fmt: skip
REFUSED = CauseType(
    code="pods_not_created",
    text="the controller cannot create pods: {why}",
    confirm="read the event; apply the pod template with server-side dry-run as the controller would",
    meaning=_MEANING, explains=UNREADY,
)  # fmt: skip

_QUOTED = Pattern(r"exceeded quota: ([^,\s]+), (requested: .*)")
_MUST = Pattern(r"failed quota: ([^:\s]+): must specify (.*)")
_LIMIT = Pattern(r"((?:maximum|minimum|max) [\w./ -]+ usage per (?:Container|Pod|PersistentVolumeClaim) is .*|"
                    r"\w+ max limit to request ratio per .*)")  # fmt: skip
_SECURITY = Pattern(
    r"violates PodSecurity \"?([^\"]*)\"?(.*)|unable to validate against any (?:pod security policy|security context "
    r"constraint)(.*)"
)
_CALLING = Pattern(r'failed calling webhook "([^"]+)":? ?(.*)|failed calling admission webhook "([^"]+)":? ?(.*)', re.S)
_DENIES = Pattern(r'admission webhook "([^"]+)" denied the request:? ?(.*)', re.S)
_ACCOUNT = Pattern(r'serviceaccount "([^"]+)" not found|error looking up service account [^/\s]+/([^:\s]+): serviceaccount')
_PRIORITY = Pattern(r"no PriorityClass with name (\S+) was found")
_INVALID = Pattern(r"is invalid: (.*)", re.S)
_POLICY = Pattern(r"ValidatingAdmissionPolicy '([^']+)' with binding '([^']+)' denied request:? ?(.*)", re.S)
_ENDING = Pattern(r"unable to create new content in namespace (\S+) because it is being terminated")
_RUNTIME = Pattern(r'RuntimeClass "([^"]+)" not found')
_FAILS = ("FailedCreate", "FailedDaemonPod", "FailedUpdate", "ReplicaSetCreateError")


def find(cluster: Cluster) -> Iterator[Cause]:
    """What controllers say when they may not create pods: events, and the condition ReplicaFailure where events are gone."""
    told: set[str] = set()
    for event in cluster.every_event():
        if event.reason in _FAILS and event.warning and _lasts(cluster, event):
            told.add(event.message)
            yield from _read(cluster, event.about, event.message, event)
    for kind in TEMPLATES:
        for obj in cluster.all(kind):
            said = words(condition(obj, "ReplicaFailure"), "message")
            if condition(obj, "ReplicaFailure").get("status") == "True" and said not in told:
                told.add(said)
                yield from _read(cluster, key_of(obj), said, None)
    for obj in cluster.workloads:
        yield from _account(cluster, obj)


def _lasts(cluster: Cluster, event: Event) -> bool:
    """Whether the controller still lacks pods: a refusal that was overcome is over."""
    obj = cluster.get(*event.about)
    if obj is None:
        return True
    if kind_of(obj) in ("Job", "CronJob"):
        return True
    wanted = number(obj, "spec.replicas")
    if kind_of(obj) == "DaemonSet":
        return number(obj, "status.currentNumberScheduled") != number(obj, "status.desiredNumberScheduled")
    return wanted is None or (number(obj, "status.replicas") or 0) < wanted


def _read(cluster: Cluster, about: Key, said: str, event: Event | None) -> Iterator[Cause]:
    obj = cluster.get(*about)
    maker = (
        cluster.root(obj)
        if obj is not None
        else cluster.root({"kind": about[0], "metadata": {"namespace": about[1], "name": about[2]}})
    )
    space = about[1]
    way = f"{TEMPLATES.get(maker[0], 'spec.template')}.spec"
    quotes = [event.line() if event else f"condition ReplicaFailure: {said}"]
    common: dict[str, Any] = {
        "touches": [about, maker],
        "quotes": quotes,
        "at": event.last if event else None,
        "component": maker,
    }

    def cause(kind: CauseType, key: Key, field: str, **values: Any) -> Cause:
        return kind.of(key, field, "high", **common, **values)

    if match := _QUOTED.search(said):
        yield cause(QUOTA, ("ResourceQuota", space, match[1]), "spec.hard", quota=match[1], namespace=space, why=match[2])
    elif match := _MUST.search(said):
        yield cause(QUOTA_NEEDS, maker, f"{way}.containers[].resources", quota=match[1], namespace=space, why=match[2])
    elif match := _SECURITY.search(said):
        yield cause(SECURITY, maker, f"{way}.securityContext", namespace=space, why=said[match.start() :])
    elif match := _CALLING.search(said):
        name = match[1] or match[3]
        yield cause(
            WEBHOOK_DOWN,
            _webhook(cluster, name),
            "webhooks[].clientConfig",
            webhook=name,
            why=(match[2] or match[4] or ""),
        )
    elif match := _DENIES.search(said):
        yield cause(WEBHOOK_DENIES, maker, way, webhook=match[1], why=match[2])
    elif match := _POLICY.search(said):
        yield cause(POLICY_DENIES, maker, way, policy=match[1], binding=match[2], why=match[3])
    elif match := _ENDING.search(said):
        yield cause(ENDING, ("Namespace", "", match[1]), "metadata.deletionTimestamp", namespace=match[1])
    elif match := _LIMIT.search(said):
        yield cause(LIMITS, maker, f"{way}.containers[].resources", namespace=space, why=match[1])
    elif match := _ACCOUNT.search(said):
        name = match[1] or match[2]
        account = name.rpartition("/")[2]
        yield cause(ACCOUNT, maker, f"{way}.serviceAccountName", account=account, namespace=space,
                    known=", ".join(cluster.names("ServiceAccount", space)[:8]) or "not seen")  # fmt: skip
    elif match := _PRIORITY.search(said):
        yield cause(PRIORITY, maker, f"{way}.priorityClassName", name=match[1])
    elif match := _INVALID.search(said):
        yield cause(INVALID, maker, way, why=match[1])
    elif match := _RUNTIME.search(said):
        yield cause(RUNTIME, maker, f"{way}.runtimeClassName", name=match[1], why="does not exist", node="(any)")
    else:
        yield cause(REFUSED, maker, way, why=said)


def _webhook(cluster: Cluster, name: str) -> Key:
    for kind in ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"):
        for obj in cluster.all(kind):
            if any(words(hook, "name") == name for hook in parts(obj, "webhooks")):
                return key_of(obj)
    return "WebhookConfiguration", "", name


def _account(cluster: Cluster, obj: Object) -> Iterator[Cause]:
    """An account that is not there although all were seen, while no event tells it."""
    name = words(template(obj), "spec.serviceAccountName")
    space = space_of(obj)
    if name and cluster.absent("ServiceAccount", space, name):
        yield ACCOUNT.on(
            obj, f"{spec_way(obj)}.serviceAccountName", "medium", account=name, namespace=space,
            touches=[key_of(pod) for pod in cluster.pods_of(key_of(obj))],
            known=", ".join(cluster.names("ServiceAccount", space)[:8]) or "none",
        )  # fmt: skip
