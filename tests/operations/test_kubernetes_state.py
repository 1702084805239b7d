"""What is read before a verb acts, in moments that a real controller leaves too soon to be met on purpose."""

from types import SimpleNamespace
from typing import Any

import pytest

from mcp_server.core.errors import NotApplicable
from mcp_server.operations.verbs import kubernetes
from mcp_server.operations.verbs.kubernetes_arguments import RevisionArguments
from mcp_server.operations.verbs.kubernetes_state import revertible

UNDO = next(unit for unit in kubernetes.VERBS if unit.name == "undo_rollout")
REVISION = "deployment.kubernetes.io/revision"


class Seen:
    """A Deployment and its ReplicaSets, by the revision that each is noted with."""

    def __init__(self, present: int, **sets: int) -> None:
        spec = {"template": {"spec": {"containers": [{"name": "app", "image": "reg.io/api:1"}]}}}
        meta = {"name": "api", "namespace": "shop", "uid": "u1", "annotations": {REVISION: str(present)}}
        owners = [{"kind": "Deployment", "name": "api", "uid": "u1", "controller": True}]
        self.things = {
            "deployments": [{"kind": "Deployment", "metadata": meta, "spec": spec}],
            "replicasets": [
                {
                    "kind": "ReplicaSet", "spec": spec,
                    "metadata": {"name": name, "ownerReferences": owners, "annotations": {REVISION: str(number)}},
                }
                for name, number in sets.items()
            ],
        }  # fmt: skip

    def look(self, call: Any) -> Any:
        return SimpleNamespace(value=SimpleNamespace(items=self.things[call.resource], missing=()), evidence="E1")


def asked(revision: int | None = None) -> RevisionArguments:
    return RevisionArguments(resource="deployments", namespace="shop", name="api", revision=revision)


def test_the_revision_before_the_present_is_found() -> None:
    seen: Any = Seen(2, old=1, new=2)
    was = revertible(seen, asked(), None)  # type: ignore[arg-type]
    assert (was.state["goes_to"], was.state["replicaset"]) == ("old", "new")
    assert UNDO.after(asked(), was) == {"replicaset": "old"}


@pytest.mark.parametrize(("present", "revision"), [(3, None), (4, 2)])
def test_while_revisions_are_numbered_anew_the_state_is_read_and_no_plan_is_made(present: int, revision: int | None) -> None:
    """Taken back: the ReplicaSet has its new number 4 already, the Deployment says 3 for a moment yet."""
    seen: Any = Seen(present, old=3, new=4)
    was = revertible(seen, asked(revision), None)  # type: ignore[arg-type]
    assert was.state["images"] == {"app": "reg.io/api:1"}
    with pytest.raises(NotApplicable, match="numbers the revisions anew just now"):
        UNDO.after(asked(revision), was)


@pytest.mark.parametrize(("sets", "revision"), [({"new": 1}, None), ({}, None), ({"old": 1, "new": 2}, 9)])
def test_where_there_is_none_it_says_which_are_kept(sets: dict[str, int], revision: int | None) -> None:
    seen: Any = Seen(max(sets.values(), default=1), **sets)
    with pytest.raises(NotApplicable, match="there are: "):
        revertible(seen, asked(revision), None)  # type: ignore[arg-type]
