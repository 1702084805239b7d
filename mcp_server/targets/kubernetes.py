"""A cluster as a place: which namespace or workload is meant, and which GETs answer which call.

`k8s://CONTEXT` means all of it, `k8s://CONTEXT/NAMESPACE` one namespace, `k8s://CONTEXT/NAMESPACE/KIND/NAME` one workload.
Nothing is connected to before the first look. Every request is a GET; the review of one's own rights is created as the API
wants it, and stores nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar
from weakref import finalize

from mcp_server.core.address import Address
from mcp_server.core.call import Call
from mcp_server.core.errors import CouldNotLook
from mcp_server.core.kubernetes_calls import (
    Access,
    ClusterSeen,
    DiagnoseCluster,
    DiagnosisSeen,
    MayI,
    ObjectsSeen,
    ReadCluster,
    ReadObjects,
)
from mcp_server.core.output import Output, OutputAsked
from mcp_server.core.reader import Limits
from mcp_server.core.settings import ReadSettings
from mcp_server.core.text import one_line
from mcp_server.targets.kubernetes_config import server_of
from mcp_server.targets.kubernetes_wire import Wire

A = TypeVar("A")

PREFLIGHT_S = 1.8


def open_place(where: Address, policy: ReadSettings) -> "KubernetesPlace":
    """The place; nothing is connected to. Raises BadInput for a context that does not exist."""
    return KubernetesPlace(where)


class KubernetesPlace:
    """Answers the calls of `core/kubernetes_calls.py`, and gives the output of containers."""

    def __init__(self, where: Address) -> None:
        self.server = server_of(where.parts[0])
        self.namespace, kind, name = where.part(1), where.part(2), where.part(3)
        self.workload = f"{kind}/{name}" if kind and name else kind
        self.wire = Wire(self.server)
        finalize(self, self.wire.close)  # a place is used for one answer and then forgotten
        self._answers: Mapping[type[Call[Any]], Callable[[Any, Limits], Any]] = {
            DiagnoseCluster: self._diagnosis, ReadObjects: self._objects, MayI: self._access, ReadCluster: self._cluster,
        }  # fmt: skip

    def look(self, call: Call[A], limits: Limits) -> A:
        """Answer a call. Raises CouldNotLook, also for what no cluster answers; Cancelled."""
        if type(call) not in self._answers:
            raise CouldNotLook(call.title(), "missing", f"a k8s place does not answer {getattr(call, 'kind', '')!r} calls")
        answer: A = self._answers[type(call)](call, limits)
        return answer

    def outputs(self, asked: OutputAsked, limits: Limits) -> Sequence[Output]:
        """See `core/output.py`."""
        from mcp_server.targets.kubernetes_output import outputs

        return outputs(self.wire, self.namespace, self.workload, asked, limits)

    def _cluster(self, call: ReadCluster, limits: Limits) -> ClusterSeen:
        """Quick even when the cluster hangs: preflight waits for it."""
        from mcp_server.targets.kubernetes_lists import rule
        from mcp_server.targets.kubernetes_resources import SPACED, WIDE

        limits = Limits(min(limits.timeout_s, PREFLIGHT_S), limits.max_bytes, limits.cancel)
        left = limits.until()

        def within() -> Limits:
            return Limits(max(0.05, left()), limits.max_bytes, limits.cancel)

        version = self.wire.json("/version", Limits(limits.first_s(), limits.max_bytes, limits.cancel), "API server")
        from concurrent.futures import ThreadPoolExecutor

        wanted = [item for item in (*SPACED, *WIDE) if not item.optional]

        def may(resource: Any) -> bool | None:
            space = {"namespace": self.namespace} if self.namespace and resource.spaced else {}
            with suppress(CouldNotLook):
                return self.wire.review(
                    {"verb": "list", "resource": resource.name, "group": resource.group, **space}, within(), "rights"
                )[0]
            return None

        with ThreadPoolExecutor(4) as pool:  # each has a connection of its own to open
            answers = list(zip(wanted, pool.map(may, wanted), strict=True))
        lacking = [item for item, allowed in answers if allowed is False]
        roles = (
            rule([item for item in lacking if item.spaced], self.namespace or ""),
            rule([item for item in lacking if not item.spaced], ""),
        )
        return ClusterSeen(
            version=one_line(version.get("gitVersion") or "", 60),
            server=one_line(self.server.url, 200),
            context=self.server.context,
            namespace=self.namespace,
            refused=tuple(f"list {item.name}" for item in lacking),
            rules=tuple(dict.fromkeys(role for role in roles if role)),
            unsure=tuple(f"list {item.name}" for item, allowed in answers if allowed is None),
        )

    def _diagnosis(self, call: DiagnoseCluster, limits: Limits) -> DiagnosisSeen:
        from mcp_server.cluster.report import seen_of
        from mcp_server.targets.kubernetes_lists import gather

        if call.dump is not None:
            raise CouldNotLook(call.title(), "refused", "recorded objects lie on a host", "ask with target=local")
        space = call.namespace or self.namespace
        gathered = gather(self.wire, space, limits, logs=call.logs)
        seen = seen_of(gathered.cluster(), space, call.workload or self.workload, gathered.doubts())
        return seen.model_copy(update={"version": gathered.version})

    def _objects(self, call: ReadObjects, limits: Limits) -> ObjectsSeen:
        from mcp_server.cluster.slim import slim
        from mcp_server.targets.kubernetes_resources import listed, resource_of

        resource, space = resource_of(call.resource), call.namespace or self.namespace
        space = None if space == "*" else space
        reduce = _requests if call.requests_only else _placed if call.placed_only else partial(slim, managed=call.managed)
        query: dict[str, Any] = {}
        if call.labels:
            query["labelSelector"] = call.labels
        fields = [call.fields] if call.fields else []
        if call.name:
            fields.append(f"metadata.name={call.name}")
        if fields:
            query["fieldSelector"] = ",".join(fields)
        items: list[dict[str, Any]] = []
        cut = None
        try:
            found = listed(self.wire, resource, space, limits, most=call.limit, **query)
            items.extend(reduce(item) for item in found)
        except CouldNotLook as failure:
            if failure.reason != "cut":
                raise
            cut = failure.detail
        if not items and space and resource.spaced:
            from mcp_server.targets.kubernetes_lists import must_be

            must_be(self.wire, space, limits)
        return ObjectsSeen(items=tuple(items), cut=cut)

    def _access(self, call: MayI, limits: Limits) -> Access:
        attributes = {"verb": call.verb, "resource": call.resource, "group": call.group, "subresource": call.subresource}
        attributes |= {"namespace": call.namespace or self.namespace or ""}
        allowed, reason = self.wire.review({key: value for key, value in attributes.items() if value}, limits, call.title())
        return Access(allowed=allowed, reason=reason)


def _requests(pod: Mapping[str, Any]) -> dict[str, Any]:
    """What a pod takes of its node: thousands of them fit one answer."""
    from mcp_server.cluster.objects import name_of, parts, space_of, words

    asked = [
        {"resources": {"requests": (item.get("resources") or {}).get("requests") or {}}}
        for item in parts(pod, "spec.containers")
    ]
    meta = {"name": name_of(pod), "namespace": space_of(pod)}
    return {"kind": "Pod", "metadata": meta, "spec": {"nodeName": words(pod, "spec.nodeName"), "containers": asked}}


def _placed(pod: Mapping[str, Any]) -> dict[str, Any]:
    """Where a pod of what runs, and whether it is ready."""
    from mcp_server.cluster.objects import condition, labels, name_of, parts, space_of, words

    owners = [{key: item.get(key) for key in ("kind", "name", "controller")} for item in parts(pod, "metadata.ownerReferences")]
    meta = {"name": name_of(pod), "namespace": space_of(pod), "labels": labels(pod), "ownerReferences": owners}
    if words(pod, "metadata.deletionTimestamp"):
        meta["deletionTimestamp"] = words(pod, "metadata.deletionTimestamp")
    ready = {"type": "Ready", "status": words(condition(pod, "Ready"), "status")}
    return {
        "kind": "Pod", "metadata": meta, "spec": {"nodeName": words(pod, "spec.nodeName")},
        "status": {"phase": words(pod, "status.phase"), "conditions": [ready]},
    }  # fmt: skip
