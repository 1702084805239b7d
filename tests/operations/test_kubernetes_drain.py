"""A node drained on a real API server: nodes are objects, a thread does what kubelets would, all else is the real thing."""

import json
import signal
import threading
import urllib.error
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.clock import now
from mcp_server.core.environment import Environment
from mcp_server.core.errors import BadInput, NotApplicable
from mcp_server.core.plan import Plan, Proposal
from mcp_server.core.writer import Doing, WriteFailed
from mcp_server.engine.gate_store import Gate
from mcp_server.engine.session import Session
from mcp_server.engine.signing import read_signed, text_of
from tests.cluster.manifests import NODE_STATUS, container, deployment, meta, node, service
from tests.gate_world import ROOT, World, result
from tests.keys import Keys
from tests.kubernetes_cluster import VIEWER, Cluster
from tests.real_parts import need

SHIPPED = ROOT / "mcp_server" / "operations" / "drain_node.yaml"
READY = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}


class Kubelets:
    """Of every node: they end the pods that are to end, and say of those in `well` namespaces that they are ready."""

    def __init__(self, cluster: Cluster, space: str) -> None:
        self.cluster, self.space, self.well = cluster, space, True
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while not self._over.wait(0.05):
            with suppress(urllib.error.URLError, ConnectionError, TimeoutError):  # it has gone meanwhile
                for pod in self.cluster.pods(self.space):
                    name, status = pod["metadata"]["name"], pod["status"]
                    path = f"/api/v1/namespaces/{self.space}/pods/{name}"
                    if pod["metadata"].get("deletionTimestamp"):
                        self.cluster.call("DELETE", path, {"gracePeriodSeconds": 0})
                    elif self.well and pod["spec"].get("nodeName") and status["phase"] == "Pending":
                        self.cluster.patch_status(self.space, name, READY)

    def stop(self) -> None:
        self._over.set()
        self._thread.join(20)


class Cosmos(World):
    """A gate, a namespace with a Deployment `api` of two pods on one node, another node, and keys of three people."""

    def __init__(self, folder: Path, kubernetes: Cluster) -> None:
        need("ssh-keygen")
        self.kubernetes, self.space = kubernetes, kubernetes.namespace()
        self.keys = Keys(folder / "keys")
        for name in ("alice", "bob", "cy"):
            self.keys.make(name)
        self.keys.allow("alice", "bob", "cy")
        own = folder / "own"
        own.mkdir()
        quick = SHIPPED.read_text(encoding="utf8").replace('wait_s: "{wait_s}"', "wait_s: 2")
        (own / "quick_drain.yaml").write_text(quick, encoding="utf8")
        places = "".join(
            f'[environments.{name}]\nkind = "kubernetes"\ntarget = "k8s://test/{self.space}"\nprotection = "{name}"\n'
            'approvers = ["alice", "bob", "cy"]\n'
            for name in ("dev", "staging", "production")
        )
        super().__init__(
            folder, gate=f'[gate]\noperations = "{own}"\n', places=places,
            approvals=f'[approvals]\nallowed_signers = "{self.keys.allowed}"\n',
        )  # fmt: skip
        self.full, self.free = (f"{name}-{self.space}" for name in ("full", "free"))
        self.kubelets = Kubelets(kubernetes, self.space)
        self.node(self.full)
        kubernetes.create(deployment("api", {"containers": [container("app", "reg.io/api:1", 80)]}, 2, self.space))
        self.until_ready(2)
        self.node(self.free)

    def stop(self) -> None:
        self.kubelets.stop()
        super().stop()

    def node(self, name: str) -> None:
        self.kubernetes.create(node(name))
        self.kubernetes.patch(f"/api/v1/nodes/{name}/status", {"status": NODE_STATUS})
        self.kubernetes.until(lambda: not self.taints(name), "the node may be used")

    def taints(self, name: str) -> Any:
        return self.kubernetes.call("GET", f"/api/v1/nodes/{name}")["spec"].get("taints")

    def cordoned(self) -> bool:
        return bool(self.kubernetes.call("GET", f"/api/v1/nodes/{self.full}")["spec"].get("unschedulable"))

    def on(self, name: str) -> dict[str, str]:
        """Name to uid of the pods there."""
        return {
            pod["metadata"]["name"]: pod["metadata"]["uid"]
            for pod in self.kubernetes.pods(self.space) if pod["spec"].get("nodeName") == name
        }  # fmt: skip

    def until_ready(self, count: int, selector: str = "app=api") -> None:
        def ready() -> bool:
            pods = self.kubernetes.pods(self.space, selector)
            return sum(pod["status"].get("conditions", [{}])[0].get("status") == "True" for pod in pods) == count

        self.kubernetes.until(ready, f"{count} ready pods")

    def budget(self, **rule: Any) -> None:
        spec = {"selector": {"matchLabels": {"app": "api"}}} | rule
        self.kubernetes.create({"kind": "PodDisruptionBudget", "metadata": meta("guard", self.space), "spec": spec})
        path = f"/apis/policy/v1beta1/namespaces/{self.space}/poddisruptionbudgets/guard"
        counted = lambda: self.kubernetes.call("GET", path)["status"].get("expectedPods") == 2  # noqa: E731
        self.kubernetes.until(counted, "the budget counts the pods")

    def drain(self, operation: str = "drain_node", environment: str = "dev", **more: Any) -> Plan:
        return self.plan(operation, environment=environment, node=self.full, told="#ops", **more)

    def sign(self, proposal: Proposal, plan: Plan, *names: str) -> None:
        """The approval of each, as approve.py records what ssh-keygen signed."""
        expires = now() + timedelta(minutes=9)
        text = text_of(proposal.id, plan, expires)
        gate = Gate(self.settings, write=True)
        try:
            for name in names:
                document = text + self.keys.sign(name, text.encode()).decode()
                gate.approve(read_signed(self.settings, proposal.id, plan, document, now()))
        finally:
            gate.close()

    def approved_drain(self, operation: str = "drain_node", **more: Any) -> str:
        plan = self.drain(operation, **more)
        assert plan.passed, plan.gates
        proposal = self.propose(plan)
        self.sign(proposal, plan, "alice", "bob")
        return proposal.id

    def taken_back(self, execution: str) -> tuple[int, Any]:
        plan = self.plan("take_back", environment="dev", execution=execution)
        assert [step.step.verb for step in plan.steps] == ["uncordon_node"]
        proposal = self.propose(plan)
        self.approve(proposal, approver="alice")
        status, lines = self.execute(proposal.id)
        return status, result(lines)


@pytest.fixture
def world(tmp_path: Path, kubernetes: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cosmos]:
    config = str(kubernetes.kubeconfig())
    monkeypatch.setenv("KUBECONFIG", config)
    made = Cosmos(tmp_path, kubernetes)
    made.environment["KUBECONFIG"] = config
    yield made
    made.stop()


def test_two_different_people_must_sign_in_every_environment(world: Cosmos) -> None:
    for environment in ("dev", "staging", "production"):
        plan = world.drain(environment=environment)
        assert plan.requirement.level == 4
        assert any("two different approvers" in reason for reason in plan.requirement.reasons)
    plan = world.drain()
    proposal = world.propose(plan)
    world.approve(proposal, approver="alice")
    world.approve(proposal, approver="bob")
    text = result(world.execute(proposal.id)[1])["text"]
    assert "needed: signatures of two different approvers; given: terminal by alice, terminal by bob; missing: two" in text
    world.sign(proposal, plan, "cy")
    world.sign(proposal, plan, "cy")
    status, lines = world.execute(proposal.id)
    assert (status, result(lines)["state"]) == (3, "refused")
    assert "missing: a signature by somebody other than cy (alice, bob)" in result(lines)["text"]
    assert not world.cordoned()
    assert len(world.on(world.full)) == 2


def test_a_node_is_drained_within_its_budgets_and_what_stays_stays(world: Cosmos) -> None:
    kubernetes, space = world.kubernetes, world.space
    world.budget(maxUnavailable=1)
    kubernetes.create(service("api", 80, 80, space))
    uid = kubernetes.call("GET", f"/api/v1/nodes/{world.full}")["metadata"]["uid"]
    pod = {"containers": [container("app", "reg.io/agent:1", 80)], "nodeName": world.full}
    owner = {"apiVersion": "v1", "kind": "Node", "name": world.full, "uid": uid, "controller": True}
    static = meta("static", space) | {"annotations": {"kubernetes.io/config.mirror": "1"}, "ownerReferences": [owner]}
    kubernetes.create({"kind": "Pod", "metadata": static, "spec": pod})
    kubernetes.create({"kind": "Pod", "metadata": meta("alone", space), "spec": pod})
    labels = {"matchLabels": {"app": "agent"}}
    template = {"metadata": {"labels": {"app": "agent"}}, "spec": {"containers": pod["containers"]}}
    kubernetes.create(
        {"kind": "DaemonSet", "metadata": meta("agent", space), "spec": {"selector": labels, "template": template}}
    )
    world.until_ready(2, "app=agent")
    before = world.on(world.full)
    left = {name: uid for name, uid in before.items() if name.startswith(("static", "agent"))}
    assert (len(before), len(left)) == (5, 2)

    with pytest.raises(NotApplicable, match=rf"{space}/alone \(no controller makes it anew\).*accept_loss_of={space}/alone"):
        world.drain()
    plan = world.drain(accept_loss_of=f"{space}/alone")
    said = "\n".join(item.told(str) for step in plan.steps for item in step.record)
    for words in (
        f"lost for good, as accepted: pod {space}/alone: no controller", "has 2 pods that move: api-",
        "ready on other nodes: 0 (none); nobody does its work until", f"budget {space}/guard (maxUnavailable 1) counts 2",
        f"service {space}/api: 2 of the pods behind it move; ready ones on other nodes: 0",
        f"left on node {world.full}: 1 of DaemonSets, 1 static",
    ):  # fmt: skip
        assert words in said, said
    assert plan.steps[0].undo_said and plan.steps[0].undo_said.told(str).startswith("uncordon node")
    assert "does not bring these back" in plan.steps[1].lost
    name, lines = world.approved_drain(accept_loss_of=f"{space}/alone"), []
    world.kubelets.well = False
    with world.launch(name) as child:
        assert child.stdout
        for line in child.stdout:
            lines.append(json.loads(line))
            world.kubelets.well |= "waiting with" in line  # what was made anew becomes ready: the budget gives way
    assert (child.returncode, result(lines)["state"]) == (0, "done"), lines
    assert world.cordoned()
    assert world.on(world.full) == left
    assert len([name for name in world.on(world.free) if name.startswith("api")]) == 2
    told = [line["text"] for line in lines if line["event"] == "progress"]
    assert [text for text in told if text.startswith("evicting")] == [
        f"evicting {space}/{name}" for name in sorted(before.keys() - left.keys())
    ]
    assert [text for text in told if text.startswith("waiting with") and "disruption budget guard" in text], told

    with pytest.raises(AssertionError, match="there is nothing to do"):
        world.approved_drain()
    status, end = world.taken_back(result(lines)["execution"])
    assert (status, world.cordoned()) == (0, False), end


def test_data_and_rules_that_forbid_it_are_told_at_planning(world: Cosmos) -> None:
    space = world.space
    scratch = {"containers": [container("app", "x:1", 80)], "volumes": [{"name": "scratch", "emptyDir": {}}]}
    world.kubernetes.patch(f"/api/v1/nodes/{world.free}", {"spec": {"unschedulable": True}})
    world.kubernetes.create(deployment("cache", scratch, 1, space))
    world.until_ready(1, "app=cache")
    with pytest.raises(NotApplicable, match=rf"{space}/cache-\S+ \(emptyDir scratch\).*accept_loss_of={space}/cache"):
        world.drain()
    with pytest.raises(BadInput, match="`accept_loss_of` holds `cache`; it should be NAMESPACE/NAME"):
        world.drain(accept_loss_of="cache")
    assert world.drain(accept_loss_of=f"{space}/cache").passed
    world.kubernetes.create(deployment("grafana", {"containers": scratch["containers"]}, 1, space))
    world.until_ready(1, "app=grafana")
    with pytest.raises(BadInput, match="`service:grafana` is protected: a part of the monitoring"):
        world.drain(accept_loss_of=f"{space}/cache")
    world.kubernetes.call("DELETE", f"/apis/apps/v1/namespaces/{space}/deployments/grafana")
    world.kubernetes.until(lambda: not world.kubernetes.pods(space, "app=grafana"), "it is gone")
    world.budget(minAvailable=2)
    plan = world.drain(accept_loss_of=f"{space}/cache")
    assert not plan.passed
    (gate,) = [item for item in plan.gates if not item.passed]
    assert gate.reason.values["finding"] == f"node_drain.budget_never PodDisruptionBudget {space}/guard"
    second = {"selector": {"matchLabels": {"app": "api"}}, "maxUnavailable": 1}
    world.kubernetes.create({"kind": "PodDisruptionBudget", "metadata": meta("more", space), "spec": second})
    with pytest.raises(NotApplicable, match=r"counted by several budgets \(guard, more\)"):
        world.drain(accept_loss_of=f"{space}/cache")


def test_a_budget_that_does_not_give_way_in_time_stops_it_and_says_what_is_left(world: Cosmos) -> None:
    world.budget(minAvailable=1)
    first, second = sorted(world.on(world.full))
    before = world.kubernetes.call("GET", f"/api/v1/nodes/{world.full}")["spec"]
    plan = world.approved_drain("quick_drain")
    world.kubelets.well = False  # what is made anew does not become ready
    status, lines = world.execute(plan)
    end = result(lines)
    assert (status, end["state"]) == (2, "left"), end
    assert "disruption budget guard needs 1 healthy pods" in end["text"]
    assert "1 evicted, 1 left" in end["text"]
    assert f"not evicted, still on the node: {world.space}/{second}" in end["left"]
    assert f"evicted, and made anew elsewhere by their controllers: {world.space}/{first}" in end["left"]
    assert any("does not bring these back" in sentence for sentence in end["left"])
    assert [(line["number"], line["state"]) for line in lines if line["event"] == "step"][-2:] == [(2, "failed"), (1, "undone")]
    assert not world.cordoned(), "what could be taken back is taken back"
    same = lambda: world.kubernetes.call("GET", f"/api/v1/nodes/{world.full}")["spec"] == before  # noqa: E731
    world.kubernetes.until(same, "the node is as before, once its controller has taken its taint away")
    assert second in world.on(world.full)


def test_killed_while_it_waits_the_next_start_names_it_and_the_way_back_is_there(world: Cosmos) -> None:
    world.budget(minAvailable=1)
    plan = world.approved_drain()
    world.kubelets.well = False
    with world.launch(plan) as child:
        assert child.stdout
        next(line for line in child.stdout if "waiting with" in line)
        child.send_signal(signal.SIGKILL)
    (execution,) = world.executions()
    assert (execution.state, execution.step) == ("interrupted", 2)
    session = Session(world.settings, program="test")
    (told,) = [item for item in session.interrupted if plan in item]
    session.close()
    assert f"drain_node of {plan} in dev, cut off at step 2 of 2" in told
    status, lines = world.execute(plan)
    end = result(lines)
    assert (status, end["state"]) == (2, "left"), end
    assert "evict_pods) was begun; whether it was done is open; the last that it noted: waiting with" in end["left"][1]
    assert world.cordoned()
    status, end = world.taken_back(execution.id)
    assert (status, world.cordoned()) == (0, False), end


@pytest.mark.parametrize("how", ["kill switch", "taken back"])
def test_it_stops_between_two_pods_when_it_is_told_to(world: Cosmos, how: str) -> None:
    world.budget(minAvailable=1)
    plan = world.approved_drain()
    world.kubelets.well = False
    stop = Path(world.settings.gate_dir) / "STOP" if how == "kill switch" else world.folder / f"state/plans/{plan}.cancelled"
    with world.launch(plan) as child:
        assert child.stdout
        for line in child.stdout:
            last = line
            if "waiting with" in line:
                stop.touch()
    assert child.returncode == 2
    assert ("changes are switched off by the file" if how == "kill switch" else "it was taken back") in last
    assert len(world.on(world.full)) == 1
    # with the kill switch nothing at all is written any more, not even the way back
    assert world.cordoned() == (how == "kill switch")


def test_without_the_right_to_evict_nothing_is_evicted(world: Cosmos, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from mcp_server.targets.writers.kubernetes import VERBS

    kubernetes, name = world.kubernetes, f"looks-{world.space}"
    group = "rbac.authorization.k8s.io"
    kubernetes.create({
        "apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": name},
        "rules": [
            {"apiGroups": [""], "resources": ["nodes", "pods", "services"], "verbs": ["get", "list"]},
            {"apiGroups": ["policy"], "resources": ["poddisruptionbudgets"], "verbs": ["list"]},
            {"apiGroups": [""], "resources": ["nodes"], "verbs": ["patch"]},
        ],
    })  # fmt: skip
    kubernetes.create({
        "kind": "ClusterRoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "User", "name": "viewer", "apiGroup": group}],
    })  # fmt: skip
    plan = world.approved_drain()
    world.environment["KUBECONFIG"] = str(kubernetes.kubeconfig(VIEWER))
    status, lines = world.execute(plan)
    assert (status, result(lines)["state"]) == (1, "undone"), result(lines)
    assert "nothing was evicted; taken back, and the state before was proven equal" in result(lines)["text"]
    assert not world.cordoned()
    found = kubernetes.call("GET", f"/api/v1/nodes/{world.full}")
    pods = {f"{world.space}/{key}": uid for key, uid in world.on(world.full).items()}
    doing = Doing(
        Environment(name="dev", kind="kubernetes", target=f"k8s://test/{world.space}"), tmp_path,
        {"uid": found["metadata"]["uid"], "pods": pods},
    )  # fmt: skip
    arguments = {"node": world.full, "wait_s": 2}
    with pytest.raises(WriteFailed, match="is not cordoned") as caught:
        VERBS["evict_pods"](arguments, doing)
    assert caught.value.sure
    kubernetes.patch(f"/api/v1/nodes/{world.full}", {"spec": {"unschedulable": True}})
    monkeypatch.setenv("KUBECONFIG", str(kubernetes.kubeconfig(VIEWER)))
    with pytest.raises(WriteFailed, match=r"would not evict .* \(403: .*pods/eviction.*nothing was evicted") as caught:
        VERBS["evict_pods"](arguments, doing)
    assert caught.value.sure
    monkeypatch.setenv("KUBECONFIG", str(kubernetes.kubeconfig()))
    other = Doing(doing.environment, tmp_path, {"uid": found["metadata"]["uid"], "pods": dict.fromkeys(pods, "another")})
    assert VERBS["evict_pods"](arguments, other).startswith("0 pods"), "a pod made anew under a name is another pod"
    assert len(world.on(world.full)) == 2
