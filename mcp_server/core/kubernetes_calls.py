"""Ways to look at a Kubernetes cluster. Every one is a read: GET, and the review of one's own rights, which changes nothing.

Values of Secrets are never asked for; those of ConfigMaps are left out but for plain addresses and the configuration of DNS.
"""

from typing import Any, Literal

from pydantic import Field

from mcp_server.core.call import Call
from mcp_server.core.clock import Moment
from mcp_server.core.log_calls import LogDoubt
from mcp_server.core.noun import Noun
from mcp_server.core.outcome import Severity, Value

Confidence = Literal["high", "medium", "low"]
"""high: the cluster itself says so; medium: it follows from the objects; low: the objects make it likely."""


class Cause(Noun):
    """One cause as it was found. `touches` are the objects that it hurts, as keys; consequences are folded by them."""

    code: str
    object: str = Field(description="kind, namespace and name of what must be mended")
    namespace: str = ""
    component: str = Field(description="the workload or other thing concerned")
    field: str = Field(description="where in the object it stands")
    severity: Severity
    confidence: Confidence
    values: dict[str, Value] = {}
    quotes: tuple[str, ...] = Field((), description="events, states and log lines, as data")
    at: Moment | None = None
    touches: tuple[str, ...] = ()
    needs: tuple[str, ...] = Field((), description="what it calls, as keys: a cause that touches these explains it")
    explains: tuple[str, ...] = Field((), description="consequences folded under it: object and what is wrong with it")
    others: int = Field(0, description="further objects of the same workload with the same cause")


class Renewed(Noun):
    """A workload that got a new pod template lately, and how it differs from the one before."""

    object: str
    revision: int
    at: Moment
    changed: tuple[str, ...] = ()


class DiagnosisSeen(Noun):
    """Causes of trouble in what was seen, those that explain others first, and what they rest on."""

    causes: tuple[Cause, ...] = ()
    counts: dict[str, int] = Field({}, description="objects looked at, by kind")
    namespaces: tuple[str, ...] = Field((), description="namespaces that were looked at; empty for all")
    pods: int = 0
    ready: int = Field(0, description="pods that are ready, or done")
    logs: int = Field(0, description="containers whose logs were read")
    texts: int = Field(0, description="files of which only the text of kubectl was there, not the objects")
    version: str = Field("", description="what the API server says it is")
    renewed: tuple[Renewed, ...] = Field((), description="workloads with a new template, newest first: what may be behind it")
    doubts: tuple[LogDoubt, ...] = Field((), description="what was not seen, or in part")


class DiagnoseCluster(Call[DiagnosisSeen]):
    """Causes of trouble in a cluster, a namespace or one workload; or in recorded objects (`dump`, a file or folder).

    The question travels to the objects and only its answer comes back: a cluster of 5,000 pods fits no answer.
    """

    kind: Literal["k8s_diagnosis"] = "k8s_diagnosis"
    dump: str | None = None
    namespace: str | None = None
    workload: str | None = Field(None, description="KIND/NAME or NAME")
    logs: bool = True

    def title(self) -> str:
        where = self.dump or "cluster"
        return f"objects of {where}" + (f", namespace {self.namespace}" if self.namespace else "")


class ObjectsSeen(Noun):
    """Objects of the documented API shape, without values of Secrets and without managed fields but their names."""

    items: tuple[dict[str, Any], ...] = ()
    cut: str | None = Field(None, description="what was left out, in words")


class ReadObjects(Call[ObjectsSeen]):
    """Objects of one resource, such as `deployments` or `deployments.apps`.

    Of the place's namespace where none is named, of all with `*`.
    """

    kind: Literal["k8s_objects"] = "k8s_objects"
    resource: str
    namespace: str | None = None
    name: str | None = None
    labels: str = Field("", description="label selector as kubectl takes it")
    fields: str = Field("", description="field selector as kubectl takes it")
    managed: bool = Field(False, description="keep managedFields: who changed which fields when")
    requests_only: bool = Field(False, description="of pods only the node and the resources that containers request")
    placed_only: bool = Field(False, description="of pods only owner, labels, node and whether they are ready")
    limit: int = Field(1_000, ge=1, le=20_000)

    def title(self) -> str:
        named = f"{self.resource}/{self.name}" if self.name else self.resource
        return f"{named} in {self.namespace}" if self.namespace else named


class Access(Noun):
    """Whether one may, and what the cluster says about it."""

    allowed: bool
    reason: str = ""


class MayI(Call[Access]):
    """Whether the account may do this: a SelfSubjectAccessReview, which is created and changes nothing."""

    kind: Literal["k8s_access"] = "k8s_access"
    verb: str
    resource: str
    group: str = ""
    subresource: str = ""
    namespace: str | None = None

    def title(self) -> str:
        return f"right to {self.verb} {self.resource}" + (f" in {self.namespace}" if self.namespace else "")


class ClusterSeen(Noun):
    """Whether the cluster answers, and what the account may not read of what diagnoses ask for."""

    version: str = ""
    server: str = ""
    context: str = ""
    namespace: str | None = None
    refused: tuple[str, ...] = Field((), description="`list pods`: what the account may not do there")
    rules: tuple[str, ...] = Field((), description="RBAC rules that would allow it, to be pasted")
    unsure: tuple[str, ...] = Field((), description="what the cluster did not say in time")


class ReadCluster(Call[ClusterSeen]):
    """Version of the API server and the rights of the account there; quick, for preflight."""

    kind: Literal["k8s_cluster"] = "k8s_cluster"

    def title(self) -> str:
        return "cluster"


class Contexts(Noun):
    """Names of the contexts of kubectl's configuration, and nothing else of it."""

    names: tuple[str, ...] = ()
    current: str | None = Field(None, description="the one that kubectl would use; it is never used unless named")


class ReadContexts(Call[Contexts]):
    """Which clusters can be named here."""

    kind: Literal["k8s_contexts"] = "k8s_contexts"

    def title(self) -> str:
        return "contexts of kubectl"


ANSWERS: dict[type[Call[Any]], type[Noun]] = {
    DiagnoseCluster: DiagnosisSeen, ReadObjects: ObjectsSeen, MayI: Access, ReadCluster: ClusterSeen, ReadContexts: Contexts,
}  # fmt: skip
