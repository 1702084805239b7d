"""Trouble that somebody makes on purpose: chaos experiments that are running."""

from collections.abc import Iterator

from mcp_server.cluster.cause import CALLS, DOWN, Cause, CauseType
from mcp_server.cluster.objects import (
    Object,
    at,
    key_of,
    kind_of,
    labels,
    mapping,
    moment,
    name_of,
    parts,
    space_of,
    texts,
    words,
)
from mcp_server.cluster.world import Cluster, template_labels

ACTIVE = CauseType(
    code="chaos_experiment",
    text="a chaos experiment is running: {what}",
    confirm="ask who started it; pause or delete the experiment and see whether the trouble ends",
    meaning="The fault is made on purpose, and goes with the experiment.",
    explains=(
        *DOWN, *CALLS, "crash_loop", "probe_timing", "probe_fails", "liveness_kills", "oom_killed", "stuck_terminating",
        "command_not_found", "container_not_created", "exits_at_once", "image_pull_failed", "image_not_found",
        "network_policy_blocks_ingress",
    ),
)  # fmt: skip

_GROUPS = ("chaos-mesh.org/", "litmuschaos.io/", "chaosblade.io/")


def find(cluster: Cluster) -> Iterator[Cause]:
    """Objects of the known chaos engines that are not over."""
    for obj in cluster.objects:
        if (
            words(obj, "apiVersion").startswith(_GROUPS)
            and kind_of(obj) not in ("ChaosResult", "ChaosExperiment", "Schedule")
            and _runs(obj)
        ):
            target = mapping(obj, "spec.selector")
            chosen = labels(target, "labelSelectors")
            pods = _named(cluster, target)
            spaces = texts(target, "namespaces") or [space_of(obj)]
            makers = [
                maker for space in (() if pods and not chosen else spaces) for maker in cluster.makers_in(space)
                if all(template_labels(maker).get(key) == value for key, value in chosen.items())
            ]  # fmt: skip
            makers += [maker for pod in pods if (maker := cluster.get(*cluster.root(pod))) is not None]
            told = [
                kind_of(obj),
                words(obj, "spec.action"),
                ", ".join(f"{key}={value}" for key, value in chosen.items())
                or ", ".join(map(name_of, pods))
                or ", ".join(spaces),
            ]
            hurt = [*makers, *pods, *(pod for maker in makers for pod in cluster.pods_of(key_of(maker)))]
            hurt += [service for maker in makers for service in cluster.services_of(maker)]
            yield ACTIVE.on(
                obj, "spec", "high", what=" ".join(part for part in told if part), at=moment(obj, "metadata.creationTimestamp"),
                touches=map(key_of, hurt),
            )  # fmt: skip


def _named(cluster: Cluster, target: Object) -> list[Object]:
    """Pods that a selector names one by one."""
    return [
        pod for space, names in mapping(target, "pods").items() if isinstance(names, list)
        for name in names if (pod := cluster.get("Pod", str(space), str(name))) is not None
    ]  # fmt: skip


def _runs(obj: Object) -> bool:
    states = {words(item, "type"): words(item, "status") for item in parts(obj, "status.conditions")}
    if states.get("AllRecovered") == "True" or states.get("Paused") == "True":
        return False
    return words(obj, "status.engineStatus") not in ("completed", "stopped") and at(obj, "spec.engineState") != "stop"
