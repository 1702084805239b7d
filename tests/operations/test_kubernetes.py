"""Acts on a cluster, on a real API server: planned, approved, carried out by the executor, taken back, and proven equal."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_server.core.environment import Environment
from mcp_server.core.errors import BadInput, NotApplicable
from mcp_server.core.writer import Doing, WriteFailed
from tests.cluster.manifests import container, deployment, meta
from tests.gate_world import World
from tests.kubernetes_cluster import VIEWER, Cluster

# without a kubelet no pod becomes ready: what is verified here is what the workload wants
OWN = {
    "quick_scale": (
        "scale_workload",
        'workload: "{workload}", replicas: "{replicas}"',
        "replicas: {type: integer, least: 0, most: 50, description: how many}",
    ),
    "quick_image": (
        "set_image",
        'workload: "{workload}", container: app, image: "{image}"',
        "image: {type: text, description: which image}",
    ),
    "quick_back": (
        "undo_rollout",
        'workload: "{workload}", revision: "{revision}"',
        "revision: {type: integer, least: 1, most: 99, optional: true, description: which}",
    ),
    "quick_restart": ("restart_rollout", 'workload: "{workload}"', ""),
    "quick_pause": ("pause_rollout", 'workload: "{workload}"', ""),
    "quick_delete": ("delete_pod", 'pod: "{pod}"', "pod: {type: name, description: which pod}"),
    "quick_cordon": ("cordon_node", 'node: "{node}"', "node: {type: name, description: which node}"),
}


def _operation(verb: str, arguments: str, parameter: str) -> str:
    lossy = "gates: {rollback: {accept_loss: as the test wants it}}\n" if verb in ("restart_rollout", "delete_pod") else ""
    more = f"  {parameter}\n" if parameter else ""
    return (
        f"summary: {verb} in a test\nrisk: low\nparameters:\n  workload: "
        f"{{type: name, description: which workload}}\n{more}{lossy}"
        f"kinds:\n  kubernetes:\n    steps: [{{verb: {verb}, arguments: {{{arguments}}}}}]\n"
        f'    verify: {{diagnostic: rollout_status, arguments: {{workload: "{{workload}}"}}, expect: finding, '
        "deadline_s: 3}\n"
    )


@pytest.fixture
def world(tmp_path: Path, kubernetes: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A gate whose environment `cluster` is a namespace with a Deployment `api`, and the namespace."""
    space = kubernetes.namespace()
    own = tmp_path / "own"
    own.mkdir()
    for name, (verb, arguments, parameter) in OWN.items():
        (own / f"{name}.yaml").write_text(_operation(verb, arguments, parameter), encoding="utf8")
    made = World(
        tmp_path, gate=f'[gate]\noperations = "{own}"\n',
        cluster=f'[environments.cluster]\nkind = "kubernetes"\ntarget = "k8s://test/{space}"\nprotection = "dev"\n',
    )  # fmt: skip
    config = str(kubernetes.kubeconfig())
    monkeypatch.setenv("KUBECONFIG", config)
    made.environment["KUBECONFIG"] = config
    kubernetes.create(deployment("api", {"containers": [container("app", "reg.io/api:1", 80)]}, 2, space))
    kubernetes.until(lambda: len(kubernetes.pods(space)) == 2, "two pods")
    made.space, made.kubernetes = space, kubernetes  # type: ignore[attr-defined]
    yield made
    made.stop()


def do(world: Any, operation: str, **parameters: Any) -> tuple[int, list[dict[str, Any]]]:
    parameters = {"workload": "api"} | parameters
    world.kubernetes.settled(world.space)
    proposal = world.propose(world.plan(operation, environment="cluster", **parameters))
    world.approve(proposal)
    done: tuple[int, list[dict[str, Any]]] = world.execute(proposal.id)
    return done


def spec(cluster: Cluster, space: str) -> dict[str, Any]:
    found: dict[str, Any] = cluster.call("GET", f"/apis/apps/v1/namespaces/{space}/deployments/api")["spec"]
    return found


def test_scaled_and_the_image_changed(world: Any, kubernetes: Cluster) -> None:
    status, lines = do(world, "quick_scale", replicas=4)
    assert status == 0, lines
    assert spec(kubernetes, world.space)["replicas"] == 4
    status, lines = do(world, "quick_image", image="reg.io/api:2")
    assert status == 0, lines
    assert spec(kubernetes, world.space)["template"]["spec"]["containers"][0]["image"] == "reg.io/api:2"


def test_rolled_back_to_the_revision_before(world: Any, kubernetes: Cluster) -> None:
    do(world, "quick_image", image="reg.io/api:2")
    status, lines = do(world, "quick_back", revision=1)
    assert status == 0, lines
    assert spec(kubernetes, world.space)["template"]["spec"]["containers"][0]["image"] == "reg.io/api:1"
    with pytest.raises(NotApplicable, match="is not kept"):
        world.plan("quick_back", environment="cluster", workload="api", revision=9)


def test_restart_pause_and_cordon(world: Any, kubernetes: Cluster) -> None:
    status, lines = do(world, "quick_restart")
    assert status == 0, lines
    notes = spec(kubernetes, world.space)["template"]["metadata"]["annotations"]
    assert "kubectl.kubernetes.io/restartedAt" in notes
    status, lines = do(world, "quick_pause")
    assert status == 0, lines
    assert spec(kubernetes, world.space)["paused"] is True
    name = f"node-{world.space}"
    kubernetes.create({"apiVersion": "v1", "kind": "Node", "metadata": meta(name, None)})
    status, lines = do(world, "quick_cordon", node=name)
    assert status == 0, lines
    assert kubernetes.call("GET", f"/api/v1/nodes/{name}")["spec"]["unschedulable"] is True


def test_one_pod_is_replaced_and_a_pod_of_nobody_is_left_alone(world: Any, kubernetes: Cluster) -> None:
    pod = kubernetes.pods(world.space)[0]["metadata"]["name"]
    status, lines = do(world, "quick_delete", pod=pod)
    assert status == 0, lines
    kubernetes.until(
        lambda: len([item for item in kubernetes.pods(world.space) if item["metadata"]["name"] != pod]) == 2, "another pod"
    )
    alone = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta("alone", world.space),
        "spec": {"containers": [container("app", "x:1", 80)]},
    }
    kubernetes.create(alone)
    with pytest.raises(NotApplicable, match="no controller"):
        world.plan("quick_delete", environment="cluster", workload="api", pod="alone")


def test_a_world_that_moved_is_not_acted_on(world: Any, kubernetes: Cluster) -> None:
    kubernetes.settled(world.space)
    proposal = world.propose(world.plan("quick_scale", environment="cluster", workload="api", replicas=4))
    world.approve(proposal)
    kubernetes.patch(f"/apis/apps/v1/namespaces/{world.space}/deployments/api", {"spec": {"replicas": 3}})
    status, lines = world.execute(proposal.id)
    assert status != 0, lines
    assert spec(kubernetes, world.space)["replicas"] == 3


def test_an_object_made_anew_or_a_lack_of_rights_changes_nothing(
    world: Any, kubernetes: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from mcp_server.targets.writers.kubernetes import VERBS

    uid = kubernetes.call("GET", f"/apis/apps/v1/namespaces/{world.space}/deployments/api")["metadata"]["uid"]
    place = Environment(name="cluster", kind="kubernetes", target=f"k8s://test/{world.space}")
    arguments = {"namespace": world.space, "resource": "deployments", "name": "api", "replicas": 7}
    with pytest.raises(WriteFailed, match="another object") as caught:
        VERBS["scale_workload"](arguments, Doing(place, tmp_path, {"uid": "other"}))
    assert caught.value.sure
    monkeypatch.setenv("KUBECONFIG", str(kubernetes.kubeconfig(VIEWER)))
    with pytest.raises(WriteFailed, match="cannot patch") as caught:
        VERBS["scale_workload"](arguments, Doing(place, tmp_path, {"uid": uid}))
    assert caught.value.sure
    assert spec(kubernetes, world.space)["replicas"] == 2


@pytest.mark.parametrize("parameters", [{"workload": "../x"}, {"workload": "-x"}, {"workload": "api", "image": "x; rm"}])
def test_names_that_are_none_are_refused(world: Any, parameters: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        world.plan("quick_image", environment="cluster", **({"image": "reg.io/api:2"} | parameters))
