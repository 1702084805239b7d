"""Every shipped operation on a cluster: carried out, not verified, taken back; and the object is as it was, field by field."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_server.engine.operations import operations
from tests.cluster.manifests import NODE_STATUS, container, deployment, node
from tests.gate_world import World, never_verified, result
from tests.kubernetes_cluster import Cluster

WRITTEN_BY_OTHERS = {
    ("metadata", "resourceVersion"): "the server counts every write",
    ("metadata", "generation"): "the server counts every change of the specification",
    ("metadata", "managedFields"): "who wrote which field when: the way back was written too",
    (
        "metadata",
        "annotations",
        "deployment.kubernetes.io/revision",
    ): "the controller numbers a template anew that it had before",
    ("metadata", "annotations", "deprecated.daemonset.template.generation"): "the server counts changes of the template",
    ("status",): "what the controllers see; it follows what is wanted",
    ("spec", "taints", "*", "timeAdded"): "the controller puts its taint for a cordon on anew, with the time",
}
"""All that may differ once an act was taken back, and why."""
TEMPLATE = {
    "initContainers": [container("prepare", "reg.io/prepare:1", 81)],
    "containers": [
        container("app", "reg.io/api:1", 80, env=[{"name": "MODE", "value": "fast"}]), container("side", "reg.io/side:3", 82)
    ],
    "terminationGracePeriodSeconds": 7,
}  # fmt: skip
APPS = "/apis/apps/v1/namespaces/{space}"
LOST = {
    "roll_out_again": "the template keeps the time of the restart",
    "replace_pod": "the pod ends",
    "drain_node": "does not bring these back",
}
"""What cannot be taken back in full: its plan must say so in these words."""


class Case:
    """An operation, its parameters, the object that it acts on, and what is done before."""

    def __init__(self, name: str, path: str, *before: Callable[["Space"], None], **parameters: Any) -> None:
        self.name, self.path, self.before, self.parameters = name, path, before, parameters

    @property
    def kind(self) -> str:
        return self.path.split("/")[-2]

    def __repr__(self) -> str:
        return f"{self.name}-{self.kind}"


class Space:
    """A namespace, and what is made in it."""

    def __init__(self, world: World, kubernetes: Cluster) -> None:
        self.world, self.kubernetes = world, kubernetes
        self.space = str(world.settings.environments["cluster"].target).rpartition("/")[2]

    def path(self, way: str) -> str:
        return way.format(space=self.space)

    def read(self, way: str) -> dict[str, Any]:
        found: dict[str, Any] = self.kubernetes.call("GET", self.path(way))
        return found

    def create(self, kind: str) -> None:
        """The workload `api` of this kind (or a node), once its controller has done what it does."""
        if kind == "nodes":
            self.kubernetes.create(node(f"node-{self.space}"))
            way = f"/api/v1/nodes/node-{self.space}"
            self.kubernetes.patch(f"{way}/status", {"status": NODE_STATUS})
            self.kubernetes.until(lambda: not self.read(way)["spec"].get("taints"), "it counts as ready")
            return
        made = deployment("api", TEMPLATE, 2, self.space, revisionHistoryLimit=5)
        made["spec"]["template"]["metadata"]["annotations"] = {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}
        if kind != "deployments":
            made["kind"] = {"statefulsets": "StatefulSet", "daemonsets": "DaemonSet"}[kind]
            made["spec"] = {key: made["spec"][key] for key in ("selector", "template")}
            made["spec"] |= {"serviceName": "api", "replicas": 2} if kind == "statefulsets" else {}
        self.kubernetes.create(made)
        way = f"{APPS}/{kind}/api"
        self.kubernetes.until(lambda: self.read(way)["status"].get("observedGeneration") == 1, "its controller saw it")
        if kind == "deployments":
            self.kubernetes.until(lambda: self.read(way)["status"].get("replicas") == 2, "its pods are made")


def renewed(space: Space) -> None:
    """A second revision, which differs in more than its image."""
    way = f"{APPS}/deployments/api"
    change = {"spec": {"containers": [{"name": "app", "image": "reg.io/api:2", "env": [{"name": "NEW", "value": "1"}]}]}}
    space.kubernetes.patch(space.path(way), {"spec": {"template": change}}, kind="application/strategic-merge-patch+json")
    number = "deployment.kubernetes.io/revision"
    space.kubernetes.until(lambda: space.read(way)["metadata"]["annotations"].get(number) == "2", "a second revision")


def paused(space: Space) -> None:
    space.kubernetes.patch(space.path(f"{APPS}/deployments/api"), {"spec": {"paused": True}})


def cordoned(space: Space) -> None:
    way = "/api/v1/nodes/node-{space}"
    space.kubernetes.patch(space.path(way), {"spec": {"unschedulable": True}})
    key = "node.kubernetes.io/unschedulable"
    space.kubernetes.until(
        lambda: key in [item["key"] for item in space.read(way)["spec"].get("taints", [])], "the controller's taint"
    )


IMAGE = {"container": "app", "image": "reg.io/api:9"}
CASES = [
    Case("scale_workload", f"{APPS}/deployments/api", replicas=5),
    Case("scale_workload", f"{APPS}/statefulsets/api", kind="sts", replicas=0),
    Case("set_image", f"{APPS}/deployments/api", **IMAGE),
    Case("set_image", f"{APPS}/statefulsets/api", kind="sts", **IMAGE),
    Case("set_image", f"{APPS}/daemonsets/api", kind="ds", **IMAGE),
    Case("roll_back", f"{APPS}/deployments/api", renewed, revision=1),
    Case("roll_back", f"{APPS}/deployments/api", renewed),
    Case("pause_rollout", f"{APPS}/deployments/api"),
    Case("resume_rollout", f"{APPS}/deployments/api", paused),
    Case("cordon_node", "/api/v1/nodes/node-{space}", node="node-{space}"),
    Case("uncordon_node", "/api/v1/nodes/node-{space}", cordoned, node="node-{space}"),
]


@pytest.fixture
def space(tmp_path: Path, kubernetes: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Space]:
    own = tmp_path / "own"
    own.mkdir()
    never_verified(own, *{case.name for case in CASES})
    config, name = str(kubernetes.kubeconfig()), kubernetes.namespace()
    monkeypatch.setenv("KUBECONFIG", config)
    world = World(
        tmp_path, gate=f'[gate]\noperations = "{own}"\n',
        cluster=f'[environments.cluster]\nkind = "kubernetes"\ntarget = "k8s://test/{name}"\nprotection = "dev"\n',
    )  # fmt: skip
    world.environment["KUBECONFIG"] = config
    yield Space(world, kubernetes)
    world.stop()


def compared(obj: dict[str, Any]) -> dict[str, Any]:
    """The object without what others write."""
    obj = json.loads(json.dumps(obj))
    for way in WRITTEN_BY_OTHERS:
        _drop(obj, way)
    return obj


def _drop(part: Any, way: tuple[str, ...]) -> None:
    if isinstance(part, list):
        for item in part:
            _drop(item, way[1:])
    elif isinstance(part, dict) and len(way) == 1:
        part.pop(way[0], None)
    elif isinstance(part, dict) and way[0] in part:
        _drop(part[way[0]], way[1:])


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_taken_back_it_is_as_it_was(space: Space, case: Case) -> None:
    kubernetes, world = space.kubernetes, space.world
    space.create(case.kind)
    for prepare in case.before:
        prepare(space)
    kubernetes.settled(space.space)
    before = space.read(case.path)
    parameters = {} if "node" in case.parameters else {"workload": "api"}
    parameters |= {key: space.path(value) if isinstance(value, str) else value for key, value in case.parameters.items()}
    plan = world.plan(f"{case.name}_undone", environment="cluster", **parameters)
    assert all(step.undo and step.restores for step in plan.steps)
    proposal = world.propose(plan)
    world.approve(proposal)
    status, lines = world.execute(proposal.id)
    assert (status, result(lines)["state"]) == (1, "undone"), json.dumps(result(lines), indent=1)
    assert "the state before was proven equal" in result(lines)["text"]
    states = [line["state"] for line in lines if line["event"] == "step"]
    assert states == ["started", "done", "undone"]
    after = space.read(case.path)
    assert int(after["metadata"]["resourceVersion"]) > int(before["metadata"]["resourceVersion"]), "it was changed in between"
    if case.kind == "nodes":  # the taint follows a moment later
        kubernetes.until(lambda: compared(space.read(case.path)) == compared(before), "the controller's taint is as before")
        after = space.read(case.path)
    assert compared(after) == compared(before)


def test_every_shipped_operation_is_proven_or_says_what_is_lost(space: Space) -> None:
    shipped = {name for name, item in operations().items() if "kubernetes" in item.kinds}
    assert {case.name for case in CASES} | LOST.keys() == shipped
    space.create("nodes")
    space.create("deployments")
    pod = space.kubernetes.pods(space.space)[0]["metadata"]["name"]
    for name, words in LOST.items():
        parameters = {"node": f"node-{space.space}"} if name == "drain_node" else {"workload": "api"}
        parameters |= {"pod": pod} if name == "replace_pod" else {}
        plan = space.world.plan(name, environment="cluster", **parameters)
        assert words in " ".join(step.lost for step in plan.steps), name
